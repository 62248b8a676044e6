//! This file decides when a server writes so much garbage that it counts as degraded.
//!
//! Pure: time and counts come in as arguments.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How far back lines are counted.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// More lines than this within the window are too many.
const LINES_MAX: u64 = 1000;
/// Once there were too many, it counts as over when fewer than this are left.
const LINES_QUIET: u64 = 100;

/// The lines of one life that were no messages, as far back as the window.
#[derive(Debug)]
pub(super) struct Noise {
    /// When it was looked, and how many there were in all.
    counts: VecDeque<(Instant, u64)>,
    is_loud: bool,
}

impl Noise {
    /// Begins at `now`, with so many lines from before that do not count.
    pub(super) fn since(now: Instant, total: u64) -> Self {
        Self { counts: VecDeque::from([(now, total)]), is_loud: false }
    }

    /// At `now` there have been `total` lines. Whether there are too many of them, if that has
    /// changed.
    pub(super) fn on_count(&mut self, now: Instant, total: u64) -> Option<bool> {
        self.counts.push_back((now, total));
        // The newest count that is not within the window is what lines are counted from.
        while self.counts.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.counts.pop_front();
        }
        let lines = self.lines();
        let is_loud = lines > LINES_MAX || (self.is_loud && lines >= LINES_QUIET);
        let changed = is_loud != std::mem::replace(&mut self.is_loud, is_loud);
        changed.then_some(is_loud)
    }

    /// Lines within the window.
    pub(super) fn lines(&self) -> u64 {
        match (self.counts.front(), self.counts.back()) {
            (Some((_, first)), Some((_, last))) => last.saturating_sub(*first),
            _ => 0,
        }
    }

    /// Whether there are too many.
    pub(super) fn is_loud(&self) -> bool {
        self.is_loud
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One number a second: how many lines were written in it. `7x20` stands for twenty such
    /// seconds. Expects when it began (`+`) and ended (`-`) to be too much.
    #[track_caller]
    fn check(script: &str, expected: &str) {
        let start = Instant::now();
        let mut noise = Noise::since(start, 5000);
        let (mut total, mut second, mut told) = (5000, 0, Vec::new());
        for word in script.split(' ') {
            let (lines, times) = word.split_once('x').unwrap_or((word, "1"));
            for _ in 0..times.parse::<u32>().unwrap() {
                second += 1;
                total += lines.parse::<u64>().unwrap();
                match noise.on_count(start + Duration::from_secs(second), total) {
                    Some(true) => told.push(format!("+{second}")),
                    Some(false) => told.push(format!("-{second}")),
                    None => {}
                }
            }
        }
        assert_eq!(told.join(" "), expected, "{script}");
        assert!(noise.counts.len() <= 12, "{}", noise.counts.len());
    }

    #[test]
    fn over_a_thousand_lines_within_ten_seconds_are_too_many() {
        check("1000x1 0x20", "");
        check("1001x1", "+1");
        check("100x60", "");
        check("101x10", "+10");
        check("600 0x8 600", "+10");
        check("600 0x10 600", "");
    }

    #[test]
    fn it_is_over_when_it_stops_and_not_each_time_it_is_a_little_less() {
        check("2000 0x30", "+1 -11");
        check("150x10 90x60", "+7");
        check("150x10 9x60", "+7 -20");
        check("2000 0x12 2000", "+1 -11 +14");
    }
}
