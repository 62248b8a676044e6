//! This folder holds the nouns that two or more actors share: plain values, no actor, no clock.

mod call;
mod cause;
mod ids;

pub use call::{CallError, Fate, Outage, Scope, ServerState, ToolCall, ToolRef};
pub use cause::{Cause, Downfall};
pub use ids::Generation;
