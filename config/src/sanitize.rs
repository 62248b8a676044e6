//! This file says and reads what is done about what is found in definitions.
//! It does not know how anything is found.

use std::fmt;

use crate::{
    keys::SANITIZE,
    reader::Table,
    spec::{Choice, choice},
};

choice! {
    /// What may be wrong with a definition.
    Danger {
        /// Sizes and depths that no real tool has.
        Limits = "limits",
        /// Schemas that no client could use, or that reach out.
        Schema = "schema",
        /// Characters that nobody sees.
        Characters = "characters",
        /// Characters that hide text.
        HiddenText = "hiddenText",
        /// Encodings and look-alikes that hide text.
        Disguise = "disguise",
        /// Words in members that no specification knows.
        Unknown = "unknownMembers",
        /// Orders that replace the agent's own.
        Overt = "overtOrders",
        /// Words of chat templates.
        Tokens = "chatTokens",
        /// Markup that hides or fetches.
        Markup = "markup",
        /// Secrets to be read or handed over.
        Secrets = "secrets",
        /// Things to be kept from the user.
        Concealment = "concealment",
        /// Calls that nobody asked for.
        Forced = "forcedCalls",
        /// Parameters that collect more than a tool needs.
        Collection = "collection",
        /// Words about other servers' tools.
        Foreign = "otherServers",
        /// Claims that put other tools down.
        Preference = "preference",
        /// Commands, addresses and deletions.
        Execution = "execution",
    }
}

choice! {
    /// What is done about it.
    Measure {
        /// Nothing but telling.
        Report = "report",
        /// It is taken out.
        Strip = "strip",
        /// The sentence gives way to a mark.
        Redact = "redact",
        /// The tool is not shown.
        Quarantine = "quarantine",
        /// No tool of the server is shown.
        Block = "block",
    }
}

/// Kinds of danger.
const DANGERS: usize = Danger::WORDS.len();

/// What is done about each danger where it is certain. What real tools have now and then is done
/// less about, and never more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sanitize([Measure; DANGERS]);

impl Default for Sanitize {
    fn default() -> Self {
        Self::UNREAD
    }
}

impl Sanitize {
    /// What stands in until a value has been read.
    pub(crate) const UNREAD: Self = Self([Measure::Quarantine; DANGERS]);

    /// What is done about a danger.
    #[must_use]
    pub fn of(&self, danger: Danger) -> Measure {
        self.0.get(danger as usize).copied().unwrap_or(Measure::Quarantine)
    }

    /// The same with another measure for one danger.
    #[must_use]
    pub fn with(mut self, danger: Danger, measure: Measure) -> Self {
        if let Some(slot) = self.0.get_mut(danger as usize) {
            *slot = measure;
        }
        self
    }

    /// Each danger and what is done about it, by their words.
    pub fn words(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        Danger::WORDS.iter().map(|(word, danger)| (*word, self.of(*danger).as_str()))
    }
}

/// What can be done about a danger: what is no text has no sentences, and a schema that cannot be
/// used is not shown.
fn measures(danger: Danger) -> &'static [Measure] {
    use Measure::{Block, Quarantine, Redact, Report, Strip};
    match danger {
        Danger::Limits | Danger::Schema => &[Quarantine, Block],
        Danger::HiddenText => &[Report, Quarantine, Block],
        Danger::Characters | Danger::Unknown => &[Report, Strip, Quarantine, Block],
        Danger::Disguise
        | Danger::Overt
        | Danger::Tokens
        | Danger::Markup
        | Danger::Secrets
        | Danger::Concealment
        | Danger::Forced
        | Danger::Collection
        | Danger::Foreign
        | Danger::Preference
        | Danger::Execution => &[Report, Redact, Quarantine, Block],
    }
}

/// What `sanitize` says, and `base` where it says nothing.
pub(crate) fn read(table: &Table<'_>, base: Sanitize) -> Sanitize {
    let Some(table) = table.table("sanitize", SANITIZE) else { return base };
    let mut found = base;
    for (word, danger) in Danger::WORDS {
        let Some(measure) = table.choice::<Measure>(word) else { continue };
        if measures(*danger).contains(&measure) {
            found = found.with(*danger, measure);
        } else if let Some(node) = table.get(word) {
            let words: Vec<&str> = measures(*danger).iter().map(|it| it.as_str()).collect();
            node.note(format!("must be one of \"{}\" for this danger", words.join("\", \"")));
        }
    }
    found
}
