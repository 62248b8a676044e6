//! These tests hold docs/operating.md to its word: signals, exit codes, what lies around afterwards.
//! They leave the order in which a stop goes to `shutdown`.

use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Ended, Options, run_to_end};
use conductor_e2e::sandbox::Sandbox;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{
    CONDUCTOR, SOON, client, mock, mock_with, serve, status, wait_status, wait_tool,
};

/// The daemon's command ends with this code and says this on stderr.
#[track_caller]
fn check(ended: &Ended, code: i32, word: &str) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
}

#[tokio::test]
async fn signals_without_a_meaning_change_nothing() {
    let mut daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    daemon.signal(Signal::PIPE).unwrap();
    for (signal, name) in [(Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        daemon.signal(signal).unwrap();
        let seen = |line: &Value| (line["signal"] == name).then_some(());
        daemon.wait_log(name, SOON, seen).await.unwrap();
    }
    let reply = client(&daemon).call("a.echo", json!({ "text": "still" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "still");
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn sigquit_ends_at_once_with_a_code_of_its_own() {
    let mut daemon = serve(json!({ "a": mock(&["--fault", "stubborn"]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let sandbox = daemon.sandbox();
    daemon.signal(Signal::QUIT).unwrap();
    let ended = daemon.wait_end(Duration::from_secs(1)).await.unwrap();
    assert_eq!(ended.code(), Some(8));
    sandbox.expect_no_process(Duration::from_secs(1)).await.unwrap();
    assert!(!sandbox.state_dir().join("admin.sock").exists());
}

#[tokio::test]
async fn what_a_killed_daemon_left_is_no_obstacle() {
    let mut daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let sandbox = daemon.sandbox();
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    assert!(sandbox.state_dir().join("admin.sock").exists());
    let gone = daemon.cli(&["status"]).await.unwrap();
    check(&gone, 3, "conductor serve");

    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let settings = json!({ "mcpServers": { "a": mock(&[]) } });
    let mut second = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_status(&second, "a", |row| row["state"] == "running").await.unwrap();
    assert_eq!(second.terminate(SOON).await.unwrap().code(), Some(0));
    assert!(!sandbox.state_dir().join("admin.sock").exists());
}

#[tokio::test]
async fn commands_end_with_the_codes_of_the_manual() {
    let servers = json!({
        "a": mock(&[]),
        "off": mock_with(&[], json!({ "enabled": false })),
        "dead": { "command": "sh", "args": ["-c", "echo last words >&2; exit 3"] },
    });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["restart", "Wrong.Name"], 2, "`W` is none of them"),
        (&["restart", "nobody"], 6, "no server `nobody`"),
        (&["restart", "off"], 6, "disabled"),
        (&["restart", "dead"], 1, "last words"),
        (&["call", "a.nothing"], 6, "a.nothing"),
        (&["call", "a.sleep", r#"{"ms":5000}"#, "--timeout", "200ms"], 7, "may have taken effect"),
        (&["client-config", "--server", "nobody"], 2, "known are: a, dead, off"),
    ];
    for (arguments, code, word) in cases {
        let ended = daemon.cli(arguments).await.unwrap();
        check(&ended, code, word);
        assert_eq!(ended.stdout, "", "{arguments:?}: data only on stdout");
    }
    assert_eq!(status(&daemon, "off").await.unwrap()["state"], "stopped");
}

#[tokio::test]
async fn a_command_does_not_read_what_it_does_not_need() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    let sandbox = daemon.sandbox();
    let state = sandbox.state_dir().display().to_string();
    let text =
        format!("[state]\ndir = \"{state}\"\n[mcpServers.x]\ncommand = \"${{NOT_SET_HERE}}\"");
    let file = sandbox.write("other.toml", &text).unwrap().display().to_string();
    let ended = run_to_end(CONDUCTOR, &["status", "--config", &file], &[], SOON).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let checked =
        run_to_end(CONDUCTOR, &["check", "--json", "--config", &file], &[], SOON).await.unwrap();
    assert_eq!(checked.code, Some(2));
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(report["problems"][0]["key"], "mcpServers.x.command", "{report}");
}

#[tokio::test]
async fn values_of_the_environment_are_shown_nowhere() {
    let mut entry = mock_with(&["--token=hush-hush-1"], json!({ "env": { "KEY": "hush-hush-2" } }));
    entry["command"] = json!("sh");
    entry["args"] = json!(["-c", "echo saying $KEY >&2; exit 1", "--token=hush-hush-1"]);
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    let row = wait_status(&daemon, "a", |row| row["last_error"]["code"] == "exited").await.unwrap();
    let mut shown = row.to_string();
    for arguments in [&["status"][..], &["logs", "a"], &["call", "a.x", "{}", "--timeout", "1s"]] {
        let ended = daemon.cli(arguments).await.unwrap();
        shown.push_str(&ended.stdout);
        shown.push_str(&ended.stderr);
    }
    shown.push_str(&daemon.log_tail(1_000));
    assert!(shown.contains("saying [redacted]"), "{shown}");
    assert!(!shown.contains("hush-hush"), "{shown}");
}

#[tokio::test]
async fn stdio_leaves_no_directory_behind() {
    let sandbox = Sandbox::new().unwrap();
    let places = sandbox.path("places");
    std::fs::create_dir(&places).unwrap();
    let file = sandbox.write("c.json", r#"{"mcpServers": {}}"#).unwrap().display().to_string();
    let folder = places.display().to_string();
    let mut agent = LineClient::spawn(
        &[CONDUCTOR, "stdio", "--config", &file],
        &[("TMPDIR", folder.as_str())],
        &sandbox.path("stdio.log"),
    )
    .unwrap();
    agent.initialize("2025-06-18").await.unwrap();
    let made: Vec<_> = std::fs::read_dir(&places).unwrap().flatten().collect();
    assert_eq!(made.len(), 1, "one private state directory");
    assert_eq!(agent.close(SOON).await.unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(&places).unwrap().count(), 0);
}
