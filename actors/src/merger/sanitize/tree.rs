//! This file reads JSON into a tree that is written again byte by byte where nothing was changed.
//!
//! It leaves the meaning of the tree to `walk`; numbers and literals are never decoded.

use std::borrow::Cow;
use std::collections::HashSet;

use thiserror::Error;

use crate::wire::write_json_string;

/// So many keys are compared one by one.
const FEW: usize = 12;

/// A JSON value over the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    /// A number, `true`, `false` or `null`, as written.
    Plain(&'a str),
    Text(Str<'a>),
    List(Vec<Self>),
    Object(Vec<(Str<'a>, Self)>),
}

/// A JSON string: as written, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Str<'a> {
    /// With its quotes; `None` once changed.
    raw: Option<&'a str>,
    pub(super) text: Cow<'a, str>,
}

/// Why a text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Unfit {
    #[error("nested too deeply")]
    Deep,
    #[error("not well-formed")]
    Malformed,
    #[error("the same key twice in one object")]
    Doubled,
}

/// Why `json` cannot be read in one way only, nested up to `depth` levels; nothing if it can.
pub(in crate::merger) fn unreadable(json: &[u8], depth: usize) -> Option<String> {
    let Ok(text) = std::str::from_utf8(json) else { return Some(Unfit::Malformed.to_string()) };
    Node::read(text, depth).err().map(|why| why.to_string())
}

impl<'a> From<&'a str> for Str<'a> {
    fn from(text: &'a str) -> Self {
        Self { raw: None, text: Cow::Borrowed(text) }
    }
}

impl<'a> Str<'a> {
    pub(super) fn set(&mut self, text: String) {
        self.raw = None;
        self.text = Cow::Owned(text);
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self.raw {
            Some(raw) => out.extend_from_slice(raw.as_bytes()),
            None => write_json_string(out, &self.text),
        }
    }
}

impl<'a> Node<'a> {
    /// Reads `json`, nested up to `depth` levels.
    pub(super) fn read(json: &'a str, depth: usize) -> Result<Self, Unfit> {
        let mut reader = Reader { json, at: 0 };
        let node = reader.value(depth)?;
        reader.space();
        if reader.at == json.len() { Ok(node) } else { Err(Unfit::Malformed) }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known.text == key).map(|(_, value)| value)
    }

    /// What it says, if it is a string.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(&text.text) } else { None }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Plain(raw) => out.extend_from_slice(raw.as_bytes()),
            Self::Text(text) => text.write(out),
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    key.write(out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

struct Reader<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn part(&self, from: usize) -> Result<&'a str, Unfit> {
        self.json.get(from..self.at).ok_or(Unfit::Malformed)
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Unfit> {
        self.space();
        match self.peek().ok_or(Unfit::Malformed)? {
            b'"' => self.string().map(Node::Text),
            b'[' => self.list(depth.checked_sub(1).ok_or(Unfit::Deep)?),
            b'{' => self.object(depth.checked_sub(1).ok_or(Unfit::Deep)?),
            _ => {
                let from = self.at;
                while matches!(
                    self.peek(),
                    Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')
                ) {
                    self.at += 1;
                }
                let part = self.part(from)?;
                if part.is_empty() { Err(Unfit::Malformed) } else { Ok(Node::Plain(part)) }
            }
        }
    }

    fn string(&mut self) -> Result<Str<'a>, Unfit> {
        let from = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
            self.at += memchr::memchr2(b'"', b'\\', rest).ok_or(Unfit::Malformed)?;
            if self.peek() == Some(b'"') {
                break;
            }
            escaped = true;
            self.at += 2;
        }
        self.at += 1;
        let raw = self.part(from)?;
        let text = if escaped {
            Cow::Owned(serde_json::from_str(raw).map_err(|_| Unfit::Malformed)?)
        } else {
            Cow::Borrowed(raw.get(1..raw.len() - 1).ok_or(Unfit::Malformed)?)
        };
        Ok(Str { raw: Some(raw), text })
    }

    /// Whether another item follows, in something that ends with `end`.
    fn more(&mut self, first: bool, end: u8) -> Result<bool, Unfit> {
        self.space();
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(_) | None => Err(Unfit::Malformed),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node<'a>, Unfit> {
        self.at += 1;
        let mut items = Vec::new();
        while self.more(items.is_empty(), b']')? {
            items.push(self.value(depth)?);
        }
        Ok(Node::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Node<'a>, Unfit> {
        self.at += 1;
        let mut members = Vec::new();
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        while self.more(members.is_empty(), b'}')? {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(Unfit::Malformed);
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(Unfit::Malformed);
            }
            self.at += 1;
            if is_known(&key, &members, &mut seen) {
                return Err(Unfit::Doubled);
            }
            members.push((key, self.value(depth)?));
        }
        Ok(Node::Object(members))
    }
}

/// Whether one of `members` has this key; those beyond the first few are kept in `seen`.
fn is_known<'a>(
    key: &Str<'a>,
    members: &[(Str<'a>, Node<'a>)],
    seen: &mut HashSet<Cow<'a, str>>,
) -> bool {
    let few = members.iter().take(FEW);
    few.into_iter().any(|(known, _)| known.text == key.text)
        || members.len() >= FEW && !seen.insert(key.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_as_it_was() {
        let json = r#"{"a":1.0e2,"b":[true,null,"\u00e9é"],"c":{}}"#;
        let mut out = Vec::new();
        Node::read(json, 3).unwrap().write(&mut out);
        assert_eq!(out, json.as_bytes());
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (json, why) in [
            ("[[[[1]]]]", Unfit::Deep),
            (r#"{"a":1,"\u0061":2}"#, Unfit::Doubled),
            (r#"["\ud83d"]"#, Unfit::Malformed),
            ("[1,]", Unfit::Malformed),
            ("", Unfit::Malformed),
            ("\"a", Unfit::Malformed),
        ] {
            assert_eq!(Node::read(json, 3).unwrap_err(), why, "{json}");
        }
    }
}
