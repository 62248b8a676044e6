//! This file builds `tools/list`: the fixed tools, generated ones, fault tools, pages and cursors.
//! It leaves the malformed ones to `malformed.rs` and running a tool to `calls.rs`.

use serde_json::{Value, json};

use super::fault::Kind;
use super::malformed;
use super::shared::Shared;
use super::{tasks, tells};

/// One page: the tools as JSON texts (a malformed one need not be JSON at all) and the next cursor.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) tools: Vec<String>,
    pub(crate) next: Option<String>,
}

/// The page that `cursor` names, or nothing for a cursor that was never given out.
pub(crate) fn page(shared: &Shared, added: &[String], cursor: Option<&str>) -> Option<Page> {
    let tools = all(shared, added);
    if shared.has(Kind::CursorLoop) {
        return Some(Page { tools, next: Some("again".to_owned()) });
    }
    if shared.has(Kind::CursorEndless) {
        let number: u64 = cursor.and_then(|cursor| cursor.strip_prefix("page-")?.parse().ok())?;
        let tool = generated(&format!("endless_{number:06}"));
        return Some(Page { tools: vec![tool], next: Some(format!("page-{}", number + 1)) });
    }
    let start = match cursor {
        None => 0,
        Some(cursor) => cursor.strip_prefix("at-")?.parse::<usize>().ok()?,
    };
    if start > tools.len() {
        return None;
    }
    let size = if shared.args.page == 0 { tools.len().max(1) } else { shared.args.page };
    let end = (start + size).min(tools.len());
    let next = (end < tools.len()).then(|| format!("at-{end}"));
    Some(Page { tools: tools[start..end].to_vec(), next })
}

/// The first page of an endless list has no cursor yet.
pub(crate) fn first_cursor(shared: &Shared) -> Option<&'static str> {
    shared.has(Kind::CursorEndless).then_some("page-0")
}

fn all(shared: &Shared, added: &[String]) -> Vec<String> {
    let mut tools = Vec::new();
    if !shared.args.no_fixed_tools {
        tools.extend(fixed().iter().map(Value::to_string));
    }
    if let Some(fault) = shared.fault(Kind::BadTool) {
        // In the middle, so that a parser that stops there loses healthy ones.
        tools.insert(tools.len() / 2, malformed::tool(fault.arg.as_deref().unwrap_or("no_name")));
    }
    tools.extend((1..=shared.args.tools).map(|number| generated(&format!("tool_{number:03}"))));
    if shared.args.fault_tools {
        tools.extend(Kind::BY_CALL.iter().map(|kind| fault_tool(*kind)));
    }
    if shared.args.library {
        tools.extend(library().iter().map(Value::to_string));
    }
    if shared.args.extension {
        tools.push(tool("notify", "Tells of a tick.", json!({ "data": {} }), &[]).to_string());
    }
    if shared.args.tells {
        tools.extend(telling().iter().map(Value::to_string));
    }
    if shared.args.tasks {
        tools.extend(tasks::listed().iter().map(Value::to_string));
    }
    if let Some(text) = shared.args.changing.as_deref().map(std::fs::read_to_string) {
        tools.push(tool("changing", &text.unwrap_or_default(), json!({}), &[]).to_string());
    }
    if let Some(text) = shared.args.schema.as_deref().map(std::fs::read_to_string) {
        let schema = text.unwrap_or_default();
        tools.push(format!(r#"{{"name":"schemed","inputSchema":{schema}}}"#));
    }
    if let Some(text) = shared.args.defined.as_deref().map(std::fs::read_to_string) {
        tools.extend(text.unwrap_or_default().lines().map(str::to_owned));
    }
    tools.extend(added.iter().map(|name| generated(name)));
    tools
}

/// Whether a tool of this name would be listed.
pub(crate) fn knows(shared: &Shared, added: &[String], name: &str) -> bool {
    let is_generated = name
        .strip_prefix("tool_")
        .and_then(|number| number.parse::<usize>().ok())
        .is_some_and(|number| (1..=shared.args.tools).contains(&number));
    is_generated
        || added.iter().any(|tool| tool == name)
        || Kind::of_tool(name).is_some()
        || name.starts_with("endless_")
        || fixed().iter().any(|tool| tool["name"] == name)
        || shared.args.extension && name == "notify"
        || shared.args.tells && tells::knows(name)
        || shared.args.tasks && tasks::knows(name)
        || shared.args.library && library().iter().any(|tool| tool["name"] == name)
}

/// The tool that only the caller of this name is shown.
pub(crate) fn private(caller: &str) -> String {
    generated(&format!("seen_by_{caller}"))
}

fn generated(name: &str) -> String {
    tool(
        name,
        "A generated tool; answers with its own name and the text.",
        json!({ "text": text() }),
        &[],
    )
    .to_string()
}

fn fault_tool(kind: Kind) -> String {
    let properties = json!({
        "arg": { "type": ["string", "integer"], "description": "The fault's argument." },
        "text": text(),
    });
    tool(&kind.name(), "Does the fault it is named after.", properties, &[]).to_string()
}

fn library() -> [Value; 5] {
    let mut link = tool("link", "Returns resources.", json!({}), &[]);
    link["_meta"] = json!({ "ui": { "resourceUri": "ui://mock/app" } });
    let name = json!({ "name": text() });
    let kinds = json!({ "type": "array", "items": text() });
    let ask = json!({ "kinds": kinds, "inTurn": { "type": "boolean" }, "withdraw": { "type": "boolean" }, "must": { "type": "boolean" }, "id": text(), "ends": { "type": "boolean" } });
    let visit = json!({ "id": text() });
    [
        link,
        tool("add_prompt", "Lists one prompt more.", name, &["name"]),
        tool("ask", "Asks the caller something.", ask, &["kinds"]),
        tool("visit", "Wants an address visited every other time.", visit.clone(), &[]),
        tool("end_visit", "Tells that a visit has ended.", visit, &["id"]),
    ]
}

fn telling() -> [Value; 3] {
    let whole = json!({ "type": "integer", "minimum": 0 });
    let what = json!({ "level": text(), "data": {}, "times": whole, "ms": whole });
    [
        tool("touch", "Updates a resource.", json!({ "uri": text(), "times": whole }), &["uri"]),
        tool("log", "Logs during the call.", what.clone(), &["level"]),
        tool("log_later", "Logs ms milliseconds after the call.", what, &["level"]),
    ]
}

fn fixed() -> Vec<Value> {
    let number = json!({ "type": "number" });
    let whole = json!({ "type": "integer", "minimum": 0 });
    let mut structured =
        tool("structured", "Returns n and its square.", json!({ "n": number }), &["n"]);
    structured["outputSchema"] = json!({
        "type": "object",
        "properties": { "n": number, "square": number },
        "required": ["n", "square"],
    });
    let mut echo = tool("echo", "Returns the text.", json!({ "text": text() }), &["text"]);
    echo["annotations"] = json!({ "readOnlyHint": true, "idempotentHint": true });
    vec![
        echo,
        tool("add", "Adds two numbers.", json!({ "a": number, "b": number }), &["a", "b"]),
        tool("sleep", "Answers after ms milliseconds.", json!({ "ms": whole }), &["ms"]),
        tool("bytes", "Returns a text of so many bytes.", json!({ "bytes": whole }), &["bytes"]),
        structured,
        tool("progress", "Reports steps, ms apart.", json!({ "steps": whole, "ms": whole }), &[]),
        tool("fail", "Fails as a tool does: isError.", json!({ "text": text() }), &[]),
        tool("rpc_error", "Fails with a JSON-RPC error.", json!({ "code": number }), &[]),
        tool("env", "Names of the environment, or one value.", json!({ "name": text() }), &[]),
        tool("pid", "The server's process id.", json!({}), &[]),
        tool("cwd", "The server's working directory.", json!({}), &[]),
        tool("fds", "The server's open descriptors.", json!({}), &[]),
        tool("meta", "The call's _meta as it arrived.", json!({}), &[]),
        tool(
            "count",
            "Adds a line to a file; returns its lines.",
            json!({ "file": text() }),
            &["file"],
        ),
        tool("add_tool", "Lists one tool more.", json!({ "name": text() }), &["name"]),
        tool("remove_tool", "Lists an added tool no more.", json!({ "name": text() }), &["name"]),
    ]
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn tool(name: &str, description: &str, properties: Value, required: &[&str]) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": { "type": "object", "properties": properties, "required": required },
    })
}
