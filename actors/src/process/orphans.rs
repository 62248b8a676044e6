//! This file ends what an earlier run of the daemon has left, before this one starts anything.
//!
//! It is needed only where the guard was killed together with the daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::{error, info, warn};

use super::cells::clear_away;
use super::census::boot;
use super::engine::Engine;
use super::hunt::hunt;
use super::quarry::Quarry;
use super::record::RecordFile;

/// Time that orphans get to end by themselves.
const GRACE: Duration = Duration::from_millis(500);

/// Ends the processes of the run that `file` tells of. Returns what ran its containers, by the
/// marks of children. Blocks.
pub(super) fn reap(file: &RecordFile) -> BTreeMap<String, Engine> {
    let record = match file.read() {
        Ok(Some(record)) => record,
        Ok(None) => return BTreeMap::new(),
        Err(error) => {
            warn!(error = %chain(&error), "what the last run left cannot be told");
            return BTreeMap::new();
        }
    };
    // After a restart of the machine nothing is left, and numbers and times mean nothing.
    if boot().as_ref() != Some(&record.boot) {
        return record.containers;
    }
    let quarry = Quarry {
        mark: record.run.mark(),
        has_cells: record.cells.is_some(),
        groups: record.groups,
        parents: BTreeSet::new(),
        spared: BTreeSet::from([std::process::id()]),
        since: record.since,
    };
    let bag = hunt(&quarry, GRACE);
    let folder = record.run.mark().folder();
    if let Some(cells) = record.cells.filter(|cells| cells.ends_with(&folder)) {
        clear_away(&cells);
    }
    let (count, pids) = (bag.struck.len(), bag.struck.keys().collect::<Vec<_>>());
    if bag.left > 0 {
        error!(left = bag.left, ?pids, "processes of the last run do not end even when killed");
    } else if count > 0 {
        info!(count, ?pids, "processes that the last run had left are ended");
    }
    record.containers
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
