//! These tests put servers that are reached over HTTP behind the daemon, beside a child.
//! They leave what goes over the wire, and every way in which it breaks, to tests beside the code.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use conductor_e2e::client::Client;
use conductor_e2e::daemon::command;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::time::Instant;

use crate::world::{SOON, client, mock, serve, wait_status, wait_tools};

/// A server of both eras on this address, as a process of its own; it ends with the test.
async fn echo(addr: &str) -> Result<(SocketAddr, Child)> {
    let mut server = command(env!("CARGO_BIN_EXE_conductor-bench"))
        .args(["echo", "--http", addr])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(server.stdout.take().context("no stdout")?).lines();
    let addr = lines.next_line().await?.context("the server ended")?.parse()?;
    Ok((addr, server))
}

#[tokio::test]
async fn a_remote_server_is_one_among_others_in_both_eras() {
    let (addr, _server) = echo("127.0.0.1:0").await.unwrap();
    let url = format!("http://{addr}/mcp");
    let daemon = serve(json!({
        "new": { "url": url },
        "old": { "url": url, "protocol": "legacy" },
        "child": mock(&[]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["new.echo", "old.echo", "child.echo"]).await.unwrap();
    let clients = [client(&daemon), Client::legacy(daemon.addr(), "/mcp").await.unwrap()];
    for client in &clients {
        for tool in ["new.echo", "old.echo", "child.echo"] {
            let reply = client.call(tool, json!({ "text": "hé\n\u{1f980}" })).await.unwrap();
            assert_eq!(reply.text().unwrap(), "hé\n\u{1f980}", "{tool}");
        }
    }
    for (server, version) in [("new", "2026-07-28"), ("old", "2025-11-25")] {
        let row = wait_status(&daemon, server, |row| row["state"] == "running").await.unwrap();
        assert!(row["pid"].is_null(), "{row}");
        assert_eq!(row["protocol_version"], version, "{row}");
    }
}

#[tokio::test]
async fn a_remote_server_that_goes_away_is_down_and_comes_back_without_help() {
    let (addr, mut server) = echo("127.0.0.1:0").await.unwrap();
    let daemon = serve(json!({
        "far": { "url": format!("http://{addr}/mcp"), "backoff": { "min": "100ms", "max": "300ms" },
                 "restarts": { "max": 1000, "window": "1m" }, "timeout": "2s" },
        "child": mock(&[]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["far.echo", "child.echo"]).await.unwrap();
    let client = client(&daemon);
    server.kill().await.unwrap();
    let reply = client.call("far.echo", json!({ "text": "x" })).await.unwrap();
    assert!(reply.is_error() && reply.text().unwrap().contains("`far`"), "{}", reply.message);
    let down = |row: &serde_json::Value| row["last_error"]["code"] == "unreachable";
    wait_status(&daemon, "far", down).await.unwrap();
    let same = client.call("child.echo", json!({ "text": "here" })).await.unwrap();
    assert_eq!(same.text().unwrap(), "here", "the others do not notice");
    let (_, _server) = echo(&addr.to_string()).await.unwrap();
    wait_status(&daemon, "far", |row| row["state"] == "running").await.unwrap();
    let back = client.call("far.echo", json!({ "text": "back" })).await.unwrap();
    assert_eq!(back.text().unwrap(), "back");
}

#[tokio::test]
async fn a_remote_server_that_is_not_there_or_never_answers_harms_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let begun = Instant::now();
    let daemon = serve(json!({
        "silent": { "url": format!("http://{}/mcp", silent.local_addr().unwrap()),
                    "startupTimeout": "500ms" },
        "nobody": { "url": format!("http://{nobody}/mcp") },
        "child": mock(&[]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["child.echo"]).await.unwrap();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    for (server, code) in [("silent", "start_timeout"), ("nobody", "unreachable")] {
        let row = wait_status(&daemon, server, |row| row["last_error"]["code"] == code).await;
        let row = row.unwrap();
        assert_ne!(row["state"], "running", "{row}");
    }
}
