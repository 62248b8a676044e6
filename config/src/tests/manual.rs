//! This file holds the tests that the manual, the list of keys and the reader agree, and
//! that every example is what it claims to be.

use std::path::Path;

use super::{try_load, variables};
use crate::{
    DEFAULTS, LoadRequest,
    keys::{self, Keys, Shape},
    load,
};

/// Every key with its path; a name that a person would choose is `x`.
fn all_keys() -> Vec<(String, Shape)> {
    fn walk(keys: Keys, prefix: &str, found: &mut Vec<(String, Shape)>) {
        for key in keys.iter().copied().flatten() {
            let path = format!("{prefix}{}", key.name);
            found.push((path.clone(), key.shape));
            match key.shape {
                Shape::Table(inner) => walk(inner, &format!("{path}."), found),
                Shape::Each(inner) => walk(inner, &format!("{path}.x."), found),
                Shape::Text
                | Shape::Flag
                | Shape::Count
                | Shape::List
                | Shape::Command
                | Shape::Texts => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(keys::ROOT, "", &mut found);
    found
}

/// Settings with this value under this key, and otherwise only what makes a server one.
fn with(path: &str, value: serde_json::Value) -> String {
    let mut text = path.rsplit('.').fold(value, |inner, key| serde_json::json!({ key: inner }));
    let reached = match path.strip_prefix("mcpServers.x.") {
        Some("headers") => Some(("url", "http://host.example")),
        Some("command" | "url" | "serverUrl" | "httpUrl") | None => None,
        Some(_) => Some(("command", "x")),
    };
    if let Some((key, value)) = reached {
        text["mcpServers"]["x"][key] = value.into();
    }
    text.to_string()
}

#[test]
fn every_key_is_read() {
    for (path, _) in all_keys() {
        // No key takes a list of objects, so whoever reads it must complain.
        let text = with(&path, serde_json::json!([{}]));
        let error = try_load("a.json", &text).expect_err(&path);
        let named = |key: &str| key == path || key == format!("{path}[0]");
        assert!(error.problems.iter().any(|problem| named(&problem.key)), "{path}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn odd_values_under_known_keys_never_bring_it_down(
        picks in proptest::collection::vec((0..1000_usize, 0..ODD.len()), 1..5)
    ) {
        let keys = all_keys();
        let picks = picks.iter().map(|(key, odd)| (&keys[key % keys.len()].0, ODD[*odd]));
        let files: Vec<String> =
            picks.map(|(path, odd)| with(path, serde_json::from_str(odd).unwrap())).collect();
        let names = ["a.json", "b.json", "c.json", "d.json"];
        let layers: Vec<(&str, &str)> =
            names.into_iter().zip(files.iter().map(String::as_str)).collect();
        let (_dir, request) = super::folder(&layers);
        if let Err(error) = load(&request) {
            proptest::prop_assert!(!error.problems.is_empty());
        }
    }
}

const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e300",
    "18446744073709551615",
    "\"\"",
    "\" \"",
    "\"${\"",
    "\"~\"",
    "\"off\"",
    "\"\\u0000\"",
    "\"-1s\"",
    "[]",
    "[\"a\"]",
    "[[]]",
    "{}",
    "{\"\": 1}",
    "{\"a\": {\"b\": null}}",
];

#[test]
fn every_key_is_in_the_manual() {
    let lines: Vec<&str> =
        DEFAULTS.lines().map(|line| line.trim_start_matches(['#', ' '])).collect();
    for (path, _) in all_keys() {
        let name = path.rsplit('.').next().unwrap();
        let quoted = format!("`{name}`");
        let listed = lines.iter().any(|line| {
            let table = line
                .strip_prefix('[')
                .is_some_and(|line| line.trim_end_matches(']').split('.').any(|part| part == name));
            let set = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "));
            table || set || line.contains(&quoted)
        });
        assert!(listed, "{path} is not in default.toml");
    }
}

#[test]
fn every_key_with_a_default_has_it_in_the_manual() {
    let defaults = crate::document::parse(DEFAULTS, crate::document::Format::Toml).unwrap();
    let defaults = figment::value::Value::from(defaults);
    for (path, shape) in all_keys() {
        let chosen = path.contains(".x.") || matches!(shape, Shape::Each(_));
        assert!(chosen || defaults.find_ref(&path).is_some(), "{path} has no default");
    }
}

#[test]
fn the_default_settings_are_good() {
    let config = try_load("a.toml", DEFAULTS).unwrap();
    assert_eq!(config, {
        let mut same = try_load("a.toml", "").unwrap();
        same.sources.clone_from(&config.sources);
        same
    });
}

#[test]
fn the_commented_servers_of_the_manual_are_good() {
    let (_, servers) = DEFAULTS.split_once("# [mcpServers.git]").unwrap();
    let text: String =
        servers.lines().map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    let text: String = text
        .lines()
        .filter(|line| {
            let is_key =
                line.split(" = ").next().is_some_and(|key| key.chars().all(char::is_alphanumeric));
            line.starts_with('[') || (is_key && line.contains(" = "))
        })
        .filter(|line| !line.starts_with("envFile"))
        .map(|line| format!("{line}\n"))
        .collect();
    let text = format!("[mcpServers.git]\n{}", text.replace("${SEARCH_TOKEN}", "x"));
    let config = try_load("a.toml", &text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(config.servers.len(), 2);
}

#[test]
fn every_example_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let request = LoadRequest {
            files: vec![file.clone()],
            env: variables(&[("HOME", "/home/me"), ("CONDUCTOR_EXE", "/usr/bin/conductor")]),
            cwd: folder.clone(),
            ..LoadRequest::default()
        };
        let config = load(&request).unwrap_or_else(|error| panic!("{error}"));
        assert!(!config.servers.is_empty(), "{}", file.display());
        seen.push(file.file_name().unwrap().to_str().unwrap().to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["desktop.mcp.json", "full.toml", "quickstart.toml", "remote.yaml"]);
}
