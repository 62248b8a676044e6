//! This file asks the running daemon everything that `daemon.rs` judges.
//!
//! It changes nothing there, and waits a few seconds at most.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use conductor_config::format_duration;
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use tokio::time::timeout;

use super::daemon::{Answers, Asked};
use crate::admin::{Client, ClientError, Connections, DaemonFacts, ToolList};
use crate::reload::Plan;

/// How long all answers together may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks the daemon with its state in `state_dir`, if there is one.
pub(crate) async fn look_at_daemon(state_dir: &Path) -> Asked {
    let client = Client::new(state_dir);
    match timeout(LIMIT, answers(&client)).await {
        Ok(Ok(answers)) => Asked::Answered(Box::new(answers)),
        Ok(Err(ClientError::NoDaemon { .. })) => {
            Asked::None { state_dir: state_dir.to_owned(), is_locked: is_locked(state_dir) }
        }
        Ok(Err(error)) => Asked::Mute(error.to_string()),
        Err(_) => Asked::Mute(format!("it does not answer within {}", format_duration(LIMIT))),
    }
}

async fn answers(client: &Client) -> Result<Answers, ClientError> {
    let facts: DaemonFacts = client.get("/api/v1/aegis/daemon").await?;
    let connections: Connections = client.get("/api/v1/aegis/connections").await?;
    let history = client.get("/api/v1/aegis/config").await?;
    let plan = match client.get::<Plan>("/api/v1/aegis/config/plan").await {
        Ok(plan) => Ok(plan),
        Err(ClientError::Refused(problem)) if !problem.problems.is_empty() => {
            Err(problem.problems.iter().map(ToString::to_string).collect())
        }
        Err(error) => return Err(error),
    };
    let tools: ToolList = client.get("/api/v1/aegis/tools").await?;
    let connections = connections.connections;
    Ok(Answers { facts, connections, history, plan, tools: names(&tools) })
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn names(tools: &ToolList) -> Vec<String> {
    let named: Vec<Named> = serde_json::from_str(tools.tools.get()).unwrap_or_default();
    named.into_iter().map(|tool| tool.name).collect()
}

/// Whether a process has the state directory for itself, as a daemon that starts or stops does.
fn is_locked(state_dir: &Path) -> bool {
    let Ok(lock) = File::open(state_dir.join("lock")) else { return false };
    // Shared, and given back at once.
    flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
}
