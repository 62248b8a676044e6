//! Rows R1 to R7: servers and the daemon are killed, and end by themselves.
//! What follows from many ends in a row is in `restarts.rs`.

use std::path::Path;
use std::time::Duration;

use conductor_e2e::client::http_client::Connection;
use conductor_e2e::daemon::Daemon;
use conductor_e2e::sandbox::{is_alive, signal};
use conductor_e2e::wait;
use http::Method;
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Victim, failure, serve_all, wait_said};
use crate::world::{SOON, client, mock, mock_with, serve, wait_status, wait_tool, wait_tools};

#[tokio::test]
async fn r01_a_server_killed_while_idle_is_down_at_once_and_comes_back() {
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let begun = Instant::now();
    signal(victim.pid(), Signal::KILL).unwrap();
    let down = wait_said(&daemon, &["server went down", "signal 9"], SOON).await;
    let seen = begun.elapsed();
    wait_said(&daemon, &["server ready", "\"generation\":\"2\""], SOON).await;
    let ready = begun.elapsed();
    println!("R1: seen after {seen:.1?}, ready again after {ready:.1?}");
    assert!(seen < Duration::from_millis(500), "{seen:?}: {down}");
    assert!(ready < Duration::from_secs(3), "{ready:?}");
}

#[tokio::test]
async fn r02_a_server_killed_during_a_call_fails_it_at_once_and_says_who_and_how() {
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.call_kill").await.unwrap();
    let mut slowest = Duration::ZERO;
    for life in 1..=5 {
        let begun = Instant::now();
        let reply = client(&daemon).call("a.call_kill", json!({})).await.unwrap();
        slowest = slowest.max(begun.elapsed());
        let failure = failure(&reply);
        assert_eq!(failure["fate"], "outcome_unknown", "{failure}");
        assert_eq!(failure["cause"]["signal"], 9, "{failure}");
        let text = reply.text().unwrap();
        assert!(text.contains('a') && text.contains("signal 9"), "{text}");
        victim.journal.wait_started(life + 1, SOON).await.unwrap();
    }
    println!("R2: the slowest of 5 failed after {slowest:.1?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test]
async fn r03_what_a_killed_launcher_has_started_does_not_outlive_it() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let tree = format!("fork_tree={}", pids.display());
    let words = ["--launcher", "--fault", &tree, "--fault", "stubborn"];
    let victim = Victim::hardy(&words, json!({}));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let row = wait_status(&daemon, "a", |row| row["pid"].is_number()).await.unwrap();
    let launcher = i32::try_from(row["pid"].as_i64().unwrap()).unwrap();
    let read = || -> Vec<i32> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.lines().filter_map(|pid| pid.parse().ok()).collect()
    };
    let family =
        wait::until("server, child, grandchild", SOON, async || (read().len() >= 3).then(read));
    let family = family.await.unwrap();
    assert!(!family.contains(&launcher), "the launcher is another process");
    let begun = Instant::now();
    signal(launcher, Signal::KILL).unwrap();
    let gone = wait::until("all of them gone", SOON, async || {
        family.iter().all(|pid| !is_alive(*pid)).then_some(())
    });
    gone.await.unwrap();
    println!("R3: {} descendants gone after {:.1?}", family.len(), begun.elapsed());
    wait_said(&daemon, &["server ready", "\"generation\":\"2\""], SOON).await;
}

/// Servers that ignore the end of their input and SIGTERM, each with a child and a grandchild.
fn stubborn_families(folder: &std::path::Path, count: usize) -> Map<String, Value> {
    let entry = |number: usize| {
        let tree = format!("fork_tree={}", folder.join(format!("pids-{number}")).display());
        (format!("s{number}"), mock(&["--fault", "stubborn", "--fault", &tree]))
    };
    (0..count).map(entry).collect()
}

/// A daemon with twenty of them, all up, and how many processes that are.
async fn twenty_stubborn_families(folder: &Path) -> (Daemon, usize) {
    let daemon = serve(stubborn_families(folder, 20).into()).await.unwrap();
    let names: Vec<String> = (0..20).map(|number| format!("s{number}.echo")).collect();
    wait_tools(&daemon, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let all = daemon.sandbox().processes().len();
    assert!(all >= 60, "{all}");
    (daemon, all)
}

#[tokio::test]
async fn r04_nothing_outlives_a_killed_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let (mut daemon, all) = twenty_stubborn_families(folder.path()).await;
    let sandbox = daemon.sandbox();
    let begun = Instant::now();
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    sandbox.expect_no_process(Duration::from_secs(2)).await.unwrap();
    println!("R4: {all} processes gone after {:.1?}", begun.elapsed());
}

#[tokio::test]
async fn r05_twenty_stubborn_families_are_ended_in_parallel() {
    let folder = tempfile::tempdir().unwrap();
    let (mut daemon, all) = twenty_stubborn_families(folder.path()).await;
    let sandbox = daemon.sandbox();
    let begun = Instant::now();
    let status = daemon.terminate(Duration::from_secs(30)).await.unwrap();
    let taken = begun.elapsed();
    sandbox.expect_no_process(Duration::from_millis(500)).await.unwrap();
    println!("R5: {all} processes of 20 servers ended after {taken:.1?}");
    assert_eq!(status.code(), Some(0));
    // 5 s of it are the grace that the settings give by default; one after the other would be 100 s.
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}

#[tokio::test]
async fn r06_calls_under_way_end_and_new_ones_are_refused_clearly() {
    let mut daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let client = client(&daemon);
    let slow = || client.call("a.sleep", json!({ "ms": 3000 }));
    let end = async {
        wait_status(&daemon, "a", |row| row["in_flight"] == 3).await.unwrap();
        daemon.signal(Signal::TERM).unwrap();
        wait_said(&daemon, &["shutting down"], SOON).await;
        let refused = wait::until("the door is shut", SOON, async || {
            Connection::open(daemon.addr()).await.err()
        });
        refused.await.unwrap();
        let told = daemon.cli(&["call", "a.echo", "{\"text\":\"x\"}"]).await.unwrap();
        assert_eq!(told.code, Some(6), "{told:?}");
        assert!(told.stderr.contains("going down") || told.stderr.contains("shut"), "{told:?}");
    };
    let (one, two, three, ()) = tokio::join!(slow(), slow(), slow(), end);
    for reply in [one, two, three] {
        assert_eq!(reply.unwrap().text().unwrap(), "slept 3000 ms");
    }
    let status = daemon.wait_end(SOON).await.unwrap();
    println!("R6: 3 of 3 calls completed");
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn r07_the_policy_decides_whether_an_exit_with_0_is_followed_by_a_start() {
    let policies = ["on-failure", "never", "always"];
    let victims: Vec<Victim> = policies
        .iter()
        .map(|policy| Victim::hardy(&["--fault", "exit0=300"], json!({ "restart": policy })))
        .collect();
    let named = policies.iter().zip(&victims);
    let servers: Map<String, Value> =
        named.map(|(policy, victim)| ((*policy).to_owned(), victim.entry.clone())).collect();
    let daemon = serve_all(json!({ "mcpServers": servers })).await;
    victims[2].journal.wait_started(4, SOON).await.unwrap();
    for (policy, victim) in policies.iter().zip(&victims).take(2) {
        wait_status(&daemon, policy, |row| row["state"] == "stopped").await.unwrap();
        assert_eq!(victim.journal.started().len(), 1, "{policy}");
    }
    println!("R7: on-failure 1 start, never 1 start, always {}", victims[2].start_times().len());
}

#[tokio::test]
async fn r07_a_server_that_rests_answers_clearly() {
    let entry = mock_with(&["--fault", "exit0"], json!({ "restart": "on-failure" }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_status(&daemon, "a", |row| row["state"] == "stopped").await.unwrap();
    let begun = Instant::now();
    let (_, body) = super::page(&daemon, "/healthz").await;
    assert!(body.contains("ok"));
    let mut connection = Connection::open(daemon.addr()).await.unwrap();
    let answer = connection.send(Method::GET, "/readyz", &[], "").await.unwrap();
    assert_eq!(answer.status, 200, "it is not required");
    let reply = client(&daemon).call("a.echo", json!({ "text": "x" })).await.unwrap();
    assert!(reply.is_error() || reply.error_code().is_some(), "{}", reply.message);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
