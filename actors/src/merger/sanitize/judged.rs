//! This file judges a server's whole list, once, so that a merge only has to choose.
//!
//! It leaves who else is there to the merge: each tool carries a second verdict for the case that
//! names in it turn out to be other servers' tools.

use std::collections::HashSet;

use super::{Action, Own, Policy, Verdict, sanitize, squash};
use crate::server::{Listing, RawTool, Rejected};
use crate::wire::Text;

/// One tool and what may be shown of it.
#[derive(Debug, Clone)]
pub(crate) struct JudgedTool {
    /// The server's name for it.
    pub(crate) name: Text,
    /// The name as other texts may write it, without and with its server's.
    pub(crate) squashed: [String; 2],
    verdict: Verdict,
    /// Where it differs: the verdict if names in it are other servers' tools.
    among_others: Option<Verdict>,
}

/// A list, every tool of it judged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// The tools in the order of the list, those that are held back as well.
    pub(crate) tools: Vec<JudgedTool>,
    /// What is refused before it is judged.
    pub(crate) rejected: Vec<Rejected>,
}

impl JudgedTool {
    /// Names in it that may be other servers' tools.
    pub(crate) fn mentions(&self) -> &[String] {
        &self.verdict.mentions
    }

    /// The verdict that holds, `foreign` if names in it are other servers' tools.
    pub(crate) fn verdict(&self, foreign: bool) -> &Verdict {
        self.among_others.as_ref().filter(|_| foreign).unwrap_or(&self.verdict)
    }
}

impl Judged {
    /// Judges what `server` lists.
    pub(crate) fn new(server: &str, listing: &Listing, policy: &Policy) -> Self {
        let own = Own::new(server, listing.tools.iter().map(|tool| tool.name.as_str()));
        let others = own.among_others();
        let mut judged = Self { tools: Vec::new(), rejected: listing.rejected.clone() };
        let mut taken = HashSet::new();
        for tool in &listing.tools {
            if taken.insert(tool.name.to_ascii_lowercase()) {
                judged.tools.push(judge(server, tool, &own, &others, policy));
            } else {
                let reason = "only upper and lower case tell it from another tool".to_owned();
                judged.rejected.push(Rejected { tool: tool.name.to_string(), reason });
            }
        }
        judged
    }

    /// Whether one tool is so bad that none of the server's is to be shown.
    pub(crate) fn is_blocked(&self) -> bool {
        self.tools.iter().any(|tool| tool.verdict.held == Some(Action::Block))
    }

    /// The tools that may not be shown, whoever else is there.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Text> {
        let held = self.tools.iter().filter(|tool| tool.verdict.held.is_some());
        held.map(|tool| &tool.name)
    }
}

fn judge(server: &str, tool: &RawTool, own: &Own, others: &Own, policy: &Policy) -> JudgedTool {
    let verdict = sanitize(&tool.definition, own, policy);
    let asked = !verdict.mentions.is_empty() && verdict.held.is_none();
    let among_others = asked.then(|| sanitize(&tool.definition, others, policy));
    JudgedTool {
        name: tool.name.clone(),
        squashed: [squash(&tool.name), squash(&format!("{server}{}", tool.name))],
        among_others: among_others.filter(|other| other.findings != verdict.findings),
        verdict,
    }
}
