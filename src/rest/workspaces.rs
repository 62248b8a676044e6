//! This file answers what is asked about workspaces, and hands on which of them are to be active.
//!
//! It leaves remembering that, and ending servers, to `reload/`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use axum::Json;
use axum::extract::{Path, State};
use conductor_actors::Board;
use conductor_config::{Config, WorkspaceName};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, Refusal, Rest, WorkspacePath};
use crate::reload::Standing;

/// One workspace as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workspace {
    /// Its name.
    workspace_id: String,
    /// Whether its servers are to run.
    active: bool,
    /// Servers it has, disabled ones too.
    servers: usize,
    /// Servers that take calls.
    running: usize,
    /// Where agents find it at the HTTP door.
    path: String,
    /// Where its Unix socket is open.
    #[schema(value_type = Option<String>)]
    socket: Option<PathBuf>,
}

/// A list of workspaces.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workspaces {
    /// By name.
    workspaces: Vec<Workspace>,
}

#[utoipa::path(
    get,
    path = "/api/v1/aegis/workspaces",
    operation_id = "list_workspaces",
    summary = "All workspaces",
    responses((status = 200, description = "By name", body = Workspaces)),
)]
pub(super) async fn list(State(rest): State<Rest>) -> Json<Workspaces> {
    let names = names(&rest.system.config(), &rest.reloader.standing());
    Json(Workspaces { workspaces: names.iter().map(|name| rest.workspace(name)).collect() })
}

#[utoipa::path(
    get,
    path = "/api/v1/aegis/workspaces/{workspace_id}",
    operation_id = "get_workspace",
    summary = "One workspace",
    params(WorkspacePath),
    responses((status = 200, description = "The workspace", body = Workspace)),
)]
pub(super) async fn one(
    State(rest): State<Rest>,
    Path(path): Path<WorkspacePath>,
) -> Result<Json<Workspace>, Refusal> {
    let name = path.workspace()?;
    if !names(&rest.system.config(), &rest.reloader.standing()).contains(&name) {
        let detail = format!("there is no workspace `{name}`");
        return Err(Problem::refusal(StatusCode::NOT_FOUND, "unknown_workspace", detail));
    }
    Ok(Json(rest.workspace(&name)))
}

/// Answers when its servers have been told to start.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/workspaces/{workspace_id}/activate",
    operation_id = "activate_workspace",
    summary = "Has the servers of a workspace run",
    params(WorkspacePath),
    responses((status = 200, description = "The workspace", body = Workspace)),
)]
pub(super) async fn activate(
    State(rest): State<Rest>,
    Path(path): Path<WorkspacePath>,
) -> Result<Json<Workspace>, Refusal> {
    set_active(&rest, &path, true).await
}

/// Answers when its servers have been told to end after their calls.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/workspaces/{workspace_id}/deactivate",
    operation_id = "deactivate_workspace",
    summary = "Has the servers of a workspace finish their calls and rest",
    params(WorkspacePath),
    responses((status = 200, description = "The workspace", body = Workspace)),
)]
pub(super) async fn deactivate(
    State(rest): State<Rest>,
    Path(path): Path<WorkspacePath>,
) -> Result<Json<Workspace>, Refusal> {
    set_active(&rest, &path, false).await
}

async fn set_active(
    rest: &Rest,
    path: &WorkspacePath,
    active: bool,
) -> Result<Json<Workspace>, Refusal> {
    let name = path.workspace()?;
    rest.reloader.set_active(name.clone(), active).await?;
    Ok(Json(rest.workspace(&name)))
}

impl Rest {
    fn workspace(&self, name: &WorkspaceName) -> Workspace {
        let (config, board) = (self.system.config(), self.system.board().current());
        Workspace {
            workspace_id: name.to_string(),
            active: !self.reloader.standing().inactive.contains(name),
            servers: config.servers.keys().filter(|id| id.workspace == *name).count(),
            running: running(&board, name),
            path: match name.is_default() {
                true => "/mcp".to_owned(),
                false => format!("/workspaces/{name}/mcp"),
            },
            socket: self.sockets.of_workspace(name),
        }
    }
}

fn running(board: &Board, name: &WorkspaceName) -> usize {
    let own = board.servers.iter().filter(|(id, _)| id.workspace == *name);
    own.filter(|(_, status)| status.state.is_up()).count()
}

/// The workspaces there are: the default one, those with servers, and those that are not active.
fn names(config: &Config, standing: &Standing) -> BTreeSet<WorkspaceName> {
    let servers = config.servers.keys().chain(standing.entries.keys());
    let named = servers.map(|id| id.workspace.clone()).chain(standing.inactive.iter().cloned());
    named.chain([WorkspaceName::default()]).collect()
}
