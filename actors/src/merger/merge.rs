//! This file builds the namespace from what each server lists.
//!
//! Pure. Nothing a server says about itself decides its prefix: that is its name in our settings.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use conductor_config::{CatalogSettings, ServerId, ServerSpec, WorkspaceName};

use super::catalog::{Catalog, ListState, ListedTool, View};
use super::names::{canonical, exported};
use super::sanitize::{JudgedTool, Namespace, Verdict};
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
        let mut rejected = Vec::new();
        if let Some(judged) = &slice.judged {
            rejected.extend(judged.rejected.iter().cloned());
            let blocked = judged.is_blocked();
            for tool in judged.tools.iter().filter(|tool| is_shown(&slice.spec, &tool.name)) {
                let reject = |reason| Rejected { tool: tool.name.to_string(), reason };
                let verdict = tool.verdict(is_foreign(&namespaces, id, at, tool));
                if !verdict.findings.is_empty() {
                    let told = catalog.findings.entry(id.clone()).or_default();
                    told.push((tool.name.clone(), verdict.findings.clone()));
                }
                if blocked || verdict.held.is_some() {
                    rejected.push(reject(held_reason(verdict)));
                    continue;
                }
                let shown = Shown { id, name: &tool.name, definition: &verdict.definition };
                own.push(shown.list(tool.name.clone(), None));
                if let Err(name) = parts.add(&shown, settings) {
                    rejected.push(reject(format!("another tool is already shown as `{name}`")));
                }
            }
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

/// A merged view in the making.
#[derive(Default)]
struct Parts {
    tools: Vec<ListedTool>,
    servers: BTreeMap<ServerId, ListState>,
    taken: HashSet<String>,
}

impl Parts {
    fn add(&mut self, tool: &Shown<'_>, settings: &CatalogSettings) -> Result<(), String> {
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
        self.tools.push(tool.list(Text::from(name), alias));
        Ok(())
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

/// Whether the settings let a tool be seen: some include pattern matches, if there are any, and no
/// exclude pattern does.
fn is_shown(spec: &ServerSpec, tool: &str) -> bool {
    let matches = |patterns: &[String]| {
        patterns
            .iter()
            .any(|pattern| glob::Pattern::new(pattern).is_ok_and(|glob| glob.matches(tool)))
    };
    (spec.include_tools.is_empty() || matches(&spec.include_tools)) && !matches(&spec.exclude_tools)
}
