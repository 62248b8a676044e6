//! These tests run the ruler of the benchmark for real, before the echo server: what it says of the floor
//! counts only if it carries every message; and the benchmark where it must not begin, or has
//! to end early. They leave finding messages in bytes to the tests beside it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use conductor_e2e::client::Client;
use conductor_e2e::daemon::{command, run_to_end};
use conductor_e2e::sandbox::{Sandbox, is_alive, signal};
use conductor_e2e::wait::until;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Child;
use tokio::time::timeout;

use crate::world::CONDUCTOR;

const BENCH: &str = env!("CARGO_BIN_EXE_conductor-bench");
/// No single answer may take longer.
const LIMIT: Duration = Duration::from_secs(30);

struct Ruler {
    addr: SocketAddr,
    socket: PathBuf,
    child: Child,
    _sandbox: Sandbox,
}

async fn ruler() -> Result<Ruler> {
    ruler_before(1).await
}

async fn ruler_before(servers: usize) -> Result<Ruler> {
    let sandbox = Sandbox::new()?;
    let socket = sandbox.path("floor.sock");
    let mut child = command(BENCH)
        .args(["floor", "--http", "127.0.0.1:0", "--unix"])
        .arg(&socket)
        .args(["--servers", &servers.to_string(), "--", BENCH, "echo"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
    let addr = lines.next_line().await?.context("the ruler ended")?.parse()?;
    Ok(Ruler { addr, socket, child, _sandbox: sandbox })
}

fn asked(id: &str, tool: &str, arguments: &Value) -> String {
    let params = json!({ "name": tool, "arguments": arguments });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{params}}}"#)
}

fn posted(body: &str) -> String {
    let length = body.len();
    format!("POST /mcp HTTP/1.1\r\nhost: a\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The next message on a connection, in HTTP behind a head.
async fn answer(input: &mut (impl AsyncBufRead + Unpin), is_http: bool) -> Result<Value> {
    let (mut length, mut line) = (None, String::new());
    while is_http && line != "\r\n" {
        line.clear();
        ensure!(input.read_line(&mut line).await? > 0, "the connection was closed");
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = Some(value.trim().parse()?);
        }
    }
    let mut body = vec![0; length.unwrap_or(0)];
    match length {
        Some(_) => drop(input.read_exact(&mut body).await?),
        None => drop(input.read_until(b'\n', &mut body).await?),
    }
    Ok(serde_json::from_slice(&body)?)
}

async fn expect(input: &mut (impl AsyncBufRead + Unpin), is_http: bool, id: Value, text: &str) {
    let answer = timeout(LIMIT, answer(input, is_http)).await.unwrap().unwrap();
    assert_eq!(answer["id"], id, "{answer}");
    assert_eq!(answer["result"]["content"][0]["text"], text, "{answer}");
}

#[tokio::test]
async fn both_revisions_get_the_very_answers_of_the_server() {
    let ruler = ruler().await.unwrap();
    let old = Client::legacy(ruler.addr, "/mcp").await.unwrap();
    for client in [old, Client::modern(ruler.addr, "/mcp")] {
        // The second comes from memory.
        for _ in 0..2 {
            assert_eq!(client.tool_names().await.unwrap(), ["echo", "text", "rows"]);
        }
        let reply = client.call("echo", json!({ "text": "hé\n" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "hé\n");
        assert_eq!(reply.result().unwrap().get("resultType").is_some(), client.is_modern());
        let long = client.call("text", json!({ "bytes": 1_000_000, "number": 7 })).await.unwrap();
        assert_eq!(long.text().unwrap().len(), 1_000_000);
        assert!(long.text().unwrap().starts_with("7:The quick"));
        let back = client.call("echo", json!({ "text": long.text().unwrap() })).await.unwrap();
        assert_eq!(back.text().unwrap(), long.text().unwrap());
        let refused = client.request("resources/list", json!({})).await.unwrap();
        assert_eq!(refused.error_code(), Some(-32601));
    }
}

#[tokio::test]
async fn the_load_of_the_benchmark_is_answered_rightly() {
    let ruler = ruler().await.unwrap();
    let addr = ruler.addr.to_string();
    let load = ["load", "--addr", &addr, "--seconds", "1", "--warmup", "0.1"];
    for more in [
        &["--tool", "echo"][..],
        &["--tool", "echo", "--bytes", "30000", "--connections", "4"],
        &["--tool", "rows", "--rows", "--bytes", "10000"],
    ] {
        let args = [&load, more].concat();
        let ended = run_to_end(BENCH, &args, &[], LIMIT).await.unwrap();
        assert_eq!(ended.code, Some(0), "{more:?}: {}", ended.stderr);
    }
}

/// Bytes that a process has read so far, from whatever.
fn bytes_read(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_of_several_servers_has_its_turn() {
    const LONG: usize = 1_000_000;
    let mut ruler = ruler_before(3).await.unwrap();
    let servers = descendants(i32::try_from(ruler.child.id().unwrap()).unwrap());
    assert_eq!(servers.len(), 3);
    let client = Client::modern(ruler.addr, "/mcp");
    let before: Vec<u64> = servers.iter().copied().map(bytes_read).collect();
    for number in 0..6 {
        let text = format!("{number}{}", "x".repeat(LONG));
        let reply = client.call("echo", json!({ "text": text })).await.unwrap();
        assert_eq!(reply.text().unwrap(), text);
    }
    for (pid, before) in servers.iter().zip(before) {
        let read = bytes_read(*pid) - before;
        assert!((2 * LONG as u64..3 * LONG as u64).contains(&read), "{read} bytes");
    }
    signal(servers[1], Signal::KILL).unwrap();
    let ended = timeout(LIMIT, ruler.child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
}

#[tokio::test]
async fn requests_may_come_in_pieces_or_many_at_one_time() {
    let ruler = ruler().await.unwrap();
    let say = |text: &str| json!({ "text": text });
    let (one, two) = (asked("1", "echo", &say("one")), asked(r#""b""#, "echo", &say("two")));
    let said = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

    let (input, mut output) = TcpStream::connect(ruler.addr).await.unwrap().into_split();
    let mut input = BufReader::new(input);
    for byte in posted(&one).as_bytes() {
        output.write_all(&[*byte]).await.unwrap();
    }
    expect(&mut input, true, json!(1), "one").await;
    let many = [posted(&two), posted(&one), posted(&two)].concat();
    output.write_all(many.as_bytes()).await.unwrap();
    for (id, text) in [(json!("b"), "two"), (json!(1), "one"), (json!("b"), "two")] {
        expect(&mut input, true, id, text).await;
    }
    output.write_all(posted(said).as_bytes()).await.unwrap();
    let mut line = String::new();
    timeout(LIMIT, input.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, "HTTP/1.1 202 Accepted\r\n");

    let (input, mut output) = UnixStream::connect(&ruler.socket).await.unwrap().into_split();
    let mut input = BufReader::new(input);
    let many = format!("{one}\n{said}\n{two}\n{one}");
    output.write_all(many.as_bytes()).await.unwrap();
    expect(&mut input, false, json!(1), "one").await;
    expect(&mut input, false, json!("b"), "two").await;
    output.write_all(b"\n").await.unwrap();
    expect(&mut input, false, json!(1), "one").await;
}

#[tokio::test]
async fn who_does_not_read_keeps_nobody_waiting_and_gets_everything_later() {
    const MANY: u32 = 20;
    let ruler = ruler().await.unwrap();
    let (lazy, mut output) = UnixStream::connect(&ruler.socket).await.unwrap().into_split();
    for id in 0..MANY {
        let big = json!({ "bytes": 1_000_000, "number": id });
        let line = asked(&id.to_string(), "text", &big) + "\n";
        output.write_all(line.as_bytes()).await.unwrap();
    }
    let other = Client::modern(ruler.addr, "/mcp");
    let reply = other.call("echo", json!({ "text": "beside" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "beside");
    let mut lazy = BufReader::new(lazy);
    for id in 0..MANY {
        let answer = timeout(LIMIT, answer(&mut lazy, false)).await.unwrap().unwrap();
        assert_eq!(answer["id"], id);
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text.len(), 1_000_000);
        assert!(text.starts_with(&format!("{id}:The quick")), "{}", &text[..40]);
    }
}

#[tokio::test]
async fn no_suite_begins_whose_figures_could_not_be_written() {
    let sandbox = Sandbox::new().unwrap();
    let bare = sandbox.write("bare", "# Figures\n").unwrap();
    for (document, said) in
        [(sandbox.path("missing"), "failed to read"), (bare, "has no lines `<!-- measured: begin")]
    {
        let file = document.to_str().unwrap();
        let ended = run_to_end(BENCH, &["suite", "--write", file], &[], LIMIT).await.unwrap();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(said) && ended.stderr.contains(file), "{}", ended.stderr);
        assert!(!ended.stderr.contains("part 1"), "{}", ended.stderr);
    }
}

/// What a process has started, and what those have.
fn descendants(pid: i32) -> Vec<i32> {
    let parent = |pid: i32| -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<i32> = entries.filter_map(|it| it.file_name().to_str()?.parse().ok()).collect();
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(&next) = found.get(at) {
        found.extend(all.iter().filter(|pid| parent(**pid) == Some(next)));
        at += 1;
    }
    found.split_off(1)
}

#[tokio::test]
async fn a_run_that_is_told_to_end_takes_all_along_that_it_has_started() {
    let child = command(BENCH)
        .args(["run", "--seconds", "600", "--conductor", CONDUCTOR])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    // The echo server that is asked directly, the daemon, and its server.
    let started = until("all is started", LIMIT, async || {
        Some(descendants(pid)).filter(|found| found.len() >= 3)
    });
    let started = started.await.unwrap();
    signal(pid, Signal::TERM).unwrap();
    let ended = timeout(LIMIT, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("told to end"));
    let gone = async || (!started.iter().any(|pid| is_alive(*pid))).then_some(());
    until("all is gone", LIMIT, gone).await.unwrap();
}
