//! These tests look out of a sandbox without network into which one server's socket is mounted.
//! They leave agents outside of sandboxes to `sockets.rs`.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use conductor_e2e::daemon::{Daemon, command};
use serde_json::{Value, json};

use crate::lines::own_socket;
use crate::world::{CONDUCTOR, mock, mock_with, serve, wait_tools};

/// Puts the socket `$1` to `$2`, hides the state directory `$3`, and goes on with the rest.
const INSIDE: &str = r#"set -e
touch "$2"; mount --bind "$1" "$2"; mount -t tmpfs none "$3"; shift 3; exec "$@""#;

/// Sends a bare call straight to the socket `argv[1]`, prints the text of the answer.
const SCRIPT: &str = r#"
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1])
call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "hello"}}}
door.sendall(json.dumps(call).encode() + b"\n")
answer = json.loads(door.makefile().readline())
if "error" in answer:
    sys.exit(answer["error"]["message"])
[block] = answer["result"]["content"]
print(block["text"])
"#;

/// An official client over `conductor connect`.
const CLIENT: &str = r#"
import asyncio, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
async def main():
    bridge = StdioServerParameters(command=sys.argv[1], args=["connect", "--socket", sys.argv[2]])
    async with stdio_client(bridge) as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        assert "echo" in tools and not any("." in tool for tool in tools), tools
        print((await session.call_tool("echo", {"text": "hello"})).content[0].text)
asyncio.run(main())
"#;

/// An official client of TypeScript (version 1 or 2) over `conductor connect`, as `interop/run.py` has it.
fn typescript(version: &str, mode: &str, door: &str) -> String {
    json!({
        "sdk": version, "mode": mode, "command": [CONDUCTOR, "connect", "--socket", door],
        "env": {}, "listSeconds": 10,
        "calls": [{ "tool": "echo", "arguments": { "text": "hello" } }],
    })
    .to_string()
}

/// A sandbox: what runs in it has no network, and of the state directory sees the socket of `a`.
struct Confined {
    daemon: Daemon,
    door: PathBuf,
}

impl Confined {
    /// None where this machine lets nobody make such a sandbox.
    async fn new(entry: Value) -> Option<Self> {
        let tried = command("unshare").args(["-rmn", "true"]).output().await;
        if !tried.is_ok_and(|output| output.status.success()) {
            println!("skipped: `unshare -rmn` is not allowed here");
            return None;
        }
        let daemon = serve(json!({ "a": entry, "b": mock(&[]) })).await.unwrap();
        wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
        let door = daemon.sandbox().path("agent.sock");
        Some(Self { daemon, door })
    }

    async fn run(&self, words: &[&str]) -> Output {
        let own = own_socket(&self.daemon, "a");
        let state = self.daemon.sandbox().state_dir();
        let mut command = command("unshare");
        command.args(["-rmn", "sh", "-c", INSIDE, "sh"]).args([&own, &self.door, &state]);
        command.args(words).kill_on_drop(true).stdin(std::process::Stdio::null());
        let ended = tokio::time::timeout(Duration::from_secs(60), command.output());
        ended.await.unwrap().unwrap()
    }

    fn door(&self) -> &str {
        self.door.to_str().unwrap()
    }
}

#[track_caller]
fn says(output: &Output, expected: &str) {
    let (told, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    assert!(told.contains(expected), "{told} {errors}");
}

#[tokio::test]
async fn m05_m41_in_a_sandbox_one_socket_is_reached_and_nothing_else() {
    let Some(confined) = Confined::new(mock(&[])).await else { return };
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}"#;
    let line = format!("echo '{call}' | {CONDUCTOR} connect --socket {}", confined.door());
    says(&confined.run(&["sh", "-c", &line]).await, r#""text":"hello""#);

    let other = own_socket(&confined.daemon, "b").display().to_string();
    let refused = confined.run(&[CONDUCTOR, "connect", "--socket", &other]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let state = confined.daemon.sandbox().state_dir().display().to_string();
    let refused = confined.run(&[CONDUCTOR, "connect", "b", "--state-dir", &state]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let refused = confined.run(&[CONDUCTOR, "status", "--state-dir", &state]).await;
    assert_eq!(refused.status.code(), Some(3), "the admin socket is out of reach: {refused:?}");
    let interfaces = confined.run(&["cat", "/proc/net/route"]).await;
    let routes = String::from_utf8_lossy(&interfaces.stdout).lines().count();
    assert!(routes <= 1, "no way out: {interfaces:?}");
}

#[tokio::test]
async fn m45_a_servers_secrets_are_not_seen_through_its_socket() {
    let entry = mock_with(&[], json!({ "env": { "API_KEY": "s3cr3t-k3y-of-a" } }));
    let Some(confined) = Confined::new(entry).await else { return };
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let bridge = format!("{CONDUCTOR} connect --socket {}", confined.door());
    let output = confined.run(&["sh", "-c", &format!("env; echo '{list}' | {bridge}")]).await;
    says(&output, "inputSchema");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cr3t-k3y-of-a"));
}

#[tokio::test]
async fn a_script_of_twenty_lines_and_the_official_clients_work_in_a_sandbox() {
    let Some(confined) = Confined::new(mock(&[])).await else { return };
    let python = command("python3").args(["-c", "import socket"]).output().await;
    if python.is_ok_and(|output| output.status.success()) {
        says(&confined.run(&["python3", "-c", SCRIPT, confined.door()]).await, "hello");
    } else {
        println!("skipped: no python3 here");
    }
    let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    for venv in ["v1", "v2"] {
        let python = interop.join(".venv").join(venv).join("bin/python");
        if !python.exists() {
            println!("skipped: tests/interop/run.py has not installed {venv} here");
            continue;
        }
        let words = [python.to_str().unwrap(), "-c", CLIENT, CONDUCTOR, confined.door()];
        says(&confined.run(&words).await, "hello");
    }
    let script = interop.join("client.mjs").display().to_string();
    for (package, version, mode) in
        [("sdk", "1", "legacy"), ("client", "2", "legacy"), ("client", "2", "auto")]
    {
        let package = format!("node_modules/@modelcontextprotocol/{package}");
        if !interop.join(&package).exists() {
            println!("skipped: tests/interop/run.py has not installed {package} here");
            continue;
        }
        let task = typescript(version, mode, confined.door());
        let output = confined.run(&["node", &script, &task]).await;
        says(&output, r#""text":"hello""#);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let tools = told["tools"].as_array().unwrap();
        let foreign = tools.iter().any(|tool| tool.as_str().unwrap().contains('.'));
        assert!(!foreign, "one server's tools only: {tools:?}");
    }
}
