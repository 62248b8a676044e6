//! Claims the state directory: creates it, makes it private and locks it for this process.
//! What lies in it is the business of those who put it there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use thiserror::Error;

const LOCK_FILE: &str = "lock";

/// The state directory, locked: proof that no other daemon uses it. The lock is
/// held until the last clone is dropped, or the process ends in any way.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: Arc<Path>,
    _lock: Arc<File>,
}

impl StateDir {
    /// Creates the directory with its parents where missing (all 0700), checks that
    /// it is private to this user, and locks it. Waits for nothing but the disk.
    pub fn claim(path: &Path) -> Result<Self, StateDirError> {
        // Rebuilt from its parts: behind a trailing slash a symbolic link would be followed.
        let path: PathBuf = path.components().collect();
        create(&path)?;
        let dir = open_dir(&path)?;
        ensure_private(&path, &dir)?;
        let lock = lock(&path)?;
        Ok(Self { path: path.into(), _lock: Arc::new(lock) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Why the state directory could not be claimed.
#[derive(Debug, Error)]
pub enum StateDirError {
    /// It does not exist and cannot be made.
    #[error("state directory {path} cannot be created")]
    Create {
        /// The state directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is something else under this name; a link could be turned elsewhere later.
    #[error(
        "state directory {path} is a symbolic link or not a directory: name the directory itself"
    )]
    NotADirectory {
        /// The state directory.
        path: PathBuf,
    },
    /// It belongs to another user, who could read and change what is kept in it.
    #[error("state directory {path} belongs to user {owner}, not to user {expected}")]
    Foreign {
        /// The state directory.
        path: PathBuf,
        /// User id it belongs to.
        owner: u32,
        /// User id of this process.
        expected: u32,
    },
    /// Others can enter it and it holds files that are not ours, so that narrowing
    /// its mode could break something.
    #[error(
        "state directory {path} is open to others (mode {mode:04o}) and not empty: name another \
         one, or run chmod 700 on it"
    )]
    Open {
        /// The state directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another daemon works with it.
    #[error("state directory {path} is in use by {}", holder(*.pid))]
    Locked {
        /// The state directory.
        path: PathBuf,
        /// Process id of the other daemon, if it could be read.
        pid: Option<u32>,
    },
    /// A file operation on it failed.
    #[error("state directory {path} cannot be used")]
    Io {
        /// The directory, or the file in it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn create(path: &Path) -> Result<(), StateDirError> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(()); // what it is, is looked at through the open directory
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StateDirError::Create { path: path.to_owned(), source })
}

fn open_dir(path: &Path) -> Result<File, StateDirError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(Errno::NOTDIR | Errno::LOOP) => {
            Err(StateDirError::NotADirectory { path: path.to_owned() })
        }
        Err(errno) => Err(StateDirError::Io { path: path.to_owned(), source: errno.into() }),
    }
}

/// Narrows an open mode only where nothing of anybody else's can depend on it.
fn ensure_private(path: &Path, dir: &File) -> Result<(), StateDirError> {
    let io = |source| StateDirError::Io { path: path.to_owned(), source };
    let metadata = dir.metadata().map_err(io)?;
    let (owner, expected) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != expected {
        return Err(StateDirError::Foreign { path: path.to_owned(), owner, expected });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o777 == 0o700 {
        return Ok(());
    }
    let ours = fs::symlink_metadata(path.join(LOCK_FILE)).is_ok();
    if mode & 0o077 != 0 && !ours && fs::read_dir(path).map_err(io)?.next().is_some() {
        return Err(StateDirError::Open { path: path.to_owned(), mode });
    }
    dir.set_permissions(PermissionsExt::from_mode(0o700)).map_err(io)
}

fn lock(dir: &Path) -> Result<File, StateDirError> {
    let path = dir.join(LOCK_FILE);
    let io = |source| StateDirError::Io { path: path.clone(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false) // it may be another's, whose number we want to tell
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(io)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            return Err(StateDirError::Locked { path: dir.to_owned(), pid: read_pid(&mut file) });
        }
        Err(errno) => return Err(io(errno.into())),
    }
    file.set_len(0).map_err(io)?;
    file.rewind().map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(file)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
