//! This file is `conductor secrets`: the master key, and values encrypted with it.
//!
//! It leaves how that is done to `conductor-actors`. No daemon is needed.

use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use conductor_actors::Storage;
use conductor_actors::credentials::{KeySource, Keyring, MasterKey};

use super::args::{SecretsArgs, SecretsCommand};
use super::load::{Surroundings, private_state_dir};
use super::out::Out;
use crate::exit::{Exit, Failure};

/// The longest value, in bytes.
const VALUE_MAX: u64 = 1 << 20;

pub(super) async fn run(args: &SecretsArgs, out: Out) -> Result<Exit, Failure> {
    if let SecretsCommand::Keygen { print: true } = args.command {
        out.data(MasterKey::new_text()?.trim_end())?;
        return Ok(Exit::Success);
    }
    let dir = private_state_dir(&args.daemon)?;
    let source = KeySource::of(&Surroundings::read()?.env);
    if let SecretsCommand::Rotate { drop_old } = args.command {
        return rotate(&source, &dir, drop_old, out).await;
    }
    let keys = Keyring::load_or_create(&source, &dir)?;
    let key = keys.first();
    match args.command {
        SecretsCommand::Keygen { .. } | SecretsCommand::Rotate { .. } => {
            out.note(format_args!("the key is `{}`", key.id()));
        }
        SecretsCommand::Encrypt => {
            let token = key.encrypt(&value()?, now())?;
            out.data(&format!("encrypted:{token}"))?;
        }
    }
    Ok(Exit::Success)
}

/// A new key, what is registered under it, and, once nothing needs them, the old ones gone. No daemon
/// may run meanwhile: the state directory is locked.
async fn rotate(source: &KeySource, dir: &Path, drop_old: bool, out: Out) -> Result<Exit, Failure> {
    let storage = Storage::open(dir).await?;
    // The new key is on the disk before anything is encrypted with it, the old one until nothing is.
    if !drop_old {
        Keyring::add_key(source, dir)?;
    }
    let resealed = storage.registrations(source.clone()).seal_anew().await?;
    out.note(format_args!("{} registrations are under the newest key", resealed.done));
    for id in &resealed.unreadable {
        out.note(format_args!("the registration of `{id}` cannot be decrypted, and is as it was"));
    }
    if !resealed.unreadable.is_empty() {
        return Ok(Exit::Failed);
    }
    if drop_old {
        let keys = Keyring::drop_old(source, dir)?;
        out.note(format_args!("the only key is `{}`", keys.first().id()));
    } else {
        out.note(
            "values in settings files are still under the old key, which is kept: encrypt them \
             anew, then `conductor secrets rotate --drop-old`",
        );
    }
    Ok(Exit::Success)
}

/// What is to be encrypted.
fn value() -> Result<String, Failure> {
    let unreadable = |source| Failure::System { doing: "read the value from stdin", source };
    let mut text = String::new();
    std::io::stdin().take(VALUE_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::Usage("there is nothing on stdin to be encrypted".to_owned()));
    }
    Ok(line.to_owned())
}

/// Seconds since 1970, which a token tells.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
