//! This file says how long a fault may take to be noticed and mended, by an entry's own settings.
//!
//! Pure.

use std::time::Duration;

use conductor_config::{RestartPolicy, ServerSpec};

use crate::sample_server::Fault;

/// The end of a process is seen at once; this is for busy machines.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A stand-in is up this long after its start, on a busy machine too.
const START: Duration = Duration::from_secs(10);
/// How much later than its limit a call may end before it counts as hung.
const LATE: Duration = Duration::from_secs(5);

/// How long things may take from the moment of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Until it is noticed; none if there is nothing to notice: the server goes on.
    pub(crate) noticed: Option<Duration>,
    /// Until the next life answers; none if the settings want no next life.
    pub(crate) back: Option<Duration>,
    /// Until a call that is under way has ended in whatever way.
    pub(crate) call: Duration,
}

impl Bound {
    /// Until all of it is over.
    pub(crate) fn whole(&self) -> Duration {
        let life = self.back.or(self.noticed).unwrap_or_default();
        life.max(self.call)
    }
}

/// How long `fault` may take with an entry's settings.
pub(crate) fn bound(fault: Fault, spec: &ServerSpec) -> Bound {
    let noticed = match fault {
        Fault::Kill => Some(AT_ONCE),
        Fault::Stop => Some(silence(spec)),
        // A server that owes an answer may be busy with it, until that is overdue.
        Fault::HalfLine | Fault::Flood => Some(silence(spec).max(overdue(spec))),
        Fault::Garbage | Fault::SlowDrip => None,
    };
    let returns = spec.restart != RestartPolicy::Never && spec.restarts.max > 0;
    let back = noticed.filter(|_| returns);
    Bound {
        noticed,
        back: back.map(|noticed| noticed + spec.backoff.min + START),
        call: spec.timeout + LATE,
    }
}

/// Until a server that says nothing has missed as many answers as it may. The first question may
/// come two intervals after its last word: within the first one it has proved to be alive.
fn silence(spec: &ServerSpec) -> Duration {
    let heartbeat = spec.heartbeat;
    heartbeat.interval * 2
        + between_questions(spec) * heartbeat.misses.saturating_sub(1)
        + heartbeat.timeout
}

/// Until the first missed answer after a call has run out of time.
fn overdue(spec: &ServerSpec) -> Duration {
    spec.timeout + between_questions(spec) + spec.heartbeat.timeout
}

/// One question at a time: a slow time-out makes the next one wait for a later interval.
fn between_questions(spec: &ServerSpec) -> Duration {
    let heartbeat = spec.heartbeat;
    let intervals = heartbeat.timeout.as_nanos().div_ceil(heartbeat.interval.as_nanos().max(1));
    heartbeat.interval * u32::try_from(intervals).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::sample_spec;
    use super::*;

    /// `noticed back call` in seconds, with these lines in the settings.
    #[track_caller]
    fn check(fault: Fault, settings: &str, expected: &str) {
        let bound = bound(fault, &sample_spec(settings));
        let told = |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{time:?}"));
        let got = format!("{} {} {:?}", told(bound.noticed), told(bound.back), bound.call);
        assert_eq!(got, expected, "{fault:?}");
    }

    #[test]
    fn the_defaults_notice_a_frozen_server_within_about_a_minute() {
        check(Fault::Kill, "", "1s 11.5s 65s");
        check(Fault::Stop, "", "65s 75.5s 65s");
        check(Fault::HalfLine, "", "80s 90.5s 65s");
        check(Fault::Flood, "", "80s 90.5s 65s");
        check(Fault::Garbage, "", "- - 65s");
        check(Fault::SlowDrip, "", "- - 65s");
    }

    #[test]
    fn an_entrys_own_settings_count() {
        let fast =
            "heartbeat = { interval = '1s', timeout = '2500ms', misses = 2 }\ntimeout = '4s'";
        check(Fault::Stop, fast, "7.5s 18s 9s");
        check(Fault::Flood, fast, "9.5s 20s 9s");
        check(Fault::Kill, "restart = 'never'", "1s - 65s");
        check(Fault::Kill, "restarts = { max = 0 }", "1s - 65s");
        let slow = bound(Fault::Stop, &sample_spec("timeout = '10m'"));
        assert_eq!(slow.whole(), Duration::from_secs(605));
    }
}
