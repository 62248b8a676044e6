//! This file carries one request to a remote server and brings back all that is said in return.
//!
//! It leaves matching answers to callers, and what follows from a failure, to `pump`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use memchr::memmem;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, EventStream, RefusalError, excerpt};
use super::channel::{Channel, Letter, Session};
use super::client::TripError;
use super::open::OpenError;
use super::sse::Kind;
use crate::model::Cause;
use crate::server::downstream::desk::PREFIX;
use crate::server::downstream::lane::CallFailure;
use crate::server::downstream::reading::read;
use crate::wire::{self, Hop, Malformed, Members, Message, Outcome, Response};

/// The error of a server whose request has headers that do not say what its body does.
const MISMATCH: &str = "-32020";
/// How often in a row a broken answer is taken up again in vain.
const TRIES: u32 = 5;
/// Waits between two of these where the server names none, and the bounds of those it names.
const RESUME: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How long a stream that has brought its answer may take to end, so that its connection is kept.
const LINGER: Duration = Duration::from_secs(1);

/// What the tasks of a pump tell it.
#[derive(Debug)]
pub(super) enum Heard {
    /// The server said something, in reply to the request of the ticket `to` where that is known.
    Said { message: Result<Message, Malformed>, bytes: Bytes, to: Option<u64> },
    /// A request's way is over.
    Ended { ticket: u64, end: End },
    /// The server does not know the session of this number any more.
    Forgotten(u64),
    /// A new session was asked for.
    Renewed(Result<Box<Session>, OpenError>),
    /// Its list of tools was read again, as far as that went.
    Relearned,
    /// The server was asked whether it is there, and it is.
    Present,
    /// The server is gone.
    Gone(Cause),
}

/// How a request's way ended.
#[derive(Debug)]
pub(super) enum End {
    /// Everything was said.
    Over,
    /// The server took note and will answer elsewhere.
    Awaited,
    /// No answer will come.
    Failed(CallFailure),
    /// The connection broke after the request had left.
    Broken(Arc<str>),
    /// There was no connection; nothing left.
    Unreachable(Arc<str>),
    /// Refused, because the server does not know the session of this number any more.
    Forgotten(u64),
    /// Refused before anything was done, because headers do not say what the body does: this answer.
    Mismatched(Bytes),
}

/// Says what a server said.
pub(super) async fn say(heard: &mpsc::Sender<Heard>, bytes: Bytes, to: Option<u64>) {
    let message = read(&bytes).await;
    // A pump that is gone has told everybody.
    let _ = heard.send(Heard::Said { message, bytes, to }).await;
}

/// Sends one request and tells what comes of it.
pub(super) async fn exchange(
    channel: Arc<Channel>,
    heard: mpsc::Sender<Heard>,
    ticket: u64,
    letter: Letter,
) {
    let session = channel.session.load_full();
    let talk = Talk { channel: &channel, session: &session, heard: &heard, ticket };
    let end = talk.ask(&letter).await;
    let _ = heard.send(Heard::Ended { ticket, end }).await;
}

struct Talk<'a> {
    channel: &'a Channel,
    session: &'a Session,
    heard: &'a mpsc::Sender<Heard>,
    ticket: u64,
}

impl Talk<'_> {
    async fn ask(&self, letter: &Letter) -> End {
        match self.channel.post(self.session, letter).await {
            Ok((Answer::Nothing, _)) if self.session.one_stream => End::Awaited,
            Ok((Answer::Nothing, _)) => End::Over,
            Ok((Answer::Whole(message), _)) if self.is_mismatch(&message) => {
                End::Mismatched(message)
            }
            Ok((Answer::Whole(message), _)) => {
                say(self.heard, message, Some(self.ticket)).await;
                End::Over
            }
            Ok((Answer::Stream(stream), _)) => self.follow(stream).await,
            Err(refusal) => self.on_refusal(refusal).await,
        }
    }

    /// Reads the stream until it has brought the answer; one that breaks before that is taken up
    /// again if the server has made that possible.
    async fn follow(&self, mut stream: Box<EventStream>) -> End {
        let (mut last_id, mut tries) = (None, 0);
        loop {
            let read = self.read(&mut stream).await;
            let id = stream.last_id().map(str::to_owned);
            if id.is_some() && id != last_id {
                (last_id, tries) = (id, 0);
            }
            let broken = match read {
                Ok(()) => {
                    let rest = async { while let Ok(Some(_)) = stream.next().await {} };
                    let _ = timeout(LINGER, rest).await;
                    return End::Over;
                }
                Err(RefusalError::Trip(TripError::Broken(reason))) => reason,
                Err(refusal) => return self.on_refusal(refusal).await,
            };
            let wait = stream.retry();
            match &last_id {
                Some(id) if self.session.hop == Hop::Legacy => {
                    let Some(next) = self.resume(id, wait, &mut tries).await else {
                        return End::Broken(broken);
                    };
                    stream = next;
                }
                Some(_) | None => return End::Broken(broken),
            }
        }
    }

    /// Passes on what the stream says until that is the answer.
    async fn read(&self, stream: &mut EventStream) -> Result<(), RefusalError> {
        while let Some(event) = stream.next().await? {
            if event.kind != Kind::Message {
                continue;
            }
            let message = read(&event.data).await;
            let is_answer = matches!(&message, Ok(Message::Response(response))
                if response.id.as_ref().and_then(|id| id.number_after(PREFIX)) == Some(self.ticket));
            let _ = self
                .heard
                .send(Heard::Said { message, bytes: event.data, to: Some(self.ticket) })
                .await;
            if is_answer {
                return Ok(());
            }
        }
        Err(TripError::Broken("its answer ended before it was complete".into()).into())
    }

    /// Takes up a broken stream behind the event `last_id`.
    async fn resume(
        &self,
        last_id: &str,
        wait: Option<Duration>,
        tries: &mut u32,
    ) -> Option<Box<EventStream>> {
        while *tries < TRIES {
            let wait = wait.unwrap_or(RESUME.0 * 2_u32.pow(*tries));
            *tries += 1;
            sleep(wait.clamp(RESUME.0, RESUME.1)).await;
            match self.channel.events(self.session, Some(last_id)).await {
                Ok(stream) => return Some(stream),
                Err(RefusalError::Trip(TripError::Broken(_)) | RefusalError::Throttled(_)) => {}
                Err(_) => return None,
            }
        }
        None
    }

    async fn on_refusal(&self, refusal: RefusalError) -> End {
        let failure = match refusal {
            RefusalError::Trip(TripError::Unreachable(reason)) => return End::Unreachable(reason),
            RefusalError::Trip(TripError::Broken(reason)) => return End::Broken(reason),
            RefusalError::Trip(error @ TripError::Astray { status, .. }) => {
                CallFailure::Http { status: status.as_u16(), reason: error.to_string() }
            }
            RefusalError::Throttled(retry_after) => CallFailure::Throttled { retry_after },
            RefusalError::TooLong { limit } => CallFailure::TooLong { limit },
            RefusalError::Form(_) => CallFailure::Garbled { reason: refusal.to_string() },
            RefusalError::Status { status, body } => {
                // Who refuses a request is there. A receipt for a message proves less: a server
                // may take note of everything and answer nothing.
                if !status.is_server_error() {
                    self.channel.gauges.hear();
                }
                if self.is_mismatch(&body) {
                    return End::Mismatched(body);
                }
                if self.answers(&body) {
                    say(self.heard, body, Some(self.ticket)).await;
                    return End::Over;
                }
                if is_forgotten(self.session, status, &body) {
                    return End::Forgotten(self.session.number);
                }
                self.channel.failure(status, &body)
            }
        };
        End::Failed(failure)
    }

    /// Whether a refusal is an answer to this very request.
    fn answers(&self, body: &Bytes) -> bool {
        self.outcome(body).is_some()
    }

    /// Whether an answer says that headers do not fit the body (MCP 2026-07-28,
    /// basic/transports/streamable-http, Server Validation).
    fn is_mismatch(&self, body: &Bytes) -> bool {
        let may_be =
            self.session.hop == Hop::Modern && memmem::find(body, MISMATCH.as_bytes()).is_some();
        let error = may_be.then(|| self.outcome(body)).flatten();
        matches!(error, Some(Outcome::Error(error))
            if Members::read(&error).is_ok_and(|it| it.get("code").is_some_and(|it| it == MISMATCH)))
    }

    fn outcome(&self, body: &Bytes) -> Option<Outcome> {
        match wire::parse(body) {
            Ok(Message::Response(Response { id: Some(id), outcome, .. }))
                if id.number_after(PREFIX) == Some(self.ticket) =>
            {
                Some(outcome)
            }
            _ => None,
        }
    }
}

/// Whether a refusal says that the session is over: 404 (MCP 2025-11-25, Session Management), or
/// 400 with words to that effect, as several servers do.
pub(super) fn is_forgotten(session: &Session, status: StatusCode, body: &Bytes) -> bool {
    session.id.is_some()
        && !session.one_stream
        && match status {
            StatusCode::NOT_FOUND => true,
            StatusCode::BAD_REQUEST => excerpt(body).to_ascii_lowercase().contains("session"),
            _ => false,
        }
}
