//! This folder starts, signals and reaps child processes. No other place does.
//!
//! ```text
//!   spawn ──▶ child (watches one process to its end) ──▶ group (signals it and what it started)
//!                                  └──────▶ census (what /proc says)
//! ```
//!
//! It leaves what is said to a child, and when it has to go, to others.

mod census;
mod child;
mod group;
mod spawn;
#[cfg(test)]
mod tests;

pub(crate) use child::{Exit, Process};
pub(crate) use spawn::spawn;
