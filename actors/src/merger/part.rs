//! This file is what the merger knows of one list of one server, and when it is to be read.
//!
//! Pure: it keeps facts and answers questions about them; `now` and chance are arguments. Which life
//! of the server to ask is for `slice`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::list::ListState;
use super::sanitize::Judged;
use crate::model::{Generation, ServerState};
use crate::server::Listing;

/// A list is kept for this long at least, whatever its server says.
const LEAST: Duration = Duration::from_secs(1);
/// First wait before a list that could not be read is asked for again; doubles up to a minute.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// By so much of its time a list may be read again early, so that not all are due at once.
const EARLY: f64 = 0.1;

/// One list of one server.
#[derive(Debug)]
pub(super) struct Part {
    listing: Option<Arc<Listing>>,
    /// What may be shown of `listing`; there exactly when that is.
    judged: Option<Arc<Judged>>,
    /// The server says that it has no such list.
    absent: bool,
    /// Whether a list may still come without anybody's doing.
    awaited: bool,
    read_at: Option<Instant>,
    /// From 0 to 1: how much of [`EARLY`] this reading is spared.
    chance: f64,
    /// A question is under way, asked of this life.
    asking: Option<Generation>,
    failures: u32,
    retry_at: Option<Instant>,
    /// The server said that its list changed since it was asked.
    dirty: bool,
}

impl Part {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            listing: None,
            judged: None,
            absent: false,
            awaited: true,
            read_at: None,
            chance: 1.0,
            asking: None,
            failures: 0,
            retry_at: None,
            dirty: false,
        }
    }

    /// The list as it was last known. It is shown until the server itself can be asked.
    pub(super) fn remember(&mut self, listing: Listing, judged: Judged) {
        self.listing = Some(Arc::new(listing));
        self.judged = Some(Arc::new(judged));
    }

    /// The server had no such list when it was last known.
    pub(super) fn remember_none(&mut self) {
        self.absent = true;
    }

    /// Whether the list is known.
    pub(super) fn state(&self) -> ListState {
        match (&self.listing, self.absent, self.awaited) {
            (_, true, _) => ListState::Absent,
            (Some(_), false, _) => ListState::Known,
            (None, false, true) => ListState::Awaited,
            (None, false, false) => ListState::Missing,
        }
    }

    /// The list as it was read.
    pub(super) fn listing(&self) -> Option<&Arc<Listing>> {
        self.listing.as_ref().filter(|_| !self.absent)
    }

    /// What may be shown of it.
    pub(super) fn judged(&self) -> Option<&Arc<Judged>> {
        self.judged.as_ref().filter(|_| !self.absent)
    }

    /// A new life takes calls: its list may differ from the last one, or be there no more.
    pub(super) fn up(&mut self, has: bool) {
        self.absent = !has;
        self.awaited = true;
        self.dirty = true;
        self.failures = 0;
        self.retry_at = None;
    }

    /// The server takes no calls. The last list is kept while the server may come back.
    pub(super) fn down(&mut self, state: ServerState, wakeable: bool) {
        self.asking = None;
        let may_return = state.is_coming() || state == ServerState::Draining || wakeable;
        if !may_return {
            self.listing = None;
            self.judged = None;
        }
        // The first start counts as under way; a failed one has shown that it may last.
        self.awaited = state == ServerState::Starting && self.awaited || wakeable;
    }

    /// The server says that its list changed.
    pub(super) fn changed(&mut self) {
        self.dirty = true;
    }

    /// Whether this life is to be asked for the list now. Marks it as asked.
    pub(super) fn ask(&mut self, generation: Generation, now: Instant, ttl: Duration) -> bool {
        let stale = self.fresh_until(ttl).is_none_or(|until| until <= now);
        let waiting = self.retry_at.is_some_and(|at| at > now);
        let due = self.dirty || stale;
        if self.absent || self.asking == Some(generation) || waiting || !due {
            return false;
        }
        self.asking = Some(generation);
        self.dirty = false;
        true
    }

    /// The answer came. Returns whether it is of the present life. `chance`, from 0 to 1, says how
    /// early the list is read again.
    pub(super) fn listed(
        &mut self,
        generation: Generation,
        (listing, judged): (Listing, Judged),
        now: Instant,
        chance: f64,
    ) -> bool {
        if self.asking != Some(generation) {
            return false;
        }
        self.asking = None;
        self.failures = 0;
        self.retry_at = None;
        self.read_at = Some(now);
        self.chance = chance.clamp(0.0, 1.0);
        self.listing = Some(Arc::new(listing));
        self.judged = Some(Arc::new(judged));
        true
    }

    /// The list was judged by other settings. Returns whether it is still the one that is known.
    pub(super) fn judged_anew(&mut self, listing: &Arc<Listing>, judged: Judged) -> bool {
        let is_same = self.listing.as_ref().is_some_and(|known| Arc::ptr_eq(known, listing));
        if is_same {
            self.judged = Some(Arc::new(judged));
        }
        is_same
    }

    /// No answer came. Returns how long to wait before the next question.
    pub(super) fn missed(&mut self, generation: Generation, now: Instant) -> Option<Duration> {
        if self.asking != Some(generation) {
            return None;
        }
        self.asking = None;
        self.dirty = true;
        self.awaited = false;
        let wait = RETRY.saturating_mul(1 << self.failures.min(6)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + wait);
        Some(wait)
    }

    /// When the list is to be read again: `ttl` after the last time, sooner if the server says so,
    /// and a little sooner by chance.
    pub(super) fn fresh_until(&self, ttl: Duration) -> Option<Instant> {
        let told = self.listing()?.ttl_ms.map(Duration::from_millis);
        // A server that says "do not keep this" (0) has no say in how we spare it; a list_changed has.
        let ttl = told.filter(|told| !told.is_zero()).map_or(ttl, |told| told.max(LEAST).min(ttl));
        Some(self.read_at? + ttl.mul_f64(1.0 - EARLY * (1.0 - self.chance)))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::ListKind;

    /// When a list is due again, in seconds, that a server tells to keep for `told` milliseconds.
    #[track_caller]
    fn check(told: u64, chance: f64, expected: f64) {
        let page = Bytes::from(format!(r#"{{"tools":[],"ttlMs":{told}}}"#));
        let mut listing = Listing::new(ListKind::Tools);
        listing.read_page(&page).unwrap();
        let (now, ttl) = (Instant::now(), Duration::from_secs(300));
        let mut part = Part::new();
        part.up(true);
        let life = Generation::default().next();
        assert!(part.ask(life, now, ttl));
        assert!(part.listed(life, (listing, Judged::default()), now, chance));
        let due = part.fresh_until(ttl).unwrap() - now;
        assert!((due.as_secs_f64() - expected).abs() < 0.001, "{due:?}");
    }

    #[test]
    fn lists_that_are_read_together_are_not_due_together() {
        check(0, 1.0, 300.0);
        check(0, 0.5, 285.0);
        check(0, 0.0, 270.0);
        check(0, 7.0, 300.0);
    }

    #[test]
    fn a_server_may_shorten_the_time_and_nothing_else() {
        check(10_000, 1.0, 10.0);
        check(10_000, 0.0, 9.0);
        check(1, 1.0, 1.0);
        check(10_000_000, 1.0, 300.0);
    }
}
