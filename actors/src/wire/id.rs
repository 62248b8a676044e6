//! This file holds JSON-RPC request ids as they were written.
//!
//! It leaves matching answers to questions to whoever asked.

use std::fmt;

use bytes::Bytes;

/// A request id: a JSON string or an integer of any size, kept as written, so that `1` and `"1"`
/// stay different and no digit is lost (JSON-RPC 2.0 section 4).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Bytes);

impl Id {
    /// Takes a raw JSON token, if it is a string or an integer.
    pub fn from_raw(token: Bytes) -> Option<Self> {
        let is_string = token.first() == Some(&b'"');
        let digits = token.strip_prefix(b"-").unwrap_or(&token);
        let is_integer = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        (is_string || is_integer).then_some(Self(token))
    }

    /// The id of a request that we number ourselves.
    pub fn from_number(number: u64) -> Self {
        Self(Bytes::from(number.to_string()))
    }

    /// The id `"PREFIX<number>"`, where other ids may be in use.
    pub fn prefixed(prefix: &str, number: u64) -> Self {
        Self(Bytes::from(format!("\"{prefix}{number}\"")))
    }

    /// The id as a JSON token.
    pub fn as_json(&self) -> &[u8] {
        &self.0
    }

    /// The number in an id of the form `"PREFIX<number>"`.
    pub fn number_after(&self, prefix: &str) -> Option<u64> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let digits = std::str::from_utf8(inner.strip_prefix(prefix.as_bytes())?).ok()?;
        digits.parse().ok()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(token: &'static str, accepted: bool) {
        assert_eq!(
            Id::from_raw(Bytes::from_static(token.as_bytes())).is_some(),
            accepted,
            "{token}"
        );
    }

    #[test]
    fn strings_and_integers_are_ids_and_nothing_else_is() {
        for token in ["0", "-7", "\"a\"", "\"\"", "123456789012345678901234567890"] {
            check(token, true);
        }
        for token in ["null", "1.0", "1e3", "{}", "[]", "true", "-", ""] {
            check(token, false);
        }
    }

    #[test]
    fn our_own_ids_are_recognised_by_their_prefix() {
        let id = Id::from_raw(Bytes::from_static(b"\"c-17\"")).unwrap();
        assert_eq!(id.number_after("c-"), Some(17));
        assert_eq!(id.number_after("d-"), None);
        assert_eq!(Id::from_number(17).number_after("c-"), None);
    }
}
