//! This folder holds the nouns that two or more actors share: plain values, no actor, no clock.

mod call;
mod cause;
mod hearing;
mod ids;
mod inquiry;
mod lists;
#[cfg(test)]
mod tests;

pub use call::{Answer, Call, CallError, Fate, Outage, Scope, ServerState, Target};
pub use cause::{Cause, Downfall};
pub(crate) use hearing::{
    Addresses, Callers, Ear, Hearing, LogMessage, Principal, Reach, Settled, Told, Wish, Wishes,
};
pub use hearing::{LogPort, TaskNews};
pub use ids::Generation;
pub use inquiry::{Inquiries, Inquiry, InquiryKind};
pub use lists::ListKind;
pub(crate) use lists::{Offers, PerList, Tells};

/// Asks for a server to be started that rests until it is needed.
pub(crate) type Wake = std::sync::Arc<dyn Fn(conductor_config::ServerId) + Send + Sync>;
