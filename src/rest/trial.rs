//! This file answers whether a connection can be used, by trying.
//!
//! It leaves trying to the system.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Refusal, Rest, Secrets, ServerPath};

/// What came of trying a connection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tried {
    /// Whether the server was reached and listed its tools.
    connected: bool,
    /// Tries made, 1 to 3.
    attempts: u32,
    /// How many tools it lists.
    tools: Option<usize>,
    /// Why it could not be used.
    error: Option<String>,
    /// How long all of it took, in milliseconds.
    took_ms: u64,
}

/// Answers when the server has listed its tools, or could not be brought to.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/connections/{workspace_id}/{name}/test",
    operation_id = "test_connection",
    summary = "Tries whether the server lists its tools",
    params(ServerPath),
    responses((status = 200, description = "What came of it", body = Tried)),
)]
pub(super) async fn test(
    State(rest): State<Rest>,
    Path(path): Path<ServerPath>,
) -> Result<Json<Tried>, Refusal> {
    let server = path.server()?;
    let trial = rest.system.test(&server).await?;
    let config = rest.system.config();
    let secrets = config.servers.get(&server).map(|spec| Secrets::of(spec)).unwrap_or_default();
    let error = trial.outcome.as_ref().err().map(|cause| {
        let attempts = trial.attempts;
        let told = format!("Failed to connect after {attempts} attempts: {cause}");
        secrets.blotted(&told).into_owned()
    });
    Ok(Json(Tried {
        connected: trial.outcome.is_ok(),
        attempts: trial.attempts,
        tools: trial.outcome.ok(),
        error,
        took_ms: u64::try_from(trial.took.as_millis()).unwrap_or(u64::MAX),
    }))
}
