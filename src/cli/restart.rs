//! This file is `conductor restart`: it asks for the restart and waits for what comes of it.
//!
//! It leaves the restart to the daemon.

use std::time::Duration;

use conductor_config::ServerId;
use serde_json::json;
use tokio::time::timeout;

use super::args::RestartArgs;
use super::load::client;
use super::out::Out;
use super::status::explanation;
use crate::admin::{Client, Connection};
use crate::exit::{Exit, Failure};

/// How often the outcome is looked for.
const EVERY: Duration = Duration::from_millis(100);

pub(super) async fn run(args: &RestartArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    let path = path(&args.name);
    let before: Connection = client.get(&path).await?;
    let _: Connection = client.post(&format!("{path}/restart"), &json!({})).await?;
    let what = format!("restarting {}", args.name);
    let outcome = timeout(args.timeout, outcome(&client, &path, before.generation));
    let Ok(after) = out.patiently(&what, outcome).await else {
        return Err(Failure::TimedOut { what, limit: args.timeout });
    };
    let after = after?;
    if after.is_up() {
        let pid = after.pid.map(|pid| format!(", process {pid}")).unwrap_or_default();
        out.note(format_args!("{} is running: generation {}{pid}", args.name, after.generation));
        return Ok(Exit::Success);
    }
    out.note(explanation(&after).unwrap_or_default());
    Ok(Exit::Failed)
}

fn path(server: &ServerId) -> String {
    format!("/api/v1/aegis/connections/{}/{}", server.workspace, server.name)
}

/// The server once it is known what came of its life after generation `before`.
async fn outcome(client: &Client, path: &str, before: u64) -> Result<Connection, Failure> {
    loop {
        let now: Connection = client.get(path).await?;
        if is_outcome(&now, before) {
            return Ok(now);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Whether the life after generation `before` is running, or has ended.
fn is_outcome(now: &Connection, before: u64) -> bool {
    now.generation > before
        && matches!(now.state.as_str(), "running" | "degraded" | "backoff" | "failed" | "stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(generation: u64, state: &str, expected: bool) {
        let now: Connection = serde_json::from_value(json!({
            "workspace_id": "default", "name": "git", "source": "file", "transport": "stdio",
            "state": state, "health": "unknown", "pid": null, "generation": generation,
            "restarts": 0, "last_heartbeat": null, "last_error": null, "next_retry": null,
            "socket": "git.sock", "tools": 0, "in_flight": 0, "protocol_version": null,
        }))
        .unwrap();
        assert_eq!(is_outcome(&now, 3), expected, "{generation} {state}");
    }

    #[test]
    fn only_the_next_life_counts() {
        check(3, "running", false);
        check(3, "draining", false);
        check(3, "failed", false);
        check(4, "starting", false);
        check(4, "running", true);
        check(4, "backoff", true);
        check(5, "failed", true);
    }
}
