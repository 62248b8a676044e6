//! This file reads typed values out of merged settings and notes every fault with the
//! file and the key it stands at, so that a person can mend all of them in one go.
//! It does not know what any key means.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use figment::value::{Dict, Value};

use crate::{
    Decrypter, Problem,
    document::{kind, whole},
    duration::{format_duration, parse_duration},
    expand::expand,
    keys::{self, Keys},
    layer::{Layers, Origin},
    nearest::nearest,
    size::{format_size, parse_size},
    spec::Choice,
};

/// What all readers of one load share.
pub(crate) struct Context<'a> {
    pub(crate) layers: &'a Layers,
    pub(crate) env: &'a BTreeMap<String, String>,
    pub(crate) cwd: &'a Path,
    pub(crate) problems: RefCell<Vec<Problem>>,
    pub(crate) warnings: RefCell<Vec<String>>,
    /// Files of secrets that were read.
    pub(crate) secret_files: RefCell<BTreeSet<PathBuf>>,
    /// Whether variables are replaced at all.
    expands: bool,
    decrypter: &'a Decrypter,
    /// Where the key of encrypted values may be; empty until it is known.
    pub(crate) state_dir: RefCell<PathBuf>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        layers: &'a Layers,
        env: &'a BTreeMap<String, String>,
        cwd: &'a Path,
        decrypter: &'a Decrypter,
    ) -> Self {
        Self {
            layers,
            env,
            cwd,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            secret_files: RefCell::default(),
            expands: true,
            decrypter,
            state_dir: RefCell::default(),
        }
    }

    /// The same for what comes from outside, and must not read the environment.
    pub(crate) fn of_registration(
        layers: &'a Layers,
        none: &'a BTreeMap<String, String>,
        state_dir: &'a Path,
        decrypter: &'a Decrypter,
    ) -> Self {
        let dir = RefCell::new(state_dir.to_owned());
        let new = Self::new(layers, none, state_dir, decrypter);
        Self { expands: false, state_dir: dir, ..new }
    }

    /// The text in an encrypted value; none if it is not encrypted.
    pub(crate) fn decrypted(&self, value: &str) -> Option<Result<String, String>> {
        self.decrypter.open(&self.state_dir.borrow(), value)
    }

    /// The merged whole as a node without a key.
    pub(crate) fn root(&'a self, value: &'a Value) -> Node<'a> {
        Node { path: String::new(), value, cx: self, lenient: false }
    }
}

/// A value and the path of its key.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) path: String,
    pub(crate) value: &'a Value,
    pub(crate) cx: &'a Context<'a>,
    /// Whether variables may be unset, as those of a server that is not to run.
    pub(crate) lenient: bool,
}

impl<'a> Node<'a> {
    /// Notes a problem.
    pub(crate) fn note(&self, message: impl Into<String>) {
        let file = self.origin().shown;
        let problem = Problem { file, key: self.path.clone(), message: message.into() };
        self.cx.problems.borrow_mut().push(problem);
    }

    /// Notes a problem and says none, for callers to return.
    pub(crate) fn fail<T>(&self, message: impl Into<String>) -> Option<T> {
        self.note(message);
        None
    }

    /// Notes something that is accepted.
    pub(crate) fn warn(&self, message: &str) {
        let warning = format!("{}: {}: {message}", self.origin().shown, self.path);
        self.cx.warnings.borrow_mut().push(warning);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.fail(format!("must be {what}, got {}", kind(self.value)))
    }

    pub(crate) fn origin(&self) -> Origin<'a> {
        self.cx.layers.origin(self.value.tag())
    }

    /// A text, and nothing but a text.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match self.value {
            Value::String(_, text) => Some(text),
            Value::Num(..) | Value::Bool(..) => self.expected("text (put it in quotes)"),
            _ => self.expected("text"),
        }
    }

    /// A text with its variables expanded; NUL, which no program can be given, refused.
    pub(crate) fn expanded(&self) -> Option<String> {
        let lookup = |name: &str| {
            let value = self.cx.env.get(name).cloned();
            if self.lenient { value.or_else(|| Some(String::new())) } else { value }
        };
        match expand(self.text()?, &lookup) {
            Ok(text) if text.contains('\0') => self.fail("must not contain a NUL character"),
            Ok(text) => Some(text),
            Err(_) if !self.cx.expands => self.fail(
                "has a variable in it, which is not replaced in what is registered; write the \
                 value itself, and `$${` for `${`",
            ),
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// A path: variables and a leading `~` expanded, and taken from the folder of the
    /// file it stands in if it is relative.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let text = self.expanded()?;
        if text.trim().is_empty() {
            return if self.lenient { None } else { self.fail("must be a path, got empty text") };
        }
        Some(self.base().join(self.home(&text)?))
    }

    /// The folder that relative paths of this source start from.
    pub(crate) fn base(&self) -> PathBuf {
        let folder = self.origin().file.and_then(Path::parent).map(Path::to_path_buf);
        self.cx.cwd.join(folder.unwrap_or_default())
    }

    /// Puts the home folder in place of a leading `~`.
    pub(crate) fn home(&self, text: &str) -> Option<PathBuf> {
        let rest = match text.strip_prefix('~') {
            Some("") => "",
            Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
            _ => return Some(PathBuf::from(text)),
        };
        match self.cx.env.get("HOME").filter(|home| home.starts_with('/')) {
            Some(home) => Some(Path::new(home).join(rest)),
            None if !self.cx.expands => self.fail("begins with ~; write a whole path"),
            None => self.fail("begins with ~ but HOME is not set; write a whole path"),
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            Value::Bool(_, flag) => Some(*flag),
            _ => self.expected("true or false"),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn count<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let (low, high) = (*range.start(), *range.end());
        if !matches!(self.value, Value::Num(..)) {
            return self.expected(&format!("a whole number from {low} to {high}"));
        }
        match whole(self.value).filter(|number| range.contains(number)).map(T::try_from) {
            Some(Ok(number)) => Some(number),
            _ => self.fail(format!("must be a whole number from {low} to {high}")),
        }
    }

    /// A duration within bounds.
    pub(crate) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = match self.value {
            Value::Num(..) => &whole(self.value).map_or("30".to_owned(), |n| n.to_string()),
            _ => self.text()?,
        };
        match parse_duration(text) {
            Ok(duration) if range.contains(&duration) => Some(duration),
            Ok(_) => self.fail(format!(
                "must be a duration from {} to {}, got {text:?}",
                format_duration(*range.start()),
                format_duration(*range.end())
            )),
            Err(error) => self.fail(format!("{error}, got {text:?}")),
        }
    }

    /// A size in bytes within bounds.
    pub(crate) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = match self.value {
            Value::Num(..) => &whole(self.value).map_or("16".to_owned(), |n| n.to_string()),
            _ => self.text()?,
        };
        match parse_size(text) {
            Ok(size) if range.contains(&size) => Some(size),
            Ok(_) => self.fail(format!(
                "must be a size from {} to {}, got {text:?}",
                format_size(*range.start()),
                format_size(*range.end())
            )),
            Err(error) => self.fail(format!("{error}, got {text:?}")),
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Choice>(&self) -> Option<T> {
        let text = self.text()?;
        let found = T::WORDS.iter().find(|(word, _)| *word == text);
        if let Some((_, choice)) = found {
            return Some(*choice);
        }
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        let hint = nearest(text, &words).map(|word| format!("; did you mean \"{word}\"?"));
        let hint = hint.unwrap_or_default();
        self.fail(format!("must be one of \"{}\", got {text:?}{hint}", words.join("\", \"")))
    }

    /// The elements of a list.
    pub(crate) fn list(&self) -> Option<Vec<Node<'a>>> {
        let Value::Array(_, values) = self.value else { return self.expected("a list") };
        let elements = values.iter().enumerate();
        Some(elements.map(|(i, value)| self.at(format!("{}[{i}]", self.path), value)).collect())
    }

    /// The values of a table whose keys a person chose.
    pub(crate) fn entries(&self) -> Option<Vec<(&'a str, Node<'a>)>> {
        let Value::Dict(_, dict) = self.value else { return self.expected("an object") };
        let entries = dict.iter();
        Some(entries.map(|(key, value)| (key.as_str(), self.child(key, value))).collect())
    }

    /// A table with known keys; `foreign` may take an unknown one off our hands.
    pub(crate) fn table(
        &self,
        keys: Keys,
        foreign: impl Fn(&str, &Node<'a>) -> bool,
    ) -> Option<Table<'a>> {
        let Value::Dict(_, dict) = self.value else { return self.expected("an object") };
        let known = keys::names(keys);
        for (key, value) in dict.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let node = self.child(key, value);
            if !foreign(key, &node) {
                let hint = nearest(key, &known).map(|key| format!("; did you mean `{key}`?"));
                let hint =
                    hint.unwrap_or_else(|| format!("; the keys here are {}", known.join(", ")));
                node.note(format!("unknown key{hint}"));
            }
        }
        Some(Table { node: self.clone(), dict, keys })
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let key = if !key.is_empty() && key.chars().all(plain) {
            key.to_owned()
        } else {
            format!("{key:?}")
        };
        let dot = if self.path.is_empty() { "" } else { "." };
        self.at(format!("{}{dot}{key}", self.path), value)
    }

    fn at(&self, path: String, value: &'a Value) -> Self {
        Self { path, value, cx: self.cx, lenient: self.lenient }
    }
}

/// A table all of whose keys are known.
pub(crate) struct Table<'a> {
    /// The table as a value, for problems that are about no single key.
    pub(crate) node: Node<'a>,
    dict: &'a Dict,
    keys: Keys,
}

impl<'a> Table<'a> {
    /// What stands under a key; null is nothing.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.any(key).filter(|node| !matches!(node.value, Value::Empty(..)))
    }

    /// What stands under a key, be it null.
    pub(crate) fn any(&self, key: &str) -> Option<Node<'a>> {
        debug_assert!(keys::find(self.keys, key).is_some(), "{key} is not listed in keys.rs");
        Some(self.node.child(key, self.dict.get(key)?))
    }

    /// A table under a key.
    pub(crate) fn table(&self, key: &str, keys: Keys) -> Option<Table<'a>> {
        self.get(key)?.table(keys, |_, _| false)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.flag()
    }

    pub(crate) fn count<T: TryFrom<u64>>(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        self.get(key)?.count(range)
    }

    pub(crate) fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.get(key)?.duration(range)
    }

    pub(crate) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.get(key)?.size(range)
    }

    pub(crate) fn choice<T: Choice>(&self, key: &str) -> Option<T> {
        self.get(key)?.choice()
    }

    /// A list of texts; those that are none are left out and noted.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<Node<'a>>> {
        let mut nodes = self.get(key)?.list()?;
        nodes.retain(|node| node.text().is_some());
        Some(nodes)
    }

    /// What `read` makes of the value, or none if the value is `"off"` or false. The
    /// outer none means that there is no value, or a wrong one.
    pub(crate) fn unless_off<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        let node = self.get(key)?;
        match node.value {
            Value::String(_, text) if text == "off" => Some(None),
            Value::Bool(_, false) => Some(None),
            _ => read(&node).map(Some),
        }
    }
}
