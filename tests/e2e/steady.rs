//! These tests ask for lists while servers are frozen, while one is killed again and again, and after
//! a change of how long lists hold.
//! They leave what a server that is down costs its callers to `faults`.

use std::time::Duration;

use bytes::Bytes;
use conductor_e2e::client::{Client, modern_meta};
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::signal;
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::hearing::Ear;
use crate::world::{CONDUCTOR, SOON, client, journal, mock, mock_with, wait_tools};

/// Every way to a list over HTTP, in both kinds of revision.
async fn doors(daemon: &Daemon) -> Vec<Client> {
    let mut doors = Vec::new();
    for path in ["/mcp", "/servers/a/mcp", "/servers/c/mcp"] {
        doors.push(Client::modern(daemon.addr(), path));
        doors.push(Client::legacy(daemon.addr(), path).await.unwrap());
    }
    doors
}

/// The answer to `tools/list`, as it is sent.
async fn bytes(client: &Client) -> Bytes {
    let mut params = json!({});
    if client.is_modern() {
        modern_meta(&mut params, &client.version);
    }
    let request = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": params });
    client.post(&request).await.unwrap().bytes().await.unwrap()
}

async fn all_bytes(doors: &[Client]) -> Vec<Bytes> {
    let mut all = Vec::new();
    for door in doors {
        all.push(bytes(door).await);
    }
    all
}

async fn boot(servers: Value, ttl: &str) -> Daemon {
    let settings = json!({ "mcpServers": servers, "catalog": { "ttl": ttl } });
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo", "c.echo"]).await.unwrap();
    daemon
}

async fn pid_of(daemon: &Daemon, server: &str) -> i32 {
    let reply = client(daemon).call(&format!("{server}.pid"), json!({})).await.unwrap();
    reply.text().unwrap().parse().unwrap()
}

/// A session and a long request that hear of changes of the list of tools.
async fn ears(daemon: &Daemon) -> [Ear; 2] {
    let session = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    session.tools().await.unwrap();
    let stream = session.listen().await.unwrap();
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let mut listening = client(daemon).begin("subscriptions/listen", filter).await.unwrap();
    listening.answer.next().await.unwrap().expect("an acknowledgement");
    [Ear::Session(session, stream), Ear::Listening(listening)]
}

#[tokio::test]
async fn every_list_is_answered_while_all_servers_are_frozen() {
    let servers = json!({
        "a": mock(&["--era", "legacy"]), "b": mock(&["--era", "modern"]), "c": mock(&[]),
    });
    // All lists are due again and again while nobody can answer.
    let daemon = boot(servers, "50ms").await;
    let doors = doors(&daemon).await;
    let before = all_bytes(&doors).await;
    for server in ["a", "b", "c"] {
        signal(pid_of(&daemon, server).await, Signal::STOP).unwrap();
    }
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < Duration::from_millis(500) {
        for (door, before) in doors.iter().zip(&before) {
            let asked = Instant::now();
            assert_eq!(bytes(door).await, before, "the list as it was");
            slowest = slowest.max(asked.elapsed());
        }
    }
    println!("the slowest of all lists while every server was frozen: {slowest:.1?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test]
async fn how_long_a_list_holds_for_clients_follows_the_settings() {
    let entry = mock(&[]);
    let servers = json!({ "a": entry, "b": entry, "c": entry });
    let daemon = boot(servers.clone(), "2m").await;
    let holds = async || {
        let list = client(&daemon).request("tools/list", json!({})).await.unwrap();
        list.result().unwrap()["ttlMs"].as_u64().unwrap()
    };
    assert_eq!(holds().await, 120_000);
    let settings = json!({ "mcpServers": servers, "catalog": { "ttl": "1m" } });
    daemon.sandbox().write_settings(settings).unwrap();
    let reloaded = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(reloaded.code, Some(0), "{}", reloaded.stderr);
    assert_eq!(holds().await, 60_000);
}

#[tokio::test]
async fn a_list_is_the_same_bytes_through_twenty_ends_of_a_server_and_nobody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let hardy = json!({
        "backoff": { "min": "1ms", "max": "20ms" }, "restarts": { "max": 100, "window": "1m" },
    });
    let servers = json!({
        "a": mock_with(&["--log", &path], hardy), "b": mock(&[]), "c": mock(&[]),
    });
    let daemon = boot(servers, "5m").await;
    let (doors, mut ears) = (doors(&daemon).await, ears(&daemon).await);
    let before = all_bytes(&doors).await;
    let mut looks = 0;
    for end in 1..=20 {
        signal(journal.started()[end - 1], Signal::KILL).unwrap();
        // Of the next life the list is read as well, before it may end.
        let read = || journal.started().len() > end && journal.received("tools/list").len() > end;
        let begun = Instant::now();
        while !read() {
            assert!(begun.elapsed() < SOON, "the server is asked again: {}", daemon.log_tail(20));
            assert_eq!(all_bytes(&doors).await, before, "after {end} ends");
            looks += 1;
        }
        wait::until("the server takes calls", SOON, async || {
            let reply = client(&daemon).call("a.echo", json!({ "text": "x" })).await.ok()?;
            (!reply.is_error()).then_some(())
        })
        .await
        .unwrap();
    }
    assert_eq!(all_bytes(&doors).await, before);
    println!("20 ends: the same lists at {} looks through {} doors", looks, doors.len());
    // What they hear first is the change that is made now.
    client(&daemon).call("a.add_tool", json!({ "name": "new" })).await.unwrap();
    for ear in &mut ears {
        let told = ear.next(SOON).await.expect("news");
        assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
        let more = ear.next(Duration::from_millis(700)).await;
        assert_eq!(more, None, "told once of one change");
    }
    assert_ne!(bytes(&doors[0]).await, before[0]);
}
