//! This file keeps one life of a server saying what callers want to hear, and passes on what it says.
//!
//! One task a life, ended with it. What a server of the older revisions is asked is decided in
//! `keeping`, newer ones are listened to in `listening`; who wants what is the audience's affair.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::downstream::{Coming, Lane, Said, Ticket};
use super::keeping::{Keeping, Question, Step};
use super::listening::listen;
use super::listening_tasks::listen_to_tasks;
use super::outbox::Outbox;
use crate::credentials::Secrets;
use crate::model::{Hearing, InstanceId, Settled, Told, Wish, Wishes};
use crate::wire::{Hop, LogLevel, Outcome, write_json_string};

/// How long a server may take to answer one of these questions.
const LIMIT: Duration = Duration::from_secs(10);
/// When it is asked again that did not answer.
const RETRY: Duration = Duration::from_secs(5);
/// News are told this often at most, those of the meantime together.
const CALM: Duration = Duration::from_millis(20);
/// How often the log says of one server that something was missed.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Serves as long as the life lasts. `begun` is told as soon as the server has been asked for what
/// was wanted before, so that no call can come earlier.
pub(in crate::server) async fn keep(
    id: InstanceId,
    secrets: Secrets,
    lane: Lane,
    hearing: Hearing,
    begun: oneshot::Sender<()>,
) {
    let mut mouth = Mouth::new(id, secrets, &lane, &hearing);
    match lane.hop() {
        Hop::Legacy => ask(&lane, &hearing, &mut mouth, begun).await,
        Hop::Modern => {
            drop(begun); // the stream lasts, and calls say themselves what they want to hear
            let id = mouth.id.clone();
            tokio::select! {
                () = listen(&lane, &hearing, &mut mouth) => {}
                () = listen_to_tasks(&id, &lane, &hearing) => {}
            }
        }
    }
}

/// Asks a server of the older revisions, one by one.
async fn ask(lane: &Lane, hearing: &Hearing, mouth: &mut Mouth, begun: oneshot::Sender<()>) {
    let offers = lane.offers();
    let fresh = || Keeping::new(offers.subscriptions, offers.logging);
    let (mut keeping, mut begun) = (fresh(), Some(begun));
    let mut wishes = hearing.wishes.clone();
    let mut sessions = lane.gauges().sessions.subscribe();
    let mut work: JoinSet<Done> = JoinSet::new();
    let mut retry_at: Option<Instant> = None;
    loop {
        let wish = mouth.wish(lane, &wishes.borrow_and_update());
        while let Some(step) = keeping.next(&wish) {
            match step {
                Step::Tell(told) => mouth.outbox.fact(told),
                Step::Ask(question) => drop(work.spawn(put(lane, question))),
            }
        }
        lane.gauges().subscribed.store(keeping.kept(), Ordering::Relaxed);
        begun.take().map(|begun| begun.send(()));
        tokio::select! {
            () = lane.closed() => return,
            changed = wishes.changed() => if changed.is_err() { return },
            Some(Ok(done)) = work.join_next() => {
                if matches!(done, Done::Subscribed(_, Settled::Unanswered)) {
                    retry_at.get_or_insert(Instant::now() + RETRY);
                }
                done.note(&mut keeping, mouth);
            }
            Ok(()) = sessions.changed() => {
                work.abort_all();
                work = JoinSet::new();
                keeping = fresh();
                mouth.outbox.missed();
            }
            () = at(retry_at) => {
                retry_at = None;
                keeping.retry();
            }
            _ = mouth.run() => {}
        }
    }
}

/// Ends at `when`; never if there is no such time.
pub(super) async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// What came of a question.
enum Done {
    Subscribed(std::sync::Arc<str>, Settled),
    Unsubscribed(std::sync::Arc<str>),
    Level(LogLevel),
}

impl Done {
    fn note(self, keeping: &mut Keeping, mouth: &mut Mouth) {
        match self {
            Self::Subscribed(address, settled) => {
                mouth.outbox.fact(keeping.on_subscribed(address, settled));
            }
            Self::Unsubscribed(address) => keeping.on_unsubscribed(&address),
            Self::Level(level) => mouth.outbox.fact(keeping.on_level(level)),
        }
    }
}

/// Puts a question on the pipe at once; the answer is waited for in the future.
fn put(lane: &Lane, question: Question) -> impl Future<Output = Done> + Send + 'static {
    let (method, members) = match &question {
        Question::Subscribe(address) => ("resources/subscribe", member("uri", address)),
        Question::Unsubscribe(address) => ("resources/unsubscribe", member("uri", address)),
        Question::SetLevel(level) => ("logging/setLevel", member("level", level.as_str())),
    };
    let put = lane.begin(method, members);
    async move {
        let settled = match put {
            Ok(put) => settle(put).await,
            Err(_) => Settled::Unanswered,
        };
        match question {
            Question::Subscribe(address) => Done::Subscribed(address, settled),
            Question::Unsubscribe(address) => Done::Unsubscribed(address),
            Question::SetLevel(level) => Done::Level(level),
        }
    }
}

async fn settle((ticket, answer): (Ticket, Coming)) -> Settled {
    match timeout(LIMIT, answer).await {
        Ok(Ok(Ok(answer))) => match answer.outcome {
            Outcome::Result(_) => Settled::Kept,
            Outcome::Error(error) => Settled::Refused(error),
        },
        Ok(_) => Settled::Unanswered,
        Err(_) => {
            ticket.cancel();
            Settled::Unanswered
        }
    }
}

fn member(key: &str, value: &str) -> Bytes {
    let mut out = Vec::with_capacity(key.len() + value.len() + 8);
    write_json_string(&mut out, key);
    out.push(b':');
    write_json_string(&mut out, value);
    Bytes::from(out)
}

/// What a keeper has to act upon itself.
#[derive(Debug)]
pub(super) enum Noticed {
    /// Of these resources the server will tell.
    Acknowledged { ticket: u64, addresses: Vec<std::sync::Arc<str>> },
    /// Something was missed.
    Missed,
}

/// Passes on what the server says.
pub(super) struct Mouth {
    pub(super) id: InstanceId,
    pub(super) outbox: Outbox,
    /// Whether notifications of extensions are for sessions: an older server has no other place for them.
    has_notices: bool,
    told: mpsc::Sender<(InstanceId, Told)>,
    said: broadcast::Receiver<Said>,
    /// Before that, news wait for more of them.
    calm_until: Instant,
    /// When the log says again that something was missed.
    warn_at: Instant,
}

impl Mouth {
    fn new(id: InstanceId, secrets: Secrets, lane: &Lane, hearing: &Hearing) -> Self {
        let mut outbox = Outbox::default();
        let logs = lane.offers().logging && lane.hop() == Hop::Legacy;
        outbox.fact(Told::Began { logs, secrets });
        Self {
            id,
            outbox,
            has_notices: lane.hop() == Hop::Legacy && lane.offers().extensions.is_some(),
            told: hearing.told.clone(),
            said: lane.gauges().said.subscribe(),
            calm_until: Instant::now(),
            warn_at: Instant::now(),
        }
    }

    /// What is wanted of this server now.
    pub(super) fn wish(&self, lane: &Lane, wishes: &Wishes) -> Wish {
        lane.gauges().logs.send_replace(wishes.heard_from(&self.id));
        wishes.of(&self.id)
    }

    /// Runs until there is something for the keeper itself. Nothing is lost if it is given up.
    pub(super) async fn run(&mut self) -> Noticed {
        let told = self.told.clone();
        loop {
            let calm = Instant::now() < self.calm_until;
            let due = self.outbox.has_facts() || (self.outbox.has_news() && !calm);
            tokio::select! {
                place = told.reserve(), if due => {
                    let Ok(place) = place else {
                        self.outbox = Outbox::default(); // nobody hears any more
                        continue;
                    };
                    if !self.outbox.has_facts() {
                        self.calm_until = Instant::now() + CALM;
                    }
                    if let Some(told) = self.outbox.take() {
                        place.send((self.id.clone(), told));
                    }
                }
                () = sleep_until(self.calm_until), if calm && !self.outbox.is_empty() && !due => {}
                said = self.said.recv() => if let Some(noticed) = self.on_said(said) {
                    return noticed;
                },
            }
        }
    }

    fn on_said(&mut self, said: Result<Said, broadcast::error::RecvError>) -> Option<Noticed> {
        match said {
            Ok(Said::Updated(address)) => self.outbox.updated(address),
            Ok(Said::Visited { id, heard }) => self.outbox.visited(id, heard),
            Ok(Said::Task { own, news }) => self.outbox.task(own, news),
            Ok(Said::Noticed(notice)) if self.has_notices => self.outbox.noticed(notice),
            Ok(Said::Noticed(_)) => {}
            Ok(Said::Logged(message)) => {
                self.outbox.logged(message);
                let left_out = std::mem::take(&mut self.outbox.left_out);
                if left_out > 0 {
                    debug!(server = %self.id.server, left_out, "log messages of a server left out");
                }
            }
            Ok(Said::Acknowledged { ticket, addresses }) => {
                return Some(Noticed::Acknowledged { ticket, addresses });
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                let now = Instant::now();
                if self.warn_at <= now {
                    self.warn_at = now + WARN_EVERY;
                    warn!(server = %self.id.server, missed, "server says more than can be told");
                }
                self.outbox.missed();
                return Some(Noticed::Missed);
            }
            Err(broadcast::error::RecvError::Closed) => {}
        }
        None
    }
}

impl Drop for Mouth {
    fn drop(&mut self) {
        // If there is no room for it, the next life says that it began.
        let _ = self.told.try_send((self.id.clone(), Told::Ended));
    }
}
