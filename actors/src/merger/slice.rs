//! This file is what the merger knows of one server.
//!
//! Pure: it keeps facts and answers questions about them; `now` is an argument. Each list is a
//! `part` of its own, so that none waits for another.

use std::sync::Arc;
use std::time::Duration;

use conductor_config::{PinPolicy, ServerSpec};
use tokio::time::Instant;

use super::part::Part;
use super::pins::PinDifference;
use super::sanitize::Judged;
use crate::model::{ListKind, Offers, PerList, ServerState};
use crate::server::{Listing, ServerLink};

/// What is remembered of one list of a server.
#[derive(Debug)]
pub(super) enum Remembered {
    /// This was in it.
    List(Listing),
    /// The server had no such list.
    Nothing(ListKind),
}

/// One server's part of the namespace.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) spec: Arc<ServerSpec>,
    pub(super) parts: PerList<Part>,
    /// What of its tools is not as it was approved, in the order of names.
    pub(super) unapproved: Arc<[PinDifference]>,
    pub(super) link: Option<ServerLink>,
    /// What its last life said it has.
    pub(super) offers: Option<Offers>,
}

impl Slice {
    /// A server of which `remembered` is last known. It is shown until the server itself can be
    /// asked.
    pub(super) fn new(
        spec: Arc<ServerSpec>,
        remembered: impl IntoIterator<Item = Remembered>,
    ) -> Self {
        let mut parts = PerList::make(|_| Part::new());
        for known in remembered {
            match known {
                Remembered::List(listing) => {
                    let judged = Judged::new(&spec, &listing);
                    parts.get_mut(listing.kind).remember(listing, judged);
                }
                Remembered::Nothing(kind) => parts.get_mut(kind).remember_none(),
            }
        }
        Self { spec, parts, unapproved: Arc::default(), link: None, offers: None }
    }

    /// A new life takes calls.
    pub(super) fn up(&mut self, link: ServerLink) {
        let offers = link.offers();
        for kind in ListKind::ALL {
            self.parts.get_mut(kind).up(offers.has(kind));
        }
        self.offers = Some(offers);
        self.link = Some(link);
    }

    /// It takes no calls.
    pub(super) fn down(&mut self, state: ServerState, wakeable: bool) {
        self.link = None;
        for kind in ListKind::ALL {
            self.parts.get_mut(kind).down(state, wakeable);
        }
    }

    /// Whether a tool may not be shown until somebody approves it.
    pub(super) fn waits_for_approval(&self, tool: &str) -> bool {
        let at = self.unapproved.binary_search_by(|one| one.tool.as_str().cmp(tool));
        self.spec.pins == PinPolicy::Hold && at.is_ok()
    }

    /// The tools that it lists, if that is known.
    pub(super) fn tools(&self) -> Option<&Arc<Listing>> {
        self.parts.get(ListKind::Tools).listing()
    }

    /// The server says that a list of it changed.
    pub(super) fn changed(&mut self) {
        for kind in ListKind::ALL {
            self.parts.get_mut(kind).changed();
        }
    }

    /// The lists to be asked for now, and of whom. Marks them as asked.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        ttl: Duration,
    ) -> Option<(ServerLink, Vec<ListKind>)> {
        let link = self.link.as_ref()?;
        let mut due = ListKind::ALL.to_vec();
        due.retain(|kind| self.parts.get_mut(*kind).ask(link.generation, now, ttl));
        (!due.is_empty()).then(|| (link.clone(), due))
    }

    /// When the first of its lists is to be read again.
    pub(super) fn fresh_until(&self, ttl: Duration) -> Option<Instant> {
        self.parts.iter().filter_map(|(_, part)| part.fresh_until(ttl)).min()
    }
}
