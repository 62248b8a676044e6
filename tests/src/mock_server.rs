//! This program is a stdio MCP server for tests: healthy by default, wrong in a named way when told to be.
//! It checks nothing itself: what reached it goes to a journal, and the test that reads it decides.

mod mock;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = mock::args::Args::parse();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let Ok(runtime) = builder.worker_threads(2).enable_all().build() else {
        return ExitCode::from(70);
    };
    let code = runtime.block_on(mock::run(args));
    // A thread blocked in a read of stdin must not hold the exit up.
    mock::process::die(code)
}
