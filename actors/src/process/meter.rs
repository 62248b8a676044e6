//! This file is the task that looks now and then at what the servers' processes use.
//!
//! It looks at all of them at once and beside all else; what is too much is for others to say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::census;
use super::roll::Roll;
use super::tally::{Tally, Units, Usage};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// On a machine with very many processes a look takes long: so many times that passes between two.
const REST: u32 = 200;

/// What the servers use, by the process id of their leaders.
pub(crate) type Usages = Arc<BTreeMap<u32, Usage>>;

/// Looks for ever, as long as somebody reads it.
pub(super) async fn measure(roll: Roll, usages: watch::Sender<Usages>) {
    let units = Units {
        page: rustix::param::page_size() as u64,
        ticks: rustix::param::clock_ticks_per_second(),
    };
    let mut tally = Tally::default();
    let mut last = Instant::now();
    let mut wait = EVERY;
    while !usages.is_closed() {
        sleep(wait).await;
        let leaders = roll.current().groups;
        let begun = Instant::now();
        if leaders.is_empty() {
            usages.send_replace(Usages::default());
            (tally, last) = (Tally::default(), begun);
            continue;
        }
        let Ok(Ok(seen)) = tokio::task::spawn_blocking(census::all).await else { continue };
        let counted = tally.count(&seen, &leaders, begun.saturating_duration_since(last), units);
        usages.send_replace(Arc::new(counted));
        last = begun;
        wait = EVERY.max(begun.elapsed() * REST);
    }
}
