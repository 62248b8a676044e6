//! This file is the way from the audience to one listener: updates each once, log messages as long
//! as there is room.
//!
//! A client that reads slowly, or not at all for a while, misses no update, only that it came twice;
//! log messages for which there is no room are dropped.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::TaskNews;

/// The most addresses that may wait for one listener.
const UPDATES: usize = 2048;
/// Log messages that may wait, as many news of tasks, and as many notifications of extensions.
const LOGS: usize = 64;
/// Ends of visits that may wait; the oldest make room.
const VISITS: usize = 64;

/// Something that a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A resource was updated: its address in the form that this listener knows.
    Updated(Arc<str>),
    /// A server logged something: ready-made parameters of `notifications/message`.
    Logged(Bytes),
    /// A server said something that an extension knows: the whole notification.
    Noticed(Bytes),
    /// The visit has ended that its client was asked for under this id.
    Visited(Arc<str>),
    /// Something about a task.
    Task {
        /// The id that this listener knows it by.
        shown: Arc<str>,
        /// What.
        news: TaskNews,
    },
}

/// An address to be told, which is in the queue at most once.
#[derive(Debug)]
struct Notice {
    shown: Arc<str>,
    waiting: AtomicBool,
}

/// The audience's end.
#[derive(Debug)]
pub(super) struct Line {
    /// Whether addresses name their server there.
    merged: bool,
    notices: HashMap<Arc<str>, Arc<Notice>>,
    ends: Option<Ends>,
    /// What was updated while nobody heard.
    missed: BTreeSet<Arc<str>>,
    /// What ended meanwhile.
    visited: VecDeque<Arc<str>>,
}

/// Where an inbox is filled.
#[derive(Debug)]
pub(super) struct Ends {
    updates: mpsc::Sender<Arc<Notice>>,
    logs: mpsc::Sender<Bytes>,
    tasks: mpsc::Sender<(Arc<str>, TaskNews)>,
    visits: mpsc::Sender<Arc<str>>,
    notices: mpsc::Sender<Bytes>,
}

/// Where a listener's client hears. Dropping it ends nothing: updates wait for the next one.
#[derive(Debug)]
pub struct Inbox {
    updates: mpsc::Receiver<Arc<Notice>>,
    logs: mpsc::Receiver<Bytes>,
    tasks: mpsc::Receiver<(Arc<str>, TaskNews)>,
    visits: mpsc::Receiver<Arc<str>>,
    notices: mpsc::Receiver<Bytes>,
}

/// An inbox, and where it is filled.
pub(super) fn inbox() -> (Ends, Inbox) {
    let (updates, from_updates) = mpsc::channel(UPDATES);
    let (logs, from_logs) = mpsc::channel(LOGS);
    let (tasks, from_tasks) = mpsc::channel(LOGS);
    let (visits, from_visits) = mpsc::channel(VISITS);
    let (notices, from_notices) = mpsc::channel(LOGS);
    let inbox = Inbox {
        updates: from_updates,
        logs: from_logs,
        tasks: from_tasks,
        visits: from_visits,
        notices: from_notices,
    };
    (Ends { updates, logs, tasks, visits, notices }, inbox)
}

impl Inbox {
    /// What comes next; nothing if there will be no more. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Option<Heard> {
        tokio::select! {
            biased;
            Some(notice) = self.updates.recv() => {
                // Before it is told: what happens from here on is to be told again.
                notice.waiting.store(false, Ordering::Release);
                Some(Heard::Updated(Arc::clone(&notice.shown)))
            }
            Some(id) = self.visits.recv() => Some(Heard::Visited(id)),
            Some((shown, news)) = self.tasks.recv() => Some(Heard::Task { shown, news }),
            Some(line) = self.notices.recv() => Some(Heard::Noticed(line)),
            Some(params) = self.logs.recv() => Some(Heard::Logged(params)),
            else => None,
        }
    }
}

impl Line {
    /// One on which nobody hears yet. `merged` if it ends at a door that shows several servers.
    pub(super) fn new(merged: bool) -> Self {
        let (notices, missed) = (HashMap::new(), BTreeSet::new());
        Self { merged, notices, ends: None, missed, visited: VecDeque::new() }
    }

    /// Whether it ends at a door that shows several servers.
    pub(super) fn is_merged(&self) -> bool {
        self.merged
    }

    /// From now on it is heard there, what was missed first.
    pub(super) fn connect(&mut self, ends: Ends) {
        let unheard = self.notices.drain().filter(|(_, it)| it.waiting.load(Ordering::Acquire));
        self.missed.extend(unheard.map(|(shown, _)| shown));
        self.ends = Some(ends);
        for shown in std::mem::take(&mut self.missed) {
            self.update(&shown);
        }
        for id in std::mem::take(&mut self.visited) {
            self.visited(id);
        }
    }

    /// Tells of the end of a visit. Where nobody hears, or too slowly, it waits for the next who does.
    pub(super) fn visited(&mut self, id: Arc<str>) {
        let told =
            self.ends.as_ref().is_some_and(|ends| ends.visits.try_send(Arc::clone(&id)).is_ok());
        if !told {
            if self.visited.len() >= VISITS {
                self.visited.pop_front();
            }
            self.visited.push_back(id);
        }
    }

    /// Tells of an update.
    pub(super) fn update(&mut self, shown: &Arc<str>) {
        let Some(ends) = self.ends.as_ref().filter(|ends| !ends.updates.is_closed()) else {
            if self.missed.len() < UPDATES {
                self.missed.insert(Arc::clone(shown));
            }
            return;
        };
        if self.notices.len() >= UPDATES && !self.notices.contains_key(shown) {
            self.notices.retain(|_, notice| notice.waiting.load(Ordering::Acquire));
        }
        let notice = self.notices.entry(Arc::clone(shown)).or_insert_with(|| {
            let waiting = AtomicBool::new(false);
            Arc::new(Notice { shown: Arc::clone(shown), waiting })
        });
        if !notice.waiting.swap(true, Ordering::AcqRel)
            && ends.updates.try_send(Arc::clone(notice)).is_err()
        {
            notice.waiting.store(false, Ordering::Release);
        }
    }

    /// Passes on news of a task. Where there is no room they are dropped: whoever wants to know how a
    /// task stands asks.
    pub(super) fn tell(&self, shown: Arc<str>, news: TaskNews) {
        if let Some(ends) = &self.ends {
            let _ = ends.tasks.try_send((shown, news));
        }
    }

    /// Passes on a notification of an extension. Where nobody hears, or too slowly, it is dropped.
    pub(super) fn notice(&self, line: &Bytes) {
        if let Some(ends) = &self.ends {
            let _ = ends.notices.try_send(line.clone());
        }
    }

    /// Passes on a log message; returns whether there was room.
    pub(super) fn log(&self, params: &Bytes) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.logs.try_send(params.clone()).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// All that waits, in short.
    async fn heard(inbox: &mut Inbox) -> String {
        let mut words = Vec::new();
        while let Ok(Some(heard)) = timeout(Duration::from_millis(1), inbox.next()).await {
            words.push(match heard {
                Heard::Updated(shown) => shown.to_string(),
                Heard::Logged(params) => String::from_utf8_lossy(&params).into_owned(),
                Heard::Task { shown, .. } => format!("task {shown}"),
                Heard::Visited(id) => format!("visited {id}"),
                Heard::Noticed(line) => String::from_utf8_lossy(&line).into_owned(),
            });
        }
        words.join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_waits_once_however_often_it_comes() {
        let (ends, mut inbox) = inbox();
        let mut line = Line::new(true);
        line.connect(ends);
        for shown in ["a", "b", "a", "a"] {
            line.update(&shown.into());
        }
        assert!(line.log(&"{}".into()));
        line.tell("t".into(), TaskNews::Status("{}".into()));
        assert_eq!(heard(&mut inbox).await, "a b task t {}");
        line.update(&"a".into());
        assert_eq!(heard(&mut inbox).await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_while_nobody_heard_is_told_to_the_next() {
        let mut line = Line::new(true);
        line.update(&"b".into());
        assert!(!line.log(&"{}".into()), "log messages do not wait for anybody");
        let (ends, first) = inbox();
        line.connect(ends);
        line.update(&"a".into());
        drop(first);
        line.update(&"c".into());
        let (ends, mut second) = inbox();
        line.connect(ends);
        assert_eq!(heard(&mut second).await, "a b c");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_visit_waits_for_somebody_who_hears() {
        let mut line = Line::new(true);
        for n in 0..=VISITS {
            line.visited(n.to_string().into());
        }
        let (ends, mut first) = inbox();
        line.connect(ends);
        let all = heard(&mut first).await;
        assert!(all.starts_with("visited 1 ") && all.ends_with("visited 64"), "{all}");
        drop(first);
        line.visited("late".into());
        let (ends, mut second) = inbox();
        line.connect(ends);
        assert_eq!(heard(&mut second).await, "visited late");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_log_messages_fills_the_queue_and_no_more() {
        let (ends, mut inbox) = inbox();
        let mut line = Line::new(true);
        line.connect(ends);
        let taken = (0..1000).filter(|_| line.log(&"{}".into())).count();
        assert_eq!(taken, LOGS);
        line.update(&"a".into());
        assert!(heard(&mut inbox).await.starts_with("a {} "), "updates have a queue of their own");
    }

    #[tokio::test(start_paused = true)]
    async fn more_addresses_than_can_wait_are_dropped_one_by_one() {
        let (ends, mut inbox) = inbox();
        let mut line = Line::new(true);
        line.connect(ends);
        for n in 0..UPDATES + 10 {
            line.update(&n.to_string().into());
        }
        assert_eq!(heard(&mut inbox).await.split(' ').count(), UPDATES);
        line.update(&"again".into());
        assert_eq!(heard(&mut inbox).await, "again");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_audience() {
        let (ends, mut inbox) = inbox();
        drop(ends);
        assert_eq!(inbox.next().await, None);
    }
}
