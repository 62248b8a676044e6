//! This file is what tells the end of a child that is not reaped: a pidfd, or a thread that waits.
//!
//! It leaves how the child ended, and reaping it, to `child`.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};
use tokio::io::unix::AsyncFd;

use super::group::pid;

/// Becomes readable when the child has ended.
pub(super) fn end_of(id: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let id = pid(id).ok_or(io::ErrorKind::InvalidInput)?;
    as_async(match pidfd_open(id, PidfdFlags::empty()) {
        Err(Errno::NOSYS) => waited_for(id)?,
        opened => opened?,
    })
}

#[expect(deprecated, reason = "the successor is unsafe; an `OwnedFd` keeps what it asks for")]
fn as_async(end: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(end)
}

/// The same where there are no pidfds, as under gVisor and valgrind: a pipe whose other end a thread
/// closes. It leaves the child for others to reap.
fn waited_for(id: Pid) -> io::Result<OwnedFd> {
    let (end, open) = io::pipe()?;
    let wait = move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(id), options), Err(Errno::INTR)) {}
        drop(open);
    };
    std::thread::Builder::new().name("child-end".to_owned()).spawn(wait)?;
    Ok(end.into())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the nursery would look for the end as well")]
    async fn check(end: impl Fn(u32) -> io::Result<AsyncFd<OwnedFd>>) {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let end = end(child.id()).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        let told = tokio::spawn(async move { end.readable().await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!told.is_finished(), "told before the end");
        drop(child.stdin.take());
        told.await.unwrap().unwrap();
        let status = child.try_wait().unwrap().expect("it has ended and was not reaped");
        assert!(status.success());
    }

    #[tokio::test]
    async fn the_end_is_told_and_the_child_left_to_be_reaped() {
        check(end_of).await;
    }

    #[tokio::test]
    async fn without_pidfds_as_well() {
        check(|id| as_async(waited_for(pid(id).unwrap())?)).await;
    }
}
