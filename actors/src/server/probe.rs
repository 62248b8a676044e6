//! This file decides when a server is asked whether it lives, and when its silence is too long.
//!
//! Pure: it knows no clock and sends nothing.

use conductor_config::Heartbeat;
use tokio::time::Instant;

/// What is seen of a server at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    /// When it last said anything at all.
    pub(super) heard_at: Instant,
    /// Calls that it owes an answer to, each within its own deadline.
    pub(super) in_flight: usize,
    /// Whether its process is suspended, so that it cannot be busy with those calls.
    pub(super) suspended: bool,
    /// Whether a call that it was given after it last said something has passed its deadline, so
    /// that being busy is no excuse any more.
    pub(super) overdue: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulse {
    /// It lives: tell so.
    Beat,
    /// Ask it.
    Ask,
    /// It missed this many answers in a row; still give it time.
    Missed(u32),
    /// It is to be replaced.
    Lost,
    /// Nothing.
    Wait,
}

/// The heartbeat of one life of one server.
#[derive(Debug)]
pub(super) struct Probe {
    settings: Heartbeat,
    misses: u32,
    asking: bool,
}

impl Probe {
    pub(super) fn new(settings: Heartbeat) -> Self {
        Self { settings, misses: 0, asking: false }
    }

    /// Whether it missed its last answer.
    pub(super) fn is_missing(&self) -> bool {
        self.misses > 0
    }

    /// One interval has passed. Whatever a server said in it proves that it lives, so a busy one
    /// is not asked in vain.
    pub(super) fn on_tick(&mut self, now: Instant, sight: Sight) -> Pulse {
        if self.asking {
            return Pulse::Wait;
        }
        if now.saturating_duration_since(sight.heard_at) < self.settings.interval {
            self.misses = 0;
            return Pulse::Beat;
        }
        self.asking = true;
        Pulse::Ask
    }

    /// The question was answered, in whatever way.
    pub(super) fn on_answer(&mut self) -> Pulse {
        self.asking = false;
        self.misses = 0;
        Pulse::Beat
    }

    /// The question was not answered in time. A server with one thread answers nothing during a
    /// long lawful call, so while it owes answers its silence alone never condemns it, until one of
    /// them is overdue.
    pub(super) fn on_silence(&mut self, asked_at: Instant, sight: Sight) -> Pulse {
        self.asking = false;
        if sight.heard_at > asked_at {
            self.misses = 0;
            return Pulse::Beat;
        }
        self.misses = self.misses.saturating_add(1);
        let busy = sight.in_flight > 0 && !sight.suspended && !sight.overdue;
        if self.misses >= self.settings.misses && !busy {
            Pulse::Lost
        } else {
            Pulse::Missed(self.misses)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Runs a script of one word per interval of 10 s: `heard`, `answer`, or `silence` with the
    /// number of calls in flight, with `!` for a suspended process, with `?` if one of the calls is
    /// overdue. Returns what was decided.
    fn run(script: &str) -> String {
        let start = Instant::now();
        let settings = Heartbeat {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            misses: 3,
        };
        let mut probe = Probe::new(settings);
        let mut heard_at = start;
        let mut out = Vec::new();
        for (step, word) in script.split(' ').enumerate() {
            let now = start + Duration::from_secs(10 * (step as u64 + 1));
            if word == "heard" {
                heard_at = now;
            }
            let suspended = word.ends_with('!');
            let overdue = word.ends_with('?');
            let in_flight = word.trim_end_matches(['!', '?']).trim_start_matches("silence").parse();
            let in_flight = in_flight.unwrap_or(0);
            let sight = Sight { heard_at, in_flight, suspended, overdue };
            let pulse = match probe.on_tick(now, sight) {
                Pulse::Ask if word == "answer" => {
                    heard_at = now;
                    probe.on_answer()
                }
                Pulse::Ask => probe.on_silence(now, sight),
                other => other,
            };
            out.push(format!("{pulse:?}"));
        }
        out.join(" ")
    }

    #[track_caller]
    fn check(script: &str, expected: &str) {
        assert_eq!(run(script), expected, "{script}");
    }

    #[test]
    fn whatever_is_heard_counts_as_a_beat() {
        check("heard heard answer", "Beat Beat Beat");
    }

    #[test]
    fn silence_is_counted_and_condemns_at_the_limit() {
        check("heard silence silence silence", "Beat Missed(1) Missed(2) Lost");
        check("silence silence answer silence", "Missed(1) Missed(2) Beat Missed(1)");
    }

    #[test]
    fn a_server_that_owes_answers_is_given_time_unless_it_is_suspended() {
        check("silence1 silence1 silence1 silence1", "Missed(1) Missed(2) Missed(3) Missed(4)");
        check("silence1 silence1 silence1 silence0", "Missed(1) Missed(2) Missed(3) Lost");
        check("silence1! silence1! silence1!", "Missed(1) Missed(2) Lost");
    }

    #[test]
    fn a_server_that_lets_calls_run_out_is_not_saved_by_the_next_ones() {
        check("silence9? silence9? silence9?", "Missed(1) Missed(2) Lost");
        check("silence9 silence9 silence9 silence9?", "Missed(1) Missed(2) Missed(3) Lost");
    }

    #[test]
    fn one_question_at_a_time() {
        let settings = Heartbeat {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(50),
            misses: 3,
        };
        let mut probe = Probe::new(settings);
        let start = Instant::now();
        let sight = Sight { heard_at: start, in_flight: 0, suspended: false, overdue: false };
        assert_eq!(probe.on_tick(start + Duration::from_secs(10), sight), Pulse::Ask);
        assert_eq!(probe.on_tick(start + Duration::from_secs(20), sight), Pulse::Wait);
    }

    #[test]
    fn anything_said_after_the_question_answers_it() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut probe = Probe::new(Heartbeat {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            misses: 1,
        });
        let sight = Sight { heard_at: later, in_flight: 0, suspended: false, overdue: false };
        assert_eq!(probe.on_silence(start, sight), Pulse::Beat);
    }
}
