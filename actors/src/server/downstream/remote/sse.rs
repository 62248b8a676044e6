//! This file cuts a stream of bytes into server-sent events (HTML, 9.2 Server-sent events).
//!
//! Pure. It leaves what an event says to others.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// One event with something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its kind; `message` where the server names none.
    pub(super) kind: Kind,
    /// Its data, lines joined by line feeds.
    pub(super) data: Bytes,
}

/// The kinds of events that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A JSON-RPC message.
    Message,
    /// The address for messages to the server (MCP 2024-11-05).
    Endpoint,
    /// Anything else.
    Other,
}

/// An event was longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// What a stream has said so far, cut into events.
#[derive(Debug)]
pub(super) struct Decoder {
    limit: usize,
    buffer: BytesMut,
    /// Up to here the buffer holds no end of line.
    scanned: usize,
    /// The last line ended with CR: an LF right behind it belongs to it.
    after_cr: bool,
    at_start: bool,
    data: BytesMut,
    kind: Kind,
    last_id: Option<String>,
    retry: Option<Duration>,
}

/// Longest id that is remembered, in bytes.
const ID: usize = 1024;

impl Decoder {
    /// A stream whose events may have `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: BytesMut::new(),
            scanned: 0,
            after_cr: false,
            at_start: true,
            data: BytesMut::new(),
            kind: Kind::Message,
            last_id: None,
            retry: None,
        }
    }

    /// Takes more of the stream.
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The id of the last event that had one: where the stream can be taken up again.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// How long the server wants to be left alone before it is asked again.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The next event that is whole.
    pub(super) fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(line) = self.next_line() {
            if line.is_empty() {
                let kind = std::mem::replace(&mut self.kind, Kind::Message);
                if !self.data.is_empty() {
                    let mut data = self.data.split();
                    data.truncate(data.len() - 1); // the line feed behind the last line
                    if !data.is_empty() {
                        return Ok(Some(Event { kind, data: data.freeze() }));
                    }
                }
            } else {
                self.on_field(&line);
            }
            if self.data.len() > self.limit.saturating_add(1) {
                return Err(TooLong);
            }
        }
        let waiting = self.data.len() + self.buffer.len();
        if waiting > self.limit.saturating_add(SLACK) { Err(TooLong) } else { Ok(None) }
    }

    fn next_line(&mut self) -> Option<Bytes> {
        if self.after_cr && !self.buffer.is_empty() {
            self.after_cr = false;
            if self.buffer[0] == b'\n' {
                drop(self.buffer.split_to(1));
                self.scanned = 0;
            }
        }
        let found = memchr::memchr2(b'\n', b'\r', &self.buffer[self.scanned..]);
        let Some(at) = found.map(|at| at + self.scanned) else {
            self.scanned = self.buffer.len();
            return None;
        };
        self.after_cr = self.buffer[at] == b'\r';
        self.scanned = 0;
        let line = self.buffer.split_to(at + 1).freeze();
        let line = line.slice(..at);
        if std::mem::replace(&mut self.at_start, false) && line.starts_with(b"\xef\xbb\xbf") {
            return Some(line.slice(3..));
        }
        Some(line)
    }

    fn on_field(&mut self, line: &Bytes) {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => return, // a comment
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (&line[..], &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.extend_from_slice(b"\n");
            }
            b"event" => {
                self.kind = match value {
                    b"message" | b"" => Kind::Message,
                    b"endpoint" => Kind::Endpoint,
                    _ => Kind::Other,
                };
            }
            b"id" if value.len() <= ID => {
                // An id that no header can carry cannot be asked for.
                let visible = value.iter().all(|byte| (0x20..0x7f).contains(byte));
                if let Some(id) = String::from_utf8(value.to_vec()).ok().filter(|_| visible) {
                    self.last_id = Some(id).filter(|id| !id.is_empty());
                }
            }
            b"retry" => {
                let digits = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.retry = digits.map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
    }
}

/// Room for field names and short fields beside the data.
const SLACK: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events of `text`, fed in pieces of `step` bytes.
    fn read(text: &[u8], step: usize) -> Vec<String> {
        let mut decoder = Decoder::new(64);
        let mut found = Vec::new();
        for chunk in text.chunks(step.max(1)) {
            decoder.feed(chunk);
            loop {
                match decoder.next_event() {
                    Ok(Some(Event { kind, data })) => {
                        let data = String::from_utf8_lossy(&data).into_owned();
                        found.push(if kind == Kind::Message {
                            data
                        } else {
                            format!("{kind:?}={data}")
                        });
                    }
                    Ok(None) => break,
                    Err(TooLong) => {
                        found.push("too long".to_owned());
                        return found;
                    }
                }
            }
        }
        found
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        for step in [1, 2, 3, 7, 10_000] {
            assert_eq!(read(text.as_bytes(), step), expected, "{text:?} in steps of {step}");
        }
    }

    #[test]
    fn events_end_with_an_empty_line_of_any_kind() {
        check("data: a\n\ndata: b\r\n\r\ndata:c\r\rdata: d", &["a", "b", "c"]);
        check("data: a\ndata:\ndata: b\n\n", &["a\n\nb"]);
    }

    #[test]
    fn kinds_are_told_apart_and_last_for_one_event() {
        check("event: endpoint\ndata: /m\n\ndata: x\n\n", &["Endpoint=/m", "x"]);
        check("event: message\ndata: x\n\nevent: ping\ndata: y\n\n", &["x", "Other=y"]);
    }

    #[test]
    fn comments_empty_events_and_unknown_fields_say_nothing() {
        check("\u{feff}: hi\n\n\nid: 5\n\nid: 6\ndata: \n\nfoo: bar\ndata\n\ndata: x\n\n", &["x"]);
    }

    #[test]
    fn an_event_has_a_limit_with_or_without_an_end() {
        let fits = "x".repeat(64);
        check(&format!("data: {fits}\n\n"), &[&fits]);
        check(&format!("data: {fits}x\n\n"), &["too long"]);
        check(&format!("data: {}\n", "x\ndata: ".repeat(64)), &["too long"]);
        assert_eq!(read(&[b'x'; 10_000], 100), ["too long"]);
    }

    #[test]
    fn id_and_retry_are_remembered() {
        let mut decoder = Decoder::new(64);
        decoder.feed(b"id: a-1\nretry: 250\ndata: x\n\nid: b\0\nretry: soon\n\n");
        assert!(decoder.next_event().unwrap().is_some());
        assert_eq!((decoder.last_id(), decoder.retry().unwrap().as_millis()), (Some("a-1"), 250));
        assert_eq!(decoder.next_event(), Ok(None));
        assert_eq!((decoder.last_id(), decoder.retry().unwrap().as_millis()), (Some("a-1"), 250));
        decoder.feed(b"id:\n");
        assert_eq!(decoder.next_event(), Ok(None));
        assert_eq!(decoder.last_id(), None);
    }

    proptest! {
        #[test]
        fn how_the_stream_is_cut_does_not_matter(
            text in "(data: ?[a-c:]{0,9}|id: [0-9]|event: endpoint|: x|)((\n|\r|\r\n)(data: ?[a-c]{0,3}|)){0,20}",
            step in 1_usize..9,
        ) {
            prop_assert_eq!(read(text.as_bytes(), step), read(text.as_bytes(), text.len()));
        }
    }
}
