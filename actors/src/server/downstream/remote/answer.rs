//! This file reads what a remote server answers to one HTTP request, within limits.
//!
//! It leaves JSON-RPC, and what follows from a refusal, to those who asked.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use thiserror::Error;

use super::client::{TripError, root};
use super::retry_after::wanted_pause;
use super::sse::{Decoder, Event, TooLong};

/// Bytes read of an answer that says no.
const REFUSAL: usize = 64 * 1024;

/// What a server answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nothing: it took note.
    Nothing,
    /// One JSON text.
    Whole(Bytes),
    /// A stream of events.
    Stream(Box<EventStream>),
}

/// Why a server did not answer what was asked.
#[derive(Debug, Error)]
pub(super) enum RefusalError {
    /// There was no answer at all.
    #[error(transparent)]
    Trip(#[from] TripError),
    /// It wants to be left alone for a while.
    #[error("it wants no requests for {0:?}")]
    Throttled(Duration),
    /// It said no.
    #[error("it answered with HTTP status {}", status.as_u16())]
    Status { status: StatusCode, body: Bytes },
    /// Its answer is longer than the limit, in bytes.
    #[error("its answer is longer than {limit} bytes")]
    TooLong { limit: usize },
    /// It said yes in a form that means nothing here.
    #[error("it answered with `{0}` instead of JSON or events")]
    Form(String),
}

/// Reads an answer: the whole of it, or its head if events follow. Nothing in it is longer than
/// `limit` bytes.
pub(super) async fn read(
    response: Response<Incoming>,
    limit: usize,
) -> Result<(Answer, HeaderMap), RefusalError> {
    let (head, body) = response.into_parts();
    let status = head.status;
    if let Some(pause) = wanted_pause(status, &head.headers, SystemTime::now()) {
        return Err(RefusalError::Throttled(pause));
    }
    if !status.is_success() {
        let body = whole(body, REFUSAL).await.unwrap_or_default();
        return Err(RefusalError::Status { status, body });
    }
    if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
        // Some say so in words as well; reading them keeps the connection.
        whole(body, REFUSAL).await?;
        return Ok((Answer::Nothing, head.headers));
    }
    if let Some(coding) = head.headers.get(CONTENT_ENCODING).filter(|name| *name != "identity") {
        let coding = String::from_utf8_lossy(coding.as_bytes()).chars().take(80).collect();
        return Err(RefusalError::Form(coding)); // not asked for, and its size is anybody's guess
    }
    let form = head.headers.get(CONTENT_TYPE).and_then(|form| form.to_str().ok());
    let form = form.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let answer = match form.to_ascii_lowercase().as_str() {
        "text/event-stream" => Answer::Stream(Box::new(EventStream::new(body, limit))),
        "application/json" => Answer::Whole(whole(body, limit).await?),
        form => {
            let rest = whole(body, REFUSAL).await?;
            if !rest.iter().all(u8::is_ascii_whitespace) {
                return Err(RefusalError::Form(form.chars().take(80).collect()));
            }
            Answer::Nothing
        }
    };
    match answer {
        Answer::Whole(json) if json.iter().all(u8::is_ascii_whitespace) => {
            Ok((Answer::Nothing, head.headers))
        }
        answer => Ok((answer, head.headers)),
    }
}

async fn whole(mut body: Incoming, limit: usize) -> Result<Bytes, RefusalError> {
    let mut parts: Vec<Bytes> = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| TripError::Broken(root(&error).into()))?;
        let Ok(part) = frame.into_data() else { continue };
        length = length.saturating_add(part.len());
        if length > limit {
            return Err(RefusalError::TooLong { limit });
        }
        parts.push(part);
    }
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let mut joined = BytesMut::with_capacity(length);
    parts.iter().for_each(|part| joined.extend_from_slice(part));
    Ok(joined.freeze())
}

/// Events as they come in.
#[derive(Debug)]
pub(super) struct EventStream {
    body: Incoming,
    decoder: Decoder,
    limit: usize,
}

impl EventStream {
    fn new(body: Incoming, limit: usize) -> Self {
        Self { body, decoder: Decoder::new(limit), limit }
    }

    /// The next event; `None` when the server has ended the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, RefusalError> {
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(TooLong) => return Err(RefusalError::TooLong { limit: self.limit }),
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| TripError::Broken(root(&error).into()))?;
            if let Ok(part) = frame.into_data() {
                self.decoder.feed(&part);
            }
        }
    }

    /// Where the stream can be taken up again.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.decoder.last_id()
    }

    /// How long the server wants to be left alone before that.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }
}

/// What a refusal says, in a few words and without controls: a JSON-RPC error's message, or the
/// beginning of the text.
pub(super) fn excerpt(body: &Bytes) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        error: Fault,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Fault {
        Word(String),
        Object { message: String },
    }
    let text = match serde_json::from_slice(body) {
        Ok(Problem { error: Fault::Word(text) | Fault::Object { message: text } }) => text,
        Err(_) if body.first() == Some(&b'<') => return String::new(), // a page for people
        Err(_) => String::from_utf8_lossy(&body[..body.len().min(1024)]).into_owned(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_quoted_shortly_and_on_one_line() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"no\nsuch"}}"#, "no such"),
            (r#"{"error":"invalid_token","x":1}"#, "invalid_token"),
            ("plain\ttext", "plain text"),
            ("<html>", ""),
            ("", ""),
        ] {
            assert_eq!(excerpt(&Bytes::from_static(body.as_bytes())), expected, "{body}");
        }
        assert_eq!(excerpt(&Bytes::from(vec![b'x'; 5000])).len(), 200);
    }
}
