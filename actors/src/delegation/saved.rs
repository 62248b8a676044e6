//! What is kept of the quotas across a restart, as a document for the store.
//! When it is written and read is decided by the shell.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, json};
use thiserror::Error;

use super::DelegatorId;

const FORMAT: u32 = 1;

/// For each delegator the wall-clock time, in nanoseconds since 1970, at which it has
/// its whole burst again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tats(pub(super) BTreeMap<DelegatorId, u64>);

/// What was found at start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Saved {
    /// This is the first start.
    Nothing,
    /// The last run left this.
    Tats(Tats),
    /// There is something, but it cannot be relied on.
    Unreadable,
}

/// Why a document holds no quotas.
#[derive(Debug, Error)]
pub(super) enum DecodeError {
    #[error("it is not in the expected form")]
    Json(#[from] serde_json::Error),
    #[error("it is in format {format}")]
    Format { format: u32 },
    #[error("it names a delegator that cannot be one")]
    Delegator(#[from] super::DelegatorIdError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    tats: BTreeMap<String, u64>,
}

impl Tats {
    pub(super) fn encode(&self) -> Vec<u8> {
        let tats: Map<_, _> =
            self.0.iter().map(|(id, tat)| (id.as_str().to_owned(), json!(tat))).collect();
        json!({ "format": FORMAT, "tats": tats }).to_string().into_bytes()
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let Document { format, tats } = serde_json::from_slice(body)?;
        if format != FORMAT {
            return Err(DecodeError::Format { format });
        }
        let tats = tats.into_iter().map(|(id, tat)| Ok((id.parse()?, tat)));
        Ok(Self(tats.collect::<Result<_, DecodeError>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let ids = ["https://acme.example", "org:\"quoted\""];
        let tats = ids.iter().map(|id| (id.parse().unwrap(), u64::MAX)).collect();
        let tats = Tats(tats);
        assert_eq!(Tats::decode(&tats.encode()).unwrap(), tats);
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in [
            "",
            "{}",
            r#"{"format":2,"tats":{}}"#,
            r#"{"format":1,"tats":{"a":-1}}"#,
            r#"{"format":1,"tats":{"":1}}"#,
            r#"{"format":1,"tats":{"a":1}"#,
            r#"{"format":1,"tats":{},"more":1}"#,
        ] {
            assert!(Tats::decode(body.as_bytes()).is_err(), "{body}");
        }
    }
}
