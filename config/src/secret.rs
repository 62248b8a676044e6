//! This file keeps a text that must never be shown: tokens, passwords, environments.
//! It does not know where the text came from, nor wipe it from memory.

use std::fmt;

/// A text that prints as `[redacted]` however it is printed. Compared as text, so that
/// a reload notices a changed token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that hands it on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)).matches("hunter2").count(),
            0
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn is_compared_by_what_it_holds() {
        assert_eq!(Secret::new("a".to_owned()), Secret::new("a".to_owned()));
        assert_ne!(Secret::new("a".to_owned()), Secret::new("b".to_owned()));
    }
}
