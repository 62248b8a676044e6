//! This folder is the REST API: connections that programs register while the daemon runs, and the
//! settings as they are in force.
//!
//! ```text
//!  HTTP door ─▶ token ─┐
//!                      ├─▶ routes ──▶ reload's owner ──▶ store, then system
//!  admin socket ───────┘     └──reads── board, catalogue
//! ```
//!
//! Over HTTP every request carries the admin token (`token`); at the admin socket the operating
//! system has said who asks. Limits of size and time are those of the door.

mod config;
mod connection;
mod connections;
mod etag;
mod mask;
mod page;
mod problem;
mod rfc3339;
mod secrets;
mod token;
mod trial;
mod workspaces;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::routing::{get, post};
use conductor_actors::{Scope, System};
use conductor_config::{NameError, ServerId, WorkspaceName};
use http::StatusCode;

pub use connection::{Connection, Connections, Degraded, LastError, shown};
pub use mask::masked;
pub use problem::Problem;
pub use rfc3339::rfc3339;
pub(crate) use secrets::Secrets;
pub use token::TokenError;
pub(crate) use token::{AdminToken, checked};

use crate::door::unix::OpenSockets;
use crate::reload::Reloader;

/// Why a request is not done. Boxed: it is large and rare.
pub(crate) type Refusal = Box<Problem>;

/// Where connections lie.
const CONNECTIONS: &str = "/api/v1/aegis/connections";
/// Where workspaces lie.
const WORKSPACES: &str = "/api/v1/aegis/workspaces";

/// What the routes work on. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    pub(crate) system: System,
    pub(crate) reloader: Reloader,
    pub(crate) sockets: OpenSockets,
}

/// The routes behind the HTTP door, and what opens it.
pub(crate) struct Guarded {
    /// What is asked of whoever comes.
    pub(crate) token: Arc<AdminToken>,
    /// What they get to.
    pub(crate) routes: Router,
}

impl Rest {
    /// What is known of one server.
    pub(crate) fn connection(&self, server: &ServerId) -> Result<Connection, Refusal> {
        let board = self.system.board().current();
        if let Some(status) = board.servers.get(server) {
            return Ok(Connection::new(status, self.tools_of(server), self.sockets.of(server)));
        }
        let standing = self.reloader.standing();
        match standing.entries.get(server).and_then(|entry| Connection::set_aside(server, entry)) {
            Some(connection) => Ok(connection),
            None => Err(Problem::unknown_server(server)),
        }
    }

    pub(crate) fn tools_of(&self, server: &ServerId) -> usize {
        let catalog = self.system.catalog().current();
        let view = catalog.view(&Scope::Server(server.clone()));
        view.map_or(0, |view| view.tools().len())
    }
}

/// The routes; whoever gets to them may do everything.
pub(crate) fn router(rest: Rest) -> Router {
    let one = format!("{CONNECTIONS}/{{workspace}}/{{name}}");
    let of_one = get(connections::one).put(connections::replace).delete(connections::remove);
    Router::new()
        .route(CONNECTIONS, get(connections::list).post(connections::register))
        .route(&one, of_one)
        .route(&format!("{one}/restart"), post(connections::restart))
        .route(&format!("{one}/test"), post(trial::test))
        .route(WORKSPACES, get(workspaces::list))
        .route(&format!("{WORKSPACES}/{{workspace}}"), get(workspaces::one))
        .route(&format!("{WORKSPACES}/{{workspace}}/activate"), post(workspaces::activate))
        .route(&format!("{WORKSPACES}/{{workspace}}/deactivate"), post(workspaces::deactivate))
        .route("/api/v1/aegis/config", get(config::history))
        .route("/api/v1/aegis/config/plan", get(config::plan).post(config::plan))
        .route("/api/v1/aegis/config/reload", post(config::reload))
        .method_not_allowed_fallback(no_such_method)
        .with_state(rest)
}

/// The answer to a method that a path does not take.
pub(crate) async fn no_such_method() -> Refusal {
    let detail = "this path does not take this method";
    Problem::refusal(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", detail)
}

pub(crate) fn workspace(name: &str) -> Result<WorkspaceName, Refusal> {
    name.parse().map_err(|error: NameError| bad_name(&error))
}

pub(crate) fn server((workspace, name): &(String, String)) -> Result<ServerId, Refusal> {
    let id = |workspace: &str, name: &str| {
        Ok(ServerId { workspace: workspace.parse()?, name: name.parse()? })
    };
    id(workspace, name).map_err(|error| bad_name(&error))
}

fn bad_name(error: &NameError) -> Refusal {
    Problem::refusal(StatusCode::UNPROCESSABLE_ENTITY, "bad_name", error.to_string())
}

pub(crate) fn bad_query(rejection: QueryRejection) -> Refusal {
    Problem::refusal(rejection.status(), "bad_request", rejection.body_text())
}
