//! Rows R45, R46 and R69: clients that are slow, too many, or gone in the middle.
//! What the door does with proper requests is in `calling.rs`.

use std::net::SocketAddr;
use std::time::Duration;

use conductor_e2e::client::http_client::Connection;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::sandbox::signal;
use conductor_e2e::wait;
use http::Method;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::measure::{Growth, alone, fds, ratio, rss, time_calls};
use super::{Victim, page, serve_all, wait_said};
use crate::lines::own_socket;
use crate::world::{SOON, client, mock, serve, wait_status, wait_tool, wait_tools};

/// Lets this process, and the daemons it starts from now on, hold as many sockets as it may.
fn allow_many_sockets() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// Sends `head` and then a byte every 100 ms until the daemon hangs up; returns how long that took.
async fn drip(addr: SocketAddr, head: String) -> Duration {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let begun = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let write = async {
        while writer.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut answer = Vec::new();
        let _ = reader.read_to_end(&mut answer).await; // a reset is an end as well
    };
    tokio::select! {
        () = write => unreachable!("it never ends"),
        () = read => begun.elapsed(),
    }
}

#[tokio::test]
async fn r45_a_thousand_slow_clients_are_shown_out_and_others_are_served() {
    let _alone = alone().await;
    allow_many_sockets();
    let settings = json!({
        "mcpServers": { "good": mock(&[]) },
        "listen": { "headerTimeout": "3s", "bodyTimeout": "3s", "maxConnections": 1100 },
    });
    let daemon = serve_all(settings).await;
    wait_tool(&daemon, "good.echo").await.unwrap();
    let before = time_calls(&daemon, "good", 100).await;
    let (sockets, memory) = (fds(daemon.pid()), rss(daemon.pid()));
    let line = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\n", daemon.addr());
    let head = format!("{line}X-Slow: ");
    let body = "Content-Type: application/json\r\n\
                Accept: application/json, text/event-stream\r\nContent-Length: 100000\r\n\r\n";
    let body = format!("{line}{body}");
    let growth = Growth::watch(daemon.pid());
    let mut slow = JoinSet::new();
    for number in 0..1000 {
        slow.spawn(drip(daemon.addr(), if number % 2 == 0 { head.clone() } else { body.clone() }));
    }
    let all_in = wait::until("all of them are in", SOON, async || {
        (fds(daemon.pid()) >= sockets + 950 || sockets == 0).then_some(())
    });
    all_in.await.unwrap();
    let beside = time_calls(&daemon, "good", 50).await;
    let longest = slow.join_all().await.into_iter().max().unwrap();
    let times = ratio(beside.p99(), before.p99());
    println!("R45: 1,000 slow clients out after {longest:.1?}; others {beside}, {times:.1} times");
    println!("R45: memory +{} MiB", growth.most());
    assert!(longest < Duration::from_secs(10), "{longest:?}");
    assert!(beside.p99() < Duration::from_secs(2), "{beside}");
    let closed = wait::until("their sockets are closed", SOON, async || {
        (fds(daemon.pid()) <= sockets + 2).then_some(())
    });
    closed.await.unwrap();
    println!("R45: afterwards +{} KiB", rss(daemon.pid()).saturating_sub(memory) / 1024);
}

#[tokio::test]
async fn r45_clients_that_never_read_their_answers_hold_nobody_up() {
    let daemon = serve(json!({ "good": mock(&[]), "big": mock(&[]) })).await.unwrap();
    wait_tools(&daemon, &["good.echo", "big.bytes"]).await.unwrap();
    let asks = client(&daemon);
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "big.bytes", "arguments": { "bytes": 8 << 20 }, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "e2e", "version": "1" },
        } },
    });
    let mut request = format!("POST /mcp HTTP/1.1\r\nHost: {}\r\n", daemon.addr());
    for (name, value) in asks.headers_of(&body) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let text = body.to_string();
    request.push_str(&format!("content-length: {}\r\n\r\n{text}", text.len()));
    let mut deaf = Vec::new();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(daemon.addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        deaf.push(stream);
    }
    let mut first = [0; 16];
    timeout(3 * SOON, deaf[0].read_exact(&mut first)).await.unwrap().unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"), "{first:?}");
    let beside = time_calls(&daemon, "good", 50).await;
    println!("R45: beside ten answers of 8 MiB that nobody reads: {beside}");
    assert!(beside.p99() < Duration::from_secs(2), "{beside}");
}

#[tokio::test]
async fn r46_a_daemon_out_of_descriptors_lives_on_and_recovers() {
    let _alone = alone().await;
    allow_many_sockets();
    let victim = Victim::hardy(&[], json!({}));
    let daemon = serve(json!({ "good": mock(&[]), "victim": victim.entry })).await.unwrap();
    wait_tools(&daemon, &["good.echo", "victim.echo"]).await.unwrap();
    let mut early = Connection::open(daemon.addr()).await.unwrap();
    early.send(Method::GET, "/healthz", &[], "").await.unwrap().bytes().await.unwrap();
    let pid = Pid::from_raw(daemon.pid()).unwrap();
    let limit = Rlimit { current: Some(128), maximum: Some(128) };
    prlimit(Some(pid), Resource::Nofile, limit).unwrap();
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(TcpStream::connect(daemon.addr()).await.unwrap());
    }
    wait_said(&daemon, &["no connection accepted"], SOON).await;
    // Whoever is in is served, and a server that dies now comes back.
    let answer = early.send(Method::GET, "/healthz", &[], "").await.unwrap();
    assert_eq!(answer.status, 200);
    signal(victim.pid(), Signal::KILL).unwrap();
    wait_said(&daemon, &["server went down", "victim"], SOON).await;
    wait_said(&daemon, &["server ready", "victim", "\"generation\":\"2\""], SOON).await;
    sleep(Duration::from_secs(1)).await;
    let busy = super::measure::cpu(daemon.pid());
    sleep(Duration::from_secs(1)).await;
    let busy = super::measure::cpu(daemon.pid()) - busy;
    drop(clients);
    let begun = Instant::now();
    let served = wait::until("a new client is served", SOON, async || {
        (timeout(Duration::from_secs(1), page(&daemon, "/healthz")).await.ok()?.0 == 200)
            .then_some(())
    });
    served.await.unwrap();
    let recovered = begun.elapsed();
    let reply = client(&daemon).call("victim.echo", json!({ "text": "back" })).await.unwrap();
    assert!(!reply.is_error(), "{reply:?}");
    println!("R46: clients served again after {recovered:.1?}");
    println!("R46: busy for {busy:?} of a second without descriptors");
    assert!(recovered < Duration::from_secs(4), "{recovered:?}");
    assert!(busy < Duration::from_millis(700), "{busy:?}");
}

#[tokio::test]
async fn r69_peers_of_the_admin_socket_that_vanish_in_the_middle_leave_nothing() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let before = fds(daemon.pid());
    let socket = daemon.sandbox().state_dir().join("admin.sock");
    let halves = [
        "",
        "GET /api/v1/aegis/conn",
        "POST /api/v1/aegis/call HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"na",
        "GET /api/v1/aegis/connections/default/a/logs?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for number in 0..200 {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(halves[number % halves.len()].as_bytes()).await.unwrap();
    }
    let closed = wait::until("as many descriptors as before", SOON * 2, async || {
        (fds(daemon.pid()) <= before).then_some(())
    });
    let settled = closed.await;
    println!("R69: {before} descriptors, and {} after 200 that vanished", fds(daemon.pid()));
    settled.unwrap();
    assert_eq!(daemon.cli(&["status"]).await.unwrap().code, Some(0));
}

#[tokio::test]
async fn r69_peers_of_a_servers_socket_that_vanish_in_the_middle_leave_nothing() {
    let daemon = serve(json!({ "a": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let before = fds(daemon.pid());
    let halves = [
        "",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"meth",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n{\"jsonrpc\"",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"sleep\",\
         \"arguments\":{\"ms\":60000}}}\n",
    ];
    for number in 0..200 {
        let mut stream = UnixStream::connect(own_socket(&daemon, "a")).await.unwrap();
        stream.write_all(halves[number % halves.len()].as_bytes()).await.unwrap();
    }
    let closed = wait::until("as many descriptors as before", SOON * 2, async || {
        (fds(daemon.pid()) <= before).then_some(())
    });
    let settled = closed.await;
    println!("R69: {before} descriptors, and {} after 200 of a server", fds(daemon.pid()));
    settled.unwrap();
    wait_status(&daemon, "a", |row| row["in_flight"] == 0).await.unwrap();
    let mut door = LineClient::connect(&own_socket(&daemon, "a")).await.unwrap();
    let answer = door.request("tools/list", json!({})).await.unwrap();
    assert!(answer["result"]["tools"].is_array(), "{answer}");
}
