//! This file reads one entry of `mcpServers`.
//! It does not compare servers with each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{
    Origin, Pattern, Patterns, ServerDefaults, ServerId, ServerName, ServerSpec, Transport,
    WorkspaceName, clients,
    keys::ENTRY,
    name::slug,
    reader::{Node, Table},
    transport, tuning,
};

/// Reads the entry `name`; none if it is so wrong that there is no server in it.
pub(crate) fn read(
    name: &str,
    node: &Node<'_>,
    defaults: &ServerDefaults,
    state_dir: &Path,
) -> Option<ServerSpec> {
    let name = server_name(name, node);
    let mut entry = node.table(ENTRY, |key, node| {
        let foreign = clients::is_entry_key(key);
        if foreign {
            node.warn("a setting of another program, without effect here");
        }
        foreign
    })?;
    let enabled = enabled(&entry);
    entry.node.lenient = !enabled;
    let tuned = tuning::read(&entry, defaults);
    let transport = transport::read(&entry);
    if let Some(Transport::Remote(_)) = transport {
        for node in ["limits", "restartAbove"].iter().filter_map(|key| entry.get(key)) {
            node.warn("is about processes, and without effect on a server elsewhere");
        }
    }
    let workspace = workspace(&entry);
    let (include_tools, exclude_tools) = filters(&entry);
    let safe_to_repeat = patterns(&entry, "safeToRepeat").unwrap_or_default();
    let tool_descriptions = tool_descriptions(&entry);
    let description = entry.get("description").and_then(|node| node.text().map(str::to_owned));
    let required = entry.flag("required").unwrap_or(false);
    let id = ServerId { workspace, name: name? };
    let socket = socket(&entry, &id, state_dir);
    Some(ServerSpec {
        origin: Origin::File,
        transport: transport?,
        description,
        enabled,
        required,
        include_tools,
        exclude_tools,
        tool_descriptions,
        safe_to_repeat,
        start: tuned.start,
        idle_stop: tuned.idle_stop,
        restart: tuned.restart,
        pins: tuned.pins,
        validate_arguments: tuned.validate_arguments,
        sanitize: tuned.sanitize,
        startup_timeout: tuned.startup_timeout,
        timeout: tuned.timeout,
        max_in_flight: tuned.max_in_flight,
        heartbeat: tuned.heartbeat,
        backoff: tuned.backoff,
        restarts: tuned.restarts,
        stop: tuned.stop,
        limits: tuned.limits,
        restart_above: tuned.restart_above,
        isolation: tuned.isolation,
        instances: tuned.instances,
        stable_after: tuned.stable_after,
        retry_failed: tuned.retry_failed,
        max_line: tuned.max_line,
        protocol: tuned.protocol,
        socket,
        socket_mode: tuned.socket_mode,
        socket_group: tuned.socket_group,
        id,
    })
}

fn server_name(name: &str, node: &Node<'_>) -> Option<ServerName> {
    match name.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let cure = slug(name).map(|slug| format!("; call it `{slug}`"));
            node.fail(format!("{error}{}", cure.unwrap_or_default()))
        }
    }
}

/// The workspace that a table names, or the default one.
pub(crate) fn workspace(entry: &Table<'_>) -> WorkspaceName {
    let Some(node) = entry.get("workspace") else { return WorkspaceName::default() };
    let parsed = node.text().map(str::parse::<WorkspaceName>);
    match parsed {
        Some(Ok(workspace)) => return workspace,
        Some(Err(error)) => {
            node.note(error.to_string());
        }
        None => {}
    }
    WorkspaceName::default()
}

fn enabled(entry: &Table<'_>) -> bool {
    match (entry.flag("enabled"), entry.flag("disabled")) {
        (Some(enabled), Some(disabled)) if enabled == disabled => {
            let both =
                format!("enabled = {enabled} and disabled = {disabled} contradict each other");
            entry.node.note(format!("{both}; keep one of them"));
            true
        }
        (Some(enabled), _) => enabled,
        (None, Some(disabled)) => !disabled,
        (None, None) => true,
    }
}

/// Which tools are shown and hidden: our keys, or those of clients in their place.
fn filters(entry: &Table<'_>) -> (Patterns, Patterns) {
    let include = either(entry, "includeTools", "tools");
    let exclude = either(entry, "excludeTools", "disabledTools");
    let all = include.iter().any(|pattern| pattern.as_str() == "*");
    (if all { Patterns::NONE } else { include }, exclude)
}

fn either(entry: &Table<'_>, ours: &str, theirs: &str) -> Patterns {
    if let (Some(_), Some(node)) = (entry.get(ours), entry.get(theirs)) {
        node.note(format!("means the same as `{ours}`; keep that one"));
    }
    patterns(entry, ours).or_else(|| patterns(entry, theirs)).unwrap_or_default()
}

/// What is shown of tools in place of their own descriptions.
fn tool_descriptions(entry: &Table<'_>) -> BTreeMap<String, String> {
    let nodes = entry.get("toolDescriptions").and_then(|node| node.entries()).unwrap_or_default();
    let texts = nodes.iter().filter_map(|(tool, node)| match node.text()?.trim() {
        "" => node.fail("must be what agents are to read, got empty text"),
        text => Some(((*tool).to_owned(), text.to_owned())),
    });
    texts.collect()
}

/// Patterns of tool names.
pub(crate) fn patterns(entry: &Table<'_>, key: &str) -> Option<Patterns> {
    let pattern = |node: &Node<'_>| match node.text()?.parse::<Pattern>() {
        Ok(pattern) => Some(pattern),
        Err(error) => node.fail(error.to_string()),
    };
    Some(entry.texts(key)?.iter().filter_map(pattern).collect())
}

/// The longest path a Unix socket can have on Linux.
const SOCKET_PATH_MAX: usize = 107;

/// Whether a socket can be bound there.
pub(crate) fn fits_socket(path: &Path) -> bool {
    path.as_os_str().len() <= SOCKET_PATH_MAX
}

/// A path at which a socket can be bound.
pub(crate) fn socket_path(node: &Node<'_>) -> Option<PathBuf> {
    let path = node.path()?;
    if fits_socket(&path) {
        return Some(path);
    }
    node.fail(format!("a socket's path has at most {SOCKET_PATH_MAX} bytes; shorten it"))
}

fn socket(entry: &Table<'_>, id: &ServerId, state_dir: &Path) -> PathBuf {
    if let Some(node) = entry.get("socket") {
        return socket_path(&node).unwrap_or_default();
    }
    let path = server_socket(id, state_dir);
    if !fits_socket(&path) {
        entry.node.warn(&format!(
            "its default socket has a path of more than {SOCKET_PATH_MAX} bytes and cannot be \
             opened; set a shorter `socket` or `state.dir`"
        ));
    }
    path
}

/// Where the socket of a workspace is, with the tools of all its servers:
/// `workspaces/NAME.sock` in the state directory.
#[must_use]
pub fn workspace_socket(state_dir: &Path, workspace: &WorkspaceName) -> PathBuf {
    state_dir.join("workspaces").join(format!("{workspace}.sock"))
}

/// Where a server's own socket is unless its settings say otherwise: `servers/NAME.sock` in the
/// state directory, with a folder for every workspace but `default`.
#[must_use]
pub fn server_socket(id: &ServerId, state_dir: &Path) -> PathBuf {
    let mut path = state_dir.join("servers");
    if !id.workspace.is_default() {
        path.push(id.workspace.as_str());
    }
    path.join(format!("{}.sock", id.name))
}
