//! This file ends processes that are not our children, so that none is left and no stranger hit.
//!
//! It blocks, and needs neither runtime nor actors. Who is to end is decided in `quarry`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

use super::census::{all, carries, is_held, start_of};
use super::group::pid;
use super::quarry::{Quarry, condemned};

/// How long those who were killed may take before it is looked again.
const ROUND: Duration = Duration::from_millis(50);
/// How often it is looked again: one that the kernel cannot end is left to it.
const ROUNDS_MAX: u32 = 100;
/// Between two looks that found nobody.
const PAUSE: Duration = Duration::from_millis(5);
/// Looks in a row that have to find nobody: one alone may miss who starts and ends meanwhile.
const CLEAN: u32 = 2;
/// Looks in a row that found nobody, but some who show no environment. Most are just taking over
/// another program; those that have emptied theirs are not waited for.
const UNCLEAR: u32 = 20;

/// How a hunt ended.
#[derive(Debug, Default)]
pub(super) struct Bag {
    /// Who was signalled, by number and start time.
    pub(super) struck: BTreeMap<u32, u64>,
    /// How many of them were there when it was last looked.
    pub(super) left: usize,
}

/// Ends everyone in `quarry`: asks them to, gives them `grace`, and kills again and again until
/// nobody is left. Without grace nobody is asked.
pub(super) fn hunt(quarry: &Quarry, grace: Duration) -> Bag {
    let mut bag = Bag::default();
    let (mut empty, mut clear) = (0, 0);
    for _ in 0..ROUNDS_MAX {
        let is_polite = bag.struck.is_empty() && !grace.is_zero();
        let Ok(seen) = all() else {
            bag.left = bag.left.max(1);
            await_ends(Vec::new(), ROUND);
            continue;
        };
        let unclear = Cell::new(false);
        let doomed = condemned(quarry, &seen, &bag.struck, |pid| {
            quarry.has_cells && is_held(pid, &quarry.mark)
                || carries(pid, &quarry.mark).unwrap_or_else(|| {
                    unclear.set(true);
                    false
                })
        });
        bag.left = doomed.len();
        if doomed.is_empty() {
            empty += 1;
            clear = if unclear.get() { 0 } else { clear + 1 };
            if clear == CLEAN || empty == UNCLEAR {
                break;
            }
            await_ends(Vec::new(), PAUSE);
            continue;
        }
        (empty, clear) = (0, 0);
        bag.struck.extend(doomed.iter().map(|seen| (seen.pid, seen.start)));
        let (signal, limit) = if is_polite { (Signal::TERM, grace) } else { (Signal::KILL, ROUND) };
        let struck = doomed.iter().filter_map(|seen| strike(seen.pid, seen.start, signal));
        await_ends(struck.collect(), limit);
    }
    bag
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
        Err(Errno::MFILE | Errno::NFILE | Errno::NOSYS) if is_same() => {
            let _ = kill_process(id, signal);
            None
        }
        Ok(_) | Err(_) => None,
    }
}

/// Waits until all have ended, for `limit` at most; with nobody to wait for, that long.
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
