//! This file answers the requests of the admin interface from the running system.
//!
//! It leaves connections and who may make them to `server.rs`; the same routes can stand behind
//! another door.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use conductor_actors::wire::{CallParams, Hop, Outcome, one_line};
use conductor_actors::{
    Call, CallError, Caller, Form, ListKind, ListState, LocalCaller, Scope, System,
};
use conductor_config::{WorkspaceName, parse_duration};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{explain, pins, streams};
use crate::rest::{
    self, Problem, Refusal, Rest, Secrets, ServerPath, bad_query, no_such_method, rfc3339, server,
    workspace,
};

/// The longest that a request may have the list of tools waited for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What the admin interface works on. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    pub(super) system: System,
    rest: Rest,
    facts: Arc<DaemonFacts>,
    ended: CancellationToken,
}

/// What there is to say about the daemon as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonFacts {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it was started, RFC 3339.
    pub started: String,
    /// Where its HTTP door is open, if it is.
    pub http: Option<SocketAddr>,
    /// Where its Unix socket with the tools of the workspace `default` is open, if it is.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// Its state directory.
    pub state_dir: PathBuf,
}

impl DaemonFacts {
    /// Facts about this process.
    #[must_use]
    pub fn of_this_process(http: Option<SocketAddr>, state_dir: PathBuf) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: rfc3339(SystemTime::now()),
            http,
            socket: None,
            state_dir,
        }
    }
}

/// A list of tools, each definition as its server wrote it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ToolList {
    /// The definitions.
    pub tools: Box<RawValue>,
    /// What is known of each server's list: `known`, `awaited` or `missing`.
    pub servers: std::collections::BTreeMap<String, String>,
}

/// What a server answered to a call: one of the two.
#[derive(Debug, Serialize, Deserialize)]
pub struct CallAnswer {
    /// The result, as the server wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Or its JSON-RPC error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<RawValue>>,
}

impl Admin {
    /// Works on what `rest` works on; streams end when `ended` is cancelled.
    #[must_use]
    pub fn new(rest: Rest, facts: DaemonFacts, ended: CancellationToken) -> Self {
        let socket = rest.sockets.of_workspace(&WorkspaceName::default());
        let facts = Arc::new(DaemonFacts { socket, ..facts });
        Self { system: rest.system.clone(), rest, facts, ended }
    }

    fn failed(&self, error: &CallError) -> Refusal {
        let board = self.system.board().current();
        let status = error.server().and_then(|server| board.servers.get(server));
        let secrets = status.map(|status| Secrets::of(&status.spec)).unwrap_or_default();
        Problem::of_call(error, &secrets, Instant::now())
    }
}

/// The routes of the admin interface.
pub fn router(admin: Admin) -> Router {
    const ONE: &str = "/api/v1/aegis/connections/{workspace_id}/{name}";
    let rest = rest::router(admin.rest.clone());
    let body_max = usize::try_from(admin.system.config().listen.max_body).unwrap_or(usize::MAX);
    Router::new()
        .route("/api/v1/aegis/daemon", get(daemon))
        .route(&format!("{ONE}/logs"), get(logs))
        .route("/api/v1/aegis/tools", get(tools))
        .route("/api/v1/aegis/tools/explain", get(explain::all))
        .route("/api/v1/aegis/tools/why", get(explain::why))
        .route("/api/v1/aegis/pins", get(pins::pending))
        .route(&format!("{ONE}/pins"), post(pins::approve))
        .route("/api/v1/aegis/call", post(call))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(admin)
        .merge(rest)
        .layer(DefaultBodyLimit::max(body_max))
}

async fn no_such_path() -> Refusal {
    Problem::refusal(StatusCode::NOT_FOUND, "unknown_path", "there is nothing under this path")
}

async fn daemon(State(admin): State<Admin>) -> Json<DaemonFacts> {
    Json(DaemonFacts::clone(&admin.facts))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    #[serde(default)]
    from: u64,
    #[serde(default)]
    follow: bool,
}

async fn logs(
    State(admin): State<Admin>,
    Path(path): Path<ServerPath>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(bad_query)?;
    let server = path.server()?;
    let board = admin.system.board().current();
    let status = board.servers.get(&server).ok_or_else(|| Problem::unknown_server(&server))?;
    let ended = query.follow.then(|| admin.ended.clone());
    let body = streams::log_lines(&status.stderr, Secrets::of(&status.spec), query.from, ended);
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolsQuery {
    workspace_id: Option<String>,
    server: Option<String>,
    /// How long to wait for servers that are still coming up.
    wait: Option<String>,
}

async fn tools(
    State(admin): State<Admin>,
    query: Result<Query<ToolsQuery>, QueryRejection>,
) -> Result<Json<ToolList>, Refusal> {
    let Query(query) = query.map_err(bad_query)?;
    let scope = scope(query.workspace_id.as_deref(), query.server.as_deref())?;
    if let Some(wait) = &query.wait {
        let wait = duration("wait", wait)?.min(WAIT_MAX);
        admin.system.catalog().settled(&scope, ListKind::Tools, wait).await;
    }
    let catalog = admin.system.catalog().current();
    let empty = || RawValue::from_string("[]".to_owned());
    let Some(view) = catalog.view(&scope) else {
        return match scope {
            Scope::Server(server) => Err(Problem::unknown_server(server)),
            Scope::Workspace(_) | Scope::View(_) => {
                let tools = empty().map_err(|error| unreadable(&error))?;
                Ok(Json(ToolList { tools, servers: Default::default() }))
            }
        };
    };
    let list = view.list(ListKind::Tools);
    let form = Form { hop: Hop::Legacy, style: list.style() };
    let page = list.page(None, usize::MAX, form).map(|page| page.entries).unwrap_or_default();
    let tools = serde_json::from_slice(&page).map_err(|error| unreadable(&error))?;
    let word = |state: &ListState| match state {
        ListState::Known => "known",
        ListState::Awaited => "awaited",
        ListState::Missing => "missing",
        ListState::Absent => "absent",
    };
    let servers = list.servers().iter().map(|(id, state)| (id.to_string(), word(state).to_owned()));
    Ok(Json(ToolList { tools, servers: servers.collect() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    name: String,
    arguments: Option<Box<RawValue>>,
    workspace_id: Option<String>,
    server: Option<String>,
    timeout: Option<String>,
}

#[derive(Serialize)]
struct Params<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a RawValue>,
}

async fn call(
    State(admin): State<Admin>,
    body: Result<Json<CallBody>, JsonRejection>,
) -> Result<Json<CallAnswer>, Refusal> {
    let Json(body) = body.map_err(|rejection| {
        Problem::refusal(rejection.status(), "bad_request", rejection.body_text())
    })?;
    let scope = scope(body.workspace_id.as_deref(), body.server.as_deref())?;
    let limit = body.timeout.as_deref().map(|text| duration("timeout", text)).transpose()?;
    let params = Params { name: &body.name, arguments: body.arguments.as_deref() };
    let params = serde_json::to_vec(&params).map_err(|error| unreadable(&error))?;
    let params = CallParams::read(Some(&one_line(Bytes::from(params)))).map_err(|error| {
        Problem::refusal(StatusCode::UNPROCESSABLE_ENTITY, "bad_arguments", error.to_string())
    })?;
    let call = Call {
        deadline: limit.map(|limit| Instant::now() + limit),
        // A session of one call: what others have of a server that is not shared is not for it.
        seat: Some(admin.system.seat()),
        ..Call::new(Box::new(params))
    };
    let caller = Caller::Local(LocalCaller::new("admin socket"));
    let outcome = admin.system.call(&scope, caller, call).await;
    let outcome = outcome.map_err(|error| admin.failed(&error))?;
    let raw = |bytes: &Bytes| serde_json::from_slice(bytes).map_err(|error| unreadable(&error));
    Ok(Json(match outcome.outcome {
        Outcome::Result(result) => CallAnswer { result: Some(raw(&result)?), error: None },
        Outcome::Error(error) => CallAnswer { result: None, error: Some(raw(&error)?) },
    }))
}

pub(super) fn scope(workspace_id: Option<&str>, name: Option<&str>) -> Result<Scope, Refusal> {
    let workspace_id = workspace_id.unwrap_or("default");
    match name {
        Some(name) => Ok(Scope::Server(server(workspace_id, name)?)),
        None => Ok(Scope::Workspace(workspace(workspace_id)?)),
    }
}

fn duration(key: &str, text: &str) -> Result<Duration, Refusal> {
    parse_duration(text).map_err(|error| {
        Problem::refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad_duration",
            format!("{key}: {error}"),
        )
    })
}

/// Raw text that was checked when it came in turned out not to be JSON.
fn unreadable(error: &serde_json::Error) -> Refusal {
    Problem::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
}
