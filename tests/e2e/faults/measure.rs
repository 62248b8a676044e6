//! This file measures the daemon from outside: times, memory, descriptors, processor time, zombies.
//! It leaves what may be expected of the figures to the tests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conductor_e2e::daemon::Daemon;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio::time::{Instant, interval};

use crate::world::client;

/// Bytes in a mebibyte.
pub(super) const MIB: u64 = 1 << 20;

/// Waits until no other test measures.
pub(super) async fn alone() -> SemaphorePermit<'static> {
    static ONE: Semaphore = Semaphore::const_new(1);
    ONE.acquire().await.unwrap()
}

/// How long many like things took.
#[derive(Debug, Clone)]
pub(super) struct Spread(Vec<Duration>);

impl Spread {
    pub(super) fn of(mut taken: Vec<Duration>) -> Self {
        assert!(!taken.is_empty(), "nothing was measured");
        taken.sort_unstable();
        Self(taken)
    }

    /// So many percent took at most this long.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }

    pub(super) fn p99(&self) -> Duration {
        self.percentile(99)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, max) = (self.percentile(50), self.p99(), self.percentile(100));
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?} of {}", self.0.len())
    }
}

/// How many times as long as `alone` this took.
pub(super) fn ratio(beside: Duration, alone: Duration) -> f64 {
    beside.as_secs_f64() / alone.as_secs_f64()
}

/// Calls `echo` of `server` one after the other; every answer must be the caller's own.
pub(super) async fn time_calls(daemon: &Daemon, server: &str, count: usize) -> Spread {
    let (client, tool) = (client(daemon), format!("{server}.echo"));
    let mut taken = Vec::with_capacity(count);
    for number in 0..count {
        let text = format!("{server} {number}");
        let begun = Instant::now();
        let reply = client.call(&tool, json!({ "text": text })).await.unwrap();
        taken.push(begun.elapsed());
        assert_eq!(reply.text().unwrap(), text);
    }
    Spread::of(taken)
}

/// A field of `/proc/PID/stat`, counted from 1; fields from the third on.
fn stat_field(pid: i32, field: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(field - 3).map(str::to_owned)
}

/// Bytes of memory that are resident.
pub(crate) fn rss(pid: i32) -> u64 {
    let pages: u64 = stat_field(pid, 24).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// Open descriptors. The daemon's may be listed by root only; others are told how many there are by
/// Linux from 6.2 on, and 0 before.
pub(crate) fn fds(pid: i32) -> usize {
    let folder = format!("/proc/{pid}/fd");
    match std::fs::read_dir(&folder) {
        Ok(entries) => entries.count(),
        Err(_) => usize::try_from(std::fs::metadata(&folder).unwrap().len()).unwrap(),
    }
}

/// Processor time used so far.
pub(super) fn cpu(pid: i32) -> Duration {
    let ticks = |field| stat_field(pid, field).unwrap().parse::<u64>().unwrap();
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    Duration::from_millis((ticks(14) + ticks(15)) * 1000 / ticks_per_second)
}

/// Children of `pid` that have ended and were not waited for.
pub(super) fn zombies_of(pid: i32) -> Vec<i32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|child| stat_field(*child, 3).as_deref() == Some("Z"))
        .filter(|child| stat_field(*child, 4) == Some(pid.to_string()))
        .collect()
}

/// Looks at a process's memory again and again and remembers the most.
pub(super) struct Growth {
    before: u64,
    most: Arc<AtomicU64>,
    watch: AbortHandle,
}

impl Growth {
    pub(super) fn watch(pid: i32) -> Self {
        let before = rss(pid);
        let most = Arc::new(AtomicU64::new(before));
        let seen = Arc::clone(&most);
        let task = tokio::spawn(async move {
            let mut tick = interval(Duration::from_millis(20));
            loop {
                tick.tick().await;
                seen.fetch_max(rss(pid), Ordering::Relaxed);
            }
        });
        Self { before, most, watch: task.abort_handle() }
    }

    /// By how many MiB memory has grown at the most.
    pub(super) fn most(&self) -> u64 {
        (self.most.load(Ordering::Relaxed) - self.before).div_ceil(MIB)
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
