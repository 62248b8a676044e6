//! This file watches a child process to its end and reaps it.
//!
//! It leaves starting it to `spawn`, and what its end means to others.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, waitid};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;

use super::census::has_others;
use super::group::{Group, pid, vanished};
use crate::model::Cause;

/// Time that the rest of a process group gets after its leader has gone, before it is killed.
const SWEEP: Duration = Duration::from_millis(100);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<Exit> for Cause {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Exited(code),
            Exit::Signal(signal) => Self::Signalled(signal),
        }
    }
}

/// A running child: its pipes, and what becomes of it. Dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    /// Process id, also the id of its group.
    pub(crate) pid: u32,
    /// Becomes `Some` the moment the process has ended.
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    /// Becomes `true` when the process is reaped and its group is gone.
    pub(crate) gone: watch::Receiver<bool>,
    group: Arc<Group>,
}

/// The three pipes of a child.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

impl Process {
    /// Takes charge of a child that was just started and leads a group of its own.
    pub(super) fn watch(child: Child, pid: u32) -> Self {
        let group = Arc::new(Group::new(pid));
        let (exited, exit) = watch::channel(None);
        let (buried, gone) = watch::channel(false);
        tokio::spawn(bury(child, Arc::clone(&group), exited, buried));
        Self { pid, exit, gone, group }
    }

    /// Asks the whole group to end.
    pub(crate) fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Ends the whole group.
    pub(crate) fn kill(&self) {
        self.group.signal(Signal::KILL);
    }

    /// Whether the process is suspended (SIGSTOP or a debugger), so that it does nothing at all.
    pub(crate) fn is_suspended(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state =
            stat.rsplit_once(')').and_then(|(_, fields)| fields.trim_start().chars().next());
        matches!(state, Some('T' | 't'))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of `child`, tells it, ends what is left of its group, and reaps it.
async fn bury(
    mut child: Child,
    group: Arc<Group>,
    exited: watch::Sender<Option<Exit>>,
    buried: watch::Sender<bool>,
) {
    if ended(group.id()).await.is_ok()
        && let Some(exit) = peek(group.id())
    {
        exited.send_replace(Some(exit));
        if has_others(group.id()).await {
            group.signal(Signal::TERM);
            tokio::time::sleep(SWEEP).await;
            group.signal(Signal::KILL);
            vanished(group.id()).await;
        }
    }
    let status = child.wait().await;
    group.bury();
    exited.send_if_modified(|exit| {
        let unknown = exit.is_none();
        *exit = exit.or_else(|| status.as_ref().ok().map(|status| from_status(*status)));
        unknown
    });
    buried.send_replace(true);
}

/// Waits until the process has ended, without reaping it.
#[expect(deprecated, reason = "the successor is unsafe; an `OwnedFd` keeps what it asks for")]
async fn ended(id: u32) -> io::Result<()> {
    let id = pid(id).ok_or(io::ErrorKind::InvalidInput)?;
    let watched = AsyncFd::new(pidfd_open(id, PidfdFlags::empty())?)?;
    watched.readable().await.map(drop)
}

/// How the process ended, without reaping it.
fn peek(id: u32) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::Pid(pid(id)?), options).ok()??;
    let code = status.exit_status().map(Exit::Code);
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
}

fn from_status(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}
