//! This file decrypts values of settings with the master key of the daemon.
//!
//! It leaves where such values may stand to `conductor-config`, and how they are encrypted to
//! `conductor-actors`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use conductor_actors::credentials::{KeySource, Keyring};
use conductor_config::Decrypter;

/// Decrypts with the key that `environment` names, or else the one in the state directory; in
/// `lasting`, if there is one, where the state directory itself does not last.
pub(crate) fn decrypter(
    environment: &BTreeMap<String, String>,
    lasting: Option<PathBuf>,
) -> Decrypter {
    let source = KeySource::of(environment);
    Decrypter::new(move |state_dir, token| {
        let keys = Keyring::load(&source, lasting.as_deref().unwrap_or(state_dir))
            .map_err(|error| error.to_string())?;
        let keys = keys.ok_or("there is no master key; put it back, or make one with `conductor secrets keygen` and encrypt the value again")?;
        keys.decrypt(token).map_err(|error| error.to_string())
    })
}
