//! This file cuts a byte stream into lines, with a limit.
//!
//! It leaves what a line means to its reader, and reading to the pump.

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::{Id, head_id};

/// Room made for reads, in bytes.
const CHUNK: usize = 16 * 1024;
/// With less room than this left, more is made. Short lines share what was made once.
const ROOM_MIN: usize = 2 * 1024;
/// The most room for a line that has hardly begun, and the most that is kept for short ones.
const ROOM_MAX: usize = 256 * 1024;

/// One line of a child's output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end; never blank.
    Whole(Bytes),
    /// A line over the limit; its content is gone.
    TooLong {
        /// The id it answers, where its head told.
        id: Option<Id>,
    },
}

impl Line {
    /// Bytes in it; of one over the limit, none are left.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(line) => line.len(),
            Self::TooLong { .. } => 0,
        }
    }
}

/// Cuts lines. Its memory is bounded by the limit plus one read.
pub(super) struct Decoder {
    buffer: BytesMut,
    scanned: usize,
    /// Bytes of the line before.
    recent: usize,
    /// The most room that was made.
    made: usize,
    limit: usize,
    skipping: bool,
    skipped: u64,
}

impl Decoder {
    /// A decoder for lines of up to `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        let buffer = BytesMut::new();
        Self { buffer, scanned: 0, recent: 0, made: 0, limit, skipping: false, skipped: 0 }
    }

    /// Where the next bytes are to be read into. Where nobody holds a line any more that is the beginning of
    /// the room again, so that of many servers each needs little of it.
    pub(super) fn space(&mut self) -> &mut BytesMut {
        if self.buffer.is_empty() {
            let _ = self.buffer.try_reclaim(CHUNK); // or else what is left of the room has to do
        }
        if self.buffer.capacity() - self.buffer.len() < ROOM_MIN {
            let wanted = self.wanted();
            self.made = self.made.max(self.buffer.len() + wanted);
            self.buffer.reserve(wanted);
        }
        &mut self.buffer
    }

    /// Growing by a share of what is there keeps long lines linear without doubling them. But long lines
    /// often come one after the other: for one that may become as long as the one before, there is room at
    /// once, or soon, so that it is not moved for each share.
    fn wanted(&self) -> usize {
        let begun = self.buffer.len();
        let missing = (self.recent + ROOM_MIN / 2).saturating_sub(begun);
        CHUNK.max(begun / 8).max(missing.min(ROOM_MAX.max(4 * begun)))
    }

    /// Bytes of over-long lines thrown away since the last line that was whole.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next line, if one is complete or over the limit.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
                return self.hold_back();
            };
            let mut line = self.buffer.split_to(self.scanned + at + 1);
            self.scanned = 0;
            self.recent = line.len();
            if self.recent <= ROOM_MAX && self.made > ROOM_MAX && self.buffer.len() < CHUNK {
                self.buffer = BytesMut::from(&self.buffer[..]);
                self.made = 0;
            }
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            self.skipped = 0;
            if line.len() > self.limit + 1 {
                return Some(Line::TooLong { id: head_id(&line) });
            }
            line.truncate(line.len() - 1);
            let line = trimmed(line.freeze());
            if !line.is_empty() {
                return Some(Line::Whole(line));
            }
        }
    }

    /// No end of line yet: keep waiting, or give the line up.
    fn hold_back(&mut self) -> Option<Line> {
        self.scanned = self.buffer.len();
        if self.skipping {
            self.drop_all();
            return None;
        }
        if self.buffer.len() <= self.limit {
            return None;
        }
        let id = head_id(&self.buffer);
        self.skipping = true;
        self.drop_all();
        Some(Line::TooLong { id })
    }

    fn drop_all(&mut self) {
        self.skipped += self.buffer.len() as u64;
        self.scanned = 0;
        if self.buffer.capacity() > 4 * CHUNK {
            self.buffer = BytesMut::new();
        } else {
            self.buffer.clear();
        }
    }
}

/// Takes off what careless programs put around a line: a byte order mark, blanks, and whatever a
/// progress display wrote before a carriage return.
fn trimmed(mut line: Bytes) -> Bytes {
    if line.starts_with(b"\xef\xbb\xbf") {
        line.advance(3);
    }
    while line.last().is_some_and(u8::is_ascii_whitespace) {
        line.truncate(line.len() - 1);
    }
    if line.first() != Some(&b'{')
        && let Some(at) = memchr::memrchr(b'\r', &line)
        && line[at + 1..].trim_ascii_start().first() == Some(&b'{')
    {
        line.advance(at + 1);
    }
    while line.first().is_some_and(u8::is_ascii_whitespace) {
        line.advance(1);
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(decoder: &mut Decoder, bytes: &[u8], lines: &mut Vec<String>) {
        decoder.space().extend_from_slice(bytes);
        while let Some(line) = decoder.next_line() {
            lines.push(match line {
                Line::Whole(line) => String::from_utf8_lossy(&line).into_owned(),
                Line::TooLong { id } => {
                    format!("too long {}", id.map_or("-".to_owned(), |id| id.to_string()))
                }
            });
        }
    }

    #[track_caller]
    fn check(limit: usize, input: &[u8], expected: &[&str]) {
        for step in [1, 3, input.len().max(1)] {
            let mut decoder = Decoder::new(limit);
            let mut lines = Vec::new();
            for part in input.chunks(step) {
                feed(&mut decoder, part, &mut lines);
            }
            assert_eq!(lines, expected, "in steps of {step}");
        }
    }

    #[test]
    fn lines_are_cut_wherever_the_reads_end() {
        check(100, b"{\"a\":1}\n\n{}\r\n  \nx", &["{\"a\":1}", "{}"]);
    }

    #[test]
    fn marks_and_progress_before_a_message_are_taken_off() {
        check(100, b"\xef\xbb\xbf{}\n10%\r20%\r{\"b\":2}\n  {} \n", &["{}", "{\"b\":2}", "{}"]);
        check(100, b"log\rline\n", &["log\rline"]);
    }

    #[test]
    fn a_line_over_the_limit_is_named_once_and_the_next_is_whole() {
        check(16, b"{\"id\":\"c-1\",\"result\":\"xxxxxxxx\"}\n{}\n", &["too long \"c-1\"", "{}"]);
        check(3, b"abcdefgh\nab\n", &["too long -", "ab"]);
        check(3, b"abc\nabcd\n", &["abc", "too long -"]);
    }

    #[test]
    fn an_endless_line_keeps_no_memory() {
        let mut decoder = Decoder::new(1024);
        let mut lines = Vec::new();
        for _ in 0..10_000 {
            feed(&mut decoder, &[b'x'; 1000], &mut lines);
        }
        assert_eq!(lines, ["too long -"]);
        assert_eq!(decoder.skipped(), 10_000_000);
        assert!(decoder.space().capacity() < 100_000);
    }

    #[test]
    fn there_is_room_for_a_line_like_the_one_before_at_once_or_soon() {
        const MB: usize = 1024 * 1024;
        for (recent, begun, expected) in [
            (0, 0, CHUNK),
            (0, 16 * CHUNK, 2 * CHUNK),
            (100_000, 0, 100_000 + ROOM_MIN / 2),
            (100_000, 60_000, 40_000 + ROOM_MIN / 2),
            (100_000, MB, MB / 8),
            (MB, 0, ROOM_MAX),
            (MB, ROOM_MAX, MB - ROOM_MAX + ROOM_MIN / 2),
            (64 * MB, 0, ROOM_MAX),
            (64 * MB, MB, 4 * MB),
        ] {
            let buffer = BytesMut::zeroed(begun);
            let decoder = Decoder { buffer, recent, ..Decoder::new(64 * MB) };
            assert_eq!(decoder.wanted(), expected, "{begun} bytes after {recent}");
        }
    }

    #[test]
    fn room_is_used_again_once_its_lines_are_done_with() {
        let mut decoder = Decoder::new(1024);
        let first = decoder.space().as_ptr();
        for _ in 0..100 {
            feed(&mut decoder, &[b"x".repeat(999), b"\n".to_vec()].concat(), &mut Vec::new());
            assert_eq!(decoder.space().as_ptr(), first);
        }
        decoder.space().extend_from_slice(b"held\n");
        let held = decoder.next_line();
        feed(&mut decoder, b"next\n", &mut Vec::new());
        assert_eq!(held, Some(Line::Whole(Bytes::from_static(b"held"))));
    }

    #[test]
    fn the_room_of_a_long_line_goes_with_the_next_short_one() {
        let mut decoder = Decoder::new(10 * ROOM_MAX);
        let mut lines = Vec::new();
        for part in vec![b'x'; 4 * ROOM_MAX].chunks(CHUNK) {
            feed(&mut decoder, part, &mut lines);
        }
        feed(&mut decoder, b"\nshort\nrest", &mut lines);
        assert_eq!((lines.len(), &*lines[1]), (2, "short"));
        feed(&mut decoder, b" of it\n", &mut lines);
        assert_eq!(lines[2], "rest of it");
        let kept = decoder.space().capacity();
        assert!(kept <= 2 * CHUNK, "{kept}");
    }

    proptest! {
        #[test]
        fn cutting_does_not_depend_on_the_reads(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'{'), any::<u8>()], 0..200),
            step in 1_usize..40,
        ) {
            let (mut whole, mut parts) = (Decoder::new(30), Decoder::new(30));
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            for byte in input.chunks(1) {
                feed(&mut whole, byte, &mut expected);
            }
            for part in input.chunks(step) {
                feed(&mut parts, part, &mut found);
            }
            prop_assert_eq!(expected, found);
        }
    }
}
