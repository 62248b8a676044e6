//! Rows R12 to R17 and R22: servers that say nothing, or do not listen.
//! Servers that say too much are in `floods.rs`.

use std::time::Duration;

use conductor_e2e::sandbox::{is_alive, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::measure::{Growth, Spread, alone, time_calls};
use super::{Victim, failure, heartbeat};
use crate::world::{SOON, client, mock, serve, status, wait_status, wait_tool, wait_tools};

async fn wait_gone(pid: i32, limit: Duration) -> Duration {
    let begun = Instant::now();
    let gone = wait::until("the old one is gone", limit, async || (!is_alive(pid)).then_some(()));
    gone.await.unwrap();
    begun.elapsed()
}

#[tokio::test]
async fn r12_a_frozen_server_is_replaced_within_its_heartbeats() {
    for era in ["legacy", "modern"] {
        let victim = Victim::hardy(&["--era", era], heartbeat(4000, 1000, 1));
        let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
        wait_tool(&daemon, "a.echo").await.unwrap();
        let asked = if era == "legacy" { "ping" } else { "server/discover" };
        let before = victim.journal.received(asked).len();
        // The worst moment: a heartbeat has just been answered.
        let beaten = victim.journal.wait("a heartbeat", SOON, |_| {
            (victim.journal.received(asked).len() > before).then_some(())
        });
        beaten.await.unwrap();
        wait_status(&daemon, "a", |row| row["last_heartbeat"].is_string()).await.unwrap();
        let pid = victim.pid();
        signal(pid, Signal::STOP).unwrap();
        let taken = wait_gone(pid, 2 * SOON).await;
        println!("R12: {era}: frozen server gone after {taken:.1?} of 6 s allowed");
        assert!(taken < Duration::from_secs(6), "(4 s x 1 + 1 s) and a fifth: {taken:?}");
        let reply = client(&daemon).call("a.echo", json!({ "text": "thawed" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "thawed");
    }
}

#[tokio::test]
async fn r13_a_server_that_answers_nothing_is_replaced() {
    let victim = Victim::hardy(&[], heartbeat(400, 200, 2));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.mute").await.unwrap();
    let client = client(&daemon);
    let pid = victim.pid();
    let params = json!({ "name": "a.mute", "arguments": {} });
    // Nobody waits for it: a call under way would be a reason to be silent.
    let begun = Instant::now();
    assert!(client.request_within("tools/call", params, Duration::from_millis(100)).await.is_err());
    wait_gone(pid, SOON).await;
    println!("R13: mute server gone after {:.1?}", begun.elapsed());
    let reply = client.call("a.echo", json!({ "text": "heard" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "heard");
}

#[tokio::test]
async fn r13_a_server_that_answers_nothing_is_replaced_also_under_a_stream_of_calls() {
    let mut more = heartbeat(300, 200, 2);
    more["timeout"] = json!("1500ms");
    let victim = Victim::hardy(&[], more);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.mute").await.unwrap();
    let pid = victim.pid();
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    let mute = client(&daemon);
    calls.spawn(async move { drop(mute.call("a.mute", json!({})).await) });
    for number in 0..4 {
        let client = client(&daemon);
        calls.spawn(async move {
            // Never a moment without a call under way.
            tokio::time::sleep(Duration::from_millis(300 * number)).await;
            loop {
                let reply = client.call("a.echo", json!({ "text": "x" })).await.unwrap();
                if !reply.is_error() {
                    return;
                }
            }
        });
    }
    wait_gone(pid, SOON).await;
    println!("R13: mute server under calls gone after {:.1?}", begun.elapsed());
    calls.join_all().await;
}

#[tokio::test]
async fn r13_a_server_that_never_lists_its_tools_holds_nobody_up() {
    let mut more = heartbeat(300, 200, 2);
    more["timeout"] = json!("1s");
    let victim = Victim::hardy(&["--fault", "hang_list"], more);
    let daemon = serve(json!({ "a": victim.entry, "good": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "good.echo").await.unwrap();
    wait_status(&daemon, "a", |row| row["state"] == "running").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.echo", json!({ "text": "x" })).await.unwrap();
    let taken = begun.elapsed();
    println!("R13: a call to a server without a list ends after {taken:.1?}");
    assert!(reply.is_error() || reply.error_code().is_some(), "{}", reply.message);
    assert!(taken < Duration::from_secs(3), "{taken:?}");
    let names = client(&daemon).tool_names().await.unwrap();
    assert!(names.iter().any(|name| name == "good.echo"), "{names:?}");
}

#[tokio::test]
async fn r14_a_long_lawful_call_of_a_server_with_one_thread_is_left_alone() {
    let victim = Victim::hardy(&["--fault", "busy"], heartbeat(500, 250, 2));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let reply = client(&daemon).call("a.sleep", json!({ "ms": 6000 })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "slept 6000 ms");
    let row = status(&daemon, "a").await.unwrap();
    println!("R14: {} restarts in a call of 12 heartbeats", row["restarts"]);
    assert_eq!(row["restarts"], 0, "{row}");
}

#[tokio::test]
async fn r15_output_closed_by_a_living_server_is_its_end() {
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.close_stdout").await.unwrap();
    let pid = victim.pid();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.close_stdout", json!({})).await.unwrap();
    let taken = begun.elapsed();
    assert_eq!(failure(&reply)["cause"]["code"], "output_closed", "{}", reply.message);
    println!("R15: the call failed after {taken:.1?}");
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    wait_gone(pid, SOON).await;
    let next = client(&daemon).call("a.echo", json!({ "text": "new" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "new");
}

#[tokio::test]
async fn r16_a_server_that_never_reads_costs_neither_memory_nor_calls() {
    let _alone = alone().await;
    let more = json!({ "timeout": "30s", "maxInFlight": 2000 });
    let mut victim = Victim::hardy(&["--fault", "no_stdin"], more);
    let once = victim.path("once");
    let words = victim.entry["args"].as_array_mut().unwrap();
    words.extend([json!("--fault-once"), json!(once)]);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let growth = Growth::watch(daemon.pid());
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    for caller in 0..200 {
        let client = client(&daemon);
        calls.spawn(async move {
            let mut failed = 0;
            for number in 0..50 {
                let text = format!("{caller}-{number}-{}", "x".repeat(1000));
                let reply = client.call("a.echo", json!({ "text": text })).await.unwrap();
                match reply.is_error() {
                    false => assert_eq!(reply.text().unwrap(), text, "another caller's answer"),
                    true => {
                        assert!(failure(&reply)["fate"].is_string(), "{}", reply.message);
                        failed += 1;
                    }
                }
            }
            failed
        });
    }
    let failed: usize = calls.join_all().await.into_iter().sum();
    let (taken, grown) = (begun.elapsed(), growth.most());
    println!("R16: 10,000 calls, {failed} failed, {taken:.1?}, memory +{grown} MiB");
    assert!(failed <= 200, "only those that may have been read: {failed}");
    assert_eq!(victim.journal.started().len(), 2, "one restart");
    assert!(grown <= 64, "+{grown} MiB");
}

#[tokio::test]
async fn r17_a_flood_of_no_known_shape_from_a_server_that_does_not_read_ends_in_a_restart() {
    let _alone = alone().await;
    let mut more = heartbeat(500, 300, 2);
    more["timeout"] = json!("2s");
    let victim = Victim::hardy(&[], more);
    let daemon = serve(json!({ "bad": victim.entry, "good": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["bad.shape_flood", "good.echo"]).await.unwrap();
    let before = time_calls(&daemon, "good", 100).await;
    let pid = victim.pid();
    let begun = Instant::now();
    let flood = client(&daemon);
    let call = async {
        let reply = flood.call("bad.shape_flood", json!({})).await.unwrap();
        assert!(reply.is_error(), "{}", reply.message);
    };
    let neighbour = time_calls(&daemon, "good", 100);
    let (beside, ()) = tokio::join!(neighbour, call);
    wait_gone(pid, SOON * 2).await;
    println!("R17: recovered after {:.1?}; neighbour {beside}, before {before}", begun.elapsed());
    let reply = client(&daemon).call("bad.echo", json!({ "text": "dry" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "dry");
    check_bearable(&beside);
}

/// A neighbour is not held up: whatever the machine, no call waits for another server's fault.
fn check_bearable(beside: &Spread) {
    assert!(beside.p99() < Duration::from_secs(1), "{beside}");
}

#[tokio::test]
async fn r22_half_a_line_and_then_silence_ends_in_a_restart() {
    let mut more = heartbeat(400, 200, 2);
    more["timeout"] = json!("1s");
    let victim = Victim::hardy(&[], more);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.partial").await.unwrap();
    let pid = victim.pid();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.partial", json!({})).await.unwrap();
    let failed = begun.elapsed();
    assert_eq!(reason(failure(&reply)), "timeout", "{}", reply.message);
    wait_gone(pid, SOON).await;
    println!("R22: the call failed after {failed:.1?}, replaced after {:.1?}", begun.elapsed());
    let next = client(&daemon).call("a.echo", json!({ "text": "whole" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "whole");
}

fn reason(failure: &Value) -> &str {
    failure["reason"].as_str().unwrap()
}
