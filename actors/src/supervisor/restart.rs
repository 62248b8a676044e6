//! This file rules on what follows when a server's life has ended.
//!
//! Pure: time and chance come in as arguments. It starts and stops nothing.

use std::collections::VecDeque;
use std::time::Duration;

use conductor_config::{RestartPolicy, ServerSpec};
use tokio::time::Instant;

use crate::model::Cause;

/// A program that cannot be started is tried again after this, then twice that, and so on: it will
/// hardly heal by itself, and three tries in the first minute are enough.
const SPAWN_WAIT: Duration = Duration::from_secs(20);

/// A program that the machine had no room for is tried again after this, however often: it is not
/// the program's fault.
const SHORTAGE_WAIT: Duration = Duration::from_secs(1);

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The next life, after a wait.
    RestartAfter(Duration),
    /// Too many restarts: one more try after a long wait.
    GiveUp(Duration),
    /// It ended as it should; nothing follows.
    Rest,
    /// It failed, and nothing follows.
    Fail,
}

/// What is remembered of a server's ends.
#[derive(Debug, Default, Clone)]
pub(super) struct History {
    recent: VecDeque<Instant>,
    in_a_row: u32,
    given_up: bool,
}

impl History {
    /// Records an end at `now` and rules on it. `ready_for` is how long the life took calls, if it
    /// ever did; `chance` is a number from 0 to 1 that spreads the waits of many servers.
    pub(super) fn on_end(
        &mut self,
        now: Instant,
        cause: &Cause,
        ready_for: Option<Duration>,
        spec: &ServerSpec,
        chance: f64,
    ) -> Verdict {
        if matches!(cause, Cause::Shortage(_)) {
            return Verdict::RestartAfter(spread(SHORTAGE_WAIT, chance));
        }
        match (spec.restart, cause) {
            (RestartPolicy::OnFailure, Cause::Exited(0)) => return Verdict::Rest,
            (RestartPolicy::Never, Cause::Exited(0)) => return Verdict::Rest,
            (RestartPolicy::Never, _) => return Verdict::Fail,
            (RestartPolicy::Always | RestartPolicy::OnFailure, _) => {}
        }
        let was_stable = ready_for.is_some_and(|ready| ready >= spec.stable_after);
        if was_stable {
            self.in_a_row = 0;
            self.given_up = false;
        }
        let retry = spread(spec.retry_failed, chance);
        if self.given_up {
            return Verdict::GiveUp(retry);
        }
        if let Cause::Throttled(pause) = cause {
            return Verdict::RestartAfter((*pause).max(spec.backoff.min));
        }
        if matches!(cause, Cause::Spawn(_) | Cause::Denied(_)) {
            let wait = doubled(SPAWN_WAIT, self.in_a_row).min(spec.retry_failed.max(SPAWN_WAIT));
            self.in_a_row = self.in_a_row.saturating_add(1);
            return Verdict::RestartAfter(wait);
        }
        self.recent.retain(|at| now.saturating_duration_since(*at) <= spec.restarts.window);
        if self.recent.len() >= usize::try_from(spec.restarts.max).unwrap_or(usize::MAX) {
            self.given_up = true;
            return Verdict::GiveUp(retry);
        }
        // The first end in a long while says little: whoever took calls is missed at once.
        let is_first = ready_for.is_some() && self.recent.is_empty() && self.in_a_row == 0;
        self.recent.push_back(now);
        if was_stable || is_first {
            return Verdict::RestartAfter(Duration::ZERO);
        }
        let wait = doubled(spec.backoff.min, self.in_a_row).min(spec.backoff.max);
        self.in_a_row = self.in_a_row.saturating_add(1);
        Verdict::RestartAfter(spread(wait, chance))
    }
}

fn doubled(wait: Duration, times: u32) -> Duration {
    wait.saturating_mul(2_u32.saturating_pow(times.min(16)))
}

/// Between half and all of `wait`.
fn spread(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}
