//! This file keeps who wants to hear what of which server, and decides who hears a thing.
//!
//! Pure: it knows no channel and no clock. The rule for what belongs to nobody in particular stands
//! here and nowhere else: see [`Book::hearers_of_logs`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use crate::model::{
    Addresses, Callers, Holder, InstanceId, LogMessage, Notice, Principal, Reach, Wishes,
};
use crate::wire::LogLevel;

/// The most resources that one listener may wait for.
pub(super) const MOST: usize = 1000;
/// The most resources of one server that are waited for by all together.
pub(super) const MOST_OF_SERVER: usize = 10_000;

/// Tells one listener from another.
pub(super) type ListenerId = u64;

/// Who listens, and to what.
#[derive(Debug)]
pub(super) struct Entry {
    principal: Principal,
    /// Of what runs apart for it.
    holder: Holder,
    reach: Reach,
    /// From which level on log messages are wanted; nothing if none at all.
    logs: Option<Option<LogLevel>>,
    /// The resources waited for, and the addresses they were asked for under.
    resources: BTreeMap<(InstanceId, Arc<str>), BTreeSet<Arc<str>>>,
}

/// Too many resources are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) limit: usize,
}

/// Whom an update is brought to, and under which address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// The one it was asked for under.
    As(Arc<str>),
    /// The server's own for something below what was asked for under this address.
    Below { asked: Arc<str>, own: Arc<str> },
    /// The server's own; it was not asked for.
    Unasked { own: Arc<str> },
}

/// All listeners.
#[derive(Debug, Default)]
pub(super) struct Book {
    listeners: BTreeMap<ListenerId, Entry>,
    waiting: BTreeMap<InstanceId, BTreeMap<Arc<str>, BTreeSet<ListenerId>>>,
    /// The keys of `waiting` as they are published.
    addresses: BTreeMap<InstanceId, Addresses>,
    levels: BTreeMap<(Reach, Option<LogLevel>), usize>,
    /// The levels that sessions have named, for what runs apart for them.
    sessions: Arc<BTreeMap<Holder, LogLevel>>,
    /// Levels that single calls wanted, and until when they hold.
    lent: BTreeMap<InstanceId, (LogLevel, Instant)>,
}

impl Book {
    /// Somebody begins to listen. `logs` if log messages are wanted as well.
    pub(super) fn join(
        &mut self,
        id: ListenerId,
        (principal, holder): (Principal, Holder),
        reach: Reach,
        logs: bool,
    ) {
        if logs {
            *self.levels.entry((reach.clone(), None)).or_default() += 1;
        }
        let (logs, resources) = (logs.then_some(None), BTreeMap::new());
        self.listeners.insert(id, Entry { principal, holder, reach, logs, resources });
    }

    /// On whose behalf somebody listens.
    pub(super) fn principal(&self, id: ListenerId) -> Option<&Principal> {
        self.listeners.get(&id).map(|entry| &entry.principal)
    }

    /// Somebody listens no more.
    pub(super) fn leave(&mut self, id: ListenerId) {
        let Some(entry) = self.listeners.remove(&id) else { return };
        if let Some(level) = entry.logs {
            self.drop_level((entry.reach, level));
            if level.is_some() {
                Arc::make_mut(&mut self.sessions).remove(&entry.holder);
            }
        }
        for (of, own) in entry.resources.into_keys() {
            self.drop_waiting(id, &of, &own);
        }
    }

    /// From now on log messages from `level` on are wanted.
    /// Returns whose level that is.
    pub(super) fn set_level(&mut self, id: ListenerId, level: LogLevel) -> Option<(Reach, Holder)> {
        let entry = self.listeners.get_mut(&id)?;
        let (reach, holder) = (entry.reach.clone(), entry.holder.clone());
        if let Some(before) = entry.logs.replace(Some(level)) {
            self.drop_level((reach.clone(), before));
        }
        *self.levels.entry((reach.clone(), Some(level))).or_default() += 1;
        Arc::make_mut(&mut self.sessions).insert(holder.clone(), level);
        Some((reach, holder))
    }

    fn drop_level(&mut self, key: (Reach, Option<LogLevel>)) {
        if let Some(count) = self.levels.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.levels.remove(&key);
            }
        }
    }

    /// A call wants log messages from `level` on, until then.
    pub(super) fn lend(&mut self, id: InstanceId, level: LogLevel, until: Instant) {
        let lent = self.lent.entry(id).or_insert((level, until));
        *lent = (lent.0.min(level), lent.1.max(until));
    }

    /// Forgets what calls wanted for long enough; returns whether there was such a thing.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let before = self.lent.len();
        self.lent.retain(|_, (_, until)| *until > now);
        self.lent.len() != before
    }

    /// An instance has ended that nobody else will have: what calls wanted of it is over.
    pub(super) fn forget(&mut self, of: &InstanceId) -> bool {
        of.holder.is_apart() && self.lent.remove(of).is_some()
    }

    /// Whether calls want anything.
    pub(super) fn has_lent(&self) -> bool {
        !self.lent.is_empty()
    }

    /// A listener waits for updates of a resource that it calls `asked`.
    pub(super) fn subscribe(
        &mut self,
        id: ListenerId,
        of: &InstanceId,
        own: &Arc<str>,
        asked: Arc<str>,
    ) -> Result<(), TooMany> {
        let Some(entry) = self.listeners.get_mut(&id) else { return Ok(()) };
        let key = (of.clone(), Arc::clone(own));
        if !entry.resources.contains_key(&key) && entry.resources.len() >= MOST {
            return Err(TooMany { limit: MOST });
        }
        let waiting = self.waiting.entry(of.clone()).or_default();
        if !waiting.contains_key(own) {
            if waiting.len() >= MOST_OF_SERVER {
                return Err(TooMany { limit: MOST_OF_SERVER });
            }
            let addresses = self.addresses.entry(of.clone()).or_default();
            Arc::make_mut(addresses).insert(Arc::clone(own));
        }
        waiting.entry(Arc::clone(own)).or_default().insert(id);
        entry.resources.entry(key).or_default().insert(asked);
        Ok(())
    }

    /// A listener waits no more for what it calls `asked`.
    pub(super) fn unsubscribe(&mut self, id: ListenerId, asked: &str) {
        let Some(entry) = self.listeners.get_mut(&id) else { return };
        let mut over = Vec::new();
        entry.resources.retain(|key, names| {
            names.remove(asked);
            if names.is_empty() {
                over.push(key.clone());
            }
            !names.is_empty()
        });
        for (of, own) in over {
            self.drop_waiting(id, &of, &own);
        }
    }

    fn drop_waiting(&mut self, id: ListenerId, of: &InstanceId, own: &str) {
        let Some(waiting) = self.waiting.get_mut(of) else { return };
        let Some(ids) = waiting.get_mut(own) else { return };
        ids.remove(&id);
        if ids.is_empty() {
            waiting.remove(own);
            if let Some(addresses) = self.addresses.get_mut(of) {
                Arc::make_mut(addresses).remove(own);
            }
        }
        if waiting.is_empty() {
            self.waiting.remove(of);
            self.addresses.remove(of);
        }
    }

    /// What all together want.
    pub(super) fn wishes(&self) -> Wishes {
        let lent = self.lent.iter().map(|(id, (level, _))| (id.clone(), *level));
        Wishes {
            resources: self.addresses.clone(),
            levels: self.levels.keys().cloned().collect(),
            sessions: Arc::clone(&self.sessions),
            lent: lent.collect(),
            ..Wishes::default()
        }
    }

    /// All resources of it that somebody waits for.
    pub(super) fn addresses(&self, of: &InstanceId) -> Addresses {
        self.addresses.get(of).cloned().unwrap_or_default()
    }

    /// Who hears that the resource `own` was updated, as this instance says: those who wait for it, or else for
    /// the nearest thing above it (a server may tell of what lies below, MCP 2026-07-28, schema,
    /// ResourceUpdatedNotification). An address that nobody asked for is only shown where all who
    /// wait for anything of that server are one principal.
    pub(super) fn hearers_of_update(
        &self,
        of: &InstanceId,
        own: &Arc<str>,
    ) -> Vec<(ListenerId, Shown)> {
        let Some(waiting) = self.waiting.get(of) else { return Vec::new() };
        if waiting.contains_key(own) {
            return self.asked(of, own, Shown::As);
        }
        let above = waiting.keys().filter(|above| is_above(above, own)).max_by_key(|it| it.len());
        if let Some(above) = above {
            let below = |asked| Shown::Below { asked, own: Arc::clone(own) };
            return self.asked(of, above, below);
        }
        let all: BTreeSet<ListenerId> = waiting.values().flatten().copied().collect();
        if !self.are_one(all.iter().copied()) {
            return Vec::new();
        }
        all.into_iter().map(|id| (id, Shown::Unasked { own: Arc::clone(own) })).collect()
    }

    fn asked(
        &self,
        of: &InstanceId,
        own: &Arc<str>,
        shown: impl Fn(Arc<str>) -> Shown,
    ) -> Vec<(ListenerId, Shown)> {
        let ids = self.waiting.get(of).and_then(|waiting| waiting.get(own));
        let key = (of.clone(), Arc::clone(own));
        let mut hearers = Vec::new();
        for id in ids.into_iter().flatten() {
            let asked = self.listeners.get(id).and_then(|entry| entry.resources.get(&key));
            hearers.extend(asked.into_iter().flatten().map(|it| (*id, shown(Arc::clone(it)))));
        }
        hearers
    }

    fn are_one(&self, ids: impl Iterator<Item = ListenerId>) -> bool {
        let entries = ids.filter_map(|id| self.listeners.get(&id));
        let principals: BTreeSet<&Principal> = entries.map(|entry| &entry.principal).collect();
        principals.len() == 1
    }

    /// Who may hear log messages of an instance that belong to no call in particular. Nobody can tell
    /// what they are about, so those of a shared server are for sessions only while everybody who
    /// listens to it is one principal; and of them, only those that came while nobody else had called
    /// this life of it (see [`Hearers::of`]). What runs for one holder is heard by that one. All
    /// others end in our own log.
    pub(super) fn hearers_of_logs(&self, of: &InstanceId) -> Hearers {
        let theirs = |entry: &Entry| match &of.holder {
            Holder::Everybody => true,
            Holder::Nobody => false,
            holder => entry.holder == *holder,
        };
        let listens = |entry: &&Entry| {
            let waits = || entry.resources.keys().any(|(waited, _)| waited == of);
            theirs(entry) && ((entry.logs.is_some() && entry.reach.includes(&of.server)) || waits())
        };
        let principals = self.listeners.values().filter(listens).map(|entry| &entry.principal);
        let principals: BTreeSet<&Principal> = principals.collect();
        let mut one = principals.into_iter();
        let (Some(principal), None) = (one.next(), one.next()) else { return Hearers::default() };
        let levels = self.listeners.iter().filter_map(|(id, entry)| {
            let level = entry.logs.filter(|_| theirs(entry) && entry.reach.includes(&of.server))?;
            Some((*id, level.unwrap_or(LogLevel::UNSAID)))
        });
        Hearers { principal: Some(principal.clone()), levels: levels.collect() }
    }
}

/// Who may hear log messages that belong to no call, and notifications of extensions.
#[derive(Debug, Default)]
pub(super) struct Hearers {
    principal: Option<Principal>,
    levels: Vec<(ListenerId, LogLevel)>,
}

impl Hearers {
    /// Who hears this one; nothing if nobody may.
    pub(super) fn of(&self, message: &LogMessage) -> Option<impl Iterator<Item = ListenerId>> {
        let theirs = self.may_hear(&message.callers);
        let level = message.level;
        let wanted = self.levels.iter().filter(move |(_, from)| *from <= level);
        theirs.then(|| wanted.map(|(id, _)| *id))
    }

    /// Who hears a notification of an extension.
    pub(super) fn of_notice(&self, notice: &Notice) -> impl Iterator<Item = ListenerId> {
        let theirs = self.may_hear(&notice.callers);
        self.levels.iter().filter(move |_| theirs).map(|(id, _)| *id)
    }

    fn may_hear(&self, callers: &Callers) -> bool {
        match (&self.principal, callers) {
            (None, _) | (_, Callers::Several) => false,
            (Some(_), Callers::Nobody) => true,
            (Some(principal), Callers::Only(caller)) => caller == principal,
        }
    }
}

/// Whether `own` lies below `above`: it goes on where a part of the path begins.
fn is_above(above: &str, own: &str) -> bool {
    let Some(rest) = own.strip_prefix(above) else { return false };
    above.ends_with('/') || rest.starts_with(['/', '?', '#'])
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
