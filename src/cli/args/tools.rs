//! This file says what the commands about tools take, and is their manual.
//!
//! It carries nothing out.

use std::time::Duration;

use clap::{Args, Subcommand};
use conductor_config::ServerId;

use super::{DaemonArgs, duration};

/// List the tools that agents see.
///
/// Waits a few seconds for servers that are still coming up, and says on stderr whose tools are
/// missing.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor tools
  conductor tools --server git                (under git's own names)
  conductor tools --explain                   (those that are hidden as well, and why)
  conductor tools --json | jq '.[].name'")]
pub(in crate::cli) struct ToolsArgs {
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    /// Print the whole definitions as a JSON array.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// What became of every tool that a server lists: shown, hidden or refused, what was found in
    /// its definition, and what was changed.
    #[arg(long)]
    pub(in crate::cli) explain: bool,
    /// How long to wait for servers that are coming up, a minute at most.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(in crate::cli) wait: Duration,
}

/// Say why agents see a tool, or why they do not.
///
/// Ends with 0 if they see it and with 1 if not.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor why git.push
  conductor why push --server git             (by git's own name)")]
pub(in crate::cli) struct WhyArgs {
    /// The tool, named as agents would name it.
    pub(in crate::cli) tool: String,
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// See and approve changes of tools.
///
/// What a server's tools look like is remembered from the first time. When one comes up in another
/// form, or as a new one, or the server's command is another, it is listed here until it is
/// approved. Whether agents are shown it until then is for `pins` in the settings to say.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor pins list
  conductor pins diff git
  conductor pins approve git              (all of its tools)
  conductor pins approve git log push")]
pub(in crate::cli) struct PinsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: PinsCommand,
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PinsCommand {
    /// List the tools that are not as they were approved.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Show how they differ.
    Diff {
        /// Only this server's.
        server: Option<ServerId>,
    },
    /// Approve tools as they are now.
    Approve {
        /// The server; `workspace/name` outside the workspace `default`.
        server: ServerId,
        /// Its own names for the tools; all of them if none is given.
        tools: Vec<String>,
    },
}

/// Call a tool and print what it answers.
///
/// Prints the text of the answer. Ends with 0 if the tool succeeded and with 1 if it says that
/// it failed. Ctrl-C takes the call back.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor call sample.add '{\"a\": 1, \"b\": 2}'
  conductor call echo '{\"text\": \"hi\"}' --server sample
  generate-arguments | conductor call git.log - --json | jq .content")]
pub(in crate::cli) struct CallArgs {
    /// The tool, named as `conductor tools` names it.
    pub(in crate::cli) tool: String,
    /// Its arguments, a JSON object; `-` reads them from stdin.
    #[arg(value_name = "JSON", default_value = "{}")]
    pub(in crate::cli) arguments: String,
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
    #[command(flatten)]
    pub(in crate::cli) scope: ScopeArgs,
    /// Print the whole result as JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// How long to wait; the server's own limit if left out.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(in crate::cli) timeout: Option<Duration>,
}

/// Which tools.
#[derive(Debug, Args)]
pub(in crate::cli) struct ScopeArgs {
    /// Only this server, its tools under their own names.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) server: Option<conductor_config::ServerName>,
    /// The workspace.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(in crate::cli) workspace: conductor_config::WorkspaceName,
}
