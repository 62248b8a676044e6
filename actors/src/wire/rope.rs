//! This file keeps a message in pieces, so that what is long in it need not be copied into it.
//!
//! Pure. It leaves sending to the doors.

use bytes::Bytes;

/// A message in up to three pieces, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rope {
    begin: Bytes,
    long: Bytes,
    end: Bytes,
}

impl Rope {
    /// A message of these pieces.
    pub fn new(begin: Bytes, long: Bytes, end: Bytes) -> Self {
        Self { begin, long, end }
    }

    /// All of it, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no message is empty")]
    pub fn len(&self) -> usize {
        self.begin.len() + self.long.len() + self.end.len()
    }

    /// Its pieces that are not empty, in their order.
    pub fn into_pieces(self) -> impl Iterator<Item = Bytes> {
        [self.begin, self.long, self.end].into_iter().filter(|piece| !piece.is_empty())
    }

    /// The message as one; it is copied if it is not one already.
    pub fn into_bytes(self) -> Bytes {
        if self.long.is_empty() && self.end.is_empty() {
            return self.begin;
        }
        Bytes::from([self.begin, self.long, self.end].concat())
    }
}

impl From<Bytes> for Rope {
    fn from(whole: Bytes) -> Self {
        Self::new(whole, Bytes::new(), Bytes::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_message() {
        let whole = Rope::from(Bytes::from_static(b"{}"));
        assert_eq!((whole.len(), whole.clone().into_bytes()), (2, "{}".into()));
        assert_eq!(whole.into_pieces().count(), 1);
        let rope = Rope::new("{".into(), "long".into(), "}".into());
        assert_eq!((rope.len(), rope.clone().into_bytes()), (6, "{long}".into()));
        assert_eq!(rope.into_pieces().collect::<Vec<_>>(), ["{", "long", "}"]);
    }
}
