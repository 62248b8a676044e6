//! The store that the daemon runs with: SQLite on a thread of its own, reached by a channel.
//! The statements themselves are in `database.rs`.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::Connection;
use rustix::fs::OFlags;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::database::{Database, typed};
use super::migrations::MigrateError;
use super::{Document, Kind, Reply, StateDir, Store, StoreError, WallClock};

pub(super) const DATABASE_FILE: &str = "store.db";
/// Commands that may wait for the thread; further callers wait for room.
const QUEUE_MAX: usize = 256;

/// The address of the store's thread. Cheap to clone. The thread finishes what was
/// asked of it and ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    commands: mpsc::Sender<Command>,
}

impl SqliteStore {
    /// Opens `store.db` (0600) in the state directory, which stays locked until the
    /// thread has ended; creates it or brings it up to date as needed.
    pub async fn open(dir: &StateDir, clock: WallClock) -> Result<Self, OpenError> {
        let dir = dir.clone();
        Self::start(move || {
            let path = dir.path().join(DATABASE_FILE);
            let database = open_file(&path, clock)?;
            Ok((database, Some(dir)))
        })
        .await
    }

    /// A store that forgets everything when its last clone is dropped.
    pub async fn in_memory(clock: WallClock) -> Result<Self, OpenError> {
        Self::start(move || {
            let path = PathBuf::from(":memory:");
            let connection = Connection::open_in_memory().map_err(|error| typed(&path, error))?;
            Ok((prepare(connection, &path, clock)?, None))
        })
        .await
    }

    /// Finishes what was asked so far, writes everything into the one database file
    /// and lets go of it. Every clone is closed from then on.
    pub async fn close(&self) -> Result<(), StoreError> {
        ask(self.commands.clone(), Command::Close).await
    }

    async fn start(
        open: impl FnOnce() -> Result<(Database, Option<StateDir>), OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let (commands, queue) = mpsc::channel(QUEUE_MAX);
        let (opened, outcome) = oneshot::channel();
        let run = move || match open() {
            Ok((database, dir)) => {
                if opened.send(Ok(())).is_ok() {
                    serve(database, dir, queue);
                }
            }
            // Nobody is left to tell if this cannot be sent.
            Err(error) => drop(opened.send(Err(error))),
        };
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(run)
            .map_err(|source| OpenError::Thread { source })?;
        outcome.await.unwrap_or(Err(OpenError::Store(StoreError::Closed)))?;
        Ok(Self { commands })
    }

    fn ask<T: Send + 'static>(
        &self,
        command: impl FnOnce(Port<T>) -> Command + Send + 'static,
    ) -> Reply<T> {
        Box::pin(ask(self.commands.clone(), command))
    }
}

impl Store for SqliteStore {
    fn put(&self, kind: Kind, key: String, body: Vec<u8>) -> Reply<()> {
        self.ask(move |reply| Command::Put { kind, key, body, reply })
    }

    fn get(&self, kind: Kind, key: String) -> Reply<Option<Document>> {
        self.ask(move |reply| Command::Get { kind, key, reply })
    }

    fn list(&self, kind: Kind) -> Reply<Vec<Document>> {
        self.ask(move |reply| Command::List { kind, reply })
    }

    fn delete(&self, kind: Kind, key: String) -> Reply<bool> {
        self.ask(move |reply| Command::Delete { kind, key, reply })
    }

    fn write(&self, kind: Kind, documents: Vec<(String, Option<Vec<u8>>)>) -> Reply<()> {
        self.ask(move |reply| Command::Write { kind, documents, reply })
    }

    fn replace_all(&self, kind: Kind, documents: Vec<(String, Vec<u8>)>) -> Reply<()> {
        self.ask(move |reply| Command::ReplaceAll { kind, documents, reply })
    }
}

/// Why the store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The database was written by a newer program; nothing was changed.
    #[error(
        "database {path} has version {found}, this program knows versions up to {known}: \
         run the newer program, or another state directory"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Version it has.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// The file is a database of another program; nothing was changed.
    #[error("database {path} belongs to another program: name another state directory")]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The file cannot be created, or not be made private.
    #[error("database {path} cannot be opened")]
    File {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Bringing the database up to date failed; it is still as it was before that step.
    #[error("database {path} could not be brought to version {version}")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// Version that was not reached.
        version: i64,
        /// What the database said.
        #[source]
        source: Box<StoreError>,
    },
    /// No thread could be started for it.
    #[error("the store's thread cannot be started")]
    Thread {
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The database is there but does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Port<T> = oneshot::Sender<Result<T, StoreError>>;

enum Command {
    Put { kind: Kind, key: String, body: Vec<u8>, reply: Port<()> },
    Get { kind: Kind, key: String, reply: Port<Option<Document>> },
    List { kind: Kind, reply: Port<Vec<Document>> },
    Delete { kind: Kind, key: String, reply: Port<bool> },
    Write { kind: Kind, documents: Vec<(String, Option<Vec<u8>>)>, reply: Port<()> },
    ReplaceAll { kind: Kind, documents: Vec<(String, Vec<u8>)>, reply: Port<()> },
    Close(Port<()>),
}

async fn ask<T>(
    commands: mpsc::Sender<Command>,
    command: impl FnOnce(Port<T>) -> Command,
) -> Result<T, StoreError> {
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| StoreError::Closed)?;
    answer.await.unwrap_or(Err(StoreError::Closed))
}

/// The life of the thread. A caller that no longer waits is no reason not to write,
/// so answers that cannot be delivered are dropped.
fn serve(mut database: Database, dir: Option<StateDir>, mut queue: mpsc::Receiver<Command>) {
    while let Some(command) = queue.blocking_recv() {
        match command {
            Command::Put { kind, key, body, reply } => {
                let _ = reply.send(database.put(kind, &key, &body));
            }
            Command::Get { kind, key, reply } => {
                let _ = reply.send(database.get(kind, &key));
            }
            Command::List { kind, reply } => {
                let _ = reply.send(database.list(kind));
            }
            Command::Delete { kind, key, reply } => {
                let _ = reply.send(database.delete(kind, &key));
            }
            Command::Write { kind, documents, reply } => {
                let _ = reply.send(database.write(kind, &documents));
            }
            Command::ReplaceAll { kind, documents, reply } => {
                let _ = reply.send(database.replace_all(kind, &documents));
            }
            Command::Close(reply) => {
                queue.close();
                let outcome = database.close();
                drop(dir); // whoever hears of it may take the directory at once
                let _ = reply.send(outcome);
                return;
            }
        }
        // After the first answer, for which somebody waits who starts. Before a change it is tried
        // again, and told.
        if let Err(error) = database.settle() {
            warn!(%error, "a new database is not on the disk yet");
        }
    }
}

/// The database of a claimed directory, made or brought up to date as needed.
pub(super) fn open_file(path: &Path, clock: WallClock) -> Result<Database, OpenError> {
    // SQLite would create it readable by all; its log files take over its mode.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)))
        .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let connection = Connection::open(path).map_err(|error| typed(path, error))?;
    prepare(connection, path, clock)
}

fn prepare(connection: Connection, path: &Path, clock: WallClock) -> Result<Database, OpenError> {
    let owned = || path.to_owned();
    Database::prepare(connection, owned(), clock).map_err(|error| match error {
        MigrateError::Newer { found, known } => OpenError::Newer { path: owned(), found, known },
        MigrateError::Foreign => OpenError::Foreign { path: owned() },
        MigrateError::Step { version, source } => {
            OpenError::Migrate { path: owned(), version, source: Box::new(typed(path, source)) }
        }
        MigrateError::Database(source) => OpenError::Store(typed(path, source)),
    })
}
