//! This file reads the headers that repeat a part of the body, and compares them with it.
//!
//! Pure. It leaves the order of the checks to `classify`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AsHeaderName;
use http::{HeaderMap, HeaderName};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What one header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Field<'a> {
    /// It is not there.
    #[default]
    Absent,
    /// It is there once, in characters that a header may have.
    Value(&'a str),
    /// It is there more than once, or is not text.
    Invalid,
}

impl<'a> Field<'a> {
    /// The header of this name.
    pub(super) fn of(headers: &'a HeaderMap, name: impl AsHeaderName) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => value.to_str().map_or(Self::Invalid, Self::Value),
            (Some(_), Some(_)) => Self::Invalid,
        }
    }

    /// Whether it says `expected`, written as it is or in Base64.
    pub(super) fn says(self, expected: &str) -> bool {
        match self {
            Self::Value(value) => decoded(value).is_some_and(|value| value == expected),
            Self::Absent | Self::Invalid => false,
        }
    }

    /// Its text.
    pub(super) fn value(self) -> Option<&'a str> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// The headers of one HTTP request that repeat a part of its body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mirrored<'a> {
    /// `MCP-Protocol-Version`.
    pub(super) version: Field<'a>,
    /// `Mcp-Method`.
    pub(super) method: Field<'a>,
    /// `Mcp-Name`.
    pub(super) name: Field<'a>,
}

impl<'a> Mirrored<'a> {
    /// Reads them.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        Self {
            version: Field::of(headers, VERSION),
            method: Field::of(headers, METHOD),
            name: Field::of(headers, NAME),
        }
    }
}

/// A header's value with `=?base64?…?=` undone; `None` if that is not lawful.
fn decoded(value: &str) -> Option<Cow<'_, str>> {
    let Some(coded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="))
    else {
        return Some(Cow::Borrowed(value));
    };
    String::from_utf8(STANDARD.decode(coded).ok()?).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(values: &[&'static [u8]], expected: &str, says: bool) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("mcp-name", HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(Mirrored::of(&headers).name.says(expected), says, "{values:?}");
    }

    #[test]
    fn a_header_agrees_as_it_is_or_in_base64() {
        check(&[b"git.log"], "git.log", true);
        check(&[b"=?base64?Z2l0LmxvZw==?="], "git.log", true);
        check(&[b"=?base64?w6k=?="], "\u{e9}", true);
    }

    #[test]
    fn everything_else_disagrees() {
        check(&[], "git.log", false);
        check(&[b"git.rm"], "git.log", false);
        check(&[b"Git.log"], "git.log", false);
        check(&[b"git.log", b"git.log"], "git.log", false);
        check(&["\u{e9}".as_bytes()], "\u{e9}", false);
        check(&[b"=?BASE64?Z2l0LmxvZw==?="], "git.log", false);
        check(&[b"=?base64?!!!?="], "git.log", false);
        check(&[b"=?base64?/w==?="], "\u{ff}", false);
        check(&[b"=?base64?Z2l0LmxvZw==?="], "=?base64?Z2l0LmxvZw==?=", false);
    }
}
