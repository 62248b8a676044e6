//! This file says when a burst of changes is over: after a quiet moment, or when it has gone on for
//! too long to wait for one.
//!
//! Pure.

use std::time::Duration;

use tokio::time::Instant;

/// So long must nothing happen.
pub(super) const QUIET: Duration = Duration::from_millis(250);
/// So long is waited for that at most, for a file that never rests.
pub(super) const LONGEST: Duration = Duration::from_secs(2);

/// A burst of changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    first: Instant,
    last: Instant,
}

impl Burst {
    /// One that begins now.
    pub(super) fn begin(now: Instant) -> Self {
        Self { first: now, last: now }
    }

    /// One more change.
    pub(super) fn touch(&mut self, now: Instant) {
        self.last = self.last.max(now);
    }

    /// When to look at what has become of it.
    pub(super) fn due(&self) -> Instant {
        (self.last + QUIET).min(self.first + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes at these milliseconds are looked at after so many.
    #[track_caller]
    fn check(changes: &[u64], expected: u64) {
        let begin = Instant::now();
        let at = |millis: u64| begin + Duration::from_millis(millis);
        let mut burst = Burst::begin(begin);
        for change in changes {
            burst.touch(at(*change));
        }
        assert_eq!(burst.due(), at(expected), "{changes:?}");
    }

    #[test]
    fn a_burst_is_over_after_a_quiet_moment() {
        check(&[], 250);
        check(&[10, 20, 30], 280);
        check(&[200, 400], 650);
        check(&[400, 200], 650);
    }

    #[test]
    fn one_that_never_rests_is_looked_at_all_the_same() {
        let restless: Vec<u64> = (0..100).map(|step| step * 50).collect();
        check(&restless, 2000);
        check(&[1750], 2000);
    }
}
