//! This file knows whose settings a file holds: by its name, by where it is, by what is in it.
//!
//! It leaves what that means for each key to `entry` and `values`.

use std::path::Path;

use clap::ValueEnum;

/// Who wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// Claude Desktop
    ClaudeDesktop,
    /// Claude Code
    ClaudeCode,
    /// Visual Studio Code
    Vscode,
    /// Cursor
    Cursor,
    /// Windsurf
    Windsurf,
    /// Cline
    Cline,
    /// Roo Code or Kilo Code
    Roo,
    /// Gemini CLI
    Gemini,
    /// Codex
    Codex,
    /// OpenCode
    Opencode,
    /// Zed
    Zed,
    /// mcp-hub
    McpHub,
    /// Any other program with a table of servers
    Other,
}

/// Part of a path, and who keeps a file there.
const PLACES: &[(&str, Source)] = &[
    ("/.vscode/", Source::Vscode),
    ("/.cursor/", Source::Cursor),
    ("/.codeium/", Source::Windsurf),
    ("/windsurf/", Source::Windsurf),
    ("/.roo/", Source::Roo),
    ("/.kilocode/", Source::Roo),
    ("/.gemini/", Source::Gemini),
    ("/.codex/", Source::Codex),
    ("/opencode/", Source::Opencode),
    ("/zed/", Source::Zed),
    ("/.zed/", Source::Zed),
    ("/mcphub/", Source::McpHub),
    ("/Code/User/", Source::Vscode),
];

/// Names of files, and whose they are.
const NAMES: &[(&str, Source)] = &[
    ("claude_desktop_config.json", Source::ClaudeDesktop),
    (".mcp.json", Source::ClaudeCode),
    (".claude.json", Source::ClaudeCode),
    ("cline_mcp_settings.json", Source::Cline),
    ("mcp_settings.json", Source::Roo),
    ("opencode.json", Source::Opencode),
    ("opencode.jsonc", Source::Opencode),
    ("mcp_config.json", Source::Windsurf),
];

/// Tables that one program alone has.
const TABLES: &[(&str, Source)] = &[
    ("\"context_servers\"", Source::Zed),
    ("[mcp_servers", Source::Codex),
    ("\"inputs\"", Source::Vscode),
    ("\"httpUrl\"", Source::Gemini),
    ("\"serverUrl\"", Source::Windsurf),
];

impl Source {
    /// Whose settings `text` is, which stands in the file at `path`.
    pub(crate) fn of(path: &Path, text: &str) -> Self {
        let whole = path.to_string_lossy();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let by_name = NAMES.iter().find(|(known, _)| name.as_deref() == Some(*known));
        let by_place = PLACES.iter().find(|(part, _)| whole.contains(part));
        let by_table = TABLES.iter().find(|(table, _)| text.contains(table));
        by_name.or(by_place).or(by_table).map_or(Self::Other, |(_, source)| *source)
    }

    /// Milliseconds that a bare number under `timeout` counts, where that is known.
    pub(super) fn timeout_unit(self) -> Option<u64> {
        match self {
            Self::ClaudeDesktop | Self::ClaudeCode | Self::Gemini | Self::Opencode => Some(1),
            Self::Cline | Self::Roo => Some(1_000),
            _ => None,
        }
    }

    /// Whether `$NAME` is a variable there, as `${NAME}` is.
    pub(super) fn expands_bare(self) -> bool {
        matches!(self, Self::Gemini)
    }

    /// Whether a `url` without a type is one of the older transport.
    pub(super) fn url_is_sse(self) -> bool {
        self == Self::Gemini
    }
}
