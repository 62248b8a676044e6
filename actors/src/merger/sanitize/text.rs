//! This file judges one text: what its words, marks and encodings say.
//!
//! It leaves the place of the text in a definition to `walk`.

use std::collections::HashSet;

use super::lexicon::Lexicon;
use super::matching::{self, Hit};
use super::namespace::{Names, squash};
use super::policy::{Certainty, Class};
use super::shadow::{self, Shadow, Turn};
use super::{encodings, markup, spelling};

/// What was found in one text.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) hits: Vec<Hit>,
    /// Names of tools that this server does not have, in a sentence that says what to do.
    pub(super) mentions: Vec<String>,
}

/// Words in fancy letters, and words of two scripts, that no plain text has.
const DRESSED: usize = 2;

/// Reads `text`, whose hidden characters are gone.
pub(super) fn read(text: &str, names: &Names<'_>) -> Reading {
    let mut hits = markup::find(text);
    let shadow = shadow::read(text, Turn::Plain, names);
    let mut found = matching::find(&shadow);
    excuse(text, &shadow, &mut found);
    disguise(text, &shadow, &found, &mut hits);
    hits.extend(found);
    for turn in [Turn::Rot13, Turn::Backwards] {
        if names_any(text, turn) {
            hits.extend(coded(matching::find(&shadow::read(text, turn, names)), text));
        }
    }
    let once = encodings::decoded(text);
    let twice: Vec<String> = once.iter().flat_map(|plain| encodings::decoded(plain)).collect();
    for plain in once.into_iter().chain(twice) {
        let said = matching::find(&shadow::read(&plain, Turn::Plain, names));
        let mut news: Vec<Hit> = said.into_iter().chain(markup::find(&plain)).collect();
        news.retain(|new| !hits.iter().any(|known| known.id == new.id));
        hits.extend(coded(news, text));
    }
    if let Some(plain) = markup::undressed(text) {
        let mut tokens = markup::find(&plain);
        tokens.retain(|new| {
            new.class == Class::Tokens && !hits.iter().any(|known| known.id == new.id)
        });
        hits.extend(coded(tokens, text));
    }
    if encodings::needless(text) {
        let (class, certainty) = (Class::Disguise, Certainty::Certain);
        let at = 0..text.len();
        hits.push(Hit { id: "disguise.needless", class, certainty, at, excused: false });
    }
    if opaque(text) {
        hits.push(Hit {
            id: "disguise.opaque",
            class: Class::Disguise,
            certainty: Certainty::Likely,
            at: 0..text.len(),
            excused: false,
        });
    }
    let mentions = mentions(&shadow);
    Reading { hits, mentions }
}

/// Excuses orders that a sentence quotes and speaks of: what a scanner looks for, say.
fn excuse(text: &str, shadow: &Shadow, found: &mut [Hit]) {
    let mention = Lexicon::get().named.mention;
    for hit in found.iter_mut().filter(|hit| hit.class == Class::Overt) {
        let mut inside = shadow.words.iter().filter(|word| hit.at.contains(&word.at.start));
        let quoted = text[hit.at.clone()].split(['\'', '"', '`', '“', '”']).skip(1).step_by(2);
        hit.excused = inside.any(|word| word.means.meets(mention))
            && quoted.into_iter().any(|part| part.len() > 8);
    }
}

/// What says something only once decoded is meant to be missed.
fn coded(found: Vec<Hit>, text: &str) -> Option<Hit> {
    let (class, certainty, at) = (Class::Disguise, Certainty::Certain, 0..text.len());
    let hit = Hit { id: "disguise.encoded", class, certainty, at, excused: false };
    (!found.is_empty()).then_some(hit)
}

fn disguise(text: &str, shadow: &Shadow, found: &[Hit], hits: &mut Vec<Hit>) {
    let in_disguise = |hit: &&Hit| {
        let inside = |at: usize| hit.at.contains(&at);
        shadow.words.iter().any(|word| word.disguised && inside(word.at.start))
    };
    let japanese =
        || text.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'));
    let all = 0..text.len();
    let (class, certainty) = (Class::Disguise, Certainty::Certain);
    if let Some(hit) = found.iter().find(in_disguise) {
        hits.push(Hit {
            id: "disguise.lookalikes",
            class,
            certainty,
            at: hit.at.clone(),
            excused: false,
        });
    }
    if shadow.fancy >= DRESSED && !japanese() {
        hits.push(Hit {
            id: "disguise.fancy_letters",
            class,
            certainty,
            at: all.clone(),
            excused: false,
        });
    }
    if spelling::in_signals(text) {
        hits.push(Hit {
            id: "disguise.signals",
            class,
            certainty,
            at: all.clone(),
            excused: false,
        });
    }
    if shadow.mixed >= DRESSED {
        hits.push(Hit { id: "disguise.mixed_scripts", class, certainty, at: all, excused: false });
    }
}

/// Whether some long words of the vocabulary stand in `text` turned so.
fn names_any(text: &str, turn: Turn) -> bool {
    let lexicon = Lexicon::get();
    let words = text.as_bytes().split(|byte| !byte.is_ascii_alphabetic());
    let mut lower = String::new();
    let mut turned = String::new();
    let known = words.filter(|word| word.len() >= 5).filter(|word| {
        let letters = || word.iter().map(|byte| char::from(byte.to_ascii_lowercase()));
        turned.clear();
        match turn {
            Turn::Plain => return false,
            Turn::Rot13 => turned.extend(letters().map(spelling::rot13)),
            Turn::Backwards => turned.extend(letters().rev()),
        }
        if lexicon.word(&turned).is_none() {
            return false;
        }
        lower.clear();
        lower.extend(letters());
        lexicon.word(&lower).is_none()
    });
    known.take(2).count() == 2
}

/// Whether a long run says nothing to anybody: no word, no address, no hash.
fn opaque(text: &str) -> bool {
    let strange = |run: &str| {
        let odd = run.bytes().filter(|byte| b"!#$%&()*+;<=>?@^`{|}~".contains(byte)).count();
        let letters = run.bytes().filter(u8::is_ascii_alphanumeric).count();
        odd * 12 > run.len()
            && letters * 2 > run.len()
            && !run.contains("://")
            && !run.contains("](")
    };
    text.len() >= 80
        && text.split_whitespace().any(|run| run.len() >= 80 && run.is_ascii() && strange(run))
}

fn mentions(shadow: &Shadow) -> Vec<String> {
    if shadow.mentions.is_empty() {
        return Vec::new();
    }
    let orders = Lexicon::get().named.orders;
    let orderly: HashSet<usize> = shadow
        .words
        .iter()
        .filter(|word| word.means.meets(orders))
        .map(|word| word.sentence)
        .collect();
    let mentions = shadow.mentions.iter().filter(|mention| orderly.contains(&mention.sentence));
    mentions.map(|mention| squash(&mention.name)).collect()
}
