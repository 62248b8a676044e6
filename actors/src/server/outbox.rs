//! This file gathers what a server says until it can be told, each update once.
//!
//! Pure. A server that says more than can be told loses nothing but repetitions and log messages.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::model::{LogMessage, Notice, TaskNews, Told};

/// Updates of so many resources wait; beyond it, all count as updated.
const UPDATES: usize = 1024;
/// So many log messages wait.
const LOGS: usize = 64;
/// So many news of tasks wait; of one task the latest of each kind.
const TASKS: usize = 256;

/// So many notifications of extensions wait.
const NOTICES: usize = 64;
/// So many ends of visits wait.
const VISITS: usize = 256;

/// What waits to be told.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    facts: VecDeque<Told>,
    updated: BTreeSet<Arc<str>>,
    all: bool,
    logs: Vec<LogMessage>,
    tasks: VecDeque<(Arc<str>, TaskNews)>,
    visited: VecDeque<(Arc<str>, bool)>,
    notices: VecDeque<Notice>,
    /// Log messages for which there was no room.
    pub(super) left_out: u64,
}

impl Outbox {
    /// A fact, which is told in any case.
    pub(super) fn fact(&mut self, told: Told) {
        self.facts.push_back(told);
    }

    /// A resource was updated.
    pub(super) fn updated(&mut self, address: Arc<str>) {
        if self.updated.len() >= UPDATES {
            self.missed();
        }
        if !self.all {
            self.updated.insert(address);
        }
    }

    /// Something was missed, nobody knows what.
    pub(super) fn missed(&mut self) {
        self.all = true;
        self.updated.clear();
    }

    /// It said something about a task.
    pub(super) fn task(&mut self, own: Arc<str>, news: TaskNews) {
        let same = |(of, older): &(Arc<str>, TaskNews)| {
            *of == own && std::mem::discriminant(older) == std::mem::discriminant(&news)
        };
        self.tasks.retain(|one| !same(one));
        if self.tasks.len() >= TASKS {
            self.tasks.pop_front();
        }
        self.tasks.push_back((own, news));
    }

    /// It has seen the end of a visit; `heard` if a call was told.
    pub(super) fn visited(&mut self, id: Arc<str>, heard: bool) {
        if self.visited.len() >= VISITS {
            self.visited.pop_front();
        }
        self.visited.push_back((id, heard));
    }

    /// It said something that an extension knows. Where there is no room it is dropped.
    pub(super) fn noticed(&mut self, notice: Notice) {
        if self.notices.len() < NOTICES {
            self.notices.push_back(notice);
        }
    }

    /// It logged something.
    pub(super) fn logged(&mut self, message: LogMessage) {
        if self.logs.len() < LOGS {
            self.logs.push(message);
        } else {
            self.left_out += 1;
        }
    }

    /// Whether there are facts, for which nobody should wait.
    pub(super) fn has_facts(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Whether there is nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_facts() && !self.has_news()
    }

    /// Whether there is something else than facts.
    pub(super) fn has_news(&self) -> bool {
        let quiet = self.updated.is_empty() && self.logs.is_empty() && self.notices.is_empty();
        self.all || !quiet || !self.tasks.is_empty() || !self.visited.is_empty()
    }

    /// What is to be told next: facts in their order, then updates, ends of visits, tasks,
    /// notifications of extensions, log messages.
    pub(super) fn take(&mut self) -> Option<Told> {
        if let Some(fact) = self.facts.pop_front() {
            return Some(fact);
        }
        if std::mem::take(&mut self.all) {
            return Some(Told::AllUpdated);
        }
        if !self.updated.is_empty() {
            return Some(Told::Updated(std::mem::take(&mut self.updated).into_iter().collect()));
        }
        if let Some((id, heard)) = self.visited.pop_front() {
            return Some(Told::Visited { id, heard });
        }
        if let Some((own, news)) = self.tasks.pop_front() {
            return Some(Told::Task { own, news });
        }
        if let Some(notice) = self.notices.pop_front() {
            return Some(Told::Noticed(notice));
        }
        (!self.logs.is_empty()).then(|| Told::Logged(std::mem::take(&mut self.logs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Callers;
    use crate::wire::LogLevel;

    fn message() -> LogMessage {
        let (level, callers) = (LogLevel::Info, Callers::Nobody);
        LogMessage { level, params: "{}".into(), callers }
    }

    #[test]
    fn each_update_is_told_once_and_facts_come_first() {
        let mut outbox = Outbox::default();
        for address in ["b", "a", "b"] {
            outbox.updated(address.into());
        }
        outbox.logged(message());
        outbox.fact(Told::Ended);
        assert_eq!(outbox.take(), Some(Told::Ended));
        assert_eq!(outbox.take(), Some(Told::Updated(vec!["a".into(), "b".into()])));
        assert_eq!(outbox.take(), Some(Told::Logged(vec![message()])));
        assert_eq!(outbox.take(), None);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_cannot_be_kept_apart_counts_as_everything() {
        let mut outbox = Outbox::default();
        for n in 0..=UPDATES {
            outbox.updated(n.to_string().into());
        }
        assert_eq!(outbox.take(), Some(Told::AllUpdated));
        assert!(outbox.is_empty());
        outbox.updated("a".into());
        outbox.missed();
        assert_eq!(outbox.take(), Some(Told::AllUpdated));
    }

    #[test]
    fn of_a_task_the_latest_is_told() {
        let mut outbox = Outbox::default();
        let status = |n: usize| TaskNews::Status(n.to_string().into());
        outbox.task("a".into(), status(1));
        outbox.task("a".into(), TaskNews::Progress("p".into()));
        outbox.task("b".into(), status(1));
        outbox.task("a".into(), status(2));
        let told = std::iter::from_fn(|| outbox.take()).collect::<Vec<_>>();
        let task = |own: &str, news| Told::Task { own: own.into(), news };
        let progress = TaskNews::Progress("p".into());
        assert_eq!(told, [task("a", progress), task("b", status(1)), task("a", status(2))]);
        for n in 0..=TASKS {
            outbox.task(n.to_string().into(), status(n));
        }
        assert_eq!(std::iter::from_fn(|| outbox.take()).count(), TASKS);
    }

    #[test]
    fn ends_of_visits_are_told_in_their_order() {
        let mut outbox = Outbox::default();
        for n in 0..=VISITS {
            outbox.visited(n.to_string().into(), n == 1);
        }
        let told = std::iter::from_fn(|| outbox.take()).collect::<Vec<_>>();
        assert_eq!(told.len(), VISITS);
        assert_eq!(told[0], Told::Visited { id: "1".into(), heard: true });
    }

    #[test]
    fn notifications_of_extensions_are_told_in_their_order_as_many_as_there_is_room_for() {
        let mut outbox = Outbox::default();
        let notice = |n: usize| Notice { line: n.to_string().into(), callers: Callers::default() };
        (0..NOTICES + 3).for_each(|n| outbox.noticed(notice(n)));
        assert!(outbox.has_news() && !outbox.has_facts());
        let told: Vec<_> = std::iter::from_fn(|| outbox.take()).collect();
        let expected: Vec<_> = (0..NOTICES).map(|n| Told::Noticed(notice(n))).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn log_messages_beyond_the_limit_are_counted_and_gone() {
        let mut outbox = Outbox::default();
        for _ in 0..LOGS + 3 {
            outbox.logged(message());
        }
        assert_eq!(outbox.left_out, 3);
        assert!(matches!(outbox.take(), Some(Told::Logged(logs)) if logs.len() == LOGS));
    }
}
