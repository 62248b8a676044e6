//! This file is the queue in which calls wait for a process: of a limited length, for those who still
//! wait.
//!
//! It leaves what they wait for to `routes` and `berths`.

use std::collections::VecDeque;

/// Something that waits, as far as queues care.
pub(super) trait Waiting {
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
}

/// Has `call` wait behind the others; it comes back if as many as `limit` wait already.
pub(super) fn park<C: Waiting>(parked: &mut VecDeque<C>, call: C, limit: usize) -> Result<(), C> {
    if parked.len() >= limit {
        parked.retain(|waiting| !waiting.is_abandoned());
    }
    if parked.len() >= limit {
        return Err(call);
    }
    parked.push_back(call);
    Ok(())
}
