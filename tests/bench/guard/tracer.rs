//! This file starts the daemon under a tool that counts, and takes marks between which is counted.
//! It leaves what is done in between to `guard.rs`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use conductor_e2e::daemon::command;
use conductor_e2e::sandbox::Sandbox;
use tokio::time::{sleep, timeout};

use super::limits::Case;
use crate::process::is_installed;
use crate::world::{Gateway, Programs};

/// What follows an answer gets so long before a mark is taken.
const SETTLING: Duration = Duration::from_millis(60);
/// How long a mark may take.
const MARK_LIMIT: Duration = Duration::from_secs(20);

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// Instructions outside the kernel.
    Callgrind,
    /// System calls.
    Strace,
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Callgrind => "valgrind",
            Self::Strace => "strace",
        }
    }

    /// Whether it can be had.
    pub(super) fn find(self) -> Result<()> {
        if is_installed(self.name()) {
            return Ok(());
        }
        bail!("{0} is not installed (as in `apt-get install {0}`)", self.name())
    }

    /// What a case may take, and the unit of that.
    pub(super) fn limit(self, case: &Case) -> (f64, &'static str) {
        match self {
            Self::Callgrind if case.by_byte => (case.instructions, "instructions a byte"),
            Self::Callgrind => (case.instructions, "instructions a call"),
            Self::Strace => (case.system_calls, "system calls a call"),
        }
    }

    /// The words before those of the daemon. Children are not followed into their programs.
    fn words(self, sandbox: &Sandbox) -> String {
        let at = |name| sandbox.path(name).display().to_string();
        match self {
            Self::Callgrind => format!(
                "valgrind -q --tool=callgrind --trace-children=no --child-silent-after-fork=yes \
                 --callgrind-out-file={} --log-file={}",
                at("counted"),
                at("valgrind.log")
            ),
            Self::Strace => format!("strace -D -f -qq -b execve -s 0 -o {}", at("counted")),
        }
    }
}

/// A point in a daemon's life.
#[derive(Debug)]
pub(super) struct Mark {
    /// Instructions since the mark before, or bytes of the log.
    at: u64,
    threads: BTreeSet<i32>,
}

/// A program that is the daemon under a tool.
pub(super) struct Tracer {
    pub(super) tool: Tool,
    program: PathBuf,
    sandbox: Sandbox,
}

impl Tracer {
    pub(super) fn new(tool: Tool, programs: &Programs) -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let text =
            format!("#!/bin/sh\nexec {} {} \"$@\"\n", tool.words(&sandbox), programs.conductor);
        let program = sandbox.write("conductor", &text)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self { tool, program, sandbox })
    }

    /// What to start instead of the daemon.
    pub(super) fn program(&self) -> String {
        self.program.display().to_string()
    }

    /// Takes a mark, when nothing is under way.
    pub(super) async fn mark(&self, gateway: &Gateway) -> Result<Mark> {
        sleep(SETTLING).await;
        let pid = gateway.daemon.pid();
        let at = match self.tool {
            Tool::Callgrind => self.dumped(pid).await?,
            Tool::Strace => std::fs::metadata(self.sandbox.path("counted"))?.len(),
        };
        Ok(Mark { at, threads: threads_of(pid)? })
    }

    /// What was counted from one mark to the next.
    pub(super) fn between(&self, before: Mark, after: Mark) -> Result<u64> {
        if self.tool == Tool::Callgrind {
            return Ok(after.at);
        }
        let log = std::fs::read(self.sandbox.path("counted"))?;
        let part = log.get(usize::try_from(before.at)?..usize::try_from(after.at)?);
        let text = String::from_utf8_lossy(part.context("the log has become shorter")?);
        let threads = &before.threads | &after.threads;
        Ok(text.lines().filter(|line| is_call_of(line, &threads)).count() as u64)
    }

    /// Has callgrind write down what it has counted since it did so last.
    async fn dumped(&self, pid: i32) -> Result<u64> {
        let is_dump = |name: &str| name.starts_with("counted.");
        let here = || -> Result<BTreeSet<PathBuf>> {
            let entries = std::fs::read_dir(self.sandbox.folder())?.flatten();
            let named = entries.filter(|it| it.file_name().to_str().is_some_and(is_dump));
            Ok(named.map(|entry| entry.path()).collect())
        };
        let before = here()?;
        let asked = command("vgdb").arg(format!("--pid={pid}")).arg("dump").output();
        let said = timeout(MARK_LIMIT, asked).await.context("vgdb does not end")??;
        let new = here()?.difference(&before).next().cloned();
        let new = new.with_context(|| String::from_utf8_lossy(&said.stderr).into_owned())?;
        total_of(&std::fs::read_to_string(new)?).context("a dump without a total")
    }
}

fn threads_of(pid: i32) -> Result<BTreeSet<i32>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The sum that stands at the end of a dump.
fn total_of(dump: &str) -> Option<u64> {
    dump.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// Whether a line of strace is a system call that one of these threads began.
fn is_call_of(line: &str, threads: &BTreeSet<i32>) -> bool {
    let Some((thread, rest)) = line.split_once(' ') else { return false };
    let is_theirs = thread.parse().is_ok_and(|thread| threads.contains(&thread));
    is_theirs && rest.trim_start().starts_with(|first: char| first.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_where_they_begin() {
        let threads = BTreeSet::from([41, 42]);
        for (line, expected) in [
            ("42    read(3, \"\"..., 10) = 1", true),
            ("41 epoll_wait(4,  <unfinished ...>", true),
            ("41 <... epoll_wait resumed>[], 1024, 5) = 0", false),
            ("43 read(3, \"\"..., 10) = 1", false),
            ("42 --- SIGCHLD {si_signo=SIGCHLD} ---", false),
            ("42 +++ exited with 0 +++", false),
            ("", false),
        ] {
            assert_eq!(is_call_of(line, &threads), expected, "{line}");
        }
    }

    #[test]
    fn the_total_of_a_dump_is_its_last() {
        assert_eq!(total_of("events: Ir\ntotals: 7\n1 2\ntotals: 12345\n"), Some(12345));
        assert_eq!(total_of("events: Ir\n"), None);
    }
}
