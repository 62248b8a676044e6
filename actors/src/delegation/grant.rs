//! Names of delegators, and the proof that one of them stands behind a call.
//! How such a proof is earned is not decided here.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// An organisation that delegates calls to us: its issuer name. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DelegatorId(Arc<str>);

impl DelegatorId {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 256;

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DelegatorId {
    type Err = DelegatorIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err(DelegatorIdError::Empty),
            _ if text.len() > Self::BYTES_MAX => {
                Err(DelegatorIdError::TooLong { bytes: text.len() })
            }
            _ if text.contains(char::is_control) => Err(DelegatorIdError::ControlCharacter),
            _ => Ok(Self(text.into())),
        }
    }
}

impl Display for DelegatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text cannot name a delegator.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DelegatorIdError {
    /// There is nothing in it.
    #[error("the name of a delegator is empty")]
    Empty,
    /// It is longer than [`DelegatorId::BYTES_MAX`].
    #[error(
        "the name of a delegator has {bytes} bytes, more than {max}",
        max = DelegatorId::BYTES_MAX
    )]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It could forge or garble a log line.
    #[error("the name of a delegator contains a control character")]
    ControlCharacter,
}

/// Proof that a delegator known to us stands behind a call. Made by this folder only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    delegator: DelegatorId,
}

impl Grant {
    pub(super) fn new(delegator: DelegatorId) -> Self {
        Self { delegator }
    }

    /// Who stands behind it.
    pub fn delegator(&self) -> &DelegatorId {
        &self.delegator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), DelegatorIdError>) {
        assert_eq!(text.parse::<DelegatorId>().map(|id| assert_eq!(id.as_str(), text)), expected);
    }

    #[test]
    fn a_name_is_short_and_printable() {
        check("https://aegis.acme.example", Ok(()));
        check("org:müller & söhne", Ok(()));
        check(&"x".repeat(256), Ok(()));
        check("", Err(DelegatorIdError::Empty));
        check(&"x".repeat(257), Err(DelegatorIdError::TooLong { bytes: 257 }));
        check(&"ü".repeat(129), Err(DelegatorIdError::TooLong { bytes: 258 }));
        check("acme\nINFO forged", Err(DelegatorIdError::ControlCharacter));
        check("acme\u{1b}[2J", Err(DelegatorIdError::ControlCharacter));
        check("acme\u{85}", Err(DelegatorIdError::ControlCharacter));
    }
}
