//! This file runs the tools that ask the caller something, in the way of the call's revision.
//! It leaves refused questions to the fault `ask_back`.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use tokio::time::{Duration, sleep, timeout};

use super::calls::{Outcome, text};
use super::protocol::Call;
use super::shared::Shared;

/// How long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a question takes to be seen.
const SEEN: Duration = Duration::from_millis(200);

/// Asks for all `kinds`, at once or `inTurn`, and tells what was answered to each.
pub(crate) async fn ask(shared: &Shared, call: &Call) -> Outcome {
    let kinds = call.arguments["kinds"].as_array().cloned().unwrap_or_default();
    let kinds: Vec<String> =
        kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
    let in_turn = call.arguments["inTurn"] == true;
    if call.modern {
        by_result(call, &kinds, in_turn)
    } else {
        by_request(shared, call, &kinds, in_turn).await
    }
}

async fn by_request(shared: &Shared, call: &Call, kinds: &[String], in_turn: bool) -> Outcome {
    let mut answers = shared.answers.subscribe();
    let mut told = Map::new();
    let rounds = if in_turn { kinds.chunks(1) } else { kinds.chunks(kinds.len().max(1)) };
    let id_of = |kind: &str| json!(format!("{}/{kind}", call.id));
    for round in rounds {
        for kind in round {
            let (method, params) = question(kind, visit_of(call));
            let line =
                json!({ "jsonrpc": "2.0", "id": id_of(kind), "method": method, "params": params });
            shared.out.line(&line.to_string()).await;
        }
        if call.arguments["withdraw"] == true {
            return withdraw(shared, round.iter().map(|kind| id_of(kind))).await;
        }
        let collect = async {
            while round.iter().any(|kind| !told.contains_key(kind)) {
                let Ok(answer) = answers.recv().await else { return };
                let Some(kind) = round.iter().find(|kind| answer["id"] == id_of(kind)) else {
                    continue;
                };
                let said = answer.get("result").or_else(|| answer.get("error"));
                told.insert(kind.clone(), said.cloned().unwrap_or_default());
            }
        };
        if timeout(LIMIT, collect).await.is_err() {
            break; // what is missing is not told
        }
    }
    if call.arguments["ends"] == true {
        end_visit(shared, call).await;
    }
    let refused = told.values().any(|said| said.get("code").is_some());
    if refused && call.arguments["must"] == true {
        return Outcome::Result(json!({
            "content": [{ "type": "text", "text": "nobody answers" }],
            "isError": true,
        }));
    }
    text(Value::Object(told).to_string())
}

/// Takes the questions back when they have been seen, and goes on without answers.
async fn withdraw(shared: &Shared, questions: impl Iterator<Item = Value>) -> Outcome {
    sleep(SEEN).await;
    for id in questions {
        let params = json!({ "requestId": id, "reason": "it knows by now" });
        let line =
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
        shared.out.line(&line.to_string()).await;
    }
    sleep(SEEN).await;
    text("withdrawn")
}

/// What was answered in earlier rounds comes back in the state.
fn by_result(call: &Call, kinds: &[String], in_turn: bool) -> Outcome {
    let state = call.state.as_str().and_then(|state| serde_json::from_str(state).ok());
    let mut told: Map<String, Value> = state.unwrap_or_default();
    if let Some(responses) = call.responses.as_object() {
        told.extend(responses.clone());
    }
    let mut missing = kinds.iter().filter(|kind| !told.contains_key(*kind));
    let now: Vec<&String> =
        if in_turn { missing.next().into_iter().collect() } else { missing.collect() };
    if now.is_empty() {
        return text(Value::Object(told).to_string());
    }
    let requests: Map<String, Value> = now
        .into_iter()
        .map(|kind| {
            let (method, params) = question(kind, visit_of(call));
            (kind.clone(), json!({ "method": method, "params": params }))
        })
        .collect();
    Outcome::Result(json!({
        "resultType": "input_required",
        "inputRequests": requests,
        "requestState": Value::Object(told).to_string(),
    }))
}

/// What the address to be visited is called in a call.
fn visit_of(call: &Call) -> &str {
    call.arguments["id"].as_str().unwrap_or("e-1")
}

/// Tells that a visit has ended, whoever was asked for it.
pub(crate) async fn end_visit(shared: &Shared, call: &Call) -> Outcome {
    let params = json!({ "elicitationId": visit_of(call) });
    let line = json!({ "jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": params });
    shared.out.line(&line.to_string()).await;
    text("told")
}

fn question(kind: &str, visit: &str) -> (&'static str, Value) {
    match kind {
        "url" => (
            "elicitation/create",
            json!({ "mode": "url", "url": "https://pay.example/1", "message": "Pay?", "elicitationId": visit }),
        ),
        "sampling" => (
            "sampling/createMessage",
            json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "hi" } }],
                    "maxTokens": 10 }),
        ),
        "roots" => ("roots/list", json!({})),
        _ => (
            "elicitation/create",
            json!({ "mode": "form", "message": "Who?",
                    "requestedSchema": { "type": "object", "properties": { "name": { "type": "string" } } } }),
        ),
    }
}

/// Fails every other time, because an address has to be visited before.
pub(crate) fn visit(call: &Call) -> Outcome {
    static VISITED: AtomicBool = AtomicBool::new(false);
    if VISITED.fetch_xor(true, Ordering::Relaxed) {
        return text("visited");
    }
    let (_, params) = question("url", visit_of(call));
    Outcome::Refusal(json!({
        "code": -32042,
        "message": "visit first",
        "data": { "elicitations": [params] },
    }))
}
