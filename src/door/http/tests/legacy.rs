//! This file is about clients of revisions with a handshake.

use super::*;

#[tokio::test]
async fn a_client_shakes_hands_lists_calls_and_leaves() {
    let open = Open::with_server().await;
    let session = open.session("2025-06-18").await;
    let session = [session.as_str(), "MCP-Protocol-Version: 2025-06-18"];
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let answer = open.post("/mcp", &session, told).await.response().await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    let list = open.post("/mcp", &session, &ask("1", "tools/list", "")).await.response().await;
    assert_eq!(list.header("content-type"), Some("application/json"));
    assert_eq!(list.json()["result"]["tools"][1]["name"], "t.die");
    let echo = call("\"x\"", "t.echo", ",\n \"arguments\":{\"n\" :\r\n 1.50}");
    let answer = open.post("/mcp", &session, &echo).await.response().await;
    assert!(answer.body.contains(r#""id":"x""#) && answer.body.contains("1.50"), "{answer:?}");
    assert_eq!(open.send("DELETE /mcp", &session, "").await.response().await.status, 204);
    let answer = open.post("/mcp", &session, &ask("2", "ping", "")).await.response().await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (404, Some(-31011)));
}

#[tokio::test]
async fn a_session_is_needed_never_guessed_and_bound_to_its_path() {
    let open = Open::with_server().await;
    let ping = ask("1", "ping", "");
    let session = open.session("2025-11-25").await;
    let cases: &[(&str, &[&str], u16)] = &[
        ("/mcp", &[], 400),
        ("/mcp", &["Mcp-Session-Id: x"], 404),
        ("/mcp", &["Mcp-Session-Id: "], 404),
        ("/mcp", &[&session, &session], 404),
        ("/servers/t/mcp", &[&session], 404),
        ("/mcp", &[&session], 200),
        ("/mcp", &[&session, "MCP-Protocol-Version: 2025-03-26"], 200),
        ("/mcp", &[&session, "MCP-Protocol-Version: 1999-01-01"], 400),
    ];
    for (path, headers, expected) in cases {
        let answer = open.post(path, headers, &ping).await.response().await;
        assert_eq!(answer.status, *expected, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn unknown_methods_and_tools_are_errors_in_an_ordinary_response() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    for (body, code) in [(ask("1", "no/such", ""), -32601), (call("1", "t.none", ""), -32602)] {
        let answer = open.post("/mcp", &[&session], &body).await.response().await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (200, Some(code)));
    }
}

#[tokio::test]
async fn each_path_shows_its_own_names() {
    let open = Open::with_server().await;
    for (path, name) in [
        ("/mcp", "t.count"),
        ("/workspaces/default/mcp", "t.count"),
        ("/servers/t/mcp", "echo"),
        ("/workspaces/default/servers/t/mcp", "echo"),
    ] {
        let hello = ask("0", "initialize", "");
        let answer = open.post(path, &[], &hello).await.response().await;
        let session = format!("Mcp-Session-Id: {}", answer.header("mcp-session-id").unwrap());
        let list = open.post(path, &[&session], &ask("1", "tools/list", "")).await.response().await;
        assert_eq!(list.json()["result"]["tools"][0]["name"], name, "{path}");
    }
}

#[tokio::test]
async fn progress_is_streamed_before_the_answer() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    let steps = call("1", "t.steps", r#","_meta":{"progressToken":"mine"}"#);
    let mut wire = open.post("/mcp", &[&session], &steps).await;
    let read = wire.hear("\"id\":1").await;
    assert!(read.contains("text/event-stream"), "{read}");
    assert_eq!(read.matches("\"progressToken\":\"mine\"").count(), 3, "{read}");
    let (before, _) = read.split_once("\"id\":1").unwrap();
    assert_eq!(before.matches("notifications/progress").count(), 3, "{read}");
    // Who takes no events gets the answer alone.
    let json = ["Content-Type: application/json", "Accept: application/json", &session];
    let answer = open.send("POST /mcp", &json, &steps).await.response().await;
    assert_eq!(answer.json()["id"], 1);
}

#[tokio::test]
async fn who_takes_only_events_or_likes_them_better_gets_the_answer_as_one() {
    let open = Open::with_server().await;
    for accept in ["text/event-stream", "text/event-stream, application/json"] {
        let events = ["Content-Type: application/json", &format!("Accept: {accept}")];
        let mut wire = open.send("POST /mcp", &events, &ask("5", "initialize", "")).await;
        let read = wire.hear("\"id\":5").await;
        assert!(read.contains("event: message\ndata: {"), "{read}");
        assert!(read.to_lowercase().contains("mcp-session-id: "), "{read}");
        let session = open.session("2025-11-25").await;
        let events = [events[0], events[1], &session];
        for request in [ask("6", "tools/list", ""), call("6", "t.count", "")] {
            let read = open.send("POST /mcp", &events, &request).await.hear("\"id\":6").await;
            assert!(read.contains("data: {"), "{read}");
        }
    }
}

#[tokio::test]
async fn a_changed_list_is_told_on_the_one_stream_of_the_session() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    let events = [session.as_str(), "Accept: text/event-stream"];
    let json = [session.as_str(), "Accept: application/json"];
    assert_eq!(open.send("GET /mcp", &json, "").await.status().await, 406);
    let mut first = open.send("GET /mcp", &events, "").await;
    assert_eq!(first.status().await, 200);
    assert_eq!(open.send("GET /mcp", &events, "").await.status().await, 409);
    open.post("/mcp", &[&session], &call("1", "t.grow", "")).await.response().await;
    first.hear("notifications/tools/list_changed").await;
    drop(first);
    // With the stream closed the session may open another.
    timeout(SOON, async {
        while open.send("GET /mcp", &events, "").await.status().await != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_change_that_came_while_nobody_listened_is_told_on_the_next_stream() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    let mut changes = open.fixture.system.catalog().changes();
    changes.borrow_and_update();
    open.post("/mcp", &[&session], &call("1", "t.grow", "")).await.response().await;
    timeout(SOON, changes.changed()).await.unwrap().unwrap();
    let events = [session.as_str(), "Accept: text/event-stream"];
    open.send("GET /mcp", &events, "").await.hear("notifications/tools/list_changed").await;
}

#[tokio::test]
async fn a_call_outlives_its_client_and_is_taken_back_by_its_id() {
    let open = Open::with_server().await;
    let session = open.session("2025-11-25").await;
    let count = call("\"c\"", "t.count", "");
    // As a whole, however long it takes: what takes long comes as an event otherwise.
    let whole = async |session: &str, body: &str| {
        let headers = ["Content-Type: application/json", "Accept: application/json", session];
        open.send("POST /mcp", &headers, body).await
    };
    let counted = async |expected: &str| {
        let answer = whole(&session, &count).await.response().await;
        answer.json()["result"]["content"][0]["text"] == expected
    };
    let hanging = open.post("/mcp", &[&session], &call("1", "t.hang", "")).await;
    let other = open.session("2025-11-25").await;
    let mut foreign = whole(&other, &call("1", "t.hang", "")).await;
    let in_flight =
        || open.fixture.system.board().current().servers.values().next().unwrap().in_flight();
    timeout(SOON, async {
        while in_flight() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    drop(hanging);
    for _ in 0..20 {
        assert!(counted("0").await, "a client that goes away takes nothing back");
    }
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(open.post("/mcp", &[&session], cancel).await.response().await.status, 202);
    timeout(SOON, async { while !counted("1").await {} }).await.unwrap();
    // The call of the same id in another session goes on until it is taken back itself.
    assert!(counted("1").await);
    open.post("/mcp", &[&other], cancel).await.response().await;
    assert_eq!(foreign.response().await.json()["error"]["code"], -31008);
}

#[tokio::test]
async fn batches_and_responses_are_taken_in_their_place_only() {
    let open = Open::with_server().await;
    let batch = format!("[{},{}]", ask("1", "ping", ""), call("2", "t.count", ""));
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let old = open.session("2025-03-26").await;
    let new = open.session("2025-06-18").await;
    let answer = open.post("/mcp", &[&old], &batch).await.response().await;
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 2));
    let told = r#"[{"jsonrpc":"2.0","method":"notifications/x"}]"#;
    assert_eq!(open.post("/mcp", &[&old], told).await.response().await.status, 202);
    let modern = format!("[{}]", ask("1", "tools/list", META));
    for (session, body) in [(&old, &modern), (&new, &batch)] {
        let answer = open.post("/mcp", &[session], body).await.response().await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (400, Some(-32600)));
    }
    assert_eq!(open.post("/mcp", &[&new], response).await.response().await.status, 202);
    assert_eq!(open.post("/mcp", &[], response).await.response().await.status, 400);
    assert_eq!(open.post("/mcp", &[MODERN], response).await.response().await.status, 400);
}
