//! This file says how long a server that talks to nobody is left unread, so that it costs its
//! neighbours little.
//!
//! Pure: it knows no clock and reads nothing.

use std::time::Duration;

use tokio::time::Instant;

/// So many bytes that nobody waits for may come at once.
const FREE: u64 = 1024 * 1024;
/// Then so many are read at a time, with a pause after each. They are few, for the calls of others may
/// wait on the same processor until they are dealt with.
const STEP: usize = 6 * 1024;
/// The pause. Together with `STEP`: three mebibytes a second, more than any lawful notifications.
const PAUSE: Duration = Duration::from_millis(2);
/// Pauses that took longer are made up for, up to this: timers are late by up to a millisecond.
const SLACK: Duration = Duration::from_millis(10);

/// What one server has said since its last answer.
#[derive(Debug)]
pub(super) struct Pace {
    idle: u64,
    rested: Instant,
}

impl Pace {
    /// Of a server that has said nothing.
    pub(super) fn new(now: Instant) -> Self {
        Self { idle: 0, rested: now }
    }

    /// `bytes` of whole lines came; `answered` if an answer that somebody waits for was among them.
    /// Returns until when not to read on.
    pub(super) fn on_lines(&mut self, bytes: u64, answered: bool, now: Instant) -> Option<Instant> {
        if answered {
            self.idle = 0;
            return None;
        }
        self.idle = self.idle.saturating_add(bytes);
        if self.idle < FREE + STEP as u64 {
            return None;
        }
        self.idle -= STEP as u64;
        self.rested = self.rested.max(now.checked_sub(SLACK).unwrap_or(now)) + PAUSE;
        Some(self.rested)
    }

    /// The most to be read at once, in bytes.
    pub(super) fn room(&self) -> usize {
        if self.idle < FREE { usize::MAX } else { STEP }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it takes to read so many KiB, `most` bytes at a time, with a clock that goes in steps
    /// of a millisecond and is late by up to one.
    fn takes(pace: &mut Pace, kib: u64, most: u64) -> Duration {
        let begun = pace.rested;
        let (mut left, mut now) = (kib * 1024, begun);
        while left > 0 {
            let read = left.min(pace.room() as u64).min(most);
            left -= read;
            if let Some(due) = pace.on_lines(read, false, now)
                && due > now
            {
                now = due + Duration::from_micros(900);
            }
        }
        now - begun
    }

    #[test]
    fn a_flood_is_slowed_down_to_three_mebibytes_a_second() {
        for most in [16 * 1024, 6144, 256] {
            let mut pace = Pace::new(Instant::now());
            assert_eq!(takes(&mut pace, 1024, most), Duration::ZERO);
            let seconds = takes(&mut pace, 120 * 1024, most).as_secs_f64();
            assert!((40.0..41.0).contains(&seconds), "{seconds} s, {most} bytes at a time");
        }
    }

    #[test]
    fn what_came_before_a_rest_is_not_made_up_for() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        assert_eq!(pace.on_lines(FREE, false, begun), None);
        let later = begun + Duration::from_secs(3600);
        let rests = (0..10).filter_map(|_| pace.on_lines(STEP as u64, false, later));
        assert_eq!(rests.filter(|due| *due > later).count(), 5);
    }

    #[test]
    fn an_answer_gives_a_server_its_freedom_back() {
        let mut pace = Pace::new(Instant::now());
        for _ in 0..100 {
            assert_eq!(takes(&mut pace, 1000, 16 * 1024), Duration::ZERO);
            assert_eq!(pace.on_lines(16 * 1024, true, Instant::now()), None);
        }
        assert_eq!(pace.room(), usize::MAX);
    }
}
