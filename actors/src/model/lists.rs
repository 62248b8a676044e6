//! This file names the lists that a server may have, and what it says it has.
//!
//! It leaves reading them to the servers and showing them to the merger.

use std::sync::Arc;

use bytes::Bytes;

use crate::wire::Hop;

/// A list that a server may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
}

impl ListKind {
    /// All of them, tools first.
    pub const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    /// The method that reads it.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The member of a result that holds it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// One entry, in a word.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tools => "tool",
            Self::Prompts => "prompt",
            Self::Resources => "resource",
            Self::Templates => "template",
        }
    }
}

/// One of something for each list.
#[derive(Debug, Clone, Default)]
pub(crate) struct PerList<T> {
    tools: T,
    prompts: T,
    resources: T,
    templates: T,
}

impl<T> PerList<T> {
    /// Makes one for each list.
    pub(crate) fn make(mut one: impl FnMut(ListKind) -> T) -> Self {
        Self {
            tools: one(ListKind::Tools),
            prompts: one(ListKind::Prompts),
            resources: one(ListKind::Resources),
            templates: one(ListKind::Templates),
        }
    }

    /// The one for this list.
    pub(crate) fn get(&self, kind: ListKind) -> &T {
        match kind {
            ListKind::Tools => &self.tools,
            ListKind::Prompts => &self.prompts,
            ListKind::Resources => &self.resources,
            ListKind::Templates => &self.templates,
        }
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, kind: ListKind) -> &mut T {
        match kind {
            ListKind::Tools => &mut self.tools,
            ListKind::Prompts => &mut self.prompts,
            ListKind::Resources => &mut self.resources,
            ListKind::Templates => &mut self.templates,
        }
    }

    /// Each with its list.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ListKind, &T)> {
        ListKind::ALL.into_iter().map(|kind| (kind, self.get(kind)))
    }
}

/// What a server declares beside what the revisions know.
#[derive(Debug, PartialEq, Eq)]
pub struct Extensions {
    /// The kind of revision that it declares them in.
    pub hop: Hop,
    /// `experimental`, a raw object, if there is anything in it.
    pub experimental: Option<Bytes>,
    /// `extensions`, a raw object, without those that are bridged, if there is anything in it.
    pub extensions: Option<Bytes>,
}

/// What a server says it has beside tools. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Offers {
    /// Prompts.
    pub prompts: bool,
    /// Resources, and templates of them.
    pub resources: bool,
    /// Completion of arguments.
    pub completions: bool,
    /// A level of its log messages.
    pub logging: bool,
    /// To tell of updates of single resources.
    pub subscriptions: bool,
    /// To make tasks of calls of tools, in the way of this kind of revision.
    pub tasks: Option<Hop>,
    /// To tell when a list changes.
    pub tells: Tells,
    /// What no revision knows.
    pub extensions: Option<Arc<Extensions>>,
}

/// The lists of whose changes a server tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tells {
    pub tools: bool,
    pub prompts: bool,
    pub resources: bool,
}

impl Offers {
    /// Whether there is such a list. Tools are asked for in any case: some servers with tools do
    /// not declare them.
    pub(crate) fn has(&self, kind: ListKind) -> bool {
        match kind {
            ListKind::Tools => true,
            ListKind::Prompts => self.prompts,
            ListKind::Resources | ListKind::Templates => self.resources,
        }
    }
}
