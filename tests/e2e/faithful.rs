//! These tests send results through the gateway that nobody would write, and compare every byte.
//! They leave what is said of failures to other tests.

use std::path::Path;
use std::process::Stdio;

use conductor_e2e::client::http_client::Place;
use conductor_e2e::client::{Client, modern_meta};
use conductor_e2e::daemon::{Daemon, command};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::timeout;

use crate::lines::own_socket;
use crate::world::{CONDUCTOR, SOON, mock, serve, wait_tools};

/// Results that are tried on each way.
const CASES: usize = 40;

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

/// A client's way in, and how it speaks.
enum Door {
    /// HTTP, over TCP or a Unix socket.
    Http(Client),
    /// Lines, over a Unix socket or with a command.
    Lines { modern: bool, line: Box<Line> },
}

struct Line {
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    input: Box<dyn AsyncWrite + Send + Unpin>,
    _child: Option<Child>,
}

impl Line {
    async fn socket(path: &Path) -> Self {
        let (output, input) = UnixStream::connect(path).await.unwrap().into_split();
        Self::on(output, input, None)
    }

    fn command(daemon: &Daemon, words: &[&str]) -> Self {
        let mut command = command(CONDUCTOR);
        command.args(words).arg("--state-dir").arg(daemon.sandbox().state_dir());
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.kill_on_drop(true).spawn().unwrap();
        let (output, input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        Self::on(output, input, Some(child))
    }

    fn on(
        output: impl AsyncRead + Send + Unpin + 'static,
        input: impl AsyncWrite + Send + Unpin + 'static,
        child: Option<Child>,
    ) -> Self {
        let output: Box<dyn AsyncRead + Send + Unpin> = Box::new(output);
        Self { output: BufReader::new(output), input: Box::new(input), _child: child }
    }
}

impl Door {
    async fn http(place: impl Into<Place>, path: &str, modern: bool) -> Self {
        let mut client = match modern {
            true => Client::modern(place, path),
            false => Client::legacy(place, path).await.unwrap(),
        };
        // However long an answer takes, it comes as one text.
        client.headers.push(("accept".to_owned(), "application/json".to_owned()));
        Self::Http(client)
    }

    /// The whole answer to call `id` whose result is `result` as its server writes it.
    async fn answered(&mut self, id: usize, tool: &str, result: &str) -> String {
        let modern = match self {
            Self::Http(client) => client.is_modern(),
            Self::Lines { modern, .. } => *modern,
        };
        let mut params = json!({ "name": tool, "arguments": { "result": result } });
        if modern {
            modern_meta(&mut params, "2026-07-28");
        }
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        match self {
            Self::Http(client) => {
                let answer = client.post(&body).await.unwrap();
                String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap()
            }
            Self::Lines { line, .. } => {
                line.input.write_all(format!("{body}\n").as_bytes()).await.unwrap();
                let mut answer = String::new();
                timeout(SOON, line.output.read_line(&mut answer)).await.unwrap().unwrap();
                answer.trim_end_matches('\n').to_owned()
            }
        }
    }
}

/// Children of both eras, and a daemon that has them as remote servers of both eras beside its own.
async fn daemons() -> (Daemon, Daemon) {
    let near = || json!({ "old": mock(&["--era", "legacy"]), "new": mock(&["--era", "modern"]) });
    let elsewhere = serve(near()).await.unwrap();
    wait_tools(&elsewhere, &["old.echo", "new.echo"]).await.unwrap();
    let url = |server: &str| format!("http://{}/servers/{server}/mcp", elsewhere.addr());
    let mut servers = near();
    servers["far-old"] = json!({ "url": url("old"), "protocol": "legacy" });
    servers["far-new"] = json!({ "url": url("new"), "protocol": "modern" });
    let daemon = serve(servers).await.unwrap();
    wait_tools(&daemon, &["old.echo", "new.echo", "far-old.echo", "far-new.echo"]).await.unwrap();
    (daemon, elsewhere)
}

/// Every way to `server`, for a client of either era, by name, with the tool's name there.
async fn doors(daemon: &Daemon, server: &str, modern: bool) -> Vec<(String, String, Door)> {
    let (own, merged) = ("echo".to_owned(), format!("{server}.echo"));
    let lines = |line| Door::Lines { modern, line: Box::new(line) };
    let at_own = own_socket(daemon, server);
    let at_all = daemon.sandbox().state_dir().join("workspaces/default.sock");
    let path = format!("/servers/{server}/mcp");
    [
        ("http, own", &own, Door::http(daemon.addr(), &path, modern).await),
        ("http, merged", &merged, Door::http(daemon.addr(), "/mcp", modern).await),
        ("http over a socket, own", &own, Door::http(&*at_own, "/mcp", modern).await),
        ("http over a socket, merged", &merged, Door::http(&*at_all, "/mcp", modern).await),
        ("lines, own", &own, lines(Line::socket(&at_own).await)),
        ("lines, merged", &merged, lines(Line::socket(&at_all).await)),
        ("a command", &own, lines(Line::command(daemon, &["connect", server]))),
    ]
    .map(|(door, tool, way)| (format!("{server}, {door}, modern: {modern}"), tool.clone(), way))
    .into()
}

#[tokio::test]
async fn every_result_reaches_every_client_at_every_door_byte_by_byte_but_for_what_eras_add() {
    let (daemon, _elsewhere) = daemons().await;
    let mut runner = TestRunner::deterministic();
    let extra = vec(any_json(), 1..4);
    let typed = r#""resultType":"complete","#;
    for server in ["old", "new", "far-old", "far-new"] {
        for modern in [false, true] {
            for (name, tool, mut door) in doors(&daemon, server, modern).await {
                for case in 0..CASES {
                    let values = extra.new_tree(&mut runner).unwrap().current();
                    let member = |(at, value): (usize, &String)| format!(r#","x-{at}":{value}"#);
                    let extra: String = values.iter().enumerate().map(member).collect();
                    let rest = format!(r#""content":[]{extra}}}"#);
                    let sent = if server.ends_with("new") { typed } else { "" };
                    let wanted = if modern { typed } else { "" };
                    let found = door.answered(case, &tool, &format!("{{{sent}{rest}")).await;
                    let wanted =
                        format!(r#"{{"jsonrpc":"2.0","id":{case},"result":{{{wanted}{rest}}}"#);
                    assert_eq!(found, wanted, "case {case} of {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn results_of_every_size_and_of_no_shape_at_all_come_as_they_are() {
    let (daemon, _elsewhere) = daemons().await;
    let long = format!(r#"{{"content":[],"x":"{}"}}"#, "\u{e9}".repeat(1_000_000));
    let deep = format!(r#"{{"content":[],"x":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let many: String = (0..20_000).map(|at| format!(r#","k{at}":{at}.0"#)).collect();
    let many = format!(r#"{{"content":[]{many}}}"#);
    for server in ["old", "far-old"] {
        for (name, tool, mut door) in doors(&daemon, server, false).await {
            let results = [&long, &deep, &many, "7", "\"text\"", "[ 1 , 2 ]", "{ }"];
            for (id, result) in results.into_iter().enumerate() {
                let found = door.answered(id, &tool, result).await;
                let wanted = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
                assert!(found == wanted, "{name}: {} is not {}", start(&found), start(&wanted));
            }
        }
    }
}

fn start(text: &str) -> String {
    text.chars().take(300).collect()
}
