//! This folder keeps servers running: it starts them, learns of their ends, and decides.
//!
//! There is one way for a server to come up, whether the program has just started, the settings
//! have changed, the server has died or a person wants it restarted: it is put into the queue, and
//! the queue is served as places for starting servers allow. There is one way down: `send_off`.
//!
//! ```text
//!            wanted          place free         Ready
//!  Resting ─────────▶ Queued ──────────▶ Starting ─────▶ Up ──▶ Draining ──▶ (what was intended)
//!     ▲                 ▲                   │ ends        │ ends
//!     │                 │ wait over         ▼             ▼
//!     └── rests ─── Waiting / Failed ◀──── ruled by `restart`
//! ```
//!
//! An end always arrives as the framework's supervision event; what the server said about it
//! before is only the explanation. One server's trouble touches no other.
//!
//! A server that is not shared has *instances* beside the life that its lists come from: the same
//! actors, for one holder each (`leases`), begun when the router asks for them and ended when their
//! holder is gone.

mod actor;
mod board;
mod children;
mod excess;
mod handle;
mod instances;
mod leases;
mod lifecycle;
mod noise;
mod reconcile;
mod restart;
#[cfg(test)]
mod tests_children;
#[cfg(test)]
mod tests_reconcile;
#[cfg(test)]
mod tests_restart;

pub(crate) use actor::{SupervisorActor, SupervisorArguments};
pub use board::{Board, BoardReader, InstanceStatus, ServerStatus, Weakness};
pub use handle::RestartError;
pub(crate) use handle::SupervisorHandle;
