//! This file holds JSON text as a slice of the message it came in.
//!
//! It leaves the meaning of the text to its users.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::walk;

/// UTF-8 text that shares its buffer with the message it was read from. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(ByteString);

impl Text {
    /// Takes `part` as a slice of `whole` where it lies inside it, and as a copy otherwise.
    pub(super) fn from_part(whole: &Bytes, part: Cow<'_, str>) -> Self {
        let slice = |text: &str| ByteString::try_from(whole.slice_ref(text.as_bytes()));
        match part {
            Cow::Borrowed(text) => Self(slice(text).unwrap_or_else(|_| ByteString::from(text))),
            Cow::Owned(text) => Self(ByteString::from(text)),
        }
    }

    /// What a JSON string says; `None` if `json` is none.
    pub fn of_json(json: &Bytes) -> Option<Self> {
        if let Some(plain) = std::str::from_utf8(json).ok().and_then(walk::plain_text) {
            return Some(Self::from_part(json, Cow::Borrowed(plain)));
        }
        let Lent(text) = serde_json::from_slice(json).ok()?;
        Some(Self::from_part(json, text))
    }

    /// Takes `part`, which lies inside `whole`, as a slice of it.
    pub(super) fn within(whole: &ByteString, part: &str) -> Self {
        Self(whole.slice_ref(part))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Tables of texts are searched without a copy of what is sought, which hashes and compares as it does.
impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A JSON string that borrows from its input unless it holds an escape.
pub(super) struct Lent<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Lent<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct LentVisitor;

        impl<'de> Visitor<'de> for LentVisitor {
            type Value = Lent<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Lent(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Lent(Cow::Owned(text.to_owned())))
            }
        }

        from.deserialize_str(LentVisitor)
    }
}

/// Appends `text` to `out` as a JSON string, quotes included.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    // Writing a `str` into a `Vec` can fail in no way that serde_json knows of.
    let _ = serde_json::to_writer(out, text);
}

/// `text` as a JSON string.
pub fn json_string(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_json_string(&mut out, text);
    Bytes::from(out)
}

/// `texts` as a JSON array of strings.
pub fn json_strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Bytes {
    let mut out = vec![b'['];
    for text in texts {
        if out.len() > 1 {
            out.push(b',');
        }
        write_json_string(&mut out, text.as_ref());
    }
    out.push(b']');
    Bytes::from(out)
}
