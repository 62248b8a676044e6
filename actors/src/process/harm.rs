//! This file has a process end or freeze itself without a chance to prepare, for trials of what
//! then happens around it.
//!
//! Nobody else can be harmed from here.

use std::io;

use rustix::process::{Signal, getpid, kill_process};

/// What a process does to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It ends at once, as by `kill -9`.
    Kill,
    /// It stands still until somebody has it go on, as by `kill -STOP`.
    Freeze,
}

/// Does it. Returns after `Kill` never, and after `Freeze` once the process goes on.
///
/// # Errors
///
/// If the system refuses.
pub fn harm_self(harm: Harm) -> io::Result<()> {
    let signal = match harm {
        Harm::Kill => Signal::KILL,
        Harm::Freeze => Signal::STOP,
    };
    Ok(kill_process(getpid(), signal)?)
}
