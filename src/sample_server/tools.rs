//! This file is the sample server's tools: what each says of itself and what it does.
//! It leaves cancellation to its caller, which drops a call that is given up.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ContentBlock, ErrorData, JsonObject,
    ProgressNotificationParam, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

/// Longest `sleep` and longest pause between two steps of `progress`, in milliseconds.
const MS_MAX: u64 = 600_000;
/// Most steps of `progress`.
const STEPS_MAX: u64 = 1_000;

/// The fixed tools and `generated` numbered ones.
pub(super) fn all(generated: usize) -> Vec<Tool> {
    let text = json!({ "type": "string", "description": "Any text." });
    let number = |what: &str| json!({ "type": "number", "description": what });
    let whole = |what: &str, max: u64| json!({ "type": "integer", "minimum": 0, "maximum": max, "description": what });
    let mut tools = vec![
        tool("echo", "Returns the text it is given.", json!({ "text": text }), &["text"]),
        tool(
            "add",
            "Adds two numbers.",
            json!({ "a": number("First summand."), "b": number("Second summand.") }),
            &["a", "b"],
        )
        .with_raw_output_schema(schema(json!({ "sum": number("a + b.") }), &["sum"])),
        tool("time", "Tells the time in UTC.", json!({}), &[]),
        tool(
            "sleep",
            "Waits, then answers. Can be cancelled.",
            json!({ "ms": whole("Milliseconds to wait.", MS_MAX) }),
            &["ms"],
        ),
        tool(
            "progress",
            "Does nothing in steps and reports each one. Can be cancelled.",
            json!({
                "steps": whole("How many steps; 5 if not given.", STEPS_MAX),
                "ms": whole("Milliseconds for each step; 100 if not given.", MS_MAX),
            }),
            &[],
        ),
    ];
    tools.extend((1..=generated).map(|number| {
        let name = format!("tool_{number:03}");
        tool(name, "Returns its own name and the text.", json!({ "text": text }), &[])
    }));
    tools
}

/// Runs the tool that `request` names, if it is one of `tools`.
pub(super) async fn run(
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
    tools: &[Tool],
) -> Result<CallToolResult, ErrorData> {
    let name = request.name.as_ref();
    if !tools.iter().any(|tool| tool.name == name) {
        return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
    }
    let given = Given(request.arguments.unwrap_or_default());
    match call(name, &given, context).await {
        Ok(result) => Ok(result),
        // The model can put an argument right; a protocol error it would not even see.
        Err(wrong) => Ok(CallToolResult::error(vec![ContentBlock::text(wrong)])),
    }
}

async fn call(
    name: &str,
    given: &Given,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, String> {
    match name {
        "echo" => Ok(text(given.text("text")?)),
        "add" => Ok(CallToolResult::structured(
            json!({ "sum": given.number("a")? + given.number("b")? }),
        )),
        "time" => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(text(utc(now.as_secs())))
        }
        "sleep" => {
            let ms = given.whole("ms", None, MS_MAX)?;
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(text(format!("slept {ms} ms")))
        }
        "progress" => {
            let steps = given.whole("steps", Some(5), STEPS_MAX)?;
            let pause = Duration::from_millis(given.whole("ms", Some(100), MS_MAX)?);
            Ok(progress(steps, pause, context).await)
        }
        generated => {
            let said = given.0.get("text").and_then(Value::as_str).unwrap_or_default();
            Ok(text(format!("{generated}: {said}")))
        }
    }
}

async fn progress(
    steps: u64,
    pause: Duration,
    context: &RequestContext<RoleServer>,
) -> CallToolResult {
    let token = context.meta.get_progress_token();
    for step in 1..=steps {
        tokio::time::sleep(pause).await;
        if let Some(token) = token.clone() {
            let report = ProgressNotificationParam::new(token, step as f64)
                .with_total(steps as f64)
                .with_message(format!("step {step} of {steps}"));
            let _ = context.peer.notify_progress(report).await; // the client has gone: so will we
        }
    }
    text(format!("did {steps} steps"))
}

/// The arguments of a call; its errors are for the model to read.
struct Given(JsonObject);

impl Given {
    fn text(&self, key: &str) -> Result<&str, String> {
        self.0.get(key).and_then(Value::as_str).ok_or_else(|| format!("{key} must be a text"))
    }

    fn number(&self, key: &str) -> Result<f64, String> {
        self.0.get(key).and_then(Value::as_f64).ok_or_else(|| format!("{key} must be a number"))
    }

    fn whole(&self, key: &str, otherwise: Option<u64>, max: u64) -> Result<u64, String> {
        let value = match (self.0.get(key), otherwise) {
            (None, Some(otherwise)) => Some(otherwise),
            (value, _) => value.and_then(Value::as_u64),
        };
        value
            .filter(|value| *value <= max)
            .ok_or_else(|| format!("{key} must be a whole number from 0 to {max}"))
    }
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text.into())])
}

fn tool(
    name: impl Into<String>,
    description: &'static str,
    properties: Value,
    required: &[&str],
) -> Tool {
    let name = name.into();
    // `time` alone answers differently each time.
    let same_again = name != "time";
    let hints = ToolAnnotations::with_title(title(&name))
        .read_only(true)
        .destructive(false)
        .idempotent(same_again)
        .open_world(false);
    Tool::new(name, description, schema(properties, required)).with_annotations(hints)
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn schema(properties: Value, required: &[&str]) -> Arc<JsonObject> {
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), properties);
    schema.insert("required".to_owned(), json!(required));
    schema.insert("additionalProperties".to_owned(), json!(false));
    Arc::new(schema)
}

/// Seconds since 1970 as RFC 3339, by the civil calendar (400-year cycles from 1 March 0000).
pub(super) fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}
