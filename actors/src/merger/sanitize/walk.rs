//! This file goes through a definition, string by string, and does what the policy says.
//!
//! It leaves judging a text to `text` and a schema's shape to `schema`.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use super::finding::{Finding, hash};
use super::namespace::Names;
use super::policy::{Action, Certainty, Class, Policy};
use super::schema::{LISTS, MAPS, ONE};
use super::text;
use super::tree::{Node, Str};
use crate::visible;

/// What stands where a sentence was.
const MARK: &str = "[removed]";

/// So many findings of one definition are written down.
const MOST: usize = 100;

/// What a string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// To be read; can lose a sentence.
    Prose,
    /// To be used as it is: a key, a value, a pattern. It cannot be cut.
    Fixed,
    /// To be used as it is, and no sentence: what a tool is called.
    Name,
}

impl Role {
    /// What can be done: a value cannot be cut without becoming another value.
    fn bear(self, action: Action) -> Action {
        match self {
            Self::Fixed | Self::Name if action > Action::Report => action.max(Action::Quarantine),
            Self::Prose | Self::Fixed | Self::Name => action,
        }
    }
}

/// One way through a definition.
pub(super) struct Walk<'a> {
    pub(super) policy: &'a Policy,
    names: Names<'a>,
    path: Vec<String>,
    pub(super) findings: Vec<Finding>,
    pub(super) mentions: Vec<String>,
    pub(super) changed: bool,
    pub(super) worst: Action,
}

impl<'a> Walk<'a> {
    pub(super) fn new(policy: &'a Policy, names: Names<'a>) -> Self {
        Self {
            policy,
            names,
            path: Vec::new(),
            findings: Vec::new(),
            mentions: Vec::new(),
            changed: false,
            worst: Action::Report,
        }
    }

    /// Writes down a finding at the present place and returns what is to be done.
    pub(super) fn note(
        &mut self,
        rule: &'static str,
        class: Class,
        certainty: Certainty,
        before: &str,
    ) -> Action {
        self.record(rule, self.policy.action(class, certainty), before)
    }

    fn record(&mut self, rule: &'static str, action: Action, before: &str) -> Action {
        self.record_hashed(rule, action, || hash(before.as_bytes()))
    }

    /// The same with the hash of what was there; many findings are about one text.
    fn record_hashed(
        &mut self,
        rule: &'static str,
        action: Action,
        hash: impl FnOnce() -> String,
    ) -> Action {
        self.worst = self.worst.max(action);
        self.changed |= matches!(action, Action::Strip | Action::Redact);
        // A hostile definition may meet rules without end; the first finding of each kind is kept.
        let telling = self.findings.iter().all(|finding| finding.action < action);
        if self.findings.len() < MOST || telling {
            let field = self.path.join("/");
            self.findings.push(Finding { rule, field, action, before_hash: hash() });
        }
        action
    }

    /// Enough different likely findings in one text make a certain one of the worst among them.
    fn escalate(&mut self, likely: &BTreeMap<&'static str, Class>, text: &str, role: Role) {
        if likely.len() < self.policy.escalate_at || self.worst >= Action::Quarantine {
            return;
        }
        let certain = |class: &Class| self.policy.action(*class, Certainty::Certain);
        if let Some(action) = likely.values().map(certain).max() {
            self.record("several.likely", role.bear(action), text);
        }
    }

    /// Does `inside` one level further down.
    pub(super) fn at<T>(&mut self, part: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(part.to_owned());
        let out = inside(self);
        self.path.pop();
        out
    }

    /// A text to be read: a title, a description, anything without another use.
    pub(super) fn prose(&mut self, text: &mut Str<'_>) {
        self.string(text, Role::Prose);
    }

    /// A text to be used.
    pub(super) fn fixed(&mut self, text: &mut Str<'_>) {
        self.string(text, Role::Fixed);
    }

    /// The name of a tool. Its words are joined by chance, so only what is certain counts.
    pub(super) fn name(&mut self, text: &mut Str<'_>) {
        self.string(text, Role::Name);
    }

    /// What a tool is called is wrong in itself.
    pub(super) fn name_is(&mut self, rule: &'static str, class: Class, name: &Str<'_>) {
        let action = self.policy.action(class, Certainty::Certain);
        self.record(rule, Role::Name.bear(action), &name.text);
    }

    fn string(&mut self, text: &mut Str<'_>, role: Role) {
        if text.text.len() > self.policy.bounds.description {
            self.note("limits.text", Class::Limits, Certainty::Certain, &text.text);
            return;
        }
        if role != Role::Prose && is_blank(&text.text) {
            return;
        }
        self.characters(text, role);
        if self.worst >= Action::Quarantine || !text.text.bytes().any(|byte| byte >= b'A') {
            return;
        }
        let reading = text::read(&text.text, &self.names);
        self.mentions.extend(reading.mentions);
        let (mut cuts, mut likely) = (Vec::new(), BTreeMap::new());
        let hash = LazyCell::new(|| hash(text.text.as_bytes()));
        for hit in reading.hits {
            if role == Role::Name && hit.certainty == Certainty::Likely {
                continue;
            }
            let counts = self.policy.action(hit.class, Certainty::Likely) > Action::Report;
            if hit.certainty == Certainty::Likely && !hit.excused && counts {
                // A call of a strange tool does not count twice where the tool is known.
                let id = if hit.id == "foreign.order" { "forced.strange_call" } else { hit.id };
                likely.insert(id, hit.class);
            }
            match role {
                Role::Prose => {
                    let certainty = if hit.excused { Certainty::Likely } else { hit.certainty };
                    let action = self.policy.action(hit.class, certainty);
                    self.record_hashed(hit.id, action, || hash.clone());
                    cuts.push((hit.at, action));
                }
                Role::Fixed | Role::Name
                    if !hit.excused
                        && hit.certainty == Certainty::Certain
                        && !(role == Role::Name && is_deed(hit.class))
                        || is_long(&text.text) =>
                {
                    let action = self.policy.action(hit.class, hit.certainty);
                    self.record_hashed(hit.id, role.bear(action), || hash.clone());
                }
                Role::Fixed | Role::Name => {
                    self.record_hashed(hit.id, Action::Report, || hash.clone());
                }
            }
        }
        self.escalate(&likely, &text.text, role);
        cut(text, cuts);
    }

    fn characters(&mut self, text: &mut Str<'_>, role: Role) {
        let before = &*text.text;
        let cleaned = visible::clean(before);
        if let Some(rule) = cleaned.hostile {
            self.note(rule, Class::HiddenText, Certainty::Certain, before);
        }
        let Some(rule) = cleaned.stripped else { return };
        match role {
            Role::Prose => {
                if self.note(rule, Class::Characters, Certainty::Certain, before) >= Action::Strip {
                    let cleaned = cleaned.text.into_owned();
                    text.set(cleaned);
                }
            }
            Role::Fixed | Role::Name => {
                self.note("hidden.in_value", Class::HiddenText, Certainty::Certain, before);
            }
        }
    }

    /// A schema.
    pub(super) fn schema(&mut self, schema: &mut Node<'_>) {
        let Node::Object(members) = schema else { return self.data(schema) };
        let mut gone = Vec::new();
        for (at, (key, value)) in members.iter_mut().enumerate() {
            let name = key.text.to_string();
            self.at(&name, |walk| match (&*name, value) {
                (name, Node::Object(schemas)) if MAPS.contains(&name) => walk.schemas(schemas),
                (name, Node::List(items)) if LISTS.contains(&name) || name == "items" => {
                    walk.each(items, Self::schema);
                }
                (name, value) if ONE.contains(&name) => walk.schema(value),
                (
                    "description" | "title" | "$comment" | "markdownDescription",
                    Node::Text(text),
                ) => {
                    walk.prose(text);
                }
                (_, Node::Plain(_)) => walk.fixed(key),
                (
                    "type" | "$schema" | "$id" | "$ref" | "$anchor" | "enum" | "const" | "default"
                    | "examples" | "example" | "required" | "pattern" | "format",
                    value,
                ) => {
                    walk.data(value);
                }
                (name, value) => {
                    walk.fixed(key);
                    walk.other(value);
                    if name.starts_with("x-")
                        && name != "x-mcp-header"
                        && is_prose(value)
                        && walk.note("unknown.prose", Class::Unknown, Certainty::Certain, name)
                            >= Action::Strip
                    {
                        gone.push(at);
                    }
                }
            });
        }
        remove(members, &gone);
    }

    fn schemas(&mut self, schemas: &mut [(Str<'_>, Node<'_>)]) {
        for (key, value) in schemas {
            let name = key.text.to_string();
            let outside = std::mem::replace(&mut self.names.in_parameter, true);
            self.at(&name, |walk| {
                walk.fixed(key);
                walk.schema(value);
            });
            self.names.in_parameter = outside;
        }
    }

    fn each(&mut self, items: &mut [Node<'_>], one: impl Fn(&mut Self, &mut Node<'_>)) {
        for (at, item) in items.iter_mut().enumerate() {
            self.at(&at.to_string(), |walk| one(walk, item));
        }
    }

    /// Values: every string of them is to be used as it is.
    fn data(&mut self, node: &mut Node<'_>) {
        match node {
            Node::Plain(_) => {}
            Node::Text(text) => self.fixed(text),
            Node::List(items) => self.each(items, Self::data),
            Node::Object(members) => {
                for (key, value) in members {
                    let name = key.text.to_string();
                    self.at(&name, |walk| {
                        walk.fixed(key);
                        walk.data(value);
                    });
                }
            }
        }
    }

    /// Anything else: keys to be used, strings to be read.
    pub(super) fn other(&mut self, node: &mut Node<'_>) {
        match node {
            Node::Plain(_) => {}
            Node::Text(text) => self.prose(text),
            Node::List(items) => self.each(items, Self::other),
            Node::Object(members) => {
                for (key, value) in members {
                    let name = key.text.to_string();
                    self.at(&name, |walk| {
                        walk.fixed(key);
                        walk.other(value);
                    });
                }
            }
        }
    }

    /// What an entry is called by: only its characters count, not what it says.
    pub(super) fn visible_name(&mut self, text: &mut Str<'_>) {
        if text.text.len() > self.policy.bounds.description {
            self.note("limits.text", Class::Limits, Certainty::Certain, &text.text);
        } else {
            self.characters(text, Role::Name);
        }
    }

    /// Icons: pictures over TLS or inline; anything else is taken out. What is said beside the
    /// picture is read.
    pub(super) fn icons(&mut self, node: &mut Node<'_>) {
        let Node::List(icons) = node else { return self.other(node) };
        for (at, icon) in icons.iter_mut().enumerate() {
            let Node::Object(members) = icon else { continue };
            for (key, value) in members.iter_mut().filter(|(key, _)| key.text != "src") {
                let place = format!("{at}/{}", key.text);
                self.at(&place, |walk| walk.other(value));
            }
        }
        let mut at = 0;
        icons.retain_mut(|icon| {
            at += 1;
            let src = icon.get("src").and_then(Node::text).unwrap_or_default().to_ascii_lowercase();
            let lawful = src.starts_with("https://")
                || src.starts_with("data:image/") && !src.starts_with("data:image/svg");
            if lawful {
                return true;
            }
            let mut place = String::new();
            let _ = write!(place, "{}", at - 1);
            let told = self.at(&place, |walk| {
                walk.note("unknown.icon", Class::Unknown, Certainty::Certain, &src)
            });
            told < Action::Strip
        });
    }
}

/// Whether a value is nothing but blanks and ends of lines, as what stands between fields may be.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
}

/// Whether a tool may be there for it and called so: `upload_env_file`, `add_ssh_key`.
fn is_deed(class: Class) -> bool {
    matches!(class, Class::Secrets | Class::Collection | Class::Execution)
}

/// Whether a name or a value says more than names and values do.
fn is_long(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count() >= 5
}

/// Whether a value is a sentence rather than a setting.
pub(super) fn is_prose(value: &Node<'_>) -> bool {
    match value {
        Node::Plain(_) => false,
        Node::Text(text) => text.text.split_whitespace().count() >= 3,
        Node::List(items) => items.iter().any(is_prose),
        Node::Object(members) => members.iter().any(|(_, value)| is_prose(value)),
    }
}

fn remove<T>(items: &mut Vec<T>, gone: &[usize]) {
    for at in gone.iter().rev() {
        items.remove(*at);
    }
}

/// Puts a mark in the place of each part, the touching ones together.
fn cut(text: &mut Str<'_>, mut cuts: Vec<(Range<usize>, Action)>) {
    cuts.retain(|(_, action)| matches!(action, Action::Strip | Action::Redact));
    if cuts.is_empty() {
        return;
    }
    cuts.sort_by_key(|(at, _)| (at.start, at.end));
    let mut out = String::with_capacity(text.text.len());
    let mut from = 0;
    for (at, _) in cuts {
        if at.end <= from {
            continue;
        }
        let (start, end) = (at.start.max(from), at.end);
        let part = &text.text[start..end];
        let lead = part.len() - part.trim_start().len();
        out.push_str(&text.text[from..start + lead]);
        if !out.trim_end().ends_with(MARK) {
            out.push_str(MARK);
        }
        let tail = part.len() - part.trim_end().len();
        if tail > 0 && tail < part.len() {
            out.push_str(&part[part.len() - tail..]);
        }
        from = end;
    }
    out.push_str(&text.text[from..]);
    text.set(out);
}
