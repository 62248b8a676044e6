//! This file says what the command takes that reads other programs' settings.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::DaemonArgs;
use crate::import::Source;

/// Take over the servers of another client's settings.
///
/// Reads the file of Claude Desktop, Claude Code, VS Code, Cursor, Windsurf, Cline, Roo Code, Gemini
/// CLI, Codex, OpenCode, Zed, mcp-hub, or of a program that keeps a table of servers like theirs;
/// prints settings of ours, and tells on stderr what was changed, dropped, or could not be carried
/// over. Passwords and tokens are encrypted with the master key, or become variables that have to be
/// set; they are never shown. Ends with 1 if anything could not be carried over.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor import ~/.cursor/mcp.json
  conductor import ~/.codex/config.toml --write servers.json
  conductor import ~/.claude.json --project ~/shop --secrets env > servers.json")]
pub(in crate::cli) struct ImportArgs {
    /// The client's file.
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Whose it is; told by its name, its place and what is in it if left out.
    #[arg(long = "from", value_name = "CLIENT", value_enum)]
    pub(in crate::cli) source: Option<Source>,
    /// The project whose own servers are taken over as well, where the file tells them apart.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) project: Option<PathBuf>,
    /// What passwords and tokens become; in arguments and URLs they become variables either way.
    #[arg(long, value_enum, default_value_t = SecretsBecome::Encrypted)]
    pub(in crate::cli) secrets: SecretsBecome,
    /// Add the servers to this settings file (JSON), and keep what was there in FILE.bak.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) write: Option<PathBuf>,
    /// Print settings and report as one JSON object.
    #[arg(long, conflicts_with = "write")]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
}

/// What secrets become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SecretsBecome {
    /// Values that are encrypted with the master key
    Encrypted,
    /// Variables of the environment
    Env,
}
