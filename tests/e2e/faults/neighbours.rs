//! Rows R43 and R44, and three broken servers at once: what a healthy server's callers notice of others.
//! What becomes of the broken ones is in the other files.

use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::sandbox::signal;
use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::measure::{Spread, alone, ratio, time_calls};
use super::{Victim, failure};
use crate::world::{client, mock, mock_with, serve, wait_status, wait_tool, wait_tools};

#[tokio::test]
async fn r43_five_hundred_clients_of_a_slow_server_are_answered_and_others_feel_little() {
    let _alone = alone().await;
    let slow = mock_with(&[], json!({ "maxInFlight": 32 }));
    let daemon = serve(json!({ "slow": slow, "good": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["slow.sleep", "good.echo"]).await.unwrap();
    let before = time_calls(&daemon, "good", 200).await;
    let slow = |client: Client| async move {
        let begun = Instant::now();
        let reply = client.call("slow.sleep", json!({ "ms": 3000 })).await.unwrap();
        if !reply.is_error() {
            return None;
        }
        assert_eq!(failure(&reply)["reason"], "overloaded", "{}", reply.message);
        assert!(failure(&reply)["retryAfterMs"].is_u64(), "{}", reply.message);
        Some(begun.elapsed())
    };
    let mut calls = JoinSet::new();
    for _ in 0..500 {
        calls.spawn(slow(client(&daemon)));
    }
    wait_status(&daemon, "slow", |row| row["in_flight"] == 32).await.unwrap();
    // Those above all come at once, on the processors that the clients need as well: how fast one
    // is refused is seen by those who come after.
    let mut late = Vec::new();
    for _ in 0..50 {
        late.extend(slow(client(&daemon)).await);
    }
    let beside = time_calls(&daemon, "good", 200).await;
    let all = calls.join_all().await;
    let shed: Vec<Duration> = all.iter().flatten().copied().collect();
    let served = all.len() - shed.len();
    let (shed, late) = (Spread::of(shed), Spread::of(late));
    println!("R43: {served} served, the others shed in {shed}; one after another in {late}");
    println!(
        "R43: neighbour {beside}, before {before}: {:.1} times",
        ratio(beside.p99(), before.p99())
    );
    assert_eq!(served, 32);
    assert!(beside.p99() < Duration::from_secs(1), "{beside}");
    assert!(shed.percentile(50) < Duration::from_secs(2), "{shed}");
    assert!(late.percentile(50) < Duration::from_millis(200), "{late}");
}

#[tokio::test]
async fn r44_a_server_that_takes_all_processors_leaves_enough() {
    let _alone = alone().await;
    let daemon =
        serve(json!({ "hot": mock(&["--fault-tools"]), "good": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["hot.spin", "good.echo"]).await.unwrap();
    let before = time_calls(&daemon, "good", 300).await;
    let hot_client = client(&daemon);
    let hot = hot_client.call("hot.spin", json!({ "arg": "4000", "text": "cold" }));
    let (beside, hot) = tokio::join!(time_calls(&daemon, "good", 300), hot);
    assert_eq!(hot.unwrap().text().unwrap(), "cold");
    let times = ratio(beside.p99(), before.p99());
    println!("R44: neighbour {beside}, before {before}: {times:.1} times");
    assert!(beside.p99() < Duration::from_secs(1), "{beside}");
}

const CRASHES: &[&str] = &["--fault", "crash_after=50"];

/// What a healthy server has beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    Nobody,
    Crashing,
    Flooding,
    Frozen,
    /// A crash-looping, a flooding and a frozen one, as they are by default.
    Trouble,
    /// The same, and the crashing one is started anew after some 30 ms each time, for ever.
    HardTrouble,
}

/// A healthy server's calls.
async fn measure(beside: Beside, calls: usize) -> Spread {
    let frozen = Victim::hardy(&[], super::heartbeat(1000, 500, 2));
    let troubles = [
        ("crashing", Beside::Crashing, mock_with(CRASHES, json!({}))),
        ("frozen", Beside::Frozen, frozen.entry.clone()),
        ("flooding", Beside::Flooding, mock(&["--fault", "notify_flood"])),
    ];
    let mut servers = json!({ "good": mock(&[]) });
    for (name, trouble, entry) in troubles {
        if [trouble, Beside::Trouble, Beside::HardTrouble].contains(&beside) {
            servers[name] = entry;
        }
    }
    if beside == Beside::HardTrouble {
        servers["crashing"] = Victim::hardy(CRASHES, json!({})).entry;
    }
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "good.echo").await.unwrap();
    time_calls(&daemon, "good", 50).await;
    let freeze = async {
        loop {
            // Nothing of it ever starts where there is to be no trouble.
            if let Some(pid) = frozen.journal.started().last() {
                let _ = signal(*pid, Signal::STOP); // it is being replaced just now
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        spread = time_calls(&daemon, "good", calls) => spread,
        () = freeze => unreachable!("it never ends"),
    }
}

/// A few rounds of each, in turn. The middle of p99 beside trouble, and of its ratio to p99 alone.
async fn compare(trouble: Beside, rounds: usize, calls: usize) -> (Duration, f64) {
    let (mut waits, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let alone = measure(Beside::Nobody, calls).await;
        let beside = measure(trouble, calls).await;
        let times = ratio(beside.p99(), alone.p99());
        println!(
            "{trouble:?}, round {round}: alone {alone}; in trouble {beside}: {times:.2} times"
        );
        ratios.push(times);
        waits.push(beside.p99());
    }
    waits.sort();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios[rounds / 2];
    println!("{trouble:?}: p99 {middle:.2} times, of {rounds} rounds {ratios:.2?}");
    (waits[rounds / 2], middle)
}

/// Shorter than anything that a broken server could have others wait for: a start, a heartbeat that runs out.
/// Without optimisation the daemon reads the flood for 20 ms and more in one go, so that a ratio to a call
/// alone would tell of the build.
const FELT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn three_broken_servers_side_by_side_are_hardly_felt_by_the_fourth() {
    let _alone = alone().await;
    let (p99, _) = compare(Beside::HardTrouble, 3, 300).await;
    assert!(p99 < FELT, "{p99:?}");
}

#[tokio::test]
#[ignore = "takes minutes, and a machine that does nothing else: see tests/README.md"]
async fn three_broken_servers_side_by_side_at_length() {
    let _alone = alone().await;
    for beside in [Beside::Crashing, Beside::Flooding, Beside::Frozen, Beside::HardTrouble] {
        compare(beside, 7, 3000).await;
    }
    let (_, times) = compare(Beside::Trouble, 7, 10_000).await;
    assert!(times <= 1.5, "{times:.2}");
}
