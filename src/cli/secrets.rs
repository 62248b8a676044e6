//! This file is `conductor secrets`: the master key, and values encrypted with it.
//!
//! It leaves how that is done to `conductor-actors`. No daemon is needed.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use conductor_actors::Storage;
use conductor_actors::credentials::{KeySource, Keyring, MasterKey};
use conductor_config::{ENCRYPTED, Overrides};

use super::args::{SecretsArgs, SecretsCommand};
use super::client_file;
use super::load::{Surroundings, private_state_dir};
use super::out::Out;
use super::rewrap::{Rewrapped, rewrapped};
use crate::exit::{Exit, Failure};

/// The longest value, in bytes.
const VALUE_MAX: u64 = 1 << 20;

pub(super) async fn run(args: &SecretsArgs, out: Out) -> Result<Exit, Failure> {
    if let SecretsCommand::Keygen { print: true } = args.command {
        out.data(MasterKey::new_text()?.trim_end())?;
        return Ok(Exit::Success);
    }
    let dir = private_state_dir(&args.daemon)?;
    if let SecretsCommand::Rotate { drop_old, dry_run } = args.command {
        return rotate(args, &dir, Wanted { drop_old, dry_run }, out).await;
    }
    let source = KeySource::of(&Surroundings::read()?.env);
    let keys = Keyring::load_or_create(&source, &dir)?;
    let key = keys.first();
    match args.command {
        SecretsCommand::Keygen { .. } | SecretsCommand::Rotate { .. } => {
            out.note(format_args!("the key is `{}`", key.id()));
        }
        SecretsCommand::Encrypt => {
            let token = key.encrypt(&value()?, now())?;
            out.data(&format!("{ENCRYPTED}{token}"))?;
        }
    }
    Ok(Exit::Success)
}

/// What is to be done about the keys.
#[derive(Clone, Copy)]
struct Wanted {
    drop_old: bool,
    dry_run: bool,
}

/// A new key, everything under it, and, once nothing needs them, the old ones gone. No daemon may run
/// meanwhile: the state directory is locked. Every step leaves keys for all that there is, so that it
/// can be interrupted anywhere and done again.
async fn rotate(args: &SecretsArgs, dir: &Path, wanted: Wanted, out: Out) -> Result<Exit, Failure> {
    let surroundings = Surroundings::read()?;
    let source = KeySource::of(&surroundings.env);
    let storage = Storage::open(dir).await?;
    // Before anything changes: what cannot be loaded tells of no files.
    let overrides = Overrides { state_dir: Some(dir.to_owned()), ..Overrides::default() };
    let config = surroundings.settings(&args.daemon.files.config, overrides)?;
    let files = config.sources.iter().chain(&config.secret_files);
    let files: BTreeSet<PathBuf> = files.map(|file| surroundings.cwd.join(file)).collect();
    if wanted.dry_run {
        let count = storage.registrations(source.clone()).load().await?.len();
        out.note(format_args!("{count} registrations would be under a new key"));
        let keys = Keyring::load(&source, dir)?;
        return keys.map_or(Ok(()), |keys| foretell(&files, &keys, out)).map(|()| Exit::Success);
    }
    // The new key is on the disk before anything is encrypted with it, the old one until nothing is.
    if !wanted.drop_old {
        Keyring::add_key(&source, dir)?;
    }
    let resealed = storage.registrations(source.clone()).seal_anew().await?;
    out.note(format_args!("{} registrations are under the newest key", resealed.done));
    for id in &resealed.unreadable {
        out.note(format_args!("the registration of `{id}` cannot be decrypted, and is as it was"));
    }
    if let Some(keys) = Keyring::load(&source, dir)? {
        for (number, file) in files.iter().enumerate() {
            let progress = format!("{} of {} files", number + 1, files.len());
            rewrap(file, &keys, &progress, out)?;
        }
    }
    if !resealed.unreadable.is_empty() {
        return Ok(Exit::Failed);
    }
    if wanted.drop_old {
        let keys = Keyring::drop_old(&source, dir)?;
        out.note(format_args!("the only key is `{}`", keys.first().id()));
    } else {
        out.note(
            "the old key is kept for values that are elsewhere, as in variables: encrypt these \
             anew, then `conductor secrets rotate --drop-old`",
        );
    }
    Ok(Exit::Success)
}

/// Says what would be encrypted anew in these files.
fn foretell(files: &BTreeSet<PathBuf>, keys: &Keyring, out: Out) -> Result<(), Failure> {
    for file in files {
        let found = rewrapped(&text_of(file)?, keys, now());
        let count = found.done + found.kept;
        out.note(format_args!("{}: {count} values would be", file.display()));
        tell_unreadable(file, &found, out);
    }
    Ok(())
}

/// Encrypts anew what stands in one file, and says so.
fn rewrap(file: &Path, keys: &Keyring, progress: &str, out: Out) -> Result<(), Failure> {
    let found = rewrapped(&text_of(file)?, keys, now());
    let shown = file.display();
    tell_unreadable(file, &found, out);
    if found.done == 0 {
        out.note(format_args!("{progress}: {shown} has nothing to be encrypted anew"));
        return Ok(());
    }
    let backup = client_file::exchange(file, &found.text)?;
    let (done, backup) = (found.done, backup.display());
    out.note(format_args!(
        "{progress}: {done} values in {shown} are under the newest key; what was there is in {backup}"
    ));
    Ok(())
}

/// No key of ours made them, so that none of ours is needed for them either.
fn tell_unreadable(file: &Path, found: &Rewrapped, out: Out) {
    for line in &found.unreadable {
        let file = file.display();
        out.note(format_args!(
            "{file}, line {line}: a value that cannot be decrypted is as it was"
        ));
    }
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::System { doing: "read a file of the settings", source };
    std::fs::read_to_string(file).map_err(unreadable)
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
