//! This file says which failure ends the program with which exit code, in one table.
//!
//! It does not exit: `main` returns what stands here. docs/operating.md shows the same table.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use conductor_actors::StartError;
use conductor_actors::credentials::{MasterKeyError, SealError};
use conductor_actors::registrations::KeepError;
use conductor_actors::store::BackupError;
use conductor_config::ConfigError;
use thiserror::Error;

use crate::admin::ClientError;
use crate::cli::FileError;
use crate::door::unix::NotOpened;
use crate::handover::HandoverError;
use crate::import::ImportError;
use crate::rest::TokenError;
use crate::sample_server::SampleError;
use crate::socket::SocketError;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success,
    /// It worked, and the outcome is bad.
    Failed,
    /// The command line or the settings are wrong.
    Usage,
    /// There is no daemon to ask.
    NoDaemon,
    /// The address to listen on cannot be had.
    Listen,
    /// The state directory cannot be used.
    State,
    /// The daemon refused.
    Refused,
    /// It took too long.
    TimedOut,
    /// A second signal cut the clean stop short.
    Killed,
    /// Something that should not happen.
    Internal,
}

/// Every way to end, its code, and what it means.
pub const TABLE: [(Exit, u8, &str); 10] = [
    (Exit::Success, 0, "all went well; a daemon was stopped by a signal or at the end of input"),
    (
        Exit::Failed,
        1,
        "the tool answered with an error, the server did not come up again or is not to be reached, `doctor` found a problem",
    ),
    (Exit::Usage, 2, "the command line or the settings are wrong; nothing was started or changed"),
    (Exit::NoDaemon, 3, "no daemon answers at the admin socket"),
    (Exit::Listen, 4, "the address to listen on is taken or cannot be had; nothing was started"),
    (Exit::State, 5, "the state directory is in use by another daemon, or cannot be used"),
    (Exit::Refused, 6, "the daemon refused: no such server or tool, server down, too many calls"),
    (Exit::TimedOut, 7, "no outcome within the time given"),
    (Exit::Killed, 8, "a second signal ended the daemon before it had stopped cleanly"),
    (Exit::Internal, 70, "an internal failure, as told on stderr"),
];

impl Exit {
    /// The exit code, 0 to 255.
    #[must_use]
    pub fn code(self) -> u8 {
        let known = TABLE.iter().find(|(exit, _, _)| *exit == self);
        known.map_or(70, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not be carried out.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The running daemon could not be asked, or refused.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// The HTTP door cannot be opened.
    #[error("failed to listen on {address}{}", taken(source))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A socket that the service manager holds cannot be used.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// The admin socket cannot be opened.
    #[error("failed to open the admin socket")]
    AdminSocket(#[from] SocketError),
    /// A Unix socket that the settings name cannot be opened. Boxed: it is large and rare.
    #[error(transparent)]
    Socket(Box<NotOpened>),
    /// The system did not start.
    #[error("failed to start")]
    Start(#[from] StartError),
    /// What is registered cannot be read.
    #[error("failed to read the registered servers")]
    Registrations(#[from] KeepError),
    /// The admin token cannot be read or made.
    #[error("failed to get the admin token")]
    Token(#[from] TokenError),
    /// The master key cannot be read or made.
    #[error("failed to get the master key")]
    MasterKey(#[from] MasterKeyError),
    /// A value cannot be encrypted.
    #[error("failed to encrypt the value")]
    Seal(#[from] SealError),
    /// Another client's settings cannot be taken over.
    #[error("failed to take over the servers")]
    Import(#[from] ImportError),
    /// The state cannot be written down or put back.
    #[error("failed to move the state")]
    Backup(#[from] BackupError),
    /// It took too long.
    #[error("{what} took longer than {limit:?}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// The sample server failed.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// There is no socket of a running server to connect to.
    #[error("{0}")]
    NoSocket(String),
    /// A client's settings file was not changed.
    #[error(transparent)]
    ClientFile(#[from] FileError),
    /// Whoever read stdout has left; there is nobody to tell.
    #[error("stdout is closed")]
    OutputClosed,
    /// The operating system refused something else.
    #[error("failed to {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn taken(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ", which another program uses (`conductor status` tells whether it is a conductor)"
        }
        _ => "",
    }
}

impl Failure {
    /// How the program ends for it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Settings(_) | Self::Import(_) => Exit::Usage,
            Self::Sample(SampleError::TooManyTools { .. }) => Exit::Usage,
            Self::Daemon(error) => of_client(error),
            Self::Listen { .. } | Self::Socket(_) | Self::Handover(_) => Exit::Listen,
            Self::Backup(BackupError::Foreign(_) | BackupError::Newer { .. }) => Exit::Usage,
            Self::Backup(_) => Exit::State,
            Self::AdminSocket(_) | Self::Registrations(_) | Self::Token(_) | Self::MasterKey(_) => {
                Exit::State
            }
            Self::Start(error) => of_start(error),
            Self::NoSocket(_) | Self::ClientFile(_) => Exit::Failed,
            Self::TimedOut { .. } => Exit::TimedOut,
            Self::OutputClosed => Exit::Success,
            Self::Sample(_) | Self::System { .. } | Self::Seal(_) => Exit::Internal,
        }
    }

    /// A line for each thing that is wrong, causes behind it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::OutputClosed => Vec::new(),
            Self::Settings(error) => error.problems.iter().map(ToString::to_string).collect(),
            Self::Daemon(ClientError::Refused(problem)) if !problem.problems.is_empty() => {
                problem.problems.iter().map(ToString::to_string).collect()
            }
            _ => vec![chain(self)],
        }
    }
}

fn of_client(error: &ClientError) -> Exit {
    match error {
        ClientError::NoDaemon { .. } => Exit::NoDaemon,
        ClientError::Refused(problem) if problem.reason == "timeout" => Exit::TimedOut,
        ClientError::Refused(problem) if problem.reason == "bad_settings" => Exit::Usage,
        ClientError::Refused(_) | ClientError::Foreign { .. } => Exit::Refused,
        ClientError::Broken(_) | ClientError::Unreadable(_) => Exit::Internal,
    }
}

fn of_start(error: &StartError) -> Exit {
    match error {
        StartError::StateDir(_) | StartError::Store(_) | StartError::Key(_) => Exit::State,
        StartError::Limit { .. } => Exit::Usage,
        StartError::Processes(_) | StartError::Spawn(_) | StartError::Delegation(_) => {
            Exit::Internal
        }
    }
}

/// An error and its causes in one line. What the next cause begins with is not said twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        match parts.last_mut() {
            Some(last) if next.starts_with(last.as_str()) => *last = next,
            Some(last) if last.ends_with(&next) => {}
            _ => parts.push(next),
        }
        cause = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_shows_this_table() {
        let manual = include_str!("../docs/operating.md");
        let shown: Vec<&str> = manual
            .lines()
            .skip_while(|line| *line != "## Exit codes")
            .filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit())
            .collect();
        let here: Vec<String> =
            TABLE.iter().map(|(_, code, meaning)| format!("| {code} | {meaning} |")).collect();
        assert_eq!(shown, here);
    }

    #[test]
    fn every_way_to_end_has_a_code_of_its_own() {
        let mut codes: Vec<u8> = TABLE.iter().map(|(exit, _, _)| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 70]);
    }

    #[test]
    fn causes_are_told_once() {
        let address = "127.0.0.1:8722".parse().unwrap();
        let failure = Failure::Listen { address, source: io::ErrorKind::AddrInUse.into() };
        assert_eq!(failure.exit(), Exit::Listen);
        assert_eq!(
            failure.lines(),
            ["failed to listen on 127.0.0.1:8722, which another program uses (`conductor status` \
              tells whether it is a conductor): address in use"]
        );
    }

    #[test]
    fn each_wrong_setting_has_a_line() {
        let problem = |key: &str| conductor_config::Problem {
            file: "a.toml".into(),
            key: key.into(),
            message: "is wrong".into(),
        };
        let failure = Failure::from(ConfigError { problems: vec![problem("b"), problem("c")] });
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!(failure.lines(), ["a.toml: b: is wrong", "a.toml: c: is wrong"]);
    }
}
