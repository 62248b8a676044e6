//! This file signals a process group that a child of ours leads.
//!
//! It leaves when to signal, and reaping, to `child`.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use tracing::debug;

use super::cells::Cell;

/// A process group whose leader is our child. Its id stays ours until the leader is reaped, so no
/// signal can reach a stranger that inherited the number.
#[derive(Debug)]
pub(super) struct Group {
    id: u32,
    reaped: AtomicBool,
    /// Its control group, if one was made for it.
    cell: Option<Cell>,
}

impl Group {
    pub(super) fn new(id: u32, cell: Option<Cell>) -> Self {
        Self { id, reaped: AtomicBool::new(false), cell }
    }

    /// Puts the leader into the control group, if there is one. Blocks, for as long as the kernel takes
    /// to be sure that nobody forks meanwhile: 10 ms and more. The leader must not be reaped before this
    /// returns.
    pub(super) fn move_in(&self) {
        // Where it fails, what the leader starts still carries the mark.
        if let Some(cell) = &self.cell
            && let Err(error) = cell.take_in(self.id)
        {
            debug!(leader = self.id, %error, "not in a control group of its own");
        }
    }

    /// The leader is reaped: from now on the id may be another's.
    pub(super) fn bury(&self) {
        self.reaped.store(true, Ordering::Release);
    }

    /// Whether its members may be in a control group of their own.
    pub(super) fn has_cell(&self) -> bool {
        self.cell.is_some()
    }

    /// Nobody of it is left.
    pub(super) fn dissolve(&self) {
        if let Some(cell) = &self.cell {
            cell.remove();
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if self.reaped.load(Ordering::Acquire) {
            return;
        }
        if let Some(id) = pid(self.id) {
            // Fails only if nobody is left, which is what was wanted.
            let _ = kill_process_group(id, signal);
        }
        if let (Some(cell), Signal::KILL) = (&self.cell, signal) {
            cell.kill();
        }
    }
}

pub(super) fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}
