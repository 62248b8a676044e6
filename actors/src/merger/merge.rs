//! This file builds the namespace from what each server lists.
//!
//! Pure. Nothing a server says about itself decides its prefix: that is its name in our settings.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use conductor_config::{CatalogSettings, ServerId, ServerSpec, WorkspaceName};

use super::catalog::{Catalog, ListState, ListedTool, View};
use super::names::{canonical, exported};
use super::slice::Slice;
use crate::model::ToolRef;
use crate::server::{RawTool, Rejected};
use crate::wire::{Text, write_json_string};

/// The views of all servers. `revision` is left at 0: only the publisher counts.
pub(super) fn merge(slices: &BTreeMap<ServerId, Slice>, settings: &CatalogSettings) -> Catalog {
    let mut catalog = Catalog::default();
    // The default workspace is there even when nothing is in it.
    let mut merged = BTreeMap::from([(WorkspaceName::default(), Parts::default())]);
    for (id, slice) in slices {
        let state = slice.state();
        let parts = merged.entry(id.workspace.clone()).or_default();
        parts.servers.insert(id.clone(), state);
        let mut own = Vec::new();
        let mut rejected = Vec::new();
        if let Some(listing) = &slice.listing {
            rejected.extend(listing.rejected.iter().cloned());
            for tool in listing.tools.iter().filter(|tool| is_shown(&slice.spec, &tool.name)) {
                own.push(list(id, tool, tool.name.clone(), None));
                match parts.add(id, tool, settings) {
                    Ok(()) => {}
                    Err(name) => rejected.push(Rejected {
                        tool: tool.name.to_string(),
                        reason: format!("another tool is already shown as `{name}`"),
                    }),
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
    fn add(
        &mut self,
        id: &ServerId,
        tool: &RawTool,
        settings: &CatalogSettings,
    ) -> Result<(), String> {
        let separator = &settings.separator;
        let name = exported(settings.export_style, separator, id, &tool.name);
        let canonical = canonical(separator, id, &tool.name);
        for name in [&name, &canonical] {
            if self.taken.contains(name.as_str()) {
                return Err(name.clone());
            }
        }
        let alias = (name != canonical).then(|| Text::from(canonical.clone()));
        self.taken.insert(name.clone());
        self.taken.insert(canonical);
        self.tools.push(list(id, tool, Text::from(name), alias));
        Ok(())
    }
}

fn list(id: &ServerId, tool: &RawTool, name: Text, alias: Option<Text>) -> ListedTool {
    let mut quoted = Vec::new();
    write_json_string(&mut quoted, &name);
    let mut definition = tool.definition.clone();
    definition.set("name", quoted.into());
    let target = ToolRef { server: id.clone(), tool: tool.name.clone() };
    ListedTool { name, alias, target, json: definition.to_json() }
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
