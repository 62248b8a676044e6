//! These tests speak raw JSON lines with the sample server over a pipe in memory.
//! They leave signals and the real stdin to the end-to-end tests.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines};
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};

use super::{SampleError, serve, tools};

const SOON: Duration = Duration::from_secs(5);

/// A client and the server it speaks with.
struct Talk {
    to: DuplexStream,
    from: Lines<BufReader<DuplexStream>>,
    server: JoinHandle<Result<(), SampleError>>,
    modern: bool,
}

impl Talk {
    fn open(tools: usize, modern: bool) -> Self {
        let (to, input) = tokio::io::duplex(1 << 16);
        let (output, from) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(serve(input, output, tools, None));
        Self { to, from: BufReader::new(from).lines(), server, modern }
    }

    async fn legacy(tools: usize) -> Self {
        let mut talk = Self::open(tools, false);
        let answer = talk
            .ask(
                0,
                "initialize",
                json!({
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": { "name": "test", "version": "1" },
                }),
            )
            .await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
        talk.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        talk
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.to.write_all(line.as_bytes()).await.unwrap();
    }

    async fn request(&mut self, id: u64, method: &str, mut params: Value) {
        if self.modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    async fn next(&mut self) -> Value {
        let line = timeout(SOON, self.from.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.request(id, method, params).await;
        let answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask(7, "tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Closes the server's input and waits for its end.
    async fn close(self) -> Result<(), SampleError> {
        drop(self.to);
        timeout(SOON, self.server).await.unwrap().unwrap()
    }
}

async fn check(tool: &str, arguments: Value, expected: &str) {
    for modern in [false, true] {
        let mut talk = if modern { Talk::open(3, true) } else { Talk::legacy(3).await };
        let answer = talk.call(tool, arguments.clone()).await;
        assert_eq!(answer["result"]["content"][0]["text"], expected, "{answer}");
        talk.close().await.unwrap();
    }
}

#[tokio::test]
async fn echoes_the_text_in_both_eras() {
    check("echo", json!({ "text": "héllo" }), "héllo").await;
}

#[tokio::test]
async fn adds_numbers() {
    check("add", json!({ "a": 2, "b": 3.5 }), r#"{"sum":5.5}"#).await;
}

#[tokio::test]
async fn sleeps() {
    check("sleep", json!({ "ms": 1 }), "slept 1 ms").await;
}

#[tokio::test]
async fn generated_tools_tell_their_name() {
    check("tool_002", json!({ "text": "x" }), "tool_002: x").await;
}

#[tokio::test]
async fn a_wrong_argument_is_told_to_the_model() {
    check("sleep", json!({ "ms": -1 }), "ms must be a whole number from 0 to 600000").await;
}

#[tokio::test]
async fn lists_every_tool_with_a_description_hints_and_a_schema() {
    let mut talk = Talk::legacy(12).await;
    let answer = talk.ask(1, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 17);
    assert_eq!(tools[16]["name"], "tool_012");
    for tool in tools {
        assert!(tool["description"].is_string(), "{tool}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
    }
    assert_eq!(tools[1]["outputSchema"]["required"], json!(["sum"]));
    talk.close().await.unwrap();
}

#[tokio::test]
async fn an_unknown_tool_is_a_wrong_parameter() {
    let mut talk = Talk::legacy(0).await;
    assert_eq!(talk.call("tool_001", json!({})).await["error"]["code"], -32602);
    talk.close().await.unwrap();
}

#[tokio::test]
async fn progress_is_reported_under_the_callers_token() {
    let mut talk = Talk::legacy(0).await;
    let params = json!({
        "name": "progress",
        "arguments": { "steps": 2, "ms": 1 },
        "_meta": { "progressToken": "mine" },
    });
    talk.request(3, "tools/call", params).await;
    for step in [1.0, 2.0] {
        let report = talk.next().await;
        assert_eq!(report["method"], "notifications/progress");
        assert_eq!(report["params"]["progressToken"], "mine");
        assert_eq!(report["params"]["progress"].as_f64(), Some(step));
    }
    assert_eq!(talk.next().await["result"]["content"][0]["text"], "did 2 steps");
    talk.close().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_sleep_gives_way_to_the_next_call() {
    let mut talk = Talk::legacy(0).await;
    talk.request(3, "tools/call", json!({ "name": "sleep", "arguments": { "ms": 600_000 } })).await;
    let params = json!({ "requestId": 3 });
    talk.send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }))
        .await;
    assert_eq!(talk.call("echo", json!({ "text": "on" })).await["id"], 7);
    talk.close().await.unwrap();
}

#[tokio::test]
async fn the_end_of_input_ends_a_running_call_and_the_server() {
    let mut talk = Talk::legacy(0).await;
    talk.request(3, "tools/call", json!({ "name": "sleep", "arguments": { "ms": 600_000 } })).await;
    assert_eq!(talk.call("echo", json!({ "text": "up" })).await["id"], 7);
    talk.close().await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_before_the_handshake_is_no_error() {
    Talk::open(0, false).close().await.unwrap();
}

#[test]
fn writes_the_time_by_the_civil_calendar() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_772_323_200, "2026-03-01T00:00:00Z"),
        (4_102_444_799, "2099-12-31T23:59:59Z"),
    ] {
        assert_eq!(tools::utc(seconds), expected);
    }
}
