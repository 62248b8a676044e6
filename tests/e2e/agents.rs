//! These tests put many agents on one socket: equal ids, vanished peers, restarts, no room.
//! They leave many agents over HTTP to `sharing.rs`.

use std::path::Path;
use std::time::Duration;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::wait;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::faults::measure::{fds, rss};
use crate::lines::{bare, own_socket};
use crate::world::{SOON, journal, mock_with, serve, status, wait_tool};

const AGENTS: usize = 200;
const ROUNDS: usize = 10;
/// How often as many agents come after the first time.
const CROWDS: usize = 4;
/// Memory that may come and go with when pages are given back, in KiB.
const GROWTH_MAX: u64 = 4 * 1024;

fn call(id: usize, tool: &str, arguments: Value) -> String {
    let id = u64::try_from(id).unwrap();
    format!("{}\n", bare(id, "tools/call", json!({ "name": tool, "arguments": arguments })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m02_r69_agents_with_equal_ids_share_one_process_and_those_who_vanish_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let entry = mock_with(&["--log", &path], json!({ "maxInFlight": 1024 }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let socket = own_socket(&daemon, "a");
    let pid = daemon.pid();
    talk(&socket, 0).await; // what is opened once for all agents is open now
    let before = fds(pid);
    let fresh = rss(pid) / 1024;
    crowd(&socket).await;
    let warm = rss(pid) / 1024; // what a crowd needs at once is kept for the next one
    for _ in 0..CROWDS {
        crowd(&socket).await;
    }
    let flat = wait::until("the descriptors are closed", SOON, async || {
        (fds(pid) <= before).then_some(())
    });
    flat.await.unwrap_or_else(|error| panic!("{error}: {} of {before}", fds(pid)));
    assert_eq!(journal.started().len(), 1, "one process for all");
    let idle = wait::until("calls of those who left are over", SOON, async || {
        (status(&daemon, "a").await.ok()?["in_flight"] == 0).then_some(())
    });
    idle.await.unwrap();
    talk(&socket, AGENTS).await;
    let after = rss(pid) / 1024;
    println!(
        "{} times {AGENTS} agents, half of them vanished: {before} descriptors before, {} after; \
         {fresh} KiB before, {warm} after the first, {after} after the last; one child",
        CROWDS + 1,
        fds(pid),
    );
    assert!(after < warm + GROWTH_MAX, "{warm} KiB became {after}");
}

/// As many agents at once, half of which vanish.
async fn crowd(socket: &Path) {
    let mut agents = JoinSet::new();
    for number in 0..AGENTS {
        let socket = socket.to_owned();
        agents.spawn(async move {
            if number % 2 == 0 {
                talk(&socket, number).await;
            } else {
                vanish(&socket, number).await;
            }
        });
    }
    while let Some(ended) = agents.join_next().await {
        ended.unwrap();
    }
}

/// Calls under ids that every agent uses, and finds its own answers.
async fn talk(socket: &Path, number: usize) {
    let (output, mut input) = UnixStream::connect(socket).await.unwrap().into_split();
    let mut lines = BufReader::new(output).lines();
    for round in 0..ROUNDS {
        let text = format!("agent {number} round {round}");
        input.write_all(call(round, "echo", json!({ "text": text })).as_bytes()).await.unwrap();
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line());
        let answer: Value = serde_json::from_str(&line.await.unwrap().unwrap().unwrap()).unwrap();
        assert_eq!(answer["id"], round, "{answer}");
        assert_eq!(answer["result"]["content"][0]["text"], text.as_str(), "{answer}");
    }
}

/// Leaves at a point that depends on the number: at once, in the middle of a line, with a call
/// under way, with answers unread.
async fn vanish(socket: &Path, number: usize) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let line = match number % 8 {
        1 => return,
        3 => call(1, "echo", json!({ "text": "never sent whole" }))[..20 + number / 8].to_owned(),
        5 => call(1, "sleep", json!({ "ms": 60_000 })),
        _ => (0..5).map(|id| call(id, "echo", json!({ "text": "unread" }))).collect(),
    };
    stream.write_all(line.as_bytes()).await.unwrap();
    if number.is_multiple_of(3) {
        let _ = stream.read(&mut [0; 7]).now_or_later().await;
    }
}

/// Waits a moment for a future that need not end.
trait NowOrLater: Future + Sized {
    async fn now_or_later(self) -> Option<Self::Output> {
        tokio::time::timeout(Duration::from_millis(20), self).await.ok()
    }
}

impl<F: Future> NowOrLater for F {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_a_hundred_agents_drops_no_connection() {
    let entry = mock_with(&[], json!({ "maxInFlight": 256, "timeout": "20s" }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let socket = own_socket(&daemon, "a");
    let mut agents = Vec::new();
    for _ in 0..100 {
        let mut agent = LineClient::connect(&socket).await.unwrap();
        agent.initialize("2025-11-25").await.unwrap();
        agents.push(agent);
    }
    let first = status(&daemon, "a").await.unwrap()["pid"].clone();
    let (ended, answers) = tokio::join!(daemon.cli(&["restart", "a"]), async {
        let mut all = JoinSet::new();
        for mut agent in agents {
            all.spawn(async move {
                let mut clear = Vec::new();
                for round in 0..10 {
                    let text = format!("round {round}");
                    let answer = agent.call("echo", json!({ "text": text })).await.unwrap();
                    let result = &answer["result"];
                    let told = &result["_meta"]["io.github.mcp-conductor/failure"]["reason"];
                    let fine = result["content"][0]["text"] == text.as_str();
                    assert!(fine || told.is_string(), "{answer}");
                    clear.push(fine);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                let last = agent.call("echo", json!({ "text": "at last" })).await.unwrap();
                assert_eq!(last["result"]["content"][0]["text"], "at last", "{last}");
                clear
            });
        }
        all.join_all().await
    });
    assert_eq!(ended.unwrap().code, Some(0));
    assert_ne!(status(&daemon, "a").await.unwrap()["pid"], first);
    let fine = answers.iter().flatten().filter(|fine| **fine).count();
    println!("{fine} of {} calls were answered by the server", answers.len() * 10);
    assert!(fine >= answers.len() * 9, "{fine}");
}

#[tokio::test]
async fn one_agent_too_many_is_told_and_takes_no_place() {
    let daemon = serve(json!({ "a": mock_with(&[], json!({})) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let socket = own_socket(&daemon, "a");
    let mut inside = Vec::new();
    for _ in 0..500 {
        inside.push(UnixStream::connect(&socket).await.unwrap());
    }
    let mut late = UnixStream::connect(&socket).await.unwrap();
    late.write_all(call(1, "echo", json!({ "text": "x" })).as_bytes()).await.unwrap();
    let mut told = String::new();
    tokio::time::timeout(SOON, late.read_to_string(&mut told)).await.unwrap().unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"]["data"]["reason"], "no_room", "{told}");
    inside.pop();
    wait::until("there is room again", SOON, async || {
        let mut agent = LineClient::connect(&socket).await.ok()?;
        let answer = agent.call("echo", json!({ "text": "x" })).await.ok()?;
        answer["result"].is_object().then_some(())
    })
    .await
    .unwrap();
}
