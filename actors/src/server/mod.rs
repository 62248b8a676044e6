//! This folder looks after one downstream server: one actor for each of its lives.
//!
//! ```text
//!              Connected(ok)                Drain                Stopped
//!  Starting ───────────────────▶ Running ─────────▶ Draining ──────────────▶ (ended)
//!     │  Connected(failed)          │ Fell: pipe or process ended               ▲
//!     └────────────────────────────▶│ Lost: no heartbeat                        │
//!                                   └────────────────── Down ───────────────────┘
//! ```
//!
//! A life never comes back: the supervisor starts the next one as a new actor with the next
//! generation. What is dropped with the state: the tasks, the pipe, and the process with its whole
//! group, so that no way of ending the actor leaves anything behind.

mod actor;
mod connect;
mod downstream;
mod handle;
mod keeper;
mod keeping;
mod listening;
mod listening_tasks;
mod listing;
mod outbox;
mod probe;
mod remains;
#[cfg(test)]
mod tests_keeper;

pub(crate) use actor::{ServerActor, ServerArguments};
#[cfg(any(test, fuzzing))]
pub(crate) use downstream::decoder_holds;
#[cfg(test)]
pub(crate) use downstream::tests_peer;
pub(crate) use downstream::{
    Body, CallFailure, InquiryPort, Ports, ProgressPort, RefusedCall, Returned, Stopwatch, Ticket,
};
pub use downstream::{StderrLog, StderrTail};
pub(crate) use handle::{LastWords, ServerEvent, ServerHandle, ServerLink, ServerReport};
pub use listing::Rejected;
pub(crate) use listing::{ListError, Listing, RawEntry};
