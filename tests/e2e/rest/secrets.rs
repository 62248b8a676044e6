//! Rows A35 and A37, from outside: values that people encrypt, in files and in registrations.
//! They leave the format, with the vectors of its specification, to the tests beside the code.

use std::process::Stdio;
use std::sync::Arc;

use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options, Settings, command, run_to_end};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{Stage, boot};
use crate::world::{CONDUCTOR, SOON, mock_with};

/// What `conductor secrets encrypt` makes of a text.
async fn encrypted(sandbox: &Sandbox, text: &str) -> String {
    encrypted_with(sandbox, text, "").await
}

/// The same with this master key, or if it is empty, with that of the state directory.
pub(crate) async fn encrypted_with(sandbox: &Sandbox, text: &str, key: &str) -> String {
    let mut command = command(CONDUCTOR);
    command.args(["secrets", "encrypt"]).env("CONDUCTOR_STATE__DIR", sandbox.state_dir());
    command.env("CONDUCTOR_MASTER_KEY", key);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What a server has in its environment.
pub(super) async fn seen(stage: &Stage, server: &str) -> String {
    let client = Client::modern(stage.daemon.addr(), "/mcp");
    let tool = format!("{server}.env");
    let called = wait::until("it answers", SOON, async || {
        let reply = client.call(&tool, json!({ "name": "API_TOKEN" })).await.ok()?;
        (!reply.is_error()).then_some(reply)
    });
    called.await.unwrap().text().unwrap().to_owned()
}

#[tokio::test]
async fn a35_an_encrypted_value_reaches_the_child_in_plain_and_nobody_else() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let (one, other) =
        (encrypted(&sandbox, "canary-one\n").await, encrypted(&sandbox, "canary-two").await);
    assert!(one.starts_with("encrypted:gAAAAA") && !one.contains("canary"), "{one}");
    let entry = mock_with(&[], json!({ "env": { "API_TOKEN": one } }));
    let settings = json!({ "mcpServers": { "file": entry } });
    let daemon = boot(&sandbox, &settings).await;
    let stage = Stage { daemon, sandbox, settings };
    let mut api = stage.api().await;
    let body = stage.mock("api", json!({ "env": { "API_TOKEN": other } }));
    let made = api.register(&body).await.unwrap().with(201);
    assert!(!made.to_string().contains("encrypted:"), "{made}");
    assert_eq!(seen(&stage, "file").await, "canary-one");
    assert_eq!(seen(&stage, "api").await, "canary-two");

    let key = run_to_end(CONDUCTOR, &["secrets", "keygen", "--print"], &[], SOON).await.unwrap();
    assert_eq!(key.stdout.trim_end().len(), 44);
    let elsewhere = Sandbox::new().unwrap();
    let foreign = encrypted(&elsewhere, "canary-three").await;
    let body = stage.mock("c", json!({ "env": { "API_TOKEN": foreign } }));
    let said = api.register(&body).await.unwrap().with(422);
    assert_eq!(said["problems"][0]["key"], "env.API_TOKEN");
    let told = said["problems"][0]["message"].as_str().unwrap();
    assert_eq!(told, "cannot be decrypted: it was encrypted with another key, or changed");
    assert!(!stage.daemon.log_tail(1000).contains("canary"), "a secret is in the log");
}

#[tokio::test]
async fn c11_a_value_may_be_plain_a_variable_a_file_or_encrypted() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let encrypted = encrypted(&sandbox, "from-fernet").await;
    sandbox.write("token", "from-a-file\n").unwrap();
    let entry = |value: Value| mock_with(&[], json!({ "env": { "API_TOKEN": value } }));
    let settings = json!({ "mcpServers": {
        "plain": entry(json!("literally")),
        "variable": entry(json!("${C11_TOKEN:-by-default}")),
        "file": entry(json!({ "file": sandbox.path("token") })),
        "fernet": entry(json!(encrypted)),
    }});
    let daemon = boot(&sandbox, &settings).await;
    let stage = Stage { daemon, sandbox, settings };
    for (server, expected) in [
        ("plain", "literally"),
        ("variable", "by-default"),
        ("file", "from-a-file"),
        ("fernet", "from-fernet"),
    ] {
        assert_eq!(seen(&stage, server).await, expected, "{server}");
    }
}

#[tokio::test]
async fn a_start_names_the_entry_whose_value_cannot_be_decrypted() {
    let sandbox = Sandbox::new().unwrap();
    let foreign = encrypted(&Sandbox::new().unwrap(), "canary").await;
    let entry = mock_with(&[], json!({ "env": { "API_TOKEN": foreign } }));
    let file = sandbox.write_settings(json!({ "mcpServers": { "a": entry } })).unwrap();
    let state = sandbox.state_dir().display().to_string();
    let args = ["serve", "--config", file.to_str().unwrap(), "--state-dir", &state];
    let ended = run_to_end(CONDUCTOR, &args, &[], SOON).await.unwrap();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let named = "mcpServers.a.env.API_TOKEN: cannot be decrypted: there is no master key";
    assert!(ended.stderr.contains(named), "{}", ended.stderr);
    assert!(!ended.stderr.contains("gAAAA"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_system_for_one_agent_decrypts_with_the_key_of_the_state_that_lasts() {
    let sandbox = Sandbox::new().unwrap();
    let value = encrypted(&sandbox, "canary").await;
    let entry = mock_with(&[], json!({ "env": { "API_TOKEN": value } }));
    let state = json!({ "dir": sandbox.state_dir() });
    let settings = json!({ "state": state, "mcpServers": { "a": entry } });
    let file = sandbox.write_settings(settings).unwrap();
    let args = ["stdio", "--config", file.to_str().unwrap()];
    let ended = run_to_end(CONDUCTOR, &args, &[], SOON * 2).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn the_key_is_changed_while_the_daemon_is_down_and_nothing_is_lost() {
    let mut stage = Stage::start(json!({ "mcpServers": {} })).await;
    let mut api = stage.api().await;
    let body = stage.mock("a", json!({ "env": { "API_TOKEN": "canary" } }));
    let _ = api.register(&body).await.unwrap().with(201);
    assert_eq!(seen(&stage, "a").await, "canary");
    let state = stage.sandbox.state_dir().display().to_string();
    let file = stage.sandbox.state_dir().join("master.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let rotate = async |more: &[&str]| {
        let args = [&["secrets", "rotate"], more].concat();
        let env = [("CONDUCTOR_STATE__DIR", state.as_str())];
        run_to_end(CONDUCTOR, &args, &env, SOON).await.unwrap()
    };
    let refused = rotate(&[]).await;
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), old);

    assert!(stage.daemon.terminate(SOON).await.unwrap().success());
    let done = rotate(&[]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("1 registrations are under the newest key"), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    let done = rotate(&["--drop-old"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let new = std::fs::read_to_string(&file).unwrap();
    assert!(new.lines().count() == 1 && new != old);
    stage.daemon = boot(&stage.sandbox, &stage.settings).await;
    assert_eq!(seen(&stage, "a").await, "canary");
}

#[tokio::test]
async fn a_new_key_also_encrypts_what_stands_in_files_and_an_interrupted_one_goes_on() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let token = encrypted(&sandbox, "from-settings").await;
    let other = encrypted(&sandbox, "from-a-file").await;
    let kept = sandbox.write("token", &other).unwrap();
    let entry = |value: Value| mock_with(&[], json!({ "env": { "API_TOKEN": value } }));
    let settings = json!({ "mcpServers": {
        "settings": entry(json!(token)), "file": entry(json!({ "file": kept })),
    } });
    let file = sandbox.write_settings(settings).unwrap();
    let read = || std::fs::read_to_string(&file).unwrap();
    let rotate = async |more: &[&str]| {
        let state = sandbox.state_dir().display().to_string();
        let flags = ["--config", file.to_str().unwrap(), "--state-dir", &state];
        let args = [&["secrets"], &flags[..], &["rotate"], more].concat();
        run_to_end(CONDUCTOR, &args, &[], SOON).await.unwrap()
    };
    let works = async || {
        let args = vec!["--config".to_owned(), file.display().to_string()];
        let options = Options { args, sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
        let daemon = Daemon::start(CONDUCTOR, Settings::None, options).await.unwrap();
        let mut stage = Stage { daemon, sandbox: Arc::clone(&sandbox), settings: Value::Null };
        assert_eq!(seen(&stage, "settings").await, "from-settings");
        assert_eq!(seen(&stage, "file").await, "from-a-file");
        assert!(stage.daemon.terminate(SOON).await.unwrap().success());
    };
    let (text, key) = (read(), sandbox.state_dir().join("master.key"));
    let old = std::fs::read_to_string(&key).unwrap();
    let dry = rotate(&["--dry-run"]).await;
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stderr.contains("conductor.json: 1 values would be"), "{}", dry.stderr);
    assert_eq!((read(), std::fs::read_to_string(&key).unwrap()), (text.clone(), old));

    // The disk refuses the backup of one file, half way through.
    let in_the_way = sandbox.path("token.bak");
    std::fs::create_dir(&in_the_way).unwrap();
    let broken = rotate(&[]).await;
    assert_ne!(broken.code, Some(0), "{}", broken.stderr);
    assert!(read() != text && read().contains("encrypted:"), "the first file is done");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), other, "the second is as it was");
    works().await;
    std::fs::remove_dir(&in_the_way).unwrap();
    let done = rotate(&[]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("2 of 2 files: 1 values in"), "{}", done.stderr);
    assert_ne!(std::fs::read_to_string(&kept).unwrap(), other);
    let dropped = rotate(&["--drop-old"]).await;
    assert_eq!(dropped.code, Some(0), "{}", dropped.stderr);
    assert_eq!(std::fs::read_to_string(&key).unwrap().lines().count(), 1);
    works().await;
    for secret in ["from-settings", "from-a-file"] {
        for said in [&dry, &broken, &done, &dropped] {
            assert!(!said.stderr.contains(secret) && !said.stdout.contains(secret));
        }
    }
}
