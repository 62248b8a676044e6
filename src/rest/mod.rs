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
mod openapi;
mod page;
mod problem;
mod rfc3339;
mod token;
mod trial;
mod workspaces;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::routing::get;
use conductor_actors::{Scope, System};
use conductor_config::{NameError, ServerId, WorkspaceName};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use conductor_actors::credentials::Secrets;
pub use connection::{Connection, Connections, Degraded, Instance, LastError, shown};
pub use mask::masked;
pub use problem::Problem;
pub use rfc3339::rfc3339;
pub use token::TokenError;
pub(crate) use token::{AdminToken, ReadToken, checked};

use crate::door::unix::OpenSockets;
use crate::reload::Reloader;

/// Why a request is not done. Boxed: it is large and rare.
pub(crate) type Refusal = Box<Problem>;

/// Where connections lie.
const CONNECTIONS: &str = "/api/v1/aegis/connections";

/// What the routes work on. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    pub(crate) system: System,
    pub(crate) reloader: Reloader,
    pub(crate) sockets: OpenSockets,
}

/// The routes behind the HTTP door, and what opens it.
pub struct Guarded {
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

/// The routes, before they know what they work on. Making them takes a few milliseconds, for each says
/// at length what it answers.
static ROUTES: LazyLock<Router<Rest>> = LazyLock::new(|| {
    let (routes, _) = described().split_for_parts();
    routes.method_not_allowed_fallback(no_such_method)
});

/// The description of the routes, as text. Nobody may ever ask for it.
static DESCRIPTION: LazyLock<Bytes> =
    LazyLock::new(|| document().to_json().unwrap_or_default().into());

/// Makes the routes, so that [`router`] need not: for another thread than the one that starts the rest.
pub(crate) fn prepare() {
    LazyLock::force(&ROUTES);
}

/// The routes; whoever gets to them may do everything.
pub(crate) fn router(rest: Rest) -> Router {
    ROUTES.clone().with_state(rest)
}

/// What describes them.
pub(crate) fn document() -> OpenApi {
    let (_, document) = described().split_for_parts();
    openapi::completed(document)
}

/// The way to that description, which is no secret.
pub(crate) fn description() -> Router {
    let answer = async || ([(CONTENT_TYPE, "application/json")], DESCRIPTION.clone());
    Router::new().route("/openapi.json", get(answer)).method_not_allowed_fallback(no_such_method)
}

/// Each route says itself where it lies and what it answers.
fn described() -> OpenApiRouter<Rest> {
    OpenApiRouter::new()
        .routes(routes!(connections::list, connections::register))
        .routes(routes!(connections::one, connections::replace, connections::remove))
        .routes(routes!(connections::restart))
        .routes(routes!(trial::test))
        .routes(routes!(workspaces::list))
        .routes(routes!(workspaces::one))
        .routes(routes!(workspaces::activate))
        .routes(routes!(workspaces::deactivate))
        .routes(routes!(config::history))
        .routes(routes!(config::plan, config::try_plan))
        .routes(routes!(config::reload))
}

/// The answer to a method that a path does not take.
pub(crate) async fn no_such_method() -> Refusal {
    let detail = "this path does not take this method";
    Problem::refusal(StatusCode::METHOD_NOT_ALLOWED, "unknown_method", detail)
}

pub(crate) fn workspace(name: &str) -> Result<WorkspaceName, Refusal> {
    name.parse().map_err(|error: NameError| bad_name(&error))
}

pub(crate) fn server(workspace: &str, name: &str) -> Result<ServerId, Refusal> {
    let id = || Ok(ServerId { workspace: workspace.parse()?, name: name.parse()? });
    id().map_err(|error| bad_name(&error))
}

/// The workspace that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct WorkspacePath {
    /// The workspace
    #[param(pattern = "^[a-z0-9_-]{1,64}$")]
    workspace_id: String,
}

impl WorkspacePath {
    fn workspace(&self) -> Result<WorkspaceName, Refusal> {
        workspace(&self.workspace_id)
    }
}

/// The server that a path names.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct ServerPath {
    /// The workspace
    #[param(pattern = "^[a-z0-9_-]{1,64}$")]
    workspace_id: String,
    /// The server's name in it
    #[param(pattern = "^[a-z0-9_-]{1,64}$")]
    name: String,
}

impl ServerPath {
    pub(crate) fn server(&self) -> Result<ServerId, Refusal> {
        server(&self.workspace_id, &self.name)
    }
}

fn bad_name(error: &NameError) -> Refusal {
    Problem::refusal(StatusCode::UNPROCESSABLE_ENTITY, "bad_name", error.to_string())
}

pub(crate) fn bad_query(rejection: QueryRejection) -> Refusal {
    Problem::refusal(rejection.status(), "bad_request", rejection.body_text())
}
