//! This file keeps the Unix sockets that are open equal to those that are wanted.
//!
//! It leaves which are wanted to `wanted`, and their connections to `accept`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use conductor_actors::{Scope, System};
use conductor_config::{Config, ServerId, WorkspaceName};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::accept::Door;
use super::wanted::{Wanted, named, own};
use crate::handover::Handed;
use crate::socket::{Socket, SocketError, SocketFile};

/// What has become of one server's own socket: where it is open, or why it is not.
pub type ServerSocket = Result<PathBuf, String>;

/// What has become of every socket that comes by itself.
#[derive(Debug, Default)]
struct States {
    servers: BTreeMap<ServerId, ServerSocket>,
    workspaces: BTreeMap<WorkspaceName, PathBuf>,
}

/// Tells which sockets are open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OpenSockets(watch::Receiver<Arc<States>>);

impl OpenSockets {
    /// Of a daemon that opens none.
    #[must_use]
    pub fn none() -> Self {
        Self(watch::channel(Arc::default()).1)
    }

    /// The socket of one server; none if it has no door of its own.
    #[must_use]
    pub fn of(&self, server: &ServerId) -> Option<ServerSocket> {
        self.0.borrow().servers.get(server).cloned()
    }

    /// The socket of a workspace, if it is open.
    #[must_use]
    pub fn of_workspace(&self, workspace: &WorkspaceName) -> Option<PathBuf> {
        self.0.borrow().workspaces.get(workspace).cloned()
    }
}

/// The doors on Unix sockets.
pub struct UnixDoors {
    system: System,
    open: BTreeMap<PathBuf, Open>,
    tasks: JoinSet<()>,
    closed: CancellationToken,
    states: watch::Sender<Arc<States>>,
}

/// A door that is open; its file goes with it.
struct Open {
    wanted: Wanted,
    closed: CancellationToken,
    _file: SocketFile,
}

/// A socket that is open, with nobody behind it yet: who connects waits.
#[derive(Debug)]
pub struct Opened {
    wanted: Wanted,
    socket: Socket,
}

/// A socket that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("failed to open `{}`", .wanted.key)]
pub struct NotOpened {
    /// Which.
    pub wanted: Wanted,
    /// Why.
    #[source]
    pub source: SocketError,
}

impl Opened {
    /// Opens the sockets that the settings name under `listen`, and takes over all of `handed` that
    /// are wanted, be it under `listen` or not.
    ///
    /// # Errors
    ///
    /// If any of them cannot be opened; then none is.
    pub(crate) async fn at_start(
        config: &Config,
        handed: &mut Handed,
    ) -> Result<Vec<Self>, NotOpened> {
        let mut opened = Vec::new();
        let must = named(config).into_iter().map(|wanted| (wanted, true));
        let may = own(config).into_iter().map(|wanted| (wanted, false));
        for (wanted, must) in must.chain(may) {
            let socket = match handed.unix(&wanted.path) {
                Some(listener) => {
                    info!(socket = %wanted.path.display(), "a socket is taken over");
                    Socket::handed(listener, &wanted.path)
                }
                None if must => Socket::open(&wanted.path, &wanted.modes).await,
                None => continue,
            };
            match socket {
                Ok(socket) => opened.push(Self { wanted, socket }),
                Err(source) => return Err(NotOpened { wanted, source }),
            }
        }
        Ok(opened)
    }

    async fn new(wanted: Wanted) -> Result<Self, NotOpened> {
        match Socket::open(&wanted.path, &wanted.modes).await {
            Ok(socket) => Ok(Self { wanted, socket }),
            Err(source) => Err(NotOpened { wanted, source }),
        }
    }
}

impl UnixDoors {
    /// Doors to `system` behind these sockets, until `closed`.
    #[must_use]
    pub fn new(system: System, opened: Vec<Opened>, closed: CancellationToken) -> Self {
        let (states, _) = watch::channel(Arc::default());
        let (open, tasks) = (BTreeMap::new(), JoinSet::new());
        let mut doors = Self { system, open, tasks, closed, states };
        for opened in opened {
            doors.serve(opened);
        }
        doors
    }

    /// Tells which servers' sockets are open.
    #[must_use]
    pub fn states(&self) -> OpenSockets {
        OpenSockets(self.states.subscribe())
    }

    /// Opens what `config` asks for and is not open, and closes what it does not ask for any
    /// more. A socket that stays keeps its inode and its connections. One that cannot be opened is
    /// told in the log and costs nothing else.
    pub async fn follow(&mut self, config: &Config) {
        let mut wanted: BTreeMap<PathBuf, Wanted> = BTreeMap::new();
        for one in named(config).into_iter().chain(own(config)) {
            wanted.entry(one.path.clone()).or_insert(one);
        }
        self.open.retain(|path, open| {
            let stays = wanted.get(path) == Some(&open.wanted);
            if !stays {
                info!(socket = %path.display(), "socket closed");
                open.closed.cancel();
            }
            stays
        });
        let mut states = States::default();
        for (path, wanted) in wanted {
            let scope = wanted.scope.clone();
            let state = self.ensure(wanted).await.map(|()| path);
            match (scope, state) {
                (Scope::Server(server), state) => drop(states.servers.insert(server, state)),
                (Scope::Workspace(name), Ok(path)) => drop(states.workspaces.insert(name, path)),
                (Scope::Workspace(_) | Scope::View(_), _) => {}
            }
        }
        self.states.send_replace(Arc::new(states));
    }

    async fn ensure(&mut self, wanted: Wanted) -> Result<(), String> {
        if self.open.contains_key(&wanted.path) {
            return Ok(());
        }
        match Opened::new(wanted).await {
            Ok(opened) => {
                self.serve(opened);
                Ok(())
            }
            Err(NotOpened { wanted, source }) => {
                let error = told(&source);
                warn!(key = wanted.key, error, "a socket cannot be opened, the others can");
                Err(error)
            }
        }
    }

    fn serve(&mut self, opened: Opened) {
        let Opened { wanted, socket: Socket { listener, file } } = opened;
        let closed = self.closed.child_token();
        info!(socket = %wanted.path.display(), key = wanted.key, "listening at a socket");
        let open = Open { wanted: wanted.clone(), closed: closed.clone(), _file: file };
        self.open.insert(wanted.path.clone(), open);
        let door = Door { listener, wanted, system: self.system.clone(), closed };
        self.tasks.spawn(door.serve());
    }

    /// Follows the settings of the system until the doors are closed; returns when the last
    /// connection has ended.
    pub async fn run(mut self) {
        let mut board = self.system.board();
        let mut followed = self.system.config();
        loop {
            tokio::select! {
                () = self.closed.cancelled() => break,
                more = board.changed() => if !more { break },
            }
            let config = self.system.config();
            if !Arc::ptr_eq(&config, &followed) {
                self.follow(&config).await;
                followed = config;
            }
        }
        self.closed.cancelled().await;
        self.open.clear(); // nobody else is to come
        while self.tasks.join_next().await.is_some() {}
    }
}

/// An error with what the system said.
fn told(error: &SocketError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
