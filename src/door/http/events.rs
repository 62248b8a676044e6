//! This file writes server-sent events.
//!
//! It leaves what they say to `post` and `get`.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::respond;

/// Messages that wait for a slow reader; progress beyond it is dropped.
const WAITING: usize = 64;
/// A silent stream shows that it is alive this often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A place for the messages of one stream, and where they come out.
pub(super) fn channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
    mpsc::channel(WAITING)
}

/// A response that carries the messages of `waiting` until there are no more.
pub(super) fn response(waiting: mpsc::Receiver<Bytes>) -> Response {
    let due = Instant::now() + KEEP_ALIVE;
    let stream = futures_util::stream::unfold((waiting, due), |(mut waiting, due)| async move {
        let chunk = tokio::select! {
            biased;
            message = waiting.recv() => event(&message?),
            () = sleep_until(due) => Bytes::from_static(b": still here\n\n"),
        };
        let due = Instant::now() + KEEP_ALIVE;
        Some((Ok::<_, Infallible>(chunk), (waiting, due)))
    });
    respond::events(Body::from_stream(stream))
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
