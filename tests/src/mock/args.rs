//! This file is the mock server's command line.
//! It decides nothing: what a switch does is told in the file that reads it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::fault::Fault;

/// A stdio MCP server for tests, healthy unless told otherwise.
#[derive(Debug, Clone, Parser)]
#[command(name = "mock-mcp-server", version)]
pub(crate) struct Args {
    /// Which revisions it speaks: legacy (initialize), modern (2026-07-28), or both.
    #[arg(long, value_enum, default_value_t = Era::Both)]
    pub(crate) era: Era,

    /// Exits with code 1 on any request before `initialize`, as some old servers do.
    #[arg(long)]
    pub(crate) die_on_discover: bool,

    /// Never answers `server/discover`.
    #[arg(long)]
    pub(crate) mute_on_discover: bool,

    /// Generated tools `tool_001`… beside the fixed ones.
    #[arg(long, default_value_t = 0)]
    pub(crate) tools: usize,

    /// Lists the generated tools only.
    #[arg(long)]
    pub(crate) no_fixed_tools: bool,

    /// Tools per page of `tools/list`; 0 is all on one page.
    #[arg(long, default_value_t = 0)]
    pub(crate) page: usize,

    /// Also lists one tool for every fault that a call can trigger.
    #[arg(long)]
    pub(crate) fault_tools: bool,

    /// Also has prompts, resources, templates and completion, and tools that concern them.
    #[arg(long)]
    pub(crate) library: bool,

    /// Of that, without completion.
    #[arg(long)]
    pub(crate) no_completion: bool,

    /// Of that, also tells of updates; and logs. Adds tools that do so.
    #[arg(long)]
    pub(crate) tells: bool,

    /// Also makes tasks of calls, and lists tools that do so.
    #[arg(long)]
    pub(crate) tasks: bool,

    /// Also declares an extension, whose method `mock/reverse` answers with the text read backwards, and
    /// whose notification `notifications/mock/tick` comes when the tool `notify` is called.
    #[arg(long)]
    pub(crate) extension: bool,

    /// A fault, `NAME` or `NAME=ARG`; may be given several times.
    #[arg(long = "fault", value_name = "NAME[=ARG]")]
    pub(crate) faults: Vec<Fault>,

    /// The faults are off while this file exists.
    #[arg(long, value_name = "FILE")]
    pub(crate) healthy_if: Option<PathBuf>,

    /// The faults are on for the process that creates this file, and off after it.
    #[arg(long, value_name = "FILE")]
    pub(crate) fault_once: Option<PathBuf>,

    /// Appends one JSON line for everything that happens.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// `serverInfo.name`.
    #[arg(long, default_value = "mock")]
    pub(crate) name: String,

    /// `instructions` of the handshake.
    #[arg(long)]
    pub(crate) instructions: Option<String>,

    /// `ttlMs` of modern lists.
    #[arg(long, default_value_t = 0)]
    pub(crate) ttl_ms: u64,

    /// Writes the id of an answer behind its result, as the TypeScript SDK does.
    #[arg(long)]
    pub(crate) id_last: bool,

    /// Starts the server as a child on the same pipes and waits for it, as `npx` does.
    #[arg(long)]
    pub(crate) launcher: bool,

    /// Lists one more tool, `changing`, with what is in this file as its description.
    #[arg(long, value_name = "FILE")]
    pub(crate) changing: Option<PathBuf>,

    /// Lists one more tool, `schemed`, whose input schema is the JSON text in this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,

    /// Lists what is in this file: JSON, by the method of each list the members of its result as text.
    #[arg(long, value_name = "FILE")]
    pub(crate) listed: Option<PathBuf>,

    /// Lists the tools in this file too, a definition a line, as they are written.
    #[arg(long, value_name = "FILE")]
    pub(crate) defined: Option<PathBuf>,

    /// What is kept of its answers is for one caller: a list has a tool `seen_by_` and the caller's
    /// name more, and a resource that is read tells how many were read before.
    #[arg(long)]
    pub(crate) private: bool,

    /// Runs beside nobody with the same file, as those with a port or a database of their own do:
    /// the second ends with code 73 and leaves a line in the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) sole: Option<PathBuf>,

    /// Seconds after which even a stubborn process ends, so that no test leaks one for good.
    #[arg(long, default_value_t = 600)]
    pub(crate) lifetime: u64,

    /// Not a server but a descendant that only stays alive; so many more below it.
    #[arg(long, hide = true)]
    pub(crate) leaf: Option<usize>,

    /// Where a descendant writes its pid.
    #[arg(long, hide = true)]
    pub(crate) pids: Option<PathBuf>,
}

/// Which revisions of the protocol the server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Era {
    /// `initialize`, 2024-11-05 to 2025-11-25.
    Legacy,
    /// `server/discover` and metadata on every request, 2026-07-28.
    Modern,
    /// Either, request by request.
    Both,
}

impl Era {
    pub(crate) fn knows_legacy(self) -> bool {
        matches!(self, Self::Legacy | Self::Both)
    }

    pub(crate) fn knows_modern(self) -> bool {
        matches!(self, Self::Modern | Self::Both)
    }
}
