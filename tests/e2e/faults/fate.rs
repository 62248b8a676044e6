//! Rows R40 to R42: what became of a call that did not come to its end.
//! How fast it fails is in `death.rs`.

use std::time::Duration;

use conductor_e2e::wait;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Victim, failure};
use crate::world::{SOON, client, serve, status, wait_tool};

/// How often the call in the file was begun.
fn executions(path: &str) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn r40_a_call_that_was_lost_is_not_repeated_on_the_gateways_own_account() {
    let victim = Victim::hardy(&[], json!({}));
    let file = victim.path("count");
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.count_kill").await.unwrap();
    let reply = client(&daemon).call("a.count_kill", json!({ "arg": file })).await.unwrap();
    assert_eq!(failure(&reply)["fate"], "outcome_unknown", "{}", reply.message);
    victim.journal.wait_started(2, SOON).await.unwrap();
    let next = client(&daemon).call("a.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "x");
    println!("R40: executed {} time", executions(&file));
    assert_eq!(executions(&file), 1);
}

#[tokio::test]
async fn r41_a_call_that_does_no_harm_twice_is_repeated_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (file, once) = (at("count"), at("once"));
    let fault = format!("count_kill={file}");
    let words = ["--fault", &fault, "--fault-once", &once];
    let victim = Victim::hardy(&words, json!({ "safeToRepeat": ["ec*"] }));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.echo", json!({ "text": "twice" })).await.unwrap();
    println!("R41: answered after {:.1?}, lost {} time", begun.elapsed(), executions(&file));
    assert_eq!(reply.text().unwrap(), "twice");
    assert_eq!(executions(&file), 1, "and once more by the healthy one");
    assert_eq!(victim.journal.received("tools/call").len(), 2);
}

#[tokio::test]
async fn r41_a_call_that_kills_every_server_it_meets_is_repeated_only_once() {
    let victim = Victim::hardy(&[], json!({ "safeToRepeat": ["*"] }));
    let file = victim.path("count");
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.count_kill").await.unwrap();
    let reply = client(&daemon).call("a.count_kill", json!({ "arg": file })).await.unwrap();
    assert_eq!(failure(&reply)["fate"], "outcome_unknown", "{}", reply.message);
    println!("R41: a deadly call was executed {} times", executions(&file));
    assert_eq!(executions(&file), 2);
}

#[tokio::test]
async fn r42_a_client_that_hangs_up_frees_the_place_and_the_server_is_told() {
    let victim = Victim::hardy(&[], json!({ "maxInFlight": 1 }));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let params = json!({ "name": "a.sleep", "arguments": { "ms": 60_000 } });
    let call = client.request_within("tools/call", params, Duration::from_millis(500));
    assert!(call.await.is_err());
    let begun = Instant::now();
    let freed = wait::until("the place is free", SOON, async || {
        let reply = client.call("a.echo", json!({ "text": "mine" })).await.ok()?;
        (!reply.is_error()).then_some(())
    });
    freed.await.unwrap();
    println!("R42: free again after {:.1?}", begun.elapsed());
    let told = |events: &[Value]| {
        events.iter().find(|event| event["method"] == "notifications/cancelled").cloned()
    };
    victim.journal.wait("the server is told", SOON, told).await.unwrap();
    assert_eq!(status(&daemon, "a").await.unwrap()["in_flight"], 0);
}
