//! This file is what others may know about the servers: one published snapshot.
//!
//! It leaves writing it to the supervisor, and wording it in JSON to the doors.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use conductor_config::{ServerId, ServerSpec};
use tokio::sync::watch;
use tokio::time::Instant;

use super::noise::WINDOW;
use crate::model::{Downfall, Generation, ServerState};
use crate::process::Usage;
use crate::server::{ServerLink, StderrTail};

/// The state of every server at one moment.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// By workspace and name.
    pub servers: BTreeMap<ServerId, ServerStatus>,
}

/// Why a server that takes calls counts as degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// It misses heartbeats.
    Silent,
    /// It writes what is no message.
    Garbage {
        /// So many lines within the last ten seconds.
        lines: u64,
    },
}

impl Weakness {
    /// A stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Silent => "heartbeat_missed",
            Self::Garbage { .. } => "garbage",
        }
    }
}

impl fmt::Display for Weakness {
    /// A clause to stand behind "it".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("misses heartbeats"),
            Self::Garbage { lines } => {
                let seconds = WINDOW.as_secs();
                write!(f, "wrote {lines} lines that are no messages within {seconds} s")
            }
        }
    }
}

/// The state of one instance of a server that is not shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStatus {
    /// Its number, among those of all servers.
    pub number: Generation,
    /// What it is doing.
    pub state: ServerState,
    /// Its process, while it takes calls and is one of ours.
    pub pid: Option<u32>,
    /// Calls under way.
    pub in_flight: usize,
}

/// The state of one server.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    /// Its settings.
    pub spec: Arc<ServerSpec>,
    /// What it is doing.
    pub state: ServerState,
    /// Why that is no more than `degraded`, if it is.
    pub weakness: Option<Weakness>,
    /// Which life it is in.
    pub generation: Generation,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// The revision of MCP spoken with it.
    pub protocol_version: Option<Arc<str>>,
    /// Lives after the first since this program started.
    pub restarts: u64,
    /// When it last proved to be alive.
    pub last_heartbeat: Option<SystemTime>,
    /// How its last life ended, and when.
    pub last_error: Option<(Arc<Downfall>, SystemTime)>,
    /// When it is started again.
    pub next_retry: Option<SystemTime>,
    /// What it says on stderr, over all its lives.
    pub stderr: StderrTail,
    /// What its processes use, as seen a few seconds ago at most; none for one elsewhere, and
    /// for the first seconds of a life.
    pub usage: Option<Usage>,
    /// What runs of it for single callers, if it is not shared.
    pub instances: Vec<InstanceStatus>,
    pub(crate) link: Option<ServerLink>,
    pub(crate) next_try: Option<Instant>,
}

impl ServerStatus {
    /// Calls under way.
    pub fn in_flight(&self) -> usize {
        let apart: usize = self.instances.iter().map(|instance| instance.in_flight).sum();
        self.link.as_ref().map_or(0, ServerLink::in_flight) + apart
    }

    /// `healthy`, `unhealthy`, or `unknown` before there is evidence.
    pub fn health(&self) -> &'static str {
        match self.state {
            ServerState::Running | ServerState::Draining => "healthy",
            ServerState::Degraded | ServerState::Backoff | ServerState::Failed => "unhealthy",
            ServerState::Starting if self.last_error.is_some() => "unhealthy",
            ServerState::Starting | ServerState::Stopped => "unknown",
        }
    }
}

/// Reads the board. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BoardReader(watch::Receiver<Arc<Board>>);

impl BoardReader {
    pub(crate) fn new(board: watch::Receiver<Arc<Board>>) -> Self {
        Self(board)
    }

    /// The newest snapshot.
    pub fn current(&self) -> Arc<Board> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits for a snapshot that is newer than the last one seen here; `false` once the
    /// supervisor is gone.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
