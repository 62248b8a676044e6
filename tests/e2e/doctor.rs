//! These tests run `conductor doctor` on settings and daemons that are well, and on such as are not.
//! They leave what each finding is worth to the tests beside the judges.

use conductor_e2e::daemon::{Ended, run_to_end};
use conductor_e2e::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, SOON, mock, mock_with, serve, wait_status, wait_tool};

/// A doctor on this settings document, its state in the sandbox.
async fn doctor(sandbox: &Sandbox, settings: &str, more: &[&str]) -> Ended {
    let file = sandbox.write("doctor.json", settings).unwrap().display().to_string();
    let state = sandbox.state_dir().display().to_string();
    let mut arguments = vec!["doctor", "--config", &file, "--state-dir", &state];
    arguments.extend(more);
    run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap()
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr))
}

/// The checks of one subject that have this level.
fn found<'a>(report: &'a Value, subject: &str, level: &str) -> Vec<&'a Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["subject"] == subject && check["level"] == level).collect()
}

fn settings(servers: Value) -> String {
    json!({ "mcpServers": servers, "listen": { "http": "127.0.0.1:0" } }).to_string()
}

#[tokio::test]
async fn what_is_well_is_told_and_ends_with_zero() {
    let sandbox = Sandbox::new().unwrap();
    let text = settings(json!({ "a": mock(&[]) }));
    let ended = doctor(&sandbox, &text, &[]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    for word in ["settings\n", "servers\n", "machine\n", "daemon\n", "conductor serve"] {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
    assert!(!sandbox.state_dir().exists(), "it only looks");
}

#[tokio::test]
async fn a_missing_program_a_bad_directory_and_a_closed_port_have_their_cures() {
    let sandbox = Sandbox::new().unwrap();
    let text = settings(json!({
        "gone": { "command": "no-such-program-anywhere", "args": [], "env": { "K": "hush-hush" } },
        "lost": mock_with(&[], json!({ "cwd": "/no/such/folder" })),
        "far": { "url": "http://127.0.0.1:1/mcp", "headers": { "X-Key": "hush-hush" } },
        "fine": mock(&[]),
        "off": { "command": "no-such-program-anywhere", "args": [], "enabled": false },
    }));
    let ended = doctor(&sandbox, &text, &["--json"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    assert_eq!(report["problems"], 3, "{report}");
    for (name, word) in [("gone", "PATH"), ("lost", "cwd"), ("far", "takes no connection")] {
        let problems = found(&report, name, "problem");
        assert!(problems[0]["message"].as_str().unwrap().contains(word), "{problems:?}");
        assert!(!problems[0]["cure"].as_str().unwrap().is_empty(), "{problems:?}");
    }
    assert_eq!(found(&report, "fine", "ok").len(), 1);
    assert_eq!(found(&report, "off", "ok").len(), 1);
    assert!(!ended.stdout.contains("hush-hush"), "{}", ended.stdout);
}

#[tokio::test]
async fn wrong_settings_are_told_one_by_one_and_the_rest_is_looked_at_all_the_same() {
    let sandbox = Sandbox::new().unwrap();
    let text = r#"{"mcpServers": {"a": {"comand": "x"}, "b": {"command": "${NOT_SET_HERE}"}}}"#;
    let ended = doctor(&sandbox, text, &["--json"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    let problems = found(&report, "settings", "problem");
    let told = format!("{problems:?}");
    assert!(told.contains("NOT_SET_HERE") && told.contains("comand"), "{told}");
    assert_eq!(found(&report, "kernel", "ok").len(), 1, "{report}");
}

#[tokio::test]
async fn a_running_daemon_is_asked_how_its_servers_do() {
    let servers = json!({
        "good": mock(&[]),
        "bad": { "command": "sh", "args": ["-c", "echo Cannot find module x >&2; exit 3"] },
    });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "good.echo").await.unwrap();
    wait_status(&daemon, "bad", |row| row["state"] == "backoff" || row["state"] == "failed")
        .await
        .unwrap();
    let sandbox = daemon.sandbox();
    let file = sandbox.path("conductor.json").display().to_string();
    let state = sandbox.state_dir().display().to_string();
    let arguments = ["doctor", "--config", &file, "--state-dir", &state, "--json"];
    let ended = run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    let bad = found(&report, "bad", "problem");
    assert!(format!("{bad:?}").contains("exited with code 3"), "{report}");
    assert_eq!(bad[0]["details"][0], "Cannot find module x", "{report}");
    assert!(bad[0]["cure"].as_str().unwrap().contains("Node.js module"), "{report}");
    assert_eq!(found(&report, "daemon", "ok").len(), 1, "{report}");
    assert_eq!(found(&report, "its settings", "ok").len(), 1, "{report}");

    let changed = json!({ "mcpServers": { "good": mock(&[]), "new": mock(&[]) } });
    let text = sandbox.write("other.json", &changed.to_string()).unwrap().display().to_string();
    let arguments = ["doctor", "--config", &text, "--state-dir", &state, "--json"];
    let ended = run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap();
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let other = found(&report, "its settings", "warning");
    assert!(format!("{other:?}").contains("where new is not"), "{report}");
}
