//! This file reads the journal of `mock-mcp-server --log FILE`: what reached the server, in order.
//! It leaves writing it to the mock server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::wait;

/// A journal file; several servers and generations may share one.
#[derive(Debug, Clone)]
pub struct Journal(PathBuf);

impl Journal {
    /// The journal in this file, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is, for the mock server's command line.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All events so far; a line that is still being written is left out.
    pub fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// All events of this kind: `start`, `recv`, `answer`, `stdin_eof`, `signal`, `exit`, `fault`…
    pub fn of_kind(&self, event: &str) -> Vec<Value> {
        // Long journals are looked at often: only lines that have the word are worth reading.
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let word = format!("\"{event}\"");
        let lines = text.lines().filter(|line| line.contains(&word));
        let entries = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.filter(|entry| entry["event"] == event).collect()
    }

    /// All messages of this method that reached a server.
    pub fn received(&self, method: &str) -> Vec<Value> {
        self.of_kind("recv").into_iter().filter(|entry| entry["method"] == method).collect()
    }

    /// The process ids of all servers that started, oldest first.
    pub fn started(&self) -> Vec<i32> {
        let pids = self.of_kind("start");
        pids.iter().filter_map(|entry| i32::try_from(entry["pid"].as_i64()?).ok()).collect()
    }

    /// Waits until `pick` finds something in the events.
    ///
    /// # Errors
    ///
    /// Says `what` was waited for, and what is in the journal.
    pub async fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        mut pick: impl FnMut(&[Value]) -> Option<T>,
    ) -> Result<T> {
        wait::until(what, limit, async || pick(&self.events())).await.with_context(|| {
            let lines: Vec<String> = self.events().iter().map(Value::to_string).collect();
            format!("the journal has:\n{}", lines.join("\n"))
        })
    }

    /// Waits until so many servers have started and returns the newest one's process id.
    ///
    /// # Errors
    ///
    /// When fewer have started within `limit`.
    pub async fn wait_started(&self, count: usize, limit: Duration) -> Result<i32> {
        wait::until("servers started", limit, async || {
            let pids = self.started();
            (pids.len() >= count).then(|| pids.last().copied()).flatten()
        })
        .await
    }
}
