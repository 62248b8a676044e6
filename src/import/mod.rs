//! This folder turns the settings of MCP clients into settings of ours, and tells what became of
//! each part.
//!
//! ```text
//!   text ─▶ lenient ─▶ tables ─▶ entry ─▶ one of ours
//!   (JSON or TOML)     (source)     ├─ values   variables, paths, secrets
//!                                   └─ report   changed, dropped, lost
//! ```
//!
//! Pure: files are read and written elsewhere. What a secret becomes is asked of whoever has the key;
//! no report ever tells a value.

mod entry;
mod lenient;
mod report;
mod source;
mod tables;
#[cfg(test)]
mod tests;
mod values;

use std::path::Path;

use serde_json::{Map, Value};
use thiserror::Error;

use self::report::Report;
pub(crate) use self::report::{Fate, Note};
pub(crate) use self::source::Source;
use self::values::Values;

/// Why nothing was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("this is neither JSON nor TOML: {0}")]
    Unreadable(String),
    /// It has no table of servers.
    #[error("there is no table of MCP servers in it")]
    NoServers,
}

/// What secrets become.
pub(crate) enum Secrets<'a> {
    /// What this makes of them.
    Sealed(&'a dyn Fn(&str) -> Result<String, String>),
    /// The value of a variable of the environment, which a person has to set.
    Variables,
}

/// Servers as our settings have them, and what was done to them.
#[derive(Debug)]
pub(crate) struct Imported {
    /// By our name.
    pub(crate) servers: Map<String, Value>,
    /// In the order of the servers.
    pub(crate) notes: Vec<Note>,
}

/// Takes over the servers in `text`, which `source` wrote into the file at `path` (absolute).
/// Servers that are for one project alone are taken over for `project`.
pub(crate) fn import(
    text: &str,
    source: Source,
    path: &Path,
    project: Option<&str>,
    secrets: &Secrets<'_>,
) -> Result<Imported, ImportError> {
    let whole = lenient::read(text, path)?;
    let mut report = Report::default();
    let found = tables::servers(whole, source, project, &mut report)?;
    let mut servers = Map::new();
    for (name, entry) in found {
        let ours = free_name(&name, &servers, &mut report);
        let mut values = Values { source, path, secrets, server: &ours, report: &mut report };
        if let Some(entry) = entry::convert(entry, &mut values) {
            servers.insert(ours, Value::Object(entry));
        }
    }
    Ok(Imported { servers, notes: report.notes })
}

/// A name that is lawful here and not taken yet.
fn free_name(name: &str, taken: &Map<String, Value>, report: &mut Report) -> String {
    let fit = |c: char| match c {
        'a'..='z' | '0'..='9' | '_' | '-' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        _ => '-',
    };
    let plain: String = name.trim().chars().map(fit).take(60).collect();
    let plain = if plain.is_empty() { "server".to_owned() } else { plain };
    let numbered = (2_u32..).map(|number| format!("{plain}-{number}"));
    let mut free = std::iter::once(plain.clone()).chain(numbered);
    let ours = free.find(|one| !taken.contains_key(one)).unwrap_or(plain);
    if ours != name {
        report.note(&ours, "", Fate::Changed, format!("was called `{}`", name.escape_debug()));
    }
    ours
}
