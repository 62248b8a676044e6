//! This file signals a process group that a child of ours leads.
//!
//! It leaves when to signal, and reaping, to `child`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::census::has_others;

/// A process group whose leader is our child. Its id stays ours until the leader is reaped, so no
/// signal can reach a stranger that inherited the number.
#[derive(Debug)]
pub(super) struct Group {
    id: u32,
    reaped: AtomicBool,
}

impl Group {
    pub(super) fn new(id: u32) -> Self {
        Self { id, reaped: AtomicBool::new(false) }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// The leader is reaped: from now on the id may be another's.
    pub(super) fn bury(&self) {
        self.reaped.store(true, Ordering::Release);
    }

    pub(super) fn signal(&self, signal: Signal) {
        if self.reaped.load(Ordering::Acquire) {
            return;
        }
        if let Some(id) = pid(self.id) {
            // Fails only if nobody is left, which is what was wanted.
            let _ = kill_process_group(id, signal);
        }
    }
}

/// Waits until nobody but the leader is left of a group that was killed. They are not our children,
/// so there is nothing to wait on but their absence; one that the kernel cannot end is left to it.
pub(super) async fn vanished(id: u32) {
    for _ in 0..200 {
        if !has_others(id).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}
