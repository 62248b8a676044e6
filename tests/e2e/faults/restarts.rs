//! Rows R8 to R11: servers that end again and again, and programs that cannot be started at all.
//! A single end is in `death.rs`.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::measure::cpu;
use super::{Victim, failure};
use crate::world::{SOON, client, mock, serve, status, wait_status, wait_tool, wait_tools};

/// Waits of 100 ms and more, and given up after five restarts, as in the settings by default.
fn loops() -> Value {
    json!({
        "backoff": { "min": "100ms", "max": "800ms" },
        "restarts": { "max": 5, "window": "5m" },
    })
}

/// The gaps between starts must grow as the back-off says: from half to all of `waits`, in ms.
fn check_gaps(row: &str, starts: &[u64], life: u64, waits: [u64; 5]) {
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    println!("{row}: {} starts, {gaps:?} ms between them", starts.len());
    for (gap, wait) in gaps.iter().zip(waits) {
        assert!(*gap >= life + wait / 2, "{gap} ms is too soon for a wait of {wait} ms: {gaps:?}");
        assert!(*gap <= life + wait + 2000, "{gap} ms is too late: {gaps:?}");
    }
}

#[tokio::test]
async fn r08_a_crash_loop_at_the_start_slows_down_and_is_given_up() {
    let bad = Victim::hardy(&["--fault", "crash_start"], loops());
    let daemon = serve(json!({ "bad": bad.entry, "good": mock(&[]) })).await.unwrap();
    let row = wait_status(&daemon, "bad", |row| row["state"] == "failed").await.unwrap();
    assert!(row["next_retry"].is_string(), "{row}");
    let starts = bad.start_times();
    assert_eq!(starts.len(), 6, "the first and five more: {starts:?}");
    check_gaps("R8", &starts, 0, [100, 200, 400, 800, 800]);
    wait_tool(&daemon, "good.echo").await.unwrap();
    let begun = (Instant::now(), cpu(daemon.pid()));
    let reply = client(&daemon).call("bad.echo", json!({ "text": "x" })).await.unwrap();
    let refused = begun.0.elapsed();
    let failure = failure(&reply);
    assert_eq!(failure["fate"], "not_sent", "{failure}");
    assert!(failure["retryAfterMs"].as_u64().unwrap() > 60_000, "{failure}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let busy = cpu(daemon.pid()) - begun.1;
    println!("R8: a call is refused in {refused:.1?}; daemon busy for {busy:?} in 3 s");
    assert!(refused < Duration::from_millis(250), "{refused:?}");
    assert_eq!(bad.journal.started().len(), 6, "nothing is started while it is given up");
    assert!(busy < Duration::from_millis(300), "{busy:?}");
}

#[tokio::test]
async fn r09_a_crash_loop_after_the_handshake_is_given_up_as_well() {
    let bad = Victim::hardy(&["--fault", "crash_after=200"], loops());
    let daemon = serve(json!({ "bad": bad.entry, "good": mock(&[]) })).await.unwrap();
    let row = wait_status(&daemon, "bad", |row| row["state"] == "failed").await.unwrap();
    assert_eq!(row["last_error"]["code"], "exited", "{row}");
    let starts = bad.start_times();
    assert_eq!(starts.len(), 6, "the first and five more: {starts:?}");
    // The first end of one that took calls is followed by the next life at once.
    check_gaps("R9", &starts, 200, [0, 100, 200, 400, 800]);
    wait_tool(&daemon, "good.echo").await.unwrap();
}

#[tokio::test]
async fn r10_a_server_that_was_given_up_heals_by_itself_and_by_hand() {
    for by_hand in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let healed = folder.path().join("healed").display().to_string();
        let more = json!({
            "backoff": { "min": "10ms", "max": "20ms" },
            "restarts": { "max": 2, "window": "5m" },
            "retryFailed": if by_hand { "1h" } else { "1500ms" },
        });
        let bad = Victim::hardy(&["--fault", "crash_start", "--healthy-if", &healed], more);
        let daemon = serve(json!({ "a": bad.entry })).await.unwrap();
        wait_status(&daemon, "a", |row| row["state"] == "failed").await.unwrap();
        std::fs::write(&healed, "").unwrap();
        let begun = Instant::now();
        if by_hand {
            assert_eq!(daemon.cli(&["restart", "a"]).await.unwrap().code, Some(0));
        }
        wait_tool(&daemon, "a.echo").await.unwrap();
        let taken = begun.elapsed();
        println!("R10: healed after {taken:.1?}{}", if by_hand { " by hand" } else { "" });
        assert!(taken < Duration::from_secs(5), "{taken:?}");
    }
}

#[tokio::test]
async fn r11_a_program_that_cannot_be_run_is_named_and_hardly_tried() {
    let folder = tempfile::tempdir().unwrap();
    let denied = folder.path().join("denied");
    std::fs::write(&denied, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&denied, std::fs::Permissions::from_mode(0o000)).unwrap();
    let missing = folder.path().join("missing").display().to_string();
    let denied = denied.display().to_string();
    let servers = json!({
        "missing": { "command": missing }, "denied": { "command": denied }, "good": mock(&[]),
    });
    let daemon = serve(servers).await.unwrap();
    let begun = Instant::now();
    wait_tools(&daemon, &["good.echo"]).await.unwrap();
    for (server, program) in [("missing", &missing), ("denied", &denied)] {
        let failed = |row: &Value| row["last_error"]["code"] == "spawn_failed";
        let row = wait_status(&daemon, server, failed).await.unwrap();
        let message = row["last_error"]["message"].as_str().unwrap();
        assert!(message.contains(program.as_str()), "{message}");
        let reply = client(&daemon).call(&format!("{server}.x"), json!({})).await.unwrap();
        assert_eq!(failure(&reply)["cause"]["code"], "spawn_failed", "{}", reply.message);
    }
    // Two more tries are all that may follow in the first minute; the first is 20 s away.
    tokio::time::sleep(Duration::from_secs(4).saturating_sub(begun.elapsed())).await;
    for server in ["missing", "denied"] {
        let row = status(&daemon, server).await.unwrap();
        println!("R11: {server}: {} try in the first 4 s", row["generation"]);
        assert_eq!(row["generation"], 1, "{row}");
    }
    assert!(begun.elapsed() < SOON * 2);
}
