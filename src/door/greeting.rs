//! This file says what a door is when a client first asks: name, revision, what there is.
//!
//! It leaves the choice of a revision to `service`.

use conductor_actors::wire::{Hop, LEGACY_LATEST, MODERN, TASKS};
use conductor_actors::{ListKind, Scope, System};
use conductor_config::ViewMode;
use serde_json::{Map, Value, json};

use super::service::{TTL_MAX, millis};

/// The result of `initialize`.
pub(super) fn initialize(system: &System, scope: &Scope, version: &str) -> String {
    json!({
        "protocolVersion": version,
        "capabilities": with_tasks(declared(system, scope, Hop::Legacy), system, scope, version),
        "serverInfo": identity(),
        "instructions": instructions(system, scope),
    })
    .to_string()
}

/// The result of `server/discover`.
pub(super) fn discover(system: &System, scope: &Scope) -> String {
    json!({
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": with_extensions(declared(system, scope, Hop::Modern), system, scope),
        "instructions": instructions(system, scope),
        "ttlMs": millis(TTL_MAX),
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": identity() },
    })
    .to_string()
}

/// What there is, or may be once a server comes up: servers come and go, clients ask once.
fn capabilities(system: &System, scope: &Scope) -> Value {
    let catalog = system.catalog().current();
    let view = catalog.view(scope);
    let mut capabilities = Map::new();
    for (kind, key) in [
        (ListKind::Tools, "tools"),
        (ListKind::Prompts, "prompts"),
        (ListKind::Resources, "resources"),
    ] {
        if kind == ListKind::Tools || view.is_none_or(|view| view.may_have(kind)) {
            capabilities.insert(key.to_owned(), json!({ "listChanged": true }));
        }
    }
    if let Some(resources) = capabilities.get_mut("resources")
        && catalog.tells_of_updates(scope)
    {
        resources["subscribe"] = json!(true);
    }
    if catalog.logs(scope) {
        capabilities.insert("logging".to_owned(), json!({}));
    }
    if catalog.completes(scope) {
        capabilities.insert("completions".to_owned(), json!({}));
    }
    Value::Object(capabilities)
}

/// The same with what the server whose own door this is declares beyond its revision, which is of
/// this kind.
fn declared(system: &System, scope: &Scope, hop: Hop) -> Value {
    let mut capabilities = capabilities(system, scope);
    let catalog = system.catalog().current();
    let Some(found) = catalog.extensions(scope).filter(|it| it.hop == hop) else {
        return capabilities;
    };
    for (key, raw) in [("experimental", &found.experimental), ("extensions", &found.extensions)] {
        if let Some(Ok(value)) = raw.as_ref().map(|raw| serde_json::from_slice::<Value>(raw)) {
            capabilities[key] = value;
        }
    }
    capabilities
}

/// The same with tasks that clients ask for, in the revision that has them.
fn with_tasks(mut capabilities: Value, system: &System, scope: &Scope, version: &str) -> Value {
    let makes = system.catalog().current().makes_tasks(scope, Hop::Legacy);
    if makes && version == LEGACY_LATEST {
        capabilities["tasks"] =
            json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } });
    }
    capabilities
}

/// The same with tasks that servers make.
fn with_extensions(mut capabilities: Value, system: &System, scope: &Scope) -> Value {
    if system.catalog().current().makes_tasks(scope, Hop::Modern) {
        capabilities["extensions"][TASKS] = json!({});
    }
    capabilities
}

fn instructions(system: &System, scope: &Scope) -> &'static str {
    let mode = system.catalog().current().view(scope).map(|view| view.mode());
    match (scope, mode.unwrap_or_default()) {
        (Scope::Workspace(_) | Scope::View(_), ViewMode::List) => {
            "Several MCP servers behind one gateway. The name of a tool or a prompt begins with the \
             name of its server. When a call fails, its text says whether it was carried out and \
             when to try again."
        }
        (_, ViewMode::Search) => {
            "Several MCP servers behind one gateway. Find their tools with search_tools, see how one \
             is called with describe_tool, and call it with call_tool. When a call fails, its text \
             says whether it was carried out and when to try again."
        }
        (_, ViewMode::Gateway) => {
            "Several MCP servers behind one gateway. See which with list_servers, what they can do \
             with get_server_tools, and run a tool with execute_tool. When a call fails, its text \
             says whether it was carried out and when to try again."
        }
        (Scope::Server(_), ViewMode::List) => {
            "One MCP server behind a gateway that supervises it. When a call fails, its text says \
             whether it was carried out and when to try again."
        }
    }
}

fn identity() -> Value {
    json!({ "name": "mcp-conductor", "version": env!("CARGO_PKG_VERSION") })
}
