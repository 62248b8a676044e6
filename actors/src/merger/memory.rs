//! This file keeps each server's last list on disk, so that a cold start has something to show.
//!
//! A list is taken for a server's own only as long as the server is started in the same way.
//! Whether it is still right is for the server to say once it is up.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use conductor_config::{ServerId, ServerSpec, Transport};
use ring::digest::{Context, SHA256};
use tracing::warn;

use crate::server::{Listing, read_page};
use crate::store::{Kind, Store};

/// What is remembered of the lists of all servers.
pub(crate) struct Memory {
    store: Option<Arc<dyn Store>>,
    lists: HashMap<String, Bytes>,
}

impl Memory {
    /// Remembers nothing and keeps nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { store: None, lists: HashMap::new() }
    }

    /// Reads what an earlier run has kept. What cannot be read is as good as forgotten.
    pub(crate) async fn load(store: Arc<dyn Store>) -> Self {
        let documents = store.list(Kind::Catalogue).await.unwrap_or_else(|error| {
            warn!(%error, "the last known tools cannot be read");
            Vec::new()
        });
        let lists = documents.into_iter().map(|kept| (kept.key, Bytes::from(kept.body)));
        Self { lists: lists.collect(), store: Some(store) }
    }

    /// The last known list of a server, if it is still started in the same way.
    pub(super) fn recall(&mut self, spec: &ServerSpec) -> Option<Listing> {
        let kept = self.lists.remove(&key(&spec.id))?;
        let list = kept.strip_prefix(launch(spec).as_bytes())?.strip_prefix(b"\n")?;
        let mut listing = Listing::default();
        read_page(&kept.slice_ref(list), &mut listing).ok()?;
        Some(listing)
    }

    /// Keeps a list. The future it returns ends when it is on disk.
    pub(super) fn keep(
        &self,
        spec: &ServerSpec,
        listing: &Listing,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let put = self.store.as_ref()?.put(Kind::Catalogue, key(&spec.id), body(spec, listing));
        let server = spec.id.clone();
        Some(async move {
            if let Err(error) = put.await {
                warn!(%server, %error, "the tools are known, but not kept for the next start");
            }
        })
    }

    /// Forgets a server that is no more.
    pub(super) fn forget(
        &self,
        server: &ServerId,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let deleted = self.store.as_ref()?.delete(Kind::Catalogue, key(server));
        Some(async move {
            // Kept in vain, it is ignored at the next start.
            let _ = deleted.await;
        })
    }
}

fn key(server: &ServerId) -> String {
    format!("{}/{}", server.workspace, server.name)
}

/// How the server is started and reached, as a digest: it may hold secrets.
fn launch(spec: &ServerSpec) -> String {
    let mut digest = Context::new(&SHA256);
    let mut add = |part: &str| {
        digest.update(part.as_bytes());
        digest.update(&[0]);
    };
    match &spec.transport {
        Transport::Stdio(command) => {
            add("stdio");
            add(&command.program);
            command.args.iter().for_each(|argument| add(argument));
        }
        Transport::Remote(remote) => {
            add(remote.kind.as_str());
            add(&remote.url);
        }
    }
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn body(spec: &ServerSpec, listing: &Listing) -> Vec<u8> {
    let mut body = launch(spec).into_bytes();
    body.extend_from_slice(b"\n{\"tools\":[");
    for (at, tool) in listing.tools.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        tool.definition.write(&mut body);
    }
    body.extend_from_slice(b"]}");
    body
}
