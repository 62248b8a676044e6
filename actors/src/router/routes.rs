//! This file knows for every server whether calls go to it, wait for it, or are refused.
//!
//! Pure but for the messages it holds back: no clock, no I/O. Older generations are ignored.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use conductor_config::{ServerId, ServerSpec};
use tokio::time::Instant;

use super::waiting::{Waiting, park};
use crate::model::{Cause, Generation, Outage};

/// Where calls to one server go.
#[derive(Debug)]
enum Route<L> {
    /// To this life of it.
    Up(L),
    /// Nowhere right now.
    Down { outage: Outage, wakeable: bool },
}

/// Something that knows which life of a server it leads to.
pub(super) trait Life {
    fn generation(&self) -> Generation;
}

/// A call as far as routing cares.
pub(super) trait Timed: Waiting {
    /// When nobody waits for it any more.
    fn deadline(&self) -> Instant;
}

/// What is to be done with a call.
#[derive(Debug)]
pub(super) enum Ruling<L, C> {
    /// Put it on this server's pipe.
    Send(L, C),
    /// It waits; `wake` says that the server must be asked to start.
    Parked { wake: bool },
    /// It is refused: the server is down for longer than it can wait.
    Down(C, Outage),
    /// It is refused: as many as may wait for the server do.
    Full(C, usize),
    /// There is no such server.
    NoRoute(C),
}

/// The table.
#[derive(Debug)]
pub(super) struct Routes<L, C> {
    entries: HashMap<ServerId, Entry<L, C>>,
    queue_limit: usize,
}

#[derive(Debug)]
struct Entry<L, C> {
    route: Route<L>,
    parked: VecDeque<C>,
    newest: Generation,
}

impl<L: Life + Clone, C: Timed> Routes<L, C> {
    /// An empty table; up to `queue_limit` calls wait for one server.
    pub(super) fn new(queue_limit: usize) -> Self {
        Self { entries: HashMap::new(), queue_limit }
    }

    /// Rules on a call to `server`.
    pub(super) fn dispatch(&mut self, server: &ServerId, call: C) -> Ruling<L, C> {
        let Some(entry) = self.entries.get_mut(server) else { return Ruling::NoRoute(call) };
        match &entry.route {
            Route::Up(life) => Ruling::Send(life.clone(), call),
            Route::Down { outage, wakeable } => {
                if !*wakeable && !is_worth_waiting(outage, call.deadline()) {
                    return Ruling::Down(call, outage.clone());
                }
                let wake = *wakeable;
                park(&mut entry.parked, call, self.queue_limit).map_or_else(
                    |call| Ruling::Full(call, self.queue_limit),
                    |()| Ruling::Parked { wake },
                )
            }
        }
    }

    /// A life of `server` takes calls. Returns the calls that waited for it, oldest first.
    pub(super) fn up(&mut self, server: &ServerId, life: L) -> VecDeque<C> {
        let newest = life.generation();
        let entry = self.entries.entry(server.clone()).or_insert_with(|| Entry {
            route: Route::Up(life.clone()),
            parked: VecDeque::new(),
            newest,
        });
        if newest < entry.newest {
            return VecDeque::new();
        }
        entry.newest = newest;
        entry.route = Route::Up(life);
        std::mem::take(&mut entry.parked)
    }

    /// `server` takes no calls. Returns those that wait in vain.
    pub(super) fn down(
        &mut self,
        spec: &Arc<ServerSpec>,
        outage: Outage,
        wakeable: bool,
    ) -> Vec<C> {
        let down = || Route::Down { outage: outage.clone(), wakeable };
        let entry = self.entries.entry(spec.id.clone()).or_insert_with(|| Entry {
            route: down(),
            parked: VecDeque::new(),
            newest: Generation::default(),
        });
        entry.route = down();
        if wakeable {
            return Vec::new();
        }
        let (stay, leave) = std::mem::take(&mut entry.parked)
            .into_iter()
            .partition(|call| is_worth_waiting(&outage, call.deadline()));
        entry.parked = stay;
        leave.into()
    }

    /// Whether calls wait for `server`.
    pub(super) fn has_waiting(&self, server: &ServerId) -> bool {
        self.entries.get(server).is_some_and(|entry| !entry.parked.is_empty())
    }

    /// A call could not be put on the pipe of a server thought to be up: its end is not known
    /// here yet. The call waits for the news.
    pub(super) fn hold(&mut self, server: &ServerId, call: C) -> Result<(), C> {
        match self.entries.get_mut(server) {
            Some(entry) => park(&mut entry.parked, call, self.queue_limit),
            None => Err(call),
        }
    }

    /// `server` is no more. Returns the calls that waited for it.
    pub(super) fn forget(&mut self, server: &ServerId) -> VecDeque<C> {
        self.entries.remove(server).map(|entry| entry.parked).unwrap_or_default()
    }
}

/// Whether a server that is down may be up before `deadline`. A program that cannot be started
/// will not be there soon, and a wait that ends after the deadline helps nobody.
fn is_worth_waiting(outage: &Outage, deadline: Instant) -> bool {
    let hopeless =
        outage.downfall.as_ref().is_some_and(|downfall| matches!(downfall.cause, Cause::Spawn(_)));
    let in_time = outage.next_try.is_none_or(|at| at < deadline);
    outage.is_coming() && in_time && !hopeless
}
