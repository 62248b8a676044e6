//! This file is what a daemon tells its guard: one line a fact.
//!
//! Pure. Acting on it is the business of `guard` and `guard_main`.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::run::Mark;

/// One line to the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A group was started, with the start time of its leader.
    Add { group: u32, start: u64 },
    /// A group is gone.
    Remove { group: u32 },
    /// The daemon ends in order and has left nothing behind.
    Bye,
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { group, start } => write!(f, "+{group} {start}"),
            Self::Remove { group } => write!(f, "-{group}"),
            Self::Bye => f.write_str("bye"),
        }
    }
}

/// What the guard is started with, so that it knows the most important even if the daemon is killed
/// in the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Charge {
    /// What everything of this run carries.
    pub(super) mark: Mark,
    /// The time before which nothing of it started, in ticks since the machine did.
    pub(super) since: u64,
}

impl Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mark, self.since)
    }
}

impl Charge {
    /// Reads what `Display` wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mark, since) = text.split_once(' ')?;
        let is_mark = mark.len() == 32 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_mark.then_some(Self { mark: Mark::from(mark), since: since.parse().ok()? })
    }
}

/// What the guard is told while it waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    pub(super) groups: BTreeMap<u32, u64>,
    pub(super) is_closed: bool,
}

impl Book {
    /// Takes over a line. One that is not understood changes nothing.
    pub(super) fn read(&mut self, line: &str) {
        match parse(line) {
            Some(Line::Add { group, start }) => drop(self.groups.insert(group, start)),
            Some(Line::Remove { group }) => drop(self.groups.remove(&group)),
            Some(Line::Bye) => self.is_closed = true,
            None => {}
        }
    }
}

/// The lines that bring a guard from `told` to `now`.
pub(super) fn news(told: &BTreeMap<u32, u64>, now: &BTreeMap<u32, u64>) -> Vec<Line> {
    let gone = told.keys().filter(|group| !now.contains_key(group));
    let added = now.iter().filter(|(group, start)| told.get(group) != Some(start));
    gone.map(|group| Line::Remove { group: *group })
        .chain(added.map(|(group, start)| Line::Add { group: *group, start: *start }))
        .collect()
}

fn parse(line: &str) -> Option<Line> {
    if line == "bye" {
        return Some(Line::Bye);
    }
    if let Some(group) = line.strip_prefix('-') {
        return Some(Line::Remove { group: group.parse().ok()? });
    }
    let (group, start) = line.strip_prefix('+')?.split_once(' ')?;
    Some(Line::Add { group: group.parse().ok()?, start: start.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(lines: &str, groups: &[(u32, u64)], is_closed: bool) {
        let mut book = Book::default();
        lines.split(", ").for_each(|line| book.read(line));
        let groups = groups.iter().copied().collect();
        assert_eq!(book, Book { groups, is_closed }, "{lines}");
    }

    #[test]
    fn groups_come_and_go() {
        check("+5 50, +6 60, -5", &[(6, 60)], false);
        check("+5 50, +5 51, -7, bye", &[(5, 51)], true);
    }

    #[test]
    fn what_is_not_understood_changes_nothing() {
        check("+5 50, +, -, + 5, +x 1, -x, Bye, , hello", &[(5, 50)], false);
    }

    #[test]
    fn a_charge_is_read_as_it_was_written_and_nothing_else_is_one() {
        let charge = Charge { mark: Mark::from("0123456789abcdef0123456789abcdef"), since: 7 };
        let text = charge.to_string();
        assert_eq!(Charge::parse(&text), Some(charge));
        for wrong in ["", " 7", "0123 7", &text[..32], &text.replace('0', "x"), &text[..33]] {
            assert_eq!(Charge::parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn news_bring_a_guard_up_to_date(
            told in prop::collection::btree_map(1_u32..20, 0_u64..3, 0..10),
            now in prop::collection::btree_map(1_u32..20, 0_u64..3, 0..10),
        ) {
            let mut book = Book { groups: told.clone(), ..Book::default() };
            news(&told, &now).iter().for_each(|line| book.read(&line.to_string()));
            prop_assert_eq!(book.groups, now);
        }
    }
}
