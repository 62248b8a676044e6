//! This file keeps on disk what the next start needs in order to find what this run has left.
//!
//! What is done with it is said in `orphans`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::engine::Engine;
use super::run::Run;
use crate::store::{PrivateFileError, read_private, write_private, write_private_until_boot};

/// Larger than the record of any machine's processes.
const BYTES_MAX: u64 = 16 << 20;

/// What a run leaves on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The start of the machine that the times belong to.
    pub(super) boot: String,
    /// Which run.
    pub(super) run: Run,
    /// When its daemon started, in ticks since the machine did.
    pub(super) since: u64,
    /// Leaders of its groups, with their start times.
    pub(super) groups: BTreeMap<u32, u64>,
    /// What runs containers for its children, by their marks.
    #[serde(default)]
    pub(super) containers: BTreeMap<String, Engine>,
    /// Where the control groups of its children are, if they have any.
    #[serde(default)]
    pub(super) cells: Option<PathBuf>,
}

/// Why the record of the last run is of no use.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    File(PrivateFileError),
    /// It is no record.
    #[error("not a record of processes")]
    Garbled(#[source] serde_json::Error),
}

/// The record's file.
#[derive(Debug, Clone)]
pub(super) struct RecordFile(PathBuf);

impl RecordFile {
    /// In the state directory.
    pub(super) fn within(state_dir: &Path) -> Self {
        Self(state_dir.join("processes.json"))
    }

    /// Reads it; `None` if there is none. Blocks on the disk.
    pub(super) fn read(&self) -> Result<Option<Record>, ReadError> {
        match read_private(&self.0, BYTES_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(ReadError::Garbled),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(ReadError::File(error)),
        }
    }

    /// Puts `record` in its place, all or nothing. Blocks on the disk where there are containers:
    /// no process outlives the machine's power, so the others need not be known after that, and a
    /// server that crashes all the time would keep the disk busy.
    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        let bytes = serde_json::to_vec(record)?;
        if record.containers.is_empty() {
            write_private_until_boot(&self.0, &bytes)
        } else {
            write_private(&self.0, &bytes)
        }
    }

    /// Takes it away: the run has left nothing.
    pub(super) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.0)
    }
}
