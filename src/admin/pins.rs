//! This file tells which tools are not as they were approved, and approves them.
//!
//! It leaves comparing and remembering to the merger.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use conductor_actors::{PinDifference, Unapproved};
use serde::{Deserialize, Serialize};

use super::routes::Admin;
use crate::rest::{Problem, Refusal, ServerPath};

/// All that is not as it was approved.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Server by server.
    pub servers: Vec<PendingServer>,
}

/// What of one server's tools is not as it was approved.
#[derive(Debug, Serialize, Deserialize)]
pub struct PendingServer {
    /// Its name, `workspace/name` outside the workspace `default`.
    pub server: String,
    /// Whether its tools are held back until they are approved.
    pub held: bool,
    /// Tool by tool.
    pub tools: Vec<PendingTool>,
}

/// One tool that is not as it was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingTool {
    /// The server's name for it.
    pub tool: String,
    /// `new`, `changed`, or `launch` if only the server is started in another way.
    pub change: String,
    /// The approved definition as canonical JSON, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The definition now.
    pub after: String,
}

impl From<&PinDifference> for PendingTool {
    fn from(difference: &PinDifference) -> Self {
        Self {
            tool: difference.tool.clone(),
            change: difference.change.as_str().to_owned(),
            before: difference.before.clone(),
            after: difference.after.clone(),
        }
    }
}

impl From<&Unapproved> for PendingServer {
    fn from(one: &Unapproved) -> Self {
        Self {
            server: one.server.to_string(),
            held: one.held,
            tools: one.differences.iter().map(PendingTool::from).collect(),
        }
    }
}

pub(super) async fn pending(State(admin): State<Admin>) -> Json<Pending> {
    let all = admin.system.unapproved().await;
    Json(Pending { servers: all.iter().map(PendingServer::from).collect() })
}

/// What is to be approved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The server's names for the tools; all of them if there is none.
    #[serde(default)]
    pub tools: Vec<String>,
}

pub(super) async fn approve(
    State(admin): State<Admin>,
    Path(path): Path<ServerPath>,
    body: Result<Json<Approval>, JsonRejection>,
) -> Result<Json<Pending>, Refusal> {
    let Json(Approval { tools }) = body.map_err(|rejection| {
        Problem::refusal(rejection.status(), "bad_request", rejection.body_text())
    })?;
    let server = path.server()?;
    if !admin.system.board().current().servers.contains_key(&server) {
        return Err(Problem::unknown_server(&server));
    }
    let refused =
        |detail: String| Err(Problem::refusal(StatusCode::CONFLICT, "not_listed", detail));
    match admin.system.approve(server.clone(), tools).await {
        None => refused(format!("the tools of server `{server}` are not known yet")),
        Some(unknown) if unknown.is_empty() => Ok(pending(State(admin)).await),
        Some(unknown) => {
            refused(format!("server `{server}` lists no tool `{}`", unknown.join("`, `")))
        }
    }
}
