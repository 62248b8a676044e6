//! The state of the daemon on disk: one private directory, one lock, one database.
//! What is worth keeping, and for how long, is decided by whoever keeps it.
//!
//! ```text
//! StateDir::claim ── directory 0700, ours, exclusively locked
//!     └─ SqliteStore::open ── thread "store" owns the connection
//!            ▲  bounded channel of commands, each answered after its commit
//!     SqliteStore (cheap to clone) ── seen by the others as `dyn Store`
//! ```
//!
//! Nothing in here deletes or replaces a file it cannot read: a damaged or newer
//! database is an error that names the file and says what to do.

mod backup;
mod clock;
mod database;
mod migrations;
mod private_file;
mod sqlite;
mod state_dir;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_files;

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::pin::Pin;

use thiserror::Error;

pub use backup::{BackupError, PutBack, export, import};
pub use clock::WallClock;
pub(crate) use private_file::write_private_until_boot;
pub use private_file::{PrivateFileError, read_private, write_private};
pub use sqlite::{OpenError, SqliteStore};
pub use state_dir::{StateDir, StateDirError};

/// The answer to a store command. Dropping it before it is ready leaves open
/// whether the command was carried out.
pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Documents by kind and key. Every change is acknowledged only after it is
/// durable; changes asked for one after the other are applied in that order.
pub trait Store: Send + Sync + 'static {
    /// Writes a document, in place of the one that was there.
    fn put(&self, kind: Kind, key: String, body: Vec<u8>) -> Reply<()>;

    /// Reads a document; `None` if there is none.
    fn get(&self, kind: Kind, key: String) -> Reply<Option<Document>>;

    /// Reads all documents of a kind, in the order of their keys.
    fn list(&self, kind: Kind) -> Reply<Vec<Document>>;

    /// Removes a document; says whether there was one.
    fn delete(&self, kind: Kind, key: String) -> Reply<bool>;

    /// Writes the documents that have a body here and removes the others, all or nothing.
    fn write(&self, kind: Kind, documents: Vec<(String, Option<Vec<u8>>)>) -> Reply<()>;

    /// Makes these key–body pairs the only documents of their kind, all or nothing.
    /// A key that occurs twice keeps its last body.
    fn replace_all(&self, kind: Kind, documents: Vec<(String, Vec<u8>)>) -> Reply<()>;
}

/// What a document is about; keys need to be unique only within one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The last tools a server was known to have.
    Catalogue,
    /// Which protocol era a server was found to speak.
    Era,
    /// Limits already used up, which a restart must not give back.
    Counter,
    /// A tool definition that was approved as it stood.
    Pin,
    /// A client session.
    Session,
    /// A server registered while the daemon ran.
    Registration,
    /// A workspace that is not as it would be of itself.
    Workspace,
}

impl Kind {
    /// All kinds there are.
    pub const ALL: [Self; 7] = [
        Self::Catalogue,
        Self::Era,
        Self::Counter,
        Self::Pin,
        Self::Session,
        Self::Registration,
        Self::Workspace,
    ];

    /// Its name in the database; never changed once released.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Era => "era",
            Self::Counter => "counter",
            Self::Pin => "pin",
            Self::Session => "session",
            Self::Registration => "registration",
            Self::Workspace => "workspace",
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Unique within its kind.
    pub key: String,
    /// Whatever was put, byte for byte.
    pub body: Vec<u8>,
    /// Wall-clock time of the last write, in milliseconds since 1970.
    pub updated_at: i64,
}

/// Why a store command brought no result.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database file is damaged or is no database; nothing was changed.
    #[error(
        "database {path} is damaged: restore it from a backup, or move it and the files \
         beginning with its name elsewhere to start with an empty one"
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
    },
    /// The disk, or the space allowed to the database, is used up.
    #[error("no space left for database {path}")]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The file or its directory cannot be written.
    #[error("database {path} cannot be written")]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// Any other answer of the database.
    #[error("database {path} refused")]
    Database {
        /// The database file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// The store was closed, or its thread is gone.
    #[error("store is closed")]
    Closed,
}
