//! This file writes server-sent events.
//!
//! It leaves what they say to `post` and `get`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::respond;
use crate::door::reply::Answer;

/// Messages that wait for a slow reader; progress beyond it is dropped.
const WAITING: usize = 64;
/// A silent stream shows that it is alive this often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A place for the messages of one stream, and where they come out.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(WAITING)
}

/// A response that carries `first`, the messages of `waiting` until there are no more, and `last`.
pub(super) fn response_around(
    first: Bytes,
    waiting: mpsc::Receiver<Bytes>,
    last: oneshot::Receiver<Answer>,
) -> Response {
    let first = stream::once(async move { Ok(event(&first)) });
    let last = stream::once(last).filter_map(async |answer| Some(Ok(event(&answer.ok()?.body))));
    respond::events(Body::from_stream(first.chain(chunks(waiting)).chain(last)))
}

/// A response that carries the messages of `waiting` until there are no more.
pub(super) fn response(waiting: mpsc::Receiver<Bytes>) -> Response {
    respond::events(Body::from_stream(chunks(waiting)))
}

/// The messages of `waiting` as events, and signs of life.
fn chunks(waiting: mpsc::Receiver<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let due = Instant::now() + KEEP_ALIVE;
    stream::unfold((waiting, due), |(mut waiting, due)| async move {
        let chunk = tokio::select! {
            biased;
            message = waiting.recv() => event(&message?),
            () = sleep_until(due) => Bytes::from_static(b": still here\n\n"),
        };
        let due = Instant::now() + KEEP_ALIVE;
        Some((Ok(chunk), (waiting, due)))
    })
}

/// One message as an event. A message on several lines stays one event.
fn event(message: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 32);
    out.extend_from_slice(b"event: message\n");
    for line in message.split(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_event() {
        assert_eq!(event(b"{}"), "event: message\ndata: {}\n\n");
        assert_eq!(event(b"{\n}"), "event: message\ndata: {\ndata: }\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive() {
        let (sender, receiver) = channel();
        let mut body = response(receiver).into_body();
        let begun = Instant::now();
        let next = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert_eq!(next.into_data().unwrap(), ": still here\n\n");
        assert_eq!(begun.elapsed().as_secs(), 15);
        sender.send("1".into()).await.unwrap();
        let next = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert_eq!(next.into_data().unwrap(), "event: message\ndata: 1\n\n");
        drop(sender);
        assert!(http_body_util::BodyExt::frame(&mut body).await.is_none());
    }
}
