//! This file keeps the sessions of legacy HTTP clients: which there are, and when they end.
//!
//! A session's id finds it and proves nothing. It leaves what happens in one to `post` and `get`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_actors::Scope;
use conductor_actors::wire::Id;
use dashmap::DashMap;
use http::HeaderMap;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::respond::SESSION;
use crate::door::dialogue::Client;
use crate::door::hearing::Hearing;
use crate::door::mirrored::Field;
use crate::door::reply::{Refusal, SessionFault};
use crate::door::seen::Seen;

/// Random bytes of an id.
const ID_BYTES: usize = 24;
/// Cancellations that wait to be seen by the calls of a session.
const CANCELLED: usize = 64;

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    /// Its id, fit for a header.
    pub(super) id: Box<str>,
    /// The client as it introduced itself.
    pub(super) client: Client,
    /// What the door showed that it was opened at.
    scope: Scope,
    /// What its client knows of the list.
    pub(super) seen: Seen,
    /// What its client hears beside answers.
    pub(super) hearing: Arc<Hearing>,
    /// Set when it has ended.
    pub(super) ended: CancellationToken,
    cancelled: broadcast::Sender<Id>,
    has_stream: AtomicBool,
    /// Requests and streams under way.
    busy: AtomicUsize,
    /// When it was used last, in milliseconds since the table was made.
    used: AtomicU64,
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    table: DashMap<Box<str>, Arc<Session>>,
    random: SystemRandom,
    begun: Instant,
    max: usize,
    idle: Duration,
}

impl Sessions {
    /// No sessions yet; up to `max` of them, each forgotten after `idle` without use.
    pub(super) fn new(max: usize, idle: Duration) -> Self {
        let (table, random, begun) = (DashMap::new(), SystemRandom::new(), Instant::now());
        Self { table, random, begun, max, idle }
    }

    /// A new session.
    ///
    /// # Errors
    /// If there are too many, or no random bytes to be had.
    pub(super) fn open(&self, scope: Scope, client: Client) -> Result<Arc<Session>, Refusal> {
        if self.table.len() >= self.max {
            self.sweep();
        }
        if self.table.len() >= self.max {
            return Err(Refusal::Session(SessionFault::Exhausted { limit: self.max }));
        }
        let mut bytes = [0; ID_BYTES];
        self.random.fill(&mut bytes).map_err(|_| Refusal::Internal)?;
        let id: Box<str> = URL_SAFE_NO_PAD.encode(bytes).into();
        let session = Arc::new(Session {
            id: id.clone(),
            client,
            scope,
            seen: Seen::default(),
            hearing: Arc::default(),
            ended: CancellationToken::new(),
            cancelled: broadcast::Sender::new(CANCELLED),
            has_stream: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            used: AtomicU64::new(self.now()),
        });
        self.table.insert(id, Arc::clone(&session));
        Ok(session)
    }

    /// The session that `headers` name, if it was opened at `scope`. It stays as long as what is
    /// returned.
    ///
    /// # Errors
    /// If they name none, or one that is not there.
    pub(super) fn find(&self, headers: &HeaderMap, scope: &Scope) -> Result<Busy, Refusal> {
        let unknown = Refusal::Session(SessionFault::Unknown);
        let id = match Field::of(headers, SESSION.as_str()) {
            Field::Value(id) => id,
            Field::Absent => return Err(Refusal::Session(SessionFault::Required)),
            Field::Invalid => return Err(unknown),
        };
        let session =
            self.table.get(id).map(|session| Arc::clone(&session)).ok_or(unknown.clone())?;
        if session.scope != *scope || self.is_idle(&session) {
            return Err(unknown);
        }
        session.busy.fetch_add(1, Ordering::AcqRel);
        let since = self.begun;
        Ok(Busy { session, since })
    }

    /// Ends a session.
    pub(super) fn close(&self, session: &Session) {
        self.table.remove(&session.id);
        session.ended.cancel();
    }

    /// Forgets the sessions that have not been used for too long.
    pub(super) fn sweep(&self) {
        self.table.retain(|_, session| {
            let keep = !self.is_idle(session);
            if !keep {
                session.ended.cancel();
            }
            keep
        });
    }

    fn is_idle(&self, session: &Session) -> bool {
        let used = Duration::from_millis(session.used.load(Ordering::Acquire));
        session.busy.load(Ordering::Acquire) == 0 && self.begun.elapsed() > used + self.idle
    }

    fn now(&self) -> u64 {
        millis(self.begun)
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A session in use. It does not run out meanwhile.
#[derive(Debug)]
pub(super) struct Busy {
    session: Arc<Session>,
    since: Instant,
}

impl std::ops::Deref for Busy {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.session.used.store(millis(self.since), Ordering::Release);
        self.session.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Session {
    /// Tells the calls under way that `id` was taken back.
    pub(super) fn cancel(&self, id: Id) {
        // With no call under way nobody listens.
        let _ = self.cancelled.send(id);
    }

    /// Hears of requests that are taken back from now on.
    pub(super) fn cancellations(&self) -> broadcast::Receiver<Id> {
        self.cancelled.subscribe()
    }

    /// Takes the one stream that a session has; false if it is taken.
    pub(super) fn take_stream(&self) -> bool {
        !self.has_stream.swap(true, Ordering::AcqRel)
    }

    /// Gives the stream back.
    pub(super) fn release_stream(&self) {
        self.has_stream.store(false, Ordering::Release);
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
