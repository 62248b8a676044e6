//! This folder holds the nouns that two or more actors share: plain values, no actor, no clock.

mod call;
mod cause;
mod ids;
#[cfg(test)]
mod tests;

pub use call::{Answer, CallError, Fate, Outage, Scope, ServerState, ToolCall, ToolRef};
pub use cause::{Cause, Downfall};
pub use ids::Generation;

/// Asks for a server to be started that rests until it is needed.
pub(crate) type Wake = std::sync::Arc<dyn Fn(conductor_config::ServerId) + Send + Sync>;
