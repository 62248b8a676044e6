//! This file knows what words mean: which ideas a word or a phrase stands for.
//!
//! The words are in `rules/words.rs`, as data; how ideas make a rule is left to `matching`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::{BitOr, BitOrAssign};
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::folding;
use super::rules::abroad::ABROAD;
use super::rules::deeds::DEEDS;
use super::rules::words::{NAMED, WORDS};
use super::shadow::Word;
use super::spelling::is_unspaced;

/// A set of ideas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Concepts([u64; 3]);

impl Concepts {
    /// The set of the idea of this number; empty past the last that there can be.
    fn of(number: u8) -> Self {
        let mut set = Self::default();
        if let Some(part) = set.0.get_mut(usize::from(number / 64)) {
            *part = 1 << (number % 64);
        }
        set
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0.iter().zip(other.0).any(|(one, other)| one & other != 0)
    }
}

impl BitOr for Concepts {
    type Output = Self;

    fn bitor(mut self, other: Self) -> Self {
        self |= other;
        self
    }
}

impl BitOrAssign for Concepts {
    fn bitor_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(one, other)| *one |= other);
    }
}

/// All words and phrases.
#[derive(Debug)]
pub(super) struct Lexicon {
    names: HashMap<&'static str, u8>,
    words: HashMap<Cow<'static, str>, (Concepts, u32)>,
    /// Long words by their letters, see [`letters`].
    scrambled: HashMap<Vec<u8>, Cow<'static, str>>,
    /// By the number of the first word: the numbers of the others, and the meaning.
    phrases: HashMap<u32, Vec<(Vec<u32>, Concepts)>>,
    /// Most characters of a word in a script without spaces.
    pub(super) unspaced_max: usize,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    pub(super) fn get() -> &'static Self {
        &LEXICON
    }

    fn build() -> Self {
        let mut lexicon = Self {
            names: HashMap::new(),
            words: HashMap::new(),
            scrambled: HashMap::new(),
            phrases: HashMap::new(),
            unspaced_max: 1,
        };
        let tables = || WORDS.iter().chain(DEEDS).chain(ABROAD);
        for name in tables().map(|(name, _)| *name).chain(NAMED.iter().copied()) {
            let next = u8::try_from(lexicon.names.len()).unwrap_or(u8::MAX);
            lexicon.names.entry(name).or_insert(next);
        }
        for (name, list) in tables() {
            let means = lexicon.concept(name);
            for phrase in list.split(',').map(str::trim).filter(|phrase| !phrase.is_empty()) {
                lexicon.add(phrase, means);
            }
        }
        lexicon
    }

    fn add(&mut self, phrase: &'static str, means: Concepts) {
        let mut entries = Vec::new();
        let alone = !phrase.contains(' ');
        for word in phrase.split(' ').map(as_read) {
            if let Some(letters) = letters(&word) {
                self.scrambled.entry(letters).or_insert_with(|| word.clone());
            }
            if !word.is_ascii() {
                self.unspaced_max = self.unspaced_max.max(word.chars().count().min(10));
            }
            let next = u32::try_from(self.words.len() + 1).unwrap_or(u32::MAX);
            let known = self.words.entry(word).or_insert((Concepts::default(), next));
            if alone {
                known.0 |= means;
            }
            entries.push(known.1);
        }
        if !alone {
            let rest = entries.split_off(1);
            self.phrases.entry(entries[0]).or_default().push((rest, means));
        }
    }

    /// The set of one idea; empty if there is none of this name.
    pub(super) fn concept(&self, name: &str) -> Concepts {
        self.names.get(name).map_or(Concepts::default(), |at| Concepts::of(*at))
    }

    /// What a word means, and its number.
    pub(super) fn word(&self, word: &str) -> Option<(Concepts, u32)> {
        self.words.get(word).copied()
    }

    /// The same for a long word whose inner letters changed places, as a reader overlooks.
    pub(super) fn scrambled(&self, word: &str) -> Option<(Concepts, u32)> {
        self.word(self.scrambled.get(&letters(word)?)?)
    }

    /// Gives the first word of each phrase its meaning.
    pub(super) fn phrases(&self, words: &mut [Word]) {
        for at in 0..words.len() {
            let Some(phrases) = self.phrases.get(&words[at].entry) else { continue };
            for (rest, means) in phrases {
                let Some(follow) = words.get(at + 1..at + 1 + rest.len()) else { continue };
                let said = follow.iter().map(|word| word.entry);
                if said.eq(rest.iter().copied()) {
                    words[at].means |= *means;
                }
            }
        }
    }
}

/// A word of the tables as words of a text come to be looked up.
fn as_read(word: &'static str) -> Cow<'static, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    if word.chars().any(is_unspaced) {
        return word.nfkc().collect::<String>().into();
    }
    let mut read = String::with_capacity(word.len());
    word.chars().for_each(|c| folding::plain(c, |letter| read.push(letter)));
    Cow::Owned(read)
}

/// The letters of a long Latin word, the inner ones in order; nothing for short words and others.
fn letters(word: &str) -> Option<Vec<u8>> {
    let mut letters = word.as_bytes().to_vec();
    let inner = letters.len().checked_sub(1).filter(|last| *last >= 5)?;
    letters.iter().all(u8::is_ascii_lowercase).then_some(())?;
    letters[1..inner].sort_unstable();
    Some(letters)
}
