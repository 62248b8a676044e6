//! This file does what `--tells` adds: it tells subscribers of updates, and logs.
//! It leaves the loop to `serve.rs`, which owns what was subscribed to.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::calls::{Outcome, text};
use super::protocol::{self, Call};
use super::shared::{Ask, Shared};

const LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";

/// What the client wants to be told of.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Addresses that were subscribed to one by one.
    pub(crate) addresses: Vec<String>,
}

impl Wanted {
    /// Answers a request about it; nothing for any other.
    pub(crate) fn answer(
        &mut self,
        shared: &Shared,
        method: &str,
        message: &Value,
    ) -> Option<Value> {
        let uri = message["params"]["uri"].as_str().unwrap_or_default().to_owned();
        match method {
            "resources/subscribe" if uri.ends_with("/refused") => {
                let mut error = protocol::error(-32002, "not there");
                error["data"] = json!({ "uri": uri });
                return Some(json!({ "error": error }));
            }
            "resources/subscribe" => self.addresses.push(uri),
            "resources/unsubscribe" => self.addresses.retain(|known| *known != uri),
            "logging/setLevel" => {
                let level = message["params"]["level"].as_str().unwrap_or_default();
                shared.level.store(place(level)?, Ordering::Relaxed);
            }
            _ => return None,
        }
        Some(json!({ "result": {} }))
    }
}

fn place(level: &str) -> Option<usize> {
    LEVELS.iter().position(|known| *known == level)
}

/// What of a filter is told of: all but what ends in `refused`.
pub(crate) fn honoured(filter: &Value) -> Vec<String> {
    let wanted = filter["resourceSubscriptions"].as_array().into_iter().flatten();
    let wanted = wanted.filter_map(Value::as_str).map(str::to_owned);
    wanted.filter(|uri| !uri.ends_with("/refused")).collect()
}

/// The line that tells of an update.
pub(crate) fn updated_line(uri: &str, subscription: Option<&Value>) -> String {
    let mut params = json!({ "uri": uri });
    if let Some(id) = subscription {
        params["_meta"] = json!({ "io.modelcontextprotocol/subscriptionId": id });
    }
    json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params })
        .to_string()
}

/// The line of a log message.
pub(crate) fn log_line(level: &str, data: &Value) -> String {
    let params = json!({ "level": level, "logger": "mock", "data": data });
    json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params }).to_string()
}

/// The tools: `touch` updates a resource, `log` logs `times` messages during the call, `log_later` so
/// many milliseconds after it.
pub(crate) async fn run(shared: &Shared, call: &Call) -> Option<Outcome> {
    let words = |key: &str| call.arguments.get(key).and_then(Value::as_str).unwrap_or_default();
    let whole =
        |key: &str, default| call.arguments.get(key).and_then(Value::as_u64).unwrap_or(default);
    match call.name.as_str() {
        "touch" => {
            for _ in 0..whole("times", 1) {
                let _ = shared.asks.send(Ask::Touch(words("uri").to_owned())).await;
            }
        }
        "log" => {
            let level = words("level").to_owned();
            for _ in 0..whole("times", 1) {
                let data = call.arguments.get("data").cloned().unwrap_or_default();
                log(shared, call, &level, data).await;
            }
            sleep(Duration::from_millis(whole("ms", 0))).await;
        }
        "log_later" => {
            let (shared, call) = (shared.clone(), call.clone());
            let (level, ms) = (words("level").to_owned(), whole("ms", 0));
            tokio::spawn(async move {
                sleep(Duration::from_millis(ms)).await;
                let data = call.arguments.get("data").cloned().unwrap_or_default();
                log(&shared, &call, &level, data).await;
            });
        }
        _ => return None,
    }
    Some(text("done"))
}

async fn log(shared: &Shared, call: &Call, level: &str, data: Value) {
    let from = match call.modern {
        false => Some(shared.level.load(Ordering::Relaxed)),
        true => call.meta[LEVEL_KEY].as_str().and_then(place),
    };
    if from.is_some_and(|from| place(level) >= Some(from)) {
        shared.out.line(&log_line(level, &data)).await;
    }
}

/// Whether `--tells` adds a tool of this name.
pub(crate) fn knows(name: &str) -> bool {
    matches!(name, "touch" | "log" | "log_later")
}
