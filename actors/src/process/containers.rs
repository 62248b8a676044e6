//! This file removes the containers of a child that is gone, and never others.
//!
//! How the engine is told is in `engine`; when, in `child` and, for those of an earlier run, in
//! `nursery`.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use super::census::start_of;
use super::engine::{Engine, ids};
use super::roll::Roll;
use super::spawn::inherited;

/// How long an engine may take for one command.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Why containers were not removed.
#[derive(Debug, Error)]
enum RemoveError {
    /// The engine could not be started, or not be heard.
    #[error("failed to run {program}")]
    Run {
        /// Its program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// It took too long.
    #[error("{program} did not end within {PATIENCE:?}")]
    Slow {
        /// Its program.
        program: String,
    },
    /// It said no.
    #[error("{program} failed: {said}")]
    Refused {
        /// Its program.
        program: String,
        /// The beginning of what it wrote to stderr.
        said: String,
    },
}

/// Removes the containers of the child with this mark. Whether that needs no other try.
pub(super) async fn remove(
    engine: &Engine,
    mark: &str,
    ours: &BTreeMap<String, String>,
    roll: &Roll,
) -> bool {
    match try_remove(engine, mark, ours, roll).await {
        Ok(0) => true,
        Ok(count) => {
            info!(count, mark, "containers that a server had left are removed");
            true
        }
        // Without the program there is nobody who could have containers of ours.
        Err(RemoveError::Run { source, .. }) if source.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            warn!(mark, %error, cause, "containers of a server not removed, tried again at the next start");
            false
        }
    }
}

/// Removes those of many children at once. Returns what needs another try.
pub(super) async fn remove_all(
    containers: BTreeMap<String, Engine>,
    ours: &BTreeMap<String, String>,
    roll: &Roll,
) -> BTreeMap<String, Engine> {
    let mut tries = JoinSet::new();
    for (mark, engine) in containers {
        let (ours, roll) = (ours.clone(), roll.clone());
        tries.spawn(async move {
            let is_done = remove(&engine, &mark, &ours, &roll).await;
            (!is_done).then_some((mark, engine))
        });
    }
    tries.join_all().await.into_iter().flatten().collect()
}

async fn try_remove(
    engine: &Engine,
    mark: &str,
    ours: &BTreeMap<String, String>,
    roll: &Roll,
) -> Result<usize, RemoveError> {
    let found = ids(&ask(engine, &engine.list(mark), ours, roll).await?);
    if !found.is_empty() {
        ask(engine, &engine.remove(&found), ours, roll).await?;
    }
    Ok(found.len())
}

/// Runs one command of the engine and returns what it wrote.
async fn ask(
    engine: &Engine,
    args: &[String],
    ours: &BTreeMap<String, String>,
    roll: &Roll,
) -> Result<String, RemoveError> {
    let program = || engine.program.clone();
    let failed = |source| RemoveError::Run { program: program(), source };
    let mut command = command(engine, args, ours);
    let fork = || {
        let child = command.spawn()?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        Ok((child, pid))
    };
    let (child, pid) = roll
        .fork(fork, |entries, (_, pid)| {
            entries.groups.insert(*pid, start_of(*pid).unwrap_or_default());
        })
        .map_err(failed)?;
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    roll.strike_out(pid);
    let output = output.map_err(|_| RemoveError::Slow { program: program() })?.map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).chars().take(200).collect();
        return Err(RemoveError::Refused { program: program(), said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "this folder is the one place that starts children")]
fn command(engine: &Engine, args: &[String], ours: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(&engine.program);
    command
        .args(args)
        .env_clear()
        .envs(inherited(ours))
        .envs(&engine.env)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}
