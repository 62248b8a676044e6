//! This folder starts, signals and reaps child processes. No other place does.
//!
//! ```text
//!   Nursery ──spawn──▶ child (watches one process to its end, then ends what it left)
//!      │                 │                          │
//!      │               roll (who is awaited)      hunt (census of /proc ─▶ quarry ─▶ signals)
//!      │                 │        │                 ▲            ▲
//!      └── keeper ◀──────┘        └─▶ reaper        │            │
//!            │  └── record (processes.json) ──▶ orphans, at the next start
//!            └── guard ═══ pipe ═══▶ guard_main, in a process of its own
//! ```
//!
//! A child leads a group of its own, and it and all that it starts carry a mark in the environment.
//! Where the system lets us, they are in a control group of their own as well (`cells`), named alike.
//! Three look after what is left, each where the one before it cannot: the child's own task when
//! its process ends, the guard when the daemon is killed, the next start when both were. All of
//! them hunt in the same way, and signal a process only if number and start time are those seen.
//!
//! Orphans of children become ours where we adopt; where there is no such stranger (`adopted`), a child
//! has left nothing, and nobody need be hunted.
//!
//! `end` tells that a child has ended. `meter` looks every few seconds at what all of them use, for
//! others to rule on.
//!
//! Containers are not processes of ours: those that a child was to run are labelled (`engine`), and
//! removed when it is gone (`containers`).
//!
//! It leaves what is said to a child, and when it has to go, to others.

mod adopted;
mod cells;
mod census;
mod child;
mod containers;
mod end;
mod engine;
mod group;
mod guard;
mod guard_book;
mod guard_main;
mod harm;
mod hunt;
mod keeper;
mod limits;
mod meter;
mod nursery;
mod orphans;
mod quarry;
mod reaper;
mod record;
mod roll;
mod run;
mod spawn;
mod stdout;
mod tally;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_cycles;
#[cfg(test)]
mod tests_guard;

pub(crate) use child::{Exit, Killer, Process};
pub use guard_main::guard_main;
pub use harm::{Harm, harm_self};
pub(crate) use nursery::Nursery;
pub use nursery::NurseryError;
pub use tally::Usage;
