//! This file names one run of the daemon, and the mark that everything started in it carries.
//!
//! Pure but for drawing the name; who is looked for by the mark is said elsewhere.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// The variable that holds the mark.
const VARIABLE: &str = "CONDUCTOR_RUN";

/// One run of the daemon: 128 random bits in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run(String);

impl Run {
    /// A name that no other run has. `None` if the system has no random numbers.
    pub(super) fn draw() -> Option<Self> {
        let mut bits = [0_u8; 16];
        SystemRandom::new().fill(&mut bits).ok()?;
        Some(Self(bits.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The mark of everything started in this run.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.0.clone())
    }

    /// The mark of the `number`th child of this run, and of all that it starts.
    pub(super) fn mark_of_child(&self, number: u64) -> Mark {
        Mark(format!("{}.{number}", self.0))
    }
}

/// A mark in the environment of processes. Children inherit it whatever group or session they
/// move to; it is lost only to those that empty their environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark(String);

impl Mark {
    /// The variable that carries it, and its value.
    pub(super) fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.0)
    }

    /// The name of the directory that holds the cells of a run.
    pub(super) fn folder(&self) -> String {
        let run = self.0.split('.').next().unwrap_or_default();
        format!("conductor-{run}")
    }

    /// The name of a child's cell in it; a run as such has none.
    pub(super) fn cell(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, number)| number)
    }

    /// Whether a process whose control groups the system shows so is in the cell of the mark, or in
    /// one below it.
    pub(super) fn holds(&self, cgroups: &str) -> bool {
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        let (folder, cell) = (self.folder(), self.cell());
        let mut below = path.split('/').skip_while(|name| *name != folder);
        below.next().is_some() && cell.is_none_or(|cell| below.next() == Some(cell))
    }

    /// Whether an environment, as the system shows it, carries the mark or one below it.
    pub(super) fn is_in(&self, environment: &[u8]) -> bool {
        environment.split(|byte| *byte == 0).any(|entry| {
            let value = entry.strip_prefix(VARIABLE.as_bytes());
            let value = value.and_then(|value| value.strip_prefix(b"="));
            let rest = value.and_then(|value| value.strip_prefix(self.0.as_bytes()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Mark {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mark: &str, environment: &str, expected: bool) {
        assert_eq!(Mark::from(mark).is_in(environment.as_bytes()), expected, "{environment:?}");
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        check("ab", "CONDUCTOR_RUN=ab\0PATH=/bin\0", true);
        check("ab", "PATH=/bin\0CONDUCTOR_RUN=ab\0", true);
        check("ab", "CONDUCTOR_RUN=ab.7\0", true);
        check("ab.7", "CONDUCTOR_RUN=ab.7\0", true);
    }

    #[test]
    fn what_only_looks_like_the_mark_is_none() {
        check("ab.7", "CONDUCTOR_RUN=ab.70\0", false);
        check("ab.7", "CONDUCTOR_RUN=ab\0", false);
        check("ab", "CONDUCTOR_RUN=abc\0", false);
        check("ab", "OLD_CONDUCTOR_RUN=ab\0", false);
        check("ab", "X=CONDUCTOR_RUN=ab\0", false);
        check("ab", "", false);
    }

    #[track_caller]
    fn check_cell(mark: &str, cgroups: &str, expected: bool) {
        assert_eq!(Mark::from(mark).holds(cgroups), expected, "{mark} {cgroups:?}");
    }

    #[test]
    fn a_cell_is_known_by_run_and_number() {
        check_cell("ab", "8:pids:/x\n0::/a.slice/conductor-ab/7\n", true);
        check_cell("ab", "0::/conductor-ab\n", true);
        check_cell("ab.7", "0::/conductor-ab/7\n", true);
        check_cell("ab.7", "0::/conductor-ab/7/inner/group\n", true);
        check_cell("ab.7", "0::/conductor-ab/70\n", false);
        check_cell("ab.7", "0::/conductor-ab\n", false);
        check_cell("ab", "0::/conductor-abc/7\n", false);
        check_cell("ab", "8:pids:/conductor-ab/7\n0::/\n", false);
        check_cell("ab", "", false);
    }

    #[test]
    fn no_two_runs_have_the_same_name() {
        let (one, other) = (Run::draw().unwrap(), Run::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.mark().variable().1.len(), 32);
    }
}
