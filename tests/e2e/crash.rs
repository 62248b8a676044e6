//! These tests kill, freeze and starve servers and look at what clients notice.
//! They leave the end of the daemon itself to `shutdown.rs`.

use std::time::Duration;

use conductor_e2e::sandbox::{is_alive, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::json;
use tokio::time::Instant;

use crate::world::{
    SOON, client, journal, mock, mock_with, serve, status, wait_status, wait_tool, wait_tools,
};

#[tokio::test]
async fn a_kill_during_a_call_fails_it_at_once_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let entry = mock_with(&["--log", &path], json!({ "backoff": { "min": "200ms" } }));
    let daemon = serve(json!({ "victim": entry, "other": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["victim.sleep", "other.pid"]).await.unwrap();
    let client = client(&daemon);
    let other = client.call("other.pid", json!({})).await.unwrap();
    let pid = journal.wait_started(1, SOON).await.unwrap();
    let kill = async {
        let reached = journal.wait("the call arrives", SOON, |events| {
            events.iter().find(|event| event["method"] == "tools/call").cloned()
        });
        reached.await.unwrap();
        signal(pid, Signal::KILL).unwrap();
        Instant::now()
    };
    let call = async {
        let reply = client.call("victim.sleep", json!({ "ms": 60_000 })).await.unwrap();
        (reply, Instant::now())
    };
    let ((reply, answered), killed) = tokio::join!(call, kill);
    let taken = answered.saturating_duration_since(killed);
    println!("a killed server's call failed after {taken:?}");
    assert!(taken < Duration::from_millis(250), "{taken:?}");
    assert!(reply.is_error(), "{}", reply.message);
    let text = reply.text().unwrap();
    assert!(text.contains("victim") && text.contains("signal 9"), "{text}");
    let begun = Instant::now();
    let next = client.call("victim.echo", json!({ "text": "back" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "back", "waits for the restart");
    println!("the next call was answered after {:?}", begun.elapsed());
    assert_eq!(journal.started().len(), 2);
    let same = client.call("other.pid", json!({})).await.unwrap();
    assert_eq!(same.text().unwrap(), other.text().unwrap(), "nobody else was restarted");
    let after = status(&daemon, "victim").await.unwrap();
    assert_eq!(after["restarts"], 1, "{after}");
    assert_eq!(after["last_error"]["code"], "signalled", "{after}");
}

#[tokio::test]
async fn a_frozen_server_is_replaced_by_the_heartbeat() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let heartbeat =
        json!({ "heartbeat": { "interval": "300ms", "timeout": "200ms", "misses": 2 } });
    for era in ["legacy", "modern"] {
        let entry = mock_with(&["--era", era, "--log", &path], heartbeat.clone());
        let daemon = serve(json!({ "a": entry })).await.unwrap();
        wait_tool(&daemon, "a.echo").await.unwrap();
        let count = journal.started().len();
        let pid = journal.wait_started(count, SOON).await.unwrap();
        signal(pid, Signal::STOP).unwrap();
        let begun = Instant::now();
        let gone =
            wait::until("the frozen one is gone", SOON, async || (!is_alive(pid)).then_some(()));
        gone.await.unwrap();
        let taken = begun.elapsed();
        println!("{era}: frozen server replaced after {taken:?}");
        assert!(taken < Duration::from_secs(3), "{taken:?}");
        let reply = client(&daemon).call("a.echo", json!({ "text": "thawed" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "thawed");
    }
}

#[tokio::test]
async fn a_long_call_on_a_server_with_one_thread_is_left_alone() {
    let heartbeat =
        json!({ "heartbeat": { "interval": "200ms", "timeout": "100ms", "misses": 2 } });
    let daemon = serve(json!({ "a": mock_with(&["--fault", "busy"], heartbeat) })).await.unwrap();
    wait_tool(&daemon, "a.sleep").await.unwrap();
    let reply = client(&daemon).call("a.sleep", json!({ "ms": 3000 })).await.unwrap();
    assert!(!reply.is_error(), "{}", reply.message);
    assert_eq!(status(&daemon, "a").await.unwrap()["restarts"], 0);
}

#[tokio::test]
async fn a_crash_loop_is_given_up_and_a_restart_by_hand_heals_it() {
    let folder = tempfile::tempdir().unwrap();
    let healed = folder.path().join("healed").display().to_string();
    let entry = mock_with(
        &["--fault", "crash_start", "--healthy-if", &healed],
        json!({ "backoff": { "min": "20ms", "max": "40ms" }, "restarts": { "max": 3, "window": "1m" } }),
    );
    let daemon = serve(json!({ "bad": entry, "good": mock(&[]) })).await.unwrap();
    let failed = wait_status(&daemon, "bad", |row| row["state"] == "failed").await.unwrap();
    assert_eq!(failed["generation"], 4, "the first start and three more: {failed}");
    assert!(failed["next_retry"].is_string(), "{failed}");
    assert_eq!(failed["last_error"]["code"], "exited", "{failed}");
    assert!(!failed["last_error"]["stderr_tail"].as_array().unwrap().is_empty(), "{failed}");
    let begun = Instant::now();
    let reply = client(&daemon).call("bad.echo", json!({ "text": "x" })).await.unwrap();
    assert!(reply.is_error() && begun.elapsed() < Duration::from_secs(1), "{}", reply.message);
    let good = client(&daemon).call("good.echo", json!({ "text": "fine" })).await.unwrap();
    assert_eq!(good.text().unwrap(), "fine");
    std::fs::write(&healed, "").unwrap();
    let ended = daemon.cli(&["restart", "bad"]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    wait_tool(&daemon, "bad.echo").await.unwrap();
}

#[tokio::test]
async fn a_missing_program_is_said_so_and_not_tried_in_a_storm() {
    let daemon = serve(json!({ "gone": { "command": "no-such-program-anywhere" } })).await.unwrap();
    let row = wait_status(&daemon, "gone", |row| row["last_error"]["code"] == "spawn_failed").await;
    let row = row.unwrap();
    assert!(row["last_error"]["message"].as_str().unwrap().contains("no-such-program-anywhere"));
    assert_eq!(row["generation"], 1, "{row}");
    let begun = Instant::now();
    let reply = client(&daemon).call("gone.tool", json!({})).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(
        reply.is_error() && reply.text().unwrap().contains("could not be started"),
        "{}",
        reply.message
    );
}

#[tokio::test]
async fn output_closed_by_a_living_server_is_a_death() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let entry =
        mock_with(&["--log", &path, "--fault-tools"], json!({ "backoff": { "min": "50ms" } }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.close_stdout").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.close_stdout", json!({})).await.unwrap();
    println!("closed output noticed after {:?}", begun.elapsed());
    assert!(reply.is_error() && begun.elapsed() < Duration::from_secs(1), "{}", reply.message);
    let next = client(&daemon).call("a.echo", json!({ "text": "new" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "new");
    let old = journal.started()[0];
    let gone = wait::until("the old one is gone", SOON, async || (!is_alive(old)).then_some(()));
    gone.await.unwrap();
}

#[tokio::test]
async fn exit_codes_and_policies_decide_what_follows() {
    for (policy, fault, state) in [
        ("on-failure", "exit0", "stopped"),
        ("never", "crash_after=100", "failed"),
        ("always", "exit0", "running"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let once = folder.path().join("once").display().to_string();
        let entry = mock_with(
            &["--fault", fault, "--fault-once", &once],
            json!({ "restart": policy, "backoff": { "min": "20ms" } }),
        );
        let daemon = serve(json!({ "a": entry })).await.unwrap();
        let wanted_generation = if policy == "always" { 2 } else { 1 };
        let row = wait_status(&daemon, "a", |row| {
            row["state"] == state && row["generation"] == wanted_generation
        });
        row.await.unwrap();
    }
}
