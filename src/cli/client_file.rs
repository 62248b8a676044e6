//! This file puts an entry into a client's settings file: whole or not at all, with a backup of
//! what was there.
//!
//! It leaves what the entry says to `snippet.rs` and `import.rs`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::out::Out;

/// Why an entry was not written; the file is as it was.
#[derive(Debug, Error)]
pub enum FileError {
    /// What is there cannot be understood well enough to add to it.
    #[error("{path} {reason}: add the entry by hand, it was left as it is")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// A clause about it.
        reason: &'static str,
    },
    /// The system refused.
    #[error("failed to write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// Adds `entry` to the file at `path`, or makes the file, and says so; `what` is what it has then.
///
/// # Errors
///
/// See [`FileError`].
pub(super) fn write(path: &Path, entry: &str, what: &str, out: Out) -> Result<(), FileError> {
    let file = path.display();
    match add(path, entry)? {
        Some(backup) => {
            let backup = backup.display();
            out.note(format_args!("{file} has {what} now; what was there is in {backup}"));
        }
        None => out.note(format_args!("{file} is new and has {what}")),
    }
    Ok(())
}

/// Adds `entry` to the file at `path`, or makes the file. Returns where what was there before is
/// kept, if anything was.
///
/// # Errors
///
/// See [`FileError`].
fn add(path: &Path, entry: &str) -> Result<Option<PathBuf>, FileError> {
    let io = |source| FileError::Io { path: path.to_owned(), source };
    let foreign = |reason| FileError::Foreign { path: path.to_owned(), reason };
    // What a link leads to is replaced, not the link.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(io(error)),
    };
    let old = match fs::read_to_string(&target) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Err(foreign("is not a text file"));
        }
        Err(error) => return Err(io(error)),
    };
    let new = merged(old.as_deref().unwrap_or(""), entry).map_err(foreign)?;
    if old.is_none() {
        replace(&target, &new).map_err(io)?;
        return Ok(None);
    }
    exchange(&target, &new).map(Some)
}

/// Puts `text` in the place of what the file at `path` says, whole or not at all. Returns where what
/// was there is kept.
///
/// # Errors
///
/// If the system refuses; the file is as it was then.
pub(super) fn exchange(path: &Path, text: &str) -> Result<PathBuf, FileError> {
    let io = |source| FileError::Io { path: path.to_owned(), source };
    // What a link leads to is replaced, not the link.
    let target = fs::canonicalize(path).map_err(io)?;
    let mut backup = OsString::from(&target);
    backup.push(".bak");
    fs::copy(&target, &backup).map_err(io)?;
    replace(&target, text).map_err(io)?;
    Ok(PathBuf::from(backup))
}

/// Writes beside the file and renames: readers see the old text or the new one.
fn replace(target: &Path, text: &str) -> io::Result<()> {
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(target) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

/// The text of a file with the entry in it: of JSON, the members of its tables are added; to TOML
/// the table is appended.
fn merged(old: &str, entry: &str) -> Result<String, &'static str> {
    if old.trim().is_empty() {
        return Ok(format!("{entry}\n"));
    }
    let Ok(entry_json) = serde_json::from_str::<Map<String, Value>>(entry) else {
        let header = entry.lines().next().unwrap_or_default();
        if old.lines().any(|line| line.trim() == header) {
            return Err("has an entry of this name already");
        }
        return Ok(format!("{}\n\n{entry}\n", old.trim_end()));
    };
    let Ok(mut whole) = serde_json::from_str::<Map<String, Value>>(old) else {
        return Err("is not a JSON object, or has comments in it");
    };
    for (table, entries) in entry_json {
        let Value::Object(entries) = entries else { continue };
        match whole.entry(table).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(there) => there.extend(entries),
            _ => return Err("has something else where its servers should be"),
        }
    }
    Ok(format!("{:#}\n", Value::Object(whole)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENTRY: &str = r#"{"mcpServers":{"git":{"command":"x"}}}"#;

    #[test]
    fn what_is_there_stays_and_is_kept_in_a_backup() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("c.json");
        assert_eq!(add(&file, ENTRY).unwrap(), None);
        fs::write(&file, r#"{"mcpServers":{"other":{},"git":{"old":1}},"theme":"dark"}"#).unwrap();
        let link = dir.path().join("link.json");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let backup = add(&link, ENTRY).unwrap().unwrap();
        let read = |path: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let expected = json!({"mcpServers":{"other":{},"git":{"command":"x"}},"theme":"dark"});
        assert_eq!(read(&file), expected);
        assert_eq!(read(&backup)["mcpServers"]["git"], json!({"old": 1}));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().flatten().collect();
        left.retain(|entry| entry.file_name().to_string_lossy().starts_with('.'));
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn what_cannot_be_understood_is_left_alone() {
        for (old, reason) in [
            ("// mine\n{}", "is not a JSON object"),
            ("[]", "is not a JSON object"),
            (r#"{"mcpServers":[]}"#, "has something else"),
        ] {
            let dir = tempfile::TempDir::new().unwrap();
            let file = dir.path().join("c.json");
            fs::write(&file, old).unwrap();
            let error = add(&file, ENTRY).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), old);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_table_of_toml_is_appended_once() {
        let entry = "[mcp_servers.git]\ncommand = \"x\"";
        let text = merged("model = \"m\"\n", entry).unwrap();
        assert_eq!(text, format!("model = \"m\"\n\n{entry}\n"));
        assert!(merged(&text, entry).is_err());
    }
}
