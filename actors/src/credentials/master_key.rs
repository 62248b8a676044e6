//! One key that credentials are encrypted with, never shown.
//! Where it is kept is known to `keyring`, what is encrypted with it to neither.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use super::fernet::{Fernet, FernetError};
use super::keyring::MasterKeyError;
use super::seal::SealError;

/// Bytes of a key.
const LENGTH: usize = 32;
/// Bytes of a key's name.
const ID_LENGTH: usize = 6;

/// What credentials of one state directory are encrypted with.
pub struct MasterKey {
    sealing: LessSafeKey,
    fernet: Fernet,
    id: String,
}

/// Shows which key it is, not what it is.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// How many bytes to derive.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl MasterKey {
    /// A new key as it stands in a file, a line end behind it.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new_text() -> Result<String, MasterKeyError> {
        let mut bytes = [0; LENGTH];
        SystemRandom::new().fill(&mut bytes).map_err(|_| MasterKeyError::Random)?;
        Ok(URL_SAFE.encode(bytes) + "\n")
    }

    /// Reads 32 bytes in base64url, with or without `=`; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim().trim_end_matches('=');
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let whole: &[u8; LENGTH] = bytes.try_into().ok()?;
        let root = Salt::new(HKDF_SHA256, b"mcp-conductor").extract(bytes);
        let sealing = UnboundKey::new(&AES_256_GCM, &derived(&root, b"secrets", LENGTH)?).ok()?;
        let id = URL_SAFE_NO_PAD.encode(derived(&root, b"key-id", ID_LENGTH)?);
        Some(Self { sealing: LessSafeKey::new(sealing), fernet: Fernet::new(whole), id })
    }

    /// Its name: tells keys apart and says nothing about them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A Fernet token of a text, made at `now` in seconds since 1970.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn encrypt(&self, text: &str, now: u64) -> Result<String, SealError> {
        self.fernet.encrypt(text.as_bytes(), now)
    }

    /// The text in a Fernet token, however old that is.
    ///
    /// # Errors
    /// If it was not made with this key, or is no text.
    pub fn decrypt(&self, token: &str) -> Result<String, FernetError> {
        String::from_utf8(self.fernet.decrypt(token, None)?).map_err(|_| FernetError::Format)
    }

    pub(super) fn sealing(&self) -> &LessSafeKey {
        &self.sealing
    }
}

fn derived(root: &Prk, purpose: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    root.expand(&[purpose], Bytes(length)).ok()?.fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_padding_does_not_matter_and_nothing_of_a_key_is_printed() {
        let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let key = MasterKey::from_text(text.as_bytes()).unwrap();
        let padded = MasterKey::from_text(format!(" {text}=\n").as_bytes()).unwrap();
        assert_eq!(key.id(), padded.id());
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
        assert!(MasterKey::from_text(b"AAEC").is_none());
    }
}
