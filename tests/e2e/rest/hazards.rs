//! Rows S25 and S29: what comes over the API does not lead inside, and loads no other code.
//! They leave each form of address, and each variable, to the tests beside the code.

use std::net::SocketAddr;
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::wait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Stage;
use crate::world::SOON;

/// The one problem of a body that is refused.
async fn problem(stage: &Stage, body: &Value) -> Value {
    let mut api = stage.api().await;
    let said = api.register(body).await.unwrap().with(422);
    assert_eq!(said["reason"], "bad_settings");
    assert_eq!(said["problems"].as_array().unwrap().len(), 1, "{said}");
    said["problems"][0].clone()
}

#[tokio::test]
async fn s25_a_url_that_leads_inside_is_refused_unless_the_settings_allow_it() {
    let stage = Stage::start(json!({ "api": { "privateHosts": ["127.0.0.1"] } })).await;
    for host in [
        "localhost:80",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.2",
        "[::ffff:127.0.0.2]",
        "[fe80::1]",
        "10.0.0.1",
    ] {
        let body = json!({ "name": "a", "url": format!("http://{host}/mcp?key=canary") });
        let problem = problem(&stage, &body).await;
        assert_eq!(problem["key"], "url");
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
    let mut api = stage.api().await;
    let own = format!("http://{}/servers/b/mcp", stage.daemon.addr());
    let _ = api.register(&stage.mock("b", json!({}))).await.unwrap().with(201);
    let made = api.register(&json!({ "name": "a", "url": own })).await.unwrap().with(201);
    assert_eq!(made["transport"], "http");
    stage.until("/default/a", "running").await;
}

/// A server that sends everybody to `place`.
async fn redirecting(place: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await; // whatever is asked
            let head = "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\nconnection: close";
            let answer = format!("{head}\r\nlocation: {place}\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await; // it may have hung up
        }
    });
    addr
}

#[tokio::test]
async fn s25_a_redirection_to_another_place_inside_is_not_followed() {
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = redirecting(format!("http://{}/mcp", inside.local_addr().unwrap())).await;
    let stage = Stage::start(json!({ "api": { "privateHosts": ["127.0.0.1"] } })).await;
    let body = json!({ "name": "a", "url": format!("http://{addr}/mcp"),
                       "headers": { "Authorization": "Bearer canary-token" } });
    let mut api = stage.api().await;
    let _ = api.register(&body).await.unwrap().with(201);
    let down = wait::until("it is given up for now", SOON, async || {
        let row = api.get("/default/a").await.ok()?.body;
        row["last_error"]["code"].is_string().then_some(row)
    });
    let down = down.await.unwrap();
    assert_ne!(down["state"], "running", "{down}");
    let hit = tokio::time::timeout(Duration::from_millis(300), inside.accept()).await;
    assert!(hit.is_err(), "somebody came: {down}");
}

#[tokio::test]
async fn s29_variables_that_load_code_are_refused_with_the_key() {
    let stage = Stage::start(json!({ "mcpServers": {} })).await;
    for name in ["LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "PYTHONSTARTUP"] {
        let body = stage.mock("a", json!({ "env": { name: "/canary" } }));
        let problem = problem(&stage, &body).await;
        assert_eq!(problem["key"], format!("env.{name}"));
        assert!(problem["message"].as_str().unwrap().contains("`api.unsafeEnv`"), "{problem}");
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
    let mut api = stage.api().await;
    let path = std::env::var("PATH").unwrap();
    let body = stage.mock("a", json!({ "env": { "PATH": path } }));
    let made = api.register(&body).await.unwrap().with(201);
    assert!(made["warnings"][0].as_str().unwrap().contains("env.PATH"), "{made}");
}

#[tokio::test]
async fn s29_arguments_never_meet_a_shell() {
    let stage = Stage::start(json!({ "mcpServers": {} })).await;
    let file = stage.sandbox.path("made-by-a-shell");
    let argument = format!("; touch {}", file.display());
    let mut body = stage.mock("a", json!({}));
    body["command"] = json!([crate::world::MOCK, "--name", argument]);
    let mut api = stage.api().await;
    let _ = api.register(&body).await.unwrap().with(201);
    stage.until("/default/a", "running").await;
    let client = Client::modern(stage.daemon.addr(), "/mcp");
    let called = wait::until("it answers", SOON, async || {
        client.call("a.echo", json!({ "text": "x" })).await.ok().filter(|reply| !reply.is_error())
    });
    called.await.unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn wrong_registrations_are_told_key_by_key_and_leave_nothing() {
    let stage = Stage::start(json!({ "mcpServers": {} })).await;
    for (body, key, cure) in [
        (json!({ "name": "a" }), "", "a server needs `command`"),
        (json!({ "command": "x" }), "name", "is missing"),
        (json!({ "name": "A", "command": "x" }), "name", "a name has 1 to 64"),
        (json!({ "name": "a", "command": "x", "timout": "1s" }), "timout", "`timeout`"),
        (json!({ "name": "a", "command": 1 }), "command", "must be text or a list"),
        (json!({ "name": "a", "command": "x", "timeout": 5 }), "timeout", "5s"),
    ] {
        let problem = problem(&stage, &body).await;
        assert_eq!(problem["key"], key, "{body}");
        assert!(problem["message"].as_str().unwrap().contains(cure), "{problem}");
    }
    let all = stage.api().await.get("").await.unwrap().with(200);
    assert_eq!(all["connections"], json!([]));
}
