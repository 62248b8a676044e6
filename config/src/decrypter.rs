//! This file hands values that begin with `encrypted:` to whoever can decrypt them.
//! It knows neither keys nor formats.

use std::{fmt, path::Path, sync::Arc};

/// What a value begins with that is encrypted; a token follows.
pub const ENCRYPTED: &str = "encrypted:";

type Decrypt = dyn Fn(&Path, &str) -> Result<String, String> + Send + Sync;

/// Decrypts values. The default one cannot.
#[derive(Clone, Default)]
pub struct Decrypter(Option<Arc<Decrypt>>);

impl Decrypter {
    /// Has `decrypt` make a text of a token, the state directory being known; its error completes
    /// "cannot be decrypted: ".
    pub fn new(
        decrypt: impl Fn(&Path, &str) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(decrypt)))
    }

    /// The text in a value; none if the value is not encrypted.
    pub(crate) fn open(&self, state_dir: &Path, value: &str) -> Option<Result<String, String>> {
        let token = value.strip_prefix(ENCRYPTED)?;
        Some(match &self.0 {
            Some(decrypt) => decrypt(state_dir, token),
            None => Err("there is no key here".to_owned()),
        })
    }
}

impl fmt::Debug for Decrypter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Decrypter" } else { "no Decrypter" })
    }
}
