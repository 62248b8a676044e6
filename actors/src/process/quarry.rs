//! This file decides which processes are ours to end: those of recorded groups, those that carry
//! the mark, and whatever these have started.
//!
//! Pure: it reads nothing and signals nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Seen;
use super::run::Mark;

/// Whose processes are to end.
#[derive(Debug, Clone)]
pub(super) struct Quarry {
    /// Those that carry this mark.
    pub(super) mark: Mark,
    /// Whether being in a control group of that name is as good; it need not be looked at otherwise.
    pub(super) has_cells: bool,
    /// Those of these groups, each known by its leader's number and start time.
    pub(super) groups: BTreeMap<u32, u64>,
    /// The children of these.
    pub(super) parents: BTreeSet<u32>,
    /// Never these, nor those they descend from.
    pub(super) spared: BTreeSet<u32>,
    /// Nothing that started before this can carry the mark.
    pub(super) since: u64,
}

/// Who of `seen` is to end. `carries` says whether a process carries the mark; `before` are those
/// condemned earlier, by number and start time.
///
/// A recorded group counts only while its leader is there to prove that the number is still its
/// own; a reaped leader's number may be another's.
pub(super) fn condemned(
    quarry: &Quarry,
    seen: &[Seen],
    before: &BTreeMap<u32, u64>,
    carries: impl Fn(u32) -> bool,
) -> Vec<Seen> {
    let starts: BTreeMap<u32, u64> = seen.iter().map(|seen| (seen.pid, seen.start)).collect();
    let proven = |group: &u32| {
        quarry.groups.get(group).is_some_and(|start| starts.get(group) == Some(start))
    };
    let spared = with_ancestors(seen, &quarry.spared);
    let mut doomed: BTreeSet<u32> = BTreeSet::new();
    for process in seen.iter().filter(|seen| !spared.contains(&seen.pid)) {
        let is_ours = before.get(&process.pid) == Some(&process.start)
            || proven(&process.group)
            || quarry.parents.contains(&process.parent)
            || (process.start >= quarry.since && !process.is_dead && carries(process.pid));
        if is_ours {
            doomed.insert(process.pid);
        }
    }
    loop {
        let heirs = seen.iter().filter(|seen| {
            doomed.contains(&seen.parent)
                && !doomed.contains(&seen.pid)
                && !spared.contains(&seen.pid)
        });
        let heirs: Vec<u32> = heirs.map(|seen| seen.pid).collect();
        if heirs.is_empty() {
            break;
        }
        doomed.extend(heirs);
    }
    let alive = seen.iter().filter(|seen| doomed.contains(&seen.pid) && !seen.is_dead);
    alive.copied().collect()
}

fn with_ancestors(seen: &[Seen], of: &BTreeSet<u32>) -> BTreeSet<u32> {
    let parents: BTreeMap<u32, u32> = seen.iter().map(|seen| (seen.pid, seen.parent)).collect();
    let mut all = of.clone();
    for one in of {
        let mut at = *one;
        while let Some(parent) = parents.get(&at).filter(|parent| all.insert(**parent)) {
            at = *parent;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `world` has one word a process: `pid<parent/group@start`, then `*` if it carries the mark
    /// and `z` if it is dead. Group 50 with a leader of start 5 is recorded, 1 and 40 are spared,
    /// and nothing before start 3 can be marked. Expects the numbers of those who are to end.
    #[track_caller]
    fn check(world: &str, before: &[(u32, u64)], expected: &str) {
        let mut marked = BTreeSet::new();
        let read = |word: &str| {
            let numbers: Vec<u64> = word
                .trim_end_matches(['*', 'z'])
                .split(['<', '/', '@'])
                .map(|number| number.parse().unwrap())
                .collect();
            let number = |at: usize| u32::try_from(numbers[at]).unwrap();
            Seen {
                pid: number(0),
                parent: number(1),
                group: number(2),
                start: numbers[3],
                pages: 0,
                ticks: 0,
                is_dead: word.contains('z'),
                is_suspended: false,
            }
        };
        let mut seen = Vec::new();
        for word in world.split(' ') {
            let process = read(word);
            if word.contains('*') {
                marked.insert(process.pid);
            }
            seen.push(process);
        }
        let quarry = Quarry {
            mark: Mark::from("m"),
            has_cells: false,
            groups: BTreeMap::from([(50, 5)]),
            parents: BTreeSet::new(),
            spared: BTreeSet::from([40]),
            since: 3,
        };
        let before = before.iter().copied().collect();
        let doomed = condemned(&quarry, &seen, &before, |pid| marked.contains(&pid));
        let doomed: Vec<String> = doomed.iter().map(|seen| seen.pid.to_string()).collect();
        assert_eq!(doomed.join(" "), expected, "{world}");
    }

    #[test]
    fn a_recorded_group_ends_with_all_its_members() {
        check("1<0/1@0 50<40/50@5 51<50/50@6 52<1/50@7 60<1/60@8", &[], "50 51 52");
    }

    #[test]
    fn a_group_is_known_by_its_dead_leader_too() {
        check("50<40/50@5z 51<1/50@6", &[], "51");
    }

    #[test]
    fn a_number_that_was_given_again_is_not_touched() {
        check("50<1/50@9 51<50/50@9", &[], "");
        check("51<1/50@9", &[], "");
    }

    #[test]
    fn those_who_carry_the_mark_end_whatever_their_group() {
        check("60<1/60@4* 61<1/61@4", &[], "60");
        check("60<1/60@2*", &[], "");
    }

    #[test]
    fn what_they_started_ends_with_them() {
        check("60<1/60@4* 61<60/61@5 62<61/62@6 63<1/63@7", &[], "60 61 62");
        check("62<61/62@6 61<60/61@5 60<1/60@4*", &[], "62 61 60");
    }

    #[test]
    fn those_condemned_once_stay_so_but_not_their_numbers() {
        check("51<1/50@6 52<51/52@7", &[(51, 6)], "51 52");
        check("51<1/50@8", &[(51, 6)], "");
    }

    #[test]
    fn the_hunter_and_its_ancestors_are_spared() {
        check("30<1/30@4* 35<30/35@4* 40<35/40@4* 41<40/41@4*", &[], "41");
    }
}
