//! This file keeps the admin token: makes it at the first start, reads it at the others and when
//! settings are read again, and compares what is given with it.
//!
//! It leaves everything behind it to the routes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use conductor_actors::store::{PrivateFileError, read_private, write_private};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

use super::Problem;

const FILE: &str = "admin.token";
const FILE_BYTES_MAX: u64 = 4096;
/// Bytes of a token that is made here.
const LENGTH: usize = 32;
/// The fewest characters that a token from a file may have.
const LENGTH_MIN: usize = 16;

/// What opens the REST API. It can be compared with, and nothing else.
pub(crate) struct AdminToken {
    /// The file that the settings name; none if it is the one in the state directory.
    named: Option<PathBuf>,
    /// Where it is kept.
    path: PathBuf,
    key: hmac::Key,
    tag: ArcSwap<hmac::Tag>,
}

/// A token as it was read; it can be put in force, and nothing else.
pub(crate) struct ReadToken(hmac::Tag);

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file is there but cannot be trusted or read, or the settings name one that is not there.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file has no token in it.
    #[error("file {path} must hold one line of at least {LENGTH_MIN} characters, without blanks")]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// A new token could not be written.
    #[error("file {path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system gave no random numbers.
    #[error("there are no random numbers to make an admin token from")]
    Random,
}

impl AdminToken {
    /// The token in `file`, or else the one in `state_dir`, which is made if there is none. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub(crate) fn open(file: Option<&Path>, state_dir: &Path) -> Result<Self, TokenError> {
        let random = SystemRandom::new();
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &random).map_err(|_| TokenError::Random)?;
        let (named, path) = (file.map(Path::to_owned), state_dir.join(FILE));
        let ReadToken(tag) = match read(&key, file, &path) {
            Err(TokenError::File(error)) if error.is_not_found() && file.is_none() => {
                let mut bytes = [0; LENGTH];
                random.fill(&mut bytes).map_err(|_| TokenError::Random)?;
                let text = URL_SAFE_NO_PAD.encode(bytes) + "\n";
                write_private(&path, text.as_bytes())
                    .map_err(|source| TokenError::Write { path: path.clone(), source })?;
                read(&key, file, &path)?
            }
            token => token?,
        };
        Ok(Self { named, path, key, tag: ArcSwap::from_pointee(tag) })
    }

    /// The file that it is read from.
    pub(crate) fn file(&self) -> &Path {
        self.named.as_deref().unwrap_or(&self.path)
    }

    /// What the file says now. Blocks on the disk.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub(crate) fn read_again(&self) -> Result<ReadToken, TokenError> {
        read(&self.key, self.named.as_deref(), &self.path)
    }

    /// Has `token` hold from the next request on; says whether it is another than before.
    pub(crate) fn put_in_force(&self, ReadToken(tag): ReadToken) -> bool {
        let now = Arc::new(tag);
        let before = self.tag.swap(Arc::clone(&now));
        (*before).as_ref() != (*now).as_ref()
    }

    /// Whether `given` is it; takes as long whatever it is.
    fn is(&self, given: &[u8]) -> bool {
        hmac::verify(&self.key, given, (**self.tag.load()).as_ref()).is_ok()
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return Err("this needs the admin token, as `Authorization: Bearer`");
        };
        let given = value.as_bytes().split_at_checked(7);
        match given {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"bearer ") => {
                if self.is(given.trim_ascii()) {
                    Ok(())
                } else {
                    Err("this is not the admin token")
                }
            }
            Some(_) | None => Err("this needs the admin token, as `Authorization: Bearer`"),
        }
    }
}

/// The token in the file that is `named`, or else at `path`.
fn read(key: &hmac::Key, named: Option<&Path>, path: &Path) -> Result<ReadToken, TokenError> {
    // What names it may be a link, as where a container is given its secrets.
    let linked = named.map(|file| file.canonicalize().unwrap_or_else(|_| file.to_owned()));
    let path = linked.as_deref().unwrap_or(path);
    let text = read_private(path, FILE_BYTES_MAX)?;
    let text = text.trim_ascii();
    if text.len() < LENGTH_MIN || !text.iter().all(u8::is_ascii_graphic) {
        return Err(TokenError::Format { path: path.to_owned() });
    }
    Ok(ReadToken(hmac::sign(key, text)))
}

/// Lets those in who have the token.
pub(crate) async fn checked(
    State(token): State<Arc<AdminToken>>,
    request: Request,
    next: Next,
) -> Response {
    match token.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(detail) => {
            let refusal = Problem::refusal(StatusCode::UNAUTHORIZED, "unauthorized", detail);
            let mut response = refusal.into_response();
            let scheme = HeaderValue::from_static("Bearer realm=\"mcp-conductor\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let made = AdminToken::open(None, dir.path()).unwrap();
        let file = dir.path().join(FILE);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read(&file).unwrap();
        assert_eq!(text.len(), 44);
        assert!(made.is(text.trim_ascii()));
        assert!(AdminToken::open(None, dir.path()).unwrap().is(text.trim_ascii()));
        assert!(!made.is(b"") && !made.is(&text));
    }

    #[test]
    fn a_file_that_the_settings_name_must_be_there_and_private_and_may_be_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let told = |file: &Path| AdminToken::open(Some(file), dir.path()).map(|_| ()).unwrap_err();
        assert!(matches!(told(&file), TokenError::File(_)));
        for odd in ["", "short", "with blanks and long enough", "\n"] {
            write_private(&file, odd.as_bytes()).unwrap();
            assert!(matches!(told(&file), TokenError::Format { .. }), "{odd:?}");
        }
        write_private(&file, b"0123456789abcdef\r\n").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(AdminToken::open(Some(&link), dir.path()).unwrap().is(b"0123456789abcdef"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(told(&file).to_string().contains("is open to others"));
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn another_token_in_the_file_holds_once_it_is_put_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let token = AdminToken::open(None, dir.path()).unwrap();
        assert!(!token.put_in_force(token.read_again().unwrap()));
        let old = std::fs::read(token.file()).unwrap();
        write_private(token.file(), b"0123456789abcdef").unwrap();
        let read = token.read_again().unwrap();
        assert!(token.is(old.trim_ascii()));
        assert!(token.put_in_force(read));
        assert!(token.is(b"0123456789abcdef") && !token.is(old.trim_ascii()));
        write_private(token.file(), b"short").unwrap();
        assert!(matches!(token.read_again(), Err(TokenError::Format { .. })));
    }

    #[test]
    fn s29_only_the_bearer_of_the_token_comes_in() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        write_private(&file, b"0123456789abcdef").unwrap();
        let token = AdminToken::open(Some(&file), dir.path()).unwrap();
        for (values, expected) in [
            (&["Bearer 0123456789abcdef"][..], true),
            (&["bearer  0123456789abcdef "][..], true),
            (&[][..], false),
            (&["Bearer "][..], false),
            (&["Bearer"][..], false),
            (&["0123456789abcdef"][..], false),
            (&["Basic 0123456789abcdef"][..], false),
            (&["Bearer 0123456789abcdeF"][..], false),
            (&["Bearer 0123456789abcde"][..], false),
            (&["Bearer 0123456789abcdef0"][..], false),
            (&["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"][..], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(token.check(&headers).is_ok(), expected, "{values:?}");
        }
    }
}
