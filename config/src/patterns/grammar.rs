//! This file says what is a pattern, and what is wrong with a text that is none.
//!
//! Pure. It leaves matching to the library, which reads what is accepted here in the same way as others
//! do.

use thiserror::Error;

/// The most characters a pattern has.
const LENGTH_MAX: usize = 128;
/// The most places of a pattern that stand for something else.
const WILDCARDS_MAX: usize = 8;

/// Why a text is no pattern. Places are counted in characters, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Nothing was given.
    #[error("must be a name or a pattern, got empty text")]
    Empty,
    /// There is too much of it.
    #[error("a pattern has up to 128 characters; this one has {length}")]
    TooLong {
        /// How many characters there are.
        length: usize,
    },
    /// Too much of it stands for something else.
    #[error("a pattern has up to 8 wildcards; this one has {count}")]
    TooWild {
        /// How many there are.
        count: usize,
    },
    /// A character that programs read in different ways, or that no name has.
    #[error("a pattern must not have `{found}` in it, as at character {at}")]
    Character {
        /// The first such character, escaped where it would not print.
        found: String,
        /// Where it is.
        at: usize,
    },
    /// Two stars in a row.
    #[error("`**` at character {at} means different things to different programs; write `*`")]
    TwoStars {
        /// Where they are.
        at: usize,
    },
    /// A class without an end.
    #[error("the `[` at character {at} has no `]`")]
    Unclosed {
        /// Where it begins.
        at: usize,
    },
    /// A class that others take for its opposite.
    #[error("`[^` at character {at} means different things to different programs; write `[!`")]
    Caret {
        /// Where it begins.
        at: usize,
    },
    /// A range from a later character to an earlier one.
    #[error("the range `{range}` at character {at} is empty; its ends are the wrong way round")]
    Reversed {
        /// As it was written.
        range: String,
        /// Where it is.
        at: usize,
    },
    /// The library reads it otherwise than expected here.
    #[error("is no pattern")]
    Unread,
}

/// Accepts what every program reads in the same way.
pub(super) fn check(text: &str) -> Result<(), PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    let characters: Vec<char> = text.chars().take(LENGTH_MAX + 1).collect();
    if characters.len() > LENGTH_MAX {
        return Err(PatternError::TooLong { length: text.chars().count() });
    }
    let odd = |c: &char| !matches!(c, '!'..='~') || matches!(c, '\\' | '{' | '}');
    if let Some(at) = characters.iter().position(odd) {
        let found = characters[at].escape_debug().to_string();
        return Err(PatternError::Character { found, at: at + 1 });
    }
    let (mut at, mut count) = (0, 0);
    while let Some(c) = characters.get(at) {
        match c {
            '*' if characters.get(at + 1) == Some(&'*') => {
                return Err(PatternError::TwoStars { at: at + 1 });
            }
            '*' | '?' => count += 1,
            '[' => {
                at = class(&characters, at)?;
                count += 1;
            }
            _ => {}
        }
        at += 1;
    }
    if count > WILDCARDS_MAX { Err(PatternError::TooWild { count }) } else { Ok(()) }
}

/// Where the class that begins at `start` ends.
fn class(characters: &[char], start: usize) -> Result<usize, PatternError> {
    let first = match characters.get(start + 1) {
        Some('^') => return Err(PatternError::Caret { at: start + 1 }),
        Some('!') => start + 2,
        _ => start + 1,
    };
    // The first character of a class may be `]` itself.
    let rest = characters.iter().enumerate().skip(first + 1);
    let end = rest.clone().find_map(|(at, c)| (*c == ']').then_some(at));
    let end = end.ok_or(PatternError::Unclosed { at: start + 1 })?;
    let mut at = first;
    while at + 2 < end {
        match characters[at..=at + 2] {
            [low, '-', high] if low > high => {
                let range = [low, '-', high].iter().collect();
                return Err(PatternError::Reversed { range, at: at + 1 });
            }
            [_, '-', _] => at += 3,
            _ => at += 1,
        }
    }
    Ok(end)
}
