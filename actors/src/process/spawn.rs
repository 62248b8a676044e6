//! This file starts child processes. No other file does.
//!
//! It leaves what becomes of them to `child`, and what is said to them to the caller.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;

use conductor_config::{Limits, StdioSpec};
use rustix::io::Errno;
use thiserror::Error;
use tokio::process::Command;

use super::cells::Cell;
use super::census::start_of;
use super::child::{Pipes, Process, Started};
use super::end::end_of;
use super::engine::labelled;
use super::limits::limit;
use super::roll::Roll;
use super::run::Mark;
use super::stdout::Stdout;

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

impl SpawnError {
    /// Whether the machine was merely out of something, so that trying again soon may help.
    pub(crate) fn is_passing(&self) -> bool {
        let Self::Other { source, .. } = self else { return false };
        let passing = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM, Errno::TXTBSY];
        Errno::from_io_error(source).is_some_and(|errno| passing.contains(&errno))
    }
}

/// Starts the program of `spec` in a group of its own, with an environment that holds a short list
/// of `ours` and what the entry says, and the mark, under `limits`; it is soon in `cell` if there is one.
pub(super) fn spawn(
    spec: &StdioSpec,
    limits: &Limits,
    ours: &BTreeMap<String, String>,
    mark: Mark,
    cell: Option<Cell>,
    roll: &Roll,
) -> Result<(Process, Pipes), SpawnError> {
    let (engine, args) = match labelled(spec, &mark) {
        Some((engine, args)) => (Some(engine), args),
        None => (None, spec.args.clone()),
    };
    let mut command = command(spec, &args, ours, &mark);
    let fork = || {
        let child = command.spawn()?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        // Whose end cannot be seen must not live: dropping it kills it.
        let end = end_of(pid)?;
        let start = start_of(pid).unwrap_or_default();
        let (mark, roll) = (mark.clone(), roll.clone());
        let engine = engine.clone().map(|engine| (engine, ours.clone()));
        Ok(Started { child, pid, start, end, mark, engine, cell, roll })
    };
    let mut started = roll
        .fork(fork, |entries, started| {
            entries.groups.insert(started.pid, started.start);
            if let Some((engine, _)) = &started.engine {
                entries.containers.insert(started.mark.to_string(), engine.clone());
            }
        })
        .map_err(|error| explain(spec, error))?;
    limit(started.pid, started.start, limits);
    let child = &mut started.child;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        unreachable!("all three pipes were asked for")
    };
    Ok((Process::watch(started), Pipes { stdin, stdout: Stdout::new(stdout), stderr }))
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that starts children")]
fn command(
    spec: &StdioSpec,
    args: &[String],
    ours: &BTreeMap<String, String>,
    mark: &Mark,
) -> Command {
    let mut command = Command::new(&spec.program);
    command
        .args(args)
        .env_clear()
        .envs(inherited(ours))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, value) in &spec.env {
        command.env(name, value.expose());
    }
    let (name, value) = mark.variable();
    command.env(name, value);
    if let Some(directory) = &spec.cwd {
        command.current_dir(directory);
    }
    command
}

/// What children see of our own environment.
pub(super) fn inherited(ours: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &String)> {
    INHERITED.into_iter().filter_map(|name| Some((name, ours.get(name)?)))
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

#[cfg(test)]
mod tests {
    use super::super::tests::shell;
    use super::*;

    #[test]
    fn a_machine_out_of_descriptors_is_no_fault_of_the_program() {
        let explained = |errno: Errno| explain(&shell("true"), errno.into()).is_passing();
        for errno in [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM, Errno::TXTBSY] {
            assert!(explained(errno), "{errno}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC, Errno::ISDIR] {
            assert!(!explained(errno), "{errno}");
        }
    }
}
