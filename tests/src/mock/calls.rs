//! This file runs the healthy tools.
//! It leaves faults to `call_faults.rs` and the envelope of an answer to `protocol.rs`.

use std::path::Path;

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::asking;
use super::library;
use super::process::append_line;
use super::protocol::Call;
use super::shared::{Ask, Shared};
use super::tells;

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A result: `content` and whatever belongs to it.
    Result(Value),
    /// A result as JSON text, sent as it is and with nothing added.
    Written(String),
    /// A JSON-RPC error.
    Error { code: i64, message: String },
    /// A whole error object.
    Refusal(Value),
}

/// A result of one text.
pub(crate) fn text(text: impl Into<String>) -> Outcome {
    Outcome::Result(json!({ "content": [{ "type": "text", "text": text.into() }] }))
}

/// Runs a tool that is not a fault; a generated one answers with its name.
pub(crate) async fn run(shared: &Shared, call: &Call) -> Outcome {
    if shared.args.tells
        && let Some(outcome) = tells::run(shared, call).await
    {
        return outcome;
    }
    let args = &call.arguments;
    let words = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| args.get(key).and_then(Value::as_f64).unwrap_or_default();
    let whole = |key: &str, default| args.get(key).and_then(Value::as_u64).unwrap_or(default);
    match call.name.as_str() {
        "echo" if args.get("result").is_some() => Outcome::Written(words("result").to_owned()),
        "echo" => text(words("text")),
        "add" => text(format!("{}", number("a") + number("b"))),
        "sleep" => {
            let ms = whole("ms", 0);
            sleep(Duration::from_millis(ms)).await;
            text(format!("slept {ms} ms"))
        }
        "bytes" => text("x".repeat(usize::try_from(whole("bytes", 0)).unwrap_or(0))),
        "structured" => structured(number("n")),
        "progress" => progress(shared, call, whole("steps", 3), whole("ms", 10)).await,
        "fail" => Outcome::Result(json!({
            "content": [{ "type": "text", "text": words("text") }],
            "isError": true,
        })),
        "rpc_error" => Outcome::Error {
            code: args.get("code").and_then(Value::as_i64).unwrap_or(-32603),
            message: "as asked".to_owned(),
        },
        "env" if args.get("name").is_some() => {
            text(std::env::var(words("name")).unwrap_or_else(|_| "(unset)".to_owned()))
        }
        "env" => text(env_names().join("\n")),
        "pid" => text(std::process::id().to_string()),
        "cwd" => text(std::env::current_dir().unwrap_or_default().display().to_string()),
        "fds" => text(descriptors().join("\n")),
        "meta" => text(call.meta.to_string()),
        "count" => count(Path::new(words("file"))),
        "add_tool" => ask(shared, Ask::AddTool(words("name").to_owned())).await,
        "ask" => asking::ask(shared, call).await,
        "visit" => asking::visit(call),
        "end_visit" => asking::end_visit(shared, call).await,
        "link" => library::links(),
        "notify" => notify(shared, &args["data"]).await,
        "add_prompt" => ask(shared, Ask::AddPrompt(words("name").to_owned())).await,
        "remove_tool" => ask(shared, Ask::RemoveTool(words("name").to_owned())).await,
        name => text(format!("{name}: {}", words("text"))),
    }
}

fn structured(n: f64) -> Outcome {
    let value = json!({ "n": n, "square": n * n });
    Outcome::Result(json!({
        "content": [{ "type": "text", "text": value.to_string() }],
        "structuredContent": value,
    }))
}

/// Says what only an extension knows.
async fn notify(shared: &Shared, data: &Value) -> Outcome {
    let params = json!({ "data": data, "_meta": { "x/y": 1 } });
    let line = json!({ "jsonrpc": "2.0", "method": "notifications/mock/tick", "params": params });
    shared.out.line(&line.to_string()).await;
    text("told")
}

async fn progress(shared: &Shared, call: &Call, steps: u64, ms: u64) -> Outcome {
    let words = call.arguments["text"].as_str();
    let words = words.map(|words| format!(": {words}")).unwrap_or_default();
    for step in 1..=steps {
        sleep(Duration::from_millis(ms)).await;
        let Some(token) = call.meta.get("progressToken") else { continue };
        let message = json!({
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {
                "progressToken": token,
                "progress": step,
                "total": steps,
                "message": format!("step {step} of {steps}{words}"),
            },
        });
        shared.out.line(&message.to_string()).await;
    }
    text(format!("{steps} steps"))
}

fn env_names() -> Vec<String> {
    let mut names: Vec<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// `number target` of every open descriptor that is not the runtime's own.
fn descriptors() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?;
            Some(format!("{} {}", entry.file_name().display(), target.display()))
        })
        .collect()
}

/// Appends a line and tells how many there are.
pub(crate) fn count(file: &Path) -> Outcome {
    let lines = append_line(file, "1").and_then(|()| std::fs::read_to_string(file));
    match lines {
        Ok(lines) => text(lines.lines().count().to_string()),
        Err(error) => Outcome::Error { code: -32603, message: error.to_string() },
    }
}

async fn ask(shared: &Shared, ask: Ask) -> Outcome {
    match shared.asks.send(ask).await {
        Ok(()) => text("done"),
        Err(_) => Outcome::Error { code: -32603, message: "the server is ending".to_owned() },
    }
}
