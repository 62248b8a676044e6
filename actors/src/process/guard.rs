//! This file is the daemon's side of its guard: starts it, tells it what runs, sees it end.
//!
//! What the guard does when the daemon is gone is in `guard_main`; when to replace it, in `keeper`.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::guard_book::{Charge, Line, news};
use super::roll::Roll;

/// How long a guard may leave unread what it is told, and how long it may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The variable that holds a guard's charge.
pub(super) const CHARGE: &str = "CONDUCTOR_GUARDS";

/// How a guard is started.
#[derive(Debug, Clone)]
pub(super) struct GuardProgram {
    /// The program, best `/proc/self/exe`: that is there even while the file is being replaced.
    pub(super) program: PathBuf,
    /// What makes it run `guard_main`.
    pub(super) args: Vec<String>,
}

/// A running guard. Dropping it without a goodbye sets it to work.
#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    input: ChildStdin,
    told: BTreeMap<u32, u64>,
}

impl Guard {
    /// Starts a guard in a group of its own, so that a Ctrl-C meant for the daemon does not reach
    /// it.
    pub(super) fn start(how: &GuardProgram, charge: &Charge, roll: &Roll) -> io::Result<Self> {
        let mut command = command(how, charge);
        let mut child =
            roll.fork(|| command.spawn(), |entries, child| entries.guard = child.id())?;
        let input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, input, told: BTreeMap::new() })
    }

    /// Tells it which groups there are now.
    pub(super) async fn tell(&mut self, groups: &BTreeMap<u32, u64>) -> io::Result<()> {
        self.write(&news(&self.told, groups)).await?;
        self.told.clone_from(groups);
        Ok(())
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) {
        let _ = self.child.wait().await; // fails if it is reaped, and then it has ended
    }

    /// Lets it go: there is nothing left to guard.
    pub(super) async fn dismiss(mut self) {
        let said = self.write(&[Line::Bye]).await.is_ok();
        if !said || timeout(PATIENCE, self.ended()).await.is_err() {
            self.end().await;
        }
    }

    /// Ends one that is of no use.
    pub(super) async fn end(mut self) {
        let _ = self.child.start_kill(); // fails if it has ended
        self.ended().await;
    }

    async fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let written = timeout(PATIENCE, self.input.write_all(text.as_bytes())).await;
        written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

#[expect(clippy::disallowed_methods, reason = "this folder is the one place that starts children")]
fn command(how: &GuardProgram, charge: &Charge) -> Command {
    let mut command = Command::new(&how.program);
    command
        .arg0("conductor")
        .args(&how.args)
        .env_clear()
        .env(CHARGE, charge.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}
