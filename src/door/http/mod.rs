//! This folder is the HTTP door: Streamable HTTP for both eras, and the two health pages.
//!
//! ```text
//!  accept ─▶ connection ─▶ gate ─▶ route ─▶ post ─┬─▶ one answer (JSON)
//!  (limits)  (timeouts)    Host,    scope         └─▶ events (SSE): progress, then the answer
//!                          Origin         ─▶ get ────▶ events: what is said unasked
//! ```
//!
//! Beside it lies the REST API of `rest/`, behind the admin token.
//!
//! The same over a Unix socket is `over_unix`, for connections that its door has found to speak
//! HTTP: what the socket shows is at `/mcp` and `/`, and nothing else is there.
//!
//! Legacy clients have a session (`sessions`); a modern request needs none. A client that goes
//! away takes a modern request back and leaves a legacy one running, as their revisions say; it can
//! come back for what it has not heard (`replay`, `tape`).

mod accept;
mod body;
mod events;
mod gate;
mod get;
mod going_on;
mod health;
mod many;
mod negotiation;
mod over_unix;
mod pieces;
mod post;
mod replay;
mod respond;
mod routes;
mod sessions;
mod tape;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conductor_actors::{Caller, LocalCaller, Scope, System, principal_of};
use conductor_config::{Listen, ServerId, WorkspaceName};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::dialogue::Parking;
use super::service::Service;
use crate::rest::Guarded;
use gate::Gate;
pub(super) use over_unix::{OverUnix, turn_away};
use routes::Routes;
use sessions::{Owner, Sessions};

/// What all requests share.
struct Door {
    /// The key of its settings.
    key: Arc<str>,
    system: System,
    sessions: Arc<Sessions>,
    gate: Gate,
    settings: Listen,
    /// Who comes in here.
    caller: LocalCaller,
    parking: Parking,
    shutdown: CancellationToken,
}

impl Door {
    fn service(&self, scope: Scope) -> Service {
        let at = (Arc::clone(&self.key), scope);
        Service::new(self.system.clone(), at, self.caller.clone(), self.parking.clone())
    }

    /// Whose a session is that is used here, at what shows `scope`.
    fn owner(&self, scope: &Scope) -> Owner {
        let principal = principal_of(&Caller::Local(self.caller.clone()));
        Owner { principal, scope: scope.clone() }
    }

    /// Whether there is a server of this name, up or not.
    fn knows_server(&self, server: &ServerId) -> bool {
        self.system.config().servers.contains_key(server)
            || self.system.board().current().servers.contains_key(server)
    }

    /// Whether there is a workspace of this name: the default one, or any with servers.
    fn knows_workspace(&self, workspace: &WorkspaceName) -> bool {
        workspace.is_default()
            || self.system.config().servers.keys().any(|id| id.workspace == *workspace)
            || self.system.board().current().servers.keys().any(|id| id.workspace == *workspace)
    }
}

/// Serves `listener` until `shutdown`, the REST API with it if there is one, then lets requests under
/// way end. Returns when the last connection is closed; whoever wants that bounded bounds it, or ends
/// the calls.
///
/// # Errors
/// If the listener has no address.
pub async fn serve(
    listener: TcpListener,
    (system, rest): (System, Option<Guarded>),
    settings: Listen,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let bound: SocketAddr = listener.local_addr()?;
    let gate = Gate::new(bound, &settings.allowed_hosts, &settings.allowed_origins);
    let Listen { max_sessions, session_idle, .. } = settings;
    let sessions = Sessions::at("http", system.sessions(), max_sessions, session_idle);
    let sessions = Arc::new(sessions);
    let sweeper = tokio::spawn(sweep(Arc::clone(&sessions), session_idle));
    let (caller, closing) = (LocalCaller::new("http"), shutdown.clone());
    let (key, parking) = ("listen.http".into(), Parking::new());
    let door = Door { key, system, sessions, gate, settings, caller, parking, shutdown: closing };
    let door = Arc::new(door);
    let routes = Routes::new(Arc::clone(&door), rest);
    accept::accept(listener, routes, door, shutdown).await;
    sweeper.abort();
    Ok(())
}

/// Forgets sessions that nobody uses.
async fn sweep(sessions: Arc<Sessions>, idle: Duration) {
    let every = (idle / 4).clamp(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        tokio::time::sleep(every).await;
        sessions.sweep().await;
    }
}

#[cfg(test)]
mod tests;
