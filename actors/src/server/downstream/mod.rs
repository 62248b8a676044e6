//! This folder reaches one server: starts its process, speaks with it, and tells when it is gone.
//!
//! ```text
//!   Lane (handle) ──commands──▶ Pump (one task a child) ──stdin──▶ child
//!        ▲                        │  ▲                              │
//!        └── replies, progress ───┘  └────────── stdout ────────────┘
//!   rmcp ◀─── session set-up ───▶ │             stderr ──▶ tail (ring, never blocks)
//! ```
//!
//! One task owns the pipes and the table of unanswered calls, so nothing is locked and a call costs
//! one wake-up each way. rmcp opens the session over the same pipes with ids of its own; ours are
//! strings `"c-<n>"`, so the two never meet. A server elsewhere has a pump of its own kind behind the
//! same lane (`remote`). This folder leaves deciding about restarts to the supervisor.

mod asking;
mod capabilities;
mod decoder;
#[cfg(any(test, fuzzing))]
mod decoder_fuzzed;
mod desk;
mod lane;
mod late;
mod output;
mod pace;
mod peers;
mod pending;
mod pump;
mod reading;
mod remote;
mod said;
mod sdk;
mod stopwatch;
mod tail;
#[cfg(test)]
mod tests_notices;
#[cfg(test)]
pub(crate) mod tests_peer;
#[cfg(test)]
mod tests_pump;
#[cfg(test)]
mod tests_sessions;

pub(crate) use asking::InquiryPort;
#[cfg(any(test, fuzzing))]
pub(crate) use decoder_fuzzed::hold as decoder_holds;
pub(crate) use lane::{
    AskError, Body, CallFailure, Coming, Gauges, Lane, RefusedCall, Returned, Ticket,
};
pub(crate) use peers::Peers;
pub(crate) use pending::{Ports, ProgressPort};
pub(crate) use pump::{Pump, PumpParts};
pub(crate) use remote::{Remote, RemoteParts, open_remote};
pub(crate) use said::Said;
pub(crate) use sdk::{Opening, Session, SessionError, open_session};
pub(crate) use stopwatch::Stopwatch;
pub use tail::{StderrLog, StderrTail};
