//! This file counts what the processes of each server use together.
//!
//! Pure: it reads nothing, and what is too much is decided elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use super::census::Seen;

/// What all processes of one server use at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// How many they are.
    pub processes: usize,
    /// Resident bytes; what processes share counts for each.
    pub memory: u64,
    /// Processors kept busy since the count before: 1.0 is one of them.
    pub cpu: f64,
}

/// What the system's figures are counted in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    /// Bytes of a page of memory.
    pub(super) page: u64,
    /// Ticks of processor time in a second.
    pub(super) ticks: u64,
}

/// A process whose server is known.
#[derive(Debug, Clone, Copy)]
struct Member {
    leader: u32,
    ticks: u64,
}

/// What was counted last.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By number and start time.
    members: BTreeMap<(u32, u64), Member>,
}

impl Tally {
    /// Counts anew what the servers use, known by their `leaders` and by these named. `passed` is
    /// the time since the last count, or since the start.
    ///
    /// A process belongs to the server whose group it is in, else to the one it belonged to before,
    /// else to that of its parent.
    pub(super) fn count(
        &mut self,
        seen: &[Seen],
        leaders: &BTreeMap<u32, u64>,
        passed: Duration,
        units: Units,
    ) -> BTreeMap<u32, Usage> {
        let by_pid: BTreeMap<u32, &Seen> = seen.iter().map(|seen| (seen.pid, seen)).collect();
        let is_there = |leader: &u32| {
            leaders
                .get(leader)
                .is_some_and(|start| by_pid.get(leader).is_some_and(|seen| seen.start == *start))
        };
        let own = |seen: &Seen| {
            let before = self.members.get(&(seen.pid, seen.start)).map(|member| member.leader);
            Some(seen.group).filter(&is_there).or_else(|| before.filter(&is_there))
        };
        let leader_of = |seen: &Seen| {
            let mut at = seen;
            // Nobody descends from more than all; a table read while it changes may have circles.
            for _ in 0..by_pid.len() {
                if let Some(leader) = own(at) {
                    return Some(leader);
                }
                at = by_pid.get(&at.parent)?;
            }
            None
        };
        let mut usages: BTreeMap<u32, Usage> = BTreeMap::new();
        let mut members = BTreeMap::new();
        for process in seen.iter().filter(|seen| !seen.is_dead) {
            let Some(leader) = leader_of(process) else { continue };
            let key = (process.pid, process.start);
            let before = self.members.get(&key).map_or(0, |member| member.ticks);
            let ticks = process.ticks.saturating_sub(before);
            let usage = usages.entry(leader).or_default();
            usage.processes += 1;
            usage.memory += process.pages * units.page;
            usage.cpu += share(ticks, passed, units);
            members.insert(key, Member { leader, ticks: process.ticks });
        }
        self.members = members;
        usages
    }
}

fn share(ticks: u64, passed: Duration, units: Units) -> f64 {
    let busy = Duration::from_millis(ticks * 1000 / units.ticks.max(1));
    if passed.is_zero() { 0.0 } else { busy.as_secs_f64() / passed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts worlds one after the other, a second apart. A world has one word a process:
    /// `pid<parent/group@start`, `:` and its pages, `+` and its ticks, `z` if it is dead. Leaders
    /// are 50 of start 5 and 60 of start 6; a page is a byte and a hundred ticks are a second.
    /// Expects what the last count found: `leader processes memory cpu`.
    #[track_caller]
    fn check(worlds: &[&str], expected: &str) {
        let leaders = BTreeMap::from([(50, 5), (60, 6)]);
        let mut tally = Tally::default();
        let mut found = BTreeMap::new();
        for world in worlds {
            let seen: Vec<Seen> = world.split(' ').map(read).collect();
            let units = Units { page: 1, ticks: 100 };
            found = tally.count(&seen, &leaders, Duration::from_secs(1), units);
        }
        let told = found.iter().map(|(leader, usage)| {
            format!("{leader} {} {} {:.2}", usage.processes, usage.memory, usage.cpu)
        });
        assert_eq!(told.collect::<Vec<_>>().join(", "), expected, "{worlds:?}");
    }

    fn read(word: &str) -> Seen {
        let mut numbers = word.trim_end_matches('z').split(['<', '/', '@', ':', '+']);
        let mut next = || numbers.next().map_or(0, |number| number.parse::<u32>().unwrap());
        Seen {
            pid: next(),
            parent: next(),
            group: next(),
            start: next().into(),
            pages: next().into(),
            ticks: next().into(),
            is_dead: word.ends_with('z'),
            is_suspended: false,
        }
    }

    #[test]
    fn a_server_is_counted_with_all_its_group_and_all_that_descends_from_it() {
        check(&["50<1/50@5:10 51<50/50@5:1 52<51/52@7:100 53<52/52@8:1000"], "50 4 1111 0.00");
        check(&["50<1/50@5:10 51<1/50@5:1 70<1/70@7:100"], "50 2 11 0.00");
    }

    #[test]
    fn every_server_has_its_own_count() {
        check(&["50<1/50@5:10 60<1/60@6:20 61<60/61@7:2"], "50 1 10 0.00, 60 2 22 0.00");
    }

    #[test]
    fn who_was_seen_below_a_server_stays_its_own_when_its_parent_leaves() {
        let before = "50<1/50@5:10 51<50/51@6:1";
        check(&[before, "50<1/50@5:10 51<1/51@6:1"], "50 2 11 0.00");
        check(&[before, "50<1/50@5:10 51<1/51@9:1"], "50 1 10 0.00");
    }

    #[test]
    fn the_dead_use_nothing_and_a_number_given_again_is_nobodys() {
        check(&["50<1/50@5:10 51<50/50@6:1z"], "50 1 10 0.00");
        check(&["50<1/50@9:10"], "");
        check(&["70<1/70@9:10"], "");
    }

    #[test]
    fn processor_time_is_what_was_used_since_the_last_count() {
        check(&["50<1/50@5:1+30"], "50 1 1 0.30");
        check(&["50<1/50@5:1+30", "50<1/50@5:1+80 51<50/50@7:1+100"], "50 2 2 1.50");
        check(&["50<1/50@5:1+30", "50<1/50@5:1+30"], "50 1 1 0.00");
    }

    #[test]
    fn a_table_with_a_circle_is_counted_all_the_same() {
        check(&["70<71/70@7:1 71<70/71@7:1 50<1/50@5:10"], "50 1 10 0.00");
    }
}
