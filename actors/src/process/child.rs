//! This file watches a child process to its end and reaps it.
//!
//! It leaves starting it to `spawn`, and what its end means to others.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::warn;

use super::adopted::is_nothing_left;
use super::cells::Cell;
use super::census;
use super::containers;
use super::engine::Engine;
use super::group::{Group, pid};
use super::hunt::{Bag, hunt};
use super::quarry::Quarry;
use super::roll::Roll;
use super::run::Mark;
use super::stdout::Stdout;
use crate::model::Cause;

/// Time that what a process started gets after its end, before it is killed.
const SWEEP: Duration = Duration::from_millis(100);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<Exit> for Cause {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Exited(code),
            Exit::Signal(signal) => Self::Signalled(signal),
        }
    }
}

/// A running child: its pipes, and what becomes of it. Dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    /// Process id, also the id of its group.
    pub(crate) pid: u32,
    /// Becomes `Some` the moment the process has ended.
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    /// Becomes `true` when the process is reaped and its group is gone.
    pub(crate) gone: watch::Receiver<bool>,
    /// Becomes `true` when its containers are removed, if it was to run any.
    clean: watch::Receiver<bool>,
    group: Arc<Group>,
}

/// A way to end a process for those who do not hold it.
#[derive(Debug, Clone)]
pub(crate) struct Killer {
    exit: watch::Receiver<Option<Exit>>,
    clean: watch::Receiver<bool>,
    group: Arc<Group>,
}

impl Killer {
    /// Waits until the containers that the process was to run are removed: a few times as long as an
    /// engine may take for a command. For one that has ended.
    pub(crate) async fn cleaned(mut self) {
        let _ = self.clean.wait_for(|clean| *clean).await; // as above
    }

    /// Ends the whole group, and waits until the process has ended.
    pub(crate) async fn kill(mut self) {
        self.group.signal(Signal::KILL);
        // Fails only when nobody watches the process any more, because the runtime shuts down.
        let _ = self.exit.wait_for(Option::is_some).await;
    }
}

/// The three pipes of a child.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: Stdout,
    pub(crate) stderr: ChildStderr,
}

/// What is known of a child that was just started and leads a group of its own.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) pid: u32,
    /// When it started, in ticks since the machine did.
    pub(super) start: u64,
    /// Becomes readable when it ends.
    pub(super) end: AsyncFd<OwnedFd>,
    /// Carried by it and all that it starts.
    pub(super) mark: Mark,
    /// What runs its containers, and the environment to ask that in, if it was to run one.
    pub(super) engine: Option<(Engine, BTreeMap<String, String>)>,
    /// Its control group, if one is made for it.
    pub(super) cell: Option<Cell>,
    /// Where it is written down.
    pub(super) roll: Roll,
}

impl Process {
    /// Takes charge of a child.
    pub(super) fn watch(mut started: Started) -> Self {
        let pid = started.pid;
        let group = Arc::new(Group::new(pid, started.cell.take()));
        let (exited, exit) = watch::channel(None);
        let (buried, gone) = watch::channel(false);
        let (cleaned, clean) = watch::channel(started.engine.is_none());
        // Nobody waits for this: what the process starts before it carries the mark.
        let moving = Arc::clone(&group);
        let moved = group.has_cell().then(|| spawn_blocking(move || moving.move_in()));
        tokio::spawn(bury(started, (Arc::clone(&group), moved), exited, buried, cleaned));
        Self { pid, exit, gone, clean, group }
    }

    /// Asks the whole group to end.
    pub(crate) fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Ends the whole group.
    pub(crate) fn kill(&self) {
        self.group.signal(Signal::KILL);
    }

    /// For those who have to end the process wherever it is held.
    pub(crate) fn killer(&self) -> Killer {
        Killer {
            exit: self.exit.clone(),
            clean: self.clean.clone(),
            group: Arc::clone(&self.group),
        }
    }

    /// Whether the process is suspended (SIGSTOP or a debugger), so that it does nothing at all.
    pub(crate) fn is_suspended(&self) -> bool {
        census::look(self.pid).is_some_and(|seen| seen.is_suspended)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a child, tells it, ends what is left of what it started, reaps it, and
/// removes its containers. Until it is `moved` into its control group it is not reaped.
async fn bury(
    started: Started,
    (group, moved): (Arc<Group>, Option<JoinHandle<()>>),
    exited: watch::Sender<Option<Exit>>,
    buried: watch::Sender<bool>,
    cleaned: watch::Sender<bool>,
) {
    let Started { mut child, pid, start, end, mark, engine, roll, .. } = started;
    let exit = end.readable().await.ok().and_then(|_| peek(pid));
    if exit.is_some() {
        exited.send_replace(exit);
    }
    if let Some(moved) = moved {
        let _ = moved.await; // either way it is done with this number
    }
    if exit.is_some() {
        sweep(pid, start, mark.clone(), group.has_cell(), roll.clone()).await;
    }
    group.bury();
    let status = child.wait().await;
    exited.send_if_modified(|exit| {
        let unknown = exit.is_none();
        *exit = exit.or_else(|| status.as_ref().ok().map(|status| from_status(*status)));
        unknown
    });
    group.dissolve();
    roll.strike_out(pid);
    buried.send_replace(true);
    if let Some((engine, ours)) = engine {
        let mark = mark.to_string();
        if containers::remove(&engine, &mark, &ours, &roll).await {
            roll.strike_out_containers(&mark);
        }
        cleaned.send_replace(true);
    }
}

/// Ends whatever the leader of a group has left behind, also what moved to other groups. The
/// leader is dead and not reaped, so that its number is still its own.
async fn sweep(leader: u32, start: u64, mark: Mark, has_cells: bool, roll: Roll) {
    let quarry = Quarry {
        mark,
        has_cells,
        groups: BTreeMap::from([(leader, start)]),
        parents: BTreeSet::new(),
        spared: BTreeSet::from([std::process::id()]),
        since: start,
    };
    let sweep = move || if is_nothing_left(&roll) { Bag::default() } else { hunt(&quarry, SWEEP) };
    match spawn_blocking(sweep).await {
        Ok(bag) if bag.left > 0 => {
            warn!(pid = leader, left = bag.left, "processes do not end even when killed");
        }
        Ok(_) | Err(_) => {}
    }
}

/// How the process ended, without reaping it.
fn peek(id: u32) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::Pid(pid(id)?), options).ok()??;
    let code = status.exit_status().map(Exit::Code);
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
}

fn from_status(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}
