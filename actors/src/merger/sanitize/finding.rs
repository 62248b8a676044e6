//! This file is the record of one thing found in a definition.
//!
//! It leaves showing it to whoever explains a tool.

use serde::{Serialize, Serializer};

use super::policy::Action;

/// One thing found, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name, fixed for good: `class.what`.
    pub rule: &'static str,
    /// Where: keys and places from the definition's top, joined by `/`.
    pub field: String,
    /// What was done.
    pub action: Action,
    /// SHA-256 of the text as it came, in hexadecimal.
    pub before_hash: String,
}

impl Finding {
    pub(super) fn new(rule: &'static str, field: String, action: Action, before: &[u8]) -> Self {
        Self { rule, field, action, before_hash: hash(before) }
    }
}

/// The SHA-256 of a text, in hexadecimal.
pub(super) fn hash(text: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text);
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    digest.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl Action {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Strip => "strip",
            Self::Redact => "redact",
            Self::Quarantine => "quarantine",
            Self::Block => "block",
        }
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}
