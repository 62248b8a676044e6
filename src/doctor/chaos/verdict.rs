//! This file says whether what was seen in a trial is as it should be.
//!
//! Pure.

use std::time::Duration;

use serde::Serialize;

use super::bounds::Bound;
use super::card::seconds;
use super::neighbour::Neighbour;
use super::trial::{Fate, Seen};

/// A neighbour that takes longer than this is held up.
const SLOW: Duration = Duration::from_secs(1);

/// What a busy machine may take longer for anything.
const SLACK: Duration = Duration::from_millis(500);

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should.
    Good,
    /// Slower than it should; a busy machine does that too.
    Slow,
    /// Not as it should.
    Bad,
}

impl Grade {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Bad => "BAD",
        }
    }
}

/// The grade, and why it is no better; also what is worth knowing about a good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) grade: Grade,
    pub(crate) reasons: Vec<String>,
}

impl Verdict {
    fn worse(&mut self, grade: Grade, reason: String) {
        self.grade = self.grade.max(grade);
        self.reasons.push(reason);
    }
}

/// Judges what was seen, and how the neighbour did meanwhile.
pub(crate) fn verdict(seen: &Seen, bound: &Bound, neighbour: &Neighbour) -> Verdict {
    let mut verdict = Verdict { grade: Grade::Good, reasons: Vec::new() };
    match bound.noticed {
        Some(limit) => mended(&mut verdict, seen, bound, limit),
        None => survived(&mut verdict, seen),
    }
    let hung = seen.calls.iter().filter(|fate| matches!(fate, Fate::Hung { .. })).count();
    if hung > 0 {
        let limit = seconds(bound.call);
        verdict.worse(Grade::Bad, format!("{hung} calls had neither answer nor error for {limit}"));
    }
    if seen.left > 0 {
        verdict.worse(Grade::Bad, format!("{} processes of earlier lives are left", seen.left));
    }
    if neighbour.failed > 0 {
        let (failed, calls) = (neighbour.failed, neighbour.calls);
        verdict.worse(Grade::Bad, format!("{failed} of {calls} calls of the neighbour failed"));
    }
    if neighbour.slowest > SLOW {
        let slowest = seconds(neighbour.slowest);
        verdict.worse(Grade::Slow, format!("a call of the neighbour took {slowest}"));
    }
    verdict
}

/// By more than a fifth and what a busy machine takes.
fn is_late(time: Duration, limit: Duration) -> bool {
    time > limit + limit / 5 + SLACK
}

/// A fault that costs the life of a server.
fn mended(verdict: &mut Verdict, seen: &Seen, bound: &Bound, limit: Duration) {
    let Some(noticed) = seen.noticed else {
        let reason = format!("it was not noticed; it should have been within {}", seconds(limit));
        return verdict.worse(Grade::Bad, reason);
    };
    if is_late(noticed, limit) {
        let reason = format!("it was noticed late: within {} it should", seconds(limit));
        verdict.worse(Grade::Slow, reason);
    }
    match (bound.back, seen.back) {
        (None, _) => verdict
            .reasons
            .push("it stays down, as its settings say (`restart`, `restarts.max`)".to_owned()),
        (Some(limit), None) => verdict.worse(
            Grade::Bad,
            format!("it did not come back; it should have within {}", seconds(limit)),
        ),
        (Some(limit), Some(back)) if is_late(back, limit) => {
            let reason = format!("it came back late: within {} it should", seconds(limit));
            verdict.worse(Grade::Slow, reason);
        }
        (Some(_), Some(_)) => {}
    }
}

/// A fault that a server survives.
fn survived(verdict: &mut Verdict, seen: &Seen) {
    if seen.noticed.is_some() {
        let why = seen.why.as_deref().unwrap_or("ended");
        verdict.worse(Grade::Bad, format!("it {why}, and should have gone on"));
    }
    match seen.calls.first() {
        Some(Fate::Failed { reason: "timeout", .. }) => {
            verdict.reasons.push("the answer takes longer than `timeout` allows".to_owned());
        }
        Some(Fate::Failed { reason, .. }) => {
            verdict.worse(Grade::Bad, format!("the answer was lost: {reason}"));
        }
        Some(Fate::Answered { .. } | Fate::Hung { .. }) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn fine() -> (Seen, Bound, Neighbour) {
        let now = Instant::now();
        let calls = vec![
            Fate::Failed { after_ms: 3, reason: "connection_lost" },
            Fate::Answered { after_ms: 200 },
        ];
        let seen = Seen {
            span: (now, now),
            noticed: Some(S),
            why: Some("was killed by signal 9".to_owned()),
            back: Some(S * 2),
            calls,
            left: 0,
        };
        let bound = Bound { noticed: Some(S * 2), back: Some(S * 3), call: S * 65 };
        (seen, bound, Neighbour { calls: 9, failed: 0, slowest: S / 100 })
    }

    #[track_caller]
    fn check(
        change: impl FnOnce(&mut Seen, &mut Bound, &mut Neighbour),
        grade: Grade,
        words: &str,
    ) {
        let (mut seen, mut bound, mut neighbour) = fine();
        change(&mut seen, &mut bound, &mut neighbour);
        let verdict = verdict(&seen, &bound, &neighbour);
        assert_eq!(verdict.grade, grade, "{verdict:?}");
        assert!(verdict.reasons.join("; ").contains(words), "{verdict:?}");
    }

    #[test]
    fn a_server_that_is_noticed_and_comes_back_in_time_is_good() {
        check(|_, _, _| {}, Grade::Good, "");
        check(|seen, _, _| seen.noticed = None, Grade::Bad, "not noticed; it should");
        check(|seen, _, _| seen.noticed = Some(S * 3), Grade::Slow, "noticed late: within 2.0 s");
        check(|seen, _, _| seen.back = None, Grade::Bad, "did not come back");
        check(|seen, _, _| seen.back = Some(S * 5), Grade::Slow, "came back late");
        check(|_, bound, _| bound.back = None, Grade::Good, "stays down");
    }

    #[test]
    fn a_hung_call_a_left_process_and_a_disturbed_neighbour_are_told() {
        let hung = Fate::Hung { after_ms: 65_000 };
        check(|seen, _, _| seen.calls.push(hung), Grade::Bad, "1 calls had neither");
        check(|seen, _, _| seen.left = 2, Grade::Bad, "2 processes");
        check(|_, _, other| other.failed = 1, Grade::Bad, "1 of 9 calls of the neighbour");
        check(|_, _, other| other.slowest = S * 2, Grade::Slow, "took 2.0 s");
    }

    #[test]
    fn a_server_that_should_survive_does() {
        let survive = |calls: Vec<Fate>, over: bool| {
            move |seen: &mut Seen, bound: &mut Bound, _: &mut Neighbour| {
                bound.noticed = None;
                bound.back = None;
                seen.noticed = over.then_some(S);
                seen.calls = calls;
            }
        };
        let failed = |reason| vec![Fate::Failed { after_ms: 1, reason }];
        let answered = vec![Fate::Answered { after_ms: 1 }];
        check(survive(answered.clone(), false), Grade::Good, "");
        check(survive(answered, true), Grade::Bad, "was killed by signal 9, and should");
        check(survive(failed("timeout"), false), Grade::Good, "longer than `timeout`");
        check(survive(failed("bad_answer"), false), Grade::Bad, "lost: bad_answer");
    }
}
