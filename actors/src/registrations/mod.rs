//! Servers that were registered while the daemon ran: kept in the store, their secrets sealed.
//!
//! A registration is on the disk before anybody is told that it is. What it means beside the
//! settings files is `conductor-config`'s to say, and when it takes effect that of the caller.

mod book;
mod document;
#[cfg(test)]
mod tests;

pub use book::{KeepError, Kept, Registrations, Resealed};
pub use document::UnreadableError;
