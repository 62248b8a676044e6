//! This file opens Unix sockets: in directories that it makes, with their mode from the first
//! moment, never in place of anything that lives or is not ours, and removed at the end.
//!
//! It does not know what is said on them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use conductor_config::Group;
use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use thiserror::Error;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// The longest path a Unix socket can have on Linux, in bytes.
const PATH_MAX: usize = 107;
/// Connections that wait to be taken; one more is refused by the system.
const BACKLOG: u32 = 1024;

/// Why a Unix socket could not be opened.
#[derive(Debug, Error)]
pub enum SocketError {
    /// The system takes no path of this length.
    #[error("socket {path} has a path of more than {PATH_MAX} bytes: choose a shorter one")]
    TooLong {
        /// Its path.
        path: PathBuf,
    },
    /// There is something else in its place, or a link; it is left alone.
    #[error("{path} is no socket: move it elsewhere to have a socket there")]
    NotASocket {
        /// Its path.
        path: PathBuf,
    },
    /// Somebody answers there.
    #[error("socket {path} is in use by another program")]
    InUse {
        /// Its path.
        path: PathBuf,
    },
    /// A socket in its place belongs to somebody else.
    #[error("socket {path} was left by user {owner}, not by this one: let them remove it")]
    Foreign {
        /// Its path.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// Anybody could put another socket in its place.
    #[error("directory {dir} lets anybody replace a socket in it: choose another one")]
    Exposed {
        /// The directory.
        dir: PathBuf,
    },
    /// There is no group of that name.
    #[error("socket {path} cannot be given to group {group}: there is no such group")]
    NoGroup {
        /// Its path.
        path: PathBuf,
        /// The group.
        group: Group,
    },
    /// The system does not let this user give the socket to that group.
    #[error("socket {path} cannot be given to group {group}: be a member of it, or choose one")]
    GroupRefused {
        /// Its path.
        path: PathBuf,
        /// The group.
        group: Group,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The system refused.
    #[error("socket {path} cannot be opened")]
    Io {
        /// Its path.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// An open Unix socket. Dropping it closes it and removes its file.
#[derive(Debug)]
pub struct Socket {
    /// Takes connections.
    pub listener: UnixListener,
    /// Its place.
    pub file: SocketFile,
}

/// How a socket and the directories above it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes {
    /// Permission bits of the socket: whoever may write to it may connect.
    pub socket: u32,
    /// Permission bits of directories that are made for it.
    pub dirs: u32,
    /// The group that it and these directories belong to; none means that of this process.
    pub group: Option<Group>,
}

impl Socket {
    /// Opens a socket at `path`. Missing directories are made; a socket of ours at which nobody
    /// answers is replaced. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// See [`SocketError`]; then nothing was changed but directories.
    pub async fn open(path: &Path, modes: &Modes) -> Result<Self, SocketError> {
        let io = |source| SocketError::Io { path: path.to_owned(), source };
        if path.as_os_str().len() > PATH_MAX {
            return Err(SocketError::TooLong { path: path.to_owned() });
        }
        let group = modes.group.as_ref();
        let number = group.map(|group| number(path, group)).transpose()?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new("."));
        make_dirs(dir, modes.dirs, number).map_err(|error| refused(path, group, error))?;
        let mode = fs::metadata(dir).map_err(io)?.permissions().mode();
        if mode & 0o1002 == 0o0002 {
            return Err(SocketError::Exposed { dir: dir.to_owned() });
        }
        make_room(path).await?;
        let socket = UnixSocket::new_stream().map_err(io)?;
        // The file takes its mode from the descriptor, so that it is never more open than it
        // should be, whatever the umask; what the umask takes away is given back afterwards.
        fchmod(&socket, Mode::from_raw_mode(modes.socket & 0o600)).map_err(|no| io(no.into()))?;
        socket.bind(path).map_err(io)?;
        let file = SocketFile::of(path).map_err(io)?;
        // Before anybody of a group may connect, it is the right one.
        lchown(path, None, number).map_err(|error| refused(path, group, error))?;
        let listener = socket.listen(BACKLOG).map_err(io)?;
        fs::set_permissions(path, fs::Permissions::from_mode(modes.socket)).map_err(io)?;
        Ok(Self { listener, file })
    }

    /// A socket at `path` that somebody else has opened, and whose file they keep. It must not
    /// block. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// If the system refuses to watch it.
    pub(crate) fn handed(
        listener: std::os::unix::net::UnixListener,
        path: &Path,
    ) -> Result<Self, SocketError> {
        let io = |source| SocketError::Io { path: path.to_owned(), source };
        let listener = UnixListener::from_std(listener).map_err(io)?;
        Ok(Self { listener, file: SocketFile { path: path.to_owned(), ours: None } })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// The number of a group.
fn number(path: &Path, group: &Group) -> Result<u32, SocketError> {
    let unknown = || SocketError::NoGroup { path: path.to_owned(), group: group.clone() };
    group
        .known_number()
        .or_else(|name| uzers::get_group_by_name(name).map(|found| found.gid()).ok_or_else(unknown))
}

/// That something at `path` could not be had, or could not be given to the group.
fn refused(path: &Path, group: Option<&Group>, source: io::Error) -> SocketError {
    let path = path.to_owned();
    match group {
        Some(group) if source.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            SocketError::GroupRefused { path, group: group.clone(), source }
        }
        Some(_) | None => SocketError::Io { path, source },
    }
}

/// Makes `dir` and what is missing above it, each with this mode and group.
fn make_dirs(dir: &Path, mode: u32, group: Option<u32>) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    if let Some(above) = dir.parent() {
        make_dirs(above, mode, group)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {
            let given = lchown(dir, None, group);
            let given =
                given.and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(mode)));
            // One that is not as it should be would be taken for somebody's own the next time.
            given.inspect_err(|_| drop(fs::remove_dir(dir)))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

async fn make_room(path: &Path) -> Result<(), SocketError> {
    let path = || path.to_owned();
    let io = |source| SocketError::Io { path: path(), source };
    let found = match fs::symlink_metadata(path()) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path() });
    }
    let owner = found.uid();
    match UnixStream::connect(path()).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            if owner != rustix::process::geteuid().as_raw() {
                return Err(SocketError::Foreign { path: path(), owner });
            }
            fs::remove_file(path()).map_err(io)
        }
        // Its queue is full: somebody lives there.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SocketError::InUse { path: path() })
        }
        Err(error) => Err(io(error)),
        Ok(_) => Err(SocketError::InUse { path: path() }),
    }
}

/// The socket's file, removed when dropped if it is still ours.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Its device and number, unless somebody else keeps it.
    ours: Option<(u64, u64)>,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), ours: Some((found.dev(), found.ino())) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| Some((found.dev(), found.ino())) == self.ours;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            let _ = fs::remove_file(&self.path); // a stale one is replaced by the next daemon
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: Modes = Modes { socket: 0o660, dirs: 0o750, group: None };

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[tokio::test]
    async fn m22_directories_are_made_and_socket_and_directories_get_their_modes() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a/b/s.sock");
        let socket = Socket::open(&path, &MODES).await.unwrap();
        assert_eq!(socket.path(), path);
        let modes = ["a/b/s.sock", "a/b", "a"].map(|name| mode(&dir.path().join(name)));
        assert_eq!(modes, [0o660, 0o750, 0o750]);
        drop(socket);
        assert!(!path.exists(), "its file goes with it");
        drop(Socket::open(&path, &MODES).await.unwrap());
    }

    #[tokio::test]
    async fn socket_and_new_directories_belong_to_the_group_that_is_named() {
        let dir = tempfile::TempDir::new().unwrap();
        let root = rustix::process::geteuid().is_root();
        // A group that this process may give: any for root, else its own.
        let number = if root { 54_321 } else { rustix::process::getegid().as_raw() };
        let modes = Modes { group: Group::number(number), ..MODES };
        let socket = Socket::open(&dir.path().join("a/s.sock"), &modes).await.unwrap();
        for name in ["a", "a/s.sock"] {
            let found = fs::symlink_metadata(dir.path().join(name)).unwrap();
            assert_eq!(found.gid(), number, "{name}");
        }
        drop(socket);
        let known = uzers::get_group_by_gid(rustix::process::getegid().as_raw());
        if let Some(known) = known {
            let group = known.name().to_str().unwrap().parse().ok();
            let path = dir.path().join("named.sock");
            let _socket = Socket::open(&path, &Modes { group, ..MODES }).await.unwrap();
            assert_eq!(fs::symlink_metadata(&path).unwrap().gid(), known.gid());
        }
    }

    #[tokio::test]
    async fn a_group_that_does_not_exist_or_may_not_be_given_is_told_and_leaves_nothing() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("new/s.sock");
        let modes = Modes { group: "no-such-group".parse().ok(), ..MODES };
        let error = Socket::open(&path, &modes).await.unwrap_err().to_string();
        assert!(error.ends_with("group no-such-group: there is no such group"), "{error}");
        assert!(!dir.path().join("new").exists());
        if rustix::process::geteuid().is_root() {
            return; // who may give any
        }
        for name in ["new/s.sock", "s.sock"] {
            let path = dir.path().join(name);
            let modes = Modes { group: Group::number(0), ..MODES };
            let error = Socket::open(&path, &modes).await.unwrap_err().to_string();
            assert!(error.contains("be a member of it"), "{error}");
            assert!(!path.exists() && !dir.path().join("new").exists());
        }
    }

    #[tokio::test]
    async fn s40_what_is_in_the_way_and_not_a_stale_socket_of_ours_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "x").unwrap();
        let _living = std::os::unix::net::UnixListener::bind(at("living")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("stale")).unwrap());
        std::os::unix::fs::symlink(at("stale"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("nothing"), at("dangling")).unwrap();
        fs::create_dir(at("open")).unwrap();
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o777)).unwrap();
        let long = "x".repeat(PATH_MAX);
        for (name, expected) in [
            ("file", "is no socket"),
            ("link", "is no socket"),
            ("dangling", "is no socket"),
            ("living", "is in use by another program"),
            ("open/s.sock", "lets anybody replace a socket"),
            ("file/s.sock", "cannot be opened"),
            (&long, "has a path of more than 107 bytes"),
        ] {
            let error = Socket::open(&at(name), &MODES).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        assert_eq!(fs::read(at("file")).unwrap(), b"x");
        assert!(!at("nothing").exists());
        Socket::open(&at("stale"), &MODES).await.unwrap();
    }

    #[tokio::test]
    async fn a_socket_in_a_directory_like_the_temporary_one_is_fine() {
        let dir = tempfile::TempDir::new().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        Socket::open(&dir.path().join("s.sock"), &MODES).await.unwrap();
    }
}
