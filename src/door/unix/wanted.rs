//! This file says which Unix sockets the settings ask for, and what each shows to whom.
//!
//! It opens none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor_actors::Scope;
use conductor_config::{Config, Group, SocketView, WorkspaceName, workspace_socket};

use crate::socket::Modes;

/// A socket that is to be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The settings that ask for it, as a key.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its mode, and that of directories made for it.
    pub modes: Modes,
    /// What it shows.
    pub scope: Scope,
    /// The users who may come in; whoever the mode lets in if there is no list.
    pub uids: Option<BTreeSet<u32>>,
}

impl Wanted {
    fn new(key: String, path: &Path, modes: Modes, scope: Scope) -> Self {
        Self { key, path: path.to_owned(), modes, scope, uids: None }
    }

    /// The key of its settings, and what it shows.
    pub(super) fn door(&self) -> (Arc<str>, Scope) {
        (self.key.as_str().into(), self.scope.clone())
    }
}

/// The modes of a socket at `path` that has this one.
fn modes(config: &Config, path: &Path, mode: u32, group: Option<&Group>) -> Modes {
    let ours = path.starts_with(&config.state.dir);
    Modes { socket: mode, dirs: if ours { 0o700 } else { dirs(mode) }, group: group.cloned() }
}

/// Whoever may use a socket must get to it.
fn dirs(mode: u32) -> u32 {
    let enter = |class: u32, entered: u32| if mode & class == 0 { 0 } else { entered };
    0o700 | enter(0o070, 0o050) | enter(0o007, 0o005)
}

/// The sockets that the settings name under `listen`. They must open, or the daemon must not start.
pub(super) fn named(config: &Config) -> Vec<Wanted> {
    let all = Scope::Workspace(WorkspaceName::default());
    let listen = &config.listen;
    let merged = listen.unix.iter().map(|path| {
        let modes = modes(config, path, listen.unix_mode, listen.unix_group.as_ref());
        Wanted::new("listen.unix".to_owned(), path, modes, all.clone())
    });
    let parts = config.listen.sockets.iter().map(|(name, spec)| {
        let key = format!("listen.sockets.{name}");
        let scope = Scope::View(match &spec.view {
            SocketView::Own(_) => name.as_str().into(),
            SocketView::Named(view) => view.as_str().into(),
        });
        let modes = modes(config, &spec.path, spec.mode, spec.group.as_ref());
        let wanted = Wanted::new(key, &spec.path, modes, scope);
        Wanted { uids: spec.uids.clone(), ..wanted }
    });
    merged.chain(parts).collect()
}

/// The sockets that come by themselves: one for each server that is enabled, one for each
/// workspace. One that cannot be opened costs nothing else.
pub(super) fn own(config: &Config) -> Vec<Wanted> {
    let enabled = config.servers.values().filter(|spec| spec.enabled);
    let workspaces: BTreeSet<WorkspaceName> = enabled
        .clone()
        .map(|spec| spec.id.workspace.clone())
        .chain([WorkspaceName::default()])
        .collect();
    let servers = enabled.map(|spec| {
        let key = format!("mcpServers.{}.socket", spec.id.name);
        let scope = Scope::Server(spec.id.clone());
        let modes = modes(config, &spec.socket, spec.socket_mode, spec.socket_group.as_ref());
        Wanted::new(key, &spec.socket, modes, scope)
    });
    let workspaces = workspaces.into_iter().map(|workspace| {
        let path = workspace_socket(&config.state.dir, &workspace);
        let key = format!("workspace {workspace}");
        let own = &config.defaults;
        let modes = modes(config, &path, own.socket_mode, own.socket_group.as_ref());
        Wanted::new(key, &path, modes, Scope::Workspace(workspace))
    });
    servers.chain(workspaces).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_let_in_whoever_may_use_the_socket() {
        for (mode, expected) in
            [(0o600, 0o700), (0o660, 0o750), (0o666, 0o755), (0o606, 0o705), (0o620, 0o750)]
        {
            assert_eq!(dirs(mode), expected, "{mode:o}");
        }
    }
}
