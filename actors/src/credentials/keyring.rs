//! The keys of a state directory: made when one is first needed, loaded afterwards, never shown.
//! The first one encrypts, all of them decrypt. What is encrypted with them is not known here.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use conductor_config::Secret;
use thiserror::Error;

use super::fernet::FernetError;
use super::master_key::MasterKey;
use crate::store::{PrivateFileError, read_private, write_private};

const FILE: &str = "master.key";
const VARIABLE: &str = "CONDUCTOR_MASTER_KEY";
const FILE_BYTES_MAX: u64 = 4096;

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

/// Why there is no key.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// The file is there but cannot be trusted or read.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file does not hold a key.
    #[error("master key {path} is not 32 bytes in base64url a line: restore it from a backup")]
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
    /// The key is not in the state directory, where alone it can be changed.
    #[error("the master key is not in the state directory: change it where it comes from")]
    Elsewhere,
    /// The variable does not hold a key.
    #[error("{VARIABLE} is not 32 bytes in base64url")]
    Variable,
    /// The system gave no random numbers.
    #[error("there are no random numbers to make a master key from")]
    Random,
}

/// Keys, the newest first; at least one.
#[derive(Debug)]
pub struct Keyring {
    first: MasterKey,
    old: Vec<MasterKey>,
}

impl Keyring {
    /// The keys that `source` names, or else those of a state directory, if there are any. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// If there is one that cannot be used.
    pub fn load(source: &KeySource, dir: &Path) -> Result<Option<Self>, MasterKeyError> {
        if let Some(text) = &source.text {
            let keys = Self::from_text(text.expose().as_bytes());
            return keys.map(Some).ok_or(MasterKeyError::Variable);
        }
        let path = source.folder.as_deref().unwrap_or(dir).join(FILE);
        match read_private(&path, FILE_BYTES_MAX) {
            Ok(text) => match Self::from_text(&text) {
                Some(keys) => Ok(Some(keys)),
                None => Err(MasterKeyError::Format { path }),
            },
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same, with one made if there is none. Blocks on the disk.
    ///
    /// # Errors
    /// If there is one that cannot be used, or none can be made.
    pub fn load_or_create(source: &KeySource, dir: &Path) -> Result<Self, MasterKeyError> {
        match Self::load(source, dir)? {
            Some(keys) => Ok(keys),
            None => Self::written(dir, &MasterKey::new_text()?),
        }
    }

    /// Puts a new key before those of a state directory. Blocks on the disk.
    ///
    /// # Errors
    /// If they are elsewhere, or the new one cannot be written.
    pub fn add_key(source: &KeySource, dir: &Path) -> Result<Self, MasterKeyError> {
        let text = MasterKey::new_text()? + &own_text(source, dir)?;
        Self::written(dir, &text)
    }

    /// Leaves only the newest key in a state directory. Blocks on the disk.
    ///
    /// # Errors
    /// If they are elsewhere, or cannot be written.
    pub fn drop_old(source: &KeySource, dir: &Path) -> Result<Self, MasterKeyError> {
        let text = own_text(source, dir)?;
        let first = text.split_inclusive('\n').next().unwrap_or_default();
        Self::written(dir, first)
    }

    /// The one that encrypts.
    #[must_use]
    pub fn first(&self) -> &MasterKey {
        &self.first
    }

    /// The names of those that decrypt only.
    #[must_use]
    pub fn old_ids(&self) -> Vec<&str> {
        self.old.iter().map(MasterKey::id).collect()
    }

    /// The text in a Fernet token that was made with any of them, however old it is.
    ///
    /// # Errors
    /// If it was made with none of them, or is no text.
    pub fn decrypt(&self, token: &str) -> Result<String, FernetError> {
        let tried = std::iter::once(&self.first).chain(&self.old).map(|key| key.decrypt(token));
        tried
            .reduce(|found, next| if found == Err(FernetError::Mac) { next } else { found })
            .unwrap_or(Err(FernetError::Mac))
    }

    /// The one of this name.
    pub(super) fn named(&self, id: &str) -> Option<&MasterKey> {
        std::iter::once(&self.first).chain(&self.old).find(|key| key.id() == id)
    }

    pub(super) fn from_text(text: &[u8]) -> Option<Self> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let mut keys = lines.map(MasterKey::from_text).collect::<Option<Vec<_>>>()?;
        if keys.is_empty() {
            return None;
        }
        Some(Self { first: keys.remove(0), old: keys })
    }

    fn written(dir: &Path, text: &str) -> Result<Self, MasterKeyError> {
        let path = dir.join(FILE);
        let Some(keys) = Self::from_text(text.as_bytes()) else {
            return Err(MasterKeyError::Format { path });
        };
        match write_private(&path, text.as_bytes()) {
            Ok(()) => Ok(keys),
            Err(source) => Err(MasterKeyError::Write { path, source }),
        }
    }
}

/// What stands in the file of a state directory.
fn own_text(source: &KeySource, dir: &Path) -> Result<String, MasterKeyError> {
    if source.text.is_some() || source.folder.is_some() {
        return Err(MasterKeyError::Elsewhere);
    }
    let path = dir.join(FILE);
    let text = read_private(&path, FILE_BYTES_MAX)?;
    let mut text = String::from_utf8(text).map_err(|_| MasterKeyError::Format { path })?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
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
        let own = Keyring::load_or_create(&none(), dir.path()).unwrap();
        let folder = credentials.path().display().to_string();
        let mut environment = BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), folder)]);
        let id = |environment: &BTreeMap<String, String>| {
            let found = Keyring::load(&KeySource::of(environment), dir.path());
            found.map(|key| key.unwrap().first().id().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(id(&environment).unwrap(), own.first().id(), "there is no such credential");
        let handed = Keyring::load_or_create(&none(), credentials.path()).unwrap();
        assert_eq!(id(&environment).unwrap(), handed.first().id());
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
        assert!(Keyring::load(&none(), dir.path()).unwrap().is_none());
        let made = Keyring::load_or_create(&none(), dir.path()).unwrap();
        let file = dir.path().join(FILE);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap().len(), 45);
        let again = Keyring::load_or_create(&none(), dir.path()).unwrap();
        assert_eq!(made.first().id(), again.first().id());
        assert_eq!(made.first().id().len(), 8);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(
            made.first().id(),
            Keyring::load_or_create(&none(), other.path()).unwrap().first().id()
        );
    }

    #[test]
    fn a_key_that_cannot_be_used_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        write_private(&file, b"too short").unwrap();
        let error = Keyring::load_or_create(&none(), dir.path()).unwrap_err().to_string();
        assert!(error.contains("is not 32 bytes in base64url"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), b"too short");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keyring::load_or_create(&none(), dir.path()).unwrap_err().to_string();
        assert!(error.contains("is open to others"), "{error}");
    }

    #[test]
    fn a_new_key_encrypts_and_the_old_one_still_decrypts_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let old = Keyring::load_or_create(&none(), dir.path()).unwrap();
        let token = old.first().encrypt("s3cret", 0).unwrap();
        let both = Keyring::add_key(&none(), dir.path()).unwrap();
        assert_ne!(both.first().id(), old.first().id());
        assert_eq!(both.old_ids(), [old.first().id()]);
        assert_eq!(both.decrypt(&token).unwrap(), "s3cret");
        let again = Keyring::load(&none(), dir.path()).unwrap().unwrap();
        assert_eq!(again.first().id(), both.first().id());
        let one = Keyring::drop_old(&none(), dir.path()).unwrap();
        assert_eq!((one.first().id(), one.old_ids().len()), (both.first().id(), 0));
        assert_eq!(one.decrypt(&token), Err(FernetError::Mac));
        let mut environment = BTreeMap::new();
        environment.insert(VARIABLE.to_owned(), MasterKey::new_text().unwrap());
        let elsewhere = KeySource::of(&environment);
        let error = Keyring::add_key(&elsewhere, dir.path()).unwrap_err();
        assert!(matches!(error, MasterKeyError::Elsewhere));
    }
}
