//! The key that credentials are encrypted with: made when it is first needed, loaded afterwards,
//! never shown.
//! What is encrypted with it is not known here.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use crate::store::{PrivateFileError, read_private, write_private};

const FILE: &str = "master.key";
const FILE_BYTES_MAX: u64 = 256;
/// Bytes of a key.
const LENGTH: usize = 32;
/// Bytes of a key's name.
const ID_LENGTH: usize = 6;

/// What credentials of one state directory are encrypted with.
pub struct MasterKey {
    sealing: LessSafeKey,
    id: String,
}

/// Shows which key it is, not what it is.
impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// The file is there but cannot be trusted or read.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file does not hold a key.
    #[error("master key {path} is not 32 bytes in base64url: restore it from a backup")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// A new key could not be written.
    #[error("master key {path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system gave no random numbers.
    #[error("there are no random numbers to make a master key from")]
    Random,
}

/// How many bytes to derive.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl MasterKey {
    /// The key of a state directory, if it has one. Blocks on the disk.
    ///
    /// # Errors
    /// If it has one that cannot be used.
    pub fn load(dir: &Path) -> Result<Option<Self>, MasterKeyError> {
        let path = dir.join(FILE);
        match read_private(&path, FILE_BYTES_MAX) {
            Ok(text) => match Self::from_text(&text) {
                Some(key) => Ok(Some(key)),
                None => Err(MasterKeyError::Format { path }),
            },
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same, made if there is none. Blocks on the disk.
    ///
    /// # Errors
    /// If there is one that cannot be used, or none can be made.
    pub fn load_or_create(dir: &Path) -> Result<Self, MasterKeyError> {
        if let Some(key) = Self::load(dir)? {
            return Ok(key);
        }
        let mut bytes = [0; LENGTH];
        SystemRandom::new().fill(&mut bytes).map_err(|_| MasterKeyError::Random)?;
        let path = dir.join(FILE);
        let text = URL_SAFE.encode(bytes) + "\n";
        let key = Self::from_bytes(&bytes).ok_or(MasterKeyError::Random)?;
        match write_private(&path, text.as_bytes()) {
            Ok(()) => Ok(key),
            Err(source) => Err(MasterKeyError::Write { path, source }),
        }
    }

    /// Reads 32 bytes in base64url, with or without `=`; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim().trim_end_matches('=');
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != LENGTH {
            return None;
        }
        let root = Salt::new(HKDF_SHA256, b"mcp-conductor").extract(bytes);
        let sealing = UnboundKey::new(&AES_256_GCM, &derived(&root, b"secrets", LENGTH)?).ok()?;
        let id = URL_SAFE_NO_PAD.encode(derived(&root, b"key-id", ID_LENGTH)?);
        Some(Self { sealing: LessSafeKey::new(sealing), id })
    }

    /// Its name: tells keys apart and says nothing about them.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
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
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn s33_a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(MasterKey::load(dir.path()).unwrap().is_none());
        let made = MasterKey::load_or_create(dir.path()).unwrap();
        let file = dir.path().join(FILE);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap().len(), 45);
        let again = MasterKey::load_or_create(dir.path()).unwrap();
        assert_eq!(made.id(), again.id());
        assert_eq!(made.id().len(), 8);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(made.id(), MasterKey::load_or_create(other.path()).unwrap().id());
    }

    #[test]
    fn a_key_that_cannot_be_used_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        write_private(&file, b"too short").unwrap();
        let error = MasterKey::load_or_create(dir.path()).unwrap_err().to_string();
        assert!(error.contains("is not 32 bytes in base64url"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), b"too short");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::load_or_create(dir.path()).unwrap_err().to_string();
        assert!(error.contains("is open to others"), "{error}");
    }

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
