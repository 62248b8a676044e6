//! This file is `conductor secrets`: the master key, and values encrypted with it.
//!
//! It leaves how that is done to `conductor-actors`. No daemon is needed.

use std::fs::DirBuilder;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::time::{SystemTime, UNIX_EPOCH};

use conductor_actors::credentials::{KeySource, MasterKey};

use super::args::{SecretsArgs, SecretsCommand};
use super::load::{Surroundings, state_dir};
use super::out::Out;
use crate::exit::{Exit, Failure};

/// The longest value, in bytes.
const VALUE_MAX: u64 = 1 << 20;

pub(super) fn run(args: &SecretsArgs, out: Out) -> Result<Exit, Failure> {
    if let SecretsCommand::Keygen { print: true } = args.command {
        out.data(MasterKey::new_text()?.trim_end())?;
        return Ok(Exit::Success);
    }
    let dir = state_dir(&args.daemon)?;
    let source = KeySource::of(&Surroundings::read()?.env);
    let made = |source| Failure::System { doing: "make the state directory", source };
    DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(made)?;
    let key = MasterKey::load_or_create(&source, &dir)?;
    match args.command {
        SecretsCommand::Keygen { .. } => out.note(format_args!("the key is `{}`", key.id())),
        SecretsCommand::Encrypt => {
            let token = key.encrypt(&value()?, now())?;
            out.data(&format!("encrypted:{token}"))?;
        }
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
