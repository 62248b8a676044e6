//! This folder holds the nouns that two or more actors share: plain values, no actor, no clock.

mod call;
mod cause;
mod chance;
mod hearing;
mod ids;
mod inquiry;
mod instance;
mod lists;
mod seat;
#[cfg(test)]
mod tests;

pub use call::{
    Answer, Call, CallError, Fate, HttpRefusal, Many, Outage, Scope, ServerState, Target,
};
pub use cause::{Cause, Downfall};
pub(crate) use chance::chance;
pub(crate) use hearing::{
    Addresses, Callers, Ear, Hearing, LogMessage, Notice, Reach, Settled, Told, Wish, Wishes,
};
pub use hearing::{LogPort, Principal, TaskNews};
pub use ids::Generation;
pub use inquiry::{Inquiries, Inquiry, InquiryKind, Visit, shown_visit};
pub(crate) use instance::{Holder, InstanceId, Need, Needs};
pub use lists::{Extensions, ListKind};
pub(crate) use lists::{Offers, PerList, Tells};
pub(crate) use seat::Gone;
pub use seat::Seat;

/// Asks for a server to be started that rests until it is needed.
pub(crate) type Wake = std::sync::Arc<dyn Fn(conductor_config::ServerId) + Send + Sync>;
