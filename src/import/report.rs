//! This file remembers what became of the parts of a client's settings.
//!
//! It leaves showing that to the command.

use serde::Serialize;

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fate {
    /// It is there in another form.
    Changed,
    /// It has no meaning here.
    Dropped,
    /// It means something and cannot be taken over.
    Lost,
}

impl Fate {
    /// Its name for people.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Dropped => "dropped",
            Self::Lost => "could not be carried over",
        }
    }
}

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    /// Whose it is, by our name; empty if it is no server's.
    pub(crate) server: String,
    /// The key; empty if it is about the whole.
    pub(crate) key: String,
    pub(crate) fate: Fate,
    /// A clause, without the value.
    pub(crate) what: String,
}

/// All notes of one import.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) notes: Vec<Note>,
}

impl Report {
    pub(super) fn note(&mut self, server: &str, key: &str, fate: Fate, what: impl Into<String>) {
        let (server, key) = (server.to_owned(), key.to_owned());
        self.notes.push(Note { server, key, fate, what: what.into() });
    }
}
