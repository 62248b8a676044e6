//! Sealed texts: `v2:`, the key's name, `:`, and base64url of nonce, AES-256-GCM ciphertext and tag.
//! It keeps none of them, and knows no files.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_config::ServerId;
use ring::aead::{Aad, NONCE_LEN, Nonce};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use super::{Keyring, MasterKey};

const PREFIX: &str = "v2:";

/// Where a sealed text belongs. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The server it is a credential of.
    pub server: &'a ServerId,
    /// The path of its key, such as `env.TOKEN`.
    pub field: &'a str,
}

impl Place<'_> {
    /// Neither workspaces nor servers have a slash in their names.
    fn bound(self) -> Aad<Vec<u8>> {
        let Self { server, field } = self;
        Aad::from(format!("{}/{}/{field}", server.workspace, server.name).into_bytes())
    }
}

/// Why a text could not be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// The system gave no random numbers.
    #[error("there are no random numbers to encrypt with")]
    Random,
    /// It is longer than can be encrypted.
    #[error("the text is too long to be encrypted")]
    TooLong,
}

/// Why a sealed text was not opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenSealError {
    /// It is no sealed text.
    #[error("it is not sealed in a way that is known here")]
    Format,
    /// It was sealed with another key.
    #[error("it is encrypted with the key `{wanted}`, and the master key is `{found}`")]
    OtherKey {
        /// The name of the key that sealed it.
        wanted: String,
        /// The name of the key at hand.
        found: String,
    },
    /// It was changed, or belongs to another place.
    #[error("it was changed, or moved here from another entry")]
    Changed,
}

/// Whether a text is one of those that [`seal`] makes.
#[must_use]
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Encrypts a text for a place.
///
/// # Errors
/// If the system has no random numbers.
pub fn seal(key: &MasterKey, place: Place<'_>, text: &str) -> Result<String, SealError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::Random)?;
    let mut body = text.as_bytes().to_vec();
    let unique = Nonce::assume_unique_for_key(nonce);
    key.sealing()
        .seal_in_place_append_tag(unique, place.bound(), &mut body)
        .map_err(|_| SealError::TooLong)?;
    let whole = [nonce.as_slice(), &body].concat();
    Ok(format!("{PREFIX}{}:{}", key.id(), URL_SAFE_NO_PAD.encode(whole)))
}

/// Decrypts a text that was sealed for this place.
///
/// # Errors
/// See [`OpenSealError`].
pub fn open(keys: &Keyring, place: Place<'_>, sealed: &str) -> Result<String, OpenSealError> {
    let parts = sealed.strip_prefix(PREFIX).and_then(|rest| rest.split_once(':'));
    let (id, body) = parts.ok_or(OpenSealError::Format)?;
    let key = keys.named(id).ok_or_else(|| {
        let (wanted, found) = (id.to_owned(), keys.first().id().to_owned());
        OpenSealError::OtherKey { wanted, found }
    })?;
    let mut whole = URL_SAFE_NO_PAD.decode(body).map_err(|_| OpenSealError::Format)?;
    let (nonce, body) = whole.split_at_mut_checked(NONCE_LEN).ok_or(OpenSealError::Format)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenSealError::Format)?;
    let opened = key.sealing().open_in_place(nonce, place.bound(), body);
    let opened = opened.map_err(|_| OpenSealError::Changed)?;
    String::from_utf8(opened.to_vec()).map_err(|_| OpenSealError::Changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fill: u8) -> Keyring {
        Keyring::from_text(URL_SAFE_NO_PAD.encode([fill; 32]).as_bytes()).unwrap()
    }

    fn id(text: &str) -> ServerId {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let (key, server) = (key(1), id("team/git"));
        let place = Place { server: &server, field: "env.TOKEN" };
        for text in ["", "s3cret", "v2:x:y", "über\nlines"] {
            let sealed = seal(key.first(), place, text).unwrap();
            assert!(is_sealed(&sealed) && (text.is_empty() || !sealed.contains(text)), "{sealed}");
            assert_eq!(open(&key, place, &sealed).unwrap(), text);
            assert_ne!(sealed, seal(key.first(), place, text).unwrap(), "no nonce is used twice");
            for (server, field) in
                [("git", "env.TOKEN"), ("team/gut", "env.TOKEN"), ("team/git", "env.OTHER")]
            {
                let server = id(server);
                let elsewhere = Place { server: &server, field };
                assert_eq!(open(&key, elsewhere, &sealed), Err(OpenSealError::Changed));
            }
        }
    }

    #[test]
    fn another_key_is_named_and_any_changed_byte_is_noticed() {
        let server = id("git");
        let place = Place { server: &server, field: "env.A" };
        let sealed = seal(key(1).first(), place, "s3cret").unwrap();
        let error = open(&key(2), place, &sealed).unwrap_err();
        assert!(matches!(error, OpenSealError::OtherKey { .. }), "{error}");
        let start = sealed.rfind(':').unwrap() + 1;
        for at in start..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&key(1), place, &changed).is_err(), "{changed}");
        }
        for odd in ["", "v2:", "v2:a", "v2::", "v3:a:b", "s3cret"] {
            assert!(open(&key(1), place, odd).is_err(), "{odd}");
        }
        let short = format!("v2:{}:AAAA", key(1).first().id());
        assert_eq!(open(&key(1), place, &short), Err(OpenSealError::Format));
    }
}
