//! This folder runs faults against stand-ins of the user's entries, under the supervision that the
//! entries have, and tells what came of it.
//!
//! ```text
//!   bounds ──────────────────────┐
//!   stand_in ─▶ round ─▶ trial ──┴▶ verdict ─▶ card
//!                 └─ neighbour ──────┘
//! ```
//!
//! The servers themselves are never started or touched: a stand-in is this program as sample
//! server, which does to itself what its fault says. What is tried is a whole system of its own.

mod bounds;
mod card;
mod marked;
mod neighbour;
mod round;
mod stand_in;
mod trial;
mod verdict;

pub(crate) use bounds::bound;
pub(crate) use card::{Card, seconds};
pub(crate) use round::{Round, RoundError, Wanted};
