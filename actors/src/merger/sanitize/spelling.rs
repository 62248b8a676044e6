//! This file knows how words and names are spelled, and dressed up.
//!
//! It leaves what they mean to `lexicon`, and which letters look like others to `folding`.

/// Whether a variable of the environment has this name that holds a secret.
pub(super) fn is_secret_variable(name: &str) -> bool {
    let shouts = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(shouts)
        && ["_TOKEN", "_KEY", "_SECRET", "_PASSWORD"].iter().any(|end| name.ends_with(end))
}

/// Whether what follows a name says that it is no tool's.
pub(super) fn is_field(after: &str) -> bool {
    const FIELDS: &[&str] =
        &["param", "field", "arg", "propert", "column", "flag", "option", "key"];
    let next = after.trim_start_matches(['`', '"', '\'', ' ', ')']);
    after.len() != next.len() && FIELDS.iter().any(|field| next.starts_with(field))
}

/// Whether a name is a whole sentence, as `readTheFileFirst` is.
pub(super) fn is_sentence(name: &str) -> bool {
    name.len() > 12 && name.as_bytes().windows(2).filter(|two| is_hump(two)).count() >= 3
}

/// How long the first word of a name is: to the next capital if the name is a sentence.
pub(super) fn first_word(name: &str, is_sentence: bool) -> usize {
    let hump = name.as_bytes().windows(2).position(is_hump).filter(|_| is_sentence);
    hump.map_or(name.len(), |at| at + 1)
}

fn is_hump(two: &[u8]) -> bool {
    matches!(two, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase())
}

/// Whether the last letter stands by itself, as it does where each has its own full stop.
pub(super) fn ends_alone(text: &str) -> bool {
    let mut back = text.chars().rev();
    back.next().is_some_and(char::is_alphabetic) && back.next() == Some('.')
}

/// Scripts written without spaces between words, and Hangul, whose endings join the word.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// Whether the digits of a word may be numbers: it is as short as `s3`, `k8s` and `2fa`, or ends
/// with all of them, as `python3` does.
pub(super) fn is_numbered(word: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    word.len() < 5 || !word.trim_end_matches(digit).contains(digit)
}

/// Characters that are in their normal form whatever stands beside them but a mark.
pub(super) fn is_normal(c: char) -> bool {
    matches!(c, ' '..='~' | '\n' | '、' | '。' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{ac00}'..='\u{d7a3}' | '\u{e01}'..='\u{e30}')
}

/// Letters in circles, squares, full width, mathematical styles.
pub(super) fn is_fancy(c: char) -> bool {
    matches!(c, '\u{249c}'..='\u{24e9}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f110}'..='\u{1f189}' | '\u{ff21}'..='\u{ff5a}')
}

pub(super) fn rot13(c: char) -> char {
    match c {
        'a'..='m' => char::from(c as u8 + 13),
        'n'..='z' => char::from(c as u8 - 13),
        _ => c,
    }
}

/// Whether letters are told by signals: single flags of ships and countries, or dots and dashes.
pub(super) fn in_signals(text: &str) -> bool {
    const LEAST: usize = 8;
    let is_flag = |c: char| matches!(c, '\u{1f1e6}'..='\u{1f1ff}');
    let alone = |word: &&str| word.chars().count() == 1 && word.chars().all(is_flag);
    let beeps = |word: &&str| {
        word.len() <= 5
            && word.bytes().all(|byte| matches!(byte, b'.' | b'-'))
            && (word.contains('.') || word.contains('-'))
    };
    let words = || text.split_whitespace();
    if !text.is_ascii() && words().filter(alone).count() >= LEAST {
        return true;
    }
    if words().filter(beeps).nth(LEAST - 1).is_none() {
        return false;
    }
    let letters: std::collections::HashSet<&str> = words().filter(beeps).collect();
    letters.len() >= 5
}
