//! This file keeps each server's last lists on disk, so that a cold start has something to show.
//!
//! Lists are taken for a server's own only as long as the server is started in the same way.
//! Whether they are still right is for the server to say once it is up.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use conductor_config::{ServerId, ServerSpec, Transport};
use ring::digest::{Context, SHA256};
use tracing::warn;

use super::list::ListState;
use super::pin_book::PinBook;
use super::slice::{Remembered, Slice};
use crate::model::ListKind;
use crate::server::Listing;
use crate::store::{Kind, Store};
use crate::wire::Members;

/// What is remembered of the lists of all servers.
pub(crate) struct Memory {
    store: Option<Arc<dyn Store>>,
    lists: HashMap<String, Bytes>,
    /// What was approved.
    pub(super) pins: PinBook,
}

impl Memory {
    /// Remembers nothing and keeps nothing.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { store: None, lists: HashMap::new(), pins: PinBook::none() }
    }

    /// Reads what an earlier run has kept. What cannot be read is as good as forgotten.
    pub(crate) async fn load(store: Arc<dyn Store>) -> Self {
        let documents = store.list(Kind::Catalogue).await.unwrap_or_else(|error| {
            warn!(%error, "the last known lists cannot be read");
            Vec::new()
        });
        let lists = documents.into_iter().map(|kept| (kept.key, Bytes::from(kept.body)));
        let lists = lists.collect();
        let pins = PinBook::load(Arc::clone(&store)).await;
        Self { store: Some(store), lists, pins }
    }

    /// What was last known of a server, if it is still started in the same way.
    pub(super) fn recall(&mut self, spec: &ServerSpec) -> Vec<Remembered> {
        self.read(spec).unwrap_or_default()
    }

    fn read(&mut self, spec: &ServerSpec) -> Option<Vec<Remembered>> {
        let kept = self.lists.remove(&key(&spec.id))?;
        let lists = kept.strip_prefix(launch(spec).as_bytes())?.strip_prefix(b"\n")?;
        let lists = kept.slice_ref(lists);
        let members = Members::read(&lists).ok()?;
        let known = |kind: ListKind| {
            if members.get(kind.key())? == "null" {
                return Some(Remembered::Nothing(kind));
            }
            let mut listing = Listing::new(kind);
            listing.read_page(&lists).ok()?;
            Some(Remembered::List(listing))
        };
        Some(ListKind::ALL.into_iter().filter_map(known).collect())
    }

    /// Keeps what is known of a server. The future it returns ends when it is on disk.
    pub(super) fn keep(&self, slice: &Slice) -> Option<impl Future<Output = ()> + Send + use<>> {
        let spec = &slice.spec;
        let put = self.store.as_ref()?.put(Kind::Catalogue, key(&spec.id), body(slice));
        let server = spec.id.clone();
        Some(async move {
            if let Err(error) = put.await {
                warn!(%server, %error, "the lists are known, but not kept for the next start");
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

/// What a server is filed under.
pub(super) fn key(server: &ServerId) -> String {
    format!("{}/{}", server.workspace, server.name)
}

/// How the server is started and reached, as a digest: it may hold secrets.
pub(super) fn launch(spec: &ServerSpec) -> String {
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

fn body(slice: &Slice) -> Vec<u8> {
    let mut body = launch(&slice.spec).into_bytes();
    body.push(b'\n');
    let mut before = b'{';
    for (kind, part) in slice.parts.iter() {
        let is_absent = part.state() == ListState::Absent;
        if !is_absent && part.listing().is_none() {
            continue;
        }
        body.push(before);
        before = b',';
        body.extend_from_slice(format!("\"{}\":", kind.key()).as_bytes());
        match part.listing() {
            Some(listing) => write(&mut body, listing),
            None => body.extend_from_slice(b"null"),
        }
    }
    body.push(b'}');
    body
}

fn write(body: &mut Vec<u8>, listing: &Listing) {
    body.push(b'[');
    for (at, entry) in listing.entries.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        entry.definition.write(body);
    }
    body.push(b']');
}
