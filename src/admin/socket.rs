//! This file opens the admin socket in the state directory, and turns away whoever is neither this
//! user nor root.
//!
//! It leaves opening a socket safely to `crate::socket`, and what is said on it to the routes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tracing::warn;

use crate::socket::{Modes, Socket, SocketError};

/// How long to wait when no further connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Nobody else is even to knock.
const PRIVATE: Modes = Modes { socket: 0o600, dirs: 0o700, group: None };

/// Where the admin socket of a state directory is.
#[must_use]
pub fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join("admin.sock")
}

/// The open admin socket. Dropping it closes it and removes its file.
#[derive(Debug)]
pub struct AdminSocket(Socket);

impl AdminSocket {
    /// Opens the admin socket in `state_dir`, which must be private to this user. A socket left
    /// by a daemon that is gone is replaced.
    ///
    /// # Errors
    ///
    /// See [`SocketError`].
    pub async fn open(state_dir: &Path) -> Result<Self, SocketError> {
        Socket::open(&path_in(state_dir), &PRIVATE).await.map(Self)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
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
            match self.0.listener.accept().await {
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
