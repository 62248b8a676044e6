//! This file says how long a server that talks to nobody is left unread, so that it costs its
//! neighbours little.
//!
//! Pure: it knows no clock and reads nothing.

use std::time::Duration;

/// So many bytes that nobody waits for may come at once.
const FREE: u64 = 1024 * 1024;
/// After each further so many bytes, there is a pause.
const STEP: u64 = 16 * 1024;
/// The pause. Together with `STEP`: two mebibytes a second, more than any lawful notifications.
const PAUSE: Duration = Duration::from_millis(8);

/// What one server has said since its last answer.
#[derive(Debug, Default)]
pub(super) struct Pace {
    idle: u64,
}

impl Pace {
    /// `bytes` of whole lines came; `answered` if an answer that somebody waits for was among them.
    /// Returns how long not to read on.
    pub(super) fn on_lines(&mut self, bytes: u64, answered: bool) -> Option<Duration> {
        if answered {
            self.idle = 0;
            return None;
        }
        self.idle = self.idle.saturating_add(bytes);
        if self.idle < FREE + STEP {
            return None;
        }
        self.idle -= STEP;
        Some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of pause while so many KiB come in pieces of 16 KiB.
    fn paused(pace: &mut Pace, kib: u64) -> u128 {
        let pauses = (0..kib / 16).filter_map(|_| pace.on_lines(16 * 1024, false));
        pauses.map(|pause| pause.as_millis()).sum()
    }

    #[test]
    fn a_flood_is_slowed_down_to_two_mebibytes_a_second() {
        let mut pace = Pace::default();
        assert_eq!(paused(&mut pace, 1024), 0);
        assert_eq!(paused(&mut pace, 80 * 1024), 80 * 512);
    }

    #[test]
    fn an_answer_gives_a_server_its_freedom_back() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            assert_eq!(paused(&mut pace, 1000), 0);
            assert_eq!(pace.on_lines(16 * 1024, true), None);
        }
    }
}
