//! Reads and writes small secret files: all or nothing, and for this user's eyes only.
//! What is in them is not looked at.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use thiserror::Error;

/// Why a private file could not be read.
#[derive(Debug, Error)]
pub enum PrivateFileError {
    /// Others than its owner may read or change it.
    #[error("file {path} is open to others (mode {mode:04o}): run chmod 600 on it")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("file {path} belongs to user {owner}, not to user {expected}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// User id it belongs to.
        owner: u32,
        /// User id of this process.
        expected: u32,
    },
    /// It is a directory, a pipe or larger than such a file can be.
    #[error("file {path} is not a regular file of at most {bytes_max} bytes")]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// Size it may have.
        bytes_max: u64,
    },
    /// The system refused; `NotFound` where there is no such file.
    #[error("file {path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl PrivateFileError {
    /// There is no such file, as opposed to one that cannot be used.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a file that nobody but this user can read, of at most `bytes_max` bytes.
/// A symbolic link is refused. Blocks on the disk.
pub fn read_private(path: &Path, bytes_max: u64) -> Result<Vec<u8>, PrivateFileError> {
    let io = |source| PrivateFileError::Io { path: path.to_owned(), source };
    // Not blocking, or opening a pipe would wait for its writer.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() || metadata.len() > bytes_max {
        return Err(PrivateFileError::Unsuitable { path: path.to_owned(), bytes_max });
    }
    let (owner, expected) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != expected {
        return Err(PrivateFileError::Foreign { path: path.to_owned(), owner, expected });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Open { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Writes a file with mode 0600 so that at any time, even after a power cut, either
/// the old content is there or the new. Blocks on the disk.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::Power)
}

/// The same for what is of no use once the machine has stopped: a crash of this process leaves the
/// old content or the new, a power cut may leave anything. Does not wait for the disk.
pub(crate) fn write_private_until_boot(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, Lasting::Boot)
}

/// What a written file is to outlast.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasting {
    /// The process that wrote it.
    Boot,
    /// The power of the machine.
    Power,
}

fn replace(path: &Path, bytes: &[u8], lasting: Lasting) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".new");
    let temporary = folder.join(temporary);
    match fs::remove_file(&temporary) {
        Ok(()) => {} // left by a crash
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let written = write_new(&temporary, bytes, lasting).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // the first error is the one that counts
    }
    written?;
    if lasting == Lasting::Boot {
        return Ok(());
    }
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8], lasting: Lasting) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    match lasting {
        Lasting::Boot => Ok(()),
        Lasting::Power => file.sync_all(),
    }
}
