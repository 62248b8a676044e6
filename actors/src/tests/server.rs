//! A server that does as its habits say, played by this test program itself when it is started anew
//! for that one test; so that tests of the running system need no other program.
//! What the tests expect of it is in `system.rs`.

use std::io::{BufRead, Write};

use conductor_config::ServerSpec;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// Tells the started program what it is.
const HABITS: &str = "CONDUCTOR_TEST_SERVER_HABITS";

/// A server with these habits: `mute` answers no ping, `stubborn` ends on nothing but SIGKILL.
pub(super) fn server(name: &str, habits: &[&str]) -> ServerSpec {
    let program = std::env::current_exe().unwrap().display().to_string();
    let only = ["--exact", "tests::server::plays", "--ignored", "--nocapture", "--test-threads=1"];
    let mut spec = super::child(name, &program, &only);
    if let conductor_config::Transport::Stdio(stdio) = &mut spec.transport {
        stdio.env.insert(HABITS.to_owned(), conductor_config::Secret::new(habits.join(" ")));
    }
    spec
}

#[test]
#[ignore = "not a test: the server that other tests start"]
fn plays() {
    let Ok(habits) = std::env::var(HABITS) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stubborn = habits.contains("stubborn");
    // A handler in place of the default action is all that it takes not to end.
    let _deaf = stubborn.then(|| {
        let _inside = runtime.enter();
        signal(SignalKind::terminate()).unwrap()
    });
    // The test runner has begun a line.
    writeln!(std::io::stdout()).unwrap();
    for line in std::io::stdin().lock().lines() {
        answer(&line.unwrap(), &habits);
    }
    if stubborn {
        runtime.block_on(std::future::pending::<()>());
    }
}

fn answer(line: &str, habits: &str) {
    let message: Value = serde_json::from_str(line).unwrap();
    let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) else { return };
    let result = match method {
        "initialize" => json!({
            "protocolVersion": "2025-06-18",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "test", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [{ "name": "do", "inputSchema": { "type": "object" } }] }),
        "tools/call" => match message["params"]["arguments"]["how"].as_str() {
            Some("die") => die(),
            Some("hang") => return,
            _ => json!({ "pid": std::process::id() }),
        },
        "ping" if habits.contains("mute") => return,
        _ => json!({}),
    };
    let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}").unwrap();
    out.flush().unwrap();
}

#[expect(clippy::exit, reason = "a server that dies during a call")]
fn die() -> Value {
    std::process::exit(7)
}
