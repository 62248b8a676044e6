//! This file turns the texts in an entry into ours: variables, folders, secrets.
//!
//! It leaves which key holds what to `entry`.

use std::path::Path;

use conductor_actors::credentials::url_login;
use conductor_config::ENCRYPTED;

use super::report::{Fate, Report};
use super::{Secrets, Source};

/// Parts of names whose values are secrets.
const SECRET_NAMES: &[&str] = &[
    "token",
    "secret",
    "passw",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "access-key",
    "credential",
    "authorization",
    "cookie",
    "private_key",
    "signing_key",
    "auth_key",
];
/// Whole names whose values are, as they stand in URLs.
const SECRET_WORDS: &[&str] = &["key", "sig", "signature", "auth", "pass", "pwd"];
/// What secrets begin with, by their makers' own word.
const SECRET_STARTS: &[&str] = &[
    "sk-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "eyJ",
    "npm_",
    "hf_",
    "Bearer ",
    "Basic ",
];
/// What is asked of the machine by other programs and cannot be by us.
const FOREIGN: &[&str] = &["${cmd:", "${keyring:", "{file:"];

/// The texts of one entry.
pub(super) struct Values<'a> {
    pub(super) source: Source,
    /// The client's file.
    pub(super) path: &'a Path,
    pub(super) secrets: &'a Secrets<'a>,
    /// Our name of the server.
    pub(super) server: &'a str,
    pub(super) report: &'a mut Report,
}

impl Values<'_> {
    pub(super) fn note(&mut self, key: &str, fate: Fate, what: impl Into<String>) {
        self.report.note(self.server, key, fate, what);
    }

    /// The file that a value stands for and that holds nothing else, which we read as well.
    pub(super) fn file(&mut self, key: &str, text: &str) -> Option<String> {
        let path = text.strip_prefix("{file:")?.strip_suffix('}')?;
        if self.source != Source::Opencode || path.contains(['{', '}']) {
            return None;
        }
        let path = self.place(key, path)?;
        self.note(key, Fate::Changed, "is read from its file here as well");
        Some(path)
    }

    /// A text with our variables in it; nothing if it needs what only its client has.
    pub(super) fn text(&mut self, key: &str, text: &str) -> Option<String> {
        if let Some(foreign) = FOREIGN.iter().find(|foreign| text.contains(**foreign)) {
            let what =
                format!("`{foreign}…` is known to that client alone: the server is left out");
            self.note(key, Fate::Lost, what);
            return None;
        }
        let mut out = text.to_owned();
        self.folders(key, &mut out);
        self.inputs(key, &mut out);
        if self.source == Source::Opencode && out.contains("{env:") {
            out = out.replace("${env:", "{env:").replace("{env:", "${");
            self.note(key, Fate::Changed, "`{env:NAME}` is `${NAME}` here");
        }
        if self.source.expands_bare() {
            let braced = braced(&out);
            if braced != out {
                self.note(key, Fate::Changed, "`$NAME` is `${NAME}` here");
                out = braced;
            }
        }
        Some(out)
    }

    /// The folder that the client's file is about.
    pub(super) fn folder(&self) -> &Path {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let is_hidden =
            folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden { folder.parent().unwrap_or(folder) } else { folder }
    }

    /// A path of a file or folder; one that starts where its client does starts at its folder.
    pub(super) fn place(&mut self, key: &str, text: &str) -> Option<String> {
        let text = self.text(key, text)?;
        if text.starts_with(['/', '~', '$', '%']) {
            return Some(text);
        }
        let whole = self.folder().join(text.trim_start_matches("./")).display().to_string();
        self.note(key, Fate::Changed, format!("starts at {}", self.folder().display()));
        Some(whole)
    }

    /// Folders that an editor knows.
    fn folders(&mut self, key: &str, text: &mut String) {
        let folder = self.folder();
        let base = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = folder.display().to_string();
        for (from, to) in [
            ("${workspaceFolder}", folder.as_str()),
            ("${workspaceRoot}", folder.as_str()),
            ("${workspaceFolderBasename}", base.as_str()),
            ("${userHome}", "${HOME}"),
            ("${pathSeparator}", "/"),
            ("${/}", "/"),
        ] {
            if text.contains(from) {
                *text = text.replace(from, to);
                self.note(key, Fate::Changed, format!("`{from}` is `{to}` now"));
            }
        }
    }

    /// Values that an editor asks a person for.
    fn inputs(&mut self, key: &str, text: &mut String) {
        while let Some((head, rest)) = text.split_once("${input:") {
            let Some((id, tail)) = rest.split_once('}') else { return };
            let name = variable(id);
            let what = format!("was asked for; set {name} where the daemon runs");
            let whole = format!("{head}${{{name}}}{tail}");
            self.note(key, Fate::Changed, what);
            *text = whole;
        }
    }

    /// A value under `name`, which may be a secret. `sealable` are places that are decrypted.
    pub(super) fn value(
        &mut self,
        key: &str,
        name: &str,
        text: &str,
        sealable: bool,
    ) -> Option<String> {
        let text = self.text(key, text)?;
        if !is_secret(name, &text) {
            return Some(text);
        }
        if let (Secrets::Sealed(seal), true) = (self.secrets, sealable) {
            return match seal(&text) {
                Ok(sealed) => {
                    self.note(key, Fate::Changed, "is encrypted now");
                    Some(sealed)
                }
                Err(why) => {
                    self.note(key, Fate::Lost, why);
                    None
                }
            };
        }
        let name = if key.starts_with("env.") {
            variable(name)
        } else {
            variable(&format!("{}_{name}", self.server))
        };
        self.note(key, Fate::Changed, format!("is a secret: set {name} where the daemon runs"));
        Some(format!("${{{name}}}"))
    }

    /// The arguments of a program: a secret among them is what follows a name of one.
    pub(super) fn arguments(&mut self, args: &[String]) -> Option<Vec<String>> {
        let mut out = Vec::with_capacity(args.len());
        let mut before = String::new();
        for (at, arg) in args.iter().enumerate() {
            let key = format!("args.{at}");
            let (flag, value) = match arg.split_once('=') {
                Some((flag, value)) if is_flag(flag) => (flag.to_owned(), value),
                _ => (before.clone(), arg.as_str()),
            };
            let name = flag.trim_start_matches('-').to_owned();
            let name = if name.is_empty() { format!("arg_{at}") } else { name };
            let value = if is_flag(value) {
                self.text(&key, value)?
            } else {
                self.value(&key, &name, value, false)?
            };
            out.push(match arg.split_once('=') {
                Some((flag, _)) if is_flag(flag) => format!("{flag}={value}"),
                _ => value,
            });
            before = if is_flag(arg) && !arg.contains('=') { arg.clone() } else { String::new() };
        }
        Some(out)
    }

    /// A URL, whose login and query may hold secrets.
    pub(super) fn url(&mut self, url: &str) -> Option<String> {
        let url = self.login(url)?;
        let Some((head, query)) = url.split_once('?') else { return self.text("url", &url) };
        let mut pairs = Vec::new();
        for pair in query.split('&') {
            pairs.push(match pair.split_once('=') {
                Some((name, value)) => {
                    format!("{name}={}", self.value("url", name, value, false)?)
                }
                None => pair.to_owned(),
            });
        }
        Some(format!("{}?{}", self.text("url", head)?, pairs.join("&")))
    }

    /// A URL without the password in its login; a login that is one word is one, too.
    fn login(&mut self, url: &str) -> Option<String> {
        let Some(login) = url_login(url) else { return Some(url.to_owned()) };
        let (scheme, rest) = url.split_at(url.find("://").map_or(0, |at| at + 3));
        let behind = &rest[login.len()..];
        let login = match login.split_once(':').filter(|_| !login.starts_with("${")) {
            Some((user, password)) => {
                format!("{user}:{}", self.value("url", "password", password, false)?)
            }
            None => self.value("url", "token", login, false)?,
        };
        Some(format!("{scheme}{login}{behind}"))
    }
}

fn is_flag(word: &str) -> bool {
    word.starts_with('-')
}

/// Whether a value is to be shown to nobody: by its name, or by how it begins.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = SECRET_NAMES.iter().any(|part| name.contains(part)) || name.ends_with("_key");
    let named = named || SECRET_WORDS.contains(&&*name);
    let starts = SECRET_STARTS.iter().any(|start| value.starts_with(start) && value.len() > 12);
    let is_plain = value.is_empty()
        || value.contains("${")
        || value.starts_with(ENCRYPTED)
        || matches!(value, "true" | "false")
        || value.parse::<f64>().is_ok() && value.len() < 6
        || value.starts_with(['/', '~', '.']) && !starts;
    (named || starts || has_password(value)) && !is_plain
}

/// Whether it is an address with a password in its login, as those of databases are.
fn has_password(value: &str) -> bool {
    let login = url_login(value).filter(|_| value.contains("://"));
    let password = login.and_then(|login| login.split_once(':')).map(|(_, password)| password);
    password.is_some_and(|password| !password.is_empty())
}

/// A name for a variable of the environment.
fn variable(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.chars().map(fit).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// `$NAME` as `${NAME}`; what has braces already stays.
fn braced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('$') {
        out.push_str(head);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = tail.find(|c| !word(c)).unwrap_or(tail.len());
        let is_name = tail.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if is_name {
            out.push_str("${");
            out.push_str(&tail[..length]);
            out.push('}');
            rest = &tail[length..];
        } else {
            out.push('$');
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}
