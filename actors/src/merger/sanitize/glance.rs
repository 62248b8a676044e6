//! This file tells at a glance that a word is none of a table: by how it begins, ends, and how long
//! it is; and it finds words in tables that never change faster than tables which strangers fill.
//!
//! It leaves what the words mean to `lexicon`.

use std::hash::{BuildHasherDefault, Hasher};

/// For tables that are built in: no one can fill them with words of one sum.
pub(super) type Plainly = BuildHasherDefault<Sum>;

/// A sum over a word, quick rather than secret.
#[derive(Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    fn add(&mut self, part: u64) {
        self.0 = (self.0.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Sum {
    fn write(&mut self, bytes: &[u8]) {
        let mut eights = bytes.chunks_exact(8);
        for eight in &mut eights {
            self.add(eight.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        }
        self.add(eights.remainder().iter().fold(1, |sum, byte| sum << 8 | u64::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
}

/// Longer words count as this long.
const LONGEST: usize = 31;
const LETTERS: usize = 26;

/// First letter, last letter and length of the words of a table, as far as they are Latin.
#[derive(Debug)]
pub(super) struct Shapes([u32; LETTERS * LETTERS]);

impl Default for Shapes {
    fn default() -> Self {
        Self([0; LETTERS * LETTERS])
    }
}

impl Shapes {
    pub(super) fn add(&mut self, word: &[u8]) {
        if let Some((place, length)) = shape(word) {
            self.0[place] |= 1 << length;
        }
    }

    /// Whether the table may have this word; a word that is not Latin it may.
    pub(super) fn may_have(&self, word: &[u8]) -> bool {
        shape(word).is_none_or(|(place, length)| self.0[place] >> length & 1 == 1)
    }
}

fn shape(word: &[u8]) -> Option<(usize, usize)> {
    let letter = |byte: &u8| byte.is_ascii_lowercase().then(|| usize::from(byte - b'a'));
    let place = letter(word.first()?)? * LETTERS + letter(word.last()?)?;
    Some((place, word.len().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_word_looks_like_is_told_at_a_glance() {
        let mut shapes = Shapes::default();
        shapes.add(b"ignore");
        let check =
            |word: &str, may: bool| assert_eq!(shapes.may_have(word.as_bytes()), may, "{word}");
        check("ignore", true);
        check("ignroe", true);
        check("ignores", false);
        check("gnorei", false);
        check(".ssh", true);
        check("", true);
        check("\u{e9}", true);
        shapes.add("a".repeat(40).as_bytes());
        assert!(shapes.may_have("a".repeat(40).as_bytes()));
    }
}
