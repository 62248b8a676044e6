//! Rows P28 to P36: a connection is tried, three times of five seconds at most.
//! They leave what becomes of a server that fails to the tests of supervision.

use std::time::Duration;

use conductor_e2e::journal::Journal;
use conductor_e2e::rest::CONNECTIONS;
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Stage;
use crate::world::{mock, mock_with};

/// Tries a server; what was said and how long it took.
async fn tried(stage: &Stage, name: &str) -> (Value, Duration) {
    let (mut api, begun) = (stage.api().await, Instant::now());
    let path = format!("{CONNECTIONS}/default/{name}/test");
    let said = api.ask(Method::POST, &path, &[], String::new()).await.unwrap();
    (said.with(200), begun.elapsed())
}

#[tokio::test]
async fn p28_p34_a_server_is_tried_by_listing_its_tools_and_woken_for_it() {
    let lazy = mock_with(&["--tools", "3", "--no-fixed-tools"], json!({ "start": "lazy" }));
    let stage = Stage::start(json!({ "mcpServers": { "a": mock(&[]), "lazy": lazy } })).await;
    stage.until("/default/a", "running").await;
    let before = stage.until("/default/lazy", "stopped").await;
    assert_eq!(before["pid"], Value::Null);
    let (said, _) = tried(&stage, "lazy").await;
    assert_eq!((&said["connected"], &said["tools"]), (&json!(true), &json!(3)));
    assert_eq!((&said["attempts"], &said["error"]), (&json!(1), &Value::Null));
    let (said, took) = tried(&stage, "a").await;
    assert_eq!(said["connected"], true);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn p30_p31_p35_a_server_that_keeps_dying_is_tried_three_times_with_growing_pauses() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::at(folder.path().join("journal"));
    let path = journal.path().display().to_string();
    let settings = json!({ "start": "lazy", "restart": "never", "env": { "KEY": "canary-0815" } });
    let args = ["--log", &path, "--fault", "crash_start"];
    let stage = Stage::start(json!({ "mcpServers": { "a": mock_with(&args, settings) } })).await;
    let (said, took) = tried(&stage, "a").await;
    assert_eq!((&said["connected"], &said["attempts"]), (&json!(false), &json!(3)));
    let told = said["error"].as_str().unwrap();
    assert!(told.starts_with("Failed to connect after 3 attempts: it "), "{told}");
    assert!(!said.to_string().contains("canary"), "{said}");
    let starts: Vec<u64> =
        journal.of_kind("start").iter().filter_map(|event| event["at_ms"].as_u64()).collect();
    assert_eq!(starts.len(), 3, "exactly three were begun");
    let (first, second) = (starts[1] - starts[0], starts[2] - starts[1]);
    assert!(first >= 500 && second >= 1000, "{first} ms, {second} ms");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn p29_p32_p36_a_server_that_never_lists_takes_three_times_five_seconds_and_no_more() {
    let mute = mock_with(&["--fault", "hang_list"], json!({ "start": "lazy" }));
    let off = json!({ "command": "x", "enabled": false });
    let stage = Stage::start(json!({ "mcpServers": { "a": mute, "off": off } })).await;
    let mut api = stage.api().await;
    let mut test = async |name: &str| {
        let path = format!("{CONNECTIONS}/default/{name}/test");
        api.ask(Method::POST, &path, &[], String::new()).await.unwrap()
    };
    assert_eq!(test("unknown").await.with(404)["reason"], "unknown_server");
    assert_eq!(test("off").await.with(409)["reason"], "disabled");
    let (said, took) = tried(&stage, "a").await;
    assert_eq!((&said["connected"], &said["attempts"]), (&json!(false), &json!(3)));
    let told = said["error"].as_str().unwrap();
    assert!(told.contains("did not answer within 5s"), "{told}");
    assert!(took >= Duration::from_millis(16_500), "{took:?}");
    assert!(took < Duration::from_secs(19), "no pause after the last: {took:?}");
}
