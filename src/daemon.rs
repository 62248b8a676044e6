//! This file is the life of the daemon: open the doors, start the system, wait, drain.
//!
//! It leaves loading settings to the commands, and everything that happens in between to the
//! doors and the system.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conductor_actors::{Scope, Storage, System};
use conductor_config::{Config, WorkspaceName};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{self, Admin, AdminSocket, DaemonFacts};
use crate::door;
use crate::door::unix::{OpenSockets, Opened, UnixDoors};
use crate::exit::{Exit, Failure};
use crate::handover::Handed;
use crate::reload::{Register, Reloader, Source, Started, look};
use crate::rest::{self, AdminToken, Guarded, Rest};
use crate::service_manager;
use crate::shutdown::{self, Stop};

/// After the servers have stopped, how long doors may take to send what is left.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 1024;

/// Whether an agent sits at stdin and stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    /// One does; the daemon ends with its input.
    OnStdio,
    /// None does.
    Nowhere,
}

/// Whether this daemon opens Unix sockets beside the admin socket.
#[derive(Debug)]
pub(crate) enum Sockets {
    /// Those that the settings ask for, and one for each server and workspace, in place of which
    /// the service manager may hold some of them.
    Open(Handed),
    /// None: nobody is to find this daemon.
    None,
}

/// Runs the daemon until a signal, or the end of the agent's input, ends it. `config` is what
/// `source` says now.
///
/// # Errors
///
/// If it cannot start; then nothing of it is left running.
pub(crate) async fn run(
    files: Config,
    source: Source,
    agent: Agent,
    sockets: Sockets,
) -> Result<Exit, Failure> {
    let mut seen = look(&files.sources);
    for warning in &files.warnings {
        warn!(%warning, "settings");
    }
    let signals = |source| Failure::System { doing: "listen for signals", source };
    let stop = shutdown::on_signals().map_err(signals)?;
    // Before any server is started: a taken port must cost nothing.
    let (mut handed, sockets) = match sockets {
        Sockets::Open(handed) => (handed, true),
        Sockets::None => (Handed::default(), false),
    };
    let http = match files.listen.http {
        Some(address) => Some(door_at(address, &mut handed)?),
        None => None,
    };
    drop(spawn_blocking(rest::prepare)); // used further down
    let storage = Storage::open(&files.state.dir).await?;
    let token = http.as_ref().map(|_| admin_token(&files));
    let mut register = Register::load(&storage, &source).await?;
    let merged = register.beside(&files);
    register.set_aside(&merged);
    for problem in register.problems() {
        error!(%problem, "a registered server is set aside");
    }
    let token = match token {
        Some(opened) => Some(opened.await?),
        None => None,
    };
    seen.extend(look(token.iter().map(|token| token.file())));
    let config = merged.config;
    let opened = match sockets {
        true => Opened::at_start(&config, &mut handed).await,
        false => Ok(Vec::new()),
    };
    let opened = opened.map_err(|error| Failure::Socket(Box::new(error)))?;
    handed.all_served()?;
    let config = Arc::new(config);
    let environment = source.environment().clone();
    let system = Box::pin(System::start_on(storage, Arc::clone(&config), environment)).await?;
    let admin = match AdminSocket::open(&config.state.dir).await {
        Ok(socket) => socket,
        Err(error) => {
            system.kill().await;
            return Err(error.into());
        }
    };
    // An agent that starts its own conductor starts another one for other settings.
    let watched = config.reload.watch && agent == Agent::Nowhere;
    let (signals, ended) = (Arc::clone(&stop.reload), stop.clean.clone());
    let started = Started { files, register, token: token.clone(), seen };
    let running = system.clone();
    let reloader = Reloader::start(running, source, started, watched, signals, ended);
    let mut doors = Doors::new();
    let states = match sockets {
        true => doors.open_unix((&config, &system), opened).await,
        false => OpenSockets::none(),
    };
    let rest = Rest { system: system.clone(), reloader, sockets: states };
    let guarded = token.map(|token| Guarded { token, routes: rest::router(rest.clone()) });
    doors.open_admin(&config, rest, admin, http.as_ref());
    doors.open((&config, &system), http.map(|http| (http, guarded)), agent);
    service_manager::ready();
    let watched = tokio::spawn(service_manager::watch(system.clone()));
    let exit = doors.until_stopped(system, stop).await;
    watched.abort();
    Ok(exit)
}

/// What opens the REST API. It is begun at once: the disk may be waited for.
fn admin_token(files: &Config) -> impl Future<Output = Result<Arc<AdminToken>, Failure>> + use<> {
    let (named, state_dir) = (files.auth.admin_token_file.clone(), files.state.dir.clone());
    let opened = spawn_blocking(move || AdminToken::open(named.as_deref(), &state_dir));
    async {
        let opened = opened.await.map_err(|error| Failure::System {
            doing: "open the admin token",
            source: error.into(),
        })?;
        Ok(Arc::new(opened?))
    }
}

/// The listener of the HTTP door: one that is handed over, or else one that is bound to `address`.
fn door_at(address: SocketAddr, handed: &mut Handed) -> Result<(TcpListener, SocketAddr), Failure> {
    let Some((listener, address)) = handed.http() else { return bind(address) };
    let listener = TcpListener::from_std(listener);
    let listener = listener.map_err(|source| Failure::Listen { address, source })?;
    info!(addr = %address, "a socket is taken over");
    Ok((listener, address))
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let refused = |source| Failure::Listen { address, source };
    let listener = listen(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Binds `address` with room for a crowd that comes all at once: whoever finds no room in the
/// kernel's queue is left waiting for a second before it tries again.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?; // a restart takes its address over at once
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The doors while they are open.
struct Doors {
    /// Ends when one of the doors that agents come in by has closed.
    agents: JoinSet<io::Result<()>>,
    close_agents: CancellationToken,
    admin: JoinSet<()>,
    close_admin: CancellationToken,
}

impl Doors {
    fn new() -> Self {
        let (agents, close_agents) = (JoinSet::new(), CancellationToken::new());
        let (admin, close_admin) = (JoinSet::new(), CancellationToken::new());
        Self { agents, close_agents, admin, close_admin }
    }

    /// Opens the doors on Unix sockets; tells which are open.
    async fn open_unix(
        &mut self,
        (config, system): (&Arc<Config>, &System),
        opened: Vec<Opened>,
    ) -> OpenSockets {
        let mut unix = UnixDoors::new(system.clone(), opened, self.close_agents.clone());
        unix.follow(config).await;
        let states = unix.states();
        self.agents.spawn(async {
            unix.run().await;
            Ok(())
        });
        states
    }

    fn open_admin(
        &mut self,
        config: &Config,
        rest: Rest,
        socket: AdminSocket,
        http: Option<&(TcpListener, SocketAddr)>,
    ) {
        let address = http.map(|(_, address)| *address);
        let facts = DaemonFacts::of_this_process(address, config.state.dir.clone());
        let closed = &self.close_admin;
        let routes = admin::router(Admin::new(rest, facts, closed.clone()));
        self.admin.spawn(admin::serve(socket, routes, closed.clone()));
    }

    fn open(
        &mut self,
        (config, system): (&Arc<Config>, &System),
        http: Option<((TcpListener, SocketAddr), Option<Guarded>)>,
        agent: Agent,
    ) {
        let Self { agents, close_agents, .. } = self;
        let address = http.as_ref().map(|((_, address), _)| *address);
        if let Some(((listener, address), rest)) = http {
            let serving = door::http::serve(
                listener,
                (system.clone(), rest),
                config.listen.clone(),
                close_agents.clone(),
            );
            agents.spawn(serving);
            info!(addr = %address, "listening");
        }
        if agent == Agent::OnStdio {
            let scope = Scope::Workspace(WorkspaceName::default());
            let serving = door::stdio::serve(system.clone(), scope, close_agents.clone());
            agents.spawn(async {
                serving.await;
                Ok(())
            });
        }
        let url = address.map(|address| format!("http://{address}/mcp"));
        let servers = config.servers.values().filter(|spec| spec.enabled).count();
        info!(servers, url, state_dir = %config.state.dir.display(), "started");
    }

    async fn until_stopped(mut self, system: System, stop: Stop) -> Exit {
        let broken = tokio::select! {
            () = stop.clean.cancelled() => false,
            part = system.broken() => {
                error!(part, "a vital part failed, shutting down");
                true
            }
            closed = self.agents.join_next(), if !self.agents.is_empty() => match closed {
                None | Some(Ok(Ok(()))) => false,
                Some(Ok(Err(error))) => failed(&error),
                Some(Err(error)) => failed(&error),
            },
        };
        stop.clean.cancel(); // whatever the reason: the next signal is one to hurry
        service_manager::stopping();
        let grace = system.config().calls.shutdown_grace;
        let clean = async {
            self.close_agents.cancel();
            system.shutdown(grace).await;
            if timeout(LAST_ANSWERS, all(&mut self.agents)).await.is_err() {
                warn!("a client has not taken its last answers");
            }
        };
        let exit = tokio::select! {
            () = clean => if broken { Exit::Internal } else { Exit::Success },
            () = stop.now.cancelled() => {
                system.kill().await;
                Exit::Killed
            }
        };
        self.close_admin.cancel();
        all(&mut self.admin).await;
        info!("stopped");
        exit
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> bool {
    error!(error, "a door failed, shutting down");
    true
}

async fn all<T: 'static>(tasks: &mut JoinSet<T>) {
    while tasks.join_next().await.is_some() {}
}
