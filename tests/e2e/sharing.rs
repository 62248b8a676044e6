//! These tests put many clients on one server and look for mixed-up answers (row M02).
//! They leave single calls to `calling.rs`.

use std::sync::Arc;

use conductor_e2e::client::Client;
use serde_json::{Value, json};

use crate::world::{journal, mock_with, serve, wait_tool};

/// Clients at once; each asks this often.
const CLIENTS: usize = 50;
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_with_equal_ids_and_tokens_share_one_process_and_mix_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let entry = mock_with(&["--log", &path], json!({ "maxInFlight": 256 }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.progress").await.unwrap();
    let addr = daemon.addr();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        tasks.spawn(async move {
            let client = if number % 2 == 0 {
                Client::modern(addr, "/mcp")
            } else {
                Client::legacy(addr, "/mcp").await.unwrap()
            };
            let client = Arc::new(client);
            for round in 0..ROUNDS {
                ask(&client, number, round).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(journal.started().len(), 1, "one process for all");
    assert_eq!(journal.received("tools/call").len(), CLIENTS * ROUNDS);
}

/// One call under an id and a token that every client uses at the same time.
async fn ask(client: &Client, number: usize, round: usize) {
    let text = format!("client {number} round {round}");
    let steps = 1 + (number + round) % 3;
    let with_progress = round.is_multiple_of(4);
    let (tool, arguments) = if with_progress {
        ("a.progress", json!({ "steps": steps, "ms": 1 }))
    } else {
        ("a.echo", json!({ "text": text }))
    };
    let mut params =
        json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "t" } });
    if client.is_modern() {
        conductor_e2e::client::modern_meta(&mut params, &client.version);
    }
    let body = json!({ "jsonrpc": "2.0", "id": round, "method": "tools/call", "params": params });
    let mut answer = client.post(&body).await.unwrap();
    let mut last = Value::Null;
    let mut told = 0;
    if answer.is_stream() {
        while let Some(event) = answer.next().await.unwrap() {
            if event["method"] == "notifications/progress" {
                assert_eq!(event["params"]["progressToken"], "t");
                told += 1;
            } else {
                last = event;
            }
        }
    } else {
        last = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    }
    assert_eq!(last["id"], round, "{last}");
    if with_progress {
        assert_eq!(told, steps, "progress of another call, or lost: {last}");
    } else {
        assert_eq!(last["result"]["content"][0]["text"], text.as_str(), "{last}");
        assert_eq!(told, 0);
    }
}
