//! These tests give the real program bad settings and read what it says (rows P07 to P21).

use conductor_e2e::daemon::run_to_end;
use conductor_e2e::sandbox::Sandbox;

use crate::world::{CONDUCTOR, SOON};

/// Runs `check` and `serve` on a settings text; both must exit 2 and say all of `words`.
async fn check(ending: &str, text: &str, words: &[&str]) {
    let sandbox = Sandbox::new().unwrap();
    let file = sandbox.write(&format!("settings.{ending}"), text).unwrap().display().to_string();
    let state = sandbox.state_dir().display().to_string();
    for arguments in
        [vec!["check", "--config", &file], vec!["serve", "--config", &file, "--state-dir", &state]]
    {
        let ended = run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap();
        assert_eq!(
            ended.code,
            Some(2),
            "{arguments:?} of {text}: {}{}",
            ended.stdout,
            ended.stderr
        );
        for word in words {
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(said.contains(word), "{arguments:?} of {text} does not say {word:?}: {said}");
        }
    }
}

#[tokio::test]
async fn wrong_shapes_are_told_with_file_and_key() {
    check("json", "[]", &["settings.json", "object"]).await; // P07
    check("json", r#"{"mcpServers":[]}"#, &["mcpServers", "object"]).await; // P09
    check("json", r#"{"mcpServers":{"a":7}}"#, &["mcpServers.a", "object"]).await;
    check("json", r#"{"mcpServers":{"a":{}}}"#, &["mcpServers.a", "command", "url"]).await; // P14
    check(
        "json",
        r#"{"mcpServers":{"a":{"command":"x","url":"http://h/"}}}"#,
        &["mcpServers.a", "command", "url"],
    )
    .await; // P15
    check("json", r#"{"mcpServers":{"a":{"command":7}}}"#, &["mcpServers.a.command"]).await; // P16
    check("json", r#"{"mcpServers":{"a":{"command":"x","args":"y"}}}"#, &["mcpServers.a.args"])
        .await; // P17
    check(
        "json",
        r#"{"mcpServers":{"a":{"command":"x","args":["y",7]}}}"#,
        &["mcpServers.a.args", "1"],
    )
    .await;
    check("json", r#"{"mcpServers":{"a":{"command":"x","env":[]}}}"#, &["mcpServers.a.env"]).await; // P18
    check(
        "json",
        r#"{"mcpServers":{"a":{"command":"x","env":{"K":{}}}}}"#,
        &["mcpServers.a.env.K"],
    )
    .await;
    check("json", r#"{"mcpServers":{"a":{"url":7}}}"#, &["mcpServers.a.url"]).await; // P20
    check("json", r#"{"mcpServers":{"a":{"url":"ftp://h/"}}}"#, &["mcpServers.a.url", "http"])
        .await;
    check(
        "json",
        r#"{"mcpServers":{"a":{"url":"http://h/","headers":[]}}}"#,
        &["mcpServers.a.headers"],
    )
    .await; // P21
}

#[tokio::test]
async fn mistakes_of_writing_are_told_with_a_cure() {
    check("toml", "[mcpServers.a]\ncomand = \"x\"\n", &["settings.toml", "comand", "command"])
        .await;
    check("toml", "[listen]\nhttpp = \"127.0.0.1:1\"\n", &["listen.httpp", "listen.http"]).await;
    check("json", r#"{"mcpServers":{"a":{"command":"x"}"#, &["settings.json", "line"]).await;
    check("toml", "x = \n", &["settings.toml", "line"]).await;
    check("json", r#"{"mcpServers":{"A b":{"command":"x"}}}"#, &["A b"]).await;
    check(
        "json",
        r#"{"mcpServers":{"a":{"command":"x","env":{"K":"${NOT_SET_ANYWHERE}"}}}}"#,
        &["NOT_SET_ANYWHERE", "mcpServers.a.env.K"],
    )
    .await; // P66
    check(
        "toml",
        "[mcpServers.a]\ncommand = \"x\"\ntimeout = \"soon\"\n",
        &["mcpServers.a.timeout", "soon"],
    )
    .await;
    check("toml", "[listen]\nhttp = \"0.0.0.0:8722\"\n", &["listen.http", "authentication"]).await;
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let ended = run_to_end(CONDUCTOR, &["check", "--config", "no-such-file.toml"], &[], SOON)
        .await
        .unwrap();
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("no-such-file.toml"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_good_file_is_told_what_it_means() {
    let sandbox = Sandbox::new().unwrap();
    let text = r#"{"mcpServers":{"a":{"command":"x","env":{"TOKEN":"hush"}}}}"#;
    let file = sandbox.write("settings.json", text).unwrap().display().to_string();
    for arguments in [vec!["check", "--config", &file], vec!["check", "--config", &file, "--json"]]
    {
        let ended = run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains('a') && !ended.stdout.contains("hush"), "{}", ended.stdout);
    }
}
