//! This file opens the admin socket: private, never in place of a living one, and removed at the
//! end.
//!
//! It does not know what is said on it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

/// The longest path a Unix socket can have on Linux, in bytes.
const PATH_MAX: usize = 107;
/// How long to wait when no further connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the admin socket of a state directory is.
#[must_use]
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("admin.sock")
}

/// Why the admin socket could not be opened.
#[derive(Debug, Error)]
pub enum SocketError {
    /// The system takes no path of this length.
    #[error(
        "admin socket {path} has a path of more than {PATH_MAX} bytes: choose a shorter state \
         directory"
    )]
    TooLong {
        /// Its path.
        path: PathBuf,
    },
    /// There is something else in its place; it is left alone.
    #[error("{path} is no socket: move it elsewhere to have the admin socket there")]
    NotASocket {
        /// Its path.
        path: PathBuf,
    },
    /// Somebody answers there.
    #[error("admin socket {path} is in use by another daemon")]
    InUse {
        /// Its path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("admin socket {path} cannot be opened")]
    Io {
        /// Its path.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// The open admin socket. Dropping it closes it and removes its file.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    file: SocketFile,
}

impl AdminSocket {
    /// Opens the admin socket in `state_dir`, which must be private to this user. A socket left
    /// by a daemon that is gone is replaced.
    ///
    /// # Errors
    ///
    /// See [`SocketError`].
    pub async fn open(state_dir: &Path) -> Result<Self, SocketError> {
        let path = path_in(state_dir);
        if path.as_os_str().len() > PATH_MAX {
            return Err(SocketError::TooLong { path });
        }
        make_room(&path).await?;
        let io = |source| SocketError::Io { path: path.clone(), source };
        let listener = UnixListener::bind(&path).map_err(io)?;
        let file = SocketFile::of(&path).map_err(io)?;
        // Nobody else can have come in between: they cannot enter the directory.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io)?;
        Ok(Self { listener, file })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

async fn make_room(path: &Path) -> Result<(), SocketError> {
    let io = |source| SocketError::Io { path: path.to_owned(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(io)
        }
        Err(error) => Err(io(error)),
        Ok(_) => Err(SocketError::InUse { path: path.to_owned() }),
    }
}

/// The socket's file, removed when dropped if it is still ours.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            let _ = fs::remove_file(&self.path); // a stale one is replaced by the next daemon
        }
    }
}

/// Whether a peer of user `uid` may look after a daemon of this user.
pub(super) fn is_welcome(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

impl axum::serve::Listener for AdminSocket {
    type Io = UnixStream;
    type Addr = ();

    async fn accept(&mut self) -> (UnixStream, ()) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => match stream.peer_cred() {
                    Ok(peer) if is_welcome(peer.uid()) => return (stream, ()),
                    Ok(peer) => {
                        warn!(uid = peer.uid(), "another user was refused at the admin socket");
                    }
                    Err(error) => {
                        warn!(%error, "a nameless peer was refused at the admin socket");
                    }
                },
                Err(error) => {
                    warn!(%error, "the admin socket takes no connection right now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
