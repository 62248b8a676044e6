//! This file is what the end-to-end tests share: the binaries, settings in short, frequent questions.
//! It leaves booting and speaking to the harness.

use std::time::Duration;

use anyhow::{Context as _, Result};
use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::journal::Journal;
use conductor_e2e::wait;
use serde_json::{Value, json};

/// The daemon.
pub(crate) const CONDUCTOR: &str = env!("CARGO_BIN_EXE_conductor-under-test");
/// The server that misbehaves on request.
pub(crate) const MOCK: &str = env!("CARGO_BIN_EXE_mock-mcp-server");
/// Generous: how long anything that should happen soon may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// An entry for a mock server with these arguments.
pub(crate) fn mock(args: &[&str]) -> Value {
    json!({ "command": MOCK, "args": args })
}

/// The same with more settings of that entry.
pub(crate) fn mock_with(args: &[&str], more: Value) -> Value {
    let mut entry = mock(args);
    if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
        entry.extend(more);
    }
    entry
}

/// A daemon with these servers.
pub(crate) async fn serve(servers: Value) -> Result<Daemon> {
    Daemon::start(CONDUCTOR, json!({ "mcpServers": servers }), Options::default()).await
}

/// A client of the merged namespace, of the newer era.
pub(crate) fn client(daemon: &Daemon) -> Client {
    Client::modern(daemon.addr(), "/mcp")
}

/// Waits until the merged list names a tool.
pub(crate) async fn wait_tool(daemon: &Daemon, tool: &str) -> Result<()> {
    wait_tools(daemon, &[tool]).await
}

/// Waits until the merged list names all of these tools.
pub(crate) async fn wait_tools(daemon: &Daemon, tools: &[&str]) -> Result<()> {
    let client = client(daemon);
    let listed = wait::until("the tools are listed", SOON, async || {
        let names = client.tool_names().await.ok()?;
        tools.iter().all(|tool| names.iter().any(|name| name == tool)).then_some(())
    });
    listed.await.with_context(|| daemon.log_tail(40))
}

/// What `conductor status --json` says of one server.
pub(crate) async fn status(daemon: &Daemon, server: &str) -> Result<Value> {
    let ended = daemon.cli(&["status", "--json"]).await?;
    let all: Value = serde_json::from_str(&ended.stdout).with_context(|| ended.stderr.clone())?;
    let rows = all.as_array().or_else(|| all["connections"].as_array());
    let rows = rows.with_context(|| format!("no list of servers in {all}"))?;
    let row = rows.iter().find(|row| row["name"] == server);
    row.cloned().with_context(|| format!("no server {server} in {all}"))
}

/// Waits until a server's status satisfies `wanted`, and returns it.
pub(crate) async fn wait_status(
    daemon: &Daemon,
    server: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value> {
    let mut last = Value::Null;
    let found = wait::until("the status", Duration::from_secs(20), async || {
        last = status(daemon, server).await.ok()?;
        wanted(&last).then(|| last.clone())
    });
    let found = found.await;
    found.with_context(|| format!("last status: {last}\n{}", daemon.log_tail(40)))
}

/// A journal in the daemon's sandbox-to-be: a path that outlives the call.
pub(crate) fn journal(folder: &tempfile::TempDir, name: &str) -> Journal {
    Journal::at(folder.path().join(name))
}
