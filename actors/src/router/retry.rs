//! This file rules on whether a lost call is made once more.
//!
//! Pure: `now` is an argument. A repeat never follows an answer, whatever the answer says, and what
//! a server says about its own tools does not count: only the settings can call a tool harmless.

use std::time::Duration;

use tokio::time::Instant;

use crate::server::{CallFailure, RefusedCall};

/// Repeats earned by one call, in hundredths of a repeat.
const PER_CALL: u64 = 20;
/// Repeats earned by a second, in hundredths of a repeat.
const PER_SECOND: u64 = 100;
/// What can be saved up: ten seconds' worth.
const MOST: u64 = 10 * PER_SECOND;
/// What one repeat costs.
const COST: u64 = 100;

/// Whether a call that ended like this may be made again, budget permitting.
pub(super) fn is_repeatable(failure: &CallFailure, is_harmless: bool) -> bool {
    match failure {
        CallFailure::Lost { sent, .. } => !sent || is_harmless,
        CallFailure::Refused(RefusedCall::Closed) => true,
        CallFailure::Refused(RefusedCall::Busy { .. })
        | CallFailure::Down(_)
        | CallFailure::Crowded { .. }
        | CallFailure::Late { .. }
        | CallFailure::TooLong { .. }
        | CallFailure::Garbled { .. }
        | CallFailure::Throttled { .. }
        | CallFailure::Http { .. } => false,
    }
}

/// How many repeats all calls together may still make: a fifth of the calls and one a second, so
/// that repeats never turn a server's trouble into a flood.
#[derive(Debug)]
pub(super) struct Budget {
    saved: u64,
    since: Instant,
}

impl Budget {
    /// A budget that holds what ten quiet seconds would have earned.
    pub(super) fn new(now: Instant) -> Self {
        Self { saved: MOST, since: now }
    }

    /// A call was made.
    pub(super) fn on_call(&mut self) {
        self.saved = (self.saved + PER_CALL).min(MOST);
    }

    /// Takes one repeat, if there is one left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        self.since += Duration::from_secs(seconds);
        self.saved = self.saved.saturating_add(seconds.saturating_mul(PER_SECOND)).min(MOST);
        let left = self.saved.checked_sub(COST);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Downfall};

    /// A word a step: `call`, `+N` seconds pass, `repeat`. Returns what became of the repeats.
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let start = Instant::now();
        let mut now = start;
        let mut budget = Budget::new(now);
        while budget.take(now) {}
        let mut out = Vec::new();
        for word in script.split(' ') {
            match word {
                "call" => budget.on_call(),
                "repeat" => out.push(if budget.take(now) { "yes" } else { "no" }),
                seconds => now += Duration::from_secs(seconds.parse().unwrap()),
            }
        }
        assert_eq!(out.join(" "), expected, "{script}");
    }

    #[test]
    fn five_calls_or_one_second_earn_one_repeat() {
        check("repeat", "no");
        check("call call call call repeat call repeat repeat", "no yes no");
        check("+1 repeat repeat", "yes no");
        check("+2 repeat repeat repeat", "yes yes no");
    }

    #[test]
    fn what_is_saved_up_has_a_limit() {
        let all = format!("+1000 {}", ["repeat"; 11].join(" "));
        check(&all, &format!("{} no", ["yes"; 10].join(" ")));
    }

    #[test]
    fn only_a_call_that_never_arrived_or_a_harmless_one_is_repeated() {
        let lost = |sent| CallFailure::Lost { downfall: Downfall::silent(Cause::Exited(1)), sent };
        assert!(is_repeatable(&lost(false), false));
        assert!(!is_repeatable(&lost(true), false));
        assert!(is_repeatable(&lost(true), true));
        assert!(!is_repeatable(&CallFailure::TooLong { limit: 1 }, true));
        assert!(!is_repeatable(&CallFailure::Garbled { reason: String::new() }, true));
        assert!(!is_repeatable(&CallFailure::Refused(RefusedCall::Busy { limit: 1 }), true));
        assert!(is_repeatable(&CallFailure::Refused(RefusedCall::Closed), false));
    }
}
