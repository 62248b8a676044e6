//! This file answers whether the daemon lives, and whether every server that must be up is up.
//!
//! It leaves details to `conductor status`, which needs to be allowed to ask.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use conductor_actors::{Board, ServerState};
use conductor_config::{Config, StartMode};
use http::Method;
use serde_json::{Value, json};

use super::{Door, respond};

/// `/healthz`: whoever answers lives.
pub(super) async fn healthz(method: Method) -> Response {
    std::future::ready(page(&method, 200, &json!({ "status": "ok" }))).await
}

/// `/readyz`: 503 with the names of required servers that are not up.
pub(super) async fn readyz(State(door): State<Arc<Door>>, method: Method) -> Response {
    let down = down(&door.system.config(), &door.system.board().current());
    let answer = if door.shutdown.is_cancelled() {
        page(&method, 503, &json!({ "status": "shutting_down" }))
    } else if down.is_empty() {
        page(&method, 200, &json!({ "status": "ready" }))
    } else {
        page(&method, 503, &json!({ "status": "unavailable", "down": down }))
    };
    std::future::ready(answer).await
}

fn page(method: &Method, status: u16, body: &Value) -> Response {
    match *method {
        Method::GET | Method::HEAD => {
            respond::document(status, "application/json", body.to_string().into())
        }
        _ => respond::not_allowed("GET, HEAD, OPTIONS"),
    }
}

/// Required servers that are wanted and not up. One that rests until it is needed is as it should
/// be.
fn down(config: &Config, board: &Board) -> Vec<String> {
    let wanted = config.servers.values().map(|spec| (&spec.id, spec));
    let others = board.servers.iter().map(|(id, status)| (id, &status.spec));
    let mut down: Vec<String> = wanted
        .chain(others)
        .filter(|(_, spec)| spec.required && spec.enabled)
        .filter(|(id, spec)| match board.servers.get(id).map(|status| status.state) {
            Some(ServerState::Stopped) => spec.start != StartMode::Lazy,
            Some(state) => !state.is_up(),
            None => true,
        })
        .map(|(id, _)| id.to_string())
        .collect();
    down.sort_unstable();
    down.dedup();
    down
}
