//! This file makes the temporary state directory of one `conductor stdio`, and removes those of
//! others of its kind that were killed before they could do so themselves.
//!
//! It does not know what is kept in them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// What the names of these directories begin with.
const PREFIX: &str = "conductor-stdio-";
/// A directory that changed within this time may be one whose lock is just being taken.
const YOUNG: Duration = Duration::from_secs(60);

/// A new private directory among the temporary ones; removed when dropped.
pub(super) fn make() -> io::Result<TempDir> {
    let parent = std::env::temp_dir();
    sweep(&parent, SystemTime::now());
    tempfile::Builder::new().prefix(&format!("{PREFIX}{}-", std::process::id())).tempdir_in(parent)
}

/// Removes every directory of our kind in `parent` that nobody holds the lock of. What cannot be
/// read or removed is left alone: it may be another user's.
fn sweep(parent: &Path, now: SystemTime) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && is_forsaken(&entry.path(), now) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_forsaken(dir: &Path, now: SystemTime) -> bool {
    let Ok(found) = fs::symlink_metadata(dir) else { return false };
    let age = found.modified().ok().and_then(|at| now.duration_since(at).ok());
    let mine = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if !mine || age.is_none_or(|age| age < YOUNG) {
        return false;
    }
    match File::open(dir.join("lock")) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_directories_that_nobody_holds_are_removed() {
        let parent = TempDir::new().unwrap();
        let made = |name: &str| {
            let dir = parent.path().join(name);
            fs::create_dir(&dir).unwrap();
            (dir.clone(), File::create(dir.join("lock")).unwrap())
        };
        let (forsaken, _) = made("conductor-stdio-1-a");
        let (held, lock) = made("conductor-stdio-2-b");
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        let (other, _) = made("something-else");

        sweep(parent.path(), SystemTime::now());
        assert!(forsaken.exists(), "it is young");
        sweep(parent.path(), SystemTime::now() + YOUNG * 2);
        assert!(!forsaken.exists() && held.exists() && other.exists());
    }
}
