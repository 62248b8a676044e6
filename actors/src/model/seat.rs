//! This file is what says that somebody is still there for whom servers may run apart.
//!
//! It leaves what runs for whom to the supervisor. Dropping it is all it takes to leave.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Holder;

/// Tells whoever brings calls that a holder is no more. Never waits.
pub(crate) type Gone = Arc<dyn Fn(Holder) + Send + Sync>;

/// The place of one session of a client, or of one call. What servers run for it alone ends with the
/// last clone.
#[derive(Clone)]
pub struct Seat(Arc<Place>);

struct Place {
    number: u64,
    /// Whether anything may run for it.
    taken: AtomicBool,
    gone: Gone,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Seat").field(&self.0.number).finish()
    }
}

impl Seat {
    /// The one of this number, which no other has.
    pub(crate) fn new(number: u64, gone: Gone) -> Self {
        Self(Arc::new(Place { number, taken: AtomicBool::new(false), gone }))
    }

    /// What it holds from now on.
    pub(crate) fn take(&self) -> Holder {
        self.0.taken.store(true, Ordering::Release);
        Holder::Guest(self.0.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if *self.taken.get_mut() {
            (self.gone)(Holder::Guest(self.number));
        }
    }
}
