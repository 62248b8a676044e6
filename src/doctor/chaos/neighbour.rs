//! This file calls the neighbour again and again, and tells how it did while others went wrong.
//!
//! It leaves what is too slow to `verdict.rs`.

use std::time::Duration;

use conductor_actors::System;
use conductor_config::ServerId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::trial::{Fate, call};

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest that a call may take before it counts as failed.
const LIMIT: Duration = Duration::from_secs(15);

/// One call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    begun: Instant,
    took: Duration,
    answered: bool,
}

/// How the neighbour did during a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Calls that were under way at any moment of it.
    pub(super) calls: usize,
    /// Those of them that brought no answer.
    pub(super) failed: usize,
    /// The longest of them.
    pub(super) slowest: Duration,
}

/// Calls the neighbour until `stop`.
pub(super) async fn visit(system: System, id: ServerId, stop: CancellationToken) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !stop.is_cancelled() {
        let begun = Instant::now();
        let fate = call(&system, &id, "echo", LIMIT).await;
        let answered = matches!(fate, Fate::Answered { .. });
        samples.push(Sample { begun, took: begun.elapsed(), answered });
        sleep(PAUSE).await;
    }
    samples
}

/// What of it was during a trial.
pub(super) fn during(samples: &[Sample], (from, to): (Instant, Instant)) -> Neighbour {
    let meant = samples.iter().filter(|one| one.begun <= to && one.begun + one.took >= from);
    let mut neighbour = Neighbour::default();
    for one in meant {
        neighbour.calls += 1;
        neighbour.failed += usize::from(!one.answered);
        neighbour.slowest = neighbour.slowest.max(one.took);
    }
    neighbour
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_during_a_trial_counts_for_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let sample = |begun, took, answered| Sample {
            begun: at(begun),
            took: Duration::from_millis(took),
            answered,
        };
        let samples = [sample(0, 10, false), sample(90, 30, true), sample(200, 5, false)];
        let slowest = Duration::from_millis(30);
        let found = during(&samples, (at(100), at(150)));
        assert_eq!(found, Neighbour { calls: 1, failed: 0, slowest });
        let found = during(&samples, (at(0), at(300)));
        assert_eq!(found, Neighbour { calls: 3, failed: 2, slowest });
    }
}
