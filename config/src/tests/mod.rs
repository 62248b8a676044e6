//! This file holds what the tests of whole settings share: files in, settings or
//! problems out. The cases stand in the files beside it.

mod changes;
mod entries;
mod manual;
mod names;
mod registered;
mod rows;
mod sections;
mod sources;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tempfile::TempDir;

use crate::{Config, ConfigError, LoadRequest, ServerSpec, StdioSpec, Transport, load};

/// A folder with these files, all of which are named in the request in this order.
fn folder(files: &[(&str, &str)]) -> (TempDir, LoadRequest) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let request = LoadRequest {
        files: files.iter().map(|(name, _)| PathBuf::from(name)).collect(),
        env: variables(&[("HOME", "/home/me"), ("TOKEN", "s3cret"), ("BLANKS", "a b")]),
        cwd: folder.path().to_path_buf(),
        ..LoadRequest::default()
    };
    (folder, request)
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn try_load(file: &str, text: &str) -> Result<Config, ConfigError> {
    let (_folder, request) = folder(&[(file, text)]);
    load(&request)
}

#[track_caller]
fn loaded(file: &str, text: &str) -> Config {
    try_load(file, text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The settings have exactly these problems: each the beginning of a line
/// `key: message`, with what else it must say behind ` … `.
#[track_caller]
fn refused(file: &str, text: &str, expected: &[&str]) {
    let error = match try_load(file, text) {
        Ok(config) => panic!("{text}\naccepted as {config:?}"),
        Err(error) => error,
    };
    let told: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expected.len(), "{text}\n{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        let mut parts = expected.split(" … ");
        let begins = format!("{file}: {}", parts.next().unwrap());
        assert!(told.starts_with(&begins), "{told}\ndoes not begin with {begins}");
        for part in parts {
            assert!(told.contains(part), "{told}\ndoes not contain {part}");
        }
    }
}

/// The one server of a settings file.
#[track_caller]
fn only(config: &Config) -> Arc<ServerSpec> {
    assert_eq!(config.servers.len(), 1);
    config.servers.values().next().unwrap().clone()
}

/// The server whose entry has these lines of TOML.
#[track_caller]
fn server(lines: &str) -> Arc<ServerSpec> {
    only(&loaded("a.toml", &format!("[mcpServers.git]\n{lines}")))
}

#[track_caller]
fn stdio(spec: &ServerSpec) -> &StdioSpec {
    match &spec.transport {
        Transport::Stdio(stdio) => stdio,
        Transport::Remote(remote) => panic!("{remote:?}"),
    }
}
