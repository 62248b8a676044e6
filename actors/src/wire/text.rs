//! This file holds JSON text as a slice of the message it came in.
//!
//! It leaves the meaning of the text to its users.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// UTF-8 text that shares its buffer with the message it was read from. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Bytes);

impl Text {
    /// Takes `part` as a slice of `whole` where it lies inside it, and as a copy otherwise.
    pub(super) fn from_part(whole: &Bytes, part: Cow<'_, str>) -> Self {
        match part {
            Cow::Borrowed(text) => Self(whole.slice_ref(text.as_bytes())),
            Cow::Owned(text) => Self(Bytes::from(text)),
        }
    }

    /// Whether it is this text. Looks at the bytes alone, where dereferencing looks at each character.
    pub fn is(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Both constructors start from a `str`; were that ever broken, the empty text is harmless.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
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

/// Tables of texts are searched without a copy of what is sought; bytes hash and compare as it does.
impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
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
