//! This file measures how long a call has been waiting for its own caller: that time does not count
//! against the server's.
//!
//! It leaves what is asked of the caller to `asking`, and the deadline to those who wait.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Stands still while a question to the caller is open. Cheap to clone; all clones are one watch. Its hands
/// are made with the first question: most calls have none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopwatch(Arc<OnceLock<watch::Sender<Hands>>>);

#[derive(Debug, Clone, Copy, Default)]
struct Hands {
    /// Questions open, and since when there has been one.
    open: usize,
    since: Option<Instant>,
    /// What earlier questions took.
    paused: Duration,
}

impl Stopwatch {
    /// A watch that runs.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Stops the watch until the returned value is dropped.
    pub(super) fn pause(&self) -> Pause {
        self.0.get_or_init(watch::Sender::default).send_modify(|hands| {
            hands.open += 1;
            hands.since.get_or_insert_with(Instant::now);
        });
        Pause(self.clone())
    }

    /// Since when a question to the caller is open; none if none is.
    pub(super) fn still_since(&self) -> Option<Instant> {
        self.0.get()?.borrow().since
    }

    fn resume(&self) {
        let Some(hands) = self.0.get() else { return };
        hands.send_modify(|hands| {
            hands.open -= 1;
            if hands.open == 0
                && let Some(since) = hands.since.take()
            {
                hands.paused += since.elapsed();
            }
        });
    }

    /// Waits until `deadline` and as long again as the watch has stood still.
    pub(crate) async fn until(&self, deadline: Instant) {
        let mut due = deadline;
        loop {
            sleep_until(due).await;
            let Some(hands) = self.0.get() else { return };
            let mut hands = hands.subscribe();
            let Ok(hands) = hands.wait_for(|hands| hands.open == 0).await else { return };
            if deadline + hands.paused <= due {
                return;
            }
            due = deadline + hands.paused;
        }
    }
}

/// A question is open.
#[derive(Debug)]
pub(super) struct Pause(Stopwatch);

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.resume();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn time_runs_where_nothing_is_asked() {
        let (watch, begun) = (Stopwatch::new(), Instant::now());
        watch.until(begun + 3 * SECOND).await;
        assert_eq!(begun.elapsed(), 3 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn open_questions_stop_it_and_do_not_add_up_while_they_overlap() {
        let (watch, begun) = (Stopwatch::new(), Instant::now());
        let (first, second) = (watch.pause(), watch.pause());
        tokio::spawn(async move {
            tokio::time::sleep(5 * SECOND).await;
            drop(first);
            tokio::time::sleep(5 * SECOND).await;
            drop(second);
        });
        watch.until(begun + 3 * SECOND).await;
        assert_eq!(begun.elapsed(), 13 * SECOND);
    }
}
