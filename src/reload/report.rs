//! This file says what is told of reloads: what one would do, and what became of those so far.
//!
//! It is plain data; who fills it in stands beside it.

use std::path::PathBuf;

use conductor_config::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What new settings change. Servers outside the workspace `default` are named `workspace/name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Servers that are not there yet.
    pub add: Vec<String>,
    /// Servers that go, after the calls under way.
    pub remove: Vec<String>,
    /// Servers that are reached or spoken to in another way: the old one drains, a new one starts.
    pub restart: Vec<String>,
    /// Servers that take over limits, waits, filters or texts as they run.
    pub retune: Vec<String>,
    /// Servers for which nothing changes.
    pub keep: Vec<String>,
    /// Other sections of the settings that change at once, such as `catalog`.
    pub sections: Vec<String>,
    /// What has no effect, or none yet; a sentence each.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes().iter().all(|(_, names)| names.is_empty())
    }

    /// What changes: a word, and what it concerns.
    #[must_use]
    pub fn changes(&self) -> [(&'static str, &[String]); 5] {
        [
            ("add", &self.add),
            ("remove", &self.remove),
            ("restart", &self.restart),
            ("retune", &self.retune),
            ("change", &self.sections),
        ]
    }

    /// How many servers each change concerns.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            add: self.add.len(),
            remove: self.remove.len(),
            restart: self.restart.len(),
            retune: self.retune.len(),
            keep: self.keep.len(),
        }
    }
}

/// How many servers each change concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Came.
    pub add: usize,
    /// Went.
    pub remove: usize,
    /// Were replaced.
    pub restart: usize,
    /// Took over settings as they ran.
    pub retune: usize,
    /// Stayed as they were.
    pub keep: usize,
}

/// What became of the reloads since the daemon was started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// Reloads that were tried.
    pub attempts: u64,
    /// Reloads that went well, those that changed nothing among them.
    pub successes: u64,
    /// When the last one was tried, RFC 3339.
    pub last_attempt: Option<String>,
    /// When the last one went well, RFC 3339.
    pub last_success: Option<String>,
    /// What was wrong at the last attempt; none if it went well.
    pub last_error: Option<LastFailure>,
    /// What was accepted and has no effect, or none before the next start; a sentence each.
    pub warnings: Vec<String>,
    /// What the last one that went well changed.
    pub last_plan: Option<Counts>,
    /// The files that the settings in force were read from, the later ones winning.
    #[schema(value_type = Vec<String>)]
    pub sources: Vec<PathBuf>,
    /// Whether a change of these files is enough.
    pub watching: bool,
}

/// Why settings were not taken over. Those from before are in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastFailure {
    /// When, RFC 3339.
    pub at: String,
    /// Who had asked: `SIGHUP`, `command`, `file change`.
    pub by: String,
    /// Everything that is wrong; at least one thing.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>)]
    pub problems: Vec<Problem>,
}
