//! This file names a group of users, as settings do: by name or by number.
//! It does not know which groups there are.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A group of users, to which a file can belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group(Named);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Number(u32),
    Name(Box<str>),
}

/// Why a text names no group.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be a group, by name or by number, got {0:?}")]
pub struct GroupError(String);

impl Group {
    /// The group of this number; none for the one that the system takes for no group.
    #[must_use]
    pub fn number(number: u32) -> Option<Self> {
        (number < u32::MAX).then_some(Self(Named::Number(number)))
    }

    /// Its number, or the name by which to ask the system for it.
    ///
    /// # Errors
    ///
    /// The name, if it has no number yet.
    pub fn known_number(&self) -> Result<u32, &str> {
        match &self.0 {
            Named::Number(number) => Ok(*number),
            Named::Name(name) => Err(name),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Named::Number(number) => number.fmt(f),
            Named::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for Group {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, GroupError> {
        let wrong = || GroupError(text.to_owned());
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().and_then(Self::number).ok_or_else(wrong);
        }
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | '/');
        if text.is_empty() || text.contains(odd) {
            return Err(wrong());
        }
        Ok(Self(Named::Name(text.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u32, &str>) {
        let group: Group = text.parse().unwrap();
        assert_eq!((group.known_number(), group.to_string().as_str()), (expected, text));
    }

    #[test]
    fn a_group_has_a_name_or_a_number() {
        check("agents", Err("agents"));
        check("0", Ok(0));
        check("4294967294", Ok(4_294_967_294));
        for wrong in ["", "a b", "a:b", "4294967295", "99999999999", "/agents", "a\n"] {
            assert!(wrong.parse::<Group>().is_err(), "{wrong:?}");
        }
    }
}
