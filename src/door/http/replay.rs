//! This file brings the messages of a session to whoever reads its streams, and brings them again to
//! whoever takes up a stream that broke (MCP 2025-11-25, basic/transports, Resumability).
//!
//! It leaves what is kept to `tape`, and how events look to `events`.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::tape::{NEWS, Next, Seat, Tape};
use crate::door::reply::Answer;

/// The first revision whose events have ids.
const WITH_IDS: &str = "2025-03-26";
/// The first revision whose clients take an event without data for what it is: an id to go on from.
const WITH_PRIMING: &str = "2025-11-25";

/// What one session was sent.
#[derive(Debug)]
pub(super) struct Replay {
    tape: watch::Sender<Tape>,
    /// Which session of which run this is.
    name: Box<str>,
    version: &'static str,
}

/// A stream cannot be taken up: its events are not of this session, or not kept any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotKept;

impl Replay {
    /// Nothing yet, for the session whose events are told from others by this.
    pub(super) fn new(session: String, run: &str, version: &'static str) -> Arc<Self> {
        let name = format!("{session}.{run}").into();
        Arc::new(Self { tape: watch::Sender::new(Tape::default()), name, version })
    }

    /// Whether a client of this session can take up a stream.
    pub(super) fn has_ids(&self) -> bool {
        self.version >= WITH_IDS
    }

    fn primes(&self) -> bool {
        self.version >= WITH_PRIMING
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tape) -> T) -> Option<T> {
        let mut out = None;
        self.tape.send_modify(|tape| out = Some(change(tape)));
        out
    }

    /// Forgets what is too old.
    pub(super) fn trim(&self) {
        self.tape.send_if_modified(|tape| {
            tape.trim(Instant::now());
            false // nobody waits for less
        });
    }

    /// A new stream of the messages that come there, and of `last` after them, and its reader. It is
    /// gone on with, whoever reads it.
    pub(super) fn carry(
        self: &Arc<Self>,
        first: Option<Bytes>,
        waiting: mpsc::Receiver<Bytes>,
        last: Option<oneshot::Receiver<Answer>>,
    ) -> Option<Reader> {
        let stream = self.change(Tape::begin)?;
        let reader = self.read(stream, None)?;
        tokio::spawn(Arc::clone(self).record(stream, first, waiting, last));
        Some(reader)
    }

    async fn record(
        self: Arc<Self>,
        stream: u64,
        first: Option<Bytes>,
        mut waiting: mpsc::Receiver<Bytes>,
        last: Option<oneshot::Receiver<Answer>>,
    ) {
        if let Some(first) = first {
            self.append(stream, first).await;
        }
        while let Some(message) = waiting.recv().await {
            self.append(stream, message).await;
        }
        if let Some(last) = last
            && let Ok(answer) = last.await
        {
            self.append(stream, answer.into_body()).await;
        }
        self.change(|tape| tape.finish(stream, Instant::now()));
    }

    /// News that belong to no request.
    pub(super) async fn tell(&self, message: Bytes) {
        self.append(NEWS, message).await;
    }

    async fn append(&self, stream: u64, message: Bytes) {
        let mut changes = self.tape.subscribe();
        // The sender is this one.
        let _ = changes.wait_for(|tape| tape.has_room(stream)).await;
        self.change(|tape| tape.append(stream, message, Instant::now()));
    }

    /// Reads the news from what nobody has read; `None` if somebody reads them.
    pub(super) fn news(self: &Arc<Self>) -> Option<Reader> {
        let seat = self.change(|tape| match tape.is_read(NEWS) {
            true => None,
            false => tape.attach(NEWS, None),
        });
        Some(self.reader(seat??))
    }

    /// Reads what came after the event of this id, in place of whoever reads that stream.
    ///
    /// # Errors
    ///
    /// If that cannot be told.
    pub(super) fn resume(self: &Arc<Self>, id: &str) -> Result<Reader, NotKept> {
        if !self.has_ids() {
            return Err(NotKept);
        }
        let mut parts = id.rsplitn(3, '-');
        let (number, stream) = (parts.next(), parts.next());
        let read = |part: Option<&str>| part.and_then(|part| part.parse().ok()).ok_or(NotKept);
        // The id of a beginning says whose it was as well.
        let number = number.map(|number| number.split('.').next().unwrap_or(number));
        let (number, stream): (u64, u64) = (read(number)?, read(stream)?);
        let name = parts.next().ok_or(NotKept)?;
        if name == &*self.name {
            return self.read(stream, Some(number)).ok_or(NotKept);
        }
        let session = |name: &str| name.split_once('.').map(|(session, _)| session.to_owned());
        // Of an earlier run of the daemon: nothing of that is left, but the news go on.
        if stream == NEWS && session(name) == session(&self.name) {
            return self.read(NEWS, None).ok_or(NotKept);
        }
        Err(NotKept)
    }

    fn read(self: &Arc<Self>, stream: u64, after: Option<u64>) -> Option<Reader> {
        let seat = self.change(|tape| tape.attach(stream, after))?;
        Some(self.reader(seat?))
    }

    fn reader(self: &Arc<Self>, seat: Seat) -> Reader {
        Reader { changes: self.tape.subscribe(), replay: Arc::clone(self), seat }
    }
}

/// Somebody who reads a stream.
#[derive(Debug)]
pub(super) struct Reader {
    replay: Arc<Replay>,
    changes: watch::Receiver<Tape>,
    seat: Seat,
}

impl Reader {
    /// Whether it reads the news.
    pub(super) fn is_of_news(&self) -> bool {
        self.seat.stream() == NEWS
    }

    /// The id with which the stream can be taken up at this point, if it can.
    pub(super) fn id(&self) -> Option<String> {
        let (stream, number) = (self.seat.stream(), self.seat.after());
        self.replay.has_ids().then(|| format!("{}-{stream}-{number}", self.replay.name))
    }

    /// The same, unlike all others, if the client is to be told before anything else.
    pub(super) fn priming(&self) -> Option<String> {
        let id = self.id().filter(|_| self.replay.primes())?;
        Some(format!("{id}.{}", self.seat.reader()))
    }

    /// Whether something came after what its client knows that it will not read.
    pub(super) fn has_missed(&self) -> bool {
        self.seat.missed()
    }

    /// The next message; nothing if there will be no more. Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.changes.borrow_and_update();
            let (seat, mut next) = (&mut self.seat, Next::End);
            self.replay.tape.send_if_modified(|tape| {
                next = tape.next(seat, Instant::now());
                matches!(next, Next::Message(..)) // whoever waits for room may go on
            });
            match next {
                Next::Message(_, message) => return Some(message),
                Next::End => return None,
                Next::Nothing => self.changes.changed().await.ok()?,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let seat = self.seat;
        self.replay.change(|tape| tape.detach(seat, Instant::now()));
    }
}
