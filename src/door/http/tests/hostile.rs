//! This file is about clients that are slow, greedy or broken.

use super::*;

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
    let open = Open::with(Fixture::empty().await, |listen| listen.max_body = 1000).await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        open.addr
    );
    let mut wire = open.raw(head.as_bytes()).await;
    let chunk = format!("{:x}\r\n{}\r\n", 400, " ".repeat(400));
    for _ in 0..3 {
        wire.stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    assert_eq!(wire.status().await, 413);
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let limit = Duration::from_millis(200);
    let open = Open::with(Fixture::empty().await, |listen| listen.body_timeout = limit).await;
    let mut wire = open
        .raw(
            format!(
                "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
                 Content-Length: 10\r\n\r\n{{",
                open.addr
            )
            .as_bytes(),
        )
        .await;
    assert_eq!(wire.status().await, 408);
}

#[tokio::test]
async fn a_slow_head_is_given_up_and_frees_its_place() {
    let change = |listen: &mut Listen| {
        listen.header_timeout = Duration::from_millis(200);
        listen.max_connections = 1;
    };
    let open = Open::with(Fixture::empty().await, change).await;
    let _slow = open.raw(b"GET /healthz HTT").await;
    let answer = open.send("GET /healthz", &[], "").await.response().await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let open = Open::new(Fixture::empty().await).await;
    let long = format!("X-Long: {}", "x".repeat(200_000));
    assert_eq!(open.send("GET /healthz", &[&long], "").await.status().await, 431);
}

#[tokio::test]
async fn ambiguous_lengths_are_refused_or_read_one_way() {
    let open = Open::new(Fixture::empty().await).await;
    let smuggled = format!(
        "POST /mcp HTTP/1.1\r\nHost: {0}\r\nContent-Type: application/json\r\n\
         Content-Length: 4\r\nContent-Length: 5\r\n\r\n{{}}\r\n\r\n",
        open.addr
    );
    assert_eq!(open.raw(smuggled.as_bytes()).await.status().await, 400);
}

#[tokio::test]
async fn odd_json_is_refused_and_the_next_request_served() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested = call("1", "t.count", &format!(r#","arguments":{{"a":{deep}}}"#));
    let many: String = (0..50_000).map(|n| format!(r#","k{n}":1"#)).collect();
    let many = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping"{many}}}"#);
    let cases = [
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(), "-32600"),
        (r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#.to_owned(), "-32600"),
        (r#"{"jsonrpc":"2.0","id":NaN,"method":"ping"}"#.to_owned(), "-32700"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#.to_owned(), "-32600"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#.to_owned(), "-32600"),
        (call("1", "t.count", r#","name":"t.die""#), "-32602"),
        (many, "result"),
        (nested, "\"id\":1"),
        (ask("1e999", "ping", ""), "-32600"),
        (
            ask("123456789012345678901234567890", "ping", ""),
            "\"id\":123456789012345678901234567890",
        ),
    ];
    for (body, expected) in cases {
        let answer = open.post("/mcp", &[&session], &body).await.response().await;
        let shown: String = body.chars().take(80).collect();
        assert!(answer.body.contains(expected), "{shown}: {answer:?}");
        let answer = open.post("/mcp", &[&session], &ask("9", "ping", "")).await.response().await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn sessions_are_bounded() {
    let open = Open::with(Fixture::empty().await, |listen| listen.max_sessions = 2).await;
    let first = open.session("2025-11-25").await;
    open.session("2025-11-25").await;
    let hello = ask("0", "initialize", "");
    let answer = open.post("/mcp", &[], &hello).await.response().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")));
    assert_eq!(open.send("DELETE /mcp", &[&first], "").await.response().await.status, 204);
    assert_eq!(open.post("/mcp", &[], &hello).await.response().await.status, 200);
}

#[tokio::test]
async fn a_session_that_nobody_uses_is_forgotten() {
    let idle = Duration::from_millis(100);
    let open = Open::with(Fixture::empty().await, |listen| listen.session_idle = idle).await;
    let session = open.session("2025-11-25").await;
    let ping = ask("1", "ping", "");
    timeout(SOON, async {
        let mut wait = Duration::from_millis(50);
        // Each look is a use, so the looks grow apart.
        while open.post("/mcp", &[&session], &ping).await.response().await.status != 404 {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    })
    .await
    .unwrap();
}
