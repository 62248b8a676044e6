//! The fifth actor: who may call on behalf of whom, and how often. It says yes with a
//! proof or no with a reason; servers, routes and tool names are not its concern.
//!
//! ```text
//! door ── Caller::Local ───────────────► admit ──────────► Admission   (no mailbox)
//! door ── Caller::Delegated(Grant) ────► admit ─► actor ─► Admission + permit
//!                                                  │  gate: known? in flight? rate?
//!                                                  └─ every few seconds ─► Store
//! ```
//!
//! A [`Grant`] and an [`Admission`] are proofs: nothing outside this folder can make one.
//! The permit inside an admission gives its place back when dropped, however the call ended.
//! A refused call costs its delegator nothing. What was used up outlives a restart; if it
//! cannot be read, every delegator starts with nothing left, never with everything.

mod actor;
mod caller;
mod gate;
mod grant;
mod handle;
mod in_flight;
mod keys;
mod limits;
mod quota;
mod saved;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_quota;

pub use caller::{Caller, LocalCaller};
pub use grant::{DelegatorId, DelegatorIdError, Grant};
pub use handle::{
    Admission, DelegationDown, DelegationHandle, DrainError, Refusal, Settings, StartError, start,
};
pub use keys::{KeyError, OwnKey, PublicJwk};
pub use limits::{Limit, Limits};
pub use quota::{Cost, Rate, RateError};
