//! This file says what the command line takes, and is its manual: everything in `--help` is here.
//!
//! It carries nothing out.

mod import;
mod secrets;
mod state;
mod tools;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use conductor_config::{LogFormat, ServerId, parse_duration};

use crate::sample_server::Fault;
pub(super) use import::{ImportArgs, SecretsBecome};
pub(super) use secrets::{SecretsArgs, SecretsCommand};
pub(super) use state::{StateArgs, StateCommand};
pub(super) use tools::{CallArgs, PinsArgs, PinsCommand, ScopeArgs, ToolsArgs, WhyArgs};

/// Many MCP servers behind one endpoint, supervised.
///
/// Starts every server of a settings file, keeps it running, and offers all their tools at one
/// address, as `server.tool`. The `mcpServers` file of a desktop client is a complete settings
/// file.
#[derive(Debug, Parser)]
#[command(
    name = "conductor",
    version,
    arg_required_else_help = true,
    args_override_self = true,
    subcommand_required = true,
    max_term_width = 100,
    after_long_help = "\
Start here:
  conductor serve --config .mcp.json     run the servers of that file
  conductor status                       see how they do
  conductor client-config                what to tell an agent

Settings are looked for in $CONDUCTOR_CONFIG, ./conductor.toml, ./.mcp.json,
$XDG_CONFIG_HOME/conductor/conductor.toml and /etc/conductor/conductor.toml.

Exit codes: 0 fine, 1 bad outcome, 2 usage or settings, 3 no daemon, 4 address taken,
5 state directory, 6 refused, 7 timed out, 8 killed, 70 internal."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Serve(ServeArgs),
    Stdio(StdioArgs),
    Check(CheckArgs),
    Doctor(DoctorArgs),
    Status(StatusArgs),
    Plan(PlanArgs),
    Reload(ReloadArgs),
    Restart(RestartArgs),
    Logs(LogsArgs),
    Tools(ToolsArgs),
    Why(WhyArgs),
    Pins(PinsArgs),
    Import(ImportArgs),
    Secrets(SecretsArgs),
    State(StateArgs),
    Call(CallArgs),
    ClientConfig(ClientConfigArgs),
    Connect(ConnectArgs),
    SampleServer(SampleServerArgs),
    /// Outlive the daemon that starts this, and end what it has left
    #[command(hide = true)]
    Guard,
}

/// Run the daemon in the foreground.
///
/// Starts every enabled server, offers their tools over HTTP, restarts what dies. SIGTERM or
/// Ctrl-C stops it cleanly: calls under way may finish, then every server is stopped with its
/// whole process group. A second one ends everything at once. The log goes to stderr.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor serve --config .mcp.json
  conductor serve --config base.toml --config mine.toml    (later files win)
  conductor serve --listen 127.0.0.1:0 --log-format json   (any free port, see the log)")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
}

/// Serve one agent on stdin and stdout.
///
/// Runs the same system as `serve` for as long as the agent's input lasts: this is the command
/// to name in a client that starts its servers itself. There is no HTTP door unless --listen
/// is given. Unless --state-dir is given either, its state is in a private temporary directory
/// that is removed at the end, so that it can run beside a daemon and beside others of its
/// kind. stdout carries nothing but MCP; the log goes to stderr.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor stdio --config ~/servers.toml
  conductor stdio --connect ~/.local/state/conductor/workspaces/default.sock
  In a client:  {\"command\": \"conductor\", \"args\": [\"stdio\", \"--config\", \"/etc/servers.toml\"]}")]
pub(super) struct StdioArgs {
    #[command(flatten)]
    pub(super) settings: SettingsArgs,
    /// Start nothing: join the daemon that listens at this Unix socket.
    #[arg(
        long,
        value_name = "SOCKET",
        conflicts_with_all = ["config", "listen", "state_dir", "log_format"]
    )]
    pub(super) connect: Option<PathBuf>,
}

/// Join stdin and stdout to the Unix socket of one server.
///
/// For clients that know nothing but commands, as in a sandbox into which the socket is mounted.
/// Ends when the daemon ends the connection; the end of stdin is passed on, and what is still
/// answered is written. Ends with 0 then, and with 1 if there is no socket or nobody answers.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor connect git
  conductor connect --socket /run/conductor/reviewer.sock
  In a client:  {\"command\": \"conductor\", \"args\": [\"connect\", \"git\"]}")]
pub(super) struct ConnectArgs {
    /// The server; `workspace/name` outside the workspace `default`.
    #[arg(value_name = "SERVER", required_unless_present = "socket")]
    pub(super) name: Option<ServerId>,
    /// The socket, for where the daemon cannot be asked.
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
}

/// Say whether settings are right, and what comes of them.
///
/// Reads and checks everything as `serve` would, starts nothing, and shows the servers, how
/// their tools will be named, and what may surprise. Values of environments and headers are
/// never shown. Ends with 0 if all is well and with 2 if anything is wrong, a line on stderr
/// for each problem.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor check --config .mcp.json
  conductor check --json | jq '.servers[].name'")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Print one JSON object, problems included.
    #[arg(long)]
    pub(super) json: bool,
}

/// Find out what is wrong, and say what to do about it.
///
/// Looks at the settings and who may change them; at every entry's program, directory and
/// environment, or the way to its server; at state directory, address, limits and kernel; and, if
/// a daemon runs, at what it runs and how its servers do, with the last words of those that are
/// down. Changes nothing. Ends with 0 if there is no problem and with 1 if there is one.
///
/// With --chaos it tries what supervision is worth with your settings: each entry that starts a
/// program gets stand-ins, which are this program as a sample server under the entry's name,
/// heartbeat, restarts, timeout and limits. They are killed, frozen, and made to write garbage, half
/// a line, a flood, or byte by byte; a card tells when that was noticed, when the next one was back,
/// what became of calls, how a neighbour did, and what is left. Your servers are never started or
/// touched, nor is a running daemon. With the default heartbeat a frozen server is noticed after
/// about a minute, so all of it takes one to two.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor doctor
  conductor doctor --config .mcp.json
  conductor doctor --json | jq '.checks[] | select(.level == \"problem\")'
  conductor doctor --chaos                              (all entries, all faults)
  conductor doctor --chaos git search --only kill,stop")]
pub(super) struct DoctorArgs {
    /// With --chaos: only these servers; `workspace/name` outside the workspace `default`.
    #[arg(value_name = "NAME", requires = "chaos")]
    pub(super) names: Vec<ServerId>,
    /// Run faults against stand-ins of your entries.
    #[arg(long, conflicts_with = "state_dir")]
    pub(super) chaos: bool,
    /// With --chaos: only these faults.
    #[arg(long, value_name = "FAULT", value_enum, value_delimiter = ',', requires = "chaos")]
    pub(super) only: Vec<Fault>,
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// Print one JSON object: `problems`, `warnings` and `checks`, or, with --chaos, `bad`, `left`
    /// and `trials`.
    #[arg(long)]
    pub(super) json: bool,
}

/// Show how the servers of the running daemon do.
///
/// One line a server, and for each that is not up a sentence that says why, what it last wrote
/// to stderr, and when it is tried again.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor status
  conductor status --watch
  conductor status --json | jq '.connections[] | select(.state != \"running\")'")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// Print JSON: an object with the array `connections`, and `reload`, the record of reloads.
    #[arg(long)]
    pub(super) json: bool,
    /// Keep looking, and print again whenever something has changed.
    #[arg(long, short)]
    pub(super) watch: bool,
}

/// Say what a reload would do.
///
/// The daemon reads and checks its settings as they are now and changes nothing: a line for each
/// server that would be added, removed, restarted or retuned (new limits, filters or texts without
/// a restart). Ends with 2 if the settings are wrong, a line on stderr for each problem.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor plan
  conductor plan --json | jq '.restart[]'")]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// Have the daemon take over its settings as they are now.
///
/// All of them or none: if anything is wrong nothing changes, and this ends with 2, a line on
/// stderr for each problem. Servers for which nothing changes run on; those that are removed or
/// restarted finish their calls first. Ends when the servers have been told; `conductor status`
/// shows how they do. The daemon also does this on SIGHUP and, unless `reload.watch` is off, when
/// its files change.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor plan && conductor reload
  conductor reload --json | jq '.warnings'")]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// Print what was changed as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// Restart one server now.
///
/// Ends its process as at a stop, starts the next one, and waits until that is running (ends
/// with 0) or has failed (ends with 1). Calls under way may finish first. A server that was
/// given up gets a clean slate.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor restart git
  conductor restart team-a/git --timeout 10s    (a server of workspace team-a)")]
pub(super) struct RestartArgs {
    /// The server; `workspace/name` outside the workspace `default`.
    pub(super) name: ServerId,
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// How long to wait for the outcome.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub(super) timeout: Duration,
}

/// Show what a server writes to stderr.
///
/// The daemon keeps the last 64 KiB of each server, over restarts.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor logs git
  conductor logs git -f")]
pub(super) struct LogsArgs {
    /// The server; `workspace/name` outside the workspace `default`.
    pub(super) name: ServerId,
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
    /// Go on with what it writes from now on, until interrupted.
    #[arg(long, short)]
    pub(super) follow: bool,
}

/// Print the entry that a client needs to reach the daemon.
///
/// The entry goes to stdout; where to put it is said on stderr. The address is that of the
/// running daemon, or the one in the settings if none is running.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor client-config > .mcp.json
  conductor client-config --for codex >> ~/.codex/config.toml
  conductor client-config --for vscode --server git    (that server alone, under its own names)
  conductor client-config --server git --via connect --write .mcp.json")]
pub(super) struct ClientConfigArgs {
    /// The client.
    #[arg(long = "for", value_name = "CLIENT", value_enum, default_value_t = ClientKind::Claude)]
    pub(super) client: ClientKind,
    /// Only this server; `workspace/name` outside the workspace `default`.
    #[arg(long, value_name = "NAME")]
    pub(super) server: Option<ServerId>,
    /// How the client is to come in.
    #[arg(long, value_enum, default_value_t = Via::Http)]
    pub(super) via: Via,
    /// Add the entry to this file of the client, and keep what was there in FILE.bak.
    #[arg(long, value_name = "FILE")]
    pub(super) write: Option<PathBuf>,
    #[command(flatten)]
    pub(super) daemon: DaemonArgs,
}

/// How a client comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Via {
    /// By the HTTP door
    Http,
    /// By `conductor connect` and a Unix socket of a running server
    Connect,
}

/// Be a small, well-behaved MCP server on stdin and stdout.
///
/// For trying things: it has the tools echo, add, time, sleep and progress.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example, in a settings file:
  [mcpServers.sample]
  command = \"conductor\"
  args = [\"sample-server\"]")]
pub(super) struct SampleServerArgs {
    /// How many generated tools to have beside the fixed ones, 10000 at most.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) tools: usize,
    /// Go wrong in this way when the tool `misbehave` is called.
    #[arg(long, value_enum, hide = true)]
    pub(super) fault: Option<Fault>,
}

/// Which settings files.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// A settings file (.toml, .json, .yaml); may be repeated, later ones win.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: Vec<PathBuf>,
}

/// Which settings.
#[derive(Debug, Args)]
pub(super) struct SettingsArgs {
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Where to listen for HTTP; port 0 takes any free one.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// Where to keep state; one daemon at a time uses it.
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// How a line of the log looks.
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(super) log_format: Option<LogFormatArg>,
}

/// Which daemon.
#[derive(Debug, Args)]
pub(super) struct DaemonArgs {
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// The state directory of the daemon; as in the settings if left out.
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
}

/// The clients whose settings we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ClientKind {
    /// Claude Code and Claude Desktop
    Claude,
    /// Cursor
    Cursor,
    /// Visual Studio Code
    Vscode,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Windsurf
    Windsurf,
    /// Cline or Roo Code
    Cline,
    /// OpenCode
    Opencode,
    /// Zed
    Zed,
}

/// `LogFormat` as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormatArg {
    /// For people
    Text,
    /// For machines, an object a line
    Json,
}

impl From<LogFormatArg> for LogFormat {
    fn from(format: LogFormatArg) -> Self {
        match format {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
