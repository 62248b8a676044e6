//! This folder is the command line: one file a command, and this one, which reads the arguments
//! and picks the command.
//!
//! It leaves the daemon's life to `daemon.rs` and exit codes to `exit.rs`.

mod args;
mod call;
mod chaos;
mod check;
mod client_config;
mod client_file;
mod connect;
mod doctor;
mod import;
mod load;
mod logs;
mod out;
mod pins;
mod private_dir;
mod reload;
mod restart;
mod rewrap;
mod secrets;
mod serve;
mod snippet;
mod state;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod tools;
mod why;

use std::ffi::OsString;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use clap::Parser;
use conductor_actors::guard_main;
use tokio::runtime::Builder;

use self::args::{Cli, Command};
pub use self::client_file::FileError;
use self::out::Out;
use crate::exit::{Exit, Failure};
use crate::handover::Handed;
use crate::heap::keep_room;
use crate::sample_server;
use crate::shut_off::shut_off;

/// What is left of tasks at the end gets this long to be dropped.
const LAST_DROPS: Duration = Duration::from_millis(200);

/// Does what the command line `args` (program name first) asks for, and says how to end.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print(); // to stdout or stderr; nobody may be there
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let out = Out::new();
    run(cli.command, out).unwrap_or_else(|failure| {
        for line in failure.lines() {
            out.note(format_args!("conductor: {line}"));
        }
        failure.exit()
    })
}

type Work<'a> = Pin<Box<dyn Future<Output = Result<Exit, Failure>> + 'a>>;

fn run(command: Command, out: Out) -> Result<Exit, Failure> {
    if matches!(command, Command::Guard) {
        let guarding = |source| Failure::System { doing: "guard a daemon", source };
        return guard_main().map(|()| Exit::Success).map_err(guarding);
    }
    // Before there is a thread, and a secret.
    if matches!(command, Command::Serve(_) | Command::Stdio(_)) {
        shut_off();
        keep_room();
    }
    // Before there is a thread: it removes variables.
    let handed = match command {
        Command::Serve(_) => Handed::take()?,
        _ => Handed::default(),
    };
    // One thread moves all messages (docs/decisions/0022); what takes long is done on others.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System { doing: "start the runtime", source })?;
    let work: Work<'_> = match &command {
        Command::Serve(args) => Box::pin(serve::serve(args, handed)),
        Command::Stdio(args) => Box::pin(serve::stdio(args)),
        Command::Check(args) => Box::pin(async { check::run(args, out) }),
        Command::Doctor(args) => Box::pin(doctor::run(args, out)),
        Command::Status(args) => Box::pin(status::run(args, out)),
        Command::Plan(args) => Box::pin(reload::plan(args, out)),
        Command::Reload(args) => Box::pin(reload::reload(args, out)),
        Command::Restart(args) => Box::pin(restart::run(args, out)),
        Command::Logs(args) => Box::pin(logs::run(args, out)),
        Command::Tools(args) => Box::pin(tools::run(args, out)),
        Command::Why(args) => Box::pin(why::run(args, out)),
        Command::Pins(args) => Box::pin(pins::run(args, out)),
        Command::Import(args) => Box::pin(async { import::run(args, out) }),
        Command::Secrets(args) => Box::pin(secrets::run(args, out)),
        Command::State(args) => Box::pin(async { state::run(args, out) }),
        Command::Call(args) => Box::pin(call::run(args, out)),
        Command::ClientConfig(args) => Box::pin(client_config::run(args, out)),
        Command::Connect(args) => Box::pin(connect::run(args)),
        Command::SampleServer(args) => Box::pin(async {
            sample_server::run(args.tools, args.fault).await?;
            Ok(Exit::Success)
        }),
        Command::Guard => Box::pin(async { Ok(Exit::Success) }), // done above, without a runtime
    };
    let result = runtime.block_on(work);
    // A thread that reads a terminal cannot be interrupted; the process ends without it.
    runtime.shutdown_timeout(LAST_DROPS);
    result
}
