//! This file decides when a server has used too much for too long.
//!
//! Pure: time and figures come in as arguments. It replaces nobody.

use conductor_config::RestartAbove;
use tokio::time::Instant;

/// What is remembered of one life's appetite.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Excess {
    since: Option<Instant>,
}

impl Excess {
    /// At `now` it uses so many bytes, none if nobody has looked yet. Whether that has been more
    /// than `rule` allows for as long as it says.
    pub(super) fn is_past(
        &mut self,
        now: Instant,
        memory: Option<u64>,
        rule: &RestartAbove,
    ) -> bool {
        let is_above = rule.memory.is_some_and(|limit| memory.is_some_and(|used| used > limit));
        if !is_above {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) >= rule.lasting
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One word a second: what is used, `-` if nobody knows. More than 100 for 3 s is too much.
    /// Expects the seconds at which it was.
    #[track_caller]
    fn check(memory: Option<u64>, script: &str, expected: &[usize]) {
        let start = Instant::now();
        let rule = RestartAbove { memory, lasting: Duration::from_secs(3) };
        let mut excess = Excess::default();
        let mut past = Vec::new();
        for (second, word) in script.split(' ').enumerate() {
            let now = start + Duration::from_secs(second as u64);
            if excess.is_past(now, word.parse().ok(), &rule) {
                past.push(second);
            }
        }
        assert_eq!(past, expected, "{script}");
    }

    #[test]
    fn too_much_counts_only_when_it_lasts() {
        check(Some(100), "50 101 101 101 101 101", &[4, 5]);
        check(Some(100), "101 101 101 100 101 101 101", &[]);
        check(Some(100), "101 101 - 101 101 101 101", &[6]);
    }

    #[test]
    fn without_a_limit_nothing_is_too_much() {
        check(None, "999 999 999 999 999", &[]);
    }
}
