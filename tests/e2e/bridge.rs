//! These tests use `conductor connect` and what leads to it as clients that know only commands do.
//! They leave the sockets themselves to `sockets.rs`.

use std::process::Stdio;
use std::time::Duration;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{command, run_to_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::lines::{bare, own_socket};
use crate::world::{CONDUCTOR, SOON, mock, serve, wait_status, wait_tool};

#[tokio::test]
async fn m43_the_bridge_ends_with_0_at_the_end_1_without_a_socket_and_2_for_nonsense() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let sandbox = daemon.sandbox();
    let plain = sandbox.write("plain", "x").unwrap().display().to_string();
    let missing = sandbox.path("missing.sock").display().to_string();
    for (args, code, said) in [
        (&["connect", "--socket", missing.as_str()][..], 1, "failed to connect"),
        (&["connect", "--socket", plain.as_str()], 1, "failed to connect"),
        (&["connect", "nobody"], 1, "no server `nobody`"),
        (&["connect"], 2, "SERVER"),
        (&["connect", "a", "b"], 2, "unexpected argument"),
        (&["stdio", "--connect", missing.as_str()], 1, "failed to connect"),
        (&["stdio", "--connect", "x", "--config", "y"], 2, "cannot be used with"),
        (&["connect", "a"], 0, ""),
    ] {
        let ended = daemon.cli(args).await.unwrap();
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
}

#[tokio::test]
async fn a_session_goes_through_the_bridge_and_the_end_of_stdin_leaves_time_for_answers() {
    let daemon = serve(json!({ "a": mock(&[]), "b": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    wait_tool(&daemon, "b.echo").await.unwrap();
    let sandbox = daemon.sandbox();
    let state = sandbox.state_dir().display().to_string();
    let log = sandbox.path("bridge.log");
    let own = [CONDUCTOR, "connect", "a", "--state-dir", &state];
    let mut agent = LineClient::spawn(&own, &[], &log).unwrap();
    agent.initialize("2025-06-18").await.unwrap();
    let text = "z".repeat(300_000);
    let answer = agent.call("echo", json!({ "text": text })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], text.as_str());
    assert_eq!(agent.close(SOON).await.unwrap().code(), Some(0));

    let merged = sandbox.state_dir().join("workspaces/default.sock").display().to_string();
    let mut agent =
        LineClient::spawn(&[CONDUCTOR, "stdio", "--connect", &merged], &[], &log).unwrap();
    agent.be_modern();
    let answer = agent.call("b.echo", json!({ "text": "hi" })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "hi", "{answer}");
    assert_eq!(agent.close(SOON).await.unwrap().code(), Some(0));

    let mut child = command(CONDUCTOR)
        .args(&own[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let call = bare(7, "tools/call", json!({ "name": "sleep", "arguments": { "ms": 1500 } }));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{call}\n").as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(SOON, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["id"], 7);
}

#[tokio::test]
async fn the_bridge_ends_with_the_daemon_though_its_stdin_is_open() {
    let mut daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let socket = own_socket(&daemon, "a").display().to_string();
    let mut child = command(CONDUCTOR)
        .args(["connect", "--socket", &socket])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let line = bare(1, "tools/list", json!({}));
    stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    let mut agent = LineClient::on(child.stdout.take().unwrap(), tokio::io::sink());
    assert!(agent.next(SOON).await.unwrap().unwrap()["result"].is_object());
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    let status = tokio::time::timeout(SOON, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    drop(stdin);
}

#[tokio::test]
async fn m42_client_config_names_the_socket_of_a_running_server_and_writes_files_with_care() {
    let servers = json!({ "a": mock(&[]), "down": { "command": "/nonexistent/program" } });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    wait_status(&daemon, "down", |row| row["state"] != "starting").await.unwrap();
    let refused = daemon.cli(&["client-config", "--server", "down", "--via", "connect"]).await;
    let refused = refused.unwrap();
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("not running"), "{}", refused.stderr);

    let file = daemon.sandbox().write("client.json", r#"{"mcpServers":{"own":{"url":"u"}}}"#);
    let file = file.unwrap();
    let name = file.display().to_string();
    let args = ["client-config", "--server", "a", "--via", "connect", "--write", &name];
    let ended = daemon.cli(&args).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let text = std::fs::read_to_string(&file).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(written["mcpServers"]["own"]["url"], "u");
    let kept = std::fs::read_to_string(format!("{name}.bak")).unwrap();
    assert_eq!(kept, r#"{"mcpServers":{"own":{"url":"u"}}}"#);

    // What was written works as it stands, with no settings to be found.
    let entry = &written["mcpServers"]["a"];
    let mut words = vec![entry["command"].as_str().unwrap()];
    words.extend(entry["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()));
    let log = daemon.sandbox().path("entry.log");
    let mut agent = LineClient::spawn(&words, &[("HOME", "/nonexistent")], &log).unwrap();
    let answer = agent.call("echo", json!({ "text": "hi" })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "hi", "{answer}");
    agent.close(SOON).await.unwrap();

    let merged = daemon.cli(&["client-config", "--via", "connect"]).await.unwrap();
    assert!(merged.stdout.contains("workspaces/default.sock"), "{}", merged.stdout);
    let nowhere = [("CONDUCTOR_STATE__DIR", "/nonexistent")];
    let args = ["client-config", "--via", "connect", "--server", "a"];
    let ended = run_to_end(CONDUCTOR, &args, &nowhere, Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
}
