//! This file cuts a byte stream into lines of bounded length.
//!
//! It leaves what a line says to its reader.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room made for a read at least, in bytes. A connection that rests keeps as much.
const CHUNK: usize = 4 * 1024;
/// Lines up to this length, in bytes, are copied, so that the next read can use the room again. A
/// longer one keeps the room that it lies in until its request is done with.
const COPIED_MAX: usize = 1024;

/// One line of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes without the line end; blank lines are left out.
    Text(Bytes),
    /// It was longer than allowed and has been passed over.
    TooLong,
}

/// Reads lines.
pub(super) struct Lines<R> {
    input: R,
    buffer: BytesMut,
    /// So much of the buffer is known to hold no line end.
    scanned: usize,
    max: usize,
    skipping: bool,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of up to `max` bytes.
    pub(super) fn new(input: R, max: usize) -> Self {
        let buffer = BytesMut::new();
        Self { input, buffer, scanned: 0, max, skipping: false, ended: false }
    }

    /// Gives the input back; what was read of it and not asked for is lost.
    pub(super) fn into_input(self) -> R {
        self.input
    }

    /// The next line; `None` at the end of the stream. Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            if let Some(line) = self.cut() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            // Growing by a share of what is there keeps long lines linear.
            self.buffer.reserve(CHUNK.max(self.buffer.len() / 8));
            if self.input.read_buf(&mut self.buffer).await? == 0 {
                self.ended = true;
                // The last line may lack its end.
                self.buffer.extend_from_slice(b"\n");
            }
        }
    }

    /// Takes a line out of the buffer, if it holds one.
    fn cut(&mut self) -> Option<Line> {
        while let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) {
            let length = self.scanned + at + 1;
            self.scanned = 0;
            if std::mem::take(&mut self.skipping) || length > self.max + 1 {
                self.buffer.advance(length);
                return Some(Line::TooLong);
            }
            let text = self.take(length);
            if !text.is_empty() {
                return Some(Line::Text(text));
            }
        }
        if self.skipping || self.buffer.len() > self.max {
            self.skipping = true;
            self.buffer.clear();
        }
        self.scanned = self.buffer.len();
        None
    }

    /// The next bytes, without blanks around them.
    fn take(&mut self, length: usize) -> Bytes {
        if length <= COPIED_MAX {
            let text = Bytes::copy_from_slice(self.buffer[..length].trim_ascii());
            self.buffer.advance(length);
            return text;
        }
        let line = self.buffer.split_to(length).freeze();
        line.slice_ref(line.trim_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(input: &[u8], expected: &[&str]) {
        for size in [1, 3, input.len().max(1)] {
            let mut reader = tokio_util_chunks(input, size);
            let mut lines = Lines::new(&mut reader, 5);
            let mut found = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                found.push(match line {
                    Line::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    Line::TooLong => "!".to_owned(),
                });
            }
            assert_eq!(found, expected, "in chunks of {size}");
        }
    }

    /// A stream that gives `size` bytes at a time.
    fn tokio_util_chunks(input: &[u8], size: usize) -> impl AsyncRead + Unpin {
        let (near, mut far) = tokio::io::duplex(size);
        let input = input.to_vec();
        tokio::spawn(async move {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut far, &input).await;
        });
        near
    }

    #[tokio::test]
    async fn lines_are_cut_wherever_the_chunks_fall() {
        check(b"one\ntwo\r\n\n  \nthree\n", &["one", "two", "three"]).await;
        check(b"", &[]).await;
    }

    #[tokio::test]
    async fn the_last_line_may_lack_its_end() {
        check(b"one\ntwo", &["one", "two"]).await;
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_passed_over_and_the_next_is_read() {
        check(b"12345\n123456\n123\n", &["12345", "!", "123"]).await;
        check(b"123456789012345678901234567890\nok\n", &["!", "ok"]).await;
        check(b"12345678901234", &["!"]).await;
    }
}
