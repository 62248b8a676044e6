//! This file knows what words mean: which ideas a word or a phrase stands for.
//!
//! The words are in `rules/words.rs`, as data; how ideas make a rule is left to `matching`, and
//! telling most other words at a glance to `glance`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::{BitOr, BitOrAssign};
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::folding;
use super::glance::{Plainly, Shapes};
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

    /// The numbers of its ideas.
    pub(super) fn numbers(self) -> impl Iterator<Item = usize> {
        let parts = self.0.into_iter().enumerate();
        parts.flat_map(|(at, part)| {
            let rest = std::iter::successors(Some(part), |part| Some(part & part.wrapping_sub(1)));
            let set = rest.take_while(|part| *part != 0);
            set.map(move |part| at * 64 + part.trailing_zeros() as usize)
        })
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

/// Ideas that the reader of a text gives to words himself.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) url: Concepts,
    pub(super) email: Concepts,
    pub(super) shell: Concepts,
    pub(super) speech: Concepts,
    pub(super) shout: Concepts,
    pub(super) parameter: Concepts,
    pub(super) parameter_text: Concepts,
    pub(super) own_tool: Concepts,
    pub(super) strange_name: Concepts,
    pub(super) foreign_name: Concepts,
    pub(super) secret_variable: Concepts,
    pub(super) metadata_host: Concepts,
    pub(super) mention: Concepts,
    /// What a sentence about another tool says if it is an order.
    pub(super) orders: Concepts,
}

/// What a sentence about another tool says if it is an order.
const ORDERLY: &[&str] = &[
    "CALL",
    "BEFORE",
    "AFTER",
    "INSTEAD",
    "REFUSE",
    "BADMOUTH",
    "REDIRECT",
    "ALWAYS",
    "HAND_OVER",
    "OVERRIDE",
    "DISCARD",
    "NOT",
    "BEST",
];

/// All words and phrases.
#[derive(Debug)]
pub(super) struct Lexicon {
    names: HashMap<&'static str, u8>,
    pub(super) named: Named,
    words: HashMap<Cow<'static, str>, (Concepts, u32), Plainly>,
    /// What its words begin and end with.
    shapes: Shapes,
    /// Long words by their letters, see [`letters`].
    scrambled: HashMap<Vec<u8>, Cow<'static, str>, Plainly>,
    /// By the number of the first word: the numbers of the others, and the meaning.
    phrases: Vec<Vec<(Vec<u32>, Concepts)>>,
    /// Words of scripts without spaces: the first character, and the most characters.
    unspaced: HashMap<char, usize, Plainly>,
    /// Most characters of any of them.
    pub(super) unspaced_max: usize,
    /// How many words and phrases each idea has, by its number.
    pub(super) sizes: Vec<usize>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::build);

impl Lexicon {
    /// The one there is; made when it is first asked for.
    pub(super) fn get() -> &'static Self {
        &LEXICON
    }

    fn build() -> Self {
        let mut lexicon = Self {
            names: HashMap::new(),
            named: Named::default(),
            words: HashMap::default(),
            shapes: Shapes::default(),
            scrambled: HashMap::default(),
            phrases: Vec::new(),
            unspaced: HashMap::default(),
            unspaced_max: 1,
            sizes: Vec::new(),
        };
        let tables = || WORDS.iter().chain(DEEDS).chain(ABROAD);
        for name in tables().map(|(name, _)| *name).chain(NAMED.iter().copied()) {
            let next = u8::try_from(lexicon.names.len()).unwrap_or(u8::MAX);
            lexicon.names.entry(name).or_insert(next);
        }
        lexicon.sizes.resize(lexicon.names.len(), 0);
        for (name, list) in tables() {
            let means = lexicon.concept(name);
            let mut size = 0;
            for phrase in list.split(',').map(str::trim).filter(|phrase| !phrase.is_empty()) {
                lexicon.add(phrase, means);
                size += 1;
            }
            means.numbers().for_each(|at| lexicon.sizes[at] += size);
        }
        lexicon.phrases.resize_with(lexicon.words.len() + 1, Vec::new);
        lexicon.named = lexicon.named();
        lexicon
    }

    fn named(&self) -> Named {
        let orders = ORDERLY.iter().map(|name| self.concept(name));
        Named {
            url: self.concept("URL"),
            email: self.concept("EMAIL"),
            shell: self.concept("SHELL"),
            speech: self.concept("SPEECH"),
            shout: self.concept("SHOUT"),
            parameter: self.concept("PARAMETER"),
            parameter_text: self.concept("PARAMETER_TEXT"),
            own_tool: self.concept("OWN_TOOL"),
            strange_name: self.concept("STRANGE_NAME"),
            foreign_name: self.concept("FOREIGN_NAME"),
            secret_variable: self.concept("SECRET_VARIABLE"),
            metadata_host: self.concept("METADATA_HOST"),
            mention: self.concept("MENTION"),
            orders: orders.fold(Concepts::default(), |sum, one| sum | one),
        }
    }

    fn add(&mut self, phrase: &'static str, means: Concepts) {
        let mut entries = Vec::new();
        let alone = !phrase.contains(' ');
        for word in phrase.split(' ').map(as_read) {
            if let Some(letters) = letters(&word) {
                self.scrambled.entry(letters).or_insert_with(|| word.clone());
            }
            self.shapes.add(word.as_bytes());
            if let Some(first) = word.chars().next().filter(|_| !word.is_ascii()) {
                let length = word.chars().count().min(10);
                self.unspaced_max = self.unspaced_max.max(length);
                let most = self.unspaced.entry(first).or_default();
                *most = length.max(*most);
            }
            let next = u32::try_from(self.words.len() + 1).unwrap_or(u32::MAX);
            let known = self.words.entry(word).or_insert((Concepts::default(), next));
            if alone {
                known.0 |= means;
            }
            entries.push(known.1);
        }
        if !alone {
            let (rest, first) = (entries.split_off(1), entries[0] as usize);
            self.phrases.resize_with(self.phrases.len().max(first + 1), Vec::new);
            self.phrases[first].push((rest, means));
        }
    }

    /// The set of one idea; empty if there is none of this name.
    pub(super) fn concept(&self, name: &str) -> Concepts {
        self.names.get(name).map_or(Concepts::default(), |at| Concepts::of(*at))
    }

    /// What a word means, and its number.
    pub(super) fn word(&self, word: &str) -> Option<(Concepts, u32)> {
        self.may_know(word.as_bytes()).then(|| self.words.get(word).copied())?
    }

    /// Whether some word begins, ends and is as long as this; a glance that spares a look.
    pub(super) fn may_know(&self, word: &[u8]) -> bool {
        self.shapes.may_have(word)
    }

    /// Most characters of the words of scripts without spaces that begin so.
    pub(super) fn unspaced_from(&self, first: char) -> usize {
        self.unspaced.get(&first).copied().unwrap_or_default()
    }

    /// The same for a long word whose inner letters changed places, as a reader overlooks.
    pub(super) fn scrambled(&self, word: &str) -> Option<(Concepts, u32)> {
        if !self.may_know(word.as_bytes()) {
            return None;
        }
        self.word(self.scrambled.get(&letters(word)?)?)
    }

    /// Gives the first word of each phrase its meaning.
    pub(super) fn phrases(&self, words: &mut [Word]) {
        for at in 0..words.len() {
            let Some(phrases) = self.phrases.get(words[at].entry as usize) else { continue };
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
