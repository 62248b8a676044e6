//! This file writes sessions into the store, many at once, and reads them at a start.
//!
//! It leaves what is written of one to the session itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{info, warn};

use super::record::{SessionKey, SessionRecord};
use crate::store::{Kind, Store, StoreError, WallClock};

/// Sessions that may wait to be written; whoever comes then waits for room.
const QUEUE_MAX: usize = 1024;
/// How long a client may be held up by a slow disk.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that is written of one session, in bytes; one that needs more is not kept.
const RECORD_MAX: usize = 256 * 1024;
/// A use is written down when this part of the time without use has passed since the last one.
pub const UNSAID: u32 = 8;

/// A session, as far as it is kept.
pub trait Recorded: Send + Sync + 'static {
    /// What it is found by.
    fn key(&self) -> SessionKey;

    /// What is to be kept of it now; nothing once it has ended.
    fn record(&self) -> Option<SessionRecord>;
}

/// A session to be written, and who waits for that.
type Wish = (Arc<dyn Recorded>, Option<oneshot::Sender<()>>);

/// The sessions of earlier runs by the door they were opened at.
type Found = HashMap<Box<str>, ArcSwapOption<Vec<(SessionKey, SessionRecord)>>>;

/// Keeps sessions. Cheap to clone; what was asked of it is still done when the last clone is gone.
#[derive(Debug, Clone)]
pub struct KeptSessions {
    wishes: mpsc::Sender<Wish>,
    found: Arc<Found>,
    clock: WallClock,
}

impl KeptSessions {
    /// Reads what earlier runs have kept. Sessions that have not been used for `idle` are forgotten.
    pub(crate) async fn load(store: &Arc<dyn Store>, idle: Duration) -> Self {
        Self::load_at(store, idle, WallClock::system()).await
    }

    pub(super) async fn load_at(store: &Arc<dyn Store>, idle: Duration, clock: WallClock) -> Self {
        let documents = store.list(Kind::Session).await.unwrap_or_else(|error| {
            warn!(%error, "the sessions of the last run cannot be read");
            Vec::new()
        });
        let (mut changes, mut found) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
        let oldest = clock.unix_millis().saturating_sub_unsigned(millis(idle + idle / UNSAID));
        for document in documents {
            let record = SessionRecord::read(document.body);
            let recent = record.filter(|record| record.used >= oldest);
            match SessionKey::read(&document.key).zip(recent) {
                Some((key, record)) => {
                    found.entry(record.door.clone()).or_default().push((key, record));
                }
                None => drop(changes.insert(document.key, None)),
            }
        }
        let sessions: usize = found.values().map(Vec::len).sum();
        if sessions > 0 {
            info!(sessions, "sessions of the last run go on");
        }
        let (wishes, queue) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(keep(Arc::clone(store), changes, queue));
        let found = found.into_iter();
        let found = found.map(|(door, found)| (door, ArcSwapOption::from_pointee(found))).collect();
        Self { wishes, found: Arc::new(found), clock }
    }

    /// The sessions that were opened at this door in earlier runs, once.
    pub fn found(&self, door: &str) -> Vec<(SessionKey, SessionRecord)> {
        let found = self.found.get(door).and_then(|found| found.swap(None));
        found.map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// The time that sessions are kept with, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.unix_millis()
    }

    /// Has a session written as it is, or removed if it has ended. Returns when that would survive a
    /// loss of power, or after two seconds: a bad disk is no reason to refuse a client.
    pub async fn settle(&self, session: Arc<dyn Recorded>) {
        let (done, written) = oneshot::channel();
        let settled = async {
            if self.wishes.send((session, Some(done))).await.is_ok() {
                let _ = written.await;
            }
        };
        let _ = timeout(PATIENCE, settled).await;
    }

    /// The same for many, and without waiting until they are written.
    pub async fn settle_all(&self, sessions: Vec<Arc<dyn Recorded>>) {
        for session in sessions {
            if self.wishes.send((session, None)).await.is_err() {
                return;
            }
        }
    }
}

/// Writes what is wished, all that waits together, until nobody can wish any more.
async fn keep(
    store: Arc<dyn Store>,
    mut changes: HashMap<String, Option<Vec<u8>>>,
    mut queue: mpsc::Receiver<Wish>,
) {
    let (mut wishes, mut fails) = (Vec::<Wish>::new(), false);
    loop {
        if !changes.is_empty() {
            let changes = std::mem::take(&mut changes).into_iter().collect();
            let outcome = store.write(Kind::Session, changes).await;
            report(&outcome, &mut fails);
        }
        for (_, waiting) in wishes.drain(..) {
            let _ = waiting.map(|port| port.send(()));
        }
        if queue.recv_many(&mut wishes, QUEUE_MAX).await == 0 {
            return;
        }
        changes = wishes.iter().map(|(session, _)| change(&**session)).collect();
    }
}

/// What is to be written of a session under which key.
fn change(session: &dyn Recorded) -> (String, Option<Vec<u8>>) {
    let body = session.record().map(|record| record.written());
    let fits = |body: &Vec<u8>| {
        let fits = body.len() <= RECORD_MAX;
        if !fits {
            warn!(limit = RECORD_MAX, "a session is too large to be kept over a restart");
        }
        fits
    };
    (session.key().to_string(), body.filter(fits))
}

/// Tells when writing begins to fail, and when it works again.
fn report(outcome: &Result<(), StoreError>, fails: &mut bool) {
    match outcome {
        // Whoever ends sessions while the program ends has no store left.
        Ok(()) | Err(StoreError::Closed) => *fails = false,
        Err(error) if !*fails => {
            warn!(%error, "sessions are not kept: a restart would end them");
            *fails = true;
        }
        Err(_) => {}
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
