//! This file is the place a test runs in: a folder of its own and a mark on every process it starts.
//! It leaves starting the daemon to `daemon.rs`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::wait;

/// The environment variable that marks a test's servers and their descendants.
pub const MARK: &str = "CONDUCTOR_TEST_RUN";

/// A folder and a mark; both end with it. What still runs under the mark is killed.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    mark: String,
}

/// A process that carries the mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its program and arguments, blank between them.
    pub command: String,
}

impl Sandbox {
    /// Makes a folder and a mark nobody else has.
    ///
    /// # Errors
    ///
    /// When there is no temporary folder to be had.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = tempfile::Builder::new().prefix("conductor-e2e-").tempdir()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { folder, mark: format!("{}-{count}-{now}", std::process::id()) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The daemon's state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.path("state")
    }

    /// The value of [`MARK`].
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Writes a file into the folder and returns its path.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, text).with_context(|| format!("failed to write {name}"))?;
        Ok(path)
    }

    /// Puts the mark into the environment of every server of a settings document.
    pub fn mark_servers(&self, settings: &mut Value) {
        let Some(servers) = settings.get_mut("mcpServers").and_then(Value::as_object_mut) else {
            return;
        };
        for server in servers.values_mut().filter(|server| server.get("command").is_some()) {
            server["env"][MARK] = Value::String(self.mark.clone());
        }
    }

    /// Marks the servers of a settings document and writes it as JSON; for `--config`.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write_settings(&self, mut settings: Value) -> Result<PathBuf> {
        self.mark_servers(&mut settings);
        self.write("conductor.json", &serde_json::to_string_pretty(&settings)?)
    }

    /// All processes that carry the mark, zombies left out.
    pub fn processes(&self) -> Vec<Process> {
        let wanted = format!("{MARK}={}", self.mark).into_bytes();
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| *pid != std::process::id().cast_signed())
            .filter_map(|pid| {
                let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
                let marked = environment.split(|byte| *byte == 0).any(|entry| entry == wanted);
                let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let command = String::from_utf8_lossy(&command).replace('\0', " ");
                marked.then(|| Process { pid, command: command.trim().to_owned() })
            })
            .collect()
    }

    /// Waits until no process carries the mark.
    ///
    /// # Errors
    ///
    /// Names those that are left after `limit`.
    pub async fn expect_no_process(&self, limit: Duration) -> Result<()> {
        let gone = wait::until("no process left", limit, async || {
            self.processes().is_empty().then_some(())
        });
        if gone.await.is_err() {
            bail!("processes left after {limit:?}: {:#?}", self.processes());
        }
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for process in self.processes() {
            if let Some(pid) = Pid::from_raw(process.pid) {
                let _ = kill_process(pid, Signal::KILL); // it ended by itself meanwhile
            }
        }
    }
}

/// Whether a process of this id is there and no zombie.
pub fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}

/// Sends a signal to one process.
///
/// # Errors
///
/// When there is no such process.
pub fn signal(pid: i32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(pid).context("failed to signal process 0")?;
    kill_process(pid, signal).context("failed to signal a process")
}
