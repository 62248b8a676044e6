//! This file is what all requests of one life of a remote server share: client, session, pauses.
//!
//! It leaves what is asked to those who ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tokio::time::Instant;

use super::answer::{Answer, EventStream, RefusalError, excerpt, read};
use super::client::Client;
use super::mirror::Mirrors;
use crate::model::Offers;
use crate::server::downstream::lane::{CallFailure, Gauges};
use crate::server::downstream::peers::Peers;
use crate::wire::{Hop, LEGACY_LATEST, MODERN};

/// What is agreed with the server.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Which one it is in this life; a server may forget one and be given another.
    pub(super) number: u64,
    /// Its name, where the server gave it one.
    pub(super) id: Option<HeaderValue>,
    /// The revision.
    pub(super) version: Arc<str>,
    /// The kind of that revision.
    pub(super) hop: Hop,
    /// Where messages go.
    pub(super) uri: Uri,
    /// Whether answers come on one stream for all (MCP 2024-11-05) instead of with each request.
    pub(super) one_stream: bool,
    /// What it says it has.
    pub(super) offers: Offers,
}

impl Session {
    /// What is taken for granted before anything is agreed upon.
    pub(super) fn none_yet(hop: Hop, uri: Uri) -> Self {
        let version = if hop == Hop::Modern { MODERN } else { LEGACY_LATEST }.into();
        let (number, id, one_stream) = (0, None, false);
        Self { number, id, version, hop, uri, one_stream, offers: Offers::default() }
    }
}

/// One message to the server, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// The JSON-RPC message.
    pub(super) body: Bytes,
    /// Headers of this message alone.
    pub(super) headers: HeaderMap,
}

impl From<Vec<u8>> for Letter {
    fn from(body: Vec<u8>) -> Self {
        Bytes::from(body).into()
    }
}

impl From<Bytes> for Letter {
    fn from(body: Bytes) -> Self {
        Self { body, headers: HeaderMap::new() }
    }
}

/// The way to one remote server.
pub(super) struct Channel {
    pub(super) client: Client,
    pub(super) session: ArcSwap<Session>,
    pub(super) mirrors: ArcSwap<Mirrors>,
    pub(super) gauges: Arc<Gauges>,
    /// Longest message accepted, in bytes.
    pub(super) limit: usize,
    /// Who calls there.
    pub(super) peers: Peers,
    born: Instant,
    /// Milliseconds after `born` until when the server is left alone.
    quiet_until: AtomicU64,
}

impl Channel {
    /// A way on which nothing was sent yet.
    pub(super) fn new(client: Client, gauges: Arc<Gauges>, limit: usize, peers: Peers) -> Self {
        let session = Session::none_yet(Hop::Legacy, client.target().uri().clone());
        Self {
            client,
            session: ArcSwap::from_pointee(session),
            mirrors: ArcSwap::default(),
            gauges,
            limit,
            peers,
            born: Instant::now(),
            quiet_until: AtomicU64::new(0),
        }
    }

    /// How long the server still wants no requests.
    pub(super) fn pause(&self) -> Option<Duration> {
        let until = self.born + Duration::from_millis(self.quiet_until.load(Ordering::Relaxed));
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Sends `letter` within `session` and reads the head of the answer.
    pub(super) async fn post(
        &self,
        session: &Session,
        letter: &Letter,
    ) -> Result<(Answer, HeaderMap), RefusalError> {
        let mut headers = letter.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = "application/json, text/event-stream";
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        self.ask(&Method::POST, session, headers, &letter.body).await
    }

    /// Asks for a stream of events, from behind `last_id` on if there is one.
    pub(super) async fn events(
        &self,
        session: &Session,
        last_id: Option<&str>,
    ) -> Result<Box<EventStream>, RefusalError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_id.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert("last-event-id", id);
        }
        match self.ask(&Method::GET, session, headers, &Bytes::new()).await? {
            (Answer::Stream(stream), _) => Ok(stream),
            (Answer::Whole(_), _) => Err(RefusalError::Form("application/json".to_owned())),
            (Answer::Nothing, _) => Err(RefusalError::Form(String::new())),
        }
    }

    /// Tells the server that the session is over.
    pub(super) async fn leave(&self) {
        let session = self.session.load_full();
        if session.id.is_some() && !session.one_stream {
            // Servers may refuse this (MCP 2025-11-25, Session Management).
            let nothing = (HeaderMap::new(), Bytes::new());
            let _ = self.ask(&Method::DELETE, &session, nothing.0, &nothing.1).await;
        }
    }

    async fn ask(
        &self,
        method: &Method,
        session: &Session,
        mut headers: HeaderMap,
        body: &Bytes,
    ) -> Result<(Answer, HeaderMap), RefusalError> {
        if session.hop == Hop::Modern || session.number > 0 {
            let version = HeaderValue::from_str(&session.version);
            headers.extend(version.ok().map(|value| (VERSION, value)));
        }
        headers.extend(session.id.clone().map(|id| (SESSION, id)));
        let response = self.client.send(method, &session.uri, &headers, body).await?;
        let answer = read(response, self.limit).await;
        if let Err(RefusalError::Throttled(pause)) = &answer {
            self.be_quiet(*pause);
        }
        answer
    }

    fn be_quiet(&self, pause: Duration) {
        let until = (self.born.elapsed() + pause).as_millis();
        self.quiet_until.fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What a refusal without a JSON-RPC answer means for one call.
    pub(super) fn failure(&self, status: StatusCode, body: &Bytes) -> CallFailure {
        CallFailure::Http { status: status.as_u16(), reason: self.reason(status, body) }
    }

    /// Why the server said no, and what to do about it.
    pub(super) fn reason(&self, status: StatusCode, body: &Bytes) -> String {
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let said = excerpt(body);
        let cure = match (denied, self.client.is_authorized()) {
            (false, _) => "",
            (true, true) => "it does not accept the Authorization header of its entry",
            (true, false) => {
                "it wants to know who asks: set `headers.Authorization` of its entry, since signing \
                 in is not supported yet"
            }
        };
        let usual = status.canonical_reason().unwrap_or("no reason given");
        match (cure, said.trim()) {
            ("", "") => usual.to_owned(),
            ("", said) => said.to_owned(),
            (cure, "") => cure.to_owned(),
            (cure, said) => format!("{cure} ({said})"),
        }
    }
}

/// The revision of the message.
const VERSION: http::HeaderName = http::HeaderName::from_static("mcp-protocol-version");
/// The name of the session.
pub(super) const SESSION: http::HeaderName = http::HeaderName::from_static("mcp-session-id");
