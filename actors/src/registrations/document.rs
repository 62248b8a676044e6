//! How one registration is written down: JSON, every secret in it sealed.
//!
//! It neither reads nor writes the store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_config::{Registration, ServerId};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::credentials::{
    Keyring, MasterKey, OpenSealError, Place, SealError, is_sealed, open, seal,
};

/// The way of writing that this program knows.
const FORMAT: u32 = 1;
/// Bytes of a digest that tell versions apart.
const VERSION_LENGTH: usize = 12;

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    entry: Map<String, Value>,
}

/// Why a registration that is kept cannot be used.
#[derive(Debug, Error)]
pub enum UnreadableError {
    /// It is not written as this program writes.
    #[error("it is not in a form that this program knows")]
    Format,
    /// A secret in it was sealed, and there is no key.
    #[error("{field} is encrypted, and there is no master key")]
    NoKey {
        /// The key it stands under.
        field: String,
    },
    /// A secret in it does not open.
    #[error("{field} cannot be decrypted: {source}")]
    Sealed {
        /// The key it stands under.
        field: String,
        /// Why.
        #[source]
        source: OpenSealError,
    },
}

/// Whether anything in a registration has to be sealed.
pub(super) fn has_secrets(registration: &Registration) -> bool {
    registration.clone().each_secret(|_, _| Err(())).is_err()
}

/// What is written for a registration; with no key if it has no secrets.
pub(super) fn written(
    registration: &Registration,
    key: Option<&MasterKey>,
) -> Result<Vec<u8>, SealError> {
    let mut sealed = registration.clone();
    let id = registration.id.clone();
    if let Some(key) = key {
        sealed.each_secret(|field, text| {
            *text = seal(key, Place { server: &id, field }, text)?;
            Ok(())
        })?;
    }
    let document = Document { format: FORMAT, entry: sealed.entry().clone() };
    serde_json::to_vec(&document).map_err(|_| SealError::TooLong)
}

/// What was registered, of what was written.
pub(super) fn read(
    id: &ServerId,
    body: &[u8],
    keys: Option<&Keyring>,
) -> Result<Registration, UnreadableError> {
    let document: Document = serde_json::from_slice(body).map_err(|_| UnreadableError::Format)?;
    if document.format != FORMAT {
        return Err(UnreadableError::Format);
    }
    let mut registration = Registration::kept(id.clone(), document.entry);
    registration.each_secret(|field, text| {
        if !is_sealed(text) {
            return Err(UnreadableError::Format);
        }
        let wrong = |source| UnreadableError::Sealed { field: field.to_owned(), source };
        let keys = keys.ok_or_else(|| UnreadableError::NoKey { field: field.to_owned() })?;
        *text = open(keys, Place { server: id, field }, text).map_err(wrong)?;
        Ok(())
    })?;
    Ok(registration)
}

/// Whether what was written is about a server elsewhere, be its secrets readable or not.
pub(super) fn is_remote(body: &[u8]) -> bool {
    let document = serde_json::from_slice::<Document>(body);
    document.is_ok_and(|document| !document.entry.contains_key("command"))
}

/// What tells this writing from every other one.
pub(super) fn version(body: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, body).as_ref()[..VERSION_LENGTH])
}
