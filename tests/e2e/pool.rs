//! These tests hold the daemon to what a pool of servers does: starts, failures, ends, log.
//! They leave sockets to `sockets.rs` and names, states and paths as calls to `conductor-actors`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};

use crate::world::{
    SOON, client, journal, mock, mock_with, serve, status, wait_status, wait_tools,
};

/// The fields of the first line with this message about this server.
async fn logged(daemon: &Daemon, message: &str, server: &str) -> Value {
    let line = daemon.wait_log(message, SOON, |line| {
        let fields = line.get("fields").unwrap_or(line);
        (fields["message"] == message && fields["server"] == server).then(|| fields.clone())
    });
    line.await.unwrap()
}

#[tokio::test]
async fn m01_m03_m06_m07_all_start_with_the_daemon_are_looked_after_and_end_with_it() {
    let names = ["a", "b", "c"];
    let servers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), mock(&[]))).collect();
    let mut daemon = serve(Value::Object(servers)).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo", "c.echo"]).await.unwrap();
    let mut pids = Vec::new();
    for name in names {
        let row = status(&daemon, name).await.unwrap();
        assert_eq!((&row["state"], &row["health"]), (&json!("running"), &json!("healthy")));
        pids.push(row["pid"].as_i64().unwrap());
    }
    pids.dedup();
    assert_eq!(pids.len(), 3, "a process each");
    let sandbox = daemon.sandbox();
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
    sandbox.expect_no_process(Duration::from_millis(500)).await.unwrap();
}

#[tokio::test]
async fn m20_m25_whatever_keeps_a_server_from_starting_keeps_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let denied = folder.path().join("denied");
    std::fs::write(&denied, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&denied, PermissionsExt::from_mode(0o600)).unwrap();
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, [0, 1, 2, 3]).unwrap();
    std::fs::set_permissions(&garbage, PermissionsExt::from_mode(0o700)).unwrap();
    let failing = [
        ("missing", folder.path().join("missing")),
        ("denied", denied),
        ("folder", folder.path().to_owned()),
        ("garbage", garbage),
    ];
    let mut servers = serde_json::Map::from_iter([("z".to_owned(), mock(&[]))]);
    servers.extend(
        failing
            .iter()
            .map(|(name, path)| ((*name).to_owned(), json!({ "command": path, "args": [] }))),
    );
    let daemon = serve(Value::Object(servers)).await.unwrap();
    wait_tools(&daemon, &["z.echo"]).await.unwrap();
    for (name, _) in failing {
        let row = wait_status(&daemon, name, |row| row["last_error"].is_object()).await.unwrap();
        assert_eq!(row["last_error"]["code"], "spawn_failed", "{row}");
        assert_eq!(row["health"], "unhealthy", "{row}");
        assert_eq!(row["pid"], Value::Null, "{row}");
    }
}

#[tokio::test]
async fn m21_m30_the_log_tells_starts_with_process_and_ends_with_exit_code() {
    let servers = json!({ "a": mock(&[]), "short": { "command": ["sh", "-c", "exit 7"] } });
    let daemon = serve(servers).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    logged(&daemon, "server starting", "a").await;
    let ready = logged(&daemon, "server ready", "a").await;
    assert_eq!(ready["pid"], status(&daemon, "a").await.unwrap()["pid"], "{ready}");
    let down = logged(&daemon, "server went down, will restart", "short").await;
    assert!(down["reason"].as_str().unwrap().contains("code 7"), "{down}");
}

#[tokio::test]
async fn m23_no_shell_reads_what_a_server_is_started_with() {
    let folder = tempfile::tempdir().unwrap();
    let bait = folder.path().join("bait");
    let injected = format!("; touch {} $(touch {0}) `touch {0}`", bait.display());
    let daemon = serve(json!({ "a": mock(&["--name", &injected]) })).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    let pid = status(&daemon, "a").await.unwrap()["pid"].as_i64().unwrap();
    let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(words.split('\0').any(|word| word == injected), "one plain argument: {words:?}");
    assert!(!bait.exists());
}

#[tokio::test]
async fn m24_a_server_that_floods_stderr_before_it_listens_is_read_and_comes_up() {
    let daemon = serve(json!({ "a": mock(&["--fault", "stderr_first=2000000"]) })).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    let reply = client(&daemon).call("a.echo", json!({ "text": "hi" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "hi");
}

#[tokio::test]
async fn m26_m27_m28_m29_p61_a_stop_closes_the_input_asks_and_at_last_kills_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let stop = json!({ "stop": { "stdinGrace": "300ms", "termGrace": "300ms" } });
    let entry = mock_with(&["--fault", "stubborn", "--log", &path], stop);
    let mut daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    let sandbox = daemon.sandbox();
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
    assert_eq!(journal.of_kind("stdin_eof").len(), 1);
    assert_eq!(journal.of_kind("signal").len(), 1, "{:?}", journal.of_kind("signal"));
    assert_eq!(logged(&daemon, "server killed", "a").await["reason"], "stop_timeout");
    sandbox.expect_no_process(Duration::from_millis(500)).await.unwrap();
}
