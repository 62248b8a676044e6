//! This file writes everything that is kept into one text, and puts it back from there.
//!
//! Keys are no part of it: what is sealed stays sealed, and needs the master key of where it was.
//! A running daemon is read beside; nothing is put back under one.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::database::typed;
use super::sqlite::{DATABASE_FILE, open_file};
use super::{
    Document, Kind, OpenError, StateDir, StateDirError, StoreError, WallClock, write_private,
};

/// What such a text says of itself first.
const FORMAT: &str = "mcp-conductor state";
/// The version of its form that is written, and the newest that is read.
const VERSION: u32 = 1;

/// Where what was there is kept when something else is put in its place.
const BEFORE: &str = "state-before-import.json";

/// Why nothing was written or put back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// There is no state to be read.
    #[error("there is no state in {path}")]
    Nothing {
        /// The state directory.
        path: PathBuf,
    },
    /// The text is no backup.
    #[error("this is no backup of a state: {0}")]
    Foreign(String),
    /// A newer program wrote it.
    #[error("the backup is of form {found}, and this program knows forms up to {VERSION}")]
    Newer {
        /// The form of the backup.
        found: u32,
    },
    /// What is there could not be kept, so nothing was put in its place.
    #[error("failed to keep what is there in {path}; nothing was put back")]
    Before {
        /// Where it was to be kept.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state directory cannot be used, or a daemon does.
    #[error(transparent)]
    Dir(#[from] StateDirError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The text as a whole.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Backup {
    format: String,
    version: u32,
    documents: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    kind: String,
    key: String,
    #[serde(flatten)]
    body: Body,
}

/// A document as it was put: as text where it is one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Body {
    Text(String),
    Base64(String),
}

/// All that is kept in the state directory at `path`, as one text. Blocks on the disk.
///
/// # Errors
///
/// See [`BackupError`]; a daemon that uses it is none.
pub fn export(path: &Path) -> Result<String, BackupError> {
    let file = path.join(DATABASE_FILE);
    if !file.exists() {
        return Err(BackupError::Nothing { path: path.to_owned() });
    }
    let failed = |error| BackupError::Store(typed(&file, error));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&file, flags).map_err(failed)?;
    let documents = all(&mut connection).map_err(failed)?;
    let backup = Backup { format: FORMAT.to_owned(), version: VERSION, documents };
    serde_json::to_string_pretty(&backup).map_err(|error| BackupError::Foreign(error.to_string()))
}

/// Everything as it was at one moment.
fn all(connection: &mut Connection) -> Result<Vec<Entry>, rusqlite::Error> {
    let moment = connection.transaction()?;
    let sql = "SELECT kind, key, body FROM documents ORDER BY kind, key";
    let mut query = moment.prepare(sql)?;
    let rows = query.query_map([], |row| {
        let body: Vec<u8> = row.get(2)?;
        let body = String::from_utf8(body)
            .map_or_else(|bytes| Body::Base64(STANDARD.encode(bytes.as_bytes())), Body::Text);
        Ok(Entry { kind: row.get(0)?, key: row.get(1)?, body })
    })?;
    rows.collect()
}

/// What a backup was put back as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// How many documents are the state now.
    pub documents: usize,
    /// Where the state is that was there before, if there was one, and another.
    pub before: Option<PathBuf>,
}

/// Makes what `text` holds the whole state of the directory at `path`, all or nothing; makes the
/// directory where there is none. What was there is on the disk, in a file beside it, before anything
/// changes. Doing it once more changes neither. Blocks on the disk.
///
/// # Errors
///
/// See [`BackupError`]; everything is as it was then.
pub fn import(path: &Path, text: &str) -> Result<PutBack, BackupError> {
    let documents = read(text)?;
    let dir = StateDir::claim(path)?;
    let before = match export(dir.path()) {
        Ok(before) => Some(before),
        Err(BackupError::Nothing { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(before) = &before
        && sorted(read(before)?) == sorted(documents.clone())
    {
        return Ok(PutBack { documents: documents.len(), before: None });
    }
    let before = before.map(|before| kept(dir.path(), &before)).transpose()?;
    let mut database = open_file(&dir.path().join(DATABASE_FILE), WallClock::system())?;
    database.become_these(&documents)?;
    database.close()?;
    Ok(PutBack { documents: documents.len(), before })
}

/// Keeps a state beside the one that takes its place.
fn kept(dir: &Path, state: &str) -> Result<PathBuf, BackupError> {
    let path = dir.join(BEFORE);
    match write_private(&path, state.as_bytes()) {
        Ok(()) => Ok(path),
        Err(source) => Err(BackupError::Before { path, source }),
    }
}

/// In one order, whichever they were read in.
fn sorted(mut documents: Vec<(Kind, Document)>) -> Vec<(Kind, Document)> {
    documents.sort_by(|(kind, one), (other_kind, other)| {
        (kind.name(), &one.key).cmp(&(other_kind.name(), &other.key))
    });
    documents
}

/// Reads a backup; whatever is wrong with it is told before anything is touched.
fn read(text: &str) -> Result<Vec<(Kind, Document)>, BackupError> {
    let foreign = |why: String| BackupError::Foreign(why);
    let backup: Backup = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
    if backup.format != FORMAT {
        return Err(foreign("it says that it is something else".to_owned()));
    }
    if backup.version > VERSION {
        return Err(BackupError::Newer { found: backup.version });
    }
    let document = |entry: Entry| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == entry.kind);
        let kind = kind.ok_or_else(|| foreign(format!("there is no kind `{}`", entry.kind)))?;
        let body = match entry.body {
            Body::Text(text) => text.into_bytes(),
            Body::Base64(code) => {
                STANDARD.decode(code).map_err(|error| foreign(error.to_string()))?
            }
        };
        Ok((kind, Document { key: entry.key, body, updated_at: 0 }))
    };
    backup.documents.into_iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SqliteStore, Store};

    async fn store(dir: &Path) -> SqliteStore {
        SqliteStore::open(&StateDir::claim(dir).unwrap(), WallClock::system()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_written_beside_a_running_daemon_is_the_whole_state_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let running = store(&from).await;
        let bodies = [&b"{\"a\": 1.0}"[..], &[0xff, 0, 1]];
        for (kind, body) in [Kind::Registration, Kind::Pin].into_iter().zip(bodies) {
            running.put(kind, "default/a".to_owned(), body.to_vec()).await.unwrap();
        }
        let text = export(&from).unwrap();
        let other = store(&to).await;
        other.put(Kind::Workspace, "gone".to_owned(), vec![1]).await.unwrap();
        let refused = import(&to, &text).unwrap_err();
        assert!(matches!(refused, BackupError::Dir(_)), "under a daemon: {refused}");
        other.close().await.unwrap();
        drop(other);
        let was = export(&to).unwrap();
        let kept = to.join(BEFORE);
        std::fs::create_dir(&kept).unwrap();
        let refused = import(&to, &text).unwrap_err();
        assert!(matches!(refused, BackupError::Before { .. }), "{refused}");
        assert_eq!(export(&to).unwrap(), was, "what cannot be kept is not replaced");
        std::fs::remove_dir(&kept).unwrap();
        let put = PutBack { documents: 2, before: Some(kept.clone()) };
        assert_eq!(import(&to, &text).unwrap(), put);
        assert_eq!(export(&to).unwrap(), text);
        assert_eq!(import(&to, &text).unwrap(), PutBack { documents: 2, before: None });
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), was, "once more takes nothing away");
        let again = store(&to).await;
        assert_eq!(again.list(Kind::Workspace).await.unwrap(), []);
        let found = again.get(Kind::Pin, "default/a".to_owned()).await.unwrap().unwrap();
        assert_eq!(found.body, bodies[1]);
    }

    #[test]
    fn what_is_no_backup_changes_nothing_and_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("state");
        for (text, told) in [
            ("", "no backup"),
            ("{}", "no backup"),
            (r#"{"format":"x","version":1,"documents":[]}"#, "something else"),
            (r#"{"format":"mcp-conductor state","version":2,"documents":[]}"#, "of form 2"),
            (
                r#"{"format":"mcp-conductor state","version":1,"documents":[{"kind":"x","key":"a","text":""}]}"#,
                "no kind `x`",
            ),
            (
                r#"{"format":"mcp-conductor state","version":1,"documents":[{"kind":"pin","key":"a","base64":"?"}]}"#,
                "no backup",
            ),
        ] {
            let error = import(&dir, text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert!(matches!(export(&dir), Err(BackupError::Nothing { .. })));
        assert!(!dir.exists());
    }
}
