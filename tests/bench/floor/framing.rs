//! This file finds messages in bytes, and ids in messages, by what stands around them.
//! It leaves reading the bytes to `flow.rs`.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};

/// The end of a head.
const BLANK: &[u8] = b"\r\n\r\n";
/// What stands before the length of a body.
const LENGTH: &[u8] = b"content-length:";

/// How clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Http,
    /// A message a line.
    Unix,
}

/// One message in what a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) body: Range<usize>,
    /// Where the next one begins.
    pub(super) end: usize,
    is_post: bool,
}

impl Message {
    /// What an HTTP client gets where the server says nothing.
    pub(super) fn without_answer(&self) -> &'static [u8] {
        if self.is_post {
            b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
        } else {
            b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n"
        }
    }
}

/// What is looked for, made ready once.
pub(super) struct Marks {
    blank: Finder<'static>,
    id: Finder<'static>,
    list: Finder<'static>,
}

impl Default for Marks {
    fn default() -> Self {
        let (id, list) = (br#""id":"#, br#""method":"tools/list""#);
        Self { blank: Finder::new(BLANK), id: Finder::new(id), list: Finder::new(list) }
    }
}

impl Marks {
    /// The first message, once it is whole.
    pub(super) fn message(&self, bytes: &[u8], door: Door) -> Option<Message> {
        let (body, end) = match door {
            Door::Http => {
                let body = self.blank.find(bytes)? + BLANK.len();
                let end = body + length(&bytes[..body]);
                (body..end, end)
            }
            Door::Unix => {
                let end = memchr(b'\n', bytes)?;
                (0..end, end + 1)
            }
        };
        let is_post = bytes.starts_with(b"POST ");
        (end <= bytes.len()).then_some(Message { body, end, is_post })
    }

    /// Where the id of a message stands; a notification has none.
    pub(super) fn id(&self, message: &[u8]) -> Option<Range<usize>> {
        let after = self.id.find(message)? + self.id.needle().len();
        let blanks = message[after..].iter().take_while(|byte| **byte == b' ').count();
        let from = after + blanks;
        let rest = &message[from..];
        let length = match rest.first()? {
            b'"' => memchr(b'"', &rest[1..])? + 2,
            _ => rest.iter().position(|byte| matches!(byte, b',' | b'}'))?,
        };
        Some(from..from + length)
    }

    /// Whether it asks for the list of tools.
    pub(super) fn is_list(&self, message: &[u8]) -> bool {
        self.list.find(message).is_some()
    }
}

/// The length of the body that a head tells; 0 where it tells none.
fn length(head: &[u8]) -> usize {
    let lines = memchr_iter(b'\n', head).map(|at| &head[at + 1..]);
    let values = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(LENGTH.len())?;
        name.eq_ignore_ascii_case(LENGTH).then(|| value.trim_ascii_start())
    });
    values.filter_map(number).next().unwrap_or(0)
}

/// The number that the bytes begin with.
pub(super) fn number(bytes: &[u8]) -> Option<usize> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<usize>, digit| {
        let digit = usize::from(digit - b'0');
        Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id_of(message: &str) -> Option<&str> {
        Marks::default().id(message.as_bytes()).map(|id| &message[id])
    }

    #[test]
    fn an_id_is_found_in_every_form() {
        for (message, expected) in [
            (r#"{"jsonrpc":"2.0","id":17,"method":"ping"}"#, Some("17")),
            (r#"{"id": 17}"#, Some("17")),
            (r#"{"jsonrpc":"2.0","id":"a,b}","method":"ping"}"#, Some(r#""a,b}""#)),
            (r#"{"id":null,"error":{"code":1}}"#, Some("null")),
            (r#"{"jsonrpc":"2.0","method":"x","params":{"requestId":4}}"#, None),
            (r#"{"id":17"#, None),
            (r#"{"id":"#, None),
            ("", None),
        ] {
            assert_eq!(id_of(message), expected, "{message}");
        }
    }

    #[test]
    fn numbers_are_read_up_to_their_end() {
        for (bytes, expected) in
            [("17,", Some(17)), ("0", Some(0)), ("\"17\"", None), ("null", None), ("", None)]
        {
            assert_eq!(number(bytes.as_bytes()), expected, "{bytes}");
        }
        assert_eq!(number("9".repeat(40).as_bytes()), Some(usize::MAX));
    }

    #[test]
    fn a_head_tells_the_length_in_any_letters() {
        for (head, expected) in [
            ("POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\n", 12),
            ("POST / HTTP/1.1\r\nhost: a\r\nContent-Length:7\r\naccept: */*\r\n\r\n", 7),
            ("GET / HTTP/1.1\r\nx-content-length: 5\r\n\r\n", 0),
            ("GET / HTTP/1.1\r\n\r\n", 0),
        ] {
            assert_eq!(length(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn only_a_list_is_one() {
        let marks = Marks::default();
        assert!(marks.is_list(br#"{"id":1,"method":"tools/list","params":{}}"#));
        assert!(
            !marks.is_list(br#"{"id":1,"method":"tools/call","params":{"name":"tools/list"}}"#)
        );
    }

    #[test]
    fn what_is_not_posted_is_refused() {
        let marks = Marks::default();
        for (asked, status) in [("GET", "405"), ("POST", "202"), ("DELETE", "405")] {
            let text = format!("{asked} /mcp HTTP/1.1\r\nhost: a\r\n\r\n");
            let message = marks.message(text.as_bytes(), Door::Http).unwrap();
            let answer = String::from_utf8_lossy(message.without_answer());
            assert_eq!(answer.split(' ').nth(1), Some(status), "{asked}");
        }
    }

    /// All messages, found while `pieces` come one after the other.
    fn found(pieces: &[&[u8]], door: Door) -> Vec<Vec<u8>> {
        let (marks, mut bytes, mut all) = (Marks::default(), Vec::new(), Vec::new());
        for piece in pieces {
            bytes.extend_from_slice(piece);
            while let Some(message) = marks.message(&bytes, door) {
                all.push(bytes[message.body].to_vec());
                bytes.drain(..message.end);
            }
        }
        assert_eq!(bytes, b"", "a rest that is no message");
        all
    }

    fn framed(body: &str, door: Door) -> String {
        match door {
            Door::Http => {
                format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
            Door::Unix => format!("{body}\n"),
        }
    }

    proptest! {
        #[test]
        fn messages_are_the_same_in_whatever_pieces_they_come(
            bodies in prop::collection::vec("[a-z{}:\"\r]{0,40}", 1..5),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            for door in [Door::Http, Door::Unix] {
                let whole: String = bodies.iter().map(|body| framed(body, door)).collect();
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
                cuts.sort_unstable();
                cuts.insert(0, 0);
                cuts.push(whole.len());
                let pieces: Vec<&[u8]> =
                    cuts.windows(2).map(|cut| &whole.as_bytes()[cut[0]..cut[1]]).collect();
                let found = found(&pieces, door);
                prop_assert_eq!(found.len(), bodies.len());
                for (found, body) in found.iter().zip(&bodies) {
                    prop_assert_eq!(found, body.as_bytes());
                }
            }
        }
    }
}
