//! This file starts child processes. No other file does.
//!
//! It leaves what becomes of them to `child`, and what is said to them to the caller.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;

use conductor_config::StdioSpec;
use rustix::io::Errno;
use thiserror::Error;
use tokio::process::Command;

use super::child::{Pipes, Process};

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
    Ok((Process::watch(child, pid), Pipes { stdin, stdout, stderr }))
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

#[cfg(test)]
mod tests {
    use super::super::tests::{ours, shell};
    use super::*;

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
