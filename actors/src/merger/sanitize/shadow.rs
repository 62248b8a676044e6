//! This file reads a text the way a model would: as words, whatever they are dressed up as.
//!
//! It leaves what the words mean together to `matching`. Each word carries the part of the visible
//! text it came from; the visible text itself is never changed here.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::folding::{self, fold, is_mark, leet};
use super::lexicon::{Concepts, Lexicon};
use super::namespace::{Names, squash};
use super::spelling::{
    ends_alone, first_word, is_fancy, is_field, is_normal, is_numbered, is_secret_variable,
    is_sentence, is_unspaced, rot13,
};

/// What ends with a full stop and no sentence with it.
const ABBREVIATIONS: &[&str] = &["e.g", "i.e", " vs", " etc", " cf", "E.g", " approx"];

/// The longest scheme of an address and its colon.
const SCHEME: usize = 7;

/// Where machines in a cloud read the credentials they were given.
const METADATA_HOSTS: &[&str] = &["169.254.169.254", "metadata.google.internal", "100.100.100.200"];

/// Letters that stand apart and make no longer a word than this are initials, not a disguise.
const PLAIN: usize = 4;

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Where it stands in the visible text, in bytes.
    pub(super) at: Range<usize>,
    /// Which sentence it belongs to, from 0.
    pub(super) sentence: usize,
    /// What it means.
    pub(super) means: Concepts,
    /// Its number in the lexicon; 0 if it is not there.
    pub(super) entry: u32,
    /// It was found only after look-alikes were folded.
    pub(super) disguised: bool,
}

/// How a text is turned before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Not at all.
    Plain,
    /// Every letter by 13.
    Rot13,
    /// From its end.
    Backwards,
}

/// A name in the text that is written as code is: `list_secrets`, `exportAll`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) name: String,
    pub(super) sentence: usize,
    pub(super) word: usize,
}

/// A text as words.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    pub(super) words: Vec<Word>,
    pub(super) mentions: Vec<Mention>,
    /// Where each sentence stands in the visible text.
    pub(super) sentences: Vec<Range<usize>>,
    /// Words of two scripts, and words in fancy letters.
    pub(super) mixed: usize,
    pub(super) fancy: usize,
}

/// Reads `text`.
pub(super) fn read(text: &str, turn: Turn, names: &Names<'_>) -> Shadow {
    let mut reader = Reader {
        text,
        turn,
        names,
        lexicon: Lexicon::get(),
        shadow: Shadow::default(),
        sentence_from: 0,
        plain: String::new(),
        folded: String::new(),
        numbered: Vec::new(),
        leet: false,
        alone: !text.contains(char::is_whitespace),
    };
    reader.run();
    let mut shadow = reader.shadow;
    if turn == Turn::Backwards {
        shadow.words.reverse();
    }
    Lexicon::get().phrases(&mut shadow.words);
    if names.in_parameter {
        let means = Lexicon::get().named.parameter_text;
        shadow.words.iter_mut().for_each(|word| word.means |= means);
    }
    shadow
}

struct Reader<'a> {
    text: &'a str,
    turn: Turn,
    names: &'a Names<'a>,
    lexicon: &'static Lexicon,
    shadow: Shadow,
    sentence_from: usize,
    plain: String,
    folded: String,
    /// Words with digits for letters that may be names with numbers: `s3`, `2fa`.
    numbered: Vec<usize>,
    /// Other words have digits for letters as well.
    leet: bool,
    /// The text is one name: its parts name nothing by themselves.
    alone: bool,
}

impl Reader<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(c) = self.text.get(at..).and_then(|rest| rest.chars().next()) {
            let end = match c {
                _ if c.is_ascii_alphabetic() && self.is_address(at) => self.address(at),
                '.' if self.starts_dotted(at) => self.code(at),
                _ if c.is_ascii_alphanumeric() => self.code(at),
                '$' if self.text[at..].starts_with("$(") => {
                    self.push(at..at + 2, self.lexicon.named.shell, 0, false);
                    at + 2
                }
                '|' => self.pipe(at),
                ':' if self.starts_speech(at) => {
                    self.push(at..at + 1, self.lexicon.named.speech, 0, false);
                    at + 1
                }
                _ if is_unspaced(c) => self.unspaced(at),
                _ if c.is_alphanumeric() || is_fancy(c) => self.word(at),
                _ => {
                    let end = at + c.len_utf8();
                    self.maybe_break(c, at, end);
                    end
                }
            };
            at = end.max(at + c.len_utf8());
        }
        self.forget_numbered();
        self.spell();
        self.end_sentence(self.text.len());
    }

    /// Takes names with numbers for what they are, unless digits stand for letters elsewhere too.
    fn forget_numbered(&mut self) {
        for at in self.numbered.drain(..).filter(|_| !self.leet) {
            let Some(word) = self.shadow.words.get_mut(at) else { continue };
            (word.means, word.entry, word.disguised) = (Concepts::default(), 0, false);
        }
    }

    /// Words in another's mouth: a colon, then a quotation of some length.
    fn starts_speech(&self, at: usize) -> bool {
        let said = self.text[at + 1..].trim_start_matches(' ');
        let quote = said.chars().next().filter(|c| matches!(c, '\'' | '"' | '“' | '‘' | '«'));
        quote.is_some_and(|_| said.chars().skip(1).take(12).filter(|c| *c == ' ').count() > 0)
    }

    fn push(&mut self, at: Range<usize>, means: Concepts, entry: u32, disguised: bool) {
        let sentence = self.shadow.sentences.len();
        self.shadow.words.push(Word { at, sentence, means, entry, disguised });
    }

    fn end_sentence(&mut self, at: usize) {
        if at > self.sentence_from {
            self.shadow.sentences.push(self.sentence_from..at);
            self.sentence_from = at;
        }
    }

    /// Ends the sentence if `c`, which ends at `end`, does.
    fn maybe_break(&mut self, c: char, at: usize, end: usize) {
        let rest = &self.text[end..];
        let ends = match c {
            '.' if ABBREVIATIONS.iter().any(|short| self.text[..at].ends_with(short)) => false,
            '.' if ends_alone(&self.text[..at]) => false,
            '.' | '!' | '?' => rest
                .chars()
                .next()
                .is_none_or(|next| next.is_whitespace() || "\"')`*]".contains(next)),
            '。' | '！' | '？' | '।' | '；' | '\u{61f}' => true,
            '\n' => {
                let next = rest.trim_start_matches([' ', '\t']);
                let bullet = next.starts_with(['\n', '-', '*', '#', '•', '+', '<', '['])
                    || next.starts_with(|c: char| c.is_ascii_digit());
                bullet || self.text[..at].trim_end().ends_with(['.', ':', '!', '?', '>', ']'])
            }
            _ => false,
        };
        if ends {
            self.end_sentence(end);
        }
    }

    fn is_address(&self, at: usize) -> bool {
        let rest = &self.text.as_bytes()[at..];
        if !rest.iter().take(SCHEME).any(|byte| *byte == b':') {
            return false;
        }
        let scheme = |scheme: &str| {
            rest.get(..scheme.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
        };
        scheme("http://")
            || scheme("https://")
            || scheme("ftp://")
            || scheme("wss://")
            || scheme("s3://")
            || scheme("mailto:")
    }

    fn address(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let stop = |c: char| c.is_whitespace() || "\"'`<>)]}".contains(c);
        let end = at + rest.find(stop).unwrap_or(rest.len());
        let url = rest[..end - at].trim_end_matches(['.', ',', ';', '!', '?']);
        let mut means = self.lexicon.named.url;
        if METADATA_HOSTS.iter().any(|host| url.contains(host)) {
            means |= self.lexicon.named.metadata_host;
        }
        self.push(at..at + url.len(), means, 0, false);
        at + url.len()
    }

    /// A name that begins with a dot, as hidden files do.
    fn starts_dotted(&self, at: usize) -> bool {
        let before = self.text[..at].chars().next_back();
        let after = self.text[at + 1..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '.')
            && after.is_some_and(|c| c.is_ascii_alphabetic())
    }

    /// ASCII letters, digits and underlines: a word, or a name that is taken apart into words.
    fn code(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let dotted = usize::from(bytes[at] == b'.');
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'');
        let mut length = bytes[at + dotted..].iter().take_while(|byte| inner(byte)).count();
        // Romance languages elide: `l'utente` is two words.
        let elided = bytes[at..at + dotted + length].iter().position(|byte| *byte == b'\'');
        if let Some(short @ 0..=2) = elided {
            length = short + 1 - dotted;
        }
        let end = at + dotted + length;
        let next = self.text[end..].chars().next();
        if next
            .is_some_and(|c| !c.is_ascii() && (c.is_alphabetic() || is_mark(c)) && !is_unspaced(c))
        {
            return self.word(at);
        }
        let name = self.text[at..end].trim_end_matches(['_', '\'']);
        let first = self.shadow.words.len();
        let mut from = at;
        for part in name.split('_') {
            let mut rest = part;
            while !rest.is_empty() {
                let word = &rest[..first_word(rest, is_sentence(part))];
                self.plain.clear();
                self.plain
                    .extend(word.chars().filter(|c| *c != '\'').map(|c| c.to_ascii_lowercase()));
                self.folded.clear();
                self.look_up(from..from + word.len());
                from += word.len();
                rest = &rest[word.len()..];
            }
            from += 1;
        }
        self.note_name(at, end, first);
        end.max(at + 1)
    }

    /// Remembers a name that looks like code, and what it is to this tool.
    fn note_name(&mut self, at: usize, end: usize, first: usize) {
        let name = self.text[at..end].trim_matches(['_', '\'', '.']);
        let quoted = self.text[..at].ends_with(['`', '"', '\'']);
        let inner = name.as_bytes();
        let camel =
            inner.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase());
        let joined = name.contains('_') || camel;
        let shouted = matches!(
            name,
            "SYSTEM" | "ADMIN" | "OVERRIDE" | "ROOT" | "DEVELOPER" | "ASSISTANT" | "OPERATOR"
        ) && self.text[end..].starts_with([':', ']']);
        let Some(word) = self.shadow.words.get_mut(first) else { return };
        if is_secret_variable(name) {
            word.means |= self.lexicon.named.secret_variable;
        }
        if shouted {
            word.means |= self.lexicon.named.shout;
        }
        let plain = if joined || quoted { squash(name) } else { String::new() };
        if plain.is_empty() {
            // A word like others.
        } else if self.names.parameters.contains(&plain) {
            if quoted || name.contains('_') {
                word.means |= self.lexicon.named.parameter;
            }
        } else if self.names.tools.contains(&plain) {
            if joined {
                word.means |= self.lexicon.named.own_tool;
            }
        } else if joined {
            let lower = inner.first().is_some_and(u8::is_ascii_lowercase);
            let assigned = self.text[end..].starts_with(['=', ':']);
            let is_field = is_field(&self.text[end..]);
            if lower
                && !self.alone
                && !assigned
                && !is_field
                && (camel || !inner.iter().any(u8::is_ascii_uppercase))
            {
                word.means |= self.lexicon.named.strange_name;
                if self.names.foreign {
                    word.means |= self.lexicon.named.foreign_name;
                }
            }
            let mention = Mention {
                name: name.to_owned(),
                sentence: self.shadow.sentences.len(),
                word: first,
            };
            self.shadow.mentions.push(mention);
        }
        let address = self.text[end..].starts_with('@') && self.text[end + 1..].contains('.');
        if let Some(word) = self.shadow.words.last_mut().filter(|_| address) {
            word.means |= self.lexicon.named.email;
        }
    }

    /// Letters of any script that is written with spaces.
    fn word(&mut self, at: usize) -> usize {
        let mut plain = std::mem::take(&mut self.plain);
        let mut folded = std::mem::take(&mut self.folded);
        plain.clear();
        folded.clear();
        let (mut end, mut latin, mut other, mut fancy) = (at, 0, 0, 0);
        for c in self.text[at..].chars() {
            if !folding::is_inner(c) || (is_unspaced(c) && c != '’') {
                break;
            }
            end += c.len_utf8();
            fancy += usize::from(is_fancy(c));
            latin += usize::from(c.is_ascii_alphabetic());
            if matches!(c, '\'' | '’') {
                continue;
            }
            folding::read(c, |lower, look| {
                plain.push(lower);
                other += usize::from(look != lower && !c.is_ascii());
                folded.push(look);
            });
        }
        (self.plain, self.folded) = (plain, folded);
        self.shadow.mixed += usize::from(latin > 0 && other > 0);
        self.shadow.fancy += usize::from(fancy > 2);
        self.look_up(at..end);
        end.max(at + 1)
    }

    /// Characters of a script without spaces: the longest known word, or one of them.
    fn unspaced(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        let ends = rest.char_indices().map(|(from, c)| from + c.len_utf8());
        let two = ends.clone().take(2).last().unwrap_or_default();
        let first = normal(&rest[..two]).chars().next().unwrap_or_default();
        // What is not in its normal form may be longer than the word it stands for.
        let most = match self.lexicon.unspaced_from(first) {
            _ if rest[..two].chars().any(|c| !is_normal(c) && is_mark(c)) => {
                self.lexicon.unspaced_max
            }
            0 => 0,
            most if rest.chars().take(most + 1).all(is_normal) => most,
            _ => self.lexicon.unspaced_max,
        };
        let ends: Vec<usize> = ends.take(most.max(1)).collect();
        for end in ends.iter().rev().filter(|_| most > 0) {
            if let Some((means, entry)) = self.lexicon.word(&normal(&rest[..*end])) {
                self.push(at..at + end, means, entry, false);
                return at + end;
            }
        }
        let end = ends.first().copied().unwrap_or(1);
        self.push(at..at + end, Concepts::default(), 0, false);
        at + end
    }

    /// Output into a shell.
    fn pipe(&mut self, at: usize) -> usize {
        let rest = self.text[at + 1..].trim_start();
        let shells = ["sh", "bash", "zsh", "python", "sudo", "nc", "iex", "node", "perl"];
        let program: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        if shells.contains(&&*program) || program == "python3" {
            self.push(at..at + 1, self.lexicon.named.shell, 0, false);
        }
        at + 1
    }

    /// Looks up the word in `plain` and `folded`, turned as asked.
    fn look_up(&mut self, at: Range<usize>) {
        let turned = match self.turn {
            Turn::Plain => None,
            Turn::Rot13 => Some(self.plain.chars().map(rot13).collect::<String>()),
            Turn::Backwards => Some(self.plain.chars().rev().collect()),
        };
        if let Some(turned) = turned {
            let (means, entry) = self.lexicon.word(&turned).unwrap_or_default();
            self.push(at, means, entry, false);
            return;
        }
        if let Some((means, entry)) = self.lexicon.word(&self.plain) {
            let dressed =
                self.folded.len() > 3 && !self.text[at.clone()].is_ascii() && self.shadow.fancy > 0;
            self.push(at, means, entry, dressed);
            return;
        }
        let is_folded = !self.folded.is_empty() && self.folded != self.plain;
        let base = if is_folded { &self.folded } else { &self.plain };
        let found = if is_folded { self.lexicon.word(base) } else { None };
        let with_digits = || leet(base).iter().find_map(|variant| self.lexicon.word(variant));
        let dressed = if found.is_none() { with_digits() } else { None };
        if dressed.is_some() && is_numbered(base) {
            self.numbered.push(self.shadow.words.len());
        }
        self.leet |= dressed.is_some() && !is_numbered(base);
        let found = found.or(dressed).or_else(|| self.lexicon.scrambled(&self.plain));
        let (means, entry) = found.unwrap_or_default();
        self.push(at, means, entry, found.is_some());
    }

    /// Joins letters that stand apart: `i g n o r e`.
    fn spell(&mut self) {
        let apart = |four: &[Word]| four.iter().all(is_single);
        if self.turn != Turn::Plain || !self.shadow.words.windows(4).any(apart) {
            return;
        }
        let words = std::mem::take(&mut self.shadow.words);
        let mut out = Vec::with_capacity(words.len());
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let run = words[at..]
                .windows(2)
                .take_while(|two| {
                    is_single(&two[0]) && is_single(&two[1]) && two[1].at.start <= two[0].at.end + 3
                })
                .count();
            if run >= 3 {
                self.join(&words[at..=at + run], &mut out);
                at += run + 1;
            } else {
                out.push(word.clone());
                at += 1;
            }
        }
        self.shadow.words = out;
    }

    /// Reads a run of single letters as words: the longest known one first.
    fn join(&self, letters: &[Word], out: &mut Vec<Word>) {
        let spelled: Vec<char> = letters
            .iter()
            .filter_map(|word| self.text[word.at.clone()].chars().next())
            .map(|c| fold(c.to_ascii_lowercase()))
            .collect();
        let mut from = 0;
        while from < spelled.len() {
            let most = (spelled.len() - from).min(16);
            let known = (2..=most).rev().find_map(|length| {
                let part: String = spelled[from..from + length].iter().collect();
                self.lexicon.word(&part).map(|found| (length, found))
            });
            let (length, (means, entry)) = known.unwrap_or((1, Default::default()));
            let at = letters[from].at.start..letters[from + length - 1].at.end;
            let sentence = letters[from].sentence;
            out.push(Word { at, sentence, means, entry, disguised: length >= PLAIN });
            from += length;
        }
    }
}

/// The normal form of some characters, which most are in already.
fn normal(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_normal) {
        return Cow::Borrowed(text);
    }
    text.nfkc().collect::<String>().into()
}

fn is_single(word: &Word) -> bool {
    word.at.len() == 1
}
