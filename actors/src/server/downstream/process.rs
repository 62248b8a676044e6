//! This file starts, signals and reaps child processes. No other file does.
//!
//! It leaves what is said to the child, and when it has to go, to others.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conductor_config::StdioSpec;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use thiserror::Error;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use crate::model::Cause;

/// Variables of our own environment that children may see.
const INHERITED: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SHELL",
    "XDG_RUNTIME_DIR",
];
/// Time that the rest of a process group gets after its leader has gone, before it is killed.
const SWEEP: Duration = Duration::from_millis(100);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<Exit> for Cause {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Code(code) => Self::Exited(code),
            Exit::Signal(signal) => Self::Signalled(signal),
        }
    }
}

/// Why a process could not be started.
#[derive(Debug, Error)]
pub(crate) enum SpawnError {
    /// The working directory is not one.
    #[error("working directory {0} is not a directory")]
    Directory(String),
    /// No such program.
    #[error("program {0} was not found")]
    NotFound(String),
    /// The program is there, but may not be run.
    #[error("program {0} may not be executed")]
    Denied(String),
    /// Anything else the system says.
    #[error("program {program}: {source}")]
    Other {
        /// What was to be run.
        program: String,
        /// What the system says.
        source: io::Error,
    },
}

/// A running child: its pipes, and what becomes of it. Dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    /// Process id, also the id of its group.
    pub(crate) pid: u32,
    /// Becomes `Some` the moment the process has ended.
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    /// Becomes `true` when the process is reaped and its group is gone.
    pub(crate) gone: watch::Receiver<bool>,
    group: Arc<Group>,
}

/// The three pipes of a child.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// Starts the program of `spec` in a group of its own, with an environment that holds a short list
/// of our variables and what the entry says.
pub(crate) fn spawn(
    spec: &StdioSpec,
    ours: &BTreeMap<String, String>,
) -> Result<(Process, Pipes), SpawnError> {
    let mut child = command(spec, ours).spawn().map_err(|error| explain(spec, error))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr), Some(pid)) = (stdin, stdout, stderr, child.id())
    else {
        unreachable!("all three pipes were asked for and nobody has waited yet")
    };
    let group = Arc::new(Group { id: pid, reaped: AtomicBool::new(false) });
    let (exited, exit) = watch::channel(None);
    let (buried, gone) = watch::channel(false);
    tokio::spawn(bury(child, Arc::clone(&group), exited, buried));
    Ok((Process { pid, exit, gone, group }, Pipes { stdin, stdout, stderr }))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that starts children")]
fn command(spec: &StdioSpec, ours: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for name in INHERITED {
        if let Some(value) = ours.get(name) {
            command.env(name, value);
        }
    }
    for (name, value) in &spec.env {
        command.env(name, value.expose());
    }
    if let Some(directory) = &spec.cwd {
        command.current_dir(directory);
    }
    command
}

fn explain(spec: &StdioSpec, source: io::Error) -> SpawnError {
    if let Some(directory) = spec.cwd.as_deref().filter(|path| !Path::is_dir(path)) {
        return SpawnError::Directory(directory.display().to_string());
    }
    let program = spec.program.clone();
    match source.kind() {
        io::ErrorKind::NotFound => SpawnError::NotFound(program),
        io::ErrorKind::PermissionDenied => SpawnError::Denied(program),
        _ => SpawnError::Other { program, source },
    }
}

impl Process {
    /// Asks the whole group to end.
    pub(crate) fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Ends the whole group.
    pub(crate) fn kill(&self) {
        self.group.signal(Signal::KILL);
    }
}

impl Process {
    /// Whether the process is suspended (SIGSTOP or a debugger), so that it does nothing at all.
    pub(crate) fn is_suspended(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state =
            stat.rsplit_once(')').and_then(|(_, fields)| fields.trim_start().chars().next());
        matches!(state, Some('T' | 't'))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process group whose leader is our child. Its id stays ours until the leader is reaped, so no
/// signal can reach a stranger that inherited the number.
#[derive(Debug)]
struct Group {
    id: u32,
    reaped: AtomicBool,
}

impl Group {
    fn signal(&self, signal: Signal) {
        if self.reaped.load(Ordering::Acquire) {
            return;
        }
        if let Some(id) = pid(self.id) {
            // Fails only if nobody is left, which is what was wanted.
            let _ = kill_process_group(id, signal);
        }
    }
}

/// Waits for the end of `child`, tells it, ends what is left of its group, and reaps it.
async fn bury(
    mut child: Child,
    group: Arc<Group>,
    exited: watch::Sender<Option<Exit>>,
    buried: watch::Sender<bool>,
) {
    if ended(group.id).await.is_ok()
        && let Some(exit) = peek(group.id)
    {
        exited.send_replace(Some(exit));
        if has_others(group.id).await {
            group.signal(Signal::TERM);
            tokio::time::sleep(SWEEP).await;
            group.signal(Signal::KILL);
            vanished(group.id).await;
        }
    }
    let status = child.wait().await;
    group.reaped.store(true, Ordering::Release);
    exited.send_if_modified(|exit| {
        let unknown = exit.is_none();
        *exit = exit.or_else(|| status.as_ref().ok().map(|status| from_status(*status)));
        unknown
    });
    buried.send_replace(true);
}

/// Waits until the process has ended, without reaping it.
#[expect(deprecated, reason = "the successor is unsafe; an `OwnedFd` keeps what it asks for")]
async fn ended(id: u32) -> io::Result<()> {
    let id = pid(id).ok_or(io::ErrorKind::InvalidInput)?;
    let watched = AsyncFd::new(pidfd_open(id, PidfdFlags::empty())?)?;
    watched.readable().await.map(drop)
}

/// How the process ended, without reaping it.
fn peek(id: u32) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::Pid(pid(id)?), options).ok()??;
    let code = status.exit_status().map(Exit::Code);
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
}

fn from_status(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}

/// Waits until nobody but the leader is left of a group that was killed. They are not our children,
/// so there is nothing to wait on but their absence; one that the kernel cannot end is left to it.
async fn vanished(id: u32) {
    for _ in 0..200 {
        if !has_others(id).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process other than its leader is in group `id`.
async fn has_others(id: u32) -> bool {
    let look = move || {
        let Ok(processes) = std::fs::read_dir("/proc") else { return true };
        processes.flatten().any(|entry| {
            let other = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            other.is_some_and(|other| other != id && group_of(other) == Some(id))
        })
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(true)
}

/// The group of a process, unless it is dead and merely not reaped by its parent.
fn group_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses and may itself hold any character.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let group = fields.nth(1)?.parse().ok()?;
    (!is_dead).then_some(group)
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> StdioSpec {
        StdioSpec {
            program: "sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: BTreeMap::new(),
            cwd: None,
        }
    }

    fn ours() -> BTreeMap<String, String> {
        std::env::vars().collect()
    }

    #[tokio::test]
    async fn exit_code_and_signal_are_told_apart() {
        for (script, expected) in [("exit 7", Exit::Code(7)), ("kill -9 $$", Exit::Signal(9))] {
            let (mut process, _pipes) = spawn(&shell(script), &ours()).unwrap();
            let exit = *process.exit.wait_for(Option::is_some).await.unwrap();
            assert_eq!(exit, Some(expected));
            process.gone.wait_for(|gone| *gone).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_grandchild_does_not_outlive_its_parent() {
        let script = "(trap '' TERM; exec sleep 1000) & echo $!; exit 0";
        let (mut process, mut pipes) = spawn(&shell(script), &ours()).unwrap();
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut pipes.stdout, &mut text).await.unwrap();
        process.gone.wait_for(|gone| *gone).await.unwrap();
        let grandchild: u32 = text.trim().parse().unwrap();
        assert_eq!(group_of(grandchild), None);
    }

    #[tokio::test]
    async fn dropping_the_process_kills_the_group() {
        let (process, _pipes) = spawn(&shell("trap '' TERM; sleep 1000"), &ours()).unwrap();
        let (mut exit, mut gone) = (process.exit.clone(), process.gone.clone());
        drop(process);
        assert_eq!(*exit.wait_for(Option::is_some).await.unwrap(), Some(Exit::Signal(9)));
        gone.wait_for(|gone| *gone).await.unwrap();
    }

    #[tokio::test]
    async fn spawn_errors_say_what_is_wrong() {
        let mut missing = shell("true");
        missing.program = "no-such-program-anywhere".to_owned();
        assert!(matches!(spawn(&missing, &ours()), Err(SpawnError::NotFound(_))));
        let file = tempfile::NamedTempFile::new().unwrap();
        missing.program = file.path().display().to_string();
        assert!(matches!(spawn(&missing, &ours()), Err(SpawnError::Denied(_))));
        let mut nowhere = shell("true");
        nowhere.cwd = Some("/no/such/place".into());
        assert!(matches!(spawn(&nowhere, &ours()), Err(SpawnError::Directory(_))));
    }

    #[tokio::test]
    async fn the_environment_is_the_short_list_and_the_entry() {
        let mut ours = ours();
        ours.insert("SECRET_OF_THE_DAEMON".to_owned(), "x".to_owned());
        let (_process, mut pipes) = spawn(&shell("env"), &ours).unwrap();
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut pipes.stdout, &mut text).await.unwrap();
        assert!(text.contains("PATH=") && !text.contains("SECRET_OF_THE_DAEMON"), "{text}");
    }
}
