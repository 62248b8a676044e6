//! This file keeps who has which tasks, and who hears of them.
//!
//! Pure. It lives as long as the daemon: tasks of an earlier one can be asked about by their ids, and
//! are not listed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::book::ListenerId;
use crate::model::{Addresses, Holder as InstanceHolder, InstanceId, Principal};
use crate::tasks::Holder;
use crate::wire::Hop;

/// The most tasks that are remembered of one holder; the oldest make room.
const MOST: usize = 1000;
/// The most that one listener hears of; the oldest make room.
const MOST_HEARD: usize = 1000;

/// The most of which it is remembered whose they are.
const MOST_OWNED: usize = 10_000;

/// One task by its number, which grows.
pub(crate) type Numbered = (u64, Arc<str>);

/// A task: which process made it, and its id there. Two of one server may give the same id.
pub(crate) type Made = (InstanceId, Arc<str>);

/// All tasks that callers were told of.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    last: u64,
    /// Of each also for whom the process runs that made it.
    held: HashMap<Holder, BTreeMap<u64, (InstanceHolder, Arc<str>)>>,
    /// For whom the latest task of each id was made, and these in order.
    owners: HashMap<Made, (u64, Principal)>,
    owned: BTreeMap<u64, Made>,
    heard: BTreeMap<Made, BTreeMap<ListenerId, Arc<str>>>,
    /// What each listener hears of, oldest first.
    listeners: HashMap<ListenerId, Vec<(Hop, Made)>>,
    /// Of servers without a handshake, the ids that somebody wants to hear of.
    wanted: BTreeMap<InstanceId, Addresses>,
}

impl Tasks {
    /// A task was made for `holder`, who is shown it under this id.
    pub(super) fn made(&mut self, holder: Holder, task: Made, shown: Arc<str>) {
        self.last += 1;
        let by = task.0.holder.clone();
        self.own(task, holder.principal.clone());
        if holder.hop == Hop::Modern {
            return; // never listed
        }
        let held = self.held.entry(holder).or_default();
        held.insert(self.last, (by, shown));
        if held.len() > MOST {
            held.pop_first();
        }
    }

    fn own(&mut self, task: Made, owner: Principal) {
        self.owned.insert(self.last, task.clone());
        if let Some((before, _)) = self.owners.insert(task, (self.last, owner)) {
            self.owned.remove(&before);
        }
        if self.owned.len() > MOST_OWNED
            && let Some((_, oldest)) = self.owned.pop_first()
        {
            self.owners.remove(&oldest);
        }
    }

    /// Whether a task may be `principal`'s: a server that was started anew may give an id again, to a
    /// task of somebody else.
    pub(super) fn may_be_of(&self, task: &Made, principal: &Principal) -> bool {
        self.owners.get(task).is_none_or(|(_, owner)| owner == principal)
    }

    /// A holder's tasks that were made after the one of this number, up to `most`; of those that were
    /// made by processes apart, those of `own`.
    pub(super) fn of(
        &self,
        holder: &Holder,
        own: &InstanceHolder,
        after: u64,
        most: usize,
    ) -> Vec<Numbered> {
        let held = self.held.get(holder).into_iter().flat_map(|held| held.range(after + 1..));
        let known = held.filter(|(_, (by, _))| !by.is_apart() || by == own);
        known.take(most).map(|(number, (_, shown))| (*number, Arc::clone(shown))).collect()
    }

    /// A server knows a task no more.
    pub(super) fn forget(&mut self, holder: &Holder, number: u64) {
        if let Some(held) = self.held.get_mut(holder) {
            held.remove(&number);
            if held.is_empty() {
                self.held.remove(holder);
            }
        }
    }

    /// From now on a listener hears of a task that it was shown under this id.
    pub(super) fn listen(&mut self, id: ListenerId, hop: Hop, task: Made, shown: Arc<str>) {
        let listened = self.listeners.entry(id).or_default();
        listened.push((hop, task.clone()));
        let oldest = (listened.len() > MOST_HEARD).then(|| listened.remove(0));
        if hop == Hop::Modern {
            let wanted = self.wanted.entry(task.0.clone()).or_default();
            Arc::make_mut(wanted).insert(Arc::clone(&task.1));
        }
        self.heard.entry(task).or_default().insert(id, shown);
        if let Some((_, task)) = oldest {
            self.drop_heard(id, &task);
        }
    }

    /// A listener is gone.
    pub(super) fn leave(&mut self, id: ListenerId) {
        for (_, task) in self.listeners.remove(&id).unwrap_or_default() {
            self.drop_heard(id, &task);
        }
    }

    fn drop_heard(&mut self, id: ListenerId, task: &Made) {
        let Some(heard) = self.heard.get_mut(task) else { return };
        heard.remove(&id);
        if !heard.is_empty() {
            return;
        }
        self.heard.remove(task);
        let (by, own) = task;
        if let Some(wanted) = self.wanted.get_mut(by) {
            Arc::make_mut(wanted).remove(own);
            if wanted.is_empty() {
                self.wanted.remove(by);
            }
        }
    }

    /// Who hears of a task, and under which id.
    pub(super) fn hearers(&self, by: &InstanceId, own: &Arc<str>) -> Vec<(ListenerId, Arc<str>)> {
        let heard = self.heard.get(&(by.clone(), Arc::clone(own)));
        let heard = heard.into_iter().flatten();
        heard.map(|(id, shown)| (*id, Arc::clone(shown))).collect()
    }

    /// What servers without a handshake are to be asked for.
    pub(super) fn wanted(&self) -> BTreeMap<InstanceId, Addresses> {
        self.wanted.clone()
    }

    /// Whether nothing is known of a listener.
    #[cfg(test)]
    fn is_deaf(&self, id: ListenerId) -> bool {
        !self.listeners.contains_key(&id)
            && self.heard.values().all(|heard| !heard.contains_key(&id))
    }
}

/// Ids as a set.
#[cfg(test)]
fn set(ids: &[&str]) -> std::collections::BTreeSet<Arc<str>> {
    ids.iter().map(|id| (*id).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;
    use crate::tests::{id, shared};

    fn holder(principal: Principal) -> Holder {
        let scope = Scope::Workspace("default".parse().unwrap());
        Holder { principal, scope, hop: Hop::Legacy }
    }

    /// One that was made by the process that all share.
    fn task(server: &str, own: &str) -> Made {
        (shared(server), own.into())
    }

    /// One that was made by the process of this session.
    fn apart(server: &str, seat: u64, own: &str) -> Made {
        (InstanceId::new(id(server), InstanceHolder::Guest(seat)), own.into())
    }

    #[test]
    fn each_holder_has_its_own_tasks_in_order() {
        let mut tasks = Tasks::default();
        let (ours, theirs) = (holder(Principal::Local), holder(Principal::Delegated("a".into())));
        for n in 0..3 {
            let (our, their) = (format!("o{n}"), format!("t{n}"));
            tasks.made(ours.clone(), task("a", &our), our.into());
            tasks.made(theirs.clone(), task("a", &their), their.into());
        }
        let of = |tasks: &Tasks, holder: &Holder, after, most| {
            let found = tasks.of(holder, &InstanceHolder::Guest(1), after, most);
            found.iter().map(|(number, id)| format!("{number}{id}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(&tasks, &ours, 0, 9), "1o0 3o1 5o2");
        assert_eq!(of(&tasks, &theirs, 2, 1), "4t1");
        tasks.forget(&ours, 4);
        tasks.forget(&ours, 3);
        assert_eq!(of(&tasks, &ours, 0, 9), "1o0 5o2");
        for n in 0..MOST {
            tasks.made(ours.clone(), task("a", &n.to_string()), n.to_string().into());
        }
        let count = |holder| tasks.of(holder, &InstanceHolder::Guest(1), 0, 9999).len();
        assert_eq!((count(&ours), count(&theirs)), (MOST, 3));
    }

    #[test]
    fn an_id_that_is_given_again_is_the_new_owners() {
        let mut tasks = Tasks::default();
        let (ours, theirs) = (holder(Principal::Local), holder(Principal::Delegated("a".into())));
        let may = |tasks: &Tasks, own: &str| {
            let task = task("a", own);
            (tasks.may_be_of(&task, &ours.principal), tasks.may_be_of(&task, &theirs.principal))
        };
        assert_eq!(may(&tasks, "x"), (true, true), "of tasks of an earlier daemon the seal tells");
        tasks.made(ours.clone(), task("a", "x"), "s".into());
        tasks.made(ours.clone(), task("b", "y"), "s".into());
        assert_eq!((may(&tasks, "x"), may(&tasks, "y")), ((true, false), (true, true)));
        tasks.made(Holder { hop: Hop::Modern, ..theirs.clone() }, task("a", "x"), "s".into());
        assert_eq!(may(&tasks, "x"), (false, true));
        let newer = Holder { hop: Hop::Modern, ..theirs.clone() };
        assert!(tasks.of(&newer, &InstanceHolder::Guest(1), 0, 9).is_empty());
        for n in 0..MOST_OWNED {
            tasks.made(theirs.clone(), task("a", &format!("n{n}")), "s".into());
        }
        assert_eq!((tasks.owners.len(), tasks.owned.len()), (MOST_OWNED, MOST_OWNED));
        assert_eq!((may(&tasks, "x"), may(&tasks, "n0")), ((true, true), (false, true)));
    }

    #[test]
    fn who_listens_hears_until_it_leaves() {
        let mut tasks = Tasks::default();
        tasks.listen(1, Hop::Modern, task("a", "x"), "X1".into());
        tasks.listen(2, Hop::Modern, task("a", "x"), "X2".into());
        tasks.listen(2, Hop::Legacy, task("b", "y"), "Y2".into());
        let heard = |tasks: &Tasks, server: &str, own: &str| {
            let found = tasks.hearers(&shared(server), &own.into());
            found.iter().map(|(id, shown)| format!("{id}{shown}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(heard(&tasks, "a", "x"), "1X1 2X2");
        assert_eq!(heard(&tasks, "b", "y"), "2Y2");
        assert_eq!(heard(&tasks, "b", "x"), "");
        let wanted = tasks.wanted();
        assert_eq!(wanted.keys().collect::<Vec<_>>(), [&shared("a")], "the others tell unasked");
        assert_eq!(*wanted[&shared("a")], set(&["x"]));
        tasks.leave(1);
        assert_eq!(heard(&tasks, "a", "x"), "2X2");
        tasks.leave(2);
        assert!(tasks.wanted().is_empty() && tasks.heard.is_empty() && tasks.is_deaf(2));
    }

    #[test]
    fn two_processes_of_one_server_may_give_one_id() {
        let mut tasks = Tasks::default();
        let (ours, theirs) = (holder(Principal::Local), holder(Principal::User(7)));
        tasks.made(ours.clone(), apart("a", 1, "x"), "X1".into());
        tasks.made(ours.clone(), apart("a", 3, "x"), "X3".into());
        tasks.made(ours.clone(), task("b", "x"), "B".into());
        tasks.made(theirs, apart("a", 2, "x"), "X2".into());
        assert!(tasks.may_be_of(&apart("a", 1, "x"), &ours.principal));
        assert!(!tasks.may_be_of(&apart("a", 2, "x"), &ours.principal));
        let listed = |seat| {
            let found = tasks.of(&ours, &InstanceHolder::Guest(seat), 0, 9);
            found.iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((listed(1), listed(3), listed(4)), ("X1 B".into(), "X3 B".into(), "B".into()));
        tasks.listen(1, Hop::Modern, apart("a", 1, "x"), "X1".into());
        tasks.listen(2, Hop::Legacy, apart("a", 2, "x"), "X2".into());
        let heard = |seat| tasks.hearers(&apart("a", seat, "x").0, &"x".into());
        assert_eq!(heard(1), [(1, "X1".into())]);
        assert_eq!(heard(2), [(2, "X2".into())]);
        assert_eq!(tasks.wanted().into_keys().collect::<Vec<_>>(), [apart("a", 1, "x").0]);
    }

    #[test]
    fn a_listener_of_too_many_hears_of_the_latest() {
        let mut tasks = Tasks::default();
        for n in 0..=MOST_HEARD {
            tasks.listen(1, Hop::Modern, task("a", &n.to_string()), "s".into());
        }
        assert_eq!(tasks.heard.len(), MOST_HEARD);
        assert!(tasks.hearers(&shared("a"), &"0".into()).is_empty());
        assert!(!tasks.hearers(&shared("a"), &"1".into()).is_empty());
    }
}
