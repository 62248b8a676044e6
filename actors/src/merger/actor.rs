//! This file is the actor that owns the catalogue and publishes it.
//!
//! Lists are read in tasks whose results come back as messages; readers never come here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use conductor_config::{CatalogSettings, ServerId, ServerSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument, debug, info, warn};

use super::catalog::Catalog;
use super::handle::{CatalogReader, MergerHandle, Shelf};
use super::memory::Memory;
use super::merge::merge;
use super::sanitize::{Judged, Policy};
use super::slice::Slice;
use crate::model::{Generation, ListKind, ServerState, Wake};
use crate::post::Post;
use crate::server::{ListError, Listing, ServerLink};

/// Longest time for reading one server's whole list.
const LIST: Duration = Duration::from_secs(30);
/// A server that says over and over that a list changed is asked this often at most.
const CALM: Duration = Duration::from_millis(500);

/// The actor's type; it holds nothing.
#[derive(Debug)]
pub(crate) struct MergerActor;

pub(crate) enum Message {
    /// Take over settings.
    Configure(Box<CatalogSettings>),
    /// A server takes calls.
    Up { spec: Arc<ServerSpec>, link: ServerLink },
    /// A server takes none.
    Down { server: ServerId, state: ServerState, wakeable: bool },
    /// A server has new settings, or is new.
    Retune(Arc<ServerSpec>),
    /// A server is no more.
    Forget(ServerId),
    /// A server says that a list of it changed.
    Changed(ServerId),
    /// A list was read, or not.
    Listed { server: ServerId, asked: Asked, result: Result<Read, ListError> },
    /// Ask whoever is due.
    Refresh,
    /// All servers are known: publish from now on.
    Open,
    /// Answer when everything said before is in the catalogue.
    Sync(RpcReplyPort<()>),
}

/// All slices, and the tasks that fill them.
pub(crate) struct State {
    settings: CatalogSettings,
    slices: BTreeMap<ServerId, Slice>,
    shelf: Arc<Shelf>,
    memory: Memory,
    tasks: JoinSet<()>,
    /// Whether what it knows is all there is, and may be published.
    open: bool,
}

/// What a merger begins with.
pub(crate) struct Arguments {
    pub(super) settings: CatalogSettings,
    pub(super) shelf: Arc<Shelf>,
    pub(super) memory: Memory,
    pub(super) open: bool,
}

impl MergerActor {
    /// Starts the merger, with an empty catalogue and `memory` for the servers to come.
    pub(crate) async fn start(
        settings: CatalogSettings,
        wake: Wake,
        memory: Memory,
    ) -> Result<(MergerHandle, CatalogReader), ractor::SpawnErr> {
        let shelf = Arc::new(Shelf::new());
        let ttl = settings.ttl;
        let arguments = Arguments { settings, shelf: Arc::clone(&shelf), memory, open: true };
        let (actor, _) = Self::spawn(None, Self, arguments).await?;
        let merger = MergerHandle { post: Post::new(actor), shelf: Arc::clone(&shelf) };
        let reader = CatalogReader { shelf, merger: merger.clone(), wake, ttl };
        Ok((merger, reader))
    }
}

impl Actor for MergerActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        Arguments { settings, shelf, memory, open }: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let (slices, tasks) = (BTreeMap::new(), JoinSet::new());
        let mut state = State { settings, slices, shelf, memory, tasks, open };
        state.publish();
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        while state.tasks.try_join_next().is_some() {}
        let visible = match message {
            Message::Configure(settings) => {
                state.settings = *settings;
                true
            }
            Message::Up { spec, link } => {
                state.watch(&myself, &link);
                state.slice(&spec).up(link);
                true
            }
            Message::Down { server, state: doing, wakeable } => {
                let slice = state.slices.get_mut(&server);
                slice.map(|slice| slice.down(doing, wakeable)).is_some()
            }
            Message::Retune(spec) => {
                state.slice(&spec).spec = Arc::clone(&spec);
                true
            }
            Message::Forget(server) => {
                let forgotten = state.memory.forget(&server);
                state.spawn(forgotten);
                state.slices.remove(&server).is_some()
            }
            Message::Changed(server) => {
                if let Some(slice) = state.slices.get_mut(&server) {
                    slice.changed();
                }
                false
            }
            Message::Listed { server, asked, result } => {
                state.on_listed(&myself, &server, asked, result)
            }
            Message::Sync(reply) => {
                let _ = reply.send(());
                false
            }
            Message::Open => {
                state.open = true;
                true
            }
            Message::Refresh => {
                state.shelf.nudged.store(false, Ordering::Release);
                false
            }
        };
        if visible {
            state.publish();
        }
        state.ask(&myself);
        Ok(())
    }
}

impl State {
    fn slice(&mut self, spec: &Arc<ServerSpec>) -> &mut Slice {
        let Self { slices, memory, .. } = self;
        slices
            .entry(spec.id.clone())
            .or_insert_with(|| Slice::new(Arc::clone(spec), memory.recall(spec)))
    }

    fn spawn(&mut self, task: Option<impl Future<Output = ()> + Send + 'static>) {
        if let Some(task) = task {
            self.tasks.spawn(task.in_current_span());
        }
    }

    /// Listens to a server's own word that a list changed, as long as this life of it lasts.
    fn watch(&mut self, myself: &ActorRef<Message>, link: &ServerLink) {
        let myself = myself.clone();
        let server = link.server.clone();
        let mut changed = link.gauges().lists_changed.subscribe();
        let lane = link.lane.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = lane.closed() => return,
                    news = changed.changed() => if news.is_err() { return },
                }
                if myself.cast(Message::Changed(server.clone())).is_err() {
                    return;
                }
                tokio::time::sleep(CALM).await;
            }
        });
    }

    /// Asks every server whose list is due.
    fn ask(&mut self, myself: &ActorRef<Message>) {
        let now = Instant::now();
        for (server, slice) in &mut self.slices {
            let Some((link, due)) = slice.ask(now, self.settings.ttl) else { continue };
            let limit = slice.spec.timeout.min(LIST);
            for kind in due {
                let asked = Asked { generation: link.generation, kind };
                debug!(%server, generation = %asked.generation, list = kind.method(), "reading");
                let (myself, server, link) = (myself.clone(), server.clone(), link.clone());
                let read = async move {
                    let result = match link.list(kind, limit).await {
                        Ok(listing) => judge(&server, listing).await,
                        Err(error) => Err(error),
                    };
                    let _ = myself.cast(Message::Listed { server, asked, result });
                };
                self.tasks.spawn(read.in_current_span());
            }
        }
    }

    fn on_listed(
        &mut self,
        myself: &ActorRef<Message>,
        server: &ServerId,
        Asked { generation, kind }: Asked,
        result: Result<Read, ListError>,
    ) -> bool {
        let Some(slice) = self.slices.get_mut(server) else { return false };
        let (now, list) = (Instant::now(), kind.key());
        match result {
            Ok(read) => {
                let (entries, rejected) = (read.0.entries.len(), read.0.rejected.len());
                let held = read.1.held().count();
                if !slice.parts.get_mut(kind).listed(generation, read, now) {
                    return false;
                }
                let kept = self.memory.keep(slice);
                self.spawn(kept);
                info!(%server, %generation, list, entries, "list read");
                if rejected > 0 {
                    warn!(%server, %generation, list, rejected, "some entries cannot be shown");
                }
                if held > 0 {
                    warn!(%server, %generation, list, held, "some entries are held back as hostile");
                }
                true
            }
            Err(error) => {
                let part = slice.parts.get_mut(kind);
                let Some(wait) = part.missed(generation, now) else { return false };
                warn!(%server, %generation, list, %error, retry_after = ?wait, "list could not be read");
                let _timer = myself.send_after(wait, || Message::Refresh);
                true
            }
        }
    }

    /// Puts a new catalogue on the shelf, and tells clients if they would see a difference.
    fn publish(&mut self) {
        if !self.open {
            return;
        }
        let before = self.shelf.catalog.load_full();
        let mut catalog = merge(&self.slices, &self.settings);
        let differs = !catalog.looks_like(&before);
        catalog.revision = before.revision + u64::from(differs);
        // Of a server that is down there is nothing newer to be had, so no reader is to ask for it.
        let up = self.slices.values().filter(|slice| slice.link.is_some());
        let due = up.filter_map(|slice| slice.fresh_until(self.settings.ttl));
        catalog.fresh_until = due.min();
        let revision = catalog.revision;
        self.shelf.catalog.store(Arc::<Catalog>::new(catalog));
        self.shelf.published.send_modify(|count| *count += 1);
        if differs {
            self.shelf.revision.send_replace(revision);
        }
    }
}

/// Which list was asked for, and of which life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    generation: Generation,
    kind: ListKind,
}

/// A list as it was read, and what may be shown of it.
type Read = (Listing, Judged);

/// Judges a list where it holds up nobody: a long one takes a while.
async fn judge(server: &ServerId, listing: Listing) -> Result<Read, ListError> {
    let name = server.name.clone();
    let judging = tokio::task::spawn_blocking(move || {
        let judged = Judged::new(name.as_ref(), &listing, &Policy::default());
        (listing, judged)
    });
    judging.await.map_err(|error| ListError::Shape(error.to_string()))
}
