//! This file judges what people read: that it is there, leads somewhere, and names what exists.
//! It leaves the shape of code to `rules`.

use std::path::Path;

use super::source::{Finding, Source};

/// What a decision tells, in this order.
const PARTS: [&str; 4] = ["## Context", "## Decision", "## Refused", "## Consequences"];

/// Every link and every named document leads to something.
pub(super) fn links(source: &Source, is_there: impl Fn(&Path) -> bool) -> Vec<Finding> {
    if source.path.starts_with("tests/e2e/tidy") {
        return Vec::new(); // its samples name what is not there
    }
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let exists = |name: &str| {
        let places = [folder, Path::new(""), Path::new("docs"), Path::new("actors/src")];
        places.iter().any(|place| is_there(&place.join(name)))
    };
    let mut found = Vec::new();
    for (at, line) in source.lines() {
        let mut named = documents(line);
        if source.path.ends_with(".md") {
            named.extend(targets(line));
            named.extend(places(line));
        }
        for name in named {
            if !exists(name) {
                found
                    .push(source.finding(at, format!("`{name}` is not there: mend the reference")));
            }
        }
    }
    found.dedup();
    found
}

/// Targets of Markdown links to files.
fn targets(line: &str) -> Vec<&str> {
    let parts = line.split("](").skip(1);
    let inner = parts.filter_map(|part| part.split([')', '#']).next());
    inner.filter(|name| !name.is_empty() && !name.contains("://")).collect()
}

/// Files and folders of ours between backticks.
fn places(line: &str) -> Vec<&str> {
    let roots = [".ci/", ".config/", "actors/", "config/", "docs/", "src/", "tests/"];
    let quoted = line.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| !name.contains([' ', '*', '<', '{']))
        .filter(|name| {
            name.contains('/')
                && (name.ends_with(".rs") || roots.iter().any(|root| name.starts_with(root)))
        })
        .collect()
}

/// Names of Markdown files in running text.
fn documents(line: &str) -> Vec<&str> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    let words = line.split(|c: char| !is_path(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.len() > 3 && word.ends_with(".md") && !word.contains("//")).collect()
}

/// A decision has a number and says why, what was refused, and what it costs.
pub(super) fn decision(source: &Source) -> Vec<Finding> {
    let Some(name) = source.path.strip_prefix("docs/decisions/") else { return Vec::new() };
    let numbered = name.len() > 5 && name[..4].bytes().all(|byte| byte.is_ascii_digit());
    let mut found = Vec::new();
    if !numbered || name.as_bytes()[4] != b'-' {
        found.push(source.finding(1, "call it NNNN-what-was-decided.md"));
    }
    let mut from = 0;
    for part in PARTS {
        match source.text[from..].find(part) {
            Some(at) => from += at,
            None => found.push(source.finding(1, format!("has no `{part}` where it belongs"))),
        }
    }
    found
}

/// A crate takes the lints of the workspace, and packages whose releases change behaviour are
/// pinned.
pub(super) fn manifest(source: &Source) -> Vec<Finding> {
    if !source.path.ends_with("Cargo.toml") {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !source.text.contains("[lints]\nworkspace = true") {
        found.push(source.finding(1, "add `[lints]` with `workspace = true`"));
    }
    for (at, line) in source.lines() {
        let package = ["rmcp = ", "ractor = "].iter().any(|name| line.starts_with(name));
        let pinned = line.contains("version = \"=") || line.contains("workspace = true");
        if package && !pinned {
            found.push(source.finding(at, "pin it exactly, see docs/decisions/0002"));
        }
    }
    found
}
