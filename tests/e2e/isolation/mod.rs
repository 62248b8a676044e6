//! This folder gives sessions and calls processes of their own, with the real programs.
//!
//! `life` counts, ends, kills and reloads them; `dialogue` has servers ask, tell and log there. Who gets
//! one, and when, is left to the tests beside the code.

mod dialogue;
mod life;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::client::{Client, LEGACY};
use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};

use crate::lines::own_socket;
use crate::world::{mock_with, serve, wait_tool};

/// A daemon with the server `a`, isolated like this, with more settings of it.
async fn isolated(isolation: &str, more: Value) -> Daemon {
    let daemon = serve(json!({ "a": entry(isolation, more) })).await.unwrap();
    wait_tool(&daemon, "a.pid").await.unwrap();
    daemon
}

fn entry(isolation: &str, more: Value) -> Value {
    let mut entry = mock_with(
        &["--library", "--tells", "--era", "legacy", "--fault-tools"],
        json!({ "isolation": isolation }),
    );
    if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
        entry.extend(more);
    }
    entry
}

async fn session(daemon: &Daemon) -> Client {
    Client::legacy(daemon.addr(), "/mcp").await.unwrap()
}

async fn lines(daemon: &Daemon) -> LineClient {
    let mut client = LineClient::connect(&own_socket(daemon, "a")).await.unwrap();
    client.initialize(LEGACY).await.unwrap();
    client
}

/// The process that a client's calls go to.
async fn pid(client: &Client) -> i32 {
    let reply = client.call("a.pid", json!({})).await.unwrap();
    reply.text().unwrap_or_else(|_| panic!("{reply:?}")).parse().unwrap()
}
