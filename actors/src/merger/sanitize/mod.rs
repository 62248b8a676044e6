//! This folder makes hostile tool definitions harmless.
//!
//! ```text
//!   members ─▶ limits ─▶ characters ─▶ words, marks, encodings ─▶ policy ─▶ as it was
//!              schema                    (shadow copy, rules)             ├▶ changed + findings
//!                                                                         └▶ held back + findings
//! ```
//!
//! Everything here is pure: the same definition, names and policy give the same verdict, and what
//! comes out goes through again unchanged. A definition without a finding is never rewritten. What
//! is listed, merged and shown is decided elsewhere; so is what a tool's results may say.

mod encodings;
mod finding;
mod folding;
#[cfg(any(test, fuzzing))]
mod fuzzed;
mod glance;
mod judged;
mod lexicon;
mod markup;
mod matching;
mod names;
mod namespace;
mod plain;
mod policy;
mod rules;
mod schema;
mod shadow;
mod spelling;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_measured;
#[cfg(test)]
mod tests_ordinary;
#[cfg(test)]
mod tests_variants;
mod text;
mod tree;
mod walk;

use std::collections::HashSet;

use bytes::Bytes;

pub use finding::Finding;
#[cfg(any(test, fuzzing))]
pub(crate) use fuzzed::hold;
pub(crate) use judged::{Judged, JudgedEntry};
use namespace::Names;
pub(crate) use namespace::{Namespace, squash};
use plain::sanitize_entry;
pub use policy::Action;
pub(crate) use policy::Policy;
use policy::{Certainty, Class};
pub(super) use tree::unreadable;
use tree::{Node, Unfit};
use walk::Walk;

use crate::wire::Members;

/// Members of a tool that the specification knows.
const KNOWN: &[&str] = &[
    "name",
    "title",
    "description",
    "inputSchema",
    "outputSchema",
    "annotations",
    "icons",
    "_meta",
    "execution",
];
/// So often a definition is gone through until nothing more is found in it.
const ROUNDS: usize = 4;

/// Makes the tables that definitions are judged with, so that the first one need not wait for them:
/// they take some milliseconds. Blocks.
pub(super) fn prepare() {
    folding::prepare();
    matching::prepare();
    markup::prepare();
}

/// What became of a definition.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// What may be shown: the very members that came in if nothing was found to change.
    pub(crate) definition: Members,
    /// Whether it differs from what came in.
    pub(crate) changed: bool,
    /// Quarantine or block, if it may not be shown at all.
    pub(crate) held: Option<Action>,
    pub(crate) findings: Vec<Finding>,
    /// Tools that are not this server's own, named in orders, as [`squash`] writes them.
    pub(crate) mentions: Vec<String>,
}

impl Verdict {
    /// Why it is held back, for people.
    pub(crate) fn reason(&self) -> String {
        let worst = self.findings.iter().find(|finding| Some(finding.action) == self.held);
        match worst {
            Some(finding) if finding.field.is_empty() => finding.rule.to_owned(),
            Some(finding) => format!("{} in {}", finding.rule, finding.field.escape_debug()),
            None => "held back".to_owned(),
        }
    }
}

/// A server, as far as its definitions may speak of it.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    server: String,
    tools: HashSet<String>,
    /// Names that are not its own are known to be other servers'.
    foreign: bool,
    /// It is a gateway that shows the tools of others under their names.
    relayed: bool,
}

impl Own {
    /// The server called `server`, with these tools.
    pub(crate) fn new<'a>(server: &str, tools: impl IntoIterator<Item = &'a str>) -> Self {
        let tools: Vec<&str> = tools.into_iter().collect();
        Self {
            server: squash(server),
            relayed: names::are_relayed(tools.iter().copied()),
            tools: tools.into_iter().map(squash).collect(),
            foreign: false,
        }
    }

    /// The same server among others that have what its definitions name.
    pub(crate) fn among_others(&self) -> Self {
        Self { foreign: true, ..self.clone() }
    }
}

/// Judges one definition of the server `own`.
pub(crate) fn sanitize(definition: &Members, own: &Own, policy: &Policy) -> Verdict {
    let mut verdict = round(definition, own, policy);
    let mut rounds = 1;
    while verdict.changed && verdict.held.is_none() {
        let next = round(&verdict.definition, own, policy);
        let done = next.findings.iter().all(|finding| finding.action == Action::Report);
        if done && !next.changed && next.held.is_none() {
            verdict.mentions = next.mentions;
            break;
        }
        rounds += 1;
        verdict.definition = next.definition;
        verdict.findings.extend(next.findings);
        verdict.held = next.held;
        verdict.mentions = next.mentions;
        if rounds >= ROUNDS && verdict.held.is_none() {
            let finding = Finding::new(
                "several.rounds",
                String::new(),
                Action::Quarantine,
                &definition.to_json(),
            );
            verdict.findings.push(finding);
            verdict.held = Some(Action::Quarantine);
        }
    }
    if verdict.held.is_some() {
        verdict.definition = definition.clone();
        verdict.changed = false;
    }
    verdict
}

/// Goes through a definition once.
fn round(definition: &Members, own: &Own, policy: &Policy) -> Verdict {
    let mut trees = Vec::with_capacity(definition.0.len());
    let mut unfit = None;
    for member in &definition.0 {
        let raw = std::str::from_utf8(&member.value).unwrap_or_default();
        match Node::read(raw, policy.bounds.depth) {
            Ok(node) => trees.push(node),
            Err(why) => unfit = unfit.or(Some((member.key.to_string(), why))),
        }
    }
    let schema = definition.0.iter().position(|member| &*member.key == "inputSchema");
    let mut parameters = HashSet::new();
    if let Some(schema) = schema.and_then(|at| trees.get(at)) {
        collect(schema, &mut parameters);
    }
    let names = Names { parameters, tools: &own.tools, in_parameter: false, foreign: own.foreign };
    let mut walk = Walk::new(policy, names);
    let size: usize = definition.0.iter().map(|member| member.key.len() + member.value.len()).sum();
    if size > policy.bounds.definition {
        walk.note("limits.definition", Class::Limits, Certainty::Certain, &size.to_string());
    }
    if let Some((key, why)) = unfit {
        walk.at(&key, |walk| unfit_value(walk, why));
    }
    let mut out = definition.clone();
    if walk.worst < Action::Quarantine {
        let changes = members(&mut walk, own, definition, trees);
        apply(&mut out, changes);
    }
    let held = (walk.worst >= Action::Quarantine).then_some(walk.worst);
    let changed = walk.changed && held.is_none();
    let definition = if changed { out } else { definition.clone() };
    Verdict { definition, changed, held, findings: walk.findings, mentions: walk.mentions }
}

fn unfit_value(walk: &mut Walk<'_>, why: Unfit) {
    let (rule, class) = match why {
        Unfit::Deep => ("limits.depth", Class::Limits),
        Unfit::Malformed => ("schema.not_json", Class::Schema),
        Unfit::Doubled => ("schema.doubled_key", Class::Schema),
    };
    walk.note(rule, class, Certainty::Certain, &why.to_string());
}

/// The names that a schema gives to things: properties, at any depth, and values to choose from.
fn collect(schema: &Node<'_>, names: &mut HashSet<String>) {
    match schema {
        Node::Plain(_) => {}
        Node::Text(text) => {
            if text.text.len() <= 64 {
                names.insert(squash(&text.text));
            }
        }
        Node::List(items) => items.iter().for_each(|item| collect(item, names)),
        Node::Object(members) => {
            for (key, value) in members {
                names.insert(squash(&key.text));
                if !matches!(value, Node::Text(_)) || key.text == "const" || key.text == "default" {
                    collect(value, names);
                }
            }
        }
    }
}

/// What a member becomes: another value, or nothing.
type Change = (String, Option<Bytes>);

fn members(
    walk: &mut Walk<'_>,
    own: &Own,
    definition: &Members,
    trees: Vec<Node<'_>>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (member, mut tree) in definition.0.iter().zip(trees) {
        let key = &*member.key;
        let before = walk.changed;
        walk.changed = false;
        let gone = walk.at(key, |walk| one(walk, own, key, &mut tree));
        if gone {
            changes.push((key.to_owned(), None));
        } else if walk.changed {
            let mut out = Vec::with_capacity(member.value.len());
            tree.write(&mut out);
            changes.push((key.to_owned(), Some(out.into())));
        }
        walk.changed |= before | gone;
    }
    changes
}

/// Judges one member; returns whether it is to go.
fn one(walk: &mut Walk<'_>, own: &Own, key: &str, tree: &mut Node<'_>) -> bool {
    match (key, &mut *tree) {
        ("name", Node::Text(name)) => {
            if let Some(rule) = names::fault(&name.text) {
                walk.note(rule, Class::Schema, Certainty::Certain, &name.text);
            } else if !own.relayed && names::misleads(&name.text, &own.server) {
                walk.name_is("name.borrowed_prefix", Class::Foreign, name);
            }
            walk.name(name);
        }
        ("title" | "description", Node::Text(text)) => walk.prose(text),
        ("inputSchema" | "outputSchema", tree) => {
            // Results may be anything since 2026-07-28 (server/tools, Output Schema).
            let lawful = |rule| key == "outputSchema" && rule == schema::NO_OBJECT;
            let faults = schema::check(tree, walk.policy.bounds.subschemas).into_iter();
            for fault in faults.filter(|fault| !lawful(fault.rule)) {
                let place = fault.path.trim_start_matches('/');
                walk.at(place, |walk| walk.note(fault.rule, Class::Schema, Certainty::Certain, ""));
            }
            if let Node::Object(members) = tree
                && key == "inputSchema"
                && !members.iter().any(|(key, _)| key.text == "type")
            {
                walk.note("schema.type_missing", Class::Schema, Certainty::Likely, "");
                let added = Node::read(r#"{"type":"object"}"#, 1);
                if let Ok(Node::Object(added)) = added {
                    members.splice(0..0, added);
                }
            }
            walk.schema(tree);
        }
        ("icons", tree) => walk.icons(tree),
        (key, tree) if KNOWN.contains(&key) => walk.other(tree),
        (_, tree) => {
            walk.fixed(&mut key.into());
            walk.other(tree);
            // Settings of a vendor stay; words that no client was told to show do not.
            let told = |walk: &mut Walk<'_>| {
                walk.note("unknown.member", Class::Unknown, Certainty::Certain, key)
            };
            return walk::is_prose(tree) && told(walk) >= Action::Strip;
        }
    }
    false
}

fn apply(out: &mut Members, changes: Vec<Change>) {
    for (key, value) in changes {
        match value {
            Some(value) => out.set(&key, value),
            None => {
                out.take(&key);
            }
        }
    }
}
