//! This folder looks a conductor over: settings, the programs they name, the machine, the running
//! daemon. Gatherers collect facts, and pure files judge them: a check each, with the cure.
//!
//! ```text
//!   programs ─▶ entry ──┐
//!   places ───▶ machine ├─▶ Check … ─▶ Report ─▶ text or JSON
//!   ask ──────▶ daemon ─┘      ▲
//!                  └─ advice ──┘
//! ```
//!
//! It changes nothing and, outside of `chaos/`, starts nothing; it leaves the command line to `cli/`.

mod advice;
mod ask;
mod chaos;
mod daemon;
mod entry;
mod findings;
mod machine;
mod places;
mod programs;
mod reach;
mod settings;

pub(crate) use ask::look_at_daemon;
pub(crate) use chaos::{Card, Round, RoundError, Wanted, bound, seconds};
pub(crate) use daemon::Asked;
pub(crate) use entry::EntryFacts;
pub(crate) use findings::{Area, Check, Report};
pub(crate) use places::look_at_machine;
pub(crate) use programs::{Located, locate, look_at_program};
pub(crate) use reach::reach;
pub(crate) use settings::{doubts, file_facts};

/// The judgements, for those who have the facts.
pub(crate) mod judge {
    pub(crate) use super::daemon::daemon;
    pub(crate) use super::entry::entry;
    pub(crate) use super::machine::machine;
    pub(crate) use super::settings::{files, look_alikes, problems, warnings};
}
