//! Rows P48, P66 and C9: what counts as a change, what a variable stands for, and which files are
//! taken for damaged.
//! They leave each key and form to the tests of settings.

use conductor_e2e::daemon::run_to_end;
use conductor_e2e::sandbox::Sandbox;
use serde_json::json;

use super::{daemon, gone, pid, write};
use crate::world::{CONDUCTOR, MOCK, SOON, mock, mock_with, wait_status};

#[tokio::test]
async fn p48_another_order_of_keys_is_no_change_and_one_argument_is() {
    let mark = |daemon: &conductor_e2e::daemon::Daemon| daemon.sandbox().mark().to_owned();
    let entry = mock_with(&["--name", "x"], json!({ "env": { "A": "1", "B": "2" } }));
    let daemon = daemon(json!({ "one": entry, "other": mock(&[]) }), false).await.unwrap();
    let (one, other) = (pid(&daemon, "one").await, pid(&daemon, "other").await);
    let text = |name: &str| {
        format!(
            r#"{{ "mcpServers": {{
                "other": {{ "env": {{ "CONDUCTOR_TEST_RUN": "{mark}" }}, "args": [], "command": "{MOCK}" }},
                "one": {{ "env": {{ "CONDUCTOR_TEST_RUN": "{mark}", "B": "2", "A": "1" }},
                          "args": ["--name", "{name}"], "command": "{MOCK}" }}
            }}, "reload": {{ "watch": false }} }}"#,
            mark = mark(&daemon),
        )
    };
    daemon.sandbox().write("conductor.json", &text("x")).unwrap();
    let ended = daemon.cli(&["reload", "--json"]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let plan: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(plan["keep"], json!(["one", "other"]), "{plan}");
    assert_eq!((pid(&daemon, "one").await, pid(&daemon, "other").await), (one, other));

    daemon.sandbox().write("conductor.json", &text("y")).unwrap();
    let ended = daemon.cli(&["reload", "--json"]).await.unwrap();
    let plan: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&plan["restart"], &plan["keep"]), (&json!(["one"]), &json!(["other"])), "{plan}");
    let next = |row: &serde_json::Value| row["state"] == "running" && row["pid"] != one;
    wait_status(&daemon, "one", next).await.unwrap();
    assert_eq!(pid(&daemon, "other").await, other);
}

#[tokio::test]
async fn p66_a_variable_that_is_not_set_ends_the_start_and_is_named_with_its_key() {
    let sandbox = Sandbox::new().unwrap();
    let state = sandbox.state_dir().display().to_string();
    let serve = async |entry: serde_json::Value| {
        let file = sandbox.write_settings(json!({ "mcpServers": { "a": entry } })).unwrap();
        let words = ["serve", "--config", file.to_str().unwrap(), "--state-dir", &state];
        run_to_end(CONDUCTOR, &words, &[], SOON).await.unwrap()
    };
    for (entry, key) in [
        (mock(&["--name", "${P66_NOT_SET}"]), "mcpServers.a.args[1]"),
        (mock_with(&[], json!({ "env": { "A": "x${P66_NOT_SET}" } })), "mcpServers.a.env.A"),
        (mock_with(&[], json!({ "cwd": "/${P66_NOT_SET}" })), "mcpServers.a.cwd"),
        (json!({ "url": "https://${P66_NOT_SET}/mcp" }), "mcpServers.a.url"),
        (
            json!({ "url": "https://h.example", "headers": { "X-Key": "${env:P66_NOT_SET}" } }),
            "mcpServers.a.headers.X-Key",
        ),
    ] {
        let ended = serve(entry).await;
        assert_eq!(ended.code, Some(2), "{key}: {}", ended.stderr);
        let named = ended.stderr.contains(key) && ended.stderr.contains("P66_NOT_SET");
        assert!(named, "{key}: {}", ended.stderr);
        assert!(!sandbox.state_dir().exists(), "{key}: nothing was begun");
    }
}

#[tokio::test]
async fn c9_a_file_without_a_table_of_servers_stops_nothing_and_an_empty_table_stops_all() {
    let daemon = daemon(json!({ "a": mock(&[]) }), false).await.unwrap();
    let before = pid(&daemon, "a").await;
    for damaged in ["{}", r#"{ "reload": { "watch": false } }"#, r#"{ "mcpServers": null }"#] {
        daemon.sandbox().write("conductor.json", damaged).unwrap();
        let ended = daemon.cli(&["reload"]).await.unwrap();
        assert_eq!(ended.code, Some(2), "{damaged}: {}", ended.stdout);
        assert!(ended.stderr.contains("mcpServers"), "{damaged}: {}", ended.stderr);
        assert_eq!(pid(&daemon, "a").await, before, "{damaged}");
    }
    write(&daemon, json!({}));
    let ended = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    gone(&daemon, "a").await;
    daemon.sandbox().expect_no_process(SOON).await.unwrap();
}
