//! This file is the task that owns the book: it hears wishes and what servers say, and never waits.
//!
//! What follows from them is decided in `book`; how a slow listener is treated, in `line`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use conductor_config::ServerId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, interval};
use tracing::{debug, warn};

use super::book::{Book, ListenerId, Shown};
use super::handle::{Command, Reply};
use super::line::Line;
use super::tasks::Tasks;
use super::visits::Visits;
use crate::credentials::Secrets;
use crate::merger::public_address;
use crate::model::{Holder, InstanceId, LogMessage, Settled, Told, Wishes, shown_visit};
use crate::wire::LogLevel;

/// How long the level that a call wanted is kept for the next one.
const LENT: Duration = Duration::from_secs(60);
/// How often it is looked for levels that nobody wants any more.
const TICK: Duration = Duration::from_secs(10);
/// Of what a server logs to nobody, one message in so long a time is written into our own log.
const OWN_LOG: Duration = Duration::from_secs(1);

/// A life of a server.
#[derive(Debug, Default)]
struct Life {
    /// Whether a level can be set there.
    logs: bool,
    /// What must not get into our own log of what it says.
    secrets: Secrets,
    level: Option<LogLevel>,
    /// The resources it tells of.
    kept: BTreeSet<Arc<str>>,
    /// Those it will not tell of, as long as somebody still waits for them.
    refused: BTreeMap<Arc<str>, Settled>,
}

impl Life {
    /// What the server has answered about this resource.
    fn answer(&self, own: &str) -> Option<Settled> {
        let kept = self.kept.contains(own).then_some(Settled::Kept);
        kept.or_else(|| self.refused.get(own).cloned())
    }
}

/// Somebody who waits until servers know of a level.
#[derive(Debug)]
struct LevelWait {
    instances: BTreeSet<InstanceId>,
    level: LogLevel,
    done: oneshot::Sender<()>,
}

/// What went into our own log last, and what did not since.
#[derive(Debug)]
struct OwnLog {
    at: Instant,
    left_out: u64,
}

/// All that the audience knows.
pub(super) struct Audience {
    book: Book,
    tasks: Tasks,
    visits: Visits,
    lines: HashMap<ListenerId, Line>,
    lives: BTreeMap<InstanceId, Life>,
    waiting: HashMap<(InstanceId, Arc<str>), Vec<Reply>>,
    levels: Vec<LevelWait>,
    own_log: BTreeMap<ServerId, OwnLog>,
    publish: watch::Sender<Arc<Wishes>>,
}

impl Audience {
    pub(super) fn new(publish: watch::Sender<Arc<Wishes>>) -> Self {
        Self {
            book: Book::default(),
            tasks: Tasks::default(),
            visits: Visits::default(),
            lines: HashMap::new(),
            lives: BTreeMap::new(),
            waiting: HashMap::new(),
            levels: Vec::new(),
            own_log: BTreeMap::new(),
            publish,
        }
    }

    /// Runs until nobody can ask for anything any more.
    pub(super) async fn run(
        mut self,
        mut asked: mpsc::Receiver<Command>,
        mut said: mpsc::Receiver<(InstanceId, Told)>,
    ) {
        let mut tick = interval(TICK);
        loop {
            tokio::select! {
                command = asked.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return,
                },
                Some((id, told)) = said.recv() => self.on_told(&id, told),
                _ = tick.tick(), if self.book.has_lent() => {
                    if self.book.expire(Instant::now()) {
                        self.publish();
                    }
                }
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Join { id, who, reach, logs, merged } => {
                self.book.join(id, who, reach, logs);
                self.lines.insert(id, Line::new(merged));
                self.publish();
            }
            Command::Leave(id) => {
                self.book.leave(id);
                self.tasks.leave(id);
                self.visits.leave(id);
                self.lines.remove(&id);
                self.forget_answers();
                self.publish();
            }
            Command::Hear { id, ends } => {
                if let Some(line) = self.lines.get_mut(&id) {
                    line.connect(ends);
                }
            }
            Command::Subscribe { id, of, own, asked, reply } => {
                self.subscribe(id, of, own, asked, reply);
            }
            Command::Missed { id, asked } => {
                if let Some(line) = self.lines.get_mut(&id) {
                    line.update(&asked);
                }
            }
            Command::Unsubscribe { id, asked } => {
                self.book.unsubscribe(id, &asked);
                self.forget_answers();
                self.publish();
            }
            Command::SetLevel { id, level, done } => {
                if let Some((reach, holder)) = self.book.set_level(id, level) {
                    self.publish();
                    let theirs = |it: &InstanceId| {
                        let heard = it.holder == Holder::Everybody || it.holder == holder;
                        heard && reach.includes(&it.server)
                    };
                    self.await_level(theirs, done);
                }
            }
            Command::Made { holder, task, shown } => self.tasks.made(holder, task, shown),
            Command::MayBeOf { task, principal, reply } => {
                let _ = reply.send(self.tasks.may_be_of(&task, &principal));
            }
            Command::TasksOf { holder, own, after, most, reply } => {
                let _ = reply.send(self.tasks.of(&holder, &own, after, most));
            }
            Command::Forget { holder, number } => self.tasks.forget(&holder, number),
            Command::HearOf { id, hop, task, shown } => {
                if self.lines.contains_key(&id) {
                    self.tasks.listen(id, hop, task, shown);
                    self.publish();
                }
            }
            Command::AwaitVisits { id, of, visits } => self.await_visits(id, &of, visits),
            Command::Lend { of, level, done } => {
                self.book.lend(of.clone(), level, Instant::now() + LENT);
                self.publish();
                self.await_level(|it| *it == of, done);
            }
        }
    }

    fn subscribe(
        &mut self,
        id: ListenerId,
        of: InstanceId,
        own: Arc<str>,
        asked: Arc<str>,
        reply: Reply,
    ) {
        if let Err(too_many) = self.book.subscribe(id, &of, &own, asked) {
            let _ = reply.send(Err(too_many));
            return;
        }
        if let Some(known) = self.lives.get(&of).and_then(|life| life.answer(&own)) {
            let _ = reply.send(Ok(known));
            return;
        }
        self.publish();
        self.waiting.entry((of, own)).or_default().push(reply);
    }

    /// A listener waits for the ends of visits; some may have come already.
    fn await_visits(&mut self, id: ListenerId, of: &InstanceId, visits: Vec<Arc<str>>) {
        let Some(principal) = self.book.principal(id) else { return };
        let Some(line) = self.lines.get_mut(&id) else { return };
        for own in visits {
            let visit = (of.clone(), Arc::clone(&own));
            if self.visits.wait(id, principal, visit, Instant::now()) {
                line.visited(shown_visit_on(line, of, &own));
            }
        }
    }

    /// What was answered about things that nobody waits for any more.
    fn forget_answers(&mut self) {
        for (id, life) in &mut self.lives {
            let wanted = self.book.addresses(id);
            life.refused.retain(|own, _| wanted.contains(own));
            life.kept.retain(|own| wanted.contains(own));
        }
        self.waiting.retain(|_, replies| {
            replies.retain(|reply| !reply.is_closed());
            !replies.is_empty()
        });
    }

    /// Answers `done` when all of `which` that are up know the level they are to have.
    fn await_level(&mut self, which: impl Fn(&InstanceId) -> bool, done: oneshot::Sender<()>) {
        let wishes = self.publish.borrow().clone();
        let mut least = LogLevel::Emergency;
        let mut instances = BTreeSet::new();
        for (id, life) in self.lives.iter().filter(|(id, _)| which(id)) {
            let Some(wanted) = wishes.of(id).level else { continue };
            if life.logs && life.level != Some(wanted) {
                instances.insert(id.clone());
                least = least.min(wanted);
            }
        }
        match instances.is_empty() {
            true => drop(done.send(())),
            false => self.levels.push(LevelWait { instances, level: least, done }),
        }
        self.levels.retain(|wait| !wait.done.is_closed());
    }

    fn on_told(&mut self, id: &InstanceId, told: Told) {
        match told {
            Told::Began { logs, secrets } => {
                self.lives.insert(id.clone(), Life { logs, secrets, ..Life::default() });
            }
            Told::Ended => {
                self.lives.remove(id);
                if self.book.forget(id) {
                    self.publish();
                }
                // It will be set before anything is asked of the next life.
                self.level_known(id, LogLevel::Debug);
            }
            Told::Settled { address, settled } => self.on_settled(id, &address, &settled),
            Told::LevelSet(level) => {
                if let Some(life) = self.lives.get_mut(id) {
                    life.level = Some(level);
                }
                self.level_known(id, level);
            }
            Told::Updated(addresses) => {
                for own in &addresses {
                    self.update(id, own);
                }
            }
            Told::AllUpdated => {
                for own in self.book.addresses(id).iter() {
                    self.update(id, own);
                }
            }
            Told::Visited { id: own, heard } => {
                let visit = (id.clone(), Arc::clone(&own));
                for listener in self.visits.ended(visit, heard, Instant::now()) {
                    if let Some(line) = self.lines.get_mut(&listener) {
                        line.visited(shown_visit_on(line, id, &own));
                    }
                }
            }
            Told::Noticed(notice) => {
                let hearers = self.book.hearers_of_logs(id);
                let lines = hearers.of_notice(&notice).filter_map(|it| self.lines.get(&it));
                // Where several servers are behind a door nobody could tell whose it is.
                lines.filter(|line| !line.is_merged()).for_each(|line| line.notice(&notice.line));
            }
            Told::Logged(messages) => self.on_logged(id, &messages),
            Told::Task { own, news } => {
                for (listener, shown) in self.tasks.hearers(id, &own) {
                    if let Some(line) = self.lines.get(&listener) {
                        line.tell(shown, news.clone());
                    }
                }
            }
        }
    }

    /// Those who wait for the server to know of a level as verbose as that need not any more.
    fn level_known(&mut self, id: &InstanceId, level: LogLevel) {
        for wait in &mut self.levels {
            if level <= wait.level {
                wait.instances.remove(id);
            }
        }
        let (done, still) = std::mem::take(&mut self.levels)
            .into_iter()
            .partition::<Vec<_>, _>(|wait| wait.instances.is_empty());
        self.levels = still;
        for wait in done {
            let _ = wait.done.send(());
        }
    }

    fn on_settled(&mut self, id: &InstanceId, own: &Arc<str>, settled: &Settled) {
        let is_final = matches!(settled, Settled::NotOffered | Settled::Refused(_));
        let life = self.lives.entry(id.clone()).or_default();
        life.kept.remove(own);
        life.refused.remove(own);
        if *settled == Settled::Kept {
            life.kept.insert(Arc::clone(own));
        } else if is_final {
            life.refused.insert(Arc::clone(own), settled.clone());
        }
        let waiting = self.waiting.remove(&(id.clone(), Arc::clone(own))).unwrap_or_default();
        if is_final && waiting.is_empty() {
            warn!(server = %id.server, "server does not tell of a resource any more that somebody waits for");
        }
        // Those who get another answer than they hoped for withdraw their wish themselves.
        for reply in waiting {
            let _ = reply.send(Ok(settled.clone()));
        }
    }

    fn update(&mut self, id: &InstanceId, own: &Arc<str>) {
        let hearers = self.book.hearers_of_update(id, own);
        if hearers.is_empty() {
            debug!(server = %id.server, "update of a resource that nobody waits for");
        }
        for (listener, shown) in hearers {
            let Some(line) = self.lines.get_mut(&listener) else { continue };
            match shown {
                Shown::As(asked) => line.update(&asked),
                // Below what was asked for in the server's own words, such words are understood.
                Shown::Below { asked, own } if own.starts_with(&*asked) => line.update(&own),
                Shown::Below { own, .. } | Shown::Unasked { own } if line.is_merged() => {
                    let public = public_address(id.server.name.as_ref(), &own);
                    line.update(&public.into());
                }
                Shown::Below { own, .. } | Shown::Unasked { own } => line.update(&own),
            }
        }
    }

    fn on_logged(&mut self, id: &InstanceId, messages: &[LogMessage]) {
        let hearers = self.book.hearers_of_logs(id);
        for message in messages {
            match hearers.of(message) {
                Some(ids) => {
                    for line in ids.filter_map(|id| self.lines.get(&id)) {
                        line.log(&message.params);
                    }
                }
                None => self.log_ourselves(id, message),
            }
        }
    }

    fn log_ourselves(&mut self, id: &InstanceId, message: &LogMessage) {
        let (server, now) = (&id.server, Instant::now());
        let known = self.own_log.get_mut(server);
        if let Some(known) = known
            && now.saturating_duration_since(known.at) < OWN_LOG
        {
            known.left_out += 1;
            return;
        }
        let before = self.own_log.insert(server.clone(), OwnLog { at: now, left_out: 0 });
        let left_out = before.map_or(0, |before| before.left_out);
        let text = String::from_utf8_lossy(&message.params);
        let text = self.lives.get(id).map_or(text.clone(), |life| life.secrets.blotted(&text));
        debug!(%server, level = %message.level, left_out, message = %text, "server logged something that is for nobody in particular");
    }

    /// Publishes what is wanted, if it is something else than before.
    fn publish(&self) {
        let wishes = Wishes { tasks: self.tasks.wanted(), ..self.book.wishes() };
        self.publish.send_if_modified(|known| {
            let differs = **known != wishes;
            if differs {
                *known = Arc::new(wishes);
            }
            differs
        });
    }
}

/// What a visit is called there, which its server calls `own`.
fn shown_visit_on(line: &Line, of: &InstanceId, own: &Arc<str>) -> Arc<str> {
    match line.is_merged() {
        true => shown_visit(of.server.name.as_ref(), own).into(),
        false => Arc::clone(own),
    }
}
