//! These tests run the management commands against a running daemon.
//! They leave what the daemon does between them to the other files.

use std::time::Duration;

use conductor_e2e::daemon::run_to_end;
use conductor_e2e::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, SOON, mock, mock_with, serve, status, wait_tool};

#[tokio::test]
async fn status_tools_call_restart_and_logs_work_with_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let once = folder.path().join("once").display().to_string();
    let entry = mock_with(
        &["--fault", "crash_start", "--fault-once", &once],
        json!({ "env": { "SECRET": "hush-hush" }, "backoff": { "min": "10ms" } }),
    );
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let row = status(&daemon, "a").await.unwrap();
    for (key, value) in [
        ("workspace_id", json!("default")),
        ("name", json!("a")),
        ("source", json!("file")),
        ("transport", json!("stdio")),
        ("state", json!("running")),
        ("health", json!("healthy")),
        ("generation", json!(2)),
        ("restarts", json!(1)),
        ("next_retry", Value::Null),
        ("in_flight", json!(0)),
    ] {
        assert_eq!(row[key], value, "{key} of {row}");
    }
    assert_eq!(row["last_error"]["code"], "exited", "{row}");
    assert!(row["pid"].is_u64() && row["tools"].as_u64().unwrap() > 5, "{row}");
    assert!(row["protocol_version"].is_string() && row["socket"].is_string(), "{row}");
    assert!(row.get("env").is_none() && row.get("headers").is_none(), "{row}");

    let table = daemon.cli(&["status"]).await.unwrap();
    assert!(
        table.stdout.contains("running") && !table.stdout.contains("hush-hush"),
        "{}",
        table.stdout
    );
    let tools = daemon.cli(&["tools"]).await.unwrap();
    assert!(tools.stdout.contains("a.echo"), "{}", tools.stdout);
    let listed = daemon.cli(&["tools", "--json"]).await.unwrap();
    assert!(serde_json::from_str::<Value>(&listed.stdout).is_ok(), "{}", listed.stdout);
    let called = daemon.cli(&["call", "a.echo", r#"{"text":"by hand"}"#]).await.unwrap();
    assert_eq!((called.code, called.stdout.trim()), (Some(0), "by hand"), "{}", called.stderr);
    let logs = daemon.cli(&["logs", "a"]).await.unwrap();
    assert!(!logs.stdout.is_empty(), "{}", logs.stderr);

    let restarted = daemon.cli(&["restart", "a"]).await.unwrap();
    assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
    let after = status(&daemon, "a").await.unwrap();
    assert_eq!(after["generation"], 3, "{after}");
    assert_ne!(after["pid"], row["pid"]);
}

#[tokio::test]
async fn mistakes_are_answered_with_words_and_codes() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    for (arguments, word) in [
        (vec!["restart", "nobody"], "nobody"),
        (vec!["logs", "nobody"], "nobody"),
        (vec!["call", "a.nothing", "{}"], "a.nothing"),
        (vec!["call", "a.echo", "{not json"], "JSON"),
        (vec!["call", "a.echo", "[]"], "object"),
    ] {
        let ended = daemon.cli(&arguments).await.unwrap();
        assert_ne!(ended.code, Some(0), "{arguments:?}: {}", ended.stdout);
        assert!(ended.stderr.contains(word), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn without_a_daemon_the_commands_say_how_to_start_one() {
    let sandbox = Sandbox::new().unwrap();
    let state = sandbox.state_dir().display().to_string();
    let env = [("CONDUCTOR_STATE__DIR", state.as_str())];
    for arguments in [&["status"][..], &["tools"], &["restart", "a"], &["call", "a.echo", "{}"]] {
        let ended = run_to_end(CONDUCTOR, arguments, &env, SOON).await.unwrap();
        assert_ne!(ended.code, Some(0));
        assert!(ended.stderr.contains("conductor serve"), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "data only on stdout");
    }
}

#[tokio::test]
async fn client_settings_name_the_endpoint() {
    for (client, word) in [
        ("claude", "mcpServers"),
        ("cursor", "mcpServers"),
        ("vscode", "servers"),
        ("codex", "mcp_servers"),
        ("gemini", "httpUrl"),
    ] {
        let ended =
            run_to_end(CONDUCTOR, &["client-config", "--for", client], &[], SOON).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(
            ended.stdout.contains(word) && ended.stdout.contains("/mcp"),
            "{client}: {}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn help_and_version_are_there() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["call", "--help"], &["--version"]] {
        let ended = run_to_end(CONDUCTOR, arguments, &[], Duration::from_secs(5)).await.unwrap();
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.contains("conductor"), "{}", ended.stdout);
    }
}
