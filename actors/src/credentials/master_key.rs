//! The key that credentials are encrypted with: made when it is first needed, loaded afterwards,
//! never shown.
//! What is encrypted with it is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use conductor_config::Secret;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use super::fernet::{Fernet, FernetError};
use super::seal::SealError;
use crate::store::{PrivateFileError, read_private, write_private};

const FILE: &str = "master.key";
const VARIABLE: &str = "CONDUCTOR_MASTER_KEY";
const FILE_BYTES_MAX: u64 = 256;
/// Bytes of a key.
const LENGTH: usize = 32;
/// Bytes of a key's name.
const ID_LENGTH: usize = 6;

/// Where the master key is looked for before the state directory.
#[derive(Debug, Clone, Default)]
pub struct KeySource {
    text: Option<Secret>,
    folder: Option<PathBuf>,
}

impl KeySource {
    /// What an environment names: the key itself in `CONDUCTOR_MASTER_KEY`, or a file `master.key`
    /// among the credentials that a service manager hands over (`CREDENTIALS_DIRECTORY`).
    #[must_use]
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let set = |name| environment.get(name).filter(|value| !value.is_empty());
        let folder = set("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self {
            text: set(VARIABLE).cloned().map(Secret::new),
            folder: folder.filter(|folder| folder.join(FILE).exists()),
        }
    }
}

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
    /// The variable does not hold a key.
    #[error("{VARIABLE} is not 32 bytes in base64url")]
    Variable,
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
    /// The key that `source` names, or else that of a state directory, if there is one. Blocks on the
    /// disk.
    ///
    /// # Errors
    /// If there is one that cannot be used.
    pub fn load(source: &KeySource, dir: &Path) -> Result<Option<Self>, MasterKeyError> {
        if let Some(text) = &source.text {
            let key = Self::from_text(text.expose().as_bytes());
            return key.map(Some).ok_or(MasterKeyError::Variable);
        }
        let path = source.folder.as_deref().unwrap_or(dir).join(FILE);
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
    pub fn load_or_create(source: &KeySource, dir: &Path) -> Result<Self, MasterKeyError> {
        if let Some(key) = Self::load(source, dir)? {
            return Ok(key);
        }
        let (path, text) = (dir.join(FILE), Self::new_text()?);
        let key = Self::from_text(text.as_bytes()).ok_or(MasterKeyError::Random)?;
        match write_private(&path, text.as_bytes()) {
            Ok(()) => Ok(key),
            Err(source) => Err(MasterKeyError::Write { path, source }),
        }
    }

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
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn none() -> KeySource {
        KeySource::default()
    }

    #[test]
    fn a_key_is_taken_from_the_environment_or_a_credential_before_the_state_directory() {
        let (dir, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let own = MasterKey::load_or_create(&none(), dir.path()).unwrap();
        let folder = credentials.path().display().to_string();
        let mut environment = BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), folder)]);
        let id = |environment: &BTreeMap<String, String>| {
            let found = MasterKey::load(&KeySource::of(environment), dir.path());
            found.map(|key| key.unwrap().id().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(id(&environment).unwrap(), own.id(), "there is no such credential");
        let handed = MasterKey::load_or_create(&none(), credentials.path()).unwrap();
        assert_eq!(id(&environment).unwrap(), handed.id());
        let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        environment.insert(VARIABLE.to_owned(), text.to_owned());
        let named = id(&environment).unwrap();
        assert_eq!(named, MasterKey::from_text(text.as_bytes()).unwrap().id());
        environment.insert(VARIABLE.to_owned(), "canary".to_owned());
        assert_eq!(
            id(&environment).unwrap_err(),
            "CONDUCTOR_MASTER_KEY is not 32 bytes in base64url"
        );
        assert!(!format!("{:?}", KeySource::of(&environment)).contains("canary"));
    }

    #[test]
    fn s33_a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(MasterKey::load(&none(), dir.path()).unwrap().is_none());
        let made = MasterKey::load_or_create(&none(), dir.path()).unwrap();
        let file = dir.path().join(FILE);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap().len(), 45);
        let again = MasterKey::load_or_create(&none(), dir.path()).unwrap();
        assert_eq!(made.id(), again.id());
        assert_eq!(made.id().len(), 8);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(made.id(), MasterKey::load_or_create(&none(), other.path()).unwrap().id());
    }

    #[test]
    fn a_key_that_cannot_be_used_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        write_private(&file, b"too short").unwrap();
        let error = MasterKey::load_or_create(&none(), dir.path()).unwrap_err().to_string();
        assert!(error.contains("is not 32 bytes in base64url"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), b"too short");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::load_or_create(&none(), dir.path()).unwrap_err().to_string();
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
