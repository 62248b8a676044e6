//! This file looks at the machine: state directory, address, limits, kernel.
//!
//! It changes nothing, and leaves judging to `machine.rs`.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use conductor_config::Config;
use rustix::fs::{Access, access, statfs, statvfs};
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpSocket;

use super::machine::{ListenFacts, MachineFacts, StateFacts, StateFound};

/// What the system gives a conductor with its state in `state_dir` and these settings, if they can
/// be read. `ours` is where the running daemon listens.
pub(crate) fn look_at_machine(
    config: Option<&Config>,
    state_dir: Option<&Path>,
    ours: Option<SocketAddr>,
) -> MachineFacts {
    let servers =
        config.map_or(0, |config| config.servers.values().filter(|spec| spec.enabled).count());
    let connections = config.map_or(0, |config| config.listen.max_connections);
    MachineFacts {
        state: state_dir.map(state),
        listen: config.and_then(|config| config.listen.http).map(|address| listen(address, ours)),
        files: getrlimit(Resource::Nofile).current,
        servers: servers as u64,
        connections: connections as u64,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map(|text| text.trim().to_owned())
            .unwrap_or_default(),
        has_proc: Path::new("/proc/self/stat").exists(),
    }
}

fn state(path: &Path) -> StateFacts {
    let me = rustix::process::geteuid().as_raw();
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => StateFound::Nothing {
            can_be_made: existing(path).is_some_and(|parent| may_write(parent) && parent.is_dir()),
        },
        Ok(found) if found.is_dir() => StateFound::Dir {
            owner: found.uid(),
            mode: found.mode() & 0o7777,
            is_empty: fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()),
            writable: may_write(path),
        },
        _ => StateFound::Other,
    };
    let there = existing(path);
    // Types differ between architectures.
    let file_system = there.and_then(|path| statfs(path).ok());
    let file_system = file_system.map_or(0, |disk| (disk.f_type as u64) & 0xffff_ffff);
    let free = there.and_then(|path| statvfs(path).ok());
    let free = free.map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    StateFacts { path: path.to_owned(), found, file_system, free, me }
}

/// The longest part of `path` that is there.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| path.exists())
}

fn may_write(path: &Path) -> bool {
    access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn listen(address: SocketAddr, ours: Option<SocketAddr>) -> ListenFacts {
    // With port 0 the daemon takes any free one, so that whichever it has is the right one.
    let is_ours = ours
        .is_some_and(|ours| ours == address || (address.port() == 0 && ours.ip() == address.ip()));
    let refused = match bind(address) {
        Ok(()) => None,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Some("another program uses it".to_owned())
        }
        Err(error) => Some(error.to_string()),
    };
    ListenFacts { address, refused, is_ours }
}

/// Takes the address and gives it back, without ever listening there.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?; // as the daemon does
    socket.bind(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_to_be_made_is_judged_by_its_parent() {
        let dir = tempfile::tempdir().unwrap();
        let made = state(&dir.path().join("a/b"));
        assert_eq!(made.found, StateFound::Nothing { can_be_made: true });
        assert!(made.free > 0 && made.file_system > 0);
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(state(&file).found, StateFound::Other);
        let found = state(dir.path()).found;
        assert!(
            matches!(found, StateFound::Dir { writable: true, is_empty: false, .. }),
            "{found:?}"
        );
    }

    #[tokio::test]
    async fn a_taken_address_is_told_unless_it_is_ours() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let found = listen(address, None);
        assert!(found.refused.is_some() && !found.is_ours);
        assert!(listen(address, Some(address)).is_ours);
        drop(taken);
        assert_eq!(listen(address, None).refused, None);
    }
}
