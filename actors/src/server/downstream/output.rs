//! This file holds the bytes that a child has yet to read, and notices when it stops reading.
//!
//! It leaves what the bytes say to the pump.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep};

/// Above so many unread bytes, nothing more is accepted.
const HIGH_WATER: usize = 1024 * 1024;
/// A buffer larger than this is given back when it runs empty.
const KEEP: usize = 256 * 1024;

/// How a write went.
#[derive(Debug)]
pub(super) enum Driven {
    /// Some bytes went out.
    Wrote,
    /// The child's end is closed.
    Failed,
    /// Nothing went out for as long as is allowed.
    Stalled,
}

/// A child's input with what is still to be written to it.
pub(super) struct Output<W> {
    writer: Option<W>,
    buffer: Vec<u8>,
    start: usize,
    written: u64,
    patience: Duration,
    stall: Pin<Box<Sleep>>,
    armed: bool,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    /// An empty output; a child that reads nothing for `patience` counts as stuck.
    pub(super) fn new(writer: W, patience: Duration) -> Self {
        Self {
            writer: Some(writer),
            buffer: Vec::new(),
            start: 0,
            written: 0,
            patience,
            stall: Box::pin(sleep(patience)),
            armed: false,
        }
    }

    /// Where messages are appended.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Bytes waiting.
    pub(super) fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether there is something to write and somewhere to write it to.
    pub(super) fn has_work(&self) -> bool {
        self.writer.is_some() && self.waiting() > 0
    }

    /// Whether more may be appended.
    pub(super) fn has_room(&self) -> bool {
        self.waiting() < HIGH_WATER
    }

    /// Whether the child's input is still open.
    pub(super) fn is_open(&self) -> bool {
        self.writer.is_some()
    }

    /// Position in the stream of what is appended next.
    pub(super) fn position(&self) -> u64 {
        self.written + self.waiting() as u64
    }

    /// Position in the stream up to which the child may have read.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Closes the child's input; what was not written is gone.
    pub(super) fn close(&mut self) {
        self.writer = None;
        self.buffer = Vec::new();
        self.start = 0;
    }

    /// Writes some bytes. Safe to drop at any time: what was written is accounted for.
    pub(super) async fn drive(&mut self) -> Driven {
        poll_fn(|cx| {
            let Some(writer) = &mut self.writer else { return Poll::Pending };
            match Pin::new(writer).poll_write(cx, &self.buffer[self.start..]) {
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Driven::Failed),
                Poll::Ready(Ok(count)) => {
                    self.armed = false;
                    self.advance(count);
                    Poll::Ready(Driven::Wrote)
                }
                Poll::Pending => {
                    if !self.armed {
                        self.armed = true;
                        self.stall.as_mut().reset(Instant::now() + self.patience);
                    }
                    self.stall.as_mut().poll(cx).map(|()| Driven::Stalled)
                }
            }
        })
        .await
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.written += count as u64;
        if self.start == self.buffer.len() {
            self.start = 0;
            if self.buffer.capacity() > KEEP {
                self.buffer = Vec::new();
            } else {
                self.buffer.clear();
            }
        } else if self.start >= KEEP.max(self.waiting()) {
            // A child that is never done does not have all kept that it has read. No byte is moved more
            // than once on the average.
            self.buffer.drain(..std::mem::take(&mut self.start));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn everything_arrives_and_is_counted() {
        let (near, mut far) = tokio::io::duplex(4);
        let mut output = Output::new(near, Duration::from_secs(5));
        output.buffer().extend_from_slice(b"hello world");
        assert_eq!(output.position(), 11);
        let reader = tokio::spawn(async move {
            let mut text = [0; 11];
            far.read_exact(&mut text).await.map(|_| text)
        });
        while output.has_work() {
            assert!(matches!(output.drive().await, Driven::Wrote));
        }
        assert_eq!(&reader.await.unwrap().unwrap(), b"hello world");
        assert_eq!(output.written(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_is_noticed_after_the_patience() {
        let (near, _far) = tokio::io::duplex(4);
        let mut output = Output::new(near, Duration::from_secs(5));
        output.buffer().extend_from_slice(b"hello world");
        assert!(matches!(output.drive().await, Driven::Wrote));
        let before = Instant::now();
        assert!(matches!(output.drive().await, Driven::Stalled));
        assert_eq!(before.elapsed().as_secs(), 5);
        assert_eq!(output.written(), 4);
    }

    #[tokio::test]
    async fn what_was_read_is_not_kept_for_a_child_that_is_never_done() {
        const PIECE: usize = 8 * 1024;
        let (near, mut far) = tokio::io::duplex(PIECE);
        let mut output = Output::new(near, Duration::from_secs(5));
        output.buffer().push(b'x');
        for round in 0..=u8::MAX {
            output.buffer().extend_from_slice(&[round; PIECE]);
            assert!(matches!(output.drive().await, Driven::Wrote));
            let mut read = [0; PIECE];
            far.read_exact(&mut read).await.unwrap();
            assert_eq!((output.waiting(), read[1]), (1, round));
            assert!(output.buffer.capacity() <= 4 * KEEP, "{}", output.buffer.capacity());
        }
    }

    #[tokio::test]
    async fn a_closed_reader_is_a_failure() {
        let (near, far) = tokio::io::duplex(4);
        drop(far);
        let mut output = Output::new(near, Duration::from_secs(5));
        output.buffer().extend_from_slice(b"x");
        assert!(matches!(output.drive().await, Driven::Failed));
    }
}
