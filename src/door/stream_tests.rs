//! This file speaks with the stream door as an agent would, line by line.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

use super::*;
use crate::door::fixture::{Fixture, META, SOON};

/// An agent at one end of a stream, the door at the other.
struct Agent {
    lines: tokio::io::Lines<BufReader<ReadHalf<DuplexStream>>>,
    input: WriteHalf<DuplexStream>,
    door: JoinHandle<()>,
    shutdown: CancellationToken,
    _fixture: Fixture,
}

impl Agent {
    fn new(fixture: Fixture) -> Self {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (input, output) = tokio::io::split(far);
        let shutdown = CancellationToken::new();
        let door = tokio::spawn(serve(input, output, fixture.service(), shutdown.clone()));
        let (output, input) = tokio::io::split(near);
        let lines = BufReader::new(output).lines();
        Self { lines, input, door, shutdown, _fixture: fixture }
    }

    async fn with_server() -> Self {
        Self::new(Fixture::with_server().await)
    }

    async fn say(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        timeout(SOON, self.lines.next_line()).await.unwrap().unwrap().unwrap()
    }

    async fn hear_json(&mut self) -> Value {
        serde_json::from_str(&self.hear().await).unwrap()
    }

    /// Calls `count` until it says `expected`.
    async fn await_count(&mut self, expected: &str) {
        timeout(SOON, async {
            loop {
                self.say(&call("\"poll\"", "t.count", "")).await;
                let answer = self.hear_json().await;
                if answer["result"]["content"][0]["text"] == expected {
                    return;
                }
            }
        })
        .await
        .unwrap();
    }

    async fn check(&mut self, line: &str, expected: &str) {
        self.say(line).await;
        let answer = self.hear().await;
        assert!(answer.contains(expected), "{line}: {answer}");
    }
}

fn call(id: &str, tool: &str, more: &str) -> String {
    let method = r#""method":"tools/call""#;
    format!(r#"{{"jsonrpc":"2.0","id":{id},{method},"params":{{"name":"{tool}"{more}}}}}"#)
}

fn ask(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#)
}

#[tokio::test]
async fn an_id_is_free_as_soon_as_its_answer_is_there() {
    let mut agent = Agent::with_server().await;
    for _ in 0..200 {
        agent.check(&call("1", "t.count", &format!(",{META}")), r#""result""#).await;
    }
}

#[tokio::test]
async fn a_legacy_client_shakes_hands_lists_and_calls() {
    let mut agent = Agent::with_server().await;
    let hello = r#""protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"a","version":"1"}"#;
    agent.check(&ask("0", "initialize", hello), r#""protocolVersion":"2025-06-18""#).await;
    agent.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    agent.check(&ask("1", "ping", ""), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    agent.say(r#"{"jsonrpc":"2.0","id":"1","method":"tools/list"}"#).await;
    let list = agent.hear_json().await;
    assert_eq!(list["id"], "1");
    assert_eq!(list["result"]["tools"][0]["name"], "t.count");
    assert!(list["result"].get("resultType").is_none());
    let arguments = r#","arguments":{"n":123456789012345678901234567890}"#;
    let expected = r#""structuredContent":{"n":123456789012345678901234567890}"#;
    agent.check(&call("2", "t.echo", arguments), expected).await;
}

#[tokio::test]
async fn a_client_of_the_future_is_answered_in_a_revision_that_has_a_handshake() {
    let mut agent = Agent::new(Fixture::empty().await);
    for version in ["2026-07-28", "2099-01-01", "x"] {
        let hello = format!(r#""protocolVersion":"{version}","capabilities":{{}}"#);
        agent.check(&ask("0", "initialize", &hello), r#""protocolVersion":"2025-11-25""#).await;
    }
}

#[tokio::test]
async fn requests_are_served_without_a_handshake() {
    let mut agent = Agent::with_server().await;
    agent.check(r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#, "t.echo").await;
    agent.check(&call("8", "t.count", ""), r#""text":"0""#).await;
    for method in ["resources/list", "prompts/list", "resources/templates/list"] {
        agent.check(&ask("9", method, ""), "[]").await;
    }
}

#[tokio::test]
async fn both_eras_share_a_stream() {
    let mut agent = Agent::with_server().await;
    agent.check(&ask("1", "server/discover", META), r#""supportedVersions":["2026-07-28"]"#).await;
    agent.check(&ask("2", "initialize", ""), r#""protocolVersion":"2025-11-25""#).await;
    agent.say(&ask("3", "tools/list", META)).await;
    let list = agent.hear_json().await;
    assert_eq!(list["result"]["resultType"], "complete");
    assert_eq!(list["result"]["cacheScope"], "private");
    assert!(list["result"]["ttlMs"].as_u64().unwrap() <= 300_000);
    let modern = r#""result":{"resultType":"complete","content":"#;
    agent.check(&call("4", "t.count", &format!(",{META}")), modern).await;
    agent.check(&call("5", "t.count", ""), r#""result":{"content":"#).await;
    agent.check(&ask("6", "ping", META), "-32601").await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_the_stream_goes_on() {
    let mut agent = Agent::new(Fixture::empty().await);
    agent.check("hello", r#""id":null,"error":{"code":-32700"#).await;
    agent.check(r#"{"id":1}"#, r#""id":1,"error":{"code":-32600"#).await;
    agent.check("[]", "-32600").await;
    agent.check(&call("2", "t.nothing", ""), "-32602").await;
    agent.check(&ask("3", "tools/call", r#""name":"a","name":"b""#), "-32602").await;
    agent.check(&ask("4", "tools/list", r#""cursor":"x""#), "-32602").await;
    agent.check(&ask("5", "no/such", ""), "-32601").await;
    agent.check(&ask("6", "ping", ""), "\"result\":{}").await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_and_the_stream_goes_on() {
    let mut agent = Agent::new(Fixture::empty().await);
    let long = "x".repeat(LINE_MAX + 10);
    agent.check(&long, "-32600").await;
    agent.check(&ask("6", "ping", ""), "\"result\":{}").await;
}

#[tokio::test]
async fn a_request_is_taken_back_by_its_id_and_the_server_is_told() {
    let mut agent = Agent::with_server().await;
    agent.say(&call("1", "t.hang", "")).await;
    agent.say(&call("\"1\"", "t.hang", "")).await;
    agent.check(&call("1", "t.count", ""), r#""id":1,"error":{"code":-32600"#).await;
    agent.await_count("0").await;
    agent
        .say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        .await;
    agent.await_count("1").await;
    // The id is free again, the other call still runs, and nothing was answered.
    agent.check(&call("1", "t.count", ""), r#""id":1,"result""#).await;
}

#[tokio::test]
async fn progress_comes_before_the_answer_under_the_callers_token() {
    let mut agent = Agent::with_server().await;
    agent.say(&call("1", "t.steps", r#","_meta":{"progressToken":"mine"}"#)).await;
    for step in 1..=3 {
        let told = agent.hear_json().await;
        assert_eq!(told["method"], "notifications/progress");
        assert_eq!(told["params"]["progressToken"], "mine");
        assert_eq!(told["params"]["progress"], step);
    }
    assert_eq!(agent.hear_json().await["id"], 1);
}

#[tokio::test]
async fn a_changed_list_is_told_to_those_who_shook_hands() {
    let mut agent = Agent::with_server().await;
    agent.say(&ask("0", "initialize", "")).await;
    agent.hear().await;
    agent.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    agent.say(&call("1", "t.grow", "")).await;
    let mut heard = vec![agent.hear().await, agent.hear().await];
    heard.sort();
    assert!(heard[0].contains(r#""id":1"#), "{heard:?}");
    assert!(heard[1].contains("notifications/tools/list_changed"), "{heard:?}");
    agent.check(&ask("2", "tools/list", ""), "t.more").await;
}

#[tokio::test]
async fn a_listener_is_acknowledged_told_and_ended_in_order() {
    let mut agent = Agent::with_server().await;
    let wanted = r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["a://b"]}"#;
    agent.say(&ask("\"L\"", "subscriptions/listen", &format!("{wanted},{META}"))).await;
    let subscription =
        |told: &Value| told["_meta"]["io.modelcontextprotocol/subscriptionId"].clone();
    let ack = agent.hear_json().await;
    assert_eq!(ack["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(ack["params"]["notifications"], serde_json::json!({ "toolsListChanged": true }));
    assert_eq!(subscription(&ack["params"]), "L");
    agent.say(&call("1", "t.grow", "")).await;
    let (mut changed, mut answered) = (false, false);
    while !(changed && answered) {
        let told = agent.hear_json().await;
        answered |= told["id"] == 1;
        if told["method"] == "notifications/tools/list_changed" {
            assert_eq!(subscription(&told["params"]), "L");
            changed = true;
        }
    }
    agent.shutdown.cancel();
    let end = agent.hear_json().await;
    assert_eq!((&end["id"], &end["result"]["resultType"]), (&"L".into(), &"complete".into()));
    assert_eq!(subscription(&end["result"]), "L");
    let told = agent.hear_json().await;
    assert_eq!(told["params"]["requestId"], "L");
    timeout(SOON, agent.door).await.unwrap().unwrap();
}

#[tokio::test]
async fn batches_are_served_where_they_were_agreed_upon() {
    let mut agent = Agent::with_server().await;
    let batch = format!(
        r#"[{},{},{{"jsonrpc":"2.0","method":"notifications/x"}},{}, 7]"#,
        ask("1", "ping", ""),
        call("2", "t.count", ""),
        ask("3", "initialize", ""),
    );
    agent.check(&batch, r#""id":null,"error":{"code":-32600"#).await;
    agent.say(&ask("0", "initialize", r#""protocolVersion":"2025-03-26""#)).await;
    agent.hear().await;
    agent.say(&batch).await;
    let answers = agent.hear_json().await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 4);
    let of = |id: i64| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert!(of(1)["result"].is_object() && of(2)["result"].is_object());
    assert_eq!(of(3)["error"]["code"], -32600);
    agent.say(r#"[{"jsonrpc":"2.0","method":"notifications/x"}]"#).await;
    agent.check(&ask("4", "ping", ""), r#""id":4"#).await;
}

#[tokio::test]
async fn what_is_under_way_at_the_end_of_input_is_answered() {
    let mut agent = Agent::with_server().await;
    agent.say(&call("1", "t.count", "")).await;
    agent.say(&call("2", "t.hang", "")).await;
    agent.input.shutdown().await.unwrap();
    assert_eq!(agent.hear_json().await["id"], 1);
    // The other is given up after a while, and the stream ends.
    assert_eq!(timeout(SOON, agent.lines.next_line()).await.unwrap().unwrap(), None);
    timeout(SOON, agent.door).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_dies_is_told_with_its_last_words() {
    let mut agent = Agent::with_server().await;
    agent.say(&call("1", "t.die", "")).await;
    let answer = agent.hear_json().await;
    assert_eq!(answer["result"]["isError"], true);
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("`t`") && text.contains("exited with code 3"), "{text}");
    let facts = &answer["result"]["_meta"]["io.github.mcp-conductor/failure"];
    assert_eq!(facts["fate"], "outcome_unknown");
    assert_eq!(facts["stderrTail"][0], "last words");
}

#[tokio::test]
async fn more_requests_than_there_may_be_are_refused() {
    let mut agent = Agent::with_server().await;
    // A listener takes a place and costs no server anything.
    let listen = |n: usize| {
        ask(&n.to_string(), "subscriptions/listen", &format!(r#""notifications":{{}},{META}"#))
    };
    for n in 0..IN_FLIGHT_MAX {
        agent.check(&listen(n), "acknowledged").await;
    }
    agent.check(&ask("\"x\"", "ping", ""), "-31007").await;
}

#[tokio::test]
async fn messages_of_every_size_are_written_whole_and_in_order() {
    let sizes = [1, BATCH - 2, BATCH - 1, BATCH, BATCH + 1, 7, 4 * BATCH, 0, 1];
    let said: Vec<Bytes> =
        sizes.iter().zip(b'a'..).map(|(size, c)| vec![c; *size].into()).collect();
    let (near, far) = tokio::io::duplex(1000);
    let (out, waiting) = mpsc::channel(sizes.len());
    for message in &said {
        out.send(message.clone()).await.unwrap();
    }
    drop(out);
    let written = tokio::spawn(write(far, waiting));
    let mut lines = BufReader::new(near).lines();
    for message in said {
        let line = timeout(SOON, lines.next_line()).await.unwrap().unwrap().unwrap();
        assert!(line.as_bytes() == message, "{} bytes of {}", line.len(), message.len());
    }
    assert_eq!(lines.next_line().await.unwrap(), None);
    written.await.unwrap();
}
