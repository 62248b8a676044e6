//! This file keeps what was approved of each server's tools, in memory and on disk.
//!
//! It leaves comparing to `pins`. What is known of a server is kept when the server goes: if it comes
//! back it is no stranger.

use std::collections::HashMap;
use std::sync::Arc;

use conductor_config::{PinPolicy, ServerId, ServerSpec};
use tracing::warn;

use super::memory::{key, launch};
use super::pins::{Now, PinDifference, Pins, canonical};
use crate::server::Listing;
use crate::store::{Kind, Store};

/// What was approved, server by server.
pub(crate) struct PinBook {
    store: Option<Arc<dyn Store>>,
    pins: HashMap<String, Pins>,
}

/// What is to be written down.
pub(super) type Saving = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl PinBook {
    /// Knows nothing and keeps nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { store: None, pins: HashMap::new() }
    }

    /// Reads what an earlier run has kept. What cannot be read is told, and as good as forgotten.
    pub(crate) async fn load(store: Arc<dyn Store>) -> Self {
        let documents = store.list(Kind::Pin).await.unwrap_or_else(|error| {
            warn!(%error, "approved tool definitions cannot be read");
            Vec::new()
        });
        let read = |kept: crate::store::Document| {
            let pins = serde_json::from_slice(&kept.body);
            let pins = pins.inspect_err(|error| {
                warn!(server = kept.key, %error, "approved tool definitions cannot be read");
            });
            Some((kept.key, pins.ok()?))
        };
        Self { pins: documents.into_iter().filter_map(read).collect(), store: Some(store) }
    }

    /// What of a server's tools is not as it was approved. A server of which nothing is known yet,
    /// or whose settings allow everything, is approved as it is, and that is to be saved.
    pub(super) fn review(
        &mut self,
        spec: &ServerSpec,
        now: &Now,
    ) -> (Vec<PinDifference>, Option<Saving>) {
        match self.pins.get(&key(&spec.id)) {
            Some(pins) if spec.pins != PinPolicy::Allow => (pins.differences(now), None),
            Some(_) | None => {
                let changed = self.pins.entry(key(&spec.id)).or_default().approve_all(now);
                (Vec::new(), changed.then(|| self.save(&spec.id)).flatten())
            }
        }
    }

    /// Approves these tools of a server, or all; returns those that it does not list.
    pub(super) fn approve(
        &mut self,
        server: &ServerId,
        now: &Now,
        tools: &[String],
    ) -> (Vec<String>, Option<Saving>) {
        let pins = self.pins.entry(key(server)).or_default();
        let unknown = if tools.is_empty() {
            pins.approve_all(now);
            Vec::new()
        } else {
            pins.approve(now, tools)
        };
        (unknown, self.save(server))
    }

    fn save(&self, server: &ServerId) -> Option<Saving> {
        let store = self.store.as_ref()?;
        let body = serde_json::to_vec(self.pins.get(&key(server))?).ok()?;
        let put = store.put(Kind::Pin, key(server), body);
        let server = server.clone();
        Some(Box::pin(async move {
            if let Err(error) = put.await {
                warn!(%server, %error, "approved tool definitions are not kept for the next start");
            }
        }))
    }
}

/// What a server is and lists now.
pub(super) fn now(spec: &ServerSpec, listing: &Listing) -> Now {
    let tools = listing.entries.iter();
    let tools = tools.map(|tool| (tool.name.to_string(), canonical(&tool.definition))).collect();
    Now { launch: launch(spec), tools }
}
