//! This file knows which instances of servers that are not shared take calls, and what waits for them.
//!
//! Pure but for the messages it holds back: no clock, no I/O. It leaves who may have an instance to the
//! supervisor, and whether the server starts at all to `routes`.

use std::collections::{HashMap, VecDeque};

use conductor_config::ServerId;

use super::routes::Life;
use super::waiting::{Waiting, park};
use crate::model::{Generation, Holder, InstanceId};

/// What is to be done with a call.
#[derive(Debug)]
pub(super) enum Boarding<L, C> {
    /// Put it on this instance's pipe.
    Send(L, C),
    /// It waits; `ask` says that the instance must be asked for.
    Parked { ask: bool },
    /// It is refused: as many as may wait for the instance do.
    Full(C, usize),
}

/// What follows from the end of an instance.
#[derive(Debug)]
pub(super) struct Vacated<C> {
    /// These waited in vain.
    pub(super) failed: VecDeque<C>,
    /// Others wait that came to find it gone: it must be asked for again.
    pub(super) ask: bool,
}

/// The table.
#[derive(Debug)]
pub(super) struct Berths<L, C> {
    entries: HashMap<InstanceId, Berth<L, C>>,
    queue_limit: usize,
}

/// An instance that is up, or asked for.
#[derive(Debug)]
struct Berth<L, C> {
    /// None while it is to come.
    life: Option<L>,
    parked: VecDeque<C>,
}

impl<L: Life + Clone, C: Waiting> Berths<L, C> {
    /// An empty table; up to `queue_limit` calls wait for one instance.
    pub(super) fn new(queue_limit: usize) -> Self {
        Self { entries: HashMap::new(), queue_limit }
    }

    /// Whether the instance is up, or asked for.
    pub(super) fn is_known(&self, id: &InstanceId) -> bool {
        self.entries.contains_key(id)
    }

    /// Rules on a call to the instance.
    pub(super) fn dispatch(&mut self, id: &InstanceId, call: C) -> Boarding<L, C> {
        let Some(berth) = self.entries.get_mut(id) else {
            let berth = Berth { life: None, parked: [call].into() };
            self.entries.insert(id.clone(), berth);
            return Boarding::Parked { ask: true };
        };
        match &berth.life {
            Some(life) => Boarding::Send(life.clone(), call),
            None => match park(&mut berth.parked, call, self.queue_limit) {
                Ok(()) => Boarding::Parked { ask: false },
                Err(call) => Boarding::Full(call, self.queue_limit),
            },
        }
    }

    /// The instance takes calls. Returns those that waited for it, oldest first.
    pub(super) fn up(&mut self, id: InstanceId, life: L) -> VecDeque<C> {
        let berth = self.entries.entry(id);
        let berth = berth.or_insert_with(|| Berth { life: None, parked: VecDeque::new() });
        berth.life = Some(life);
        std::mem::take(&mut berth.parked)
    }

    /// This life of the instance takes no calls any more, or never did.
    pub(super) fn down(&mut self, id: &InstanceId, generation: Generation) -> Vacated<C> {
        let nothing = Vacated { failed: VecDeque::new(), ask: false };
        let Some(berth) = self.entries.get_mut(id) else { return nothing };
        match berth.life.take() {
            // That was the one before.
            Some(life) if life.generation() != generation => {
                berth.life = Some(life);
                nothing
            }
            Some(_) if !berth.parked.is_empty() => Vacated { ask: true, ..nothing },
            Some(_) | None => Vacated { failed: self.remove(id), ask: false },
        }
    }

    /// A call could not be put on the pipe of an instance thought to be up: its end is not known here
    /// yet. The call waits for the news.
    pub(super) fn hold(&mut self, id: &InstanceId, call: C) -> Result<(), C> {
        match self.entries.get_mut(id) {
            Some(berth) => park(&mut berth.parked, call, self.queue_limit),
            None => Err(call),
        }
    }

    /// `holder` is no more. Returns what waited, which nobody waits for any more.
    pub(super) fn leave(&mut self, holder: &Holder) -> Vec<C> {
        self.remove_all(|id| id.holder == *holder)
    }

    /// `server` is no more. Returns the calls that waited.
    pub(super) fn forget(&mut self, server: &ServerId) -> Vec<C> {
        self.remove_all(|id| id.server == *server)
    }

    fn remove(&mut self, id: &InstanceId) -> VecDeque<C> {
        self.entries.remove(id).map(|berth| berth.parked).unwrap_or_default()
    }

    fn remove_all(&mut self, which: impl Fn(&InstanceId) -> bool) -> Vec<C> {
        let gone = self.entries.extract_if(|id, _| which(id));
        gone.flat_map(|(_, berth)| berth.parked).collect()
    }
}
