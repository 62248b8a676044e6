//! This file starts the two paths, direct and through the gateway, and measures them in turn.
//! It leaves the load itself to `load.rs`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options, command};
use conductor_e2e::wait;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::load::{Seen, Target, Window, load};
use crate::report::{self, Figures};
use crate::{Eras, RunArgs, WindowArgs};

/// Measures both paths in both revisions and prints the figures.
pub(crate) async fn run(args: RunArgs) -> Result<()> {
    let own = std::env::current_exe()?;
    let own = own.to_str().context("failed to read this program's path")?;
    let (_server, direct) = start_direct(own).await?;
    let binary = args.conductor.clone().map_or_else(|| beside("conductor"), Ok)?;
    let (_daemon, gateway) = start_gateway(&binary, own).await?;
    let mut all = Vec::new();
    for (era, modern) in eras(args.window.era) {
        let window = window(&args.window, modern);
        let (mut straight, mut through): (Vec<Seen>, Vec<Seen>) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds.max(1) {
            straight.push(load(&direct, window).await.context("the direct path")?);
            through.push(load(&gateway, window).await.context("the gateway")?);
        }
        all.push(Figures::of("direct", era, &straight));
        all.push(Figures::of("gateway", era, &through));
    }
    if args.json { report::json(&all) } else { Ok(report::table(&all)?) }
}

/// Loads one endpoint that runs already and prints its figures as JSON.
pub(crate) async fn load_once(target: &Target, args: &WindowArgs) -> Result<()> {
    let mut all = Vec::new();
    for (era, modern) in eras(args.era) {
        let seen = load(target, window(args, modern)).await?;
        all.push(Figures::of("given", era, &[seen]));
    }
    report::json(&all)
}

fn eras(eras: Eras) -> Vec<(&'static str, bool)> {
    match eras {
        Eras::Legacy => vec![("legacy", false)],
        Eras::Modern => vec![("modern", true)],
        Eras::Both => vec![("legacy", false), ("modern", true)],
    }
}

fn window(args: &WindowArgs, modern: bool) -> Window {
    Window {
        modern,
        connections: args.connections.max(1),
        warmup: Duration::from_secs_f64(args.warmup),
        measured: Duration::from_secs_f64(args.seconds),
        bytes: args.bytes,
    }
}

/// Starts the echo server on HTTP; it ends with the handle.
async fn start_direct(own: &str) -> Result<(Child, Target)> {
    let mut server = command(own)
        .args(["echo", "--http", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("failed to start the echo server")?;
    let stdout = server.stdout.take().context("no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await??;
    let addr = line.context("the echo server said no address")?.parse()?;
    let pid = server.id().and_then(|pid| i32::try_from(pid).ok());
    Ok((server, Target { addr, path: "/mcp".to_owned(), tool: "echo".to_owned(), pid }))
}

/// Starts the daemon with the echo server on stdio behind it, and waits for its tool.
async fn start_gateway(binary: &std::path::Path, own: &str) -> Result<(Daemon, Target)> {
    let binary = binary.to_str().context("failed to read the daemon's path")?;
    let settings = json!({ "mcpServers": { "bench": { "command": own, "args": ["echo"] } } });
    let daemon = Daemon::start(binary, settings, Options::default()).await?;
    let (addr, tool) = (daemon.addr(), "bench.echo".to_owned());
    wait::until("the echo tool is listed", Duration::from_secs(20), async || {
        let names = Client::modern(addr, "/mcp").tool_names().await.ok()?;
        names.contains(&tool).then_some(())
    })
    .await
    .with_context(|| daemon.log_tail(40))?;
    let target = Target { addr, path: "/mcp".to_owned(), tool, pid: Some(daemon.pid()) };
    Ok((daemon, target))
}

/// A program in the folder of this one.
fn beside(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("there is no {} (build it, or name it with --conductor)", path.display());
    }
    Ok(path)
}
