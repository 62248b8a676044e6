//! This file keeps the sessions of legacy HTTP clients: which there are, and when they end.
//!
//! A session's id finds it and proves nothing. It leaves what happens in one to `post` and `get`,
//! and how it is kept over a restart to the running system.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_actors::sessions::{KeptSessions, Recorded, SessionKey, SessionRecord, UNSAID};
use conductor_actors::wire::Id;
use conductor_actors::{Principal, Scope};
use dashmap::DashMap;
use http::HeaderMap;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::replay::Replay;
use super::respond::SESSION;
use crate::door::dialogue::Client;
use crate::door::hearing::Hearing;
use crate::door::mirrored::Field;
use crate::door::reply::{Refusal, SessionFault};
use crate::door::seen::Seen;
use crate::door::service::legacy_version;

/// Random bytes of an id.
const ID_BYTES: usize = 24;
/// Cancellations that wait to be seen by the calls of a session.
const CANCELLED: usize = 64;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    /// What it is found by.
    key: SessionKey,
    /// The client as it introduced itself.
    pub(super) client: Client,
    /// Whose it is.
    owner: Owner,
    /// What its client knows of the list.
    pub(super) seen: Seen,
    /// What its client hears beside answers.
    pub(super) hearing: Arc<Hearing>,
    /// Set when it has ended.
    pub(super) ended: CancellationToken,
    /// What its client was sent.
    pub(super) replay: Arc<Replay>,
    cancelled: broadcast::Sender<Id>,
    /// Requests and streams under way.
    busy: AtomicUsize,
    /// When it was used last.
    used: AtomicI64,
    /// The same as it was kept last.
    told: AtomicI64,
    desk: Arc<Desk>,
}

/// Whose a session is: nobody else can use it, whatever id they show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// On whose behalf it was opened.
    pub(super) principal: Principal,
    /// What the door showed there.
    pub(super) scope: Scope,
}

/// What the sessions of one door have in common.
#[derive(Debug)]
struct Desk {
    door: Box<str>,
    kept: KeptSessions,
    /// Tells this run of the daemon from others.
    run: String,
    /// Times of use are counted from here, in milliseconds; those of earlier runs are before it.
    begun: Instant,
}

impl Desk {
    fn now(&self) -> i64 {
        millis(self.begun.elapsed())
    }

    /// Milliseconds since 1970 at that time.
    fn wall(&self, used: i64) -> i64 {
        self.kept.now() - (self.now() - used)
    }
}

/// All sessions of one door. They outlive the process.
#[derive(Debug)]
pub(super) struct Sessions {
    table: DashMap<SessionKey, Arc<Session>>,
    random: SystemRandom,
    desk: Arc<Desk>,
    max: usize,
    idle: Duration,
}

impl Sessions {
    /// Those that earlier runs have opened at `door`, the ones used last if they are too many. Up to
    /// `max` at a time, each forgotten after `idle` without use.
    pub(super) fn at(door: &str, kept: &KeptSessions, max: usize, idle: Duration) -> Self {
        let run = format!("{:x}", kept.now());
        let desk = Desk { door: door.into(), kept: kept.clone(), run, begun: Instant::now() };
        let (table, random, desk) = (DashMap::new(), SystemRandom::new(), Arc::new(desk));
        let mut found = kept.found(door);
        found.sort_unstable_by_key(|(_, record)| Reverse(record.used));
        for (key, record) in found.into_iter().take(max) {
            if let Some(session) = Session::again(key, record, &desk) {
                table.insert(key, Arc::new(session));
            }
        }
        Self { table, random, desk, max, idle }
    }

    /// A new session, and its id, fit for a header. Returns when a restart would not end it.
    ///
    /// # Errors
    /// If there are too many, or no random bytes to be had.
    pub(super) async fn open(
        &self,
        owner: Owner,
        client: Client,
    ) -> Result<(Arc<Session>, String), Refusal> {
        if self.table.len() >= self.max {
            self.sweep().await;
        }
        if self.table.len() >= self.max {
            return Err(Refusal::Session(SessionFault::Exhausted { limit: self.max }));
        }
        let mut bytes = [0; ID_BYTES];
        self.random.fill(&mut bytes).map_err(|_| Refusal::Internal)?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        let (key, used) = (SessionKey::of(&id), self.desk.now());
        let session = Session::new(key, client, owner, Hearing::default(), used, &self.desk);
        let session = Arc::new(session);
        self.table.insert(key, Arc::clone(&session));
        session.keep().await;
        Ok((session, id))
    }

    /// The session that `headers` name, if it is `owner`'s. It stays as long as what is returned.
    ///
    /// # Errors
    /// If they name none, or one that is not there; somebody else's is not there either.
    pub(super) fn find(&self, headers: &HeaderMap, owner: &Owner) -> Result<Busy, Refusal> {
        let unknown = Refusal::Session(SessionFault::Unknown);
        let id = match Field::of(headers, SESSION) {
            Field::Value(id) => id,
            Field::Absent => return Err(Refusal::Session(SessionFault::Required)),
            Field::Invalid => return Err(unknown),
        };
        let session = self.table.get(&SessionKey::of(id)).map(|session| Arc::clone(&session));
        let session = session.ok_or(unknown.clone())?;
        if session.owner != *owner || self.is_idle(&session) {
            return Err(unknown);
        }
        session.busy.fetch_add(1, Ordering::AcqRel);
        Ok(Busy(session))
    }

    /// Ends a session. Returns when a restart would not bring it back.
    pub(super) async fn close(&self, session: &Busy) {
        self.table.remove(&session.key);
        session.ended.cancel();
        session.keep().await;
    }

    /// Forgets the sessions that have not been used for too long, and has it written when others
    /// were.
    pub(super) async fn sweep(&self) {
        let mut news: Vec<Arc<dyn Recorded>> = Vec::new();
        let unsaid = millis(self.idle / UNSAID);
        self.table.retain(|_, session| {
            session.replay.trim();
            let keep = !self.is_idle(session);
            if !keep {
                session.ended.cancel();
            }
            let used = session.used.load(Ordering::Acquire);
            if !keep || used - session.told.load(Ordering::Acquire) >= unsaid {
                news.push(Arc::clone(session) as Arc<dyn Recorded>);
            }
            keep
        });
        self.desk.kept.settle_all(news).await;
    }

    fn is_idle(&self, session: &Session) -> bool {
        let unused = self.desk.now() - session.used.load(Ordering::Acquire);
        session.busy.load(Ordering::Acquire) == 0 && unused > millis(self.idle)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A session in use. It does not run out meanwhile.
#[derive(Debug)]
pub(super) struct Busy(Arc<Session>);

impl std::ops::Deref for Busy {
    type Target = Arc<Session>;

    fn deref(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.used.store(self.desk.now(), Ordering::Release);
        self.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Recorded for Session {
    fn key(&self) -> SessionKey {
        self.key
    }

    fn record(&self) -> Option<SessionRecord> {
        if self.ended.is_cancelled() {
            return None;
        }
        let used = match self.busy.load(Ordering::Acquire) {
            0 => self.used.load(Ordering::Acquire),
            _ => self.desk.now(),
        };
        self.told.store(used, Ordering::Release);
        let (level, resources) = self.hearing.wanted();
        Some(SessionRecord {
            door: self.desk.door.clone(),
            principal: self.owner.principal.clone(),
            scope: self.owner.scope.clone(),
            version: self.client.version.into(),
            client: self.client.name.as_deref().map(Into::into),
            capabilities: self.client.capabilities.clone(),
            level,
            resources,
            used: self.desk.wall(used),
        })
    }
}

impl Session {
    fn new(
        key: SessionKey,
        client: Client,
        owner: Owner,
        hearing: Hearing,
        used: i64,
        desk: &Arc<Desk>,
    ) -> Self {
        // Part of a digest of a digest of its id: nothing is found with that.
        let mut name = SessionKey::of(&key.to_string()).to_string();
        name.truncate(8);
        Self {
            key,
            replay: Replay::new(name, &desk.run, client.version),
            client,
            owner,
            seen: Seen::default(),
            hearing: Arc::new(hearing),
            ended: CancellationToken::new(),
            cancelled: broadcast::Sender::new(CANCELLED),
            busy: AtomicUsize::new(0),
            used: AtomicI64::new(used),
            told: AtomicI64::new(used),
            desk: Arc::clone(desk),
        }
    }

    /// A session of an earlier run; none if it cannot be gone on with.
    fn again(key: SessionKey, record: SessionRecord, desk: &Arc<Desk>) -> Option<Self> {
        let version = legacy_version(&record.version)?;
        let client = Client::with(record.client.as_deref(), record.capabilities, version);
        let hearing = Hearing::again(record.level, record.resources);
        // A clock that was set back is no reason to end it.
        let unused = desk.kept.now().saturating_sub(record.used).max(0);
        let used = desk.now().saturating_sub(unused);
        let owner = Owner { principal: record.principal, scope: record.scope };
        Some(Self::new(key, client, owner, hearing, used, desk))
    }

    /// Has it written as it is. Returns when that is done, or soon.
    pub(super) async fn keep(self: &Arc<Self>) {
        self.desk.kept.settle(Arc::clone(self) as Arc<dyn Recorded>).await;
    }

    /// Tells the calls under way that `id` was taken back.
    pub(super) fn cancel(&self, id: Id) {
        // With no call under way nobody listens.
        let _ = self.cancelled.send(id);
    }

    /// Hears of requests that are taken back from now on.
    pub(super) fn cancellations(&self) -> broadcast::Receiver<Id> {
        self.cancelled.subscribe()
    }
}

/// Waits until `id` is taken back or the session ends.
pub(super) async fn taken_back(
    mut cancellations: broadcast::Receiver<Id>,
    id: &Id,
    ended: &CancellationToken,
) {
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            cancelled = cancellations.recv() => match cancelled {
                Ok(cancelled) if cancelled == *id => return,
                // A cancellation that was missed is as if it came too late.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => ended.cancelled().await,
            },
        }
    }
}
