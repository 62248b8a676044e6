//! These tests send results through the gateway that nobody would write, and compare every byte.
//! They leave what is said of failures to other tests.

use conductor_e2e::client::{Client, modern_meta};
use conductor_e2e::daemon::Daemon;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::world::{mock, serve, wait_tools};

/// Results that are tried on each way.
const CASES: usize = 150;

/// Any JSON text on one line: numbers no program can hold, escapes, blanks, keys in no order.
fn any_json() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?";
    let piece = prop_oneof![
        "[ a-zA-Z0-9.:/{},\\[\\]]{0,8}",
        Just("\u{e9}\u{1f600}\u{202e}".to_owned()),
        Just(r#"\u00e9\ud83d\ude00\/\"\\\u0000\n"#.to_owned()),
    ];
    let text = vec(piece, 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let word =
        prop_oneof![Just("null".to_owned()), Just("true".to_owned()), Just("false".to_owned())];
    let leaf = prop_oneof![number, text.clone(), word];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let blank = "[ \t]{0,2}";
        let list = (vec(inner.clone(), 0..5), blank).prop_map(|(items, blank)| {
            format!("[{blank}{}{blank}]", items.join(&blank_and(&blank)))
        });
        let members = vec((text.clone(), inner), 0..5);
        let object = (members, blank).prop_map(|(members, blank)| {
            let member = |(at, (key, value)): (usize, &(String, String))| {
                // Unlike each other, and in no order.
                format!("\"{}{at}{}:{blank}{value}", 9 - at, &key[1..])
            };
            let members: Vec<String> = members.iter().enumerate().map(member).collect();
            format!("{{{blank}{}{blank}}}", members.join(&blank_and(&blank)))
        });
        prop_oneof![list, object]
    })
}

fn blank_and(blank: &str) -> String {
    format!("{blank},{blank}")
}

/// The whole answer to a call whose result is `result` as its server writes it.
async fn answered(client: &Client, tool: &str, result: &str) -> String {
    let mut params = json!({ "name": tool, "arguments": { "result": result } });
    if client.is_modern() {
        modern_meta(&mut params, "2026-07-28");
    }
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let answer = client.post(&body).await.unwrap();
    String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap()
}

async fn daemon() -> Daemon {
    let servers = json!({
        "old": mock(&["--era", "legacy"]),
        "new": mock(&["--era", "modern"]),
    });
    let daemon = serve(servers).await.unwrap();
    wait_tools(&daemon, &["old.echo", "new.echo"]).await.unwrap();
    daemon
}

#[tokio::test]
async fn every_result_reaches_every_client_byte_by_byte_but_for_what_eras_add() {
    let daemon = daemon().await;
    let mut runner = TestRunner::deterministic();
    let extra = vec(any_json(), 1..4);
    let typed = r#""resultType":"complete","#;
    for (path, prefix) in [("/servers/", ""), ("/mcp", ".")] {
        for server in ["old", "new"] {
            let (path, tool) = match prefix {
                "" => (format!("{path}{server}/mcp"), "echo".to_owned()),
                dot => (path.to_owned(), format!("{server}{dot}echo")),
            };
            let legacy = Client::legacy(daemon.addr(), &path).await.unwrap();
            for client in [legacy, Client::modern(daemon.addr(), &path)] {
                for case in 0..CASES {
                    let values = extra.new_tree(&mut runner).unwrap().current();
                    let member = |(at, value): (usize, &String)| format!(r#","x-{at}":{value}"#);
                    let extra: String = values.iter().enumerate().map(member).collect();
                    let rest = format!(r#""content":[]{extra}}}"#);
                    let (sent_type, wanted_type) = match (server, client.is_modern()) {
                        ("old", false) => ("", ""),
                        ("old", true) => ("", typed),
                        (_, false) => (typed, ""),
                        (_, true) => (typed, typed),
                    };
                    let found = answered(&client, &tool, &format!("{{{sent_type}{rest}")).await;
                    let wanted =
                        format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{{wanted_type}{rest}}}"#);
                    assert_eq!(found, wanted, "case {case} of {server} at {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn results_of_every_size_and_of_no_shape_at_all_come_as_they_are() {
    let daemon = daemon().await;
    let client = Client::legacy(daemon.addr(), "/servers/old/mcp").await.unwrap();
    let long = format!(r#"{{"content":[],"x":"{}"}}"#, "\u{e9}".repeat(1_000_000));
    let deep = format!(r#"{{"content":[],"x":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let many: String = (0..20_000).map(|at| format!(r#","k{at}":{at}.0"#)).collect();
    let many = format!(r#"{{"content":[]{many}}}"#);
    for result in [&long, &deep, &many, "7", "\"text\"", "[ 1 , 2 ]", "{ }"] {
        let found = answered(&client, "echo", result).await;
        let wanted = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#);
        assert!(found == wanted, "{} is not {}", start(&found), start(&wanted));
    }
}

fn start(text: &str) -> String {
    text.chars().take(300).collect()
}
