//! These tests send through the gateway what nobody would write, and compare what arrives.
//! They leave what is said of failures of the gateway itself to other tests.

mod answers;
mod lists;

use std::path::Path;
use std::process::Stdio;

use conductor_e2e::client::http_client::Place;
use conductor_e2e::client::{Client, modern_meta};
use conductor_e2e::daemon::{Daemon, command};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
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
    json_of(number, piece)
}

/// The same with such numbers, and texts of such pieces.
fn json_of(
    number: &'static str,
    piece: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    let text = vec(piece, 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat())).boxed();
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

/// Any such texts.
fn some(runner: &mut TestRunner, texts: &impl Strategy<Value = String>) -> String {
    texts.new_tree(runner).unwrap().current()
}

/// `json` without the blanks between its parts, which mean nothing. All else stays, order included.
fn squeezed(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        in_text ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        if in_text || !matches!(c, ' ' | '\t' | '\n' | '\r') {
            out.push(c);
        }
    }
    out
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
        let params = json!({ "name": tool, "arguments": { "result": result } });
        self.asked(id, "tools/call", params).await
    }

    /// The whole answer to this request.
    async fn asked(&mut self, id: usize, method: &str, mut params: Value) -> String {
        let modern = match self {
            Self::Http(client) => client.is_modern(),
            Self::Lines { modern, .. } => *modern,
        };
        if modern {
            modern_meta(&mut params, "2026-07-28");
        }
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
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

/// Children of both eras with these arguments and such a tool, and a daemon that has them as remote
/// servers of both eras beside its own.
async fn daemons(args: &[&str], tool: &str) -> (Daemon, Daemon) {
    let near = || {
        let of = |era| mock(&[&["--era", era], args].concat());
        json!({ "old": of("legacy"), "new": of("modern") })
    };
    let elsewhere = serve(near()).await.unwrap();
    let named = |server: &&str| format!("{server}.{tool}");
    let wait = async |daemon: &Daemon, servers: &[&str]| {
        let tools: Vec<String> = servers.iter().map(named).collect();
        let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
        wait_tools(daemon, &tools).await.unwrap();
    };
    wait(&elsewhere, &["old", "new"]).await;
    let url = |server: &str| format!("http://{}/servers/{server}/mcp", elsewhere.addr());
    let mut servers = near();
    servers["far-old"] = json!({ "url": url("old"), "protocol": "legacy" });
    servers["far-new"] = json!({ "url": url("new"), "protocol": "modern" });
    let daemon = serve(servers).await.unwrap();
    wait(&daemon, &["old", "new", "far-old", "far-new"]).await;
    (daemon, elsewhere)
}

/// A client's way in to one server.
struct Way {
    /// For people who read a failure.
    name: String,
    door: Door,
    /// Whether other servers are behind the same door.
    merged: bool,
}

/// Every way to `server`, for a client of either era.
async fn ways(daemon: &Daemon, server: &str, modern: bool) -> Vec<Way> {
    let lines = |line| Door::Lines { modern, line: Box::new(line) };
    let at_own = own_socket(daemon, server);
    let at_all = daemon.sandbox().state_dir().join("workspaces/default.sock");
    let path = format!("/servers/{server}/mcp");
    [
        ("http, own", false, Door::http(daemon.addr(), &path, modern).await),
        ("http, merged", true, Door::http(daemon.addr(), "/mcp", modern).await),
        ("http over a socket, own", false, Door::http(&*at_own, "/mcp", modern).await),
        ("http over a socket, merged", true, Door::http(&*at_all, "/mcp", modern).await),
        ("lines, own", false, lines(Line::socket(&at_own).await)),
        ("lines, merged", true, lines(Line::socket(&at_all).await)),
        ("a command", false, lines(Line::command(daemon, &["connect", server]))),
    ]
    .map(|(door, merged, way)| Way {
        name: format!("{server}, {door}, modern: {modern}"),
        door: way,
        merged,
    })
    .into()
}

impl Way {
    /// What the tool or prompt `own` of `server` is called there.
    fn named(&self, server: &str, own: &str) -> String {
        if self.merged { format!("{server}.{own}") } else { own.to_owned() }
    }
}

#[tokio::test]
async fn every_result_reaches_every_client_at_every_door_byte_by_byte_but_for_what_eras_add() {
    let (daemon, _elsewhere) = daemons(&[], "echo").await;
    let mut runner = TestRunner::deterministic();
    let extra = vec(any_json(), 1..4);
    let typed = r#""resultType":"complete","#;
    for server in ["old", "new", "far-old", "far-new"] {
        for modern in [false, true] {
            for mut way in ways(&daemon, server, modern).await {
                let (tool, name) = (way.named(server, "echo"), way.name);
                for case in 0..CASES {
                    let values = extra.new_tree(&mut runner).unwrap().current();
                    let member = |(at, value): (usize, &String)| format!(r#","x-{at}":{value}"#);
                    let extra: String = values.iter().enumerate().map(member).collect();
                    let rest = format!(r#""content":[]{extra}}}"#);
                    let sent = if server.ends_with("new") { typed } else { "" };
                    let wanted = if modern { typed } else { "" };
                    let found = way.door.answered(case, &tool, &format!("{{{sent}{rest}")).await;
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
    let (daemon, _elsewhere) = daemons(&[], "echo").await;
    let long = format!(r#"{{"content":[],"x":"{}"}}"#, "\u{e9}".repeat(1_000_000));
    let deep = format!(r#"{{"content":[],"x":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let many: String = (0..20_000).map(|at| format!(r#","k{at}":{at}.0"#)).collect();
    let many = format!(r#"{{"content":[]{many}}}"#);
    for server in ["old", "far-old"] {
        for mut way in ways(&daemon, server, false).await {
            let (tool, name) = (way.named(server, "echo"), way.name);
            let results = [&long, &deep, &many, "7", "\"text\"", "[ 1 , 2 ]", "{ }"];
            for (id, result) in results.into_iter().enumerate() {
                let found = way.door.answered(id, &tool, result).await;
                let wanted = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
                assert!(found == wanted, "{name}: {} is not {}", start(&found), start(&wanted));
            }
        }
    }
}

fn start(text: &str) -> String {
    text.chars().take(300).collect()
}
