//! This file opens a session with a remote server, in whatever revision it speaks.
//!
//! It leaves everything after that to `pump`, and the limit of time to its caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_config::{ProtocolMode, RemoteKind};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use thiserror::Error;

use super::answer::{Answer, EventStream, RefusalError};
use super::channel::{Channel, Letter, SESSION, Session};
use super::client::TripError;
use super::sse::Kind;
use crate::server::downstream::capabilities::Capabilities;
use crate::server::downstream::lane::Body;
use crate::server::downstream::sdk::write_request;
use crate::wire::{self, Hop, Id, Message, Outcome, is_known_version, is_modern_version};

/// The error of a server that does not speak a revision (MCP 2026-07-28, basic/versioning).
const UNSUPPORTED_VERSION: i64 = -32022;
/// Prefix of the ids used before there is a session.
const PREFIX: &str = "o-";

/// Why no session came about.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    /// The server cannot be reached, or is out of order.
    #[error("{0}")]
    Unreachable(Arc<str>),
    /// It does not let us in.
    #[error("{0}")]
    Denied(String),
    /// It wants to be left alone.
    #[error("it wants no requests for {0:?}")]
    Throttled(Duration),
    /// It is there, and no session could be agreed upon.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// The HTTP status, where that was the answer.
        status: Option<StatusCode>,
        /// Whether it refused a revision and names it among those that it speaks.
        speaks_ours: bool,
    },
}

/// A session, and the stream that its answers come on if that is one for all.
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) stream: Option<Box<EventStream>>,
}

#[derive(Deserialize)]
struct Welcome {
    #[serde(rename = "protocolVersion")]
    version: String,
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Deserialize)]
struct Discovered {
    #[serde(rename = "supportedVersions")]
    versions: Vec<String>,
    #[serde(default)]
    capabilities: Capabilities,
}

/// Opens a session in the order that finds the newest revision first. What a server says about
/// who asks, or how often, is never taken for a sign of its age.
pub(super) async fn open(
    channel: &Channel,
    kind: RemoteKind,
    mode: ProtocolMode,
) -> Result<Opened, OpenError> {
    if kind == RemoteKind::Sse {
        return open_one_stream(channel).await;
    }
    let mut reasons = Vec::new();
    match mode {
        ProtocolMode::Legacy => {}
        ProtocolMode::Modern => return discover(channel).await,
        ProtocolMode::Auto => match discover(channel).await {
            Err(OpenError::Refused { reason, .. }) => reasons.push(("`server/discover`", reason)),
            other => return other,
        },
    }
    let status = match initialize(channel, 1).await {
        Ok(session) => return Ok(Opened { session, stream: None }),
        Err(OpenError::Refused { reason, status, .. }) => {
            reasons.push(("`initialize`", reason));
            status.map(|status| status.as_u16())
        }
        Err(other) => return Err(other),
    };
    if matches!(status, Some(400 | 404 | 405)) {
        match open_one_stream(channel).await {
            Ok(opened) => return Ok(opened),
            Err(OpenError::Refused { status: Some(_), .. }) => {} // it has no such thing
            Err(error) => reasons.push(("HTTP with SSE", error.to_string())),
        }
    }
    let mut reason = String::new();
    for (at, (what, why)) in reasons.iter().enumerate() {
        let joint = if at == 0 { "" } else { ", and so was " };
        let verb = if at == 0 { " was refused" } else { "" };
        reason.push_str(&format!("{joint}{what}{verb} ({why})"));
    }
    Err(refused(reason))
}

async fn discover(channel: &Channel) -> Result<Opened, OpenError> {
    let uri = channel.client.target().uri().clone();
    let mut session = Session::none_yet(Hop::Modern, uri);
    let body = Body::Members(Bytes::new());
    let headers = channel.mirrors.load().headers("server/discover", &body);
    let letter = |number| Letter {
        headers: headers.clone(),
        ..request(number, "server/discover", Hop::Modern, &body)
    };
    let asked = match ask(channel, &session, &letter(1), None).await {
        // One revision is spoken here, so that there is no other to choose (basic/versioning).
        Err(OpenError::Refused { speaks_ours: true, .. }) => {
            ask(channel, &session, &letter(2), None).await
        }
        asked => asked,
    };
    let (result, _) = asked?;
    let found: Discovered = shape(&result)?;
    if !found.versions.iter().any(|version| is_modern_version(version)) {
        let versions = found.versions.join(", ").chars().take(200).collect::<String>();
        return Err(refused(format!("it speaks {versions}")));
    }
    session.number = 1;
    session.offers = found.capabilities.offers(Hop::Modern);
    Ok(Opened { session, stream: None })
}

/// Opens a session of a revision with handshake, as the one of this `number`.
pub(super) async fn initialize(channel: &Channel, number: u64) -> Result<Session, OpenError> {
    let uri = channel.client.target().uri().clone();
    let session = Session::none_yet(Hop::Legacy, uri);
    shake_hands(channel, session, number, None).await
}

/// Opens a session of revision 2024-11-05: the server says on a stream where messages go, and
/// answers on that stream.
async fn open_one_stream(channel: &Channel) -> Result<Opened, OpenError> {
    let target = channel.client.target();
    let mut session = Session::none_yet(Hop::Legacy, target.uri().clone());
    session.one_stream = true;
    let mut stream =
        channel.events(&session, None).await.map_err(|error| explain(channel, error))?;
    loop {
        let event = stream.next().await.map_err(|error| explain(channel, error))?;
        let Some(event) = event else {
            return Err(refused("its event stream ended without an `endpoint`".to_owned()));
        };
        if event.kind == Kind::Endpoint {
            let place = String::from_utf8_lossy(&event.data);
            let joined = target.join(target.uri(), &place);
            let bad = |error| refused(format!("its `endpoint` is not to be trusted: {error}"));
            session.uri = joined.map_err(bad)?;
            break;
        }
    }
    let session = shake_hands(channel, session, 1, Some(&mut stream)).await?;
    Ok(Opened { session, stream: Some(stream) })
}

async fn shake_hands(
    channel: &Channel,
    mut session: Session,
    number: u64,
    stream: Option<&mut EventStream>,
) -> Result<Session, OpenError> {
    let hello = format!(
        r#""protocolVersion":"{}","capabilities":{},"clientInfo":{{"name":"mcp-conductor","version":"{}"}}"#,
        session.version,
        channel.peers.capabilities(),
        env!("CARGO_PKG_VERSION"),
    );
    let letter = request(2, "initialize", Hop::Legacy, &Body::Members(hello.into()));
    let (result, headers) = ask(channel, &session, &letter, stream).await?;
    let welcome: Welcome = shape(&result)?;
    if !is_known_version(&welcome.version) || is_modern_version(&welcome.version) {
        let version: String = welcome.version.chars().take(80).collect();
        return Err(refused(format!("it wants to speak revision `{version}`")));
    }
    session.version = welcome.version.into();
    session.offers = welcome.capabilities.offers(Hop::Legacy);
    session.id = headers.get(SESSION).cloned();
    if let Some(id) = &mut session.id {
        id.set_sensitive(true);
    }
    session.number = number;
    let told = wire::notification("notifications/initialized", None);
    let told = channel.post(&session, &Letter::from(told)).await;
    told.map_err(|error| explain(channel, error))?;
    Ok(session)
}

fn request(number: u64, method: &str, hop: Hop, body: &Body) -> Letter {
    let mut out = Vec::new();
    write_request(&mut out, PREFIX, number, method, hop, body);
    Letter::from(out)
}

/// Sends a request and waits for its result, in the answer or on `stream`.
async fn ask(
    channel: &Channel,
    session: &Session,
    letter: &Letter,
    stream: Option<&mut EventStream>,
) -> Result<(Bytes, HeaderMap), OpenError> {
    let posted = channel.post(session, letter).await;
    let (answer, headers) = posted.map_err(|error| explain(channel, error))?;
    let result = match (answer, stream) {
        (Answer::Whole(message), _) => result(&message),
        (Answer::Stream(mut stream), _) => next_result(channel, &mut stream).await?,
        (Answer::Nothing, Some(stream)) => next_result(channel, stream).await?,
        (Answer::Nothing, None) => None,
    };
    match result {
        Some(Ok(result)) => Ok((result, headers)),
        Some(Err(error)) => {
            let (reason, speaks_ours) = (in_words(&error), speaks_ours(&error));
            Err(OpenError::Refused { reason, status: None, speaks_ours })
        }
        None => Err(refused("it gave no answer".to_owned())),
    }
}

async fn next_result(
    channel: &Channel,
    stream: &mut EventStream,
) -> Result<Option<Result<Bytes, Bytes>>, OpenError> {
    while let Some(event) = stream.next().await.map_err(|error| explain(channel, error))? {
        if event.kind == Kind::Message
            && let Some(result) = result(&event.data)
        {
            return Ok(Some(result));
        }
    }
    Ok(None)
}

/// The result in a message, or the error; nothing if it is no answer.
fn result(message: &Bytes) -> Option<Result<Bytes, Bytes>> {
    let Ok(Message::Response(response)) = wire::parse(message) else { return None };
    if response.id.as_ref().is_some_and(|id: &Id| id.number_after(PREFIX).is_none()) {
        return None;
    }
    Some(match response.outcome {
        Outcome::Result(result) => Ok(result),
        Outcome::Error(error) => Err(error),
    })
}

/// An error object in words.
fn in_words(error: &Bytes) -> String {
    #[derive(Deserialize)]
    struct Fault {
        code: i64,
        #[serde(default)]
        message: String,
    }
    match serde_json::from_slice::<Fault>(error) {
        Ok(Fault { code, message }) => {
            let message = message.chars().filter(|c| !c.is_control()).take(200);
            format!("error {code}: {}", message.collect::<String>())
        }
        Err(_) => "an error that cannot be read".to_owned(),
    }
}

/// Whether an error says that the revision that was asked for is not spoken, and names it among
/// those that are.
fn speaks_ours(error: &Bytes) -> bool {
    #[derive(Deserialize)]
    struct Unsupported {
        code: i64,
        data: Spoken,
    }
    #[derive(Deserialize)]
    struct Spoken {
        supported: Vec<String>,
    }
    serde_json::from_slice::<Unsupported>(error).is_ok_and(|said| {
        said.code == UNSUPPORTED_VERSION
            && said.data.supported.iter().any(|version| is_modern_version(version))
    })
}

fn shape<'a, T: Deserialize<'a>>(result: &'a Bytes) -> Result<T, OpenError> {
    let bad = |error: serde_json::Error| refused(format!("its answer cannot be read: {error}"));
    serde_json::from_slice(result).map_err(bad)
}

fn refused(reason: String) -> OpenError {
    OpenError::Refused { reason, status: None, speaks_ours: false }
}

fn explain(channel: &Channel, error: RefusalError) -> OpenError {
    match error {
        RefusalError::Trip(TripError::Unreachable(reason) | TripError::Broken(reason)) => {
            OpenError::Unreachable(reason)
        }
        RefusalError::Throttled(pause) => OpenError::Throttled(pause),
        RefusalError::Status { status, body } => {
            let code = status.as_u16();
            let reason = format!("HTTP {code}: {}", channel.reason(status, &body));
            match code {
                401 | 403 => OpenError::Denied(reason),
                502..=504 => OpenError::Unreachable(reason.into()),
                _ => {
                    let said = result(&body)
                        .is_some_and(|said| said.is_err_and(|error| speaks_ours(&error)));
                    OpenError::Refused { reason, status: Some(status), speaks_ours: said }
                }
            }
        }
        error @ (RefusalError::Trip(TripError::Astray { .. })
        | RefusalError::TooLong { .. }
        | RefusalError::Form(_)) => refused(error.to_string()),
    }
}
