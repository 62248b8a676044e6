//! This file says which few tools a view may show in place of all that it has, and how they are listed.
//!
//! Pure. It leaves what they do to the doors, and what stands behind them to the catalogue.

use bytes::Bytes;
use conductor_config::ViewMode;
use serde_json::{Value, json};

use super::list::digest;

/// A tool that stands for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontTool {
    /// `search_tools`: finds tools by words.
    Search,
    /// `describe_tool`: shows the definition of one.
    Describe,
    /// `call_tool`: calls one.
    Call,
    /// `list_servers`: names the servers.
    Servers,
    /// `get_server_tools`: shows the definitions of a server's tools.
    ServerTools,
    /// `execute_tool`: calls a tool of a server.
    Execute,
}

impl FrontTool {
    /// The tools that a view of this mode shows.
    #[must_use]
    pub fn of(mode: ViewMode) -> &'static [Self] {
        match mode {
            ViewMode::List => &[],
            ViewMode::Search => &[Self::Search, Self::Describe, Self::Call],
            ViewMode::Gateway => &[Self::Servers, Self::ServerTools, Self::Execute],
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search_tools",
            Self::Describe => "describe_tool",
            Self::Call => "call_tool",
            Self::Servers => "list_servers",
            Self::ServerTools => "get_server_tools",
            Self::Execute => "execute_tool",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Search => {
                "Finds tools by words that say what is to be done. Answers with names and descriptions, \
                 the best first; describe_tool then shows how one is called."
            }
            Self::Describe => "Shows a tool in full, with the schema of its arguments.",
            Self::Call => "Calls a tool by its name, and answers what it answers.",
            Self::Servers => "Lists the servers whose tools can be used.",
            Self::ServerTools => {
                "Shows tools of one server with the schemas of their arguments, all or some of them."
            }
            Self::Execute => "Runs a tool of a server, and answers what it answers.",
        }
    }

    /// Its parameters, and which of them must be given.
    fn parameters(self) -> (Value, &'static [&'static str]) {
        let text = |said: &str| json!({ "type": "string", "description": said });
        let agent = || text("Not looked at: who calls is known already.");
        match self {
            Self::Search => {
                let limit = json!({
                    "type": "integer", "minimum": 1, "maximum": 50, "default": 10,
                    "description": "How many tools to show at most.",
                });
                (
                    json!({ "query": text("Words that say what is to be done."), "limit": limit }),
                    &["query"],
                )
            }
            Self::Describe => (json!({ "name": text("The tool's name.") }), &["name"]),
            Self::Call => {
                let arguments = json!({
                    "type": "object", "description": "What its schema asks for.",
                });
                (json!({ "name": text("The tool's name."), "arguments": arguments }), &["name"])
            }
            Self::Servers => {
                let metadata = json!({
                    "type": "boolean", "default": false,
                    "description": "Whether to say how each server is reached.",
                });
                (json!({ "agent_id": agent(), "include_metadata": metadata }), &[])
            }
            Self::ServerTools => {
                let tokens = json!({
                    "type": "integer", "minimum": 0,
                    "description": "Stops before the tool with which the definitions, four characters a \
                                    token, would be longer.",
                });
                let parameters = json!({
                    "agent_id": agent(),
                    "server": text("The server's name."),
                    "names": text("Only these tools; names with commas between them."),
                    "pattern": text("Only tools whose names match; `*` stands for any characters."),
                    "max_schema_tokens": tokens,
                });
                (parameters, &["server"])
            }
            Self::Execute => {
                let args =
                    json!({ "type": "object", "description": "What the tool's schema asks for." });
                let timeout = json!({
                    "type": "integer", "minimum": 1, "description": "Milliseconds to wait at most.",
                });
                let parameters = json!({
                    "agent_id": agent(),
                    "server": text("The server's name."),
                    "tool": text("The tool's name, as its server calls it."),
                    "args": args,
                    "timeout_ms": timeout,
                });
                (parameters, &["server", "tool"])
            }
        }
    }

    /// Whether it only looks at what there is.
    fn only_reads(self) -> bool {
        !matches!(self, Self::Call | Self::Execute)
    }

    fn definition(self) -> Value {
        let (properties, required) = self.parameters();
        let mut definition = json!({
            "name": self.name(),
            "description": self.description(),
            "inputSchema": { "type": "object", "properties": properties, "required": required },
        });
        if self.only_reads() {
            definition["annotations"] = json!({ "readOnlyHint": true, "openWorldHint": false });
        }
        definition
    }
}

/// The tools that a view shows in place of those that it has, ready to be sent.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) mode: ViewMode,
    /// One JSON array.
    pub(super) array: Bytes,
    pub(super) digest: u64,
}

impl Front {
    /// What a view of this mode shows; none if that is all its tools.
    pub(super) fn of(mode: ViewMode) -> Option<Self> {
        let tools: Vec<Value> = FrontTool::of(mode).iter().map(|tool| tool.definition()).collect();
        let array = Bytes::from(Value::from(tools).to_string());
        (mode != ViewMode::List).then(|| Self { mode, digest: digest(&array), array })
    }

    /// The tool of this name.
    pub(super) fn tool(&self, name: &str) -> Option<FrontTool> {
        FrontTool::of(self.mode).iter().copied().find(|tool| tool.name() == name)
    }
}
