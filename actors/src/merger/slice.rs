//! This file is what the merger knows of one server.
//!
//! Pure: it keeps facts and answers questions about them; `now` is an argument.

use std::sync::Arc;
use std::time::Duration;

use conductor_config::ServerSpec;
use tokio::time::Instant;

use super::catalog::ListState;
use super::sanitize::{Judged, Policy};
use crate::model::{Generation, ServerState};
use crate::server::{Listing, ServerLink};

/// A list is kept for this long at least, whatever its server says.
const LEAST: Duration = Duration::from_secs(1);
/// First wait before a list that could not be read is asked for again; doubles up to a minute.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// One server's part of the namespace.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) spec: Arc<ServerSpec>,
    pub(super) listing: Option<Arc<Listing>>,
    /// What may be shown of `listing`; there exactly when that is.
    pub(super) judged: Option<Arc<Judged>>,
    pub(super) link: Option<ServerLink>,
    /// Whether a list may still come without anybody's doing.
    awaited: bool,
    read_at: Option<Instant>,
    /// A question is under way, asked of this life.
    asking: Option<Generation>,
    failures: u32,
    retry_at: Option<Instant>,
    /// The server said that its list changed since it was asked.
    dirty: bool,
}

impl Slice {
    /// A server of which `remembered` is the last known list. It is shown until the server itself
    /// can be asked.
    pub(super) fn new(spec: Arc<ServerSpec>, remembered: Option<Listing>) -> Self {
        let judge = |listing: &Listing| {
            Arc::new(Judged::new(spec.id.name.as_ref(), listing, &Policy::default()))
        };
        let judged = remembered.as_ref().map(judge);
        Self {
            spec,
            listing: remembered.map(Arc::new),
            judged,
            link: None,
            awaited: true,
            read_at: None,
            asking: None,
            failures: 0,
            retry_at: None,
            dirty: false,
        }
    }

    /// Whether its list is known.
    pub(super) fn state(&self) -> ListState {
        match (&self.listing, self.awaited) {
            (Some(_), _) => ListState::Known,
            (None, true) => ListState::Awaited,
            (None, false) => ListState::Missing,
        }
    }

    /// A new life takes calls: its list may differ from the last one.
    pub(super) fn up(&mut self, link: ServerLink) {
        self.link = Some(link);
        self.awaited = true;
        self.dirty = true;
        self.failures = 0;
        self.retry_at = None;
    }

    /// It takes no calls. Its last list is kept while it may come back.
    pub(super) fn down(&mut self, state: ServerState, wakeable: bool) {
        self.link = None;
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

    /// Whether its list is to be asked for now, and of whom. Marks it as asked.
    pub(super) fn ask(&mut self, now: Instant, ttl: Duration) -> Option<ServerLink> {
        let link = self.link.as_ref()?;
        let stale = self.fresh_until(ttl).is_none_or(|until| until <= now);
        let waiting = self.retry_at.is_some_and(|at| at > now);
        if self.asking == Some(link.generation) || waiting || !(self.dirty || stale) {
            return None;
        }
        self.asking = Some(link.generation);
        self.dirty = false;
        Some(link.clone())
    }

    /// The answer came. Returns whether it is of the present life.
    pub(super) fn listed(
        &mut self,
        generation: Generation,
        (listing, judged): (Listing, Judged),
        now: Instant,
    ) -> bool {
        if self.asking != Some(generation) {
            return false;
        }
        self.asking = None;
        self.failures = 0;
        self.retry_at = None;
        self.read_at = Some(now);
        self.listing = Some(Arc::new(listing));
        self.judged = Some(Arc::new(judged));
        true
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

    /// When its list is to be read again: `ttl` after the last time, sooner if the server says so.
    pub(super) fn fresh_until(&self, ttl: Duration) -> Option<Instant> {
        let told = self.listing.as_ref()?.ttl_ms.map(Duration::from_millis);
        // A server that says "do not keep this" (0) has no say in how we spare it; a list_changed has.
        let ttl = told.filter(|told| !told.is_zero()).map_or(ttl, |told| told.max(LEAST).min(ttl));
        Some(self.read_at? + ttl)
    }
}
