//! This file starts router and merger anew when they fail, so that a fault in one of them costs
//! callers a moment and not the servers.
//!
//! Neither knows anything that the supervisor could not tell it again. The other two are left to a
//! new start of the program: with the supervisor its servers end, and rate limits must not be
//! forgotten.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use conductor_config::Config;
use tokio::time::Instant;
use tracing::{error, info};

use crate::merger::{Memory, MergerHandle};
use crate::model::Needs;
use crate::router::RouterHandle;
use crate::store::Store;
use crate::supervisor::SupervisorHandle;

/// Parts started anew within [`WINDOW`]; one more is a fault that will not go away.
const MOST: usize = 3;
/// What is counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// What the parts are started from.
pub(crate) struct Renewal {
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) router: RouterHandle,
    pub(crate) merger: MergerHandle,
    pub(crate) supervisor: SupervisorHandle,
    pub(crate) needs: Needs,
}

impl Renewal {
    /// Looks after the two until one fails too often, and names it.
    pub(crate) async fn run(self) -> &'static str {
        let mut recent = VecDeque::new();
        loop {
            let part = tokio::select! {
                () = self.router.ended() => "router",
                () = self.merger.ended() => "merger",
            };
            if !allows(&mut recent, Instant::now()) {
                return part;
            }
            error!(part, "a part of the gateway failed, started anew");
            let begun = Instant::now();
            let renewed = match part {
                "router" => self.renew_router().await,
                _ => self.renew_merger().await,
            };
            if let Err(error) = renewed {
                error!(part, %error, "it does not start");
                return part;
            }
            info!(part, taken = ?begun.elapsed(), "a part of the gateway is back");
        }
    }

    async fn renew_router(&self) -> Result<(), ractor::SpawnErr> {
        let calls = self.config.load().calls.max_queued_per_server;
        let router = self.router.another(calls).await?;
        router.set_needs(Arc::clone(&self.needs));
        self.supervisor.install_router(router).await;
        Ok(())
    }

    /// What the last one published is served until all servers are known to the new one.
    async fn renew_merger(&self) -> Result<(), ractor::SpawnErr> {
        let memory = Memory::load(Arc::clone(&self.store)).await;
        let merger = self.merger.another(self.config.load().catalog.clone(), memory).await?;
        self.supervisor.install_merger(merger).await;
        Ok(())
    }
}

/// Whether one more is not too many. Keeps count.
fn allows(recent: &mut VecDeque<Instant>, now: Instant) -> bool {
    recent.retain(|at| now.saturating_duration_since(*at) < WINDOW);
    recent.push_back(now);
    recent.len() <= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the failures at these seconds are followed by a new start.
    #[track_caller]
    fn check(failures: &[u64], expected: &[bool]) {
        let (begun, mut recent) = (Instant::now(), VecDeque::new());
        let at = |second: &u64| begun + Duration::from_secs(*second);
        let allowed: Vec<bool> =
            failures.iter().map(|second| allows(&mut recent, at(second))).collect();
        assert_eq!(allowed, expected, "{failures:?}");
    }

    #[test]
    fn three_failures_a_minute_are_put_up_with() {
        check(&[0, 0, 0, 0], &[true, true, true, false]);
        check(&[0, 30, 59, 60, 89, 90], &[true, true, true, true, false, false]);
        check(&[0, 100, 200, 300, 400], &[true; 5]);
    }
}
