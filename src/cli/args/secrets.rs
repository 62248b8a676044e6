//! This file says what the command about credentials takes.

use clap::{Args, Subcommand};

use super::DaemonArgs;

/// Encrypt credentials for settings and registrations.
///
/// A value that begins with `encrypted:` is decrypted when settings are read, with the key in
/// `master.key` in the state directory, in $CONDUCTOR_MASTER_KEY, or among the credentials of a
/// service manager. It is a Fernet token, so other programs can make and read it with that key.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  conductor secrets encrypt < token.txt
  conductor secrets keygen --print
  conductor secrets rotate && conductor secrets rotate --drop-old")]
pub(in crate::cli) struct SecretsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: SecretsCommand,
    #[command(flatten)]
    pub(in crate::cli) daemon: DaemonArgs,
}

/// What is to be done about credentials.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SecretsCommand {
    /// Make the key in the state directory, if there is none
    Keygen {
        /// Print a new key instead, and keep it nowhere.
        #[arg(long)]
        print: bool,
    },
    /// Encrypt what stands on stdin, without the end of its last line, and print it
    Encrypt,
    /// Make a new key and encrypt everything anew; the daemon must be stopped
    ///
    /// Everything is what is registered, and each `encrypted:` value in the settings files and the
    /// files that they have secrets in. A file is replaced as a whole and kept in FILE.bak. The old
    /// key stays, for values that are elsewhere; interrupted, do it again.
    Rotate {
        /// Make none; remove the old ones, once nothing that is known of needs them.
        #[arg(long)]
        drop_old: bool,
        /// Change nothing; say what would be encrypted anew.
        #[arg(long, conflicts_with = "drop_old")]
        dry_run: bool,
    },
}
