//! This file is the report card: a line for each trial, and what is to be said about it.
//!
//! Pure.

use std::time::Duration;

use serde::Serialize;

use super::neighbour::Neighbour;
use super::trial::{Fate, Seen};
use super::verdict::{Grade, Verdict};
use crate::sample_server::Fault;

/// All trials.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Card {
    /// Trials that did not go as they should.
    pub(crate) bad: usize,
    /// Processes that are left after everything was stopped.
    pub(crate) left: usize,
    pub(crate) trials: Vec<Line>,
}

/// One trial.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    server: String,
    fault: Fault,
    grade: Grade,
    reasons: Vec<String>,
    noticed_ms: Option<u64>,
    /// How the end of the life is told.
    why: Option<String>,
    back_ms: Option<u64>,
    calls: Vec<Fate>,
    neighbour: Beside,
    left: usize,
}

/// How the neighbour did.
#[derive(Debug, Clone, Serialize)]
struct Beside {
    calls: usize,
    failed: usize,
    slowest_ms: u64,
}

impl Card {
    /// Adds the lines of one round, after which so many processes were `left`.
    pub(crate) fn add(&mut self, lines: Vec<Line>, left: usize) {
        self.bad += lines.iter().filter(|line| line.grade == Grade::Bad).count();
        self.left += left;
        self.trials.extend(lines);
    }

    /// Whether everything went as it should.
    pub(crate) fn is_good(&self) -> bool {
        self.bad == 0 && self.left == 0
    }

    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<[String; 7]> {
        self.trials.iter().map(Line::row).collect()
    }

    /// What is said below the table.
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for line in &self.trials {
            let told =
                |reason: &String| format!("{}, {}: {reason}", line.server, line.fault.as_str());
            lines.extend(line.reasons.iter().map(told));
        }
        if self.left > 0 {
            lines.push(format!("{} processes are left after everything was stopped", self.left));
        }
        let all = self.trials.len();
        lines.push(match self.bad {
            0 => format!("all {all} trials went as they should, {} processes left", self.left),
            bad => format!("{bad} of {all} trials did not go as they should"),
        });
        lines.join("\n")
    }
}

impl Line {
    pub(super) fn new(
        (server, fault): (String, Fault),
        seen: Seen,
        verdict: Verdict,
        neighbour: Neighbour,
    ) -> Self {
        Self {
            server,
            fault,
            grade: verdict.grade,
            reasons: verdict.reasons,
            noticed_ms: seen.noticed.map(millis),
            why: seen.why,
            back_ms: seen.back.map(millis),
            calls: seen.calls,
            neighbour: Beside {
                calls: neighbour.calls,
                failed: neighbour.failed,
                slowest_ms: millis(neighbour.slowest),
            },
            left: seen.left,
        }
    }

    fn row(&self) -> [String; 7] {
        let time = |ms: Option<u64>| {
            ms.map_or_else(|| "-".to_owned(), |ms| seconds(Duration::from_millis(ms)))
        };
        let beside = &self.neighbour;
        let beside = match beside.failed {
            0 => format!("{} answered, {} at most", beside.calls, time(Some(beside.slowest_ms))),
            failed => format!("{failed} of {} failed", beside.calls),
        };
        [
            self.server.clone(),
            self.fault.as_str().to_owned(),
            self.grade.as_str().to_owned(),
            time(self.noticed_ms),
            time(self.back_ms),
            told(&self.calls),
            beside,
        ]
    }
}

/// Calls in a few words: how many were answered, and why the others were not.
fn told(calls: &[Fate]) -> String {
    let answered = calls.iter().filter(|fate| matches!(fate, Fate::Answered { .. })).count();
    let hung = calls.iter().filter(|fate| matches!(fate, Fate::Hung { .. })).count();
    let mut reasons: Vec<&str> = calls
        .iter()
        .filter_map(|fate| match fate {
            Fate::Failed { reason, .. } => Some(*reason),
            Fate::Answered { .. } | Fate::Hung { .. } => None,
        })
        .collect();
    let failed = reasons.len();
    reasons.dedup();
    let mut parts = vec![format!("{answered} answered")];
    if failed > 0 {
        parts.push(format!("{failed} failed ({})", reasons.join(", ")));
    }
    if hung > 0 {
        parts.push(format!("{hung} HUNG"));
    }
    parts.join(", ")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time as people read it.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{:.1} s", time.as_secs_f64()),
        more => format!("{more} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_in_a_few_words() {
        let answered = Fate::Answered { after_ms: 1 };
        let failed = |reason| Fate::Failed { after_ms: 1, reason };
        assert_eq!(told(&[answered, answered]), "2 answered");
        assert_eq!(
            told(&[failed("connection_lost"), failed("timeout"), answered]),
            "1 answered, 2 failed (connection_lost, timeout)"
        );
        assert_eq!(told(&[Fate::Hung { after_ms: 1 }]), "0 answered, 1 HUNG");
    }

    #[test]
    fn times_are_as_fine_as_they_matter() {
        let told = |ms| seconds(Duration::from_millis(ms));
        assert_eq!([told(4), told(1_250), told(65_400)], ["4 ms", "1.2 s", "65 s"]);
    }

    #[test]
    fn a_process_that_is_left_is_bad_whatever_the_trials_say() {
        let mut card = Card::default();
        card.add(Vec::new(), 0);
        assert!(card.is_good());
        card.add(Vec::new(), 1);
        assert!(!card.is_good() && card.text().contains("1 processes are left"), "{}", card.text());
    }
}
