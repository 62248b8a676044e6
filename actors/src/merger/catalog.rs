//! This file is the merged namespace as others see it: immutable, shared, ready to be sent.
//!
//! It leaves building one to `merge`, and deciding when to `slice`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use conductor_config::{ServerId, ViewSpec, WorkspaceName};
use thiserror::Error;
use tokio::time::Instant;

use super::account::{Account, Accounts};
use super::names::SAFE_SEPARATOR;
use super::sanitize::Finding;
use crate::model::{Scope, ToolRef};
use crate::server::Rejected;
use crate::wire::Text;

/// All views of one moment. Holders keep their snapshot as long as they like.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Grows with every change that a client could see.
    pub(super) revision: u64,
    pub(super) workspaces: BTreeMap<WorkspaceName, Arc<View>>,
    pub(super) servers: BTreeMap<ServerId, Arc<View>>,
    pub(super) views: BTreeMap<String, Arc<View>>,
    pub(super) rejected: BTreeMap<ServerId, Vec<Rejected>>,
    pub(super) accounts: Accounts,
    /// When the oldest list in it is to be read again.
    pub(super) fresh_until: Option<Instant>,
}

impl Catalog {
    /// Grows with every change that a client could see.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Tools that are not shown because something about them is wrong, by server.
    pub fn rejected(&self) -> &BTreeMap<ServerId, Vec<Rejected>> {
        &self.rejected
    }

    /// What was found in the definition of a server's tool, and what was done about it; nothing if
    /// there is no such tool.
    pub fn findings(&self, tool: &ToolRef) -> &[Finding] {
        let found = self.accounts(&tool.server).iter().find(|account| account.tool == tool.tool);
        found.map_or(&[], |account| &account.findings)
    }

    /// What became of each tool that a server lists, in the order of its list.
    pub fn accounts(&self, server: &ServerId) -> &[Account] {
        self.accounts.get(server).map_or(&[], Vec::as_slice)
    }

    /// Whether clients would see the same lists.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let digests = |catalog: &Self| -> Vec<u64> {
            let views = catalog.workspaces.values();
            let views = views.chain(catalog.servers.values()).chain(catalog.views.values());
            views.map(|view| view.digest).collect()
        };
        self.workspaces.keys().eq(other.workspaces.keys())
            && self.servers.keys().eq(other.servers.keys())
            && self.views.keys().eq(other.views.keys())
            && digests(self) == digests(other)
    }

    /// What a door shows; `None` if there is no such workspace or server.
    pub fn view(&self, scope: &Scope) -> Option<&Arc<View>> {
        match scope {
            Scope::Workspace(name) => self.workspaces.get(name),
            Scope::Server(id) => self.servers.get(id),
            Scope::View(name) => self.views.get(&**name),
        }
    }
}

/// One tool as a client is shown it.
#[derive(Debug, Clone)]
pub struct ListedTool {
    /// The name it is shown under.
    pub name: Text,
    /// Another name it can be called by.
    pub alias: Option<Text>,
    /// Whose it is, and what it is called there.
    pub target: ToolRef,
    /// Its definition, the shown name in it: one JSON object.
    pub json: Bytes,
}

/// Whether a server's list is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListState {
    /// It has been read; the server may be down by now.
    Known,
    /// The server has not come up yet for the first time.
    Awaited,
    /// The server failed before its list could be read.
    Missing,
}

/// What one door shows: tools in a fixed order, and where each leads.
#[derive(Debug)]
pub struct View {
    tools: Vec<ListedTool>,
    by_name: HashMap<Text, usize>,
    /// The whole list as one JSON array.
    array: Bytes,
    /// Changes exactly when `array` does.
    digest: u64,
    servers: BTreeMap<ServerId, ListState>,
    separator: Option<Arc<str>>,
    /// What it is a part of everything by.
    part: Option<Arc<ViewSpec>>,
}

/// A cursor that this program did not make, or made for another list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the cursor is not one of this list")]
pub struct BadCursor;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Definitions as one JSON array.
    pub tools: Bytes,
    /// Where the next part begins; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What a name means in a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// This tool.
    Found(ToolRef),
    /// Perhaps a tool of this server, whose list is not known.
    Awaited(ServerId),
    /// Nothing.
    Unknown,
}

impl View {
    /// A view of `tools`, which are sorted here. `separator` is set for merged views.
    pub(super) fn new(
        mut tools: Vec<ListedTool>,
        servers: BTreeMap<ServerId, ListState>,
        separator: Option<Arc<str>>,
    ) -> Self {
        if separator.is_some() {
            tools.sort_by(|a, b| {
                (&a.target.server, &a.target.tool).cmp(&(&b.target.server, &b.target.tool))
            });
        }
        let array = join(&tools);
        let digest = digest(&array);
        let names = |(at, tool): (usize, &ListedTool)| {
            let alias = tool.alias.clone().map(|alias| (alias, at));
            alias.into_iter().chain([(tool.name.clone(), at)])
        };
        let by_name = tools.iter().enumerate().flat_map(names).collect();
        Self { tools, by_name, array, digest, servers, separator, part: None }
    }

    /// The part of a merged view that `spec` describes; names are put together with `separator`.
    pub(super) fn part(&self, spec: Arc<ViewSpec>, separator: &str) -> Self {
        let shown = |tool: &&ListedTool| {
            let canonical = tool.alias.as_ref().unwrap_or(&tool.name);
            spec.shows(&tool.target.server.name, canonical)
        };
        let tools = self.tools.iter().filter(shown).cloned().collect();
        let mut servers = self.servers.clone();
        servers.retain(|id, _| spec.may_show(&id.name, separator));
        Self { part: Some(spec), ..Self::new(tools, servers, self.separator.clone()) }
    }

    /// The tools in the order they are shown.
    pub fn tools(&self) -> &[ListedTool] {
        &self.tools
    }

    /// The servers shown, and what is known of their lists.
    pub fn servers(&self) -> &BTreeMap<ServerId, ListState> {
        &self.servers
    }

    /// A number that is the same exactly as long as a client would see the same list.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// What `name` leads to.
    pub fn resolve(&self, name: &str) -> Resolution {
        if let Some(at) = self.by_name.get(&Text::from(name)) {
            return Resolution::Found(self.tools[*at].target.clone());
        }
        let awaited = |(id, state): (&ServerId, &ListState)| {
            let named = match &self.separator {
                Some(separator) => name.strip_prefix(id.name.as_ref()).is_some_and(|rest| {
                    rest.starts_with(&**separator) || rest.starts_with(SAFE_SEPARATOR)
                }),
                None => true,
            };
            let shown = self.part.as_ref().is_none_or(|part| part.shows(&id.name, name));
            (named && shown && *state != ListState::Known).then(|| id.clone())
        };
        self.servers.iter().find_map(awaited).map_or(Resolution::Unknown, Resolution::Awaited)
    }

    /// Up to `size` tools from `cursor` on. A list that fits is sent as it is kept.
    ///
    /// The cursor names the last tool shown, so that a list that changed in between goes on
    /// behind it instead of failing. Where that tool is gone, a sorted list goes on with the one
    /// that would follow it, any other with the one in its place.
    pub fn page(&self, cursor: Option<&str>, size: usize) -> Result<Page, BadCursor> {
        let start = match cursor {
            None if self.tools.len() <= size => {
                return Ok(Page { tools: self.array.clone(), next_cursor: None });
            }
            None => 0,
            Some(cursor) => self.after(cursor)?,
        };
        let end = (start + size.max(1)).min(self.tools.len());
        let shown = &self.tools[start..end];
        let next_cursor = match shown.last() {
            Some(last) if end < self.tools.len() => Some(encode(end - 1, &last.target)),
            Some(_) | None => None,
        };
        Ok(Page { tools: join(shown), next_cursor })
    }

    fn after(&self, cursor: &str) -> Result<usize, BadCursor> {
        let (place, target) = decode(cursor).ok_or(BadCursor)?;
        if let Some(at) = self.tools.iter().position(|tool| key(&tool.target) == target) {
            return Ok(at + 1);
        }
        if self.separator.is_none() {
            return Ok(place.min(self.tools.len()));
        }
        let later = |tool: &ListedTool| key(&tool.target) > target;
        Ok(self.tools.iter().position(later).unwrap_or(self.tools.len()))
    }
}

fn key(target: &ToolRef) -> (String, String) {
    (target.server.to_string(), target.tool.to_string())
}

fn encode(place: usize, target: &ToolRef) -> String {
    URL_SAFE_NO_PAD.encode(format!("t1\n{place}\n{}\n{}", target.server, target.tool))
}

fn decode(cursor: &str) -> Option<(usize, (String, String))> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (place, target) = text.strip_prefix("t1\n")?.split_once('\n')?;
    let (server, tool) = target.split_once('\n')?;
    Some((place.parse().ok()?, (server.to_owned(), tool.to_owned())))
}

fn join(tools: &[ListedTool]) -> Bytes {
    let mut array = Vec::with_capacity(tools.iter().map(|tool| tool.json.len() + 1).sum());
    array.push(b'[');
    for (at, tool) in tools.iter().enumerate() {
        if at > 0 {
            array.push(b',');
        }
        array.extend_from_slice(&tool.json);
    }
    array.push(b']');
    Bytes::from(array)
}

fn digest(array: &[u8]) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, array);
    digest.as_ref().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
