//! This file sends a message as the body of a response, piece by piece as it is kept.
//!
//! It leaves what is in it to others.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use conductor_actors::wire::Rope;
use hyper::body::{Frame, SizeHint};

/// What of a message has not been sent yet.
pub(super) struct Pieces<I> {
    left: I,
    bytes: usize,
}

/// The body that is this message.
pub(super) fn body(message: Rope) -> Body {
    let bytes = message.len();
    let mut pieces = message.into_pieces();
    match pieces.next() {
        Some(only) if only.len() == bytes => only.into(),
        first => Body::new(Pieces { left: first.into_iter().chain(pieces), bytes }),
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> hyper::body::Body for Pieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.left.next();
        self.bytes -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.bytes).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::body::Body as _;

    use super::*;

    #[tokio::test]
    async fn a_message_is_sent_as_it_is_kept() {
        for (message, pieces) in [
            (Rope::from(Bytes::from_static(b"{}")), vec!["{}"]),
            (Rope::new("{".into(), "long".into(), "}".into()), vec!["{", "long", "}"]),
        ] {
            let mut left = u64::try_from(message.len()).unwrap();
            let mut body = body(message);
            for piece in pieces {
                assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(left), false));
                assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
                left -= piece.len() as u64;
            }
            assert!(body.is_end_stream() && body.frame().await.is_none());
        }
    }
}
