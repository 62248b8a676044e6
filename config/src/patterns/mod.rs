//! This folder is the one kind of pattern that names are matched by, wherever settings or others speak
//! of tools by pattern. `grammar` says what is one, `within` whether one matches less than another.
//!
//! `*` stands for any characters, none included, dots and slashes too; `?` for one; `[a-c]` for one of
//! these, `[!a-c]` for one of the others. A pattern matches whole names, and upper case is not lower
//! case. What programs read in different ways is refused, so that a pattern means the same to Python's
//! `fnmatch`, to `glob` and to `globset`.

mod grammar;
mod within;

#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

pub use grammar::PatternError;

/// A pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// Whether it matches all of `name`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }

    /// It as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it could match a name that begins with `prefix` and goes on.
    #[must_use]
    pub fn may_begin(&self, prefix: &str) -> bool {
        let literal = self.as_str().split(['*', '?', '[']).next().unwrap_or_default();
        literal.starts_with(prefix) || (prefix.starts_with(literal) && literal != self.as_str())
    }

    /// Whether `other` matches every name that this one matches. If that takes too long to find out,
    /// or for a class of characters in two patterns that differ, it is taken for not so.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self == other || within::is_within(self.as_str(), other.as_str())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        grammar::check(text)?;
        glob::Pattern::new(text).map(Self).map_err(|_| PatternError::Unread)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Patterns, one of which is to match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash, Serialize)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// None: nothing matches.
    pub const NONE: Self = Self(Vec::new());

    /// Those that are written like this.
    ///
    /// # Errors
    /// If one of them is no pattern, with the first that is none.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        texts.into_iter().map(str::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them matches all of `name`.
    #[must_use]
    pub fn any(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The first that matches all of `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Pattern> {
        self.iter().find(|pattern| pattern.matches(name))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in the order they were written.
    pub fn iter(&self) -> std::slice::Iter<'_, Pattern> {
        self.0.iter()
    }
}

impl FromIterator<Pattern> for Patterns {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Patterns {
    type Item = &'a Pattern;
    type IntoIter = std::slice::Iter<'a, Pattern>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
