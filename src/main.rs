//! This file is the program `conductor`: read the command line, do what it says, end with its code.
//!
//! Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_conductor::cli::main(std::env::args_os()).into()
}
