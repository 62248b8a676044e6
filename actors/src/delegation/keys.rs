//! The daemon's own signing key: made at first start, loaded afterwards, never shown.
//! What is signed with it, and whose keys are trusted, is decided elsewhere.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use thiserror::Error;

use crate::store::{PrivateFileError, StateDir, read_private, write_private};

const FOLDER: &str = "keys";
const FILE: &str = "own.pk8";
const FILE_BYTES_MAX: u64 = 4096;

/// The Ed25519 key pair that speaks for this daemon.
pub struct OwnKey {
    pair: Ed25519KeyPair,
    public: PublicJwk,
}

/// The public half as others may see it (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: String,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
}

impl PublicJwk {
    fn new(public_key: &[u8]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public_key);
        // RFC 7638: the required members alone, in this order, without blanks.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        Self { kty: "OKP", crv: "Ed25519", x, kid, usage: "sig", alg: "EdDSA" }
    }

    /// Its RFC 7638 thumbprint, by which tokens name it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key itself, base64url without padding.
    pub fn x(&self) -> &str {
        &self.x
    }
}

impl OwnKey {
    /// Loads `keys/own.pk8` of the state directory, or makes it at the first start.
    /// A key that is there but cannot be used is an error, never replaced.
    pub async fn open(dir: &StateDir) -> Result<Self, KeyError> {
        let dir = dir.clone();
        let opened = tokio::task::spawn_blocking(move || load_or_create(&dir));
        opened.await.unwrap_or(Err(KeyError::Interrupted))
    }

    /// Reads a PKCS#8 key of version 1 (as openssl writes it) or 2, as DER or PEM, or a
    /// bare seed of 32 bytes. `None` for anything else.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let pair = if bytes.starts_with(b"-----BEGIN") {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pem_body(bytes)?)
        } else if bytes.len() == 32 {
            Ed25519KeyPair::from_seed_unchecked(bytes)
        } else {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
        };
        let pair = pair.ok()?;
        let public = PublicJwk::new(pair.public_key().as_ref());
        Some(Self { pair, public })
    }

    /// The public half.
    pub fn public_jwk(&self) -> &PublicJwk {
        &self.public
    }

    /// 32 secret bytes that belong to this key and `purpose`. They come of a signature that is shown to
    /// nobody: signatures of the same text are always the same.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        let signed = self.sign(format!("mcp-conductor derives {purpose}").as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &signed).as_ref());
        bytes
    }

    /// The Ed25519 signature of `message`, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

/// Shows which key it is, not what it is.
impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKey({})", self.public.kid)
    }
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file is there but cannot be trusted or read.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file does not hold an Ed25519 key.
    #[error("key {path} is not an Ed25519 key in PKCS#8 form")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// A new key could not be written.
    #[error("key {path} cannot be written")]
    Write {
        /// The file, or its folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system gave no random numbers.
    #[error("there are no random numbers to make a key from")]
    Random,
    /// The program ended meanwhile.
    #[error("opening the key was interrupted")]
    Interrupted,
}

fn load_or_create(dir: &StateDir) -> Result<OwnKey, KeyError> {
    let folder = dir.path().join(FOLDER);
    let path = folder.join(FILE);
    let bytes = match read_private(&path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map_err(|_| KeyError::Random)?;
            create_folder(dir.path(), &folder)
                .map_err(|source| KeyError::Write { path: folder, source })?;
            write_private(&path, pkcs8.as_ref())
                .map_err(|source| KeyError::Write { path: path.clone(), source })?;
            pkcs8.as_ref().to_vec()
        }
        Err(error) => return Err(error.into()),
    };
    OwnKey::parse(&bytes).ok_or(KeyError::Format { path })
}

fn create_folder(parent: &Path, folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    File::open(parent)?.sync_all()
}

fn pem_body(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    fn seed() -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(SEED).unwrap()
    }

    /// As `openssl genpkey` writes it: version 1, without the public key.
    fn pkcs8_v1() -> Vec<u8> {
        let header = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        [header.to_vec(), seed()].concat()
    }

    fn pem(der: &[u8]) -> Vec<u8> {
        let body = STANDARD.encode(der);
        let (first, second) = body.split_at(40);
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        format!("{begin}\r\n{first}\r\n{second}\r\n{end}\r\n").into_bytes()
    }

    fn check(bytes: &[u8], x: Option<&str>) {
        let key = OwnKey::parse(bytes);
        assert_eq!(key.as_ref().map(|key| key.public.x()), x);
    }

    #[test]
    fn every_common_form_of_a_key_is_read() {
        check(&seed(), Some(X));
        check(&pkcs8_v1(), Some(X));
        check(&pem(&pkcs8_v1()), Some(X));
        check(&seed()[1..], None);
        check(&pkcs8_v1()[1..], None);
        check(b"", None);
        check(b"-----BEGIN PRIVATE KEY-----", None);
        check(&pem(&seed()), None);
    }

    #[test]
    fn what_is_derived_belongs_to_the_key_and_the_purpose() {
        let key = || OwnKey::parse(&seed()).unwrap();
        assert_eq!(key().derive("a"), key().derive("a"), "also after a restart");
        assert_ne!(key().derive("a"), key().derive("b"));
        let mut other = seed();
        other[0] ^= 1;
        assert_ne!(key().derive("a"), OwnKey::parse(&other).unwrap().derive("a"));
    }

    #[test]
    fn the_example_of_rfc_8037_is_signed_as_printed_there() {
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7\
                        sVvpAr_MuM0KAg";
        let signature = OwnKey::parse(&seed()).unwrap().sign(message.as_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(signature), expected);
    }

    #[test]
    fn the_public_key_is_named_by_its_rfc_7638_thumbprint_and_shows_nothing_else() {
        let key = OwnKey::parse(&seed()).unwrap();
        let expected = serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "x": X, "kid": THUMBPRINT, "use": "sig", "alg": "EdDSA"
        });
        assert_eq!(serde_json::to_value(key.public_jwk()).unwrap(), expected);
        assert_eq!(format!("{key:?}"), format!("OwnKey({THUMBPRINT})"));
    }

    #[tokio::test]
    async fn a_key_is_made_once_and_kept_private() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::claim(temp.path()).unwrap();
        let first = OwnKey::open(&dir).await.unwrap();
        let again = OwnKey::open(&dir).await.unwrap();
        assert_eq!(first.public_jwk(), again.public_jwk());
        let modes = ["keys", "keys/own.pk8"]
            .map(|name| fs::metadata(temp.path().join(name)).unwrap().permissions().mode() & 0o777);
        assert_eq!(modes, [0o700, 0o600]);

        let other = StateDir::claim(&temp.path().join("other")).unwrap();
        let theirs = OwnKey::open(&other).await.unwrap();
        assert_ne!(first.public_jwk(), theirs.public_jwk());
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_used_is_told_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = StateDir::claim(temp.path()).unwrap();
        OwnKey::open(&dir).await.unwrap();
        let path = temp.path().join("keys/own.pk8");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let open = OwnKey::open(&dir).await;
        assert!(matches!(open, Err(KeyError::File(PrivateFileError::Open { .. }))), "{open:?}");

        write_private(&path, b"torn").unwrap();
        let torn = OwnKey::open(&dir).await;
        assert!(matches!(torn, Err(KeyError::Format { .. })), "{torn:?}");
        assert_eq!(fs::read(&path).unwrap(), b"torn");
    }
}
