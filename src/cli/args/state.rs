//! This file says what the command about the daemon's state takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DaemonArgs;

/// Write down everything that the daemon keeps, or put it back.
///
/// That is what is registered, which workspaces are off, approved tool definitions, the last known
/// lists, used-up limits and sessions. The master key is no part of it: credentials stay encrypted
/// with it, so it has to be kept as well, elsewhere.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor state export backup.json      (the daemon may run)
  conductor state import backup.json      (it may not)")]
pub(in crate::cli) struct StateArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: StateCommand,
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
}

/// What is to be done with the state.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StateCommand {
    /// Write it to FILE, which nobody else may read, or to stdout
    Export {
        /// The file; one that is there is replaced.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Make what is in FILE the whole state; what was there is kept beside it
    Import {
        /// The file; `-` for stdin.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
