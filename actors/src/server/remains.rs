//! This file ends what a life may have left behind, so that the next never meets it.
//!
//! It leaves stopping in order to the actor.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conductor_config::ServerId;
use tokio::time::timeout;
use tracing::warn;

use crate::process::{Killer, Process};

/// How long a killed process may take to go.
pub(super) const REAP: Duration = Duration::from_secs(2);

/// How long its containers may take to be removed.
const REMOVE: Duration = Duration::from_secs(12);

/// The process of one life, known from the moment it runs: a start that is given up may still hold
/// it, or a message that nobody will read.
#[derive(Debug, Clone, Default)]
pub(super) struct Remains(Arc<OnceLock<Killer>>);

impl Remains {
    /// This process belongs to the life. A life has one.
    pub(super) fn are(&self, process: &Process) {
        let _ = self.0.set(process.killer());
    }

    /// Ends the process, if there is one and it is still there.
    pub(super) async fn end(&self, server: &ServerId) {
        let Some(killer) = self.0.get() else { return };
        if timeout(REAP, killer.clone().kill()).await.is_err() {
            warn!(%server, "server does not end even when killed");
        }
        if timeout(REMOVE, killer.clone().cleaned()).await.is_err() {
            warn!(%server, "containers of the server are not removed yet");
        }
    }
}
