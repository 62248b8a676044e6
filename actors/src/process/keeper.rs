//! This file is the task that keeps guard and record equal to the roll.
//!
//! It compares rather than follows: a new guard and a change that was missed are the same to it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::containers::PATIENCE;
use super::guard::{Guard, GuardProgram};
use super::guard_book::Charge;
use super::hunt::hunt;
use super::quarry::Quarry;
use super::record::{Record, RecordFile};
use super::roll::{Entries, Roll};

/// How long a guard must have lived to be replaced at once, and the wait before another try.
const RETRY: Duration = Duration::from_secs(1);
/// How long the last children may take to be reaped.
const CLOSE: Duration = Duration::from_secs(3);
/// Time that what is left at the end gets.
const GRACE: Duration = Duration::from_millis(100);

/// What the task works with.
pub(super) struct Keeper {
    pub(super) roll: Roll,
    pub(super) record: Record,
    pub(super) file: RecordFile,
    pub(super) guard_program: Option<GuardProgram>,
    pub(super) guard: Option<Guard>,
    pub(super) next_try: Instant,
}

/// Asks the task to come to an end; answered when it has.
pub(super) type Closing = oneshot::Receiver<oneshot::Sender<()>>;

impl Keeper {
    /// Writes the first record and starts the guard. What fails is told, and tried again later.
    pub(super) async fn open(&mut self) {
        self.write().await;
        self.start_guard(true).await;
    }

    /// Runs until it is asked to close. Dropping it instead sets the guard to work.
    pub(super) async fn keep(mut self, mut closing: Closing) {
        let mut changes = self.roll.watch();
        let mut is_first = true;
        loop {
            let waits = self.guard.is_none() && self.guard_program.is_some();
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let entries = changes.borrow_and_update().clone();
                    self.update(entries).await;
                }
                () = end_of(&mut self.guard) => {
                    self.guard = None;
                    self.roll.strike_out_guard();
                    warn!("guard ended, will be replaced");
                }
                () = sleep_until(self.next_try), if waits => {
                    is_first = self.start_guard(is_first).await;
                }
                reply = &mut closing => {
                    self.close().await;
                    // Dropped by one who does not want to know.
                    let _ = reply.map(|reply| reply.send(()));
                    return;
                }
            }
        }
    }

    /// Starts a guard and tells it everything. Whether the next failure is to be told.
    async fn start_guard(&mut self, tell: bool) -> bool {
        let Some(program) = &self.guard_program else { return tell };
        self.next_try = Instant::now() + RETRY;
        let charge = Charge { mark: self.record.run.mark(), since: self.record.since };
        match Guard::start(program, &charge, &self.roll) {
            Ok(guard) => {
                self.guard = Some(guard);
                self.tell().await;
                true
            }
            Err(error) => {
                self.roll.strike_out_guard();
                if tell {
                    let program = program.program.display();
                    warn!(%program, %error, "no guard: a killed daemon would leave its servers");
                }
                false
            }
        }
    }

    async fn update(&mut self, entries: Entries) {
        let is_new = entries.groups != self.record.groups;
        if is_new || entries.containers != self.record.containers {
            self.record.groups = entries.groups;
            self.record.containers = entries.containers;
            self.tell().await;
            self.write().await;
        }
    }

    async fn tell(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        match guard.tell(&self.record.groups).await {
            Ok(()) => self.guard = Some(guard),
            Err(error) => {
                warn!(%error, "guard does not listen, will be replaced");
                guard.end().await;
                self.roll.strike_out_guard();
            }
        }
    }

    async fn write(&self) {
        let (file, record) = (self.file.clone(), self.record.clone());
        let written = tokio::task::spawn_blocking(move || file.write(&record)).await;
        if let Ok(Err(error)) = written {
            warn!(%error, "what runs is not written down for the next start");
        }
    }

    /// Lets the guard go if nothing is left, or else sets it to work.
    async fn close(&mut self) {
        let mut changes = self.roll.watch();
        let run = format!("{}.", self.record.run.mark());
        let is_ours = |mark: &String| mark.starts_with(&run);
        // Those of an earlier run that could not be removed at the start will not be now.
        let boxed = |entries: &Entries| entries.containers.keys().any(is_ours);
        let limit = if boxed(&self.roll.current()) { CLOSE + 2 * PATIENCE } else { CLOSE };
        let empty = changes.wait_for(|entries| entries.groups.is_empty() && !boxed(entries));
        let _ = timeout(limit, empty).await; // what is left is seen below
        let Entries { groups, containers, adopts, guard, .. } = self.roll.current();
        let is_empty = groups.is_empty();
        let me = std::process::id();
        let quarry = Quarry {
            mark: self.record.run.mark(),
            has_cells: self.record.cells.is_some(),
            groups: BTreeMap::new(),
            parents: if adopts { BTreeSet::from([me]) } else { BTreeSet::new() },
            spared: guard.into_iter().chain([me]).collect(),
            since: self.record.since,
        };
        let bag = tokio::task::spawn_blocking(move || hunt(&quarry, GRACE)).await;
        let bag = bag.unwrap_or_default();
        if !bag.struck.is_empty() {
            info!(count = bag.struck.len(), "processes that no server answers for are ended");
        }
        if !is_empty || bag.left > 0 {
            warn!(left = bag.left, "processes are left, the guard goes after them");
            return;
        }
        if let Some(guard) = self.guard.take() {
            guard.dismiss().await;
        }
        if !containers.is_empty() {
            (self.record.groups, self.record.containers) = (groups, containers);
            return self.write().await;
        }
        match self.file.remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(%error, "record of processes not removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Waits for the end of the guard; forever where there is none.
async fn end_of(guard: &mut Option<Guard>) {
    match guard {
        Some(guard) => guard.ended().await,
        None => std::future::pending().await,
    }
}
