//! This file is the address of a part that may be started anew while others hold the address.
//!
//! It leaves when to do so to `renewal`.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ractor::{ActorRef, Message};
use tokio::sync::watch;

/// Where messages for one part of the system go, whichever actor is that part just now. Cheap to
/// clone.
pub(crate) struct Post<M>(Arc<Inner<M>>);

struct Inner<M> {
    holder: ArcSwap<ActorRef<M>>,
    /// How often the post was filled anew.
    renewals: watch::Sender<u64>,
}

impl<M> Clone for Post<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for Post<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}

/// The part has ended; the message went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vacant;

impl<M: Message> Post<M> {
    pub(crate) fn new(holder: ActorRef<M>) -> Self {
        let (holder, renewals) = (ArcSwap::from_pointee(holder), watch::Sender::new(0));
        Self(Arc::new(Inner { holder, renewals }))
    }

    pub(crate) fn cast(&self, message: M) -> Result<(), Vacant> {
        self.0.holder.load().cast(message).map_err(|_| Vacant)
    }

    /// From now on messages go to whoever holds `other`.
    pub(crate) fn follow(&self, other: &Self) {
        self.0.holder.store(other.0.holder.load_full());
        self.0.renewals.send_modify(|count| *count += 1);
    }

    /// Wakes when the post is filled anew.
    pub(crate) fn renewals(&self) -> watch::Receiver<u64> {
        self.0.renewals.subscribe()
    }

    /// Waits until the present holder has ended, however.
    pub(crate) async fn ended(&self) {
        let holder = self.0.holder.load_full();
        // Fails only if a limit is set and passes.
        let _ = holder.get_cell().wait(None).await;
    }

    pub(crate) fn stop(&self) {
        self.0.holder.load().stop(None);
    }
}
