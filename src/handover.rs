//! This file takes over listening sockets that a service manager holds for this process and hands
//! to each of its lives, by the protocol of sd_listen_fds(3).
//!
//! It leaves what is served at them to the doors.

use std::env;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use thiserror::Error;

/// The name of the socket of the HTTP door, where several are handed over.
const HTTP: &str = "http";

/// Why sockets that were handed over cannot be used.
#[derive(Debug, Error)]
pub enum HandoverError {
    /// It is of no use to any door.
    #[error(
        "failed to take over socket {number} (`{name}`): only sockets that listen are taken, TCP \
         or Unix streams (with systemd, `ListenStream=` and `Accept=no`)"
    )]
    NoListener {
        /// Which of them, counted from 1.
        number: usize,
        /// Its name.
        name: String,
    },
    /// Anybody could come in there.
    #[error(
        "failed to take over {address}: it is not a loopback address, and no authentication is \
         configured for it"
    )]
    NotLoopback {
        /// Its address.
        address: SocketAddr,
    },
    /// The settings have no door there.
    #[error("failed to take over {place} (`{name}`): no door of the settings is there")]
    Unwanted {
        /// Its address or path.
        place: String,
        /// Its name.
        name: String,
    },
    /// The system refused.
    #[error("failed to take over socket {number}")]
    Io {
        /// Which of them, counted from 1.
        number: usize,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// The sockets that were handed over and are not served yet.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    tcp: Vec<(String, SocketAddr, TcpListener)>,
    unix: Vec<(String, PathBuf, UnixListener)>,
}

impl Handed {
    /// What was handed over to this process, once. Its variables are removed, so it must be called
    /// before there is a second thread.
    ///
    /// # Errors
    ///
    /// See [`HandoverError`].
    pub(crate) fn take() -> Result<Self, HandoverError> {
        let ours = env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
        if !ours {
            return Ok(Self::default());
        }
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').map(str::to_owned);
        let mut found = ListenFd::from_env();
        let mut handed = Self::default();
        for index in 0..found.len() {
            let name = names.next().unwrap_or_default();
            handed.sort(&mut found, index, name)?;
        }
        Ok(handed)
    }

    /// Puts one of what was found where it belongs.
    fn sort(
        &mut self,
        found: &mut ListenFd,
        index: usize,
        name: String,
    ) -> Result<(), HandoverError> {
        let number = index + 1;
        let io = |source| HandoverError::Io { number, source };
        if let Ok(Some(listener)) = found.take_tcp_listener(index) {
            let address = listener.local_addr().map_err(io)?;
            listener.set_nonblocking(true).map_err(io)?;
            if !socket_acceptconn(&listener).unwrap_or(false) {
                return Err(HandoverError::NoListener { number, name });
            }
            if !address.ip().to_canonical().is_loopback() {
                return Err(HandoverError::NotLoopback { address });
            }
            self.tcp.push((name, address, listener));
            return Ok(());
        }
        let listener = match found.take_unix_listener(index) {
            Ok(Some(listener)) if socket_acceptconn(&listener).unwrap_or(false) => listener,
            Ok(_) | Err(_) => return Err(HandoverError::NoListener { number, name }),
        };
        listener.set_nonblocking(true).map_err(io)?;
        match listener.local_addr().map_err(io)?.as_pathname() {
            Some(path) => self.unix.push((name, path.to_owned(), listener)),
            None => return Err(HandoverError::NoListener { number, name }),
        }
        Ok(())
    }

    /// The socket for the HTTP door: the one of that name, or else the only one over TCP.
    pub(crate) fn http(&mut self) -> Option<(TcpListener, SocketAddr)> {
        let named = self.tcp.iter().position(|(name, ..)| name == HTTP);
        let index = named.or((self.tcp.len() == 1).then_some(0))?;
        let (_, address, listener) = self.tcp.swap_remove(index);
        Some((listener, address))
    }

    /// The socket at `path`.
    pub(crate) fn unix(&mut self, path: &Path) -> Option<UnixListener> {
        let index = self.unix.iter().position(|(_, at, _)| at == path || is_same(at, path))?;
        Some(self.unix.swap_remove(index).2)
    }

    /// That all of them are served: whoever came to another one would wait for ever.
    ///
    /// # Errors
    ///
    /// If one is left.
    pub(crate) fn all_served(&self) -> Result<(), HandoverError> {
        let tcp = self.tcp.iter().map(|(name, address, _)| (name, address.to_string()));
        let unix = self.unix.iter().map(|(name, path, _)| (name, path.display().to_string()));
        match tcp.chain(unix).next() {
            Some((name, place)) => Err(HandoverError::Unwanted { place, name: name.clone() }),
            None => Ok(()),
        }
    }
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    file(one).is_some_and(|one| file(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(name: &str) -> (String, SocketAddr, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (name.to_owned(), listener.local_addr().unwrap(), listener)
    }

    #[test]
    fn the_http_door_gets_the_socket_of_its_name_or_the_only_one() {
        for (names, expected) in [
            (&["http", "x"][..], Some(0)),
            (&["x", "http"], Some(1)),
            (&["x"], Some(0)),
            (&["x", "y"], None),
            (&[], None),
        ] {
            let tcp: Vec<_> = names.iter().map(|name| tcp(name)).collect();
            let addresses: Vec<SocketAddr> = tcp.iter().map(|(_, address, _)| *address).collect();
            let mut handed = Handed { tcp, unix: vec![] };
            let found = handed.http().map(|(_, address)| address);
            assert_eq!(found, expected.map(|index: usize| addresses[index]), "{names:?}");
            let left = names.len() - usize::from(found.is_some());
            assert_eq!(handed.all_served().is_ok(), left == 0, "{names:?}");
        }
    }

    #[test]
    fn a_unix_socket_is_found_by_any_path_that_leads_to_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("s.sock");
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        for (asked, expected) in [("s.sock", true), ("link/s.sock", true), ("t.sock", false)] {
            let _ = fs::remove_file(&path);
            let listener = UnixListener::bind(&path).unwrap();
            let unix = vec![("x".to_owned(), path.clone(), listener)];
            let mut handed = Handed { tcp: vec![], unix };
            assert_eq!(handed.unix(&dir.path().join(asked)).is_some(), expected, "{asked}");
            assert_eq!(handed.all_served().is_ok(), expected, "{asked}");
        }
    }

    #[test]
    fn what_is_left_is_named() {
        let handed = Handed { tcp: vec![tcp("spare")], unix: vec![] };
        let error = handed.all_served().unwrap_err().to_string();
        assert!(error.contains("(`spare`)") && error.contains("127.0.0.1:"), "{error}");
    }
}
