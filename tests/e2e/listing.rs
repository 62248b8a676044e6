//! These tests look at the merged list of tools through the HTTP door.
//! They leave what a call does to `calling.rs`.

use std::time::Duration;

use conductor_e2e::client::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{MOCK, client, journal, mock, mock_with, serve, wait_tool, wait_tools};

#[tokio::test]
async fn two_servers_appear_under_their_names_and_each_call_reaches_its_own() {
    let servers = json!({ "one": mock(&["--name", "x"]), "two": mock(&["--name", "x"]) });
    let daemon = serve(servers).await.unwrap();
    wait_tools(&daemon, &["one.echo", "two.echo"]).await.unwrap();
    let client = client(&daemon);
    let one = client.call("one.pid", json!({})).await.unwrap();
    let two = client.call("two.pid", json!({})).await.unwrap();
    assert_ne!(one.text().unwrap(), two.text().unwrap());
    let names = client.tool_names().await.unwrap();
    let mut sorted = names.clone();
    sorted.sort_by_key(|name| name.split('.').next().unwrap().to_owned());
    assert_eq!(names, sorted, "servers in a fixed order");
}

#[tokio::test]
async fn one_server_can_be_reached_alone_under_its_own_names() {
    let daemon = serve(json!({ "one": mock(&[]), "two": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["one.echo", "two.echo"]).await.unwrap();
    for alone in [
        Client::modern(daemon.addr(), "/servers/one/mcp"),
        Client::legacy(daemon.addr(), "/servers/one/mcp").await.unwrap(),
    ] {
        let names = alone.tool_names().await.unwrap();
        assert!(names.contains(&"echo".to_owned()), "{names:?}");
        assert!(names.iter().all(|name| !name.contains('.')), "{names:?}");
        let reply = alone.call("echo", json!({ "text": "hi" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "hi");
    }
    let nowhere = Client::modern(daemon.addr(), "/servers/three/mcp");
    assert_eq!(nowhere.request("tools/list", json!({})).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_whole_and_shown_in_pages() {
    let servers = json!({ "many": mock(&["--tools", "250", "--page", "7", "--no-fixed-tools"]) });
    let settings = json!({ "mcpServers": servers, "catalog": { "pageSize": 100 } });
    let options = conductor_e2e::daemon::Options::default();
    let daemon = conductor_e2e::daemon::Daemon::start(crate::world::CONDUCTOR, settings, options)
        .await
        .unwrap();
    wait_tool(&daemon, "many.tool_250").await.unwrap();
    let client = client(&daemon);
    let first = client.request("tools/list", json!({})).await.unwrap();
    assert_eq!(first.result().unwrap()["tools"].as_array().unwrap().len(), 100);
    assert!(first.result().unwrap()["nextCursor"].is_string());
    let mut names = client.tool_names().await.unwrap();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 250);
    let bad = client.request("tools/list", json!({ "cursor": "nonsense" })).await.unwrap();
    assert_eq!(bad.error_code(), Some(-32602));
}

#[tokio::test]
async fn a_malformed_tool_costs_only_itself() {
    for way in ["no_name", "null_schema", "array_schema", "deep", "surrogate"] {
        let arg = format!("bad_tool={way}");
        let daemon = serve(json!({ "a": mock(&["--fault", &arg]) })).await;
        let Ok(daemon) = daemon else { panic!("{way}: {:?}", daemon.err()) };
        wait_tools(&daemon, &["a.echo", "a.add"]).await.unwrap();
        let reply = client(&daemon).call("a.echo", json!({ "text": way })).await.unwrap();
        assert_eq!(reply.text().unwrap(), way);
    }
}

#[tokio::test]
async fn filters_hide_tools_from_the_list_and_from_calls() {
    let filtered =
        mock_with(&[], json!({ "includeTools": ["e*", "add"], "excludeTools": ["env"] }));
    let daemon = serve(json!({ "a": filtered })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let client = client(&daemon);
    assert_eq!(client.tool_names().await.unwrap().len(), 2);
    for hidden in ["a.env", "a.pid", "a.nothing", "b.echo", "echo"] {
        let reply = client.call(hidden, json!({})).await.unwrap();
        assert_eq!(reply.error_code(), Some(-32602), "{hidden}: {}", reply.message);
    }
}

#[tokio::test]
async fn a_server_that_hangs_crashes_or_is_missing_delays_nobody() {
    let bad = [
        ("hangs", mock(&["--fault", "hang_init"])),
        ("crashes", mock(&["--fault", "crash_start"])),
        ("missing", json!({ "command": "no-such-program-anywhere" })),
    ];
    let healthy = ["a", "b", "c", "d", "e"];
    let time = async |with: Option<&(&str, Value)>| {
        let mut servers = serde_json::Map::new();
        for name in healthy {
            servers.insert(name.to_owned(), mock(&[]));
        }
        if let Some((name, entry)) = with {
            servers.insert((*name).to_owned(), entry.clone());
        }
        let daemon = serve(Value::Object(servers)).await.unwrap();
        let begun = Instant::now();
        wait_tools(&daemon, &["a.echo", "b.echo", "c.echo", "d.echo", "e.echo"]).await.unwrap();
        begun.elapsed()
    };
    let alone = time(None).await;
    for entry in &bad {
        let beside = time(Some(entry)).await;
        let late = beside.saturating_sub(alone);
        println!("{}: {beside:?} beside it, {alone:?} without", entry.0);
        assert!(late < Duration::from_millis(400), "{} delays others by {late:?}", entry.0);
    }
}

#[tokio::test]
async fn the_list_is_cached_and_a_change_is_seen_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let daemon = serve(json!({ "a": mock(&["--log", &path]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let client = client(&daemon);
    for _ in 0..50 {
        client.tool_names().await.unwrap();
    }
    assert_eq!(journal.received("tools/list").len(), 1);
}

#[tokio::test]
async fn a_frozen_server_does_not_freeze_the_list() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.pid").await.unwrap();
    let client = client(&daemon);
    let pid = client.call("a.pid", json!({})).await.unwrap();
    let pid: i32 = pid.text().unwrap().parse().unwrap();
    conductor_e2e::sandbox::signal(pid, rustix::process::Signal::STOP).unwrap();
    let begun = Instant::now();
    assert!(client.tool_names().await.unwrap().contains(&"a.echo".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_of_either_era_is_spoken_to_in_its_own() {
    for era in ["legacy", "modern", "both"] {
        let daemon =
            serve(json!({ "a": { "command": MOCK, "args": ["--era", era] } })).await.unwrap();
        wait_tool(&daemon, "a.echo").await.unwrap();
        for client in [client(&daemon), Client::legacy(daemon.addr(), "/mcp").await.unwrap()] {
            let reply = client.call("a.echo", json!({ "text": era })).await.unwrap();
            assert_eq!(reply.text().unwrap(), era);
            let marked = reply.result().unwrap().get("resultType").is_some();
            assert_eq!(marked, client.is_modern(), "{era}: {}", reply.message);
        }
    }
}
