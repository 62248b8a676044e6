//! This file judges a whole list of a server, once, so that a merge only has to choose.
//!
//! It leaves who else is there to the merge: a tool carries a second verdict for the case that
//! names in it turn out to be other servers' tools.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use conductor_config::{Sanitize, ServerSpec};

use super::{Action, Own, Policy, Verdict, sanitize, sanitize_entry, squash};
use crate::merger::arguments::Arguments;
use crate::model::ListKind;
use crate::server::{Listing, RawEntry, Rejected};
use crate::wire::{Text, json_string};

/// One entry and what may be shown of it.
#[derive(Debug, Clone)]
pub(crate) struct JudgedEntry {
    /// The server's name for it.
    pub(crate) name: Text,
    /// The name as other texts may write it, without and with its server's; of tools only.
    pub(crate) squashed: Option<[String; 2]>,
    /// What a tool's arguments are to be, as its server wrote it.
    pub(crate) arguments: Option<Arc<Arguments>>,
    /// Whether a tool's description is that of the settings.
    pub(crate) described: bool,
    verdict: Arc<Verdict>,
    /// Where it differs: the verdict if names in it are other servers' tools.
    among_others: Option<Arc<Verdict>>,
}

/// A list, every entry of it judged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// The entries in the order of the list, those that are held back as well.
    pub(crate) entries: Vec<JudgedEntry>,
    /// What is refused before it is judged.
    pub(crate) rejected: Vec<Rejected>,
    /// By what settings it was judged.
    by: (Sanitize, Descriptions),
}

/// Descriptions of the settings, by the server's names for its tools.
type Descriptions = BTreeMap<String, String>;

impl JudgedEntry {
    /// Names in it that may be other servers' tools.
    pub(crate) fn mentions(&self) -> &[String] {
        &self.verdict.mentions
    }

    /// The verdict that holds, `foreign` if names in it are other servers' tools.
    pub(crate) fn verdict(&self, foreign: bool) -> &Arc<Verdict> {
        self.among_others.as_ref().filter(|_| foreign).unwrap_or(&self.verdict)
    }
}

impl Judged {
    /// Judges what a server lists.
    pub(crate) fn new(spec: &ServerSpec, listing: &Listing) -> Self {
        let (policy, descriptions) = (Policy::of(&spec.sanitize), &spec.tool_descriptions);
        let judged = Self::of(&policy, spec.id.name.as_ref(), listing, descriptions);
        Self { by: (spec.sanitize, descriptions.clone()), ..judged }
    }

    /// Whether these settings would come to the same.
    pub(crate) fn is_by(&self, spec: &ServerSpec) -> bool {
        self.by.0 == spec.sanitize && self.by.1 == spec.tool_descriptions
    }

    /// The same by any policy, and as the server describes its tools itself.
    #[cfg(any(test, fuzzing))]
    pub(super) fn by(policy: &Policy, server: &str, listing: &Listing) -> Self {
        Self::of(policy, server, listing, &Descriptions::new())
    }

    fn of(policy: &Policy, server: &str, listing: &Listing, descriptions: &Descriptions) -> Self {
        let mut judged = Self { rejected: listing.rejected.clone(), ..Self::default() };
        match listing.kind {
            ListKind::Tools => judged.judge_tools(server, listing, policy, descriptions),
            ListKind::Prompts | ListKind::Resources | ListKind::Templates => {
                let entry = |entry: &RawEntry| JudgedEntry {
                    name: entry.name.clone(),
                    squashed: None,
                    arguments: None,
                    described: false,
                    verdict: Arc::new(sanitize_entry(&entry.definition, policy)),
                    among_others: None,
                };
                judged.entries.extend(listing.entries.iter().map(entry));
            }
        }
        judged
    }

    fn judge_tools(
        &mut self,
        server: &str,
        listing: &Listing,
        policy: &Policy,
        descriptions: &Descriptions,
    ) {
        let own = Own::new(server, listing.entries.iter().map(|tool| tool.name.as_str()));
        let others = own.among_others();
        let mut taken = HashSet::new();
        for tool in &listing.entries {
            if taken.insert(tool.name.to_ascii_lowercase()) {
                let mut judged = match descriptions.get(tool.name.as_str()) {
                    Some(text) => judge(server, &described(tool, text), &own, &others, policy),
                    None => judge(server, tool, &own, &others, policy),
                };
                judged.described = descriptions.contains_key(tool.name.as_str());
                self.entries.push(judged);
            } else {
                let reason = "only upper and lower case tell it from another tool".to_owned();
                let (kind, name) = (listing.kind, tool.name.to_string());
                self.rejected.push(Rejected { kind, name, reason });
            }
        }
        self.rejected.extend(undescribed(listing, descriptions));
    }

    /// Whether one tool is so bad that none of the server's is to be shown.
    pub(crate) fn is_blocked(&self) -> bool {
        self.entries.iter().any(|tool| tool.verdict.held == Some(Action::Block))
    }

    /// The entries that may not be shown, whoever else is there.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Text> {
        let held = self.entries.iter().filter(|tool| tool.verdict.held.is_some());
        held.map(|tool| &tool.name)
    }
}

/// Descriptions of the settings for tools that the server does not list.
fn undescribed(listing: &Listing, descriptions: &Descriptions) -> impl Iterator<Item = Rejected> {
    let is_listed = |name: &String| listing.entries.iter().any(|tool| *tool.name == **name);
    let missing = descriptions.keys().filter(move |name| !is_listed(name));
    missing.map(|name| {
        let reason =
            "`toolDescriptions` describes it, and its server lists no such tool".to_owned();
        Rejected { kind: listing.kind, name: name.clone(), reason }
    })
}

/// A tool with another description.
fn described(tool: &RawEntry, text: &str) -> RawEntry {
    let mut definition = tool.definition.clone();
    definition.set("description", json_string(text));
    RawEntry { name: tool.name.clone(), definition }
}

fn judge(server: &str, tool: &RawEntry, own: &Own, others: &Own, policy: &Policy) -> JudgedEntry {
    let verdict = Arc::new(sanitize(&tool.definition, own, policy));
    let asked = !verdict.mentions.is_empty() && verdict.held.is_none();
    let among_others = asked.then(|| sanitize(&tool.definition, others, policy));
    let schema = tool.definition.get("inputSchema").cloned();
    JudgedEntry {
        name: tool.name.clone(),
        arguments: schema.map(|schema| Arc::new(Arguments::new(schema))),
        described: false,
        squashed: Some([squash(&tool.name), squash(&format!("{server}{}", tool.name))]),
        among_others: among_others.filter(|other| other.findings != verdict.findings).map(Arc::new),
        verdict,
    }
}
