//! This file answers what agents look up in a view that shows few tools in place of all.
//!
//! Pure. Only what the view has is told; what is not in it is not told from what does not exist.

use bytes::Bytes;
use conductor_actors::wire::{Members, json_string};
use conductor_actors::{Form, ListKind, ListState, ListedEntry, View};
use conductor_config::Config;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::choice::{Choice, Tool};

/// How much of a description a search shows, in characters.
const SHOWN: usize = 400;

/// An answer, as text and for programs.
#[derive(Debug)]
pub(super) struct Said {
    text: String,
    /// One JSON object.
    structured: String,
}

impl Said {
    fn object(value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_default();
        Self { structured: text.clone(), text }
    }

    /// As the result of a call.
    pub(super) fn result(&self) -> Bytes {
        let text = json_string(&self.text);
        let head = br#"{"content":[{"type":"text","text":"#;
        let between = br#"}],"structuredContent":"#;
        let parts = [&head[..], &text, between, self.structured.as_bytes(), b"}"];
        Bytes::from(parts.concat())
    }
}

/// A result that says what is wrong.
pub(super) fn failed(reason: &str) -> Bytes {
    let result = json!({ "content": [{ "type": "text", "text": reason }], "isError": true });
    Bytes::from(result.to_string())
}

/// Tools that fit a search, the best first.
pub(super) fn found(view: &View, form: Form, query: &str, most: usize) -> Said {
    let found = view.search(query);
    let row = |tool: &&ListedEntry| {
        let (name, definition) = view.list(ListKind::Tools).shown(tool, form);
        let mut row = json!({
            "name": name.as_str(),
            "server": tool.target.server.name.as_str(),
        });
        for key in ["title", "description"] {
            if let Some(text) = Members::read(definition).ok().and_then(|it| it.text(key)) {
                row[key] = Value::from(cut(&text));
            }
        }
        row
    };
    let tools: Vec<Value> = found.iter().take(most).map(row).collect();
    Said::object(&json!({ "tools": tools, "found": found.len(), "of": view.tools().len() }))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// The definition of a tool, as a list would show it; none if there is no such tool.
pub(super) fn described(view: &View, form: Form, name: &str) -> Option<Said> {
    let (_, definition) = view.list(ListKind::Tools).shown(view.tool(name)?, form);
    let text = String::from_utf8(definition.to_vec()).ok()?;
    Some(Said { structured: text.clone(), text })
}

/// The servers of a view. Commands and addresses are nobody's business here: there may be secrets in
/// them.
pub(super) fn servers(view: &View, config: &Config, with_transport: bool) -> Said {
    let ids = view.list(ListKind::Tools).servers().keys();
    let rows: Vec<Value> = ids
        .map(|id| {
            let spec = config.servers.get(id);
            let description = spec.and_then(|spec| spec.description.clone());
            let mut row = json!({ "name": id.name.as_str(), "description": description });
            if let Some(spec) = spec.filter(|_| with_transport) {
                row["transport"] = spec.transport.as_str().into();
            }
            row
        })
        .collect();
    let rows = Value::from(rows);
    Said { text: rows.to_string(), structured: json!({ "result": rows }).to_string() }
}

/// That a view has no such server.
pub(super) fn no_server(server: &str) -> String {
    format!("Server '{server}' not found in configured servers")
}

#[derive(Serialize)]
struct ServerTools<'a> {
    tools: Vec<Tool>,
    server: &'a str,
    total_available: usize,
    returned: usize,
    tokens_used: Option<u64>,
    error: Option<String>,
}

/// The tools of one server, as far as they are asked for. What is wrong is told beside them.
pub(super) fn server_tools(view: &View, choice: &Choice) -> Said {
    let server = choice.server.as_str();
    let mut states = view.list(ListKind::Tools).servers().iter();
    let state = states.find(|(id, _)| id.name.as_str() == server).map(|(_, state)| *state);
    let listed = view.tools().iter().filter(|tool| tool.target.server.name.as_str() == server);
    let total_available = listed.clone().count();
    let (tools, tokens_used, error) = match state {
        None => (Vec::new(), None, Some(no_server(server))),
        Some(ListState::Awaited | ListState::Missing) => {
            (Vec::new(), None, Some("Server unavailable: its tools are not known".to_owned()))
        }
        Some(ListState::Known | ListState::Absent) => match choice.of(listed.filter_map(tool)) {
            Ok(chosen) => (chosen.tools, chosen.tokens, None),
            Err(error) => (Vec::new(), None, Some(error)),
        },
    };
    let returned = tools.len();
    Said::object(&ServerTools { tools, server, total_available, returned, tokens_used, error })
}

/// A tool under its server's name for it.
fn tool(entry: &ListedEntry) -> Option<Tool> {
    let definition = Members::read(&entry.definition.json).ok()?;
    let schema = std::str::from_utf8(definition.get("inputSchema")?).ok()?;
    Some(Tool {
        name: entry.target.name.to_string(),
        description: definition.text("description").map(|text| text.to_string()),
        schema: RawValue::from_string(schema.to_owned()).ok()?,
    })
}
