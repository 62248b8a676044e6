//! Row S29: registration is starting programs, so only the bearer of the token gets to it.
//! They leave what a registration may hold to `hazards.rs`.

use std::os::unix::fs::PermissionsExt as _;

use conductor_e2e::client::http_client::Connection;
use conductor_e2e::rest::{Api, CONNECTIONS};
use conductor_e2e::wait;
use http::Method;
use serde_json::json;

use super::Stage;
use crate::world::SOON;

#[tokio::test]
async fn s29_nothing_is_said_or_done_without_the_token() {
    let stage = Stage::start(json!({})).await;
    let file = stage.sandbox.state_dir().join("admin.token");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    let body = stage.mock("a", json!({})).to_string();
    let one = format!("{CONNECTIONS}/default/a");
    let (wrong, basic) = (format!("Bearer {}x", token.trim()), format!("Basic {}", token.trim()));
    for headers in [vec![], vec![("authorization", &*wrong)], vec![("authorization", &*basic)]] {
        for (method, path) in [
            (Method::GET, CONNECTIONS),
            (Method::POST, CONNECTIONS),
            (Method::GET, &*one),
            (Method::PUT, &*one),
            (Method::DELETE, &*one),
            (Method::POST, &*format!("{one}/restart")),
            (Method::GET, "/api/v1/aegis/config"),
            (Method::GET, "/api/v1/aegis/config/plan"),
            (Method::POST, "/api/v1/aegis/config/reload"),
        ] {
            let mut api = Api::with_headers(stage.daemon.addr(), &headers).await.unwrap();
            let said = api.ask(method.clone(), path, &[], body.clone()).await.unwrap();
            assert_eq!(said.header("www-authenticate").unwrap(), "Bearer realm=\"mcp-conductor\"");
            assert_eq!(said.header("content-type").unwrap(), "application/problem+json");
            assert_eq!(said.with(401)["reason"], "unauthorized", "{method} {path}");
        }
    }
    assert_eq!(stage.sandbox.processes(), []);
    assert!(!stage.daemon.log_tail(1000).contains(token.trim()), "the token is in the log");
}

#[tokio::test]
async fn s29_no_web_page_gets_to_it_whatever_the_settings_allow_elsewhere() {
    let settings = json!({ "listen": { "allowedOrigins": ["https://app.example"] } });
    let stage = Stage::start(settings).await;
    let mut api = stage.api().await;
    let body = stage.mock("a", json!({})).to_string();
    for origin in ["https://app.example", "https://evil.example", "null"] {
        let more = [("origin", origin)];
        let said = api.ask(Method::POST, CONNECTIONS, &more, body.clone()).await.unwrap();
        assert!(said.header("access-control-allow-origin").is_none());
        assert_eq!(said.with(403)["reason"], "origin_not_allowed", "{origin}");
        let asked = api.ask(Method::OPTIONS, CONNECTIONS, &more, String::new()).await.unwrap();
        let _ = asked.with(403);
    }
    let own = format!("http://{}", stage.daemon.addr());
    let asked = api.ask(Method::OPTIONS, CONNECTIONS, &[("origin", &own)], String::new()).await;
    let asked = asked.unwrap();
    assert!(asked.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    let mut elsewhere = stage.api().await;
    let said = elsewhere.ask(Method::GET, CONNECTIONS, &[("host", "evil.example")], String::new());
    assert_eq!(said.await.unwrap().with(403)["reason"], "host_not_allowed");
    // What a page can send without being asked first is not taken.
    let token = std::fs::read_to_string(stage.sandbox.state_dir().join("admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let headers = [("authorization", &*bearer), ("content-type", "text/plain")];
    let mut plain = Api::with_headers(stage.daemon.addr(), &headers).await.unwrap();
    let said = plain.ask(Method::POST, CONNECTIONS, &[], body).await.unwrap();
    assert_eq!(said.with(415)["reason"], "unsupported_media_type");
    assert_eq!(stage.sandbox.processes(), []);
}

#[tokio::test]
async fn bodies_are_limited_and_methods_and_paths_are_told() {
    let stage = Stage::start(json!({ "listen": { "maxBody": "4KiB" } })).await;
    let mut api = stage.api().await;
    let long = json!({ "name": "a", "command": "x".repeat(5000) });
    assert_eq!(api.register(&long).await.unwrap().with(413)["reason"], "body_too_large");
    let mut api = stage.api().await;
    let said = api.ask(Method::PATCH, CONNECTIONS, &[], String::new()).await.unwrap();
    assert_eq!(said.with(405)["reason"], "unknown_method");
    let said = api.get("/Default/a").await.unwrap();
    assert_eq!(said.with(422)["reason"], "bad_name");
    let said = api.get("?workspace=a").await.unwrap();
    assert_eq!(said.with(400)["reason"], "bad_request");
    let said = api.get("/default/a").await.unwrap();
    assert_eq!(said.with(404)["reason"], "unknown_server");
}

#[tokio::test]
async fn what_is_described_is_there_and_asks_for_the_token() {
    let stage = Stage::start(json!({})).await;
    let mut anybody = Api::with_headers(stage.daemon.addr(), &[]).await.unwrap();
    let said = anybody.ask(Method::GET, "/openapi.json", &[], String::new()).await.unwrap();
    assert_eq!(said.header("content-type"), Some("application/json"));
    let document = said.with(200);
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 10, "{paths:?}");
    for (path, methods) in paths {
        let path = path.replace("{workspace_id}", "default").replace("{name}", "a");
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let said = anybody.ask(method.clone(), &path, &[], "{}".to_owned()).await.unwrap();
            assert_eq!(said.with(401)["reason"], "unauthorized", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_token_may_be_in_a_file_of_the_settings() {
    let sandbox = std::sync::Arc::new(conductor_e2e::sandbox::Sandbox::new().unwrap());
    let file = sandbox.write("token", "0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = json!({ "auth": { "adminTokenFile": file } });
    let mut daemon = super::boot(&sandbox, &settings).await;
    assert!(!sandbox.state_dir().join("admin.token").exists());
    let bearer = [("authorization", "Bearer 0123456789abcdef")];
    let mut api = Api::with_headers(daemon.addr(), &bearer).await.unwrap();
    let _ = api.get("").await.unwrap().with(200);
    assert!(daemon.terminate(SOON).await.unwrap().success());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let options = conductor_e2e::daemon::Options {
        sandbox: Some(sandbox.clone()),
        ..conductor_e2e::daemon::Options::default()
    };
    let refused = conductor_e2e::daemon::Daemon::start(crate::world::CONDUCTOR, settings, options);
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("is open to others") && refused.contains("status: 5"), "{refused}");
}

#[tokio::test]
async fn another_token_in_the_file_holds_after_a_reload_and_a_bad_one_never() {
    let stage = Stage::start(json!({ "reload": { "watch": false } })).await;
    let file = stage.sandbox.state_dir().join("admin.token");
    let old = std::fs::read_to_string(&file).unwrap();
    let status = async |token: &str| {
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", &*bearer)];
        let mut api = Api::with_headers(stage.daemon.addr(), &headers).await.unwrap();
        api.get("").await.unwrap().status.as_u16()
    };
    for (text, code) in [("short", 2), ("fedcba9876543210\n", 0)] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(status(&old).await, 200);
        let ended = stage.daemon.cli(&["reload"]).await.unwrap();
        assert_eq!(ended.code, Some(code), "{text}: {}", ended.stderr);
        assert!(code == 0 || ended.stderr.contains("admin.token"), "{}", ended.stderr);
    }
    assert_eq!((status(&old).await, status("fedcba9876543210").await), (401, 200));
    assert!(!stage.daemon.log_tail(1000).contains("fedcba9876543210"), "it is in the log");
}

#[tokio::test]
async fn a_token_that_is_turned_is_noticed_like_a_changed_setting() {
    let sandbox = std::sync::Arc::new(conductor_e2e::sandbox::Sandbox::new().unwrap());
    for (name, text) in [("first", "0123456789abcdef"), ("second", "fedcba9876543210")] {
        let file = sandbox.write(name, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let link = sandbox.path("token");
    std::os::unix::fs::symlink("first", &link).unwrap();
    let settings = json!({ "auth": { "adminTokenFile": link }, "mcpServers": {} });
    let daemon = super::boot(&sandbox, &settings).await;
    let next = sandbox.path("next");
    std::os::unix::fs::symlink("second", &next).unwrap();
    std::fs::rename(&next, &link).unwrap();
    let holds = wait::until("the second token opens", SOON, async || {
        let headers = [("authorization", "Bearer fedcba9876543210")];
        let mut api = Api::with_headers(daemon.addr(), &headers).await.ok()?;
        (api.get("").await.ok()?.status == 200).then_some(())
    });
    holds.await.unwrap_or_else(|error| panic!("{error}\n{}", daemon.log_tail(20)));
    let headers = [("authorization", "Bearer 0123456789abcdef")];
    let mut former = Api::with_headers(daemon.addr(), &headers).await.unwrap();
    let _ = former.get("").await.unwrap().with(401);
}

#[tokio::test]
async fn s29_agents_at_their_own_doors_find_no_way_to_register() {
    let stage = Stage::start(json!({ "mcpServers": { "a": crate::world::mock(&[]) } })).await;
    stage.until("/default/a", "running").await;
    let body = stage.mock("b", json!({})).to_string();
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    for socket in ["workspaces/default.sock", "servers/a.sock"] {
        let path = stage.sandbox.state_dir().join(socket);
        let mut connection = Connection::open(path.as_path()).await.unwrap();
        let answer = connection.send(Method::POST, CONNECTIONS, &headers, body.clone()).await;
        assert_eq!(answer.unwrap().status, 404, "{socket}");
    }
    assert_eq!(stage.sandbox.processes().len(), 1, "nothing but what the settings name");
}

#[tokio::test]
async fn the_admin_socket_takes_registrations_without_a_token() {
    let stage = Stage::start(json!({})).await;
    let socket = stage.sandbox.state_dir().join("admin.sock");
    let mut connection = Connection::open(socket.as_path()).await.unwrap();
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let body = stage.mock("a", json!({})).to_string();
    let answer = connection.send(Method::POST, CONNECTIONS, &headers, body).await.unwrap();
    assert_eq!(answer.status, 201);
    stage.until("/default/a", "running").await;
}
