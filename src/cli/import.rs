//! This file is `conductor import`: the servers of another client's settings, as settings of ours.
//!
//! It leaves what becomes of each key to the folder `import`.

use std::cell::OnceCell;
use std::time::{SystemTime, UNIX_EPOCH};

use conductor_actors::credentials::{KeySource, Keyring};
use conductor_config::ENCRYPTED;
use serde_json::{Value, json};

use super::args::{ImportArgs, SecretsBecome};
use super::client_file;
use super::load::{Surroundings, private_state_dir};
use super::out::Out;
use crate::exit::{Exit, Failure};
use crate::import::{Fate, Imported, Secrets, Source, import};

pub(super) fn run(args: &ImportArgs, out: Out) -> Result<Exit, Failure> {
    let found = found(args)?;
    let settings = json!({ "mcpServers": found.servers });
    if args.json {
        out.json(&json!({ "settings": settings, "report": found.notes }))?;
    } else {
        report(&found, out);
        show(args, &settings, out)?;
    }
    let lost = found.notes.iter().any(|note| note.fate == Fate::Lost);
    Ok(if lost { Exit::Failed } else { Exit::Success })
}

fn found(args: &ImportArgs) -> Result<Imported, Failure> {
    let unreadable = |source| Failure::System { doing: "read the client's file", source };
    let surroundings = Surroundings::read()?;
    let path = surroundings.cwd.join(&args.file);
    let text = std::fs::read_to_string(&path).map_err(unreadable)?;
    let source = args.source.unwrap_or_else(|| Source::of(&path, &text));
    let project = args.project.as_ref().map(|dir| surroundings.cwd.join(dir).display().to_string());
    let project = project.as_deref();
    if args.secrets == SecretsBecome::Env {
        return Ok(import(&text, source, &path, project, &Secrets::Variables)?);
    }
    let keys = KeySource::of(&surroundings.env);
    let dir = private_state_dir(&args.daemon)?;
    let keyring = OnceCell::new(); // no key is made where there is no secret
    let seal = |value: &str| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let load = || Keyring::load_or_create(&keys, &dir).map_err(|error| error.to_string());
        let keyring = keyring.get_or_init(load).as_ref().map_err(Clone::clone)?;
        let token = keyring.first().encrypt(value, now).map_err(|error| error.to_string())?;
        Ok(format!("{ENCRYPTED}{token}"))
    };
    Ok(import(&text, source, &path, project, &Secrets::Sealed(&seal))?)
}

fn report(found: &Imported, out: Out) {
    for note in &found.notes {
        let place: Vec<&str> = [note.server.as_str(), note.key.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        out.note(format_args!("{}: {} {}", note.fate.as_str(), place.join(" "), note.what));
    }
    out.note(format_args!("{} servers are taken over", found.servers.len()));
}

fn show(args: &ImportArgs, settings: &Value, out: Out) -> Result<(), Failure> {
    let text = format!("{settings:#}");
    let Some(file) = &args.write else { return out.data(&text) };
    Ok(client_file::write(file, &text, "them", out)?)
}
