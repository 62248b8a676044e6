//! This program measures what the gateway costs per call, beside the direct path, in one run.
//! It measures one machine at one time: compare only figures of one run, or of runs taken in turn.

mod answers;
mod book;
mod document;
mod echo;
mod floor;
mod guard;
mod load;
mod machine;
mod marked;
mod other;
mod plot;
mod process;
mod profile;
mod report;
mod run;
mod suite;
mod talk;
mod targets;
mod trouble;
mod work;
mod world;

use std::hint::black_box;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::answers::Answers;

/// What the gateway costs, beside the direct path.
#[derive(Debug, Parser)]
#[command(name = "conductor-bench")]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Measures the direct path and the gateway in turn and prints both.
    Run(RunArgs),
    /// Measures everything: doors, sizes, lists, memory, start, recovery, scale, fairness, other gateways.
    Suite(SuiteArgs),
    /// Shows where the daemon's processor time goes, by perf.
    Profile(ProfileArgs),
    /// Counts what a call costs the daemon, by valgrind and strace, and holds it against limits.
    Guard(GuardArgs),
    /// An MCP server that answers as fast as it can: on stdin and stdout, or over HTTP.
    Echo {
        /// Serves HTTP here instead and prints the address it got.
        #[arg(long, value_name = "ADDR:PORT")]
        http: Option<SocketAddr>,
        /// How many tools it lists.
        #[arg(long, default_value_t = 3)]
        tools: usize,
        /// Writes lines that are no messages as well, without end, once it has listed its tools.
        #[arg(long)]
        garbage: bool,
    },
    /// The ruler beside the gateway: carries messages to servers in turn, with the least that takes.
    Floor {
        /// Serves HTTP here and prints the address it got.
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
        http: SocketAddr,
        /// Serves a Unix socket as well, a message a line.
        #[arg(long, value_name = "PATH")]
        unix: Option<PathBuf>,
        /// How many servers it starts, all of them the same.
        #[arg(long, default_value = "1", value_name = "COUNT")]
        servers: NonZero<usize>,
        /// The words that start a server.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        server: Vec<String>,
    },
    /// Loads any endpoint that has an echo tool, and prints what it saw.
    Load {
        /// Where.
        #[arg(long, value_name = "ADDR:PORT")]
        addr: SocketAddr,
        /// Path of the endpoint.
        #[arg(long, default_value = "/mcp")]
        path: String,
        /// The echo tool's name; of several, each is asked in turn.
        #[arg(long, default_value = "echo", value_delimiter = ',')]
        tool: Vec<String>,
        /// The process whose processor time is read.
        #[arg(long)]
        pid: Option<i32>,
        /// Asks the tool for so many bytes of structured content, as `rows` gives.
        #[arg(long)]
        rows: bool,
        #[command(flatten)]
        window: WindowArgs,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct RunArgs {
    /// The daemon; the `conductor` beside this program unless given.
    #[arg(long, value_name = "FILE")]
    conductor: Option<PathBuf>,
    /// How often each path is measured, in turn.
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// JSON on stdout instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    window: WindowArgs,
}

#[derive(Debug, Clone, clap::Args)]
struct SuiteArgs {
    /// The daemon; the `conductor` beside this program unless given.
    #[arg(long, value_name = "FILE")]
    conductor: Option<PathBuf>,
    /// Less of everything, in two minutes.
    #[arg(long)]
    quick: bool,
    /// Only these parts: echo, sizes, list, memory, start, recover, scale, fair, beside, floor.
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<String>,
    /// Gateways of others to measure beside, instead of such known ones as are installed.
    #[arg(long, value_name = "FILE")]
    others: Option<PathBuf>,
    /// How often each is measured, in turn.
    #[arg(long)]
    rounds: Option<u32>,
    /// Seconds that are measured, each time.
    #[arg(long)]
    seconds: Option<f64>,
    /// Calls after which memory is looked at.
    #[arg(long)]
    calls: Option<u64>,
    /// Where all figures go; with `--only`, those of the other parts are kept from it.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A document whose measured part is renewed, and the plots beside it.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
struct ProfileArgs {
    /// The daemon; the `conductor` beside this program unless given.
    #[arg(long, value_name = "FILE")]
    conductor: Option<PathBuf>,
    /// Seconds that each work is looked at.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// A document whose table of shares is renewed.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
struct GuardArgs {
    /// The daemon; the `conductor` beside this program unless given.
    #[arg(long, value_name = "FILE")]
    conductor: Option<PathBuf>,
    /// Only says what was counted.
    #[arg(long)]
    print: bool,
    /// How often each is counted; the least is taken.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

#[derive(Debug, Clone, clap::Args)]
struct WindowArgs {
    /// Revisions of the protocol.
    #[arg(long, value_enum, default_value_t = Eras::Both)]
    era: Eras,
    /// Connections, each with one call at a time.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// Seconds that are measured, each time.
    #[arg(long, default_value_t = 2.5)]
    seconds: f64,
    /// Seconds before them that are not.
    #[arg(long, default_value_t = 0.8)]
    warmup: f64,
    /// Bytes of text that are echoed.
    #[arg(long, default_value_t = 100)]
    bytes: usize,
}

/// Which revisions are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Eras {
    /// With `initialize` and a session.
    Legacy,
    /// 2026-07-28, without either.
    Modern,
    /// One after the other.
    Both,
}

/// Free memory that servers and clients keep, in bytes: some answers of 1 MB.
const ROOM: usize = 8 << 20;

fn main() -> ExitCode {
    // Otherwise glibc gives it back after each long answer and gets it again page by page, which takes a
    // server longer than all else; src/heap.rs in the daemon does and says the same.
    drop(black_box(Vec::<u8>::with_capacity(ROOM)));
    let done = match Args::parse().verb {
        Verb::Run(args) => on_runtime(run::run(args)),
        Verb::Suite(args) => on_runtime(suite::run(args)),
        Verb::Profile(args) => on_runtime(profile::run(args)),
        Verb::Guard(args) => on_runtime(guard::run(args)),
        Verb::Echo { http: Some(addr), tools, .. } => {
            on_runtime(echo::http(addr, Answers::new(tools)))
        }
        Verb::Echo { http: None, tools, garbage } => {
            return echo::stdio(&Answers::new(tools), garbage);
        }
        Verb::Floor { http, unix, servers, server } => {
            floor::run(http, unix.as_deref(), servers.get(), &server)
        }
        Verb::Load { addr, path, tool, pid, rows, window } => {
            let place = talk::Place::Http { addr, path };
            let target = load::Target { place, tools: tool.into(), pid, is_tree: false };
            on_runtime(run::load_once(&target, rows, &window))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn on_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build()?.block_on(until_told(work))
}

/// Lets `work` go on until it is done or a signal says to end: dropped in order, it takes along what it has
/// started.
async fn until_told(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = terminate.recv() => bail!("told to end"),
        _ = ctrl_c() => bail!("interrupted"),
    }
}
