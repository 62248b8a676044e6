//! Row S33: what lies in the state directory shows no secret, and lies there for its owner alone.
//! They leave the format of what is encrypted to the tests beside the code.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::found;
use super::planted::Planted;
use crate::world::SOON;

/// Everything in a folder and below, folders too.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(below(&entry.path())),
            false => all.push(entry.path()),
        }
    }
    all
}

/// No file with a secret in it, and nothing that others may open.
fn check(planted: &Planted, when: &str) {
    let (mut files, state) = (0, planted.sandbox.state_dir());
    for path in below(&state) {
        let facts = std::fs::symlink_metadata(&path).unwrap();
        let kind = facts.file_type();
        let wanted = match () {
            () if kind.is_dir() => 0o700,
            // Whoever may use a server is for the settings to say.
            () if kind.is_socket() => continue,
            () => 0o600,
        };
        assert_eq!(facts.mode() & 0o777, wanted, "{when}: {}", path.display());
        if kind.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let plain = found(&text, &planted.canaries);
            assert_eq!(plain, [""; 0], "{when}: {}", path.display());
            files += 1;
        }
    }
    assert!(files >= 3, "{when}: {files} files");
}

#[tokio::test]
async fn s33_the_state_directory_shows_no_secret_running_or_not() {
    let mut planted = Planted::everywhere().await;
    check(&planted, "running");
    let file = planted.sandbox.path("backup.json").display().to_string();
    let ended = planted.daemon.cli(&["state", "export", &file]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("default/api"), "{text}");
    assert_eq!(found(&text, &planted.canaries), [""; 0]);
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert!(planted.daemon.terminate(SOON).await.unwrap().success());
    check(&planted, "stopped");
}
