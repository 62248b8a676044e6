//! This file answers messages as the revisions of the protocol demand: handshake, lists, errors.
//! It leaves the order of things and the running calls to `serve.rs`.

use serde_json::{Value, json};

use super::calls::Outcome;
use super::catalogue;
use super::shared::Shared;
use super::{tasks, tells};

/// The modern revision.
pub(crate) const MODERN: &str = "2026-07-28";
/// The legacy revisions, newest first.
pub(crate) const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER_KEY: &str = "io.modelcontextprotocol/serverInfo";

/// One `tools/call` as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: Value,
    pub(crate) name: String,
    pub(crate) arguments: Value,
    pub(crate) meta: Value,
    /// What a caller of the modern revision brings back.
    pub(crate) responses: Value,
    pub(crate) state: Value,
    pub(crate) modern: bool,
}

impl Call {
    /// Reads the call out of a request.
    pub(crate) fn read(message: &Value) -> Self {
        let params = message.get("params").cloned().unwrap_or_default();
        Self {
            id: message.get("id").cloned().unwrap_or_default(),
            name: params["name"].as_str().unwrap_or_default().to_owned(),
            arguments: params.get("arguments").cloned().unwrap_or_else(|| json!({})),
            meta: params.get("_meta").cloned().unwrap_or_else(|| json!({})),
            responses: params.get("inputResponses").cloned().unwrap_or_default(),
            state: params.get("requestState").cloned().unwrap_or_default(),
            modern: is_modern(message),
        }
    }

    /// The same call under another id.
    pub(crate) fn with_id(&self, id: Value) -> Self {
        Self { id, ..self.clone() }
    }
}

/// Whether a request says that it is of the modern revision.
pub(crate) fn is_modern(message: &Value) -> bool {
    message.pointer("/params/_meta").and_then(|meta| meta.get(VERSION_KEY)).is_some()
}

/// What is wrong with the request's revision, if anything, as an error to send.
pub(crate) fn refuse(shared: &Shared, message: &Value, initialized: bool) -> Option<Value> {
    let era = shared.args.era;
    if !is_modern(message) {
        return if !era.knows_legacy() {
            Some(error(-32602, "params._meta lacks the protocol version"))
        } else if !initialized {
            Some(error(-32600, "initialize first"))
        } else {
            None
        };
    }
    if !era.knows_modern() {
        // A legacy server knows nothing of the key and ignores it.
        return (!initialized).then(|| error(-32600, "initialize first"));
    }
    let meta = &message["params"]["_meta"];
    if meta[VERSION_KEY] != MODERN {
        let mut wrong = error(-32022, "Unsupported protocol version");
        wrong["data"] = json!({ "supported": [MODERN], "requested": meta[VERSION_KEY] });
        return Some(wrong);
    }
    if !meta[CAPABILITIES_KEY].is_object() {
        return Some(error(-32602, "params._meta lacks the client's capabilities"));
    }
    None
}

/// A JSON-RPC error object.
pub(crate) fn error(code: i64, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

/// The line of an error.
pub(crate) fn error_line(id: &Value, error: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
}

/// The line of a result.
pub(crate) fn result_line(id: &Value, result: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
}

/// The line that a request brings with it, in `_meta`, as the answer that it wants: everything behind
/// the id, as text.
pub(crate) fn dictated_line(message: &Value) -> Option<String> {
    let answer = message.pointer("/params/_meta/mock~1answer")?.as_str()?;
    Some(format!(r#"{{"jsonrpc":"2.0","id":{},{answer}}}"#, message["id"]))
}

/// The line that answers a request for a list, if it is in the file of `--listed`.
pub(crate) fn listed_line(shared: &Shared, method: &str, message: &Value) -> Option<String> {
    let listed = std::fs::read(shared.args.listed.as_ref()?).ok()?;
    let listed: Value = serde_json::from_slice(&listed).ok()?;
    let (id, list) = (&message["id"], listed.get(method)?.as_str()?);
    let hints = match is_modern(message) && shared.args.era.knows_modern() {
        true => r#","resultType":"complete","ttlMs":0,"cacheScope":"public""#,
        false => "",
    };
    Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{list}{hints}}}}}"#))
}

/// The line that answers a call.
pub(crate) fn answer_line(shared: &Shared, call: &Call, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Error { code, message } => error_line(&call.id, &error(*code, message)),
        Outcome::Refusal(error) => error_line(&call.id, error),
        Outcome::Written(result) => {
            format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, call.id)
        }
        Outcome::Result(result) => {
            let mut result = result.clone();
            if call.modern && shared.args.era.knows_modern() {
                if result.get("resultType").is_none() {
                    result["resultType"] = json!("complete");
                }
                result["_meta"] = json!({ SERVER_KEY: server_info(shared) });
            }
            if shared.args.id_last {
                return format!(r#"{{"result":{result},"jsonrpc":"2.0","id":{}}}"#, call.id);
            }
            result_line(&call.id, &result)
        }
    }
}

/// The result of `initialize`: the version asked for if it is known, else the newest.
pub(crate) fn initialize(shared: &Shared, message: &Value) -> Value {
    let asked = message.pointer("/params/protocolVersion").and_then(Value::as_str);
    let version = asked.filter(|asked| LEGACY.contains(asked)).unwrap_or(LEGACY[0]);
    let mut result = json!({
        "protocolVersion": version,
        "capabilities": capabilities(shared),
        "serverInfo": server_info(shared),
    });
    if let Some(text) = &shared.args.instructions {
        result["instructions"] = json!(text);
    }
    result
}

/// The result of `server/discover`.
pub(crate) fn discover(shared: &Shared) -> Value {
    let mut result = json!({
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": capabilities(shared),
        "ttlMs": shared.args.ttl_ms,
        "cacheScope": shared.cache_scope(),
        "_meta": { SERVER_KEY: server_info(shared) },
    });
    if let Some(text) = &shared.args.instructions {
        result["instructions"] = json!(text);
    }
    result
}

/// The line that answers `tools/list`. Put together as text: a malformed tool is no JSON value.
pub(crate) fn list_line(shared: &Shared, message: &Value, added: &[String]) -> String {
    let id = &message["id"];
    let asked = message.pointer("/params/cursor").and_then(Value::as_str);
    let cursor = asked.or_else(|| catalogue::first_cursor(shared));
    let Some(mut page) = catalogue::page(shared, added, cursor) else {
        return error_line(id, &error(-32602, "no such cursor"));
    };
    let caller = "/params/_meta/io.modelcontextprotocol~1clientInfo/name";
    if let Some(caller) = message.pointer(caller).filter(|_| shared.args.private) {
        page.tools.push(catalogue::private(caller.as_str().unwrap_or_default()));
    }
    let mut rest = String::new();
    if let Some(next) = &page.next {
        rest.push_str(&format!(r#","nextCursor":{}"#, json!(next)));
    }
    if is_modern(message) && shared.args.era.knows_modern() {
        rest.push_str(&format!(
            r#","resultType":"complete","ttlMs":{},"cacheScope":"{}","_meta":{}"#,
            shared.args.ttl_ms,
            shared.cache_scope(),
            json!({ SERVER_KEY: server_info(shared) }),
        ));
    }
    let tools = page.tools.join(",");
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{tools}]{rest}}}}}"#)
}

/// The line that tells a subscriber what it will hear of.
pub(crate) fn acknowledged_line(subscription: &Value, filter: &Value) -> String {
    let tools = filter["toolsListChanged"].as_bool().unwrap_or(false);
    let resources = tells::honoured(filter);
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {
            "_meta": { "io.modelcontextprotocol/subscriptionId": subscription },
            "notifications": { "toolsListChanged": tools, "resourceSubscriptions": resources },
        },
    })
    .to_string()
}

/// The line that says that a list changed, to a subscriber or to a legacy client.
pub(crate) fn changed_line(method: &str, subscription: Option<&Value>) -> String {
    let mut line = json!({ "jsonrpc": "2.0", "method": method });
    if let Some(id) = subscription {
        line["params"] = json!({ "_meta": { "io.modelcontextprotocol/subscriptionId": id } });
    }
    line.to_string()
}

fn capabilities(shared: &Shared) -> Value {
    let mut capabilities = json!({ "tools": { "listChanged": true } });
    if shared.args.library {
        capabilities["prompts"] = json!({ "listChanged": true });
        capabilities["resources"] = json!({});
    }
    if shared.args.tells {
        capabilities["resources"] = json!({ "subscribe": true, "listChanged": true });
        capabilities["logging"] = json!({});
    }
    if shared.args.tasks {
        let requests = json!({ "tools": { "call": {} } });
        capabilities["tasks"] = json!({ "list": {}, "cancel": {}, "requests": requests });
        capabilities["extensions"] = json!({ tasks::EXTENSION: {} });
    }
    if shared.args.extension {
        capabilities["experimental"] = json!({ "mock/old": { "level": 1.5 } });
        capabilities["extensions"]["io.mock/reverse"] = json!({ "version": 2 });
    }
    if shared.args.library && !shared.args.no_completion {
        capabilities["completions"] = json!({});
    }
    capabilities
}

fn server_info(shared: &Shared) -> Value {
    json!({ "name": shared.args.name, "version": env!("CARGO_PKG_VERSION") })
}
