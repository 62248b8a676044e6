//! These tests make calls through the HTTP door and look at what arrives on either side.
//! They leave servers that die to `crash.rs`.

use std::time::Duration;

use conductor_e2e::client::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{SOON, client, journal, mock, mock_with, serve, wait_status, wait_tool};

#[tokio::test]
async fn arguments_and_results_pass_unchanged() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let client = client(&daemon);
    for text in ["", "two\nlines\r\n", "\u{0}\u{7f}\"\\/", "日本語 🦀", "{\"a\":[1,2]}"] {
        let reply = client.call("a.echo", json!({ "text": text })).await.unwrap();
        assert_eq!(reply.text().unwrap(), text);
    }
    let structured = client.call("a.structured", json!({ "n": 3 })).await.unwrap();
    assert!(
        structured.result().unwrap()["structuredContent"].is_object(),
        "{}",
        structured.message
    );
}

#[tokio::test]
async fn a_body_spread_over_lines_reaches_the_server_as_one_message() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let client = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let body = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": { "name": "a.echo", "arguments": { "text": "spread" } },
    });
    let pretty = serde_json::to_string_pretty(&body).unwrap().replace('\n', "\r\n");
    let headers = client.headers_of(&body);
    let answer = client.send(http::Method::POST, &headers, pretty).await.unwrap();
    let text = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
    assert!(text.contains("spread") && text.contains("\"id\":7"), "{text}");
}

#[tokio::test]
async fn progress_comes_back_under_the_callers_token() {
    for era in ["legacy", "modern"] {
        let daemon = serve(json!({ "a": mock(&["--era", era]) })).await.unwrap();
        wait_tool(&daemon, "a.progress").await.unwrap();
        for client in [client(&daemon), Client::legacy(daemon.addr(), "/mcp").await.unwrap()] {
            for token in [json!("tok"), json!(77)] {
                let params = json!({
                    "name": "a.progress", "arguments": { "steps": 4, "ms": 20 },
                    "_meta": { "progressToken": token },
                });
                let reply = client.request("tools/call", params).await.unwrap();
                assert!(reply.result().is_ok(), "{}", reply.message);
                let seen: Vec<&Value> = reply
                    .before
                    .iter()
                    .filter(|told| told["method"] == "notifications/progress")
                    .map(|told| &told["params"]["progressToken"])
                    .collect();
                assert_eq!(seen, vec![&token; 4], "{era}: {:?}", reply.before);
            }
        }
    }
}

#[tokio::test]
async fn a_call_past_its_limit_ends_with_a_clear_answer_and_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let entry = mock_with(&["--log", &path], json!({ "timeout": "300ms" }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let begun = Instant::now();
    let reply = client.call("a.sleep", json!({ "ms": 60_000 })).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(reply.is_error(), "{}", reply.message);
    assert!(reply.text().unwrap().contains("300 ms"), "{}", reply.message);
    let told = journal.wait("the server is told", SOON, |events| {
        events.iter().find(|event| event["method"] == "notifications/cancelled").cloned()
    });
    told.await.unwrap();
    let next = client.call("a.echo", json!({ "text": "next" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "next");
}

#[tokio::test]
async fn a_modern_client_that_hangs_up_takes_its_call_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let daemon = serve(json!({ "a": mock(&["--log", &path]) })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let hangs_up = client.request_within(
        "tools/call",
        json!({ "name": "a.sleep", "arguments": { "ms": 60_000 } }),
        Duration::from_millis(300),
    );
    assert!(hangs_up.await.is_err());
    let told = journal.wait("the server is told", SOON, |events| {
        events.iter().find(|event| event["method"] == "notifications/cancelled").cloned()
    });
    told.await.unwrap();
}

#[tokio::test]
async fn a_legacy_client_takes_its_call_back_by_notification() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let daemon = serve(json!({ "a": mock(&["--log", &path]) })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let body = json!({
        "jsonrpc": "2.0", "id": "mine", "method": "tools/call",
        "params": { "name": "a.sleep", "arguments": { "ms": 60_000 } },
    });
    let call = client.post(&body);
    let cancel = async {
        let reached = journal.wait("the call arrives", SOON, |events| {
            events.iter().find(|event| event["method"] == "tools/call").cloned()
        });
        reached.await.unwrap();
        client.notify("notifications/cancelled", json!({ "requestId": "mine" })).await.unwrap();
        let told = journal.wait("the server is told", SOON, |events| {
            events.iter().find(|event| event["method"] == "notifications/cancelled").cloned()
        });
        told.await.unwrap()
    };
    let (answer, _) = tokio::join!(tokio::time::timeout(SOON, call), cancel);
    assert!(answer.is_ok(), "a cancelled call ends its exchange");
}

#[tokio::test]
async fn odd_answers_end_the_call_they_belong_to_and_no_other() {
    let entry = mock_with(&["--fault-tools"], json!({ "timeout": "2s" }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.bad_utf8").await.unwrap();
    let client = client(&daemon);
    for (tool, fails) in [
        ("a.bad_utf8", true),
        ("a.dribble", false),
        ("a.crlf", false),
        ("a.bom", false),
        ("a.blank_lines", false),
        ("a.cr_progress", false),
        ("a.noise", false),
        ("a.dup_id", false),
        ("a.wrong_id", true),
        ("a.null_id", true),
        ("a.big", true),
    ] {
        let begun = Instant::now();
        let reply = client.call(tool, json!({})).await.unwrap();
        let taken = begun.elapsed();
        assert_eq!(reply.is_error(), fails, "{tool}: {:.300}", reply.message.to_string());
        assert!(taken < Duration::from_secs(4), "{tool} took {taken:?}");
        let next = client.call("a.echo", json!({ "text": tool })).await.unwrap();
        assert_eq!(next.text().unwrap(), tool);
    }
}

#[tokio::test]
async fn too_many_calls_are_refused_at_once() {
    let entry = mock_with(&[], json!({ "maxInFlight": 2 }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let slow = || client.call("a.sleep", json!({ "ms": 1500 }));
    let third = async {
        wait_status(&daemon, "a", |row| row["in_flight"] == 2).await.unwrap();
        let reply = client.call("a.echo", json!({ "text": "x" })).await.unwrap();
        assert!(reply.is_error(), "{}", reply.message);
        assert!(reply.message.to_string().contains("overloaded"), "{}", reply.message);
    };
    let (one, two, ()) = tokio::join!(slow(), slow(), third);
    assert!(!one.unwrap().is_error() && !two.unwrap().is_error());
    let after = client.call("a.echo", json!({ "text": "after" })).await.unwrap();
    assert_eq!(after.text().unwrap(), "after");
}
