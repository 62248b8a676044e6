//! Row R47: servers that take more of the machine than they may.
//! Those that take the processor are in `neighbours.rs`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::measure::MIB;
use super::{Victim, failure};
use crate::world::{SOON, client, serve, wait_status, wait_tool};

/// The lines of `/proc/PID/limits`, blanks put together.
fn limits_of(pid: i32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn r47_a_server_and_what_it_starts_are_under_its_limits() {
    let limits = json!({ "limits": {
        "openFiles": 99, "processes": 5000, "addressSpace": "8GiB", "cpuTime": "1h",
    } });
    let victim = Victim::hardy(&["--launcher"], limits);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let processes = daemon.sandbox().processes();
    assert_eq!(processes.len(), 2, "the launcher and the server: {processes:?}");
    for process in processes {
        let limits = limits_of(process.pid);
        for expected in [
            "Max open files 99 99 files",
            "Max processes 5000 5000 processes",
            "Max address space 8589934592 8589934592 bytes",
            "Max cpu time 3600 3605 seconds",
            "Max core file size 0 0 bytes",
        ] {
            assert!(limits.iter().any(|line| line == expected), "{expected}: {limits:#?}");
        }
    }
}

#[tokio::test]
async fn r47_a_server_that_gets_no_memory_fails_clearly_and_comes_back() {
    let victim = Victim::hardy(&[], json!({ "limits": { "addressSpace": "1GiB" } }));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.hoard").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.hoard", json!({ "arg": "2048" })).await.unwrap();
    println!("R47: a call beyond the address space fails after {:.1?}", begun.elapsed());
    let facts = failure(&reply);
    assert_eq!(facts["fate"], "outcome_unknown", "{facts}");
    assert_eq!(facts["cause"]["code"], "signalled", "{facts}");
    assert!(facts["stderrTail"].to_string().contains("memory allocation"), "{facts}");
    let reply = client(&daemon).call("a.echo", json!({ "text": "back" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "back");
    assert_eq!(victim.journal.started().len(), 2, "one restart, no loop");
}

#[tokio::test]
async fn r47_a_server_that_keeps_too_much_memory_is_replaced_when_its_calls_are_done() {
    let rule = json!({ "restartAbove": { "memory": "150MiB", "for": "1s" } });
    let victim = Victim::hardy(&["--launcher"], rule);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.hoard").await.unwrap();
    let pid = victim.pid();
    let reply = client(&daemon).call("a.hoard", json!({ "arg": "200" })).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.message);
    let begun = Instant::now();
    let slow = client(&daemon);
    let slow = tokio::spawn(async move { slow.call("a.sleep", json!({ "ms": 9000 })).await });
    let greedy = |row: &Value| row["memory"].as_u64().is_some_and(|memory| memory > 200 * MIB);
    let seen = wait_status(&daemon, "a", greedy).await.unwrap();
    let mib = seen["memory"].as_u64().unwrap() / MIB;
    println!("R47: {mib} MiB of 2 processes seen after {:.1?}", begun.elapsed());
    assert_eq!(seen["processes"], 2, "{seen}");
    let going = wait_status(&daemon, "a", |row| row["state"] == "draining").await.unwrap();
    println!("R47: a server above its memory is drained after {:.1?}", begun.elapsed());
    assert_eq!(going["last_error"]["code"], "memory_exceeded", "{going}");
    let slept = slow.await.unwrap().unwrap();
    assert_eq!(slept.text().unwrap(), "slept 9000 ms", "calls under way are finished");
    let back = |row: &Value| row["state"] == "running" && row["generation"] == 2;
    let back = wait_status(&daemon, "a", back).await.unwrap();
    println!("R47: and replaced after {:.1?}", begun.elapsed());
    let told = back["last_error"]["message"].as_str().unwrap();
    assert!(told.starts_with("used 2") && told.contains("more than the 150 MiB"), "{told}");
    assert_ne!(victim.pid(), pid);
    let modest = |row: &Value| row["memory"].as_u64().is_some_and(|memory| memory < 150 * MIB);
    wait_status(&daemon, "a", modest).await.unwrap();
    tokio::time::timeout(SOON, client(&daemon).call("a.echo", json!({ "text": "x" })))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(victim.journal.started().len(), 2, "one restart is enough");
}

#[tokio::test]
async fn r47_a_server_that_keeps_a_processor_busy_is_replaced() {
    // Little, as the machine may be busy with much else that takes the processors from the server.
    let rule = json!({ "restartAbove": { "cpu": 2, "for": "1s" } });
    let victim = Victim::hardy(&[], rule);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.spin").await.unwrap();
    let begun = Instant::now();
    let busy = client(&daemon);
    let busy = tokio::spawn(async move { busy.call("a.spin", json!({ "arg": "15000" })).await });
    let told = |row: &Value| row["last_error"]["code"] == "cpu_exceeded";
    wait_status(&daemon, "a", told).await.unwrap();
    println!("R47: a server that spins is drained after {:.1?}", begun.elapsed());
    busy.await.unwrap().unwrap();
    let back = |row: &Value| row["state"] == "running" && row["generation"].as_u64() > Some(1);
    wait_status(&daemon, "a", back).await.unwrap();
}

#[tokio::test]
async fn r47_a_short_meal_is_no_reason_to_replace_a_server() {
    let rule = json!({ "restartAbove": { "memory": "150MiB", "for": "10m" } });
    let victim = Victim::hardy(&[], rule);
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.hoard").await.unwrap();
    client(&daemon).call("a.hoard", json!({ "arg": "200" })).await.unwrap();
    let greedy = |row: &Value| row["memory"].as_u64().is_some_and(|memory| memory > 200 * MIB);
    wait_status(&daemon, "a", greedy).await.unwrap();
    let stays = conductor_e2e::wait::never("it is replaced", Duration::from_secs(3), async || {
        (victim.journal.started().len() > 1).then_some(())
    });
    stays.await.unwrap();
}
