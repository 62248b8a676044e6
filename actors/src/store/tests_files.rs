//! The state directory, its lock and private files, on the real file system.
//! Who keeps what in them is tested elsewhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use tempfile::tempdir;

use super::{PrivateFileError, StateDir, StateDirError, read_private, write_private};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_missing_directory_is_created_for_its_owner_only() {
    let temp = tempdir().unwrap();
    let path = temp.path().join("a/b/state");
    let dir = StateDir::claim(&path).unwrap();
    assert_eq!(dir.path(), path);
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("lock")), 0o600);
}

#[test]
fn a_second_claim_is_told_who_holds_the_first() {
    let temp = tempdir().unwrap();
    let first = StateDir::claim(temp.path()).unwrap();
    let clone = first.clone();
    drop(first);
    let refused = StateDir::claim(temp.path()).unwrap_err();
    let own = std::process::id();
    assert!(matches!(refused, StateDirError::Locked { pid: Some(pid), .. } if pid == own));
    assert!(refused.to_string().ends_with(&format!("in use by process {own}")), "{refused}");
    drop(clone);
    StateDir::claim(temp.path()).unwrap();
}

#[test]
fn the_number_of_an_earlier_holder_is_overwritten() {
    let temp = tempdir().unwrap();
    fs::write(temp.path().join("lock"), "123456789012\n").unwrap();
    let _dir = StateDir::claim(temp.path()).unwrap();
    let text = fs::read_to_string(temp.path().join("lock")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}

/// Claims a directory of mode `before` that holds `files`; `Some(mode)` is what it
/// then has, `None` a refusal that left it alone.
fn check_mode(before: u32, files: &[&str], expected: Option<u32>) {
    let temp = tempdir().unwrap();
    for file in files {
        fs::write(temp.path().join(file), "").unwrap();
    }
    set_mode(temp.path(), before);
    match (StateDir::claim(temp.path()), expected) {
        (Ok(_), Some(expected)) => assert_eq!(mode(temp.path()), expected),
        (Err(StateDirError::Open { mode: told, .. }), None) => {
            assert_eq!((told, mode(temp.path())), (before, before));
        }
        (outcome, _) => panic!("{before:o} {files:?}: {outcome:?}"),
    }
}

#[test]
fn an_open_directory_is_narrowed_only_if_nothing_else_is_in_it() {
    check_mode(0o700, &[], Some(0o700));
    check_mode(0o755, &[], Some(0o700));
    check_mode(0o777, &["lock", "store.db"], Some(0o700));
    check_mode(0o700, &["notes.txt"], Some(0o700));
    check_mode(0o755, &["notes.txt"], None);
    check_mode(0o710, &["notes.txt"], None);
}

#[test]
fn a_symbolic_link_or_a_file_is_refused() {
    let temp = tempdir().unwrap();
    let (target, link, file) =
        (temp.path().join("target"), temp.path().join("link"), temp.path().join("file"));
    fs::create_dir(&target).unwrap();
    symlink(&target, &link).unwrap();
    fs::write(&file, "").unwrap();
    let slash = PathBuf::from(format!("{}/", link.display()));
    for path in [&link, &slash, &file] {
        let refused = StateDir::claim(path);
        assert!(matches!(refused, Err(StateDirError::NotADirectory { .. })), "{refused:?}");
    }
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
}

#[test]
fn a_directory_of_another_user_is_refused() {
    let temp = tempdir().unwrap();
    let path = if rustix::process::geteuid().is_root() {
        chown(temp.path(), Some(65534), None).unwrap();
        temp.path()
    } else {
        Path::new("/")
    };
    let refused = StateDir::claim(path);
    assert!(matches!(refused, Err(StateDirError::Foreign { .. })), "{refused:?}");
}

#[test]
fn a_place_where_nothing_can_be_created_is_told() {
    let temp = tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let refused = StateDir::claim(&temp.path().join("file/state"));
    assert!(matches!(refused, Err(StateDirError::Create { .. })), "{refused:?}");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let temp = tempdir().unwrap();
    let victim = temp.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let state = temp.path().join("state");
    fs::create_dir(&state).unwrap();
    symlink(&victim, state.join("lock")).unwrap();
    assert!(matches!(StateDir::claim(&state), Err(StateDirError::Io { .. })));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_private_file_is_replaced_whole_and_left_private() {
    let temp = tempdir().unwrap();
    let path = temp.path().join("token");
    fs::write(temp.path().join(".token.new"), "left by a crash").unwrap();
    fs::write(&path, "open to all").unwrap();
    set_mode(&path, 0o644);
    for text in ["first, longer", "second"] {
        write_private(&path, text.as_bytes()).unwrap();
        assert_eq!(read_private(&path, 64).unwrap(), text.as_bytes());
        assert_eq!(mode(&path), 0o600);
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn a_private_file_that_cannot_be_trusted_is_refused() {
    let temp = tempdir().unwrap();
    let path = temp.path().join("token");
    assert!(read_private(&path, 64).unwrap_err().is_not_found());
    write_private(&path, b"12345678").unwrap();
    let long = read_private(&path, 7);
    assert!(matches!(long, Err(PrivateFileError::Unsuitable { .. })), "{long:?}");
    let folder = read_private(temp.path(), 64);
    assert!(matches!(folder, Err(PrivateFileError::Unsuitable { .. })), "{folder:?}");
    let link = temp.path().join("link");
    symlink(&path, &link).unwrap();
    let linked = read_private(&link, 64);
    assert!(matches!(&linked, Err(error @ PrivateFileError::Io { .. }) if !error.is_not_found()));
    for open in [0o640, 0o604, 0o660] {
        set_mode(&path, open);
        let refused = read_private(&path, 64);
        assert!(matches!(refused, Err(PrivateFileError::Open { mode, .. }) if mode == open));
    }
}
