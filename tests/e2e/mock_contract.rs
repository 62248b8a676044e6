//! These tests hold the mock server to what other tests rely on: healthy unless told otherwise.
//! They leave the product alone and do not try every fault; a fault is seen by the test that uses it.

use std::path::Path;
use std::time::Duration;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::journal::Journal;
use conductor_e2e::sandbox::{Sandbox, is_alive, signal};
use rustix::process::Signal;
use serde_json::{Value, json};

const MOCK: &str = env!("CARGO_BIN_EXE_mock-mcp-server");
const SOON: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(150);

/// A mock server and its journal, in a sandbox.
struct Mock {
    client: LineClient,
    journal: Journal,
    sandbox: Sandbox,
}

fn spawn(args: &[&str]) -> Mock {
    let sandbox = Sandbox::new().unwrap();
    let journal = Journal::at(sandbox.path("journal"));
    let log = journal.path().display().to_string();
    let mut words = vec![MOCK, "--lifetime", "60", "--log", &log];
    words.extend(args);
    let mark = [(conductor_e2e::sandbox::MARK, sandbox.mark())];
    let client = LineClient::spawn(&words, &mark, Path::new("/dev/null")).unwrap();
    Mock { client, journal, sandbox }
}

async fn legacy(args: &[&str]) -> Mock {
    let mut mock = spawn(args);
    mock.client.initialize("2025-06-18").await.unwrap();
    mock
}

/// Calls a tool in both eras and compares the text of its result.
async fn check(tool: &str, arguments: Value, expected: &str) {
    for modern in [false, true] {
        let mut mock =
            if modern { spawn(&["--tools", "3"]) } else { legacy(&["--tools", "3"]).await };
        if modern {
            mock.client.be_modern();
        }
        let answer = mock.client.call(tool, arguments.clone()).await.unwrap();
        assert_eq!(answer["result"]["content"][0]["text"], expected, "{answer}");
        assert!(mock.client.close(SOON).await.unwrap().success());
    }
}

#[tokio::test]
async fn healthy_tools_answer_in_both_eras() {
    check("echo", json!({ "text": "hé" }), "hé").await;
    check("add", json!({ "a": 1, "b": 2 }), "3").await;
    check("tool_003", json!({ "text": "t" }), "tool_003: t").await;
    check("progress", json!({ "steps": 2, "ms": 1 }), "2 steps").await;
}

#[tokio::test]
async fn pages_have_every_tool_once() {
    let mut mock = legacy(&["--no-fixed-tools", "--tools", "7", "--page", "3"]).await;
    let tools = mock.client.tools().await.unwrap();
    let names: Vec<_> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let all: Vec<String> = (1..=7).map(|number| format!("tool_{number:03}")).collect();
    assert_eq!(names, all);
    assert_eq!(mock.journal.received("tools/list").len(), 3);
}

#[tokio::test]
async fn the_journal_tells_calls_cancellations_and_the_end() {
    let mut mock = legacy(&[]).await;
    let id =
        mock.client.begin("tools/call", json!({ "name": "sleep", "arguments": { "ms": 60_000 } }));
    let id = id.await.unwrap();
    mock.client.notify("notifications/cancelled", json!({ "requestId": id })).await.unwrap();
    mock.client.call("echo", json!({ "text": "on" })).await.unwrap();
    assert!(mock.client.close(SOON).await.unwrap().success());
    let calls = mock.journal.received("tools/call");
    assert_eq!((&calls[0]["name"], &calls[0]["id"]), (&json!("sleep"), &json!(id)));
    assert_eq!(mock.journal.received("notifications/cancelled")[0]["requestId"], id);
    assert_eq!(mock.journal.of_kind("stdin_eof").len(), 1);
}

#[tokio::test]
async fn each_era_refuses_the_other() {
    let mut mock = spawn(&["--era", "modern"]);
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
    let answer = mock.client.request("initialize", params).await.unwrap();
    assert_eq!(answer["error"]["code"], -32022);
    let mut mock = spawn(&["--era", "legacy"]);
    mock.client.be_modern();
    let answer = mock.client.request("server/discover", json!({})).await.unwrap();
    assert_eq!(answer["error"]["code"], -32601);
}

#[tokio::test]
async fn a_fault_once_is_gone_in_the_next_process() {
    let mark = Sandbox::new().unwrap();
    let once = mark.path("once").display().to_string();
    let args = ["--fault", "crash_start", "--fault-once", &once];
    assert_eq!(spawn(&args).client.close(SOON).await.unwrap().code(), Some(1));
    legacy(&args).await;
}

#[tokio::test]
async fn a_stubborn_tree_outlives_its_input_and_sigterm_but_not_its_sandbox() {
    let mut mock = legacy(&["--fault", "stubborn", "--fault-tools"]).await;
    let pids = mock.sandbox.path("pids");
    mock.client.call("fork_tree", json!({ "arg": pids })).await.unwrap();
    let tree = conductor_e2e::wait::until("three pids", SOON, async || {
        let text = std::fs::read_to_string(&pids).ok()?;
        let tree: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (tree.len() == 3).then_some(tree)
    });
    let tree = tree.await.unwrap();
    let leaves = mock.journal.wait("leaves", SOON, |events| {
        (events.iter().filter(|event| event["event"] == "leaf").count() == 2).then_some(())
    });
    leaves.await.unwrap();
    for pid in &tree {
        signal(*pid, Signal::TERM).unwrap();
    }
    let heard = mock.journal.wait("three signals", SOON, |events| {
        (events.iter().filter(|event| event["event"] == "signal").count() == 3).then_some(())
    });
    heard.await.unwrap();
    assert!(tree.iter().all(|pid| is_alive(*pid)));
    drop(mock);
    let gone = async || tree.iter().all(|pid| !is_alive(*pid)).then_some(());
    conductor_e2e::wait::until("the tree is gone", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn a_busy_server_answers_no_ping_during_a_call() {
    let mut mock = legacy(&["--fault", "busy"]).await;
    let sleep = json!({ "name": "sleep", "arguments": { "ms": 400 } });
    mock.client.begin("tools/call", sleep).await.unwrap();
    mock.client.begin("ping", json!({})).await.unwrap();
    assert!(mock.client.next(MOMENT).await.is_err());
    assert_eq!(mock.client.next(SOON).await.unwrap().unwrap()["id"], 2);
}

#[tokio::test]
async fn a_malformed_tool_stands_among_healthy_ones() {
    let mut mock = legacy(&["--fault", "bad_tool=null_schema"]).await;
    let tools = mock.client.tools().await.unwrap();
    assert_eq!(tools.iter().filter(|tool| tool["inputSchema"].is_null()).count(), 1);
    assert!(tools.iter().any(|tool| tool["name"] == "echo"));
}
