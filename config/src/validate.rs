//! This file checks rules that no single key can break: between servers, and between
//! servers and the rest.
//! It does not read settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    Config, Pattern, ServerName, SocketView, ViewSpec, WorkspaceName, nearest::nearest,
    workspace_socket,
};

/// The faults of settings each of which is right by itself: the server or key at fault,
/// and a sentence.
pub(crate) fn faults(config: &Config) -> Vec<(String, String)> {
    let mut faults = separator(config);
    faults.extend(sockets(config));
    faults.extend(strangers(config));
    faults
}

/// What is right and hardly meant: patterns of views that match no tool of any server there is.
pub(crate) fn doubts(config: &Config) -> Vec<String> {
    let separator = config.catalog.separator.as_str();
    let mut doubts = Vec::new();
    for (name, view) in &config.catalog.views {
        let ids = config.servers.keys().filter(|id| id.workspace == view.workspace);
        let prefixes: Vec<String> = ids.map(|id| format!("{}{separator}", id.name)).collect();
        let matches = |pattern: &&Pattern| prefixes.iter().any(|prefix| pattern.may_begin(prefix));
        let lost = view.tools.iter().flatten().chain(view.exclude_tools.iter());
        let lost = lost.filter(|pattern| !matches(pattern));
        doubts.extend(lost.map(|pattern| {
            format!(
                "view `{name}`: `{pattern}` matches no tool of any server in workspace {}; names of \
                 tools begin with their server and {separator:?}",
                view.workspace
            )
        }));
    }
    doubts
}

/// A name that has the separator in it, or ends in a part of it, would make
/// `name + separator + tool` mean two things.
fn separator(config: &Config) -> Vec<(String, String)> {
    let separator = config.catalog.separator.as_str();
    let ambiguous =
        |name: &str| name.contains(separator) || separator == "__" && (name.ends_with('_'));
    let names = config.servers.keys().map(|id| id.name.as_str());
    let faults = names.filter(|name| ambiguous(name)).map(|name| {
        let message = format!(
            "the name does not go with catalog.separator {separator:?}, which must be told apart \
             from it; rename the server or choose another separator"
        );
        (format!("mcpServers.{name}"), message)
    });
    faults.collect()
}

/// Views that are not there, that are not what they seem, or that show servers which are not there:
/// less would be shown than was meant, or something else.
fn strangers(config: &Config) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let mut keys: BTreeMap<&str, String> = BTreeMap::new();
    for (name, socket) in &config.listen.sockets {
        let key = format!("listen.sockets.{name}");
        match &socket.view {
            SocketView::Named(view) => faults.extend(no_such_view(config, &key, view)),
            SocketView::Own(view) if config.catalog.views.get(name) == Some(view) => {
                keys.insert(name, key);
            }
            SocketView::Own(_) => faults.push((
                key,
                format!(
                    "`catalog.views.{name}` has this name and shows something else: rename one, or \
                     say view = {name:?}"
                ),
            )),
        }
    }
    for (name, view) in &config.catalog.views {
        let key = keys.remove(name.as_str()).unwrap_or_else(|| format!("catalog.views.{name}"));
        faults.extend(missing_servers(config, &key, view));
    }
    faults
}

fn no_such_view(config: &Config, key: &str, view: &str) -> Option<(String, String)> {
    let known: Vec<&str> = config.catalog.views.keys().map(String::as_str).collect();
    if known.contains(&view) {
        return None;
    }
    let hint = nearest(view, &known).map(|name| format!("; did you mean `{name}`?"));
    let message = format!("`catalog.views` has no `{view}`{}", hint.unwrap_or_default());
    Some((format!("{key}.view"), message))
}

fn missing_servers(config: &Config, key: &str, view: &ViewSpec) -> Vec<(String, String)> {
    let ViewSpec { workspace, servers, .. } = view;
    let ids = config.servers.keys().filter(|id| id.workspace == *workspace);
    let known: Vec<&str> = ids.map(|id| id.name.as_str()).collect();
    let missing = servers.iter().flatten().filter(|server| !known.contains(&server.as_str()));
    let fault = |server: &ServerName| {
        let hint = nearest(server.as_str(), &known).map(|name| format!("; did you mean `{name}`?"));
        let hint = hint.unwrap_or_default();
        (format!("{key}.servers"), format!("workspace {workspace} has no server `{server}`{hint}"))
    };
    missing.map(fault).collect()
}

/// No two sockets at one place.
fn sockets(config: &Config) -> Vec<(String, String)> {
    let admin = config.state.dir.join("admin.sock");
    let mut taken: BTreeMap<&Path, String> = BTreeMap::new();
    taken.insert(&admin, "the admin socket".to_owned());
    let workspaces = config.servers.keys().map(|id| id.workspace.clone());
    let workspaces: BTreeSet<_> = workspaces.chain([WorkspaceName::default()]).collect();
    let shared = workspaces.iter().map(|workspace| {
        (workspace_socket(&config.state.dir, workspace), format!("workspace {workspace}"))
    });
    let shared: Vec<_> = shared.collect();
    taken.extend(shared.iter().map(|(path, owner)| (path.as_path(), owner.clone())));
    let merged = config.listen.unix.iter().map(|path| ("listen.unix".to_owned(), path.as_path()));
    let named = config.listen.sockets.iter();
    let named = named.map(|(name, spec)| (format!("listen.sockets.{name}.path"), &*spec.path));
    let enabled = config.servers.values().filter(|spec| spec.enabled);
    let own = enabled.map(|spec| (format!("mcpServers.{}.socket", spec.id.name), &*spec.socket));
    let mut faults = Vec::new();
    for (key, path) in merged.chain(named).chain(own) {
        if let Some(other) = taken.get(path) {
            let message = format!("{} is already the socket of {other}", path.display());
            faults.push((key, message));
        } else {
            let owner = key.trim_end_matches(".socket").trim_end_matches(".path").to_owned();
            taken.insert(path, owner);
        }
    }
    faults
}
