//! This file is how others have children started, and what all children of a run have in common.
//!
//! It leaves to the other files of this folder how that is done.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use conductor_config::{Limits, StdioSpec};
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::cells::{Cells, clear_away};
use super::census::{boot, start_of};
use super::child::{Pipes, Process};
use super::guard::GuardProgram;
use super::keeper::Keeper;
use super::meter::{Usages, measure};
use super::record::{Record, RecordFile};
use super::roll::Roll;
use super::run::Run;
use super::spawn::{SpawnError, spawn};
use super::{containers, orphans, reaper};

/// Names the daemon's own program in the environment that it hands over. Where it is missing there
/// is no guard, and nobody's orphans are adopted: this process is then not the daemon's alone.
const PROGRAM: &str = "CONDUCTOR_EXE";
/// The hidden command that runs the guard.
const COMMAND: &str = "guard";

/// Why children cannot be looked after.
#[derive(Debug, Error)]
pub enum NurseryError {
    /// The system gives no random numbers to name the run with.
    #[error("no random numbers")]
    Random,
    /// The runtime is shutting down.
    #[error("the runtime is shutting down")]
    Runtime,
}

/// Where all child processes of one run come from. Cheap to clone; when the last is dropped
/// without being closed, everything that was started here is killed by the guard.
#[derive(Debug, Clone)]
pub(crate) struct Nursery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    environment: BTreeMap<String, String>,
    run: Run,
    born: AtomicU64,
    roll: Roll,
    cells: Option<Cells>,
    usages: watch::Receiver<Usages>,
    closing: ArcSwapOption<oneshot::Sender<oneshot::Sender<()>>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Nursery {
    /// Ends what an earlier run with this state directory has left, and starts the guard. Children
    /// inherit a few variables of `environment`.
    pub(crate) async fn open(
        state_dir: &Path,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, NurseryError> {
        let program = environment.get(PROGRAM).map(|program| GuardProgram {
            program: program.into(),
            args: vec![COMMAND.to_owned()],
        });
        let adopts = program.is_some();
        Self::open_with(state_dir, environment, program, adopts).await
    }

    /// The same with a guard started in another way. With `adopts`, orphans of our children become
    /// children of ours, and all of ours that were not started here are reaped.
    pub(super) async fn open_with(
        state_dir: &Path,
        environment: BTreeMap<String, String>,
        guard_program: Option<GuardProgram>,
        adopts: bool,
    ) -> Result<Self, NurseryError> {
        // Our own files close when another program takes over; those that we were started with may
        // not, and are nobody else's business.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let run = Run::draw().ok_or(NurseryError::Random)?;
        let file = RecordFile::within(state_dir);
        let last = file.clone();
        let reaped = tokio::task::spawn_blocking(move || orphans::reap(&last)).await;
        let left = reaped.map_err(|_| NurseryError::Runtime)?;
        let roll = Roll::default();
        roll.inherit(containers::remove_all(left, &environment, &roll).await);
        let mut tasks = Vec::new();
        if adopts {
            match reaper::adopt(roll.clone()) {
                Ok(adopting) => tasks.push(AbortOnDropHandle::new(tokio::spawn(adopting))),
                Err(error) => warn!(%error, "orphans of servers are left to the first process"),
            }
        }
        let cells = Cells::open(&run);
        let record = Record {
            boot: boot().unwrap_or_default(),
            run: run.clone(),
            since: start_of(std::process::id()).unwrap_or_default(),
            groups: BTreeMap::new(),
            containers: roll.current().containers,
            cells: cells.as_ref().map(|cells| cells.path().to_owned()),
        };
        let mut keeper = Keeper {
            roll: roll.clone(),
            record,
            file,
            guard_program,
            guard: None,
            next_try: Instant::now(),
        };
        keeper.open().await;
        let (counted, usages) = watch::channel(Usages::default());
        tasks.push(AbortOnDropHandle::new(tokio::spawn(measure(roll.clone(), counted))));
        let (closing, closed) = oneshot::channel();
        tasks.push(AbortOnDropHandle::new(tokio::spawn(keeper.keep(closed))));
        Ok(Self(Arc::new(Inner {
            environment,
            run,
            born: AtomicU64::new(0),
            roll,
            cells,
            usages,
            closing: ArcSwapOption::from_pointee(closing),
            _tasks: tasks,
        })))
    }

    /// Starts the program of `spec` in a group of its own, under `limits`.
    pub(crate) fn spawn(
        &self,
        spec: &StdioSpec,
        limits: &Limits,
    ) -> Result<(Process, Pipes), SpawnError> {
        let number = self.0.born.fetch_add(1, Ordering::Relaxed);
        let mark = self.0.run.mark_of_child(number);
        let cell = self.0.cells.as_ref().and_then(|cells| cells.cell(&mark));
        spawn(spec, limits, &self.0.environment, mark, cell, &self.0.roll)
    }

    /// Where the control groups of children are, if they have any.
    #[cfg(test)]
    pub(super) fn cells(&self) -> Option<std::path::PathBuf> {
        self.0.cells.as_ref().map(|cells| cells.path().to_owned())
    }

    /// What the children and all that they started used when it was last looked, by their process
    /// ids. New ones are missing for a few seconds.
    pub(crate) fn usages(&self) -> Usages {
        Arc::clone(&self.0.usages.borrow())
    }

    /// Waits for the last children to be reaped, ends what they have left, and lets the guard go.
    /// To be called when all of them were told to end; takes a few seconds at most.
    pub(crate) async fn close(&self) {
        let closing = self.0.closing.swap(None).and_then(Arc::into_inner);
        let (reply, closed) = oneshot::channel();
        if closing.is_some_and(|closing| closing.send(reply).is_ok()) {
            // Ends with an error only if the task was ended, and then there is no guard to let go.
            let _ = closed.await;
        }
        if let Some(cells) = &self.0.cells {
            // Those who have just ended may be in them for a moment longer.
            let cells = cells.path().to_owned();
            let _ = tokio::task::spawn_blocking(move || clear_away(&cells)).await;
        }
    }
}
