//! This file is what the mock server does as a process: signals, descendants, dying.
//! It leaves when to do so to the faults.

use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::{Duration, sleep};

use super::args::Args;
use super::fault::Kind;
use super::journal::Journal;

/// Ends the process now with `code`.
#[expect(clippy::exit, reason = "the one place; a server whose stdin blocks ends no other way")]
pub(crate) fn die(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

/// Ends the process by SIGKILL, as an out-of-memory killer would.
pub(crate) fn kill_self() -> ! {
    let _ = kill_process(getpid(), Signal::KILL); // cannot fail for oneself
    die(137)
}

/// The signals that ask a server to end.
pub(crate) struct EndSignals {
    term: Stream,
    int: Stream,
    hup: Stream,
}

impl EndSignals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "sigterm",
            _ = self.int.recv() => "sigint",
            _ = self.hup.recv() => "sighup",
        }
    }
}

/// Starts this program again with other arguments, on the same pipes.
#[expect(clippy::disallowed_methods, reason = "descendants are this fault's whole purpose")]
fn again(args: &[String]) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?).args(args).spawn()
}

/// Appends this process's id to `pids`, one line.
pub(crate) fn write_pid(pids: &Path) -> std::io::Result<()> {
    append_line(pids, &std::process::id().to_string())
}

/// Appends one line to a file that several processes may share.
pub(crate) fn append_line(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{text}\n").as_bytes())
}

/// Starts a child that starts a grandchild; all write their pids to `pids`.
pub(crate) fn fork_tree(args: &Args, pids: &Path) -> std::io::Result<()> {
    write_pid(pids)?;
    spawn_leaf(args, pids, 1)
}

fn spawn_leaf(args: &Args, pids: &Path, below: usize) -> std::io::Result<()> {
    let mut words = vec!["--leaf".to_owned(), below.to_string()];
    words.extend(["--pids".to_owned(), pids.display().to_string()]);
    words.extend(["--lifetime".to_owned(), args.lifetime.to_string()]);
    if let Some(log) = &args.log {
        words.extend(["--log".to_owned(), log.display().to_string()]);
    }
    if args.faults.iter().any(|fault| fault.kind == Kind::Stubborn) {
        words.extend(["--fault".to_owned(), "stubborn".to_owned()]);
    }
    again(&words).map(|_| ()) // never waited for: it outlives us if nobody ends it
}

/// Runs a descendant: lives until it is asked to end, or is killed if stubborn.
pub(crate) async fn run_leaf(args: &Args, below: usize, journal: &Journal) -> std::io::Result<u8> {
    let mut signals = EndSignals::listen()?;
    if let Some(pids) = &args.pids {
        write_pid(pids)?;
        if below > 0 {
            spawn_leaf(args, pids, below - 1)?;
        }
    }
    journal.note("leaf", serde_json::json!({ "below": below }));
    let stubborn = args.faults.iter().any(|fault| fault.kind == Kind::Stubborn);
    let lifetime = sleep(Duration::from_secs(args.lifetime));
    tokio::pin!(lifetime);
    loop {
        tokio::select! {
            name = signals.next() => {
                journal.note("signal", serde_json::json!({ "signal": name }));
                if !stubborn {
                    return Ok(0);
                }
            }
            () = &mut lifetime => return Ok(0),
        }
    }
}

/// Runs the server as a child on the same pipes and ends as it ends, as a package launcher does.
pub(crate) async fn run_launcher(journal: &Journal) -> std::io::Result<u8> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--launcher").collect();
    let mut child = again(&words)?;
    journal.note("launcher", serde_json::json!({ "child": child.id() }));
    let status = tokio::task::spawn_blocking(move || child.wait()).await??;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
