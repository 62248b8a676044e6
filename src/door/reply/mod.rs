//! This folder is the only place that knows JSON-RPC codes, HTTP statuses, and the words in which
//! failures are told to agents.
//!
//! `docs/errors.md` lists every code and reason; a test keeps the two equal.

mod codes;
mod failure;
mod problem;
mod refusal;
mod relay;
mod words;

pub(super) use failure::{failed_call, foreign_result, no_input};
pub(super) use problem::Problem;
pub(super) use refusal::{Answer, Refusal, SessionFault, refuse};
pub(super) use relay::{lacking, relayed_error, required, wants_visit};

#[cfg(test)]
mod tests;
