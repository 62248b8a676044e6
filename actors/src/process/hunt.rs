//! This file ends processes that are not our children, so that none is left and no stranger hit.
//!
//! It blocks, and needs neither runtime nor actors. Who is to end is decided in `quarry`.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

use super::census::{all, carries, start_of};
use super::group::pid;
use super::quarry::{Quarry, condemned};

/// How long those who were killed may take before it is looked again.
const ROUND: Duration = Duration::from_millis(50);
/// How often it is looked again: one that the kernel cannot end is left to it.
const ROUNDS_MAX: u32 = 100;

/// How a hunt ended.
#[derive(Debug, Default)]
pub(super) struct Bag {
    /// Who was signalled, by number and start time.
    pub(super) struck: BTreeMap<u32, u64>,
    /// How many of them are still there.
    pub(super) left: usize,
}

/// Ends everyone in `quarry`: asks them to, gives them `grace`, and kills again and again until
/// nobody is left. Without grace nobody is asked.
pub(super) fn hunt(quarry: &Quarry, grace: Duration) -> Bag {
    let mut bag = Bag::default();
    if !grace.is_zero() {
        let struck = strike_all(quarry, &mut bag, Signal::TERM);
        if bag.left == 0 {
            return bag;
        }
        await_ends(struck, grace);
    }
    for _ in 0..ROUNDS_MAX {
        let struck = strike_all(quarry, &mut bag, Signal::KILL);
        if bag.left == 0 {
            break;
        }
        await_ends(struck, ROUND);
    }
    bag
}

/// Signals everyone in `quarry` who is there now.
fn strike_all(quarry: &Quarry, bag: &mut Bag, signal: Signal) -> Vec<OwnedFd> {
    // Without a census nobody is hit; the next round may have one.
    let Ok(seen) = all() else {
        bag.left = 1;
        return Vec::new();
    };
    let doomed = condemned(quarry, &seen, &bag.struck, |pid| carries(pid, &quarry.mark));
    bag.left = doomed.len();
    bag.struck.extend(doomed.iter().map(|seen| (seen.pid, seen.start)));
    doomed.iter().filter_map(|seen| strike(seen.pid, seen.start, signal)).collect()
}

/// Signals one process, and nobody who got its number since. Returns what tells its end.
fn strike(number: u32, start: u64, signal: Signal) -> Option<OwnedFd> {
    let id = pid(number)?;
    let is_same = || start_of(number) == Some(start);
    match pidfd_open(id, PidfdFlags::empty()) {
        // It stands for whoever has the number now, and goes on to do so.
        Ok(fd) if is_same() => {
            let _ = pidfd_send_signal(&fd, signal); // one that is gone is what was wanted
            Some(fd)
        }
        Err(Errno::MFILE | Errno::NFILE) if is_same() => {
            let _ = kill_process(id, signal);
            None
        }
        Ok(_) | Err(_) => None,
    }
}

/// Waits until all have ended, for `limit` at most.
fn await_ends(mut processes: Vec<OwnedFd>, limit: Duration) {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        let mut fds: Vec<PollFd<'_>> =
            processes.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        if poll(&mut fds, timeout.as_ref()) == Ok(0) {
            return;
        }
        let ended: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ended = ended.into_iter();
        processes.retain(|_| !ended.next().unwrap_or(true));
        if processes.is_empty() || left.is_zero() {
            return;
        }
    }
}
