//! This file says what lies under which path.
//!
//! It leaves what is done there to `post`, `get` and `health`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use conductor_actors::Scope;
use conductor_config::{Listen, ServerId, WorkspaceName};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Method, Request};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::{Door, body, get, health, post, respond};
use crate::door::reply::Problem;
use crate::rest::{self, Guarded};

/// All paths. The one that nearly all requests are for is known without the router.
#[derive(Clone)]
pub(super) struct Routes {
    door: Arc<Door>,
    merged: Scope,
    others: TowerToHyperService<Router>,
}

impl Routes {
    pub(super) fn new(door: Arc<Door>, rest: Option<Guarded>) -> Self {
        let others = TowerToHyperService::new(router(Arc::clone(&door), rest));
        Self { door, merged: Scope::Workspace(WorkspaceName::default()), others }
    }
}

impl Service<Request<Incoming>> for Routes {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if request.uri().path() == "/mcp" {
            let (door, scope) = (Arc::clone(&self.door), self.merged.clone());
            return Box::pin(mcp(door, scope, request).map(Ok));
        }
        Box::pin(self.others.call(request))
    }
}

fn router(door: Arc<Door>, rest: Option<Guarded>) -> Router {
    let rest = rest.map(|Guarded { token, routes }| {
        let whole = middleware::from_fn_with_state(Arc::clone(&door), whole);
        // The outer one is the later: nobody's body is read who may not come in.
        routes.layer(whole).layer(middleware::from_fn_with_state(token, rest::checked))
    });
    Router::new()
        .route("/workspaces/{workspace}/mcp", any(workspace))
        .route("/views/{view}/mcp", any(view))
        .route("/servers/{server}/mcp", any(server))
        .route("/workspaces/{workspace}/servers/{server}/mcp", any(server_of_workspace))
        .route("/healthz", any(health::healthz))
        .route("/readyz", any(health::readyz))
        .fallback(nothing)
        .with_state(door)
        .merge(rest.unwrap_or_default())
        .merge(rest::description())
}

/// Has the body of a request read within the limits of this door before anything is done with it.
async fn whole(State(door): State<Arc<Door>>, request: Request<Body>, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let Listen { max_body, body_timeout, .. } = door.settings;
    let body = match body::read(body, max_body, body_timeout).await {
        Ok(body) => body,
        Err(problem) => return respond::problem(problem),
    };
    let mut response = next.run(Request::from_parts(head, body.into())).await;
    respond::harden(&mut response);
    response
}

async fn nothing() -> Response {
    std::future::ready(respond::problem(Problem::NotFound)).await
}

async fn workspace(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    match name.parse::<WorkspaceName>() {
        Ok(name) if door.knows_workspace(&name) => mcp(door, Scope::Workspace(name), request).await,
        Ok(_) | Err(_) => respond::problem(Problem::NotFound),
    }
}

async fn view(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    if door.system.config().catalog.views.contains_key(&name) {
        mcp(door, Scope::View(name.into()), request).await
    } else {
        respond::problem(Problem::NotFound)
    }
}

async fn server(
    State(door): State<Arc<Door>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    one_server(door, format!("default/{name}"), request).await
}

async fn server_of_workspace(
    State(door): State<Arc<Door>>,
    Path((workspace, name)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    one_server(door, format!("{workspace}/{name}"), request).await
}

async fn one_server(door: Arc<Door>, id: String, request: Request<Body>) -> Response {
    match id.parse::<ServerId>() {
        Ok(id) if door.knows_server(&id) => mcp(door, Scope::Server(id), request).await,
        Ok(_) | Err(_) => respond::problem(Problem::NotFound),
    }
}

/// What lies under the paths that show `scope`.
pub(super) async fn mcp<B>(door: Arc<Door>, scope: Scope, request: Request<B>) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    match *request.method() {
        Method::POST => post::post(&door, scope, request).await,
        Method::GET => get::get(&door, scope, request.headers()),
        Method::DELETE => get::delete(&door, &scope, request.headers()).await,
        _ => respond::not_allowed("GET, POST, DELETE, OPTIONS"),
    }
}
