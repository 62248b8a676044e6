//! These tests hold the test harness itself to its word: boots, waits, finds leftovers, ends.
//! They leave the product alone; a shell script plays the daemon.

use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options, Settings, command};
use conductor_e2e::sandbox::{MARK, Sandbox, is_alive};
use conductor_e2e::wait;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

const SOON: Duration = Duration::from_secs(5);
const LISTENING: &str = r#"{"fields":{"message":"listening","addr":"127.0.0.1:9"}}"#;

async fn start(script: &str) -> anyhow::Result<Daemon> {
    let sandbox = Arc::new(Sandbox::new()?);
    // `sh serve …`: the first argument of a daemon names the script.
    sandbox.write("serve", script)?;
    let options = Options { sandbox: Some(sandbox), limit: SOON, ..Options::default() };
    Daemon::start("sh", Settings::None, options).await
}

#[tokio::test]
async fn a_daemon_is_found_by_its_log_and_ended_with_its_test() {
    let daemon = start(&format!("echo '{LISTENING}' >&2; exec sleep 60")).await.unwrap();
    assert_eq!(daemon.addr().port(), 9);
    let pid = daemon.pid();
    assert!(is_alive(pid));
    drop(daemon);
    wait::until("the daemon is gone", SOON, async || (!is_alive(pid)).then_some(())).await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_ends_at_the_start_is_told_with_its_log() {
    let error = start("echo 'no such key' >&2; exit 2").await.unwrap_err().to_string();
    assert!(error.contains("exit status: 2") && error.contains("no such key"), "{error}");
}

#[tokio::test]
async fn the_log_can_be_waited_for() {
    let script =
        format!("echo '{LISTENING}' >&2; sleep 0.2; echo '{{\"late\":1}}' >&2; exec sleep 60");
    let daemon = start(&script).await.unwrap();
    let found = daemon.wait_log("the late line", SOON, |line| line["late"].as_i64()).await;
    assert_eq!(found.unwrap(), 1);
    let missing = daemon.wait_log("another", Duration::from_millis(50), |line| line["x"].as_i64());
    assert!(missing.await.unwrap_err().to_string().contains("another"));
}

#[tokio::test]
async fn leftovers_are_seen_by_their_mark_and_killed_with_the_sandbox() {
    let sandbox = Sandbox::new().unwrap();
    let mut left = command("sleep").arg("60").env(MARK, sandbox.mark()).spawn().unwrap();
    // The kernel lets go of who starts a program before it shows that program's environment.
    let seen =
        wait::until("its mark is seen", SOON, async || sandbox.processes().pop()).await.unwrap();
    assert_eq!(Some(seen.pid.cast_unsigned()), left.id());
    let error = sandbox.expect_no_process(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.to_string().contains("sleep 60"), "{error}");
    drop(sandbox);
    assert!(!left.wait().await.unwrap().success());
}

#[test]
fn the_mark_is_put_on_child_servers_only() {
    let sandbox = Sandbox::new().unwrap();
    let mut settings = json!({ "mcpServers": {
        "a": { "command": "x" }, "b": { "command": "y", "env": { "K": "v" } }, "c": { "url": "u" },
    } });
    sandbox.mark_servers(&mut settings);
    let servers = &settings["mcpServers"];
    assert_eq!(servers["a"]["env"][MARK], sandbox.mark());
    assert_eq!(servers["b"]["env"], json!({ "K": "v", MARK: sandbox.mark() }));
    assert_eq!(servers["c"], json!({ "url": "u" }));
}

#[tokio::test]
async fn a_wait_tells_what_it_waited_for() {
    let error = wait::until("rain", Duration::from_millis(20), async || None::<()>).await;
    assert!(error.unwrap_err().to_string().starts_with("rain"));
    wait::never("rain", Duration::from_millis(20), async || None::<()>).await.unwrap();
    assert!(wait::never("rain", SOON, async || Some("drops")).await.is_err());
}

#[tokio::test]
async fn the_http_client_speaks_both_eras() {
    let mut server = command(env!("CARGO_BIN_EXE_conductor-bench"))
        .args(["echo", "--http", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let addr: std::net::SocketAddr = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    for client in [Client::legacy(addr, "/mcp").await.unwrap(), Client::modern(addr, "/mcp")] {
        assert_eq!(client.tool_names().await.unwrap(), ["echo", "text", "rows"]);
        let reply = client.call("echo", json!({ "text": "hé\n" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "hé\n");
        assert_eq!(reply.result().unwrap().get("resultType").is_some(), client.is_modern());
        let refused = client.request("resources/list", json!({})).await.unwrap();
        assert_eq!(refused.error_code(), Some(-32601));
    }
}
