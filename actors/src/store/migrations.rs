//! The steps from an empty database to today's, and the rule by which they are taken.
//! Opening the database and its settings are not its concern.

use rusqlite::{Connection, TransactionBehavior};
use thiserror::Error;

/// Step n leads from version n to n + 1. Released steps are never edited.
pub(super) const MIGRATIONS: &[&str] = &["
    CREATE TABLE documents (
        kind       TEXT    NOT NULL,
        key        TEXT    NOT NULL,
        body       BLOB    NOT NULL,
        updated_at INTEGER NOT NULL, -- milliseconds since 1970
        PRIMARY KEY (kind, key)
    ) STRICT;
"];

/// Marks a database as ours ("mcpc"), so that no other program's is touched by mistake.
const APPLICATION_ID: i64 = 0x6d63_7063;

#[derive(Debug, Error)]
pub(super) enum MigrateError {
    #[error("it is at version {found}, the newest known here is {known}")]
    Newer { found: i64, known: i64 },
    #[error("it belongs to another program")]
    Foreign,
    #[error("step to version {version} failed")]
    Step {
        version: i64,
        #[source]
        source: rusqlite::Error,
    },
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Tells the version of a database that we may work on, without changing it.
pub(super) fn inspect(connection: &Connection, steps: &[&str]) -> Result<i64, MigrateError> {
    refuse_foreign(connection)?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }
    Ok(found)
}

/// Takes the missing steps, each in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<(), MigrateError> {
    let found = inspect(connection, steps)?;
    for (step, version) in steps.iter().zip(1_i64..).skip_while(|(_, version)| *version <= found) {
        take(connection, step, version).map_err(|source| MigrateError::Step { version, source })?;
    }
    Ok(())
}

fn refuse_foreign(connection: &Connection) -> Result<(), MigrateError> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (id, tables) {
        (APPLICATION_ID, _) | (0, 0) => Ok(()),
        _ => Err(MigrateError::Foreign),
    }
}

fn take(connection: &mut Connection, step: &str, version: i64) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}
