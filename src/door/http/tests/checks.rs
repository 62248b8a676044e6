//! This file checks what is refused before any message is read, and the pages beside MCP.

use super::*;

#[tokio::test]
async fn requests_for_other_hosts_or_from_other_pages_are_refused_on_every_path() {
    let open = Open::new(Fixture::empty().await).await;
    for path in ["/mcp", "/healthz", "/readyz", "/nowhere", "/servers/t/mcp"] {
        let evil = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        let answer = open.raw(evil.as_bytes()).await.response().await;
        assert_eq!(
            (answer.status, answer.json()["reason"].as_str()),
            (403, Some("host_not_allowed"))
        );
        let head = format!("GET {path}");
        for origin in ["http://evil.example", "null", "http://localhost.evil.example"] {
            let header = format!("Origin: {origin}");
            let answer = open.send(&head, &[&header], "").await.response().await;
            assert_eq!(answer.status, 403, "{path} {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    let answer = open.raw(b"GET /healthz HTTP/1.1\r\n\r\n").await.response().await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_page_of_this_machine_may_ask_and_read() {
    let open = Open::new(Fixture::empty().await).await;
    let origin = format!("http://{}", open.addr);
    let header = format!("Origin: {origin}");
    let wanted = "Access-Control-Request-Headers: mcp-param-x, x-other";
    let answer = open.send("OPTIONS /mcp", &[&header, wanted], "").await.response().await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(&*origin));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Mcp-Session-Id") && allowed.contains("mcp-param-x"), "{allowed}");
    assert!(!allowed.contains("x-other"), "{allowed}");
    let answer = open.send("GET /healthz", &[&header], "").await.response().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(&*origin));
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[tokio::test]
async fn each_way_of_asking_wrongly_has_its_status() {
    let open = Open::with(Fixture::empty().await, |listen| listen.max_body = 100).await;
    let json = "Content-Type: application/json";
    let cases: &[(&str, &[&str], &str, u16)] = &[
        ("GET /nowhere", &[], "", 404),
        ("POST /servers/none/mcp", &[json], "{}", 404),
        ("POST /servers/No..ne/mcp", &[json], "{}", 404),
        ("POST /workspaces/none/mcp", &[json], "{}", 404),
        ("POST /workspaces/none/servers/x/mcp", &[json], "{}", 404),
        ("PUT /mcp", &[json], "{}", 405),
        ("GET /mcp", &["Accept: text/event-stream"], "", 405),
        ("DELETE /mcp", &[], "", 405),
        ("POST /healthz", &[], "", 405),
        ("POST /mcp", &["Content-Type: text/plain"], "{}", 415),
        ("POST /mcp", &[], "{}", 415),
        ("POST /mcp", &[json, "Content-Encoding: gzip"], "{}", 415),
        ("POST /mcp", &[json, "Accept: text/html"], "{}", 406),
        ("POST /mcp", &[json], "{}", 400),
        ("POST /mcp", &[json], "hello", 400),
        ("POST /mcp", &[json], "[]", 400),
    ];
    for (head, headers, body, expected) in cases {
        let answer = open.send(head, headers, body).await.response().await;
        assert_eq!(answer.status, *expected, "{head} {headers:?} {body}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{head}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{head}");
        assert_eq!(answer.header("allow").is_some(), *expected == 405, "{head}");
    }
    let long = "x".repeat(101);
    let answer = open.send("POST /mcp", &[json], &long).await.response().await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn health_and_readiness_are_different_questions() {
    let open = Open::new(Fixture::empty().await).await;
    let answer = open.send("GET /healthz", &[], "").await.response().await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ok")));
    let answer = open.send("GET /readyz", &[], "").await.response().await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("ready")));
}

#[tokio::test]
async fn only_required_servers_that_are_down_make_it_unready() {
    let missing =
        |required| serde_json::json!({ "command": "/no/such/program", "required": required });
    let servers = serde_json::json!({ "a": missing(false), "b": missing(true) });
    let open = Open::new(Fixture::start(servers).await).await;
    let answer = open.send("GET /readyz", &[], "").await.response().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["down"], serde_json::json!(["b"]));
    let servers = serde_json::json!({ "a": missing(false) });
    let open = Open::new(Fixture::start(servers).await).await;
    assert_eq!(open.send("GET /readyz", &[], "").await.response().await.status, 200);
}
