//! This file answers what `--library` adds: prompts, resources, templates and completion.
//! It leaves the loop to `serve.rs` and the tools that change this to `calls.rs`.

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::calls::Outcome;
use super::process;
use super::protocol::{Call, answer_line};
use super::shared::Shared;

const NAMES: [&str; 4] = ["Ada", "Alan", "Grace", "two words"];

/// One request as it came in.
#[derive(Debug)]
pub(crate) struct Request {
    method: String,
    params: Value,
    call: Call,
    /// Prompts listed beside the fixed ones.
    added: Vec<String>,
}

/// Whether requests of this method are answered here.
pub(crate) fn knows(method: &str) -> bool {
    matches!(
        method,
        "prompts/list"
            | "prompts/get"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "completion/complete"
    )
}

impl Request {
    /// Reads the request.
    pub(crate) fn read(method: &str, message: &Value, added: &[String]) -> Self {
        let params = message.get("params").cloned().unwrap_or_default();
        Self { method: method.to_owned(), params, call: Call::read(message), added: added.to_vec() }
    }

    /// Its id, as text.
    pub(crate) fn key(&self) -> String {
        self.call.id.to_string()
    }

    /// Answers it, unless it asks for silence.
    pub(crate) async fn answer(&self, shared: &Shared) {
        let result = match self.method.as_str() {
            "prompts/list" => json!({ "prompts": self.prompts() }),
            "resources/list" => return self.page(shared, "resources", resources()).await,
            "resources/templates/list" => {
                return self.page(shared, "resourceTemplates", templates()).await;
            }
            "prompts/get" => match self.prompt(shared).await {
                Some(result) => result,
                None => return,
            },
            "resources/read" => return self.read_resource(shared).await,
            _ => self.complete(),
        };
        self.reply(shared, result).await;
    }

    async fn reply(&self, shared: &Shared, mut result: Value) {
        let kept = self.method.starts_with("resources/") || self.method.ends_with("/list");
        if self.call.modern && kept {
            result["ttlMs"] = json!(shared.args.ttl_ms);
            result["cacheScope"] = json!(shared.cache_scope());
        }
        let outcome = match result.get("code") {
            Some(code) => Outcome::Error {
                code: code.as_i64().unwrap_or(-32603),
                message: result["message"].as_str().unwrap_or_default().to_owned(),
            },
            None => Outcome::Result(result),
        };
        shared.out.line(&answer_line(shared, &self.call, &outcome)).await;
    }

    /// Two entries a page.
    async fn page(&self, shared: &Shared, key: &str, all: Vec<Value>) {
        let cursor = self.params.get("cursor").and_then(Value::as_str).unwrap_or("0");
        let start: usize = cursor.parse().unwrap_or(0);
        let end = (start + 2).min(all.len());
        let mut result = json!({ key: all[start.min(end)..end] });
        if end < all.len() {
            result["nextCursor"] = json!(end.to_string());
        }
        self.reply(shared, result).await;
    }

    fn prompts(&self) -> Vec<Value> {
        let mut prompts = vec![
            json!({
                "name": "greet",
                "title": "Greet",
                "description": "Greets\u{200b} somebody.",
                "arguments": [{ "name": "name", "required": true }],
                "x-unknown": 1.0,
            }),
            json!({ "title": "a prompt without a name" }),
            json!({ "name": "brief me", "description": "A note and a link." }),
            json!({ "name": "steps" }),
            json!({ "name": "hang" }),
            json!({ "name": "kill" }),
        ];
        prompts.extend(self.added.iter().map(|name| json!({ "name": name })));
        prompts
    }

    async fn prompt(&self, shared: &Shared) -> Option<Value> {
        let message =
            |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
        let text = |text: &str| message(json!({ "type": "text", "text": text }));
        Some(match self.params["name"].as_str().unwrap_or_default() {
            "greet" => {
                let name = self.params["arguments"]["name"].as_str().unwrap_or("nobody");
                text(&format!("Greet {name}."))
            }
            "brief me" => {
                let note =
                    json!({ "uri": "note://main/one", "mimeType": "text/plain", "text": "1" });
                let whole = message(json!({ "type": "resource", "resource": note }));
                let link = json!({ "type": "resource_link", "uri": "urn:mock:three", "name": "3" });
                let more = message(link);
                json!({ "messages": [whole["messages"][0], more["messages"][0]] })
            }
            "steps" => {
                self.progress(shared).await;
                text("done")
            }
            "hang" => return None,
            "kill" => process::kill_self(),
            name if self.added.iter().any(|added| added == name) => text(name),
            name => json!({ "code": -32602, "message": format!("no prompt {name}") }),
        })
    }

    async fn progress(&self, shared: &Shared) {
        let Some(token) = self.call.meta.get("progressToken") else { return };
        for step in 1..=3 {
            sleep(Duration::from_millis(10)).await;
            let params = json!({ "progressToken": token, "progress": step, "total": 3 });
            let line =
                json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params });
            shared.out.line(&line.to_string()).await;
        }
    }

    /// The text tells the address as it came here.
    async fn read_resource(&self, shared: &Shared) {
        let uri = self.params["uri"].as_str().unwrap_or_default();
        let prefixes = ["note://main/", "file:///mock/", "urn:mock:", "https://mock.invalid/"];
        if uri != "note://main/none" && prefixes.iter().any(|prefix| uri.starts_with(prefix)) {
            let mut text = format!("{} of {}", uri, shared.args.name);
            if shared.args.private {
                text.push_str(&format!(", read {} times", shared.count_call()));
            }
            let contents = json!([{ "uri": uri, "mimeType": "text/plain", "text": text }]);
            return self.reply(shared, json!({ "contents": contents })).await;
        }
        let code = if self.call.modern { -32602 } else { -32002 };
        let error = json!({ "code": code, "message": "not there", "data": { "uri": uri } });
        let line = json!({ "jsonrpc": "2.0", "id": self.call.id, "error": error });
        shared.out.line(&line.to_string()).await;
    }

    fn complete(&self) -> Value {
        let begun = self.params["argument"]["value"].as_str().unwrap_or_default();
        let reference = &self.params["ref"];
        let all: Vec<&str> = match (reference["name"].as_str(), reference["uri"].as_str()) {
            (Some("greet"), _) => NAMES.to_vec(),
            (_, Some("note://main/{name}")) => vec!["one", "two"],
            _ => return json!({ "code": -32602, "message": format!("no reference {reference}") }),
        };
        let values: Vec<&str> = all.into_iter().filter(|name| name.starts_with(begun)).collect();
        json!({ "completion": { "values": values, "hasMore": false } })
    }
}

fn resources() -> Vec<Value> {
    vec![
        json!({ "uri": "note://main/one", "name": "one", "size": 1, "x-unknown": 1.0 }),
        json!({ "uri": "note://main/nameless" }),
        json!({ "uri": "file:///mock/two.txt", "name": "two", "description": "two\u{7}" }),
        json!({ "uri": "urn:mock:three", "name": "three" }),
        json!({ "uri": "https://mock.invalid/four", "name": "four" }),
    ]
}

fn templates() -> Vec<Value> {
    vec![
        json!({ "uriTemplate": "note://main/{name}", "name": "notes" }),
        json!({ "uriTemplate": "urn:mock:{+rest}", "name": "others" }),
        json!({ "uriTemplate": "https://mock.invalid/items/{id}", "name": "items" }),
    ]
}

/// What the tool `link` answers: a link and a whole resource, and a text with an address in it.
pub(crate) fn links() -> Outcome {
    let whole = json!({ "uri": "file:///mock/two.txt", "mimeType": "text/plain", "text": "2" });
    Outcome::Result(json!({ "content": [
        { "type": "text", "text": "see note://main/one" },
        { "type": "resource_link", "uri": "note://main/one", "name": "one" },
        { "type": "resource", "resource": whole },
    ] }))
}
