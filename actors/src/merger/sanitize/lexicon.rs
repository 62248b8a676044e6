//! This file knows what words mean: which ideas a word or a phrase stands for.
//!
//! The words are in `rules/words.rs`, as data; how ideas make a rule is left to `matching`.

use std::collections::HashMap;
use std::ops::{BitOr, BitOrAssign};
use std::sync::LazyLock;

use super::rules::words::{NAMED, WORDS};
use super::shadow::Word;

/// A set of ideas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Concepts(pub(super) u128);

impl Concepts {
    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Concepts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Concepts {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// All words and phrases.
#[derive(Debug)]
pub(super) struct Lexicon {
    names: HashMap<&'static str, u8>,
    words: HashMap<&'static str, (Concepts, u32)>,
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
            phrases: HashMap::new(),
            unspaced_max: 1,
        };
        let tables = WORDS.iter().map(|(name, _)| *name).chain(NAMED.iter().copied());
        for name in tables {
            let next = u8::try_from(lexicon.names.len()).unwrap_or(u8::MAX);
            lexicon.names.entry(name).or_insert(next);
        }
        for (name, list) in WORDS {
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
        for word in phrase.split(' ') {
            let next = u32::try_from(self.words.len() + 1).unwrap_or(u32::MAX);
            let known = self.words.entry(word).or_insert((Concepts::default(), next));
            if alone {
                known.0 |= means;
            }
            entries.push(known.1);
            if !word.is_ascii() {
                self.unspaced_max = self.unspaced_max.max(word.chars().count().min(10));
            }
        }
        if !alone {
            let rest = entries.split_off(1);
            self.phrases.entry(entries[0]).or_default().push((rest, means));
        }
    }

    /// The set of one idea; empty if there is none of this name.
    pub(super) fn concept(&self, name: &str) -> Concepts {
        self.names.get(name).map_or(Concepts::default(), |at| {
            Concepts(1_u128.checked_shl(u32::from(*at)).unwrap_or(0))
        })
    }

    /// What a word means, and its number.
    pub(super) fn word(&self, word: &str) -> Option<(Concepts, u32)> {
        self.words.get(word).copied()
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
