//! Rows A10 to A12, A33 to A37, P46, P47 and C8: servers come, change and go through the API.
//! They leave who may ask to `access.rs`.

use conductor_e2e::client::Client;
use conductor_e2e::rest::CONNECTIONS;
use conductor_e2e::wait;
use http::Method;
use serde_json::json;

use super::Stage;
use crate::world::{SOON, mock, mock_with, wait_tool};

#[tokio::test]
async fn a33_a36_a37_a_registered_server_runs_survives_and_leaves_no_plain_secret() {
    let mut stage = Stage::start(json!({ "mcpServers": {} })).await;
    let mut api = stage.api().await;
    let body = stage.mock("ws-1/one", json!({ "env": { "API_TOKEN": "canary-4711" } }));
    let said = api.register(&body).await.unwrap();
    let place = said.header("location").unwrap().to_owned();
    assert_eq!(place, format!("{CONNECTIONS}/ws-1/one"));
    assert!(said.header("etag").is_some());
    let made = said.with(201);
    assert_eq!((&made["workspace_id"], &made["name"]), (&json!("ws-1"), &json!("one")));
    assert_eq!((&made["source"], &made["transport"]), (&json!("api"), &json!("stdio")));
    let shown = stage.until("/ws-1/one", "running").await;
    assert!(shown["pid"].is_u64() && shown["last_heartbeat"].is_string(), "{shown}");
    assert_eq!(shown["command"], json!([crate::world::MOCK]));
    assert!(!shown.to_string().contains("canary"), "{shown}");

    for round in 0..2 {
        stage.until("/ws-1/one", "running").await;
        let client = Client::modern(stage.daemon.addr(), "/workspaces/ws-1/mcp");
        let called = wait::until("the tool is listed", SOON, async || {
            let reply = client.call("one.env", json!({ "name": "API_TOKEN" })).await.ok()?;
            (!reply.is_error()).then_some(reply)
        });
        assert_eq!(called.await.unwrap().text().unwrap(), "canary-4711", "round {round}");
        stage.restart().await;
    }
    let logged = stage.daemon.log_tail(10_000);
    assert!(!logged.contains("canary"), "{logged}");
    for entry in std::fs::read_dir(stage.sandbox.state_dir()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let plain = bytes.windows(6).any(|part| part == b"canary");
        assert!(!plain, "{} has the secret in it", entry.path().display());
    }
}

#[tokio::test]
async fn a34_the_body_of_the_design_is_taken_as_it_stands() {
    let stage = Stage::start(json!({ "mcpServers": {} })).await;
    let sealed = super::encrypted_with(&stage.sandbox, "s3cret", "").await;
    for secret in [sealed.as_str(), "s3cret"] {
        let body = json!({
            "workspace_id": "ws-1",
            "name": "salesforce",
            "command": ["npx", "-y", "salesforce-mcp"],
            "env": { "SF_TOKEN": secret },
        });
        let mut api = stage.api().await;
        let made = api.register(&body).await.unwrap().with(201);
        assert_eq!((&made["workspace_id"], &made["name"]), (&json!("ws-1"), &json!("salesforce")));
        assert_eq!(made["command"], json!(["npx", "-y", "salesforce-mcp"]));
        let shown = api.get("/ws-1/salesforce").await.unwrap().with(200).to_string();
        assert!(!shown.contains("s3cret") && !shown.contains("encrypted:"), "{shown}");
        let _ = api.remove("ws-1/salesforce").await.unwrap().with(204);
    }
}

#[tokio::test]
async fn a10_a11_a12_a_connection_shows_its_process_its_transport_and_when_it_was_last_heard() {
    let beat = json!({ "heartbeat": { "interval": "1s", "timeout": "500ms", "misses": 2 } });
    let stage = Stage::start(json!({ "mcpServers": {
        "one": mock_with(&[], beat), "far": { "url": "http://127.0.0.1:9/mcp" },
    }}))
    .await;
    let one = stage.until("/default/one", "running").await;
    assert_eq!((&one["name"], &one["transport"]), (&json!("one"), &json!("stdio")));
    assert_eq!(one["command"][0], crate::world::MOCK);
    let pid = one["pid"].as_u64().unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "{one}");
    assert_eq!(one["health"], "healthy");
    let first = one["last_heartbeat"].as_str().unwrap();
    assert!(first.ends_with('Z') && first.find('T') == Some(10), "no time of RFC 3339: {first}");
    let mut api = stage.api().await;
    let later = wait::until("a later heartbeat", SOON, async || {
        let row = api.get("/default/one").await.ok()?.body;
        // Of the same form, so that the later one is the greater text.
        (row["last_heartbeat"].as_str()? > first).then_some(row)
    });
    assert_eq!(later.await.unwrap()["pid"], pid);
    let far = api.get("/default/far").await.unwrap().with(200);
    assert_eq!((&far["transport"], &far["pid"]), (&json!("http"), &json!(null)), "{far}");
    assert_eq!(far["url"], "http://127.0.0.1:9/mcp");
}

#[tokio::test]
async fn c8_names_are_taken_once_and_what_stands_in_a_file_is_changed_there() {
    let stage = Stage::start(json!({ "mcpServers": { "a": mock(&[]) } })).await;
    let mut api = stage.api().await;
    let clash = api.register(&stage.mock("a", json!({}))).await.unwrap().with(409);
    assert_eq!((&clash["reason"], &clash["server"]), (&json!("name_taken"), &json!("a")));
    assert!(clash["detail"].as_str().unwrap().contains("stands in a settings file"), "{clash}");
    // Another workspace is another server.
    let _ = api.register(&stage.mock("team/a", json!({}))).await.unwrap().with(201);
    let clash = api.register(&stage.mock("team/a", json!({}))).await.unwrap().with(409);
    assert!(clash["detail"].as_str().unwrap().contains("is registered already"), "{clash}");
    let pids =
        [stage.until("/default/a", "running").await, stage.until("/team/a", "running").await];
    assert_ne!(pids[0]["pid"], pids[1]["pid"], "two children");

    for path in ["default/a", "nowhere/a", "team/b"] {
        let (status, reason) =
            if path == "default/a" { (409, "read_only") } else { (404, "unknown_server") };
        let gone = api.remove(path).await.unwrap().with(status);
        assert_eq!(gone["reason"], reason);
        let body = json!({ "command": "x" }).to_string();
        let put = api.ask(Method::PUT, &format!("{CONNECTIONS}/{path}"), &[], body).await.unwrap();
        assert_eq!(put.with(status)["reason"], reason);
    }
    let all = api.get("").await.unwrap().with(200);
    assert_eq!(all["connections"].as_array().unwrap().len(), 2, "{all}");
    let some = api.get("?workspace_id=team").await.unwrap().with(200);
    assert_eq!(some["connections"][0]["source"], "api");
    assert_eq!(some["connections"].as_array().unwrap().len(), 1, "{some}");
}

#[tokio::test]
async fn a_change_replaces_the_process_and_a_removal_ends_it() {
    let stage = Stage::start(json!({ "mcpServers": { "other": mock(&[]) } })).await;
    let mut api = stage.api().await;
    let other = stage.until("/default/other", "running").await["pid"].clone();
    let first = api.register(&stage.mock("a", json!({}))).await.unwrap();
    let tag = first.header("etag").unwrap().to_owned();
    let pid = stage.until("/default/a", "running").await["pid"].clone();
    let path = format!("{CONNECTIONS}/default/a");
    let one = api.get("/default/a").await.unwrap();
    assert_eq!(one.header("etag"), Some(tag.as_str()));

    // A description is taken over by the process that runs.
    let described = stage.mock("a", json!({ "description": "new" })).to_string();
    let said = api.ask(Method::PUT, &path, &[("if-match", &tag)], described).await.unwrap();
    let newer = said.header("etag").unwrap().to_owned();
    assert_ne!(newer, tag);
    assert_eq!(said.with(200)["pid"], pid);
    let other_env = stage.mock("a", json!({ "env": { "A": "1" } })).to_string();
    let stale =
        api.ask(Method::PUT, &path, &[("if-match", &tag)], other_env.clone()).await.unwrap();
    assert_eq!(stale.with(412)["reason"], "other_version");
    let done = api.ask(Method::PUT, &path, &[("if-match", &newer)], other_env).await.unwrap();
    let _ = done.with(200);
    let replaced = wait::until("another process", SOON, async || {
        let now = stage.api().await.get("/default/a").await.ok()?.body;
        (now["pid"].is_u64() && now["pid"] != pid).then_some(())
    });
    replaced.await.unwrap();

    let stale =
        api.ask(Method::DELETE, &path, &[("if-match", &newer)], String::new()).await.unwrap();
    let _ = stale.with(412);
    let _ = api.remove("default/a").await.unwrap().with(204);
    let ended = wait::until("only the other runs", SOON, async || {
        (stage.sandbox.processes().len() == 1).then_some(())
    });
    ended.await.unwrap();
    let gone = wait::until("it is gone", SOON, async || {
        (stage.api().await.get("/default/a").await.ok()?.status == 404).then_some(())
    });
    gone.await.unwrap();
    let now = stage.until("/default/other", "running").await;
    assert_eq!(now["pid"], other, "the other is not touched");
    let again = api.register(&stage.mock("a", json!({}))).await.unwrap();
    let _ = again.with(201);
    stage.until("/default/a", "running").await;
}

#[tokio::test]
async fn files_and_registrations_are_reloaded_as_one_set() {
    let stage = Stage::start(json!({ "mcpServers": { "a": mock(&[]) } })).await;
    let mut api = stage.api().await;
    let _ = api.register(&stage.mock("b", json!({}))).await.unwrap().with(201);
    let before = stage.until("/default/b", "running").await;
    // A file with the registered name in it: refused, and nothing changes.
    let clash = json!({ "mcpServers": { "a": mock(&[]), "b": mock(&[]) } });
    stage.sandbox.write_settings(clash).unwrap();
    let reload = "/api/v1/aegis/config/reload";
    let said = api.ask(Method::POST, reload, &[], String::new()).await.unwrap().with(422);
    let told = said["problems"][0]["message"].as_str().unwrap();
    assert!(told.contains("a settings file has a server of this name"), "{said}");
    assert_eq!(said["problems"][0]["file"], "the registration of `b`");
    // A file without servers of its own does not touch the registered ones.
    stage.sandbox.write_settings(json!({ "mcpServers": {} })).unwrap();
    let said = api.ask(Method::POST, reload, &[], String::new()).await.unwrap().with(200);
    assert!(said["keep"] == json!(["b"]) || said["remove"] == json!([]), "{said}");
    let after = stage.until("/default/b", "running").await;
    assert_eq!(after["pid"], before["pid"]);
    let all = api.get("").await.unwrap().with(200);
    let draining_or_gone = all["connections"].as_array().unwrap().iter();
    assert!(draining_or_gone.filter(|one| one["state"] == "running").count() == 1, "{all}");
}

#[tokio::test]
async fn a_registration_that_cannot_be_decrypted_is_told_and_costs_nothing_else() {
    let mut stage = Stage::start(json!({ "mcpServers": { "a": mock(&[]) } })).await;
    let mut api = stage.api().await;
    let _ = api.register(&stage.mock("b", json!({}))).await.unwrap().with(201);
    assert!(stage.daemon.terminate(SOON).await.unwrap().success());
    std::fs::remove_file(stage.sandbox.state_dir().join("master.key")).unwrap();
    stage.daemon = super::boot(&stage.sandbox, &stage.settings).await;
    wait_tool(&stage.daemon, "a.echo").await.unwrap();
    let shown = stage.until("/default/b", "failed").await;
    assert_eq!(shown["last_error"]["code"], "bad_registration");
    let told = shown["last_error"]["message"].as_str().unwrap();
    assert!(told.contains("is encrypted, and there is no master key"), "{shown}");
    assert!(stage.daemon.log_tail(100).contains("a registered server is set aside"));
    let mut api = stage.api().await;
    let clash = api.register(&stage.mock("b", json!({}))).await.unwrap();
    assert_eq!(clash.with(409)["reason"], "name_taken");
    let path = format!("{CONNECTIONS}/default/b");
    let body = stage.mock("b", json!({})).to_string();
    let _ = api.ask(Method::PUT, &path, &[], body).await.unwrap().with(200);
    stage.until("/default/b", "running").await;
}
