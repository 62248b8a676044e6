//! This file finds the project's files and shows them to the rules, with and without comments.
//! It leaves judging them to `rules` and `places`.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where the project's files are; whatever else lies about is not ours.
const ROOTS: [&str; 7] = [".ci", ".cargo", ".config", "actors", "config", "docs", "src"];
/// Files beside those folders.
const ALONE: [&str; 7] = [
    ".clippy.toml",
    ".gitignore",
    ".rustfmt.toml",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.toml",
    "README.md",
];
/// Folders that are made, not written.
const MADE: [&str; 5] = [".venv", "__pycache__", "node_modules", "target", "proptest-regressions"];

/// One file of the project.
#[derive(Debug)]
pub(super) struct Source {
    /// From the top of the project, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

/// A place where a rule is broken, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding(String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it never becomes part of what is shipped.
    pub(super) fn is_test(&self) -> bool {
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || stem.starts_with("tests.")
            || stem.starts_with("tests_")
            || stem.ends_with("_tests.rs")
            || stem == "fixture.rs"
    }

    /// All lines, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.split('\n').enumerate().map(|(at, line)| (at + 1, line))
    }

    /// The lines that are shipped: neither comments nor the tests at the end of the file. String
    /// literals stay, since what a rule looks for may stand in one.
    pub(super) fn code(&self) -> Vec<(usize, &str)> {
        let lines: Vec<_> = self.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            let (mark, module) = (pair[0].1, pair[1].1);
            mark == "#[cfg(test)]" && module.starts_with("mod ") && module.ends_with('{')
        });
        let shipped = &lines[..tests.unwrap_or(lines.len())];
        let bare = shipped.iter().filter(|(_, line)| !line.trim_start().starts_with("//"));
        bare.map(|(at, line)| (*at, line.split(" // ").next().unwrap_or_default())).collect()
    }

    pub(super) fn finding(&self, line: usize, cure: impl fmt::Display) -> Finding {
        Finding(format!("{}:{line}: {cure}", self.path))
    }
}

/// Whether `line` has `word` and not merely as part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(is_name) && outer.is_some_and(is_name)
        };
        !joins(word.chars().next(), before) && !joins(word.chars().next_back(), after)
    })
}

/// The top of the project.
pub(super) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests are a folder of the project").to_path_buf()
}

/// All files of the project, in the order of their names.
pub(super) fn all() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for folder in ROOTS.iter().chain(&["tests"]) {
        gather(&root.join(folder), &mut found);
    }
    found.extend(ALONE.iter().map(|name| root.join(name)).filter(|path| path.is_file()));
    found.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&root).ok()?.to_str()?;
        Some(Source::new(name, &std::fs::read_to_string(path).ok()?))
    };
    found.iter().filter_map(read).collect()
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if !path.is_dir() {
            found.push(path);
        } else if !MADE.iter().any(|made| name == *made) {
            gather(&path, found);
        }
    }
}
