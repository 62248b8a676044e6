//! This folder knows what callers want to hear of servers beside answers, and brings it to them:
//! updates of resources, log messages, how their tasks go, and which visits have ended.
//!
//! ```text
//!  door: Listener ──subscribe, level──▶ audience ──Wishes (watch)──▶ keeper, one a life of a server
//!        Inbox    ◀──updates, logs────  (a book) ◀──Told──────────── what the server says
//! ```
//!
//! One task owns the book of who wants what. All wishes together are published; the keeper of every
//! life of a server makes that server say it, so that nobody has to do anything after a restart. A
//! listener that is dropped is forgotten, however its client went away. Log messages that belong to
//! one call do not come here: they go from the pipe to that call's caller.
//!
//! It leaves finding out whose address something is to the catalogue, and asking servers to keepers.

mod book;
mod handle;
mod line;
mod listener;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod visits;

pub(crate) use handle::AudienceHandle;
pub use handle::principal_of;
pub use line::{Heard, Inbox};
pub use listener::{Listener, SubscribeError};
pub(crate) use tasks::Made;
