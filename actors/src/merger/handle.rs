//! This file is how the merger is told about servers, and how its catalogue is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use conductor_config::{CatalogSettings, ServerId, ServerSpec};
use ractor::Actor;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::actor::{Arguments, MergerActor, Message, News};
use super::catalog::Catalog;
use super::list::ListState;
use super::memory::Memory;
use super::pins::Unapproved;
use crate::model::{ListKind, Scope, ServerState, Wake};
use crate::post::Post;
use crate::server::ServerLink;

/// The merger's address. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MergerHandle {
    pub(super) post: Post<Message>,
    pub(super) shelf: Arc<Shelf>,
}

impl MergerHandle {
    /// Waits until the actor has ended, however.
    pub(crate) async fn ended(&self) {
        self.post.ended().await;
    }

    /// Another merger for the same shelf, with `memory` for the servers that it will be told about.
    /// It publishes nothing until [`Self::open`].
    pub(crate) async fn another(
        &self,
        settings: CatalogSettings,
        memory: Memory,
    ) -> Result<Self, ractor::SpawnErr> {
        let shelf = Arc::clone(&self.shelf);
        let arguments = Arguments { settings, shelf: Arc::clone(&shelf), memory, open: false };
        let (actor, _) = MergerActor::spawn(None, MergerActor, arguments).await?;
        Ok(Self { post: Post::new(actor), shelf })
    }

    /// From now on everybody who holds this handle is heard by `other`.
    pub(crate) fn follow(&self, other: &Self) {
        self.post.follow(&other.post);
    }

    /// All servers are known: what is known of them may be published.
    pub(crate) fn open(&self) {
        self.tell(Message::Open);
    }

    /// What is not as it was approved.
    pub(crate) async fn unapproved(&self) -> Vec<Unapproved> {
        let (port, told) = ractor::concurrency::oneshot();
        self.tell(Message::Unapproved(port.into()));
        told.await.unwrap_or_default()
    }

    /// Approves these tools of a server as they are, or all of it; returns those that it does not
    /// list, nothing if its list is not known.
    pub(crate) async fn approve(
        &self,
        server: ServerId,
        tools: Vec<String>,
    ) -> Option<Vec<String>> {
        let (port, told) = ractor::concurrency::oneshot();
        self.tell(Message::Approve { server, tools, reply: port.into() });
        told.await.ok().flatten()
    }

    pub(crate) fn configure(&self, settings: CatalogSettings) {
        self.tell(Message::Configure(Box::new(settings)));
    }

    pub(crate) fn server_up(&self, spec: Arc<ServerSpec>, link: ServerLink) {
        self.tell(Message::Server(News::Up { spec, link }));
    }

    pub(crate) fn server_down(&self, server: ServerId, state: ServerState, wakeable: bool) {
        self.tell(Message::Server(News::Down { server, state, wakeable }));
    }

    pub(crate) fn retune(&self, spec: Arc<ServerSpec>) {
        self.tell(Message::Server(News::Retune(spec)));
    }

    pub(crate) fn forget(&self, server: ServerId) {
        self.tell(Message::Server(News::Forget(server)));
    }

    /// Returns when everything said before is in the catalogue.
    pub(crate) async fn sync(&self) {
        let (port, done) = ractor::concurrency::oneshot();
        self.tell(Message::Sync(port.into()));
        // A merger that is gone has nothing left to put there.
        let _ = done.await;
    }

    pub(crate) fn stop(&self) {
        self.post.stop();
    }

    fn tell(&self, message: Message) {
        // One that is gone is being shut down, or will be told by the supervisor once it is back;
        // its last catalogue stays readable.
        let _ = self.post.cast(message);
    }
}

/// What the merger publishes, and what readers leave for it.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(super) catalog: ArcSwap<Catalog>,
    /// Grows with every publication, visible to clients or not.
    pub(super) published: watch::Sender<u64>,
    /// The revision that clients have to be told about.
    pub(super) revision: watch::Sender<u64>,
    /// A reader found the catalogue too old and has said so.
    pub(super) nudged: AtomicBool,
}

impl Shelf {
    pub(super) fn new() -> Self {
        Self {
            catalog: ArcSwap::default(),
            published: watch::Sender::new(0),
            revision: watch::Sender::new(0),
            nudged: AtomicBool::new(false),
        }
    }
}

/// Reads the catalogue, without a lock and without asking anybody. Cheap to clone.
#[derive(Clone)]
pub struct CatalogReader {
    pub(super) shelf: Arc<Shelf>,
    pub(super) merger: MergerHandle,
    pub(super) wake: Wake,
}

impl CatalogReader {
    /// The newest catalogue. One that is too old is served all the same, and read anew behind the
    /// reader's back.
    pub fn current(&self) -> Arc<Catalog> {
        let catalog = self.shelf.catalog.load_full();
        let stale = catalog.fresh_until.is_some_and(|until| until <= Instant::now());
        if stale && !self.shelf.nudged.swap(true, Ordering::AcqRel) {
            self.merger.tell(Message::Refresh);
        }
        catalog
    }

    /// Wakes with the new revision whenever a client would see something else. Several changes in
    /// a row may wake once.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shelf.revision.subscribe()
    }

    /// Waits until this list of every server in `scope` is known or has failed once, for `limit` at
    /// most. Servers that rest until they are needed are started.
    pub async fn settled(&self, scope: &Scope, kind: ListKind, limit: Duration) {
        let done = |states: &[ListState]| !states.contains(&ListState::Awaited);
        self.wait(scope, kind, limit, done).await;
    }

    /// Waits until this list of any server in `scope` is known, be it that there is none, or none
    /// is to be expected, for `limit` at most. Servers that rest until they are needed are started.
    pub async fn any(&self, scope: &Scope, kind: ListKind, limit: Duration) {
        let done = |states: &[ListState]| {
            let settled = |state: &ListState| matches!(state, ListState::Known | ListState::Absent);
            states.iter().any(settled) || !states.contains(&ListState::Awaited)
        };
        self.wait(scope, kind, limit, done).await;
    }

    /// Waits for the next publication.
    pub(crate) fn published(&self) -> watch::Receiver<u64> {
        self.shelf.published.subscribe()
    }

    async fn wait(
        &self,
        scope: &Scope,
        kind: ListKind,
        limit: Duration,
        done: impl Fn(&[ListState]) -> bool,
    ) {
        self.wake_sleepers(scope, kind);
        let mut published = self.shelf.published.subscribe();
        let ready = async {
            loop {
                published.borrow_and_update();
                let catalog = self.shelf.catalog.load_full();
                let list = catalog.view(scope).map(|view| view.list(kind));
                let states = list.into_iter().flat_map(|list| list.servers().values().copied());
                let states: Vec<ListState> = states.collect();
                if done(&states) || published.changed().await.is_err() {
                    return;
                }
            }
        };
        // Past the limit the caller takes what there is.
        let _ = timeout(limit, ready).await;
    }

    /// Has servers started of which no list is known yet, if they rest until they are needed.
    fn wake_sleepers(&self, scope: &Scope, kind: ListKind) {
        let catalog = self.shelf.catalog.load();
        let Some(view) = catalog.view(scope) else { return };
        for (server, state) in view.list(kind).servers() {
            if *state == ListState::Awaited {
                (self.wake)(server.clone());
            }
        }
    }
}
