//! This file answers what is asked about connections, and hands on what is to become of them.
//!
//! It leaves keeping registrations, and having them take effect, to `reload/`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use conductor_config::{Registration, ServerId};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::Page;
use super::{
    CONNECTIONS, Connection, Connections, Problem, Refusal, Rest, ServerPath, bad_query, etag,
    openapi, workspace,
};
use crate::reload::Registered;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The workspace whose connections are wanted; all if left out.
    #[param(pattern = "^[a-z0-9_-]{1,64}$")]
    workspace_id: Option<String>,
    /// How many at most, 1 to 1000; all if left out.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
}

#[utoipa::path(
    get,
    path = "/api/v1/aegis/connections",
    operation_id = "list_connections",
    summary = "All connections, or those of a workspace",
    params(ListQuery),
    responses((status = 200, description = "A page of them", body = Connections)),
)]
pub(super) async fn list(
    State(rest): State<Rest>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Connections>, Refusal> {
    let Query(query) = query.map_err(bad_query)?;
    let workspace = query.workspace_id.as_deref().map(workspace).transpose()?;
    let page = Page::read(query.limit.as_deref(), query.cursor.as_deref())?;
    let (board, standing) = (rest.system.board().current(), rest.reloader.standing());
    let wanted = |id: &&ServerId| workspace.as_ref().is_none_or(|name| *name == id.workspace);
    let aside = standing.entries.keys().filter(|id| !board.servers.contains_key(*id));
    let mut ids: Vec<&ServerId> = board.servers.keys().chain(aside).filter(wanted).collect();
    ids.sort_unstable();
    let (ids, next_cursor) = page.cut(ids);
    let connections = ids.into_iter().filter_map(|id| rest.connection(id).ok()).collect();
    Ok(Json(Connections { connections, next_cursor }))
}

#[utoipa::path(
    get,
    path = "/api/v1/aegis/connections/{workspace_id}/{name}",
    operation_id = "get_connection",
    summary = "One connection",
    params(ServerPath),
    responses((
        status = 200,
        description = "The connection",
        body = Connection,
        headers(("ETag" = String, description = "The version of its settings, if registered")),
    )),
)]
pub(super) async fn one(
    State(rest): State<Rest>,
    Path(path): Path<ServerPath>,
) -> Result<Response, Refusal> {
    let server = path.server()?;
    let connection = Json(rest.connection(&server)?);
    let standing = rest.reloader.standing();
    let tag = standing.entries.get(&server).and_then(|entry| etag::header(&entry.version));
    Ok((tag.into_iter().collect::<HeaderMap>(), connection).into_response())
}

/// A connection that was just registered or changed.
#[derive(Serialize, ToSchema)]
struct Changed {
    #[serde(flatten)]
    connection: Connection,
    /// What is odd about it, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Answers when the registration is on the disk and the server has been told to start.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/connections",
    operation_id = "register_connection",
    summary = "Registers a server; it is on the disk when this is answered",
    request_body = openapi::Registration,
    responses((
        status = 201,
        description = "The connection that was made",
        body = Changed,
        headers(
            ("ETag" = String, description = "The version of its settings"),
            ("Location" = String, description = "Where it is from now on"),
        ),
    )),
)]
pub(super) async fn register(
    State(rest): State<Rest>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let registration = Registration::read(&json(&headers, body)?, None)?;
    let id = registration.id.clone();
    let done = rest.reloader.register(registration).await?;
    let mut response = changed(&rest, &id, done)?;
    *response.status_mut() = StatusCode::CREATED;
    let place = format!("{CONNECTIONS}/{}/{}", id.workspace, id.name);
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

#[utoipa::path(
    put,
    path = "/api/v1/aegis/connections/{workspace_id}/{name}",
    operation_id = "replace_connection",
    summary = "Puts another registration in place of one",
    params(
        ServerPath,
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change"),
    ),
    request_body = openapi::Replacement,
    responses((
        status = 200,
        description = "The connection as it is from now on",
        body = Changed,
        headers(("ETag" = String, description = "The version of its settings")),
    )),
)]
pub(super) async fn replace(
    State(rest): State<Rest>,
    Path(path): Path<ServerPath>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let id = path.server()?;
    let condition = etag::condition(&headers)?;
    let registration = Registration::read(&json(&headers, body)?, Some(&id))?;
    let done = rest.reloader.replace(registration, condition).await?;
    changed(&rest, &id, done)
}

/// Answers when the registration is gone from the disk; the server finishes its calls meanwhile.
#[utoipa::path(
    delete,
    path = "/api/v1/aegis/connections/{workspace_id}/{name}",
    operation_id = "remove_connection",
    summary = "Removes a registration; the server finishes its calls",
    params(
        ServerPath,
        ("If-Match" = Option<String>, Header, description = "The ETag of the version to change"),
    ),
    responses((status = 204, description = "It is removed")),
)]
pub(super) async fn remove(
    State(rest): State<Rest>,
    Path(path): Path<ServerPath>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let id = path.server()?;
    rest.reloader.remove(id, etag::condition(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answers when the restart has begun.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/connections/{workspace_id}/{name}/restart",
    operation_id = "restart_connection",
    summary = "Has the server finish its calls and start anew",
    params(ServerPath),
    responses((status = 202, description = "The restart has begun", body = Connection)),
)]
pub(super) async fn restart(
    State(rest): State<Rest>,
    Path(path): Path<ServerPath>,
) -> Result<(StatusCode, Json<Connection>), Refusal> {
    let server = path.server()?;
    rest.system.restart(&server).await?;
    Ok((StatusCode::ACCEPTED, Json(rest.connection(&server)?)))
}

fn changed(rest: &Rest, id: &ServerId, done: Registered) -> Result<Response, Refusal> {
    let tag: HeaderMap = etag::header(&done.version).into_iter().collect();
    let connection = rest.connection(id)?;
    Ok((tag, Json(Changed { connection, warnings: done.warnings })).into_response())
}

/// The body of a request that says it is JSON: what a web page can send without being asked is not.
fn json(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let detail = "send Content-Type: application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::refusal(status, "unsupported_media_type", detail));
    }
    body.map_err(|rejection| {
        Problem::refusal(rejection.status(), "bad_request", rejection.body_text())
    })
}
