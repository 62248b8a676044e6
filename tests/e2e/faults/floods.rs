//! Rows R18 to R20 and R29 to R32: servers that say too much, on either pipe.
//! What is wrong with single lines is in `lines.rs`.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::measure::{Growth, MIB, alone, ratio, time_calls};
use super::{Victim, failure};
use crate::world::{client, mock, serve, status, wait_tool, wait_tools};

#[tokio::test]
async fn r18_an_endless_line_ends_in_a_restart_and_keeps_memory_low() {
    let _alone = alone().await;
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.endless_line").await.unwrap();
    let growth = Growth::watch(daemon.pid());
    let begun = Instant::now();
    let arguments = json!({ "arg": (1 << 30).to_string() });
    let reply = client(&daemon).call("a.endless_line", arguments).await.unwrap();
    let taken = begun.elapsed();
    assert_eq!(failure(&reply)["cause"]["code"], "endless_line", "{}", reply.message);
    let next = client(&daemon).call("a.echo", json!({ "text": "short" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "short");
    println!("R18: given up after {taken:.1?}, memory +{} MiB", growth.most());
    assert!(growth.most() <= 40, "+{} MiB", growth.most());
}

#[tokio::test]
async fn r19_an_answer_over_the_limit_fails_its_own_call_only() {
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.big").await.unwrap();
    let slow_client = client(&daemon);
    let slow = slow_client.call("a.sleep", json!({ "ms": 3000 }));
    let big = async {
        let begun = Instant::now();
        let reply = client(&daemon).call("a.big", json!({ "arg": "17" })).await.unwrap();
        println!("R19: 17 MiB refused after {:.1?}", begun.elapsed());
        assert_eq!(failure(&reply)["fate"], "completed", "{}", reply.message);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        client(&daemon).call("a.echo", json!({ "text": "next" })).await.unwrap()
    };
    let (slow, next) = tokio::join!(slow, big);
    assert_eq!(next.text().unwrap(), "next");
    assert_eq!(slow.unwrap().text().unwrap(), "slept 3000 ms", "the pipe goes on");
    assert_eq!(victim.journal.started().len(), 1);
}

#[tokio::test]
async fn r20_eight_answers_just_below_the_limit_all_arrive() {
    let _alone = alone().await;
    let daemon = serve(json!({ "a": mock(&["--fault-tools"]) })).await.unwrap();
    wait_tool(&daemon, "a.big").await.unwrap();
    let growth = Growth::watch(daemon.pid());
    let begun = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let client = client(&daemon);
        calls.spawn(async move {
            let reply = client.call("a.big", json!({ "arg": "15" })).await.unwrap();
            reply.text().map(str::len).unwrap_or_default()
        });
    }
    let sizes = calls.join_all().await;
    println!("R20: 8 x 15 MiB in {:.1?}, memory +{} MiB", begun.elapsed(), growth.most());
    assert!(sizes.iter().all(|size| *size as u64 == 15 * MIB), "{sizes:?}");
    assert!(growth.most() <= 400, "+{} MiB", growth.most());
}

#[tokio::test]
async fn r29_a_flood_of_notifications_is_bounded_and_bearable() {
    let _alone = alone().await;
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "bad": victim.entry, "good": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["bad.notify_flood", "good.echo"]).await.unwrap();
    let before = time_calls(&daemon, "good", 200).await;
    let growth = Growth::watch(daemon.pid());
    let flood_client = client(&daemon);
    let arguments = json!({ "arg": (64 * MIB).to_string(), "text": "over" });
    let flood = flood_client.call("bad.notify_flood", arguments);
    let begun = Instant::now();
    let (beside, flood) = tokio::join!(time_calls(&daemon, "good", 200), flood);
    assert_eq!(flood.unwrap().text().unwrap(), "over");
    let times = ratio(beside.p99(), before.p99());
    println!("R29: 64 MiB in {:.1?}, memory +{} MiB", begun.elapsed(), growth.most());
    println!("R29: neighbour {beside}, before {before}: {times:.1} times");
    assert!(growth.most() <= 64, "+{} MiB", growth.most());
    assert!(beside.p99() < Duration::from_secs(1), "{beside}");
}

#[tokio::test]
async fn r30_a_storm_of_changes_costs_two_lists_a_second_at_most() {
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.changed_storm").await.unwrap();
    let (lists, begun) = (victim.journal.received("tools/list").len(), Instant::now());
    let storm = client(&daemon).call("a.changed_storm", json!({})).await.unwrap();
    assert!(!storm.is_error(), "{}", storm.message);
    let seconds = begun.elapsed().as_secs_f64();
    let asked = victim.journal.received("tools/list").len() - lists;
    println!("R30: {asked} lists in {seconds:.1} s of 1,000 changes a second");
    assert!((2..=2 + (2.0 * seconds) as usize).contains(&asked), "{asked} in {seconds:.1} s");
}

#[tokio::test]
async fn r31_a_flood_on_stderr_holds_up_nothing_and_keeps_memory_low() {
    let _alone = alone().await;
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.stderr_flood").await.unwrap();
    // What the daemon needs once, for whatever call.
    time_calls(&daemon, "a", 20).await;
    let growth = Growth::watch(daemon.pid());
    let begun = Instant::now();
    let arguments = json!({ "arg": (100 * MIB).to_string(), "text": "done" });
    let reply = client(&daemon).call("a.stderr_flood", arguments).await.unwrap();
    assert_eq!(reply.text().unwrap(), "done");
    println!("R31: 100 MiB in {:.1?}, memory +{} MiB", begun.elapsed(), growth.most());
    assert!(growth.most() <= 8, "+{} MiB", growth.most());
}

#[tokio::test]
async fn r32_a_mebibyte_on_stderr_before_the_handshake_is_no_obstacle() {
    let begun = Instant::now();
    let daemon = serve(json!({ "a": mock(&["--fault", "stderr_first"]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    println!("R32: listed after {:.1?}", begun.elapsed());
    assert_eq!(status(&daemon, "a").await.unwrap()["restarts"], 0);
}
