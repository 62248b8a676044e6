//! This file is what a program that embeds the system asks of it as a pool of servers: names,
//! states, health, sockets.
//!
//! It leaves opening the sockets to whoever has the doors; starting and stopping are in `system`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use conductor_config::ServerId;

use crate::model::ServerState;
use crate::system::System;

/// The pool. Disabled servers are in it, and stopped; every answer is that of the moment, so a
/// server that has died is neither running nor healthy until its next life is up.
impl System {
    /// The servers that are configured, by workspace and name.
    #[must_use]
    pub fn server_names(&self) -> Vec<ServerId> {
        self.config().servers.keys().cloned().collect()
    }

    /// The state of every server; [`ServerState::as_str`] is the word for it.
    #[must_use]
    pub fn states(&self) -> BTreeMap<ServerId, ServerState> {
        let board = self.board().current();
        let state =
            |id: &ServerId| board.servers.get(id).map_or(ServerState::Stopped, |is| is.state);
        self.config().servers.keys().map(|id| (id.clone(), state(id))).collect()
    }

    /// Whether a server takes calls; false for one that is not configured.
    #[must_use]
    pub fn is_running(&self, server: &ServerId) -> bool {
        let board = self.board().current();
        board.servers.get(server).is_some_and(|status| status.state.is_up())
    }

    /// Whether a server is alive and answers; false for one that is not configured or not started.
    #[must_use]
    pub fn is_healthy(&self, server: &ServerId) -> bool {
        let board = self.board().current();
        board.servers.get(server).is_some_and(|status| status.state == ServerState::Running)
    }

    /// Where the door of a server is, be the server up or not; none if it is not configured.
    #[must_use]
    pub fn socket_path(&self, server: &ServerId) -> Option<PathBuf> {
        self.config().servers.get(server).map(|spec| spec.socket.clone())
    }

    /// Where the doors of all servers are.
    #[must_use]
    pub fn socket_paths(&self) -> BTreeMap<ServerId, PathBuf> {
        let config = self.config();
        config.servers.iter().map(|(id, spec)| (id.clone(), spec.socket.clone())).collect()
    }

    /// Where to send an agent: the door of a server that is healthy right now.
    #[must_use]
    pub fn healthy_socket(&self, server: &ServerId) -> Option<PathBuf> {
        self.socket_path(server).filter(|_| self.is_healthy(server))
    }
}
