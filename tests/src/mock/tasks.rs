//! This file does what `--tasks` adds: calls that become tasks, in the way of either revision.
//! It leaves the loop to `serve.rs`, which owns the tasks.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::protocol::{self, Call};
use super::shared::{Ask, Shared};

/// The extension of the modern revision.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";
const RELATED: &str = "io.modelcontextprotocol/related-task";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The tools: `slow` may become a task, `must` has to; both answer after `ms` milliseconds with their
/// text, after asking for a name if they are to `ask`.
const TOOLS: [&str; 2] = ["slow", "must"];

/// Whether `--tasks` adds a tool of this name.
pub(crate) fn knows(name: &str) -> bool {
    TOOLS.contains(&name)
}

/// What is listed of them.
pub(crate) fn listed() -> [Value; 2] {
    let tool = |name: &str, support: &str| {
        json!({
            "name": name,
            "description": "Answers later, as a task.",
            "inputSchema": { "type": "object", "properties": {
                "ms": { "type": "integer" }, "text": { "type": "string" },
                "ask": { "type": "boolean" }, "fail": { "type": "boolean" },
            } },
            "execution": { "taskSupport": support },
        })
    };
    [tool("slow", "optional"), tool("must", "required")]
}

/// One task.
#[derive(Debug)]
struct Task {
    status: &'static str,
    asks: bool,
    modern: bool,
    result: Value,
    /// Requests that wait for the result, by id.
    waiting: Vec<Value>,
}

/// All tasks, by their ids, which anybody could guess.
#[derive(Debug, Default)]
pub(crate) struct Tasks(BTreeMap<String, Task>);

impl Tasks {
    /// Answers what concerns tasks; nothing for any other request.
    pub(crate) fn answer(
        &mut self,
        shared: &Shared,
        method: &str,
        message: &Value,
    ) -> Option<Answer> {
        let id = message["params"]["taskId"].as_str().unwrap_or_default().to_owned();
        if method == "tools/call" {
            return self.on_call(shared, message);
        }
        if !method.starts_with("tasks/") {
            return None;
        }
        let modern = protocol::is_modern(message) && shared.args.era.knows_modern();
        if modern && !declares(&message["params"]["_meta"]) {
            return Some(Answer::error(-32021, "tasks are not declared"));
        }
        if method == "tasks/list" && !modern {
            let tasks: Vec<Value> = self.0.keys().map(|id| self.shown(id, false)).collect();
            return Some(Answer::result(json!({ "tasks": tasks })));
        }
        let Some(task) = self.0.get_mut(&id) else {
            return Some(Answer::error(-32602, "no such task"));
        };
        match method {
            "tasks/get" => Some(Answer::result(self.shown(&id, modern))),
            "tasks/cancel" => {
                task.status = "cancelled";
                Some(Answer::result(if modern { json!({}) } else { self.shown(&id, false) }))
            }
            "tasks/update" if modern => {
                let said = message["params"]["inputResponses"].clone();
                finish_later(shared, id, 0, said.to_string());
                Some(Answer::result(json!({})))
            }
            "tasks/result" if !modern => {
                if task.status == "completed" {
                    return Some(Answer::result(task.result.clone()));
                }
                task.waiting.push(message["id"].clone());
                let mut answer = Answer::default();
                if task.status == "input_required" {
                    answer.lines.push(question(&id));
                }
                Some(answer)
            }
            _ => None,
        }
    }

    fn on_call(&mut self, shared: &Shared, message: &Value) -> Option<Answer> {
        let call = Call::read(message);
        if !knows(&call.name) {
            return None;
        }
        let modern = call.modern && shared.args.era.knows_modern();
        let wanted = match modern {
            true => declares(&call.meta),
            false => message["params"]["task"].is_object(),
        };
        let ms = call.arguments["ms"].as_u64().unwrap_or(0);
        let text = call.arguments["text"].as_str().unwrap_or_default().to_owned();
        if !wanted && call.name == "must" {
            let mut answer = Answer::error(-32601, "only as a task");
            if modern {
                let required = json!({ "extensions": { EXTENSION: {} } });
                let error = json!({ "code": -32021, "message": "tasks are needed",
                    "data": { "requiredCapabilities": required } });
                answer.error = Some(error);
            }
            return Some(answer);
        }
        if !wanted {
            return Some(Answer::result(text_of(&text)));
        }
        let id = format!("task-{}", self.0.len() + 1);
        let asks = call.arguments["ask"] == true;
        let status = if asks { "input_required" } else { "working" };
        let (result, waiting) = (Value::Null, Vec::new());
        self.0.insert(id.clone(), Task { status, asks, modern, result, waiting });
        if !asks {
            report(shared, &call.meta["progressToken"], &id);
            finish_later(shared, id.clone(), ms, text);
        }
        let shown = self.shown(&id, modern);
        Some(Answer::result(match modern {
            true => {
                let mut made = shown;
                made["resultType"] = json!("task");
                made
            }
            false => json!({ "task": shown }),
        }))
    }

    /// A client answered the question of a task.
    pub(crate) fn on_answer(&mut self, shared: &Shared, message: &Value) -> bool {
        let id = message["id"].as_str().and_then(|id| id.strip_prefix("ask/")).map(str::to_owned);
        let Some(id) = id else { return false };
        finish_later(shared, id, 0, message["result"].to_string());
        true
    }

    /// A task has come to its end; returns what is to be said.
    pub(crate) fn finish(&mut self, id: &str, text: &str) -> Vec<String> {
        let Some(task) = self.0.get_mut(id).filter(|task| task.status != "cancelled") else {
            return Vec::new();
        };
        task.status = "completed";
        task.result = text_of(text);
        task.result["_meta"] = json!({ RELATED: { "taskId": id } });
        let waiting = std::mem::take(&mut task.waiting);
        let mut lines: Vec<String> =
            waiting.iter().map(|request| protocol::result_line(request, &task.result)).collect();
        if !task.modern {
            let status = self.shown(id, false);
            lines.push(
                json!({ "jsonrpc": "2.0", "method": "notifications/tasks/status", "params": status })
                    .to_string(),
            );
        }
        lines
    }

    /// The line that tells a modern subscriber how a task stands.
    pub(crate) fn told_line(&self, id: &str, subscription: &Value) -> Option<String> {
        self.0.get(id).filter(|task| task.modern)?;
        let mut params = self.shown(id, true);
        params["_meta"] = json!({ "io.modelcontextprotocol/subscriptionId": subscription });
        let line = json!({ "jsonrpc": "2.0", "method": "notifications/tasks", "params": params });
        Some(line.to_string())
    }

    fn shown(&self, id: &str, modern: bool) -> Value {
        let Some(task) = self.0.get(id) else { return Value::Null };
        let mut shown = json!({
            "taskId": id,
            "status": task.status,
            "createdAt": "2026-11-21T00:00:00Z",
            "lastUpdatedAt": "2026-11-21T00:00:00Z",
        });
        if !modern {
            shown["ttl"] = json!(60_000);
            shown["pollInterval"] = json!(50);
            return shown;
        }
        shown["resultType"] = json!("complete");
        shown["ttlMs"] = json!(60_000);
        shown["pollIntervalMs"] = json!(50);
        if task.status == "completed" {
            shown["result"] = task.result.clone();
        }
        if task.asks && task.status == "input_required" {
            let params = form();
            let request = json!({ "method": "elicitation/create", "params": params });
            shown["inputRequests"] = json!({ "name": request });
        }
        shown
    }
}

/// What is to be answered: a result, an error, or neither for now; and lines to be said as well.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<Value>,
    pub(crate) lines: Vec<String>,
}

impl Answer {
    fn result(result: Value) -> Self {
        Self { result: Some(result), ..Self::default() }
    }

    fn error(code: i64, message: &str) -> Self {
        Self { error: Some(protocol::error(code, message)), ..Self::default() }
    }
}

fn declares(meta: &Value) -> bool {
    meta[CAPABILITIES]["extensions"][EXTENSION].is_object()
}

fn text_of(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

fn form() -> Value {
    json!({ "message": "Who?", "requestedSchema": { "type": "object", "properties": {} } })
}

/// Asks the client something that belongs to a task.
fn question(id: &str) -> String {
    let mut params = form();
    params["_meta"] = json!({ RELATED: { "taskId": id } });
    let id = format!("ask/{id}");
    json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params })
        .to_string()
}

/// Reports progress of a task after its call was answered.
fn report(shared: &Shared, token: &Value, id: &str) {
    if token.is_null() {
        return;
    }
    let params =
        json!({ "progressToken": token, "progress": 1, "_meta": { RELATED: { "taskId": id } } });
    let line = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
    let shared = shared.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(100)).await;
        shared.out.line(&line.to_string()).await;
    });
}

fn finish_later(shared: &Shared, id: String, ms: u64, text: String) {
    let shared = shared.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(ms)).await;
        let _ = shared.asks.send(Ask::EndTask { id, text }).await;
    });
}
