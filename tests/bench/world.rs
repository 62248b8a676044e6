//! This file starts what is measured: the echo server alone, and daemons with it behind them.
//! It leaves loading them to `load.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options, command};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::load::Target;
use crate::talk::Place;

/// How long many servers may take to come up.
const COMING_UP: Duration = Duration::from_secs(120);

/// The programs that are measured.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The daemon.
    pub(crate) conductor: String,
    /// This program, which is the echo server as well.
    pub(crate) own: String,
    /// The server that has faults.
    pub(crate) mock: String,
}

impl Programs {
    /// The given daemon, or the one beside this program.
    pub(crate) fn find(conductor: Option<PathBuf>) -> Result<Self> {
        let own = std::env::current_exe()?;
        let conductor = conductor.unwrap_or_else(|| own.with_file_name("conductor"));
        if !conductor.exists() {
            let shown = conductor.display();
            bail!("there is no {shown} (build it, or name it with --conductor)");
        }
        let text = |path: PathBuf| path.to_str().map(str::to_owned).context("a path is no text");
        let mock = own.with_file_name("mock-mcp-server");
        Ok(Self { conductor: text(conductor)?, own: text(own)?, mock: text(mock)? })
    }

    /// The words that start an echo server on stdin and stdout.
    pub(crate) fn echo(&self, tools: usize) -> Vec<String> {
        let words = [&self.own, "echo", "--tools", &tools.to_string()];
        words.map(str::to_owned).to_vec()
    }

    /// Starts an echo server on HTTP; it ends with the handle.
    pub(crate) async fn direct(&self, tools: usize) -> Result<(Child, Target)> {
        let mut starting = command(&self.own);
        starting.args(["echo", "--http", "127.0.0.1:0", "--tools", &tools.to_string()]);
        listening(starting).await.context("the echo server")
    }

    /// The words that start the ruler before echo servers, on this address.
    pub(crate) fn ruler(&self, addr: SocketAddr, options: &[&str], tools: usize) -> Vec<String> {
        let addr = addr.to_string();
        let words = [&[&*self.own, "floor", "--http", &addr], options, &["--"]].concat();
        words.into_iter().map(str::to_owned).chain(self.echo(tools)).collect()
    }

    /// Starts the ruler before so many echo servers; it ends with the handle.
    pub(crate) async fn floor(&self, servers: usize, tools: usize) -> Result<Floor> {
        let sandbox = Sandbox::new()?;
        let socket = sandbox.path("floor.sock");
        let unix = socket.to_str().context("a path is no text")?;
        let options = ["--unix", unix, "--servers", &servers.to_string()];
        let words = self.ruler(SocketAddr::from(([127, 0, 0, 1], 0)), &options, tools);
        let mut starting = command(&words[0]);
        starting.args(&words[1..]);
        let (child, http) = listening(starting).await.context("the floor")?;
        let unix = Target { place: Place::Unix(socket), ..http.clone() };
        Ok(Floor { http, unix, _child: child, _sandbox: sandbox })
    }

    /// Starts a daemon with echo servers behind it and waits until all their tools are listed.
    pub(crate) async fn gateway(&self, servers: usize, tools_each: usize) -> Result<Gateway> {
        let gateway = self.boot(self.settings(servers, tools_each), servers).await?;
        let expected = servers * tools_each.max(3);
        gateway.wait_listed(|names| names.len() == expected).await?;
        Ok(gateway)
    }

    /// The same with any settings, of which these servers must be ready.
    pub(crate) async fn gateway_with(&self, settings: Value, ready: &[&str]) -> Result<Gateway> {
        let gateway = self.boot(settings, ready.len()).await?;
        let is_ready = |server: &&str, names: &[String]| {
            names.iter().any(|name| name.strip_suffix(".echo") == Some(*server))
        };
        gateway.wait_listed(|names| ready.iter().all(|server| is_ready(server, names))).await?;
        Ok(gateway)
    }

    async fn boot(&self, mut settings: Value, servers: usize) -> Result<Gateway> {
        let sandbox = Arc::new(Sandbox::new()?);
        let socket = sandbox.path("all.sock");
        settings["listen"] = json!({ "unix": socket });
        let options = Options { sandbox: Some(sandbox), limit: COMING_UP, ..Options::default() };
        let daemon = Daemon::start(&self.conductor, settings, options).await?;
        Ok(Gateway { daemon, socket, servers })
    }

    /// A command that starts a daemon on stdin and stdout; the sandbox must outlive it.
    pub(crate) fn stdio(&self) -> Result<(Sandbox, Vec<String>)> {
        let sandbox = Sandbox::new()?;
        let file = sandbox.write_settings(self.settings(1, 0))?;
        let file = file.to_str().context("a path is no text")?;
        let words = [&self.conductor, "stdio", "--config", file];
        let words = words.map(str::to_owned).to_vec();
        Ok((sandbox, words))
    }

    /// Settings with so many echo servers, for more clients than usual.
    pub(crate) fn settings(&self, servers: usize, tools_each: usize) -> Value {
        let words = self.echo(tools_each);
        let one = json!({ "command": words[0], "args": words[1..] });
        let all: serde_json::Map<String, Value> =
            (0..servers).map(|number| (server_name(number), one.clone())).collect();
        json!({
            "catalog": { "pageSize": 100_000 },
            "defaults": {
                "maxInFlight": 1024,
                "stableAfter": "300ms",
                "restarts": { "max": 1000, "window": "5m" },
            },
            "mcpServers": all,
        })
    }
}

/// Starts what says its address first, and has a tool `echo` there.
async fn listening(mut starting: Command) -> Result<(Child, Target)> {
    starting.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = starting.spawn().context("failed to start it")?;
    let stdout = child.stdout.take().context("no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await??;
    let addr: SocketAddr = line.context("it said no address")?.parse()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let place = Place::Http { addr, path: "/mcp".to_owned() };
    Ok((child, Target { place, tools: ["echo".to_owned()].into(), pid, is_tree: false }))
}

/// A running ruler with echo servers behind it.
pub(crate) struct Floor {
    /// Its HTTP door.
    pub(crate) http: Target,
    /// Its Unix socket.
    pub(crate) unix: Target,
    _child: Child,
    _sandbox: Sandbox,
}

/// The name of one of the echo servers.
pub(crate) fn server_name(number: usize) -> String {
    format!("s{number:03}")
}

/// A running daemon with echo servers behind it.
pub(crate) struct Gateway {
    pub(crate) daemon: Daemon,
    socket: PathBuf,
    servers: usize,
}

impl Gateway {
    async fn wait_listed(&self, is_whole: impl Fn(&[String]) -> bool) -> Result<()> {
        let addr = self.daemon.addr();
        let listed = wait::until("all tools are listed", COMING_UP, async || {
            let names = Client::modern(addr, "/mcp").tool_names().await.ok()?;
            is_whole(&names).then_some(())
        });
        listed.await.with_context(|| self.daemon.log_tail(40))
    }

    /// Its HTTP door.
    pub(crate) fn http(&self) -> Target {
        self.target(Place::Http { addr: self.daemon.addr(), path: "/mcp".to_owned() })
    }

    /// Its Unix socket.
    pub(crate) fn unix(&self) -> Target {
        self.target(Place::Unix(self.socket.clone()))
    }

    fn target(&self, place: Place) -> Target {
        let tools: Vec<String> =
            (0..self.servers).map(|number| format!("{}.echo", server_name(number))).collect();
        Target { place, tools: tools.into(), pid: Some(self.daemon.pid()), is_tree: false }
    }
}

impl Target {
    /// The same place, but another tool of the same servers.
    pub(crate) fn with_tool(&self, tool: &str) -> Self {
        let tools: Vec<String> = self
            .tools
            .iter()
            .map(|name| match name.rsplit_once('.') {
                Some((server, _)) => format!("{server}.{tool}"),
                None => tool.to_owned(),
            })
            .collect();
        Self { tools: tools.into(), ..self.clone() }
    }
}
