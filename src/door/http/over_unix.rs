//! This file serves HTTP on connections of one Unix socket, with what that socket shows.
//!
//! It leaves finding out who speaks HTTP, and who may come in, to `door::unix`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::response::Response;
use conductor_actors::{LocalCaller, Scope, System};
use conductor_config::Listen;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::accept::connection;
use super::gate::Gate;
use super::sessions::Sessions;
use super::{Door, respond, routes, sweep};
use crate::door::dialogue::Parking;
use crate::door::reply::{Problem, Refusal};

/// The HTTP side of one Unix socket. Sessions are those of the socket; limits and times are those
/// of the HTTP door.
pub(in crate::door) struct OverUnix {
    key: Arc<str>,
    system: System,
    scope: Scope,
    sessions: Arc<Sessions>,
    /// Of all its connections: a client may make its next request over another one.
    parking: Parking,
    gate: Gate,
    settings: Listen,
    closed: CancellationToken,
}

impl OverUnix {
    /// For the socket at `path` that shows `scope` until `closed`; its settings have this key. Must
    /// be called within a runtime.
    pub(in crate::door) fn new(
        system: System,
        path: &str,
        (key, scope): (Arc<str>, Scope),
        closed: CancellationToken,
    ) -> Self {
        let settings = system.config().listen.clone();
        let gate = Gate::of_socket(&settings.allowed_hosts, &settings.allowed_origins);
        let Listen { max_sessions, session_idle, .. } = settings;
        let sessions = Sessions::at(path, system.sessions(), max_sessions, session_idle);
        let sessions = Arc::new(sessions);
        let sweeping = sweep(Arc::clone(&sessions), session_idle);
        tokio::spawn(closed.clone().run_until_cancelled_owned(sweeping));
        let parking = Parking::new();
        Self { key, system, scope, sessions, parking, gate, settings, closed }
    }

    /// Serves one connection of `caller` until it ends.
    pub(in crate::door) fn serve(
        &self,
        stream: UnixStream,
        caller: LocalCaller,
    ) -> impl Future<Output = ()> + Send + use<> {
        let door = Arc::new(Door {
            key: Arc::clone(&self.key),
            system: self.system.clone(),
            sessions: Arc::clone(&self.sessions),
            gate: self.gate.clone(),
            settings: self.settings.clone(),
            caller,
            parking: self.parking.clone(),
            shutdown: self.closed.clone(),
        });
        let (scope, behind) = (self.scope.clone(), Arc::clone(&door));
        let routes = service_fn(move |request: Request<Incoming>| {
            let (door, scope) = (Arc::clone(&behind), scope.clone());
            Box::pin(async move { Ok::<_, Infallible>(answer(door, scope, request).await) })
        });
        connection(stream, routes, door)
    }
}

async fn answer(door: Arc<Door>, scope: Scope, request: Request<Incoming>) -> Response {
    match request.uri().path() {
        "/mcp" | "/" => routes::mcp(door, scope, request).await,
        _ => respond::problem(Problem::NotFound),
    }
}

/// Answers whatever is asked with why the peer may not come in, once.
pub(in crate::door) async fn turn_away(stream: UnixStream, refusal: &Refusal) {
    let told = service_fn(|_: Request<Incoming>| {
        std::future::ready(Ok::<_, Infallible>(respond::refusal(refusal)))
    });
    let serving =
        http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), told);
    let _ = serving.await; // gone, or it never asked
}
