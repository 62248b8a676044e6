//! This file remembers which list of tools a peer has seen last, so that it is told of changes
//! exactly when it would see something else.
//!
//! It leaves telling it to the doors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use conductor_actors::{CatalogReader, Scope};
use tokio::sync::watch;

/// The digest of the list that a peer has seen last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<AtomicU64>);

impl Seen {
    /// The peer has seen the list of this digest; true if it had not before.
    pub(super) fn update(&self, digest: u64) -> bool {
        self.0.swap(digest, Ordering::AcqRel) != digest
    }
}

/// Waits for changes of what a peer sees.
pub(super) struct Changes {
    catalog: CatalogReader,
    scope: Scope,
    revision: watch::Receiver<u64>,
    seen: Seen,
}

impl Changes {
    /// Changes of `scope` beyond what `seen` says.
    pub(super) fn new(catalog: CatalogReader, scope: Scope, seen: Seen) -> Self {
        let revision = catalog.changes();
        Self { catalog, scope, revision, seen }
    }

    /// Returns when the peer would see another list than it has seen last; `false` if there will
    /// be no more changes. Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self) -> bool {
        loop {
            self.revision.borrow_and_update();
            if self.seen.update(digest(&self.catalog, &self.scope)) {
                return true;
            }
            if self.revision.changed().await.is_err() {
                return false;
            }
        }
    }
}

/// The digest of the list that `scope` shows now; 0 where it shows nothing.
pub(super) fn digest(catalog: &CatalogReader, scope: &Scope) -> u64 {
    catalog.current().view(scope).map_or(0, |view| view.digest())
}
