//! This file looks for one word in the bytes of a message.
//!
//! Pure. It leaves what the word means, and whether it stands where it means that, to its users.

use std::sync::OnceLock;

use memchr::memmem::Finder;

/// A word that many messages are looked through for. What makes looking fast is worked out once, not for
/// each message.
#[derive(Debug)]
pub struct Word {
    text: &'static str,
    finder: OnceLock<Finder<'static>>,
}

impl Word {
    /// To be kept in a `static`.
    pub const fn new(text: &'static str) -> Self {
        Self { text, finder: OnceLock::new() }
    }

    /// The word.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// Whether it is anywhere in `bytes`.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.finder().find(bytes).is_some()
    }

    /// Where it is in `bytes`, from the first place on.
    pub fn places<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        self.finder().find_iter(bytes)
    }

    fn finder(&self) -> &Finder<'static> {
        self.finder.get_or_init(|| Finder::new(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_wherever_it_is() {
        static WORD: Word = Word::new("\"uri\"");
        let text = |count: usize| format!("{}{{\"uri\":1}}", "x".repeat(count));
        for count in [0, 1, 63, 64, 1000] {
            assert!(WORD.is_in(text(count).as_bytes()), "{count}");
            assert_eq!(WORD.places(text(count).as_bytes()).collect::<Vec<_>>(), [count + 1]);
        }
        for without in ["", "\"ur\"", "uri", "\"uri"] {
            assert!(!WORD.is_in(without.as_bytes()), "{without}");
        }
    }
}
