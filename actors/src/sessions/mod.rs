//! This folder keeps the sessions of older HTTP clients in the store, so that they outlive the
//! process.
//!
//! ```text
//!  door ── settle(session) ──▶ queue ──▶ keeper: asks each what is to be written of it now,
//!    ▲                                   writes all together, then answers those who wait
//!    └── found(door) ◀── read once at the start
//! ```
//!
//! What a session is, and when it ends, is decided by the doors. The store never sees the id that
//! a client shows, only a digest of it.

mod keeper;
mod record;
#[cfg(test)]
mod tests;

pub use keeper::{KeptSessions, Recorded, UNSAID};
pub use record::{SessionKey, SessionRecord};
