//! This file holds the letters that look like others: which Latin letter each stands for.
//!
//! It leaves compatibility forms (full width, circled, mathematical) to Unicode's own tables.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::char::{canonical_combining_class, decompose_compatible};

use super::spelling::is_fancy;

/// Pairs of a look-alike and the Latin letter it is taken for, all in lower case.
const LOOKALIKES: &[(&str, char)] = &[
    ("аɑαạ", 'a'),
    ("вʙьᏏ", 'b'),
    ("сϲᴄⲥ", 'c'),
    ("ԁᴅɗ", 'd'),
    ("еєҽεᴇɛ", 'e'),
    ("ғꜰ", 'f'),
    ("ɡԍɢց", 'g'),
    ("һհʜн", 'h'),
    ("іıɩιɪӏ", 'i'),
    ("јϳᴊ", 'j'),
    ("кκᴋ", 'k'),
    ("ʟⅼ", 'l'),
    ("мᴍ", 'm'),
    ("пոɴηո", 'n'),
    ("оοօᴏσ", 'o'),
    ("рρᴘ", 'p'),
    ("ԛզ", 'q'),
    ("гʀᴦ", 'r'),
    ("ѕꜱ", 's'),
    ("тτᴛ", 't'),
    ("υսᴜц", 'u'),
    ("ѵνᴠ", 'v'),
    ("ԝѡᴡω", 'w'),
    ("хχ", 'x'),
    ("уүγʏ", 'y'),
    ("ᴢ", 'z'),
];

/// The Latin letter that `c` (lower case) looks like, or `c`.
pub(super) fn fold(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    TABLE.get(&c).copied().unwrap_or(c)
}

static TABLE: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let each = |(likes, latin): &(&'static str, char)| {
        let latin = *latin;
        likes.chars().map(move |like| (like, latin))
    };
    LOOKALIKES.iter().flat_map(each).collect()
});

/// Makes the tables, before they are needed.
pub(super) fn prepare() {
    LazyLock::force(&TABLE);
    LazyLock::force(&LETTERS);
}

/// Letters with strokes and the like, which Unicode does not take apart.
pub(super) fn strip_accent(c: char) -> char {
    match c {
        'ł' | 'Ł' => 'l',
        'ø' | 'Ø' => 'o',
        'đ' | 'Đ' => 'd',
        'ı' => 'i',
        '\u{1f130}'..='\u{1f149}' => letter(c, '\u{1f130}'),
        '\u{1f150}'..='\u{1f169}' => letter(c, '\u{1f150}'),
        '\u{1f170}'..='\u{1f189}' => letter(c, '\u{1f170}'),
        _ => c,
    }
}

fn letter(c: char, first: char) -> char {
    let place = (c as u32).saturating_sub(first as u32);
    char::from_u32('a' as u32 + place).unwrap_or(c)
}

/// What is left of a letter without accents, style and case.
pub(super) fn plain(c: char, mut each: impl FnMut(char)) {
    if is_mark(c) {
        return;
    }
    decompose_compatible(strip_accent(c), |base| {
        if base.is_ascii() || canonical_combining_class(base) == 0 {
            each(base.to_lowercase().next().unwrap_or(base));
        }
    });
}

/// Whether a character stands in words.
pub(super) fn is_inner(c: char) -> bool {
    match LETTERS.get(c as usize) {
        Some(letter) => letter.inner,
        None => is_inner_of_any(c),
    }
}

/// The same as [`plain`], and what each letter looks like.
pub(super) fn read(c: char, mut each: impl FnMut(char, char)) {
    match LETTERS.get(c as usize) {
        Some(Letter { one: Some((lower, look)), .. }) => each(*lower, *look),
        Some(_) | None => plain(c, |lower| each(lower, fold(lower))),
    }
}

fn is_inner_of_any(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c) || is_fancy(c) || matches!(c, '\'' | '’')
}

/// What is known of one character.
#[derive(Debug)]
struct Letter {
    inner: bool,
    /// What is left of it and what that looks like, if that is one letter.
    one: Option<(char, char)>,
}

/// The letters of the alphabets most used, so that they are looked up but once.
static LETTERS: LazyLock<Vec<Letter>> = LazyLock::new(|| {
    let letter = |c: char| {
        let mut read = Vec::new();
        plain(c, |lower| read.push((lower, fold(lower))));
        let one = read.first().copied().filter(|_| read.len() == 1);
        Letter { inner: is_inner_of_any(c), one }
    };
    ('\0'..'\u{700}').map(letter).collect()
});

/// What stands over, under or in a letter and is none itself.
pub(super) fn is_mark(c: char) -> bool {
    crate::visible::is_mark(c) || canonical_combining_class(c) != 0
}

/// What a word with digits among its letters may stand for.
pub(super) fn leet(word: &str) -> Vec<String> {
    let digits = word.bytes().any(|byte| byte.is_ascii_digit());
    if !digits || !word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Vec::new();
    }
    let with = |one: char| {
        let letter = |c| match c {
            '0' => 'o',
            '1' => one,
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            '8' => 'b',
            '9' => 'g',
            _ => c,
        };
        word.chars().map(letter).collect()
    };
    vec![with('i'), with('l')]
}
