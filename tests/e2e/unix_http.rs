//! These tests speak HTTP over Unix sockets, at the same files at which others speak lines.
//! They leave the lines to `sockets.rs` and HTTP as such to the tests beside the door.

use std::path::{Path, PathBuf};

use conductor_e2e::client::Client;
use conductor_e2e::client::http_client::{Answer, Connection};
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options, command};
use conductor_e2e::sandbox::Sandbox;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::lines::{bare, exchange, names, own_socket};
use crate::world::{CONDUCTOR, SOON, mock, wait_tools};

/// The servers a and b, `listen.unix`, a socket with a part, and one that is for somebody else.
async fn world() -> (Daemon, impl Fn(&str) -> PathBuf) {
    let sandbox = std::sync::Arc::new(Sandbox::new().unwrap());
    let folder = sandbox.path("run");
    let at = move |name: &str| folder.join(format!("{name}.sock"));
    let other = rustix::process::getuid().as_raw() + 1;
    let settings = json!({
        "listen": {
            "unix": at("all"), "headerTimeout": "1s", "maxBody": "2KiB",
            "sockets": {
                "part": { "path": at("part"), "tools": ["b.add"] },
                "theirs": { "path": at("theirs"), "uids": [other] },
            },
        },
        "mcpServers": { "a": mock(&[]), "b": mock(&[]) },
    });
    let options = Options { sandbox: Some(sandbox), ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    (daemon, at)
}

/// What comes back for a request with these headers.
async fn ask(
    socket: &Path,
    method: Method,
    path: &str,
    more: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version".to_owned(), "2026-07-28".to_owned()),
    ];
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut connection = Connection::open(socket).await.unwrap();
    connection.send(method, path, &headers, body.to_owned()).await.unwrap()
}

#[tokio::test]
async fn m10_both_eras_are_served_over_http_with_what_the_socket_shows() {
    let (daemon, at) = world().await;
    for (socket, tool, foreign) in [
        (at("all"), "b.echo", "echo"),
        (own_socket(&daemon, "a"), "echo", "b.echo"),
        (at("part"), "b.add", "b.echo"),
    ] {
        for path in ["/mcp", "/"] {
            let legacy = Client::legacy(&*socket, path).await.unwrap();
            assert!(legacy.session.is_some());
            for client in [legacy, Client::modern(&*socket, path)] {
                let listed = client.tool_names().await.unwrap();
                assert!(listed.iter().any(|name| name == tool), "{listed:?}");
                assert!(!listed.iter().any(|name| name == foreign), "{listed:?}");
                let arguments = json!({ "text": "hi", "a": 2, "b": 3 });
                let reply = client.call(tool, arguments.clone()).await.unwrap();
                let expected = if tool.ends_with("add") { "5" } else { "hi" };
                assert!(reply.text().unwrap().contains(expected), "{reply:?}");
                let refused = client.call(foreign, arguments).await.unwrap();
                assert_eq!(refused.message["error"]["data"]["reason"], "unknown_tool");
            }
        }
    }
    let shown = Client::modern(&*at("part"), "/mcp").tool_names().await.unwrap();
    assert_eq!(shown, ["b.add"]);
}

#[tokio::test]
async fn a_legacy_session_is_of_its_socket_and_ends_on_request() {
    let (daemon, at) = world().await;
    let client = Client::legacy(&*at("all"), "/mcp").await.unwrap();
    let session = client.session.clone().unwrap();
    let headers = [("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let list = bare(1, "tools/list", json!({})).to_string();
    let own = own_socket(&daemon, "a");
    for (socket, method, status) in [
        (&own, Method::POST, 404),
        (&at("all"), Method::POST, 200),
        (&at("all"), Method::DELETE, 204),
        (&at("all"), Method::POST, 404),
    ] {
        let mut connection = Connection::open(&**socket).await.unwrap();
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.push(("content-type".into(), "application/json".into()));
        let body = if method == Method::POST { list.clone() } else { String::new() };
        let answer = connection.send(method.clone(), "/mcp", &all, body).await.unwrap();
        assert_eq!(answer.status, status, "{method} at {}", socket.display());
    }
}

#[tokio::test]
async fn hosts_pages_paths_and_sizes_are_held_to_what_holds_at_the_tcp_door() {
    let (_daemon, at) = world().await;
    let ping = bare(1, "tools/list", json!({})).to_string();
    let long = bare(1, "tools/list", json!({ "x": "x".repeat(4000) })).to_string();
    for (path, headers, body, status, reason) in [
        ("/mcp", vec![("host", "evil.example")], &ping, 403, "host_not_allowed"),
        ("/mcp", vec![("origin", "http://localhost:1")], &ping, 403, "origin_not_allowed"),
        ("/servers/b/mcp", vec![], &ping, 404, "not_found"),
        ("/healthz", vec![], &ping, 404, "not_found"),
        ("/mcp", vec![], &long, 413, "body_too_large"),
    ] {
        let mut answer = ask(&at("part"), Method::POST, path, &headers, body).await;
        let told = answer.next().await.unwrap().unwrap();
        assert_eq!((answer.status.as_u16(), &told["reason"]), (status, &json!(reason)), "{path}");
    }
}

#[tokio::test]
async fn who_may_not_come_in_is_told_in_the_words_they_speak() {
    let (_daemon, at) = world().await;
    let list = bare(1, "tools/list", json!({}));
    let mut answer = ask(&at("theirs"), Method::POST, "/mcp", &[], &list.to_string()).await;
    let told = answer.next().await.unwrap().unwrap();
    assert_eq!(answer.status, 403, "{told}");
    assert_eq!(told["error"]["data"]["reason"], "not_allowed", "{told}");
    let told = exchange(&at("theirs"), &[list]).await;
    assert_eq!(told[0]["error"]["data"]["reason"], "not_allowed", "{told:?}");
}

#[tokio::test]
async fn a_head_that_stays_away_ends_the_connection_and_a_silent_line_client_does_not() {
    let (_daemon, at) = world().await;
    let socket = at("all");
    let mut silent = LineClient::connect(&socket).await.unwrap();
    let mut slow = UnixStream::connect(&socket).await.unwrap();
    slow.write_all(b"POST /mcp HTTP/1.1\r\nHost: local").await.unwrap();
    let mut told = Vec::new();
    tokio::time::timeout(SOON, slow.read_to_end(&mut told)).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
    silent.be_modern();
    let answer = silent.call("a.echo", json!({ "text": "still here" })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "still here", "{answer}");
}

#[tokio::test]
async fn the_file_of_one_server_serves_curl_and_lines_alike() {
    let (daemon, _) = world().await;
    let own = own_socket(&daemon, "a");
    let lines = exchange(&own, &[bare(1, "tools/list", json!({}))]).await;
    let tried = command("curl").arg("--version").output().await;
    if !tried.is_ok_and(|output| output.status.success()) {
        println!("skipped: no curl here");
        return;
    }
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"1"}}}"#;
    let socket = own.display().to_string();
    let words = ["-sS", "--unix-socket", &socket, "-H", "Content-Type: application/json"];
    let output = command("curl")
        .args(words)
        .args(["-d", call, "http://localhost/mcp"])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let answer: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
    assert!(names(&lines[0]).contains(&"echo"));
}
