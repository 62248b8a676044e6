//! This file measures what calls of a healthy server feel of a bad one, or of bad clients, beside them.
//! It leaves making trouble to `trouble.rs`.

use anyhow::Result;
use tokio::time::sleep;

use super::Suite;
use crate::book::{Key, Measure, Path};
use crate::load::{Seen, Window, load};
use crate::report::percentile;
use crate::trouble::{SERVER, Trouble};
use crate::work::Work;

/// The part's name.
pub(crate) const STEP: &str = "fair";
/// Nobody in trouble.
pub(crate) const ALONE: &str = "alone";
/// Trouble behind or before the same daemon.
pub(crate) const BESIDE: &str = "beside";
/// The same trouble at another daemon on this machine: what the processors feel of it.
pub(crate) const ELSEWHERE: &str = "elsewhere";

impl Suite {
    /// All kinds of trouble, in turn with none.
    pub(super) async fn fair(&mut self) -> Result<()> {
        let rounds = if self.effort.quick { 1 } else { self.effort.rounds.max(5) };
        for trouble in Trouble::ALL {
            for _ in 0..rounds {
                let alone = self.in_trouble(trouble, ALONE).await?;
                let beside = self.in_trouble(trouble, BESIDE).await?;
                let elsewhere = self.in_trouble(trouble, ELSEWHERE).await?;
                for (place, p99) in [(BESIDE, beside), (ELSEWHERE, elsewhere)] {
                    let case = format!("{}, {place}", trouble.name());
                    let key = Key { step: STEP, case: &case, count: 1, path: Path::Gateway };
                    self.tell(key, Measure::Times, p99 / alone);
                }
            }
        }
        Ok(())
    }

    /// Calls of a healthy server with trouble in one of the places; their p99 in microseconds.
    async fn in_trouble(&mut self, trouble: Trouble, place: &str) -> Result<f64> {
        let programs = self.programs.clone();
        let bad = trouble.server(&programs);
        let mut settings = programs.settings(1, 0);
        if place == BESIDE {
            settings["mcpServers"][SERVER] = bad.clone();
        }
        let gateway = programs.gateway_with(settings, &["s000"]).await?;
        let mut elsewhere = None;
        if place == ELSEWHERE {
            let mut settings = programs.settings(0, 0);
            settings["mcpServers"][SERVER] = bad;
            elsewhere = Some(programs.gateway_with(settings, &[]).await?);
        }
        let troubled = if place == BESIDE { Some(&gateway) } else { elsewhere.as_ref() };
        let mut tasks = match troubled {
            Some(troubled) => trouble.begin(&programs, troubled).await?,
            None => tokio::task::JoinSet::new(),
        };
        sleep(self.effort.warmup).await;
        let window = self.window(Work::Echo { bytes: 100 }, true, 1);
        let seen =
            load(&gateway.http(), &Window { measured: window.measured * 2, ..window }).await?;
        tasks.shutdown().await;
        let case = format!("{}, {place}", trouble.name());
        Ok(self.felt(Key { step: STEP, case: &case, count: 1, path: Path::Gateway }, &seen))
    }

    fn felt(&mut self, key: Key<'_>, seen: &Seen) -> f64 {
        self.note(key, seen);
        f64::from(percentile(&seen.micros, 99))
    }
}
