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
use tokio_util::sync::CancellationToken;

use super::replay::Reader;
use super::respond;
use super::sessions::Busy;
use crate::door::reply::Answer;

/// Messages that wait for a slow reader; progress beyond it is dropped.
const WAITING: usize = 64;
/// A silent stream shows that it is alive this often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A client whose stream broke is asked to wait this long before it goes on.
const RETRY: Duration = Duration::from_secs(1);

/// A place for the messages of one stream, and where they come out.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(WAITING)
}

/// A response that carries a stream of a session from its beginning; where clients know of such a
/// thing, an id to go on from comes first.
pub(super) fn opened(reader: Reader) -> Response {
    begun(reader, CancellationToken::new(), None)
}

/// The same until it is closed. Its session is in use as long as it goes on, and `closing` is set at
/// the end of it.
pub(super) fn followed(reader: Reader, closing: CancellationToken, session: Busy) -> Response {
    begun(reader, closing, Some(session))
}

/// A response that goes on with a stream that broke. Its session is in use as long as it goes on.
pub(super) fn resumed(reader: Reader, closing: CancellationToken, session: Busy) -> Response {
    respond::events(Body::from_stream(read(reader, closing, Some(session))))
}

fn begun(reader: Reader, closing: CancellationToken, session: Option<Busy>) -> Response {
    let first = reader.priming().map(|id| {
        let retry = RETRY.as_millis();
        Ok(Bytes::from(format!("id: {id}\nretry: {retry}\ndata: \n\n")))
    });
    let rest = read(reader, closing, session);
    respond::events(Body::from_stream(stream::iter(first).chain(rest)))
}

/// The messages of a session's stream as events with ids, and signs of life.
fn read(
    reader: Reader,
    closing: CancellationToken,
    session: Option<Busy>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let (due, closed) = (Instant::now() + KEEP_ALIVE, closing.clone().drop_guard());
    stream::unfold((reader, due, session, closed), move |(mut reader, due, session, closed)| {
        let closing = closing.clone();
        async move {
            let chunk = tokio::select! {
                biased;
                message = reader.next() => event(&message?, reader.id().as_deref()),
                () = closing.cancelled() => return None,
                () = sleep_until(due) => Bytes::from_static(b": still here\n\n"),
            };
            let due = Instant::now() + KEEP_ALIVE;
            Some((Ok(chunk), (reader, due, session, closed)))
        }
    })
}

/// A response that carries the messages of `waiting` until there are no more.
pub(super) fn response(waiting: mpsc::Receiver<Bytes>) -> Response {
    respond::events(Body::from_stream(chunks(waiting)))
}

/// A response that carries `first`, the messages of `waiting` until there are no more, and `answer`.
pub(super) fn until(
    first: Bytes,
    waiting: mpsc::Receiver<Bytes>,
    answer: oneshot::Receiver<Answer>,
) -> Response {
    let first = stream::iter([Ok(event(&first, None))]);
    let last = stream::once(answer)
        .filter_map(async |answer| Some(Ok(event(&answer.ok()?.into_body(), None))));
    respond::events(Body::from_stream(first.chain(chunks(waiting)).chain(last)))
}

/// The messages of `waiting` as events, and signs of life.
fn chunks(waiting: mpsc::Receiver<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let due = Instant::now() + KEEP_ALIVE;
    stream::unfold((waiting, due), |(mut waiting, due)| async move {
        let chunk = tokio::select! {
            biased;
            message = waiting.recv() => event(&message?, None),
            () = sleep_until(due) => Bytes::from_static(b": still here\n\n"),
        };
        let due = Instant::now() + KEEP_ALIVE;
        Some((Ok(chunk), (waiting, due)))
    })
}

/// One message as an event. A message on several lines stays one event.
fn event(message: &[u8], id: Option<&str>) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 64);
    out.extend_from_slice(b"event: message\n");
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
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
        assert_eq!(event(b"{}", None), "event: message\ndata: {}\n\n");
        assert_eq!(event(b"{\n}", Some("a")), "event: message\nid: a\ndata: {\ndata: }\n\n");
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
