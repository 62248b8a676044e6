//! This file builds the namespace from what each server lists.
//!
//! Pure. Nothing a server says about itself decides its prefix: that is its name in our settings.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use conductor_config::{CatalogSettings, ServerId, ServerSpec, WorkspaceName};

use super::account::{Account, Visibility, filter};
use super::catalog::{Catalog, ListState, ListedTool, View};
use super::names::{canonical, exported};
use super::sanitize::{Judged, JudgedTool, Namespace, Verdict};
use super::slice::Slice;
use crate::model::ToolRef;
use crate::server::Rejected;
use crate::wire::{Members, Text, write_json_string};

/// The views of all servers. `revision` is left at 0: only the publisher counts.
pub(super) fn merge(slices: &BTreeMap<ServerId, Slice>, settings: &CatalogSettings) -> Catalog {
    let mut catalog = Catalog::default();
    // The default workspace is there even when nothing is in it.
    let mut merged = BTreeMap::from([(WorkspaceName::default(), Parts::default())]);
    let namespaces = namespaces(slices);
    for (at, (id, slice)) in slices.iter().enumerate() {
        let state = slice.state();
        let parts = merged.entry(id.workspace.clone()).or_default();
        parts.servers.insert(id.clone(), state);
        let mut own = Vec::new();
        let accounts = match &slice.judged {
            Some(judged) => {
                let foreign = |tool: &JudgedTool| is_foreign(&namespaces, id, at, tool);
                let server = Listed { id, spec: &slice.spec, judged, foreign: &foreign };
                server.show(parts, settings, &mut own)
            }
            None => Vec::new(),
        };
        let rejected: Vec<Rejected> = accounts.iter().filter_map(rejection).collect();
        if !accounts.is_empty() {
            catalog.accounts.insert(id.clone(), accounts);
        }
        if !rejected.is_empty() {
            catalog.rejected.insert(id.clone(), rejected);
        }
        let servers = BTreeMap::from([(id.clone(), state)]);
        catalog.servers.insert(id.clone(), Arc::new(View::new(own, servers, None)));
    }
    for (workspace, parts) in merged {
        let separator = Arc::from(settings.separator.as_str());
        let view = View::new(parts.tools, parts.servers, Some(separator));
        catalog.workspaces.insert(workspace, Arc::new(view));
    }
    for (name, spec) in &settings.views {
        if let Some(whole) = catalog.workspaces.get(&spec.workspace) {
            let part = whole.part(Arc::new(spec.clone()), &settings.separator);
            catalog.views.insert(name.clone(), Arc::new(part));
        }
    }
    catalog
}

/// What one server lists.
struct Listed<'a> {
    id: &'a ServerId,
    spec: &'a ServerSpec,
    judged: &'a Judged,
    /// Whether a tool speaks of another server's tools.
    foreign: &'a dyn Fn(&JudgedTool) -> bool,
}

impl Listed<'_> {
    /// Puts what may be shown into `parts` and `own`, and accounts for every tool.
    fn show(
        &self,
        parts: &mut Parts,
        settings: &CatalogSettings,
        own: &mut Vec<ListedTool>,
    ) -> Vec<Account> {
        let blocked = self.judged.is_blocked();
        let refused = self.judged.rejected.iter().map(|rejected| Account {
            tool: Text::from(rejected.tool.as_str()),
            visibility: Visibility::Rejected(rejected.reason.clone()),
            findings: Vec::new(),
        });
        let mut accounts: Vec<Account> = refused.collect();
        for tool in &self.judged.tools {
            let verdict = tool.verdict((self.foreign)(tool));
            let visibility = if let Some(filter) = filter(self.spec, &tool.name) {
                Visibility::Filtered(filter)
            } else if blocked || verdict.held.is_some() {
                Visibility::Rejected(held_reason(verdict))
            } else {
                let definition = &verdict.definition;
                let shown = Shown { id: self.id, name: &tool.name, definition };
                own.push(shown.list(tool.name.clone(), None));
                match parts.add(&shown, settings) {
                    Ok(name) => Visibility::Shown { name },
                    Err(name) => {
                        Visibility::Rejected(format!("another tool is already shown as `{name}`"))
                    }
                }
            };
            let (tool, findings) = (tool.name.clone(), verdict.findings.clone());
            accounts.push(Account { tool, visibility, findings });
        }
        accounts
    }
}

fn rejection(account: &Account) -> Option<Rejected> {
    match &account.visibility {
        Visibility::Rejected(reason) => {
            Some(Rejected { tool: account.tool.to_string(), reason: reason.clone() })
        }
        Visibility::Shown { .. } | Visibility::Filtered(_) => None,
    }
}

/// A merged view in the making.
#[derive(Default)]
struct Parts {
    tools: Vec<ListedTool>,
    servers: BTreeMap<ServerId, ListState>,
    taken: HashSet<String>,
}

impl Parts {
    /// Adds a tool and returns its name there, or the name that is taken.
    fn add(&mut self, tool: &Shown<'_>, settings: &CatalogSettings) -> Result<Text, String> {
        let separator = &settings.separator;
        let name = exported(settings.export_style, separator, tool.id, tool.name);
        let canonical = canonical(separator, tool.id, tool.name);
        for name in [&name, &canonical] {
            if self.taken.contains(name.as_str()) {
                return Err(name.clone());
            }
        }
        let alias = (name != canonical).then(|| Text::from(canonical.clone()));
        self.taken.insert(name.clone());
        self.taken.insert(canonical);
        let name = Text::from(name);
        self.tools.push(tool.list(name.clone(), alias));
        Ok(name)
    }
}

/// A tool that may be shown, and what of it.
struct Shown<'a> {
    id: &'a ServerId,
    name: &'a Text,
    definition: &'a Members,
}

impl Shown<'_> {
    fn list(&self, name: Text, alias: Option<Text>) -> ListedTool {
        let mut quoted = Vec::new();
        write_json_string(&mut quoted, &name);
        let mut definition = self.definition.clone();
        definition.set("name", quoted.into());
        let target = ToolRef { server: self.id.clone(), tool: self.name.clone() };
        ListedTool { name, alias, target, json: definition.to_json() }
    }
}

/// Who has which tool, workspace by workspace. Servers are numbered as they come.
fn namespaces(slices: &BTreeMap<ServerId, Slice>) -> BTreeMap<&WorkspaceName, Namespace<'_>> {
    let mut namespaces: BTreeMap<_, Namespace<'_>> = BTreeMap::new();
    for (at, (id, slice)) in slices.iter().enumerate() {
        let namespace = namespaces.entry(&id.workspace).or_default();
        for tool in slice.judged.iter().flat_map(|judged| &judged.tools) {
            tool.squashed.iter().for_each(|name| namespace.add(at, name));
        }
    }
    namespaces
}

/// Whether a tool of the server numbered `at` speaks of another server's tools.
fn is_foreign(
    namespaces: &BTreeMap<&WorkspaceName, Namespace<'_>>,
    id: &ServerId,
    at: usize,
    tool: &JudgedTool,
) -> bool {
    let namespace = namespaces.get(&id.workspace);
    namespace.is_some_and(|namespace| namespace.any_foreign(at, tool.mentions()))
}

/// Why a tool is held back.
fn held_reason(verdict: &Verdict) -> String {
    match verdict.held {
        Some(_) => format!("held back: {}", verdict.reason()),
        None => "held back: another tool of its server is hostile".to_owned(),
    }
}
