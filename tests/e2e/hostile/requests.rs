//! Rows S7 to S11, S44: requests that claim what is not theirs, contradict themselves, or are odd.

use conductor_e2e::client::Client;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use super::{CALL, call, message, post, raw, serves};
use crate::world::{SOON, client, mock, mock_with, serve, wait_tool, wait_tools};

#[tokio::test]
async fn s07_a_handle_is_worth_nothing_where_it_was_not_given_out() {
    let servers = json!({
        "a": mock(&["--library", "--tasks", "--era", "legacy"]),
        "b": mock(&["--library", "--tasks", "--era", "modern"]),
    });
    let daemon = serve(servers).await.unwrap();
    wait_tools(&daemon, &["a.ask", "b.ask"]).await.unwrap();
    let mut session = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let given = session.session.clone().unwrap();
    // A session at another door, a changed one, and one that is made up.
    let mut elsewhere = Client::legacy(daemon.addr(), "/servers/a/mcp").await.unwrap();
    elsewhere.session = Some(given.clone());
    assert_eq!(elsewhere.request("ping", json!({})).await.unwrap().status, 404);
    let stream = elsewhere.listen().await.unwrap();
    assert_eq!((stream.status.as_u16(), elsewhere.delete().await.unwrap().as_u16()), (404, 404));
    for other in [given.to_ascii_lowercase() + "x", "1".repeat(given.len()), "..".to_owned()] {
        session.session = Some(other);
        assert_eq!(session.request("ping", json!({})).await.unwrap().status, 404);
    }
    session.session = Some(given);
    assert_eq!(session.request("ping", json!({})).await.unwrap().status, 200);
    // What a question left: at another door, for another tool, with other arguments, twice.
    let able = json!({ "elicitation": { "form": {} } });
    let asking = |tool: &str, kinds: &[&str]| {
        let meta = json!({ "io.modelcontextprotocol/clientCapabilities": able });
        json!({ "name": tool, "arguments": { "kinds": kinds }, "_meta": meta })
    };
    let modern = client(&daemon);
    for server in ["a", "b"] {
        let tool = format!("{server}.ask");
        let asked = modern.request("tools/call", asking(&tool, &["form"])).await.unwrap();
        let state = asked.result().unwrap()["requestState"].clone();
        let bring = async |path: &str, mut params: Value| {
            params["requestState"] = state.clone();
            params["inputResponses"] = json!({ "form": { "action": "decline" } });
            Client::modern(daemon.addr(), path).request("tools/call", params).await.unwrap()
        };
        for (path, params) in [
            (format!("/servers/{server}/mcp"), asking("ask", &["form"])),
            ("/mcp".to_owned(), asking(&tool, &["form", "form"])),
            ("/mcp".to_owned(), asking(&format!("{server}.visit"), &["form"])),
        ] {
            let reply = bring(&path, params).await;
            assert_eq!(reply.error_code(), Some(-32602), "{path}: {}", reply.message);
            assert_eq!(reply.message["error"]["data"]["reason"], "input_expired");
        }
    }
    // A task, at another door; other ways to name one are in `tasks`.
    let params = json!({ "name": "a.slow", "arguments": { "ms": 60_000 }, "task": {} });
    let made = session.request("tools/call", params).await.unwrap();
    let id = made.result().unwrap()["task"]["taskId"].clone();
    let own = Client::legacy(daemon.addr(), "/servers/a/mcp").await.unwrap();
    let reply = own.request("tasks/get", json!({ "taskId": id })).await.unwrap();
    assert_eq!(reply.error_code(), Some(-32602));
}

#[tokio::test]
async fn s08_a_second_stream_of_a_session_is_refused_and_the_first_goes_on() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let session = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let mut first = session.listen().await.unwrap();
    let second = session.listen().await.unwrap();
    assert_eq!(second.status, 409);
    session.call("a.add_tool", json!({ "name": "more" })).await.unwrap();
    let told = timeout(SOON, first.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn s09_an_older_request_without_a_session_is_refused() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let mut client = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    client.session = None;
    for (method, params) in [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "a.echo", "arguments": { "text": "x" } })),
        ("tasks/get", json!({ "taskId": "t" })),
    ] {
        let reply = client.request(method, params).await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.error_code()), (400, Some(-31010)), "{method}");
    }
    let status = client.notify("notifications/initialized", json!({})).await.unwrap();
    assert_eq!(status, 400);
    assert_eq!(client.delete().await.unwrap(), 405);
}

#[tokio::test]
async fn s10_headers_that_differ_from_the_body_are_refused_and_hide_nothing() {
    let daemon =
        serve(json!({ "a": mock_with(&[], json!({ "excludeTools": ["add"] })) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let addr = daemon.addr();
    let body = call("a.echo", r#"{"text":"x"}"#);
    let denied = call("a.add", r#"{"a":1,"b":2}"#);
    let encoded = "Mcp-Name: =?base64?YS5lY2hv?="; // a.echo
    for (what, more, body, expected) in [
        ("as they should be", vec![CALL[0], CALL[1]], &body, (200, 0)),
        ("the name in Base64", vec![CALL[0], encoded], &body, (200, 0)),
        ("another method", vec!["Mcp-Method: tools/list", CALL[1]], &body, (400, -32020)),
        ("no method", vec![CALL[1]], &body, (400, -32020)),
        ("another name", vec![CALL[0], "Mcp-Name: a.add"], &body, (400, -32020)),
        (
            "another name in Base64",
            vec![CALL[0], "Mcp-Name: =?base64?YS5hZGQ=?="],
            &body,
            (400, -32020),
        ),
        ("two names", vec![CALL[0], CALL[1], "Mcp-Name: a.add"], &body, (400, -32020)),
        ("no name", vec![CALL[0]], &body, (400, -32020)),
        (
            "another revision",
            vec![CALL[0], CALL[1], "MCP-Protocol-Version: 2025-11-25"],
            &body,
            (400, -32020),
        ),
        (
            "a name that may be called for one that may not",
            vec![CALL[0], CALL[1]],
            &denied,
            (400, -32020),
        ),
        ("one that may not", vec![CALL[0], "Mcp-Name: a.add"], &denied, (200, -32602)),
    ] {
        let answer = raw(addr, &post(addr, &more, body.as_bytes()), false).await;
        let code = message(&answer)["error"]["code"].as_i64().unwrap_or_default();
        assert_eq!((answer.first(), code), expected, "{what}: {answer:?}");
    }
    let bare = String::from_utf8(post(addr, &CALL, body.as_bytes())).unwrap();
    let bare = bare.replace("MCP-Protocol-Version: 2026-07-28\r\n", "");
    let answer = raw(addr, bare.as_bytes(), false).await;
    assert_eq!((answer.first(), message(&answer)["error"]["code"].as_i64()), (400, Some(-32020)));
}

#[tokio::test]
async fn s11_odd_json_is_refused_or_read_in_one_way() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let addr = daemon.addr();
    let good = call("a.echo", r#"{"text":"x"}"#);
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    for (what, body, code) in [
        ("a method twice", swap(r#""id":1"#, r#""id":1,"method":"ping""#), -32600),
        ("a name twice", swap(r#""name":"a.echo""#, r#""name":"a.echo","name":"a.pid""#), -32602),
        (
            "a name twice, escaped",
            swap(r#""name":"a.echo""#, r#""name":"a.echo","n\u0061me":"a.pid""#),
            -32602,
        ),
        ("_meta twice", swap(r#""_meta""#, r#""_meta":{},"_meta""#), -32602),
        ("a capital letter", swap(r#""method""#, r#""Method""#), -32600),
        ("a letter that looks alike", swap(r#""params""#, r#""param\u017f""#), -32602),
        ("NaN", swap(r#""id":1"#, r#""id":NaN"#), -32700),
        ("a number too large", swap(r#""id":1"#, r#""id":1e999"#), -32600),
        ("half an id", swap(r#""id":1"#, r#""id":1.5"#), -32600),
        ("an id that is an object", swap(r#""id":1"#, r#""id":{}"#), -32600),
        ("an id that is a list", swap(r#""id":1"#, r#""id":[1]"#), -32600),
        ("no id that is one", swap(r#""id":1"#, r#""id":null"#), -32600),
        ("a batch", format!("[{good}]"), -32600),
        ("two texts", format!("{good}{good}"), -32700),
        ("another version", swap(r#""2.0""#, r#""1.0""#), -32600),
    ] {
        let answer = raw(addr, &post(addr, &CALL, body.as_bytes()), false).await;
        let found = message(&answer);
        let ok = answer.first() == 400 || (answer.first() == 200 && code == -32602);
        assert!(ok && found["error"]["code"] == code, "{what}: {answer:?}");
    }
    let huge = swap(r#""id":1"#, r#""id":123456789012345678901234567890"#);
    let answer = raw(addr, &post(addr, &CALL, huge.as_bytes()), false).await;
    assert!(answer.text.contains(r#""id":123456789012345678901234567890"#), "{answer:?}");
    serves(&daemon).await;
}

#[tokio::test]
async fn s44_the_health_pages_say_nothing_of_servers_that_may_rest_nor_of_versions() {
    let servers = json!({ "secretive": mock(&["--fault", "hang_init"]), "a": mock(&[]) });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let client = client(&daemon);
    let sandbox = daemon.sandbox();
    let place = sandbox.state_dir().display().to_string();
    for path in ["/healthz", "/readyz", "/metrics", "/", "/openapi.json", "/nothing"] {
        let probe = Client::modern(daemon.addr(), path);
        let answer = probe.send(Method::GET, &[], String::new()).await.unwrap();
        let shown = format!("{:?}", answer.headers);
        let body = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
        for told in ["secretive", place.as_str(), "mock-mcp-server"] {
            assert!(!body.contains(told) && !shown.contains(told), "{path} tells {told}: {body}");
        }
        if path != "/openapi.json" {
            assert!(!body.contains(env!("CARGO_PKG_VERSION")), "{path} tells the version: {body}");
        }
        assert!(!shown.to_lowercase().contains("\"server\""), "{path}: {shown}");
    }
    let quiet = timeout(Duration::from_secs(5), client.send(Method::OPTIONS, &[], String::new()));
    assert!(quiet.await.unwrap().unwrap().status.as_u16() < 500);
}
