//! The verbs of the store on an open SQLite connection, one after the other.
//! It belongs to one thread and blocks on the disk; who asks is not known here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};

use super::migrations::{MIGRATIONS, MigrateError, inspect, migrate};
use super::{Document, Kind, StoreError, WallClock};

/// How long another process (a person with a database shell) may hold us up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What the write-ahead log is cut back to after a checkpoint.
const LOG_BYTES_MAX: i64 = 4 << 20;

pub(super) struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
    clock: WallClock,
    /// Whether it is new and may not outlast a power cut yet.
    is_fresh: bool,
}

impl Database {
    /// Checks and prepares a fresh connection to the database at `path`.
    pub(super) fn prepare(
        mut connection: Connection,
        path: PathBuf,
        clock: WallClock,
    ) -> Result<Self, MigrateError> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        refuse_damaged(&connection)?;
        // Before the first setting that is kept in the file.
        let is_fresh = inspect(&connection, MIGRATIONS)? == 0;
        // One that holds nothing yet is made without waiting for the disk; see `Self::settle`.
        connection.pragma_update(None, "synchronous", if is_fresh { "OFF" } else { "FULL" })?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
        migrate(&mut connection, MIGRATIONS)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Self { connection, path, clock, is_fresh })
    }

    /// Waits until a new database is on the disk with all that makes it one. Nothing is written into
    /// it before, so that a power cut leaves either no content or all that was acknowledged.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        if self.is_fresh {
            let checkpoint = "PRAGMA wal_checkpoint(FULL)";
            let hindered: bool = self
                .connection
                .query_row(checkpoint, [], |row| row.get(0))
                .map_err(|error| self.error(error))?;
            if hindered {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(self.error(rusqlite::Error::SqliteFailure(busy, None)));
            }
            self.is_fresh = false;
        }
        Ok(())
    }

    pub(super) fn put(&mut self, kind: Kind, key: &str, body: &[u8]) -> Result<(), StoreError> {
        let now = self.clock.unix_millis();
        self.commit(|transaction| insert(transaction, kind, key, body, now))
    }

    pub(super) fn get(&mut self, kind: Kind, key: &str) -> Result<Option<Document>, StoreError> {
        let sql = "SELECT key, body, updated_at FROM documents WHERE kind = ?1 AND key = ?2";
        self.connection
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row([kind.name(), key], document).optional())
            .map_err(|error| self.error(error))
    }

    pub(super) fn list(&mut self, kind: Kind) -> Result<Vec<Document>, StoreError> {
        let sql = "SELECT key, body, updated_at FROM documents WHERE kind = ?1 ORDER BY key";
        self.connection
            .prepare_cached(sql)
            .and_then(|mut query| query.query_map([kind.name()], document)?.collect())
            .map_err(|error| self.error(error))
    }

    pub(super) fn delete(&mut self, kind: Kind, key: &str) -> Result<bool, StoreError> {
        self.commit(|transaction| remove(transaction, kind, key))
    }

    pub(super) fn write(
        &mut self,
        kind: Kind,
        documents: &[(String, Option<Vec<u8>>)],
    ) -> Result<(), StoreError> {
        let now = self.clock.unix_millis();
        self.commit(|transaction| {
            documents.iter().try_for_each(|(key, body)| match body {
                Some(body) => insert(transaction, kind, key, body, now),
                None => remove(transaction, kind, key).map(drop),
            })
        })
    }

    pub(super) fn replace_all(
        &mut self,
        kind: Kind,
        documents: &[(String, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let now = self.clock.unix_millis();
        self.commit(|transaction| {
            transaction.execute("DELETE FROM documents WHERE kind = ?1", [kind.name()])?;
            documents.iter().try_for_each(|(key, body)| insert(transaction, kind, key, body, now))
        })
    }

    /// Makes these the only documents there are.
    pub(super) fn become_these(&mut self, all: &[(Kind, Document)]) -> Result<(), StoreError> {
        let now = self.clock.unix_millis();
        self.commit(|transaction| {
            transaction.execute("DELETE FROM documents", [])?;
            let each = |(kind, one): &(Kind, Document)| {
                insert(transaction, *kind, &one.key, &one.body, now)
            };
            all.iter().try_for_each(each)
        })
    }

    /// Moves the write-ahead log into the database and closes it.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let Self { connection, path, .. } = self;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        connection
            .query_row(checkpoint, [], |_| Ok(()))
            .and_then(|()| connection.close().map_err(|(_, error)| error))
            .map_err(|error| typed(&path, error))
    }

    fn commit<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.settle()?;
        self.connection
            .transaction()
            .and_then(|transaction| {
                let outcome = change(&transaction)?;
                transaction.commit()?;
                Ok(outcome)
            })
            .map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        typed(&self.path, error)
    }
}

/// Sorts what SQLite said into what a caller can do about it.
pub(super) fn typed(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { path },
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { path }
        }
        _ => StoreError::Database { path, source },
    }
}

/// Looks through the whole file once at start, rather than fail in the middle of the
/// work later; it holds megabytes, not gigabytes.
fn refuse_damaged(connection: &Connection) -> Result<(), rusqlite::Error> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(verdict)))
}

fn insert(
    transaction: &Transaction<'_>,
    kind: Kind,
    key: &str,
    body: &[u8],
    now: i64,
) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO documents (kind, key, body, updated_at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (kind, key) DO UPDATE
               SET body = excluded.body, updated_at = excluded.updated_at";
    transaction.prepare_cached(sql)?.execute(params![kind.name(), key, body, now])?;
    Ok(())
}

fn remove(transaction: &Transaction<'_>, kind: Kind, key: &str) -> Result<bool, rusqlite::Error> {
    let sql = "DELETE FROM documents WHERE kind = ?1 AND key = ?2";
    Ok(transaction.prepare_cached(sql)?.execute([kind.name(), key])? > 0)
}

fn document(row: &Row<'_>) -> Result<Document, rusqlite::Error> {
    Ok(Document { key: row.get(0)?, body: row.get(1)?, updated_at: row.get(2)? })
}
