//! This folder has settings read again while the daemon runs: one task takes every wish for it,
//! one after the other, and either all of the new settings hold afterwards or all of the old ones.
//!
//! It leaves what a change means for a server to `conductor-config`, and carrying it out to the
//! system.

mod debounce;
mod fallback;
mod owner;
mod places;
mod plan;
mod record;
mod registered;
mod report;
mod source;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use owner::Started;
pub use owner::{ReloadError, Reloader, Trigger};
pub use registered::{Condition, RegisterError, Registered};
pub(crate) use registered::{Entry, Register, Standing};
pub use report::{Counts, History, LastFailure, Plan};
pub(crate) use source::Source;
pub(crate) use watch::look;
