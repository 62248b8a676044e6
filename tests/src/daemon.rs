//! This file boots the real binary in a sandbox, finds its port in its log, and ends it with the test.
//! It leaves speaking MCP with it to `client.rs`.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::sandbox::Sandbox;
use crate::wait;

/// How long a daemon has to end on SIGTERM when its test is over.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Settings for a daemon: a value, or a text as a user would write it.
#[derive(Debug, Clone)]
pub enum Settings {
    /// Written as JSON, with the sandbox's mark in every server's environment.
    Value(Value),
    /// Written as it is; the ending (`toml`, `json`, `yaml`) decides how it is read.
    Text {
        /// File ending without a dot.
        ending: &'static str,
        /// The file's text.
        text: String,
    },
    /// No `--config` at all.
    None,
}

impl From<Value> for Settings {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// How to boot a daemon, where the usual is not wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// More arguments of `conductor serve`.
    pub args: Vec<String>,
    /// More environment.
    pub env: Vec<(String, String)>,
    /// Where it runs: a new sandbox unless one is given, as for a second start.
    pub sandbox: Option<Arc<Sandbox>>,
    /// How long it has until it listens.
    pub limit: Duration,
    /// Listening sockets that are handed over as systemd does, by name; two at most.
    pub handed: Vec<(&'static str, Arc<OwnedFd>)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            args: vec![],
            env: vec![],
            sandbox: None,
            limit: Duration::from_secs(20),
            handed: vec![],
        }
    }
}

/// A running daemon. Dropping it ends it: SIGTERM, and SIGKILL to its group if that is not enough.
#[derive(Debug)]
pub struct Daemon {
    binary: String,
    child: Child,
    pid: i32,
    addr: SocketAddr,
    lines: watch::Receiver<u64>,
    log: PathBuf,
    sandbox: Arc<Sandbox>,
}

/// What a command that ran to its end left behind.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; nothing if a signal ended it.
    pub code: Option<i32>,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
}

impl Daemon {
    /// Boots `conductor serve` on a free port; `binary` is `env!("CARGO_BIN_EXE_conductor-under-test")`.
    ///
    /// # Errors
    ///
    /// When it does not listen within the limit; with its log.
    pub async fn start(
        binary: &str,
        settings: impl Into<Settings>,
        options: Options,
    ) -> Result<Self> {
        let sandbox = match &options.sandbox {
            Some(sandbox) => sandbox.clone(),
            None => Arc::new(Sandbox::new()?),
        };
        let mut args = vec!["serve".to_owned(), "--log-format".to_owned(), "json".to_owned()];
        args.extend(["--listen".to_owned(), "127.0.0.1:0".to_owned()]);
        args.extend(["--state-dir".to_owned(), sandbox.state_dir().display().to_string()]);
        if let Some(file) = write_settings(&sandbox, settings.into())? {
            args.extend(["--config".to_owned(), file.display().to_string()]);
        }
        args.extend(options.args);
        let mut command = program(binary, &options.handed)?;
        command.args(&args).envs(options.env).current_dir(sandbox.folder());
        command.stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().context("failed to start the daemon")?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("no pid")?;
        let log = sandbox.path(&format!("daemon-{pid}.log"));
        let lines = follow(child.stderr.take().context("no stderr")?, log.clone()).await?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon =
            Self { binary: binary.to_owned(), child, pid, addr: nowhere, lines, log, sandbox };
        daemon.addr = daemon.wait_listening(options.limit).await?;
        Ok(daemon)
    }

    async fn wait_listening(&mut self, limit: Duration) -> Result<SocketAddr> {
        let found = wait::until("the daemon listens", limit, async || {
            if let Some(addr) = self.log_lines().iter().find_map(listening) {
                return Some(Ok(addr));
            }
            match self.child.try_wait() {
                Ok(Some(status)) => Some(Err(status)),
                _ => None,
            }
        })
        .await;
        match found {
            Ok(Ok(addr)) => Ok(addr),
            Ok(Err(status)) => {
                self.wait_log_end().await;
                bail!("the daemon ended with {status}:\n{}", self.log_tail(60));
            }
            Err(error) => bail!("{error}:\n{}", self.log_tail(60)),
        }
    }

    /// Waits until all that an ended daemon wrote is in the file.
    async fn wait_log_end(&mut self) {
        let end = async { while self.lines.changed().await.is_ok() {} };
        // A descendant may hold the pipe open; then what is there must do.
        let _ = tokio::time::timeout(Duration::from_secs(1), end).await;
    }

    /// Where its HTTP door is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Where it runs; keep it to look at what is left after the daemon.
    pub fn sandbox(&self) -> Arc<Sandbox> {
        self.sandbox.clone()
    }

    /// Everything it logged so far, parsed; lines that are no JSON are left out.
    pub fn log_lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The last lines of its log, for messages.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Waits until `pick` finds something in a line of the log.
    ///
    /// # Errors
    ///
    /// Says `what` was waited for, with the end of the log.
    pub async fn wait_log<T>(
        &self,
        what: &str,
        limit: Duration,
        mut pick: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T> {
        let mut lines = self.lines.clone();
        let search = async {
            loop {
                lines.mark_unchanged();
                if let Some(found) = self.log_lines().iter().find_map(&mut pick) {
                    return Some(found);
                }
                lines.changed().await.ok()?;
            }
        };
        match tokio::time::timeout(limit, search).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) | Err(_) => {
                bail!("{what}: not in the log within {limit:?}:\n{}", self.log_tail(40))
            }
        }
    }

    /// Runs another command of the same binary against this daemon's state directory.
    ///
    /// # Errors
    ///
    /// When it does not end within 20 s.
    pub async fn cli(&self, args: &[&str]) -> Result<Ended> {
        let state = self.sandbox.state_dir().display().to_string();
        let env = [("CONDUCTOR_STATE__DIR", state.as_str())];
        run_to_end(&self.binary, args, &env, Duration::from_secs(20)).await
    }

    /// Sends the daemon a signal.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        crate::sandbox::signal(self.pid, signal)
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it lives on after `limit`; with the end of its log.
    pub async fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus> {
        match tokio::time::timeout(limit, self.child.wait()).await {
            Ok(status) => status.context("failed to wait for the daemon"),
            Err(_) => bail!("the daemon lives on after {limit:?}:\n{}", self.log_tail(40)),
        }
    }

    /// Sends SIGTERM and waits for its end.
    ///
    /// # Errors
    ///
    /// As [`Self::wait_end`].
    pub async fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_end(limit).await
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if let Some(pid) = Pid::from_raw(self.pid) {
            end(pid);
        }
    }
}

/// SIGTERM to the process; SIGKILL to its group where it does not end in time.
fn end(pid: Pid) {
    let _ = kill_process(pid, Signal::TERM); // gone already
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    let limit = Timespec { tv_sec: END_LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit));
    if !matches!(ended, Ok(1..)) {
        let _ = kill_process_group(pid, Signal::KILL); // gone at the last moment
    }
}

/// Runs a command to its end, without input.
///
/// # Errors
///
/// When it cannot be started or does not end within `limit` (it is killed then).
pub async fn run_to_end(
    binary: &str,
    args: &[&str],
    env: &[(&str, &str)],
    limit: Duration,
) -> Result<Ended> {
    let mut command = command(binary);
    command.args(args).envs(env.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(limit, command.output())
        .await
        .with_context(|| format!("{args:?} did not end within {limit:?}"))?
        .context("failed to start the command")?;
    Ok(Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A command; the one place where the tests make a process.
#[expect(clippy::disallowed_methods, reason = "the ban is for the product; tests start it here")]
pub fn command(binary: &str) -> Command {
    Command::new(binary)
}

/// The daemon, to be given its arguments. Sockets come to a shell as stdin and stdout, which moves them
/// to where the daemon looks for them and becomes the daemon, so that its number is known to it.
fn program(binary: &str, handed: &[(&'static str, Arc<OwnedFd>)]) -> Result<Command> {
    let names: Vec<&str> = handed.iter().map(|(name, _)| *name).collect();
    let mut fds = handed.iter().map(|(_, fd)| fd.try_clone());
    let moves = match handed.len() {
        0 => {
            let mut command = command(binary);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            return Ok(command);
        }
        1 => "exec 3<&0 </dev/null >/dev/null",
        2 => "exec 3<&0 4<&1 </dev/null >/dev/null",
        many => bail!("{many} sockets are more than two"),
    };
    let (count, names) = (handed.len(), names.join(":"));
    let listen = format!("export LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES={names}");
    let mut command = command("sh");
    command.args(["-c", &format!(r#"{moves}; {listen}; exec "$@""#), "sh", binary]);
    for (number, fd) in fds.by_ref().enumerate() {
        let fd = Stdio::from(fd?);
        if number == 0 {
            command.stdin(fd)
        } else {
            command.stdout(fd)
        };
    }
    Ok(command)
}

fn write_settings(sandbox: &Sandbox, settings: Settings) -> Result<Option<PathBuf>> {
    match settings {
        Settings::Value(value) => sandbox.write_settings(value).map(Some),
        Settings::Text { ending, text } => {
            sandbox.write(&format!("conductor.{ending}"), &text).map(Some)
        }
        Settings::None => Ok(None),
    }
}

/// The address in a line that says that the HTTP door is open.
fn listening(line: &Value) -> Option<SocketAddr> {
    let fields = line.get("fields").unwrap_or(line);
    if fields["message"] != "listening" {
        return None;
    }
    fields["addr"].as_str()?.parse().ok()
}

/// Copies a stream into a file line by line; the receiver sees how many lines there are.
async fn follow(
    stream: tokio::process::ChildStderr,
    file: PathBuf,
) -> Result<watch::Receiver<u64>> {
    let mut file = tokio::fs::File::create(file).await?;
    let (count, lines) = watch::channel(0);
    tokio::spawn(async move {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            if file.write_all(&line).await.is_err() || file.flush().await.is_err() {
                return;
            }
            count.send_modify(|count| *count += 1);
            line.clear();
        }
    });
    Ok(lines)
}
