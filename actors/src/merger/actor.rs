//! This file is the actor that owns the catalogue and publishes it.
//!
//! Lists are read in tasks whose results come back as messages; readers never come here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use conductor_config::{CatalogSettings, PinPolicy, ServerId, ServerSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;
use tracing::{Instrument, debug, info, warn};

use super::catalog::Catalog;
use super::handle::{CatalogReader, MergerHandle, Shelf};
use super::memory::Memory;
use super::merge::merge_after;
use super::pin_book::{PinBook, Saving, now};
use super::pins::{Now, Unapproved};
use super::sanitize::{Judged, prepare};
use super::slice::Slice;
use crate::model::{Generation, ListKind, ServerState, Wake, chance};
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
    /// The supervisor tells of a server.
    Server(News),
    /// A server says that a list of it changed.
    Changed(ServerId),
    /// A task is done with a list of a server.
    Listed(ServerId, ListNews),
    /// Ask whoever is due.
    Refresh,
    /// All servers are known: publish from now on.
    Open,
    /// Tell what is not as it was approved.
    Unapproved(RpcReplyPort<Vec<Unapproved>>),
    /// Approve these tools of a server as they are, or all of it; answers with those that are not
    /// known, nothing if the server's list is not known.
    Approve { server: ServerId, tools: Vec<String>, reply: RpcReplyPort<Option<Vec<String>>> },
    /// Publish what is new. One for all that has come meanwhile: to merge a lot takes a while.
    Publish,
    /// Answer when everything said before is in the catalogue.
    Sync(RpcReplyPort<()>),
}

/// What the supervisor tells of a server.
pub(crate) enum News {
    /// It takes calls.
    Up { spec: Arc<ServerSpec>, link: ServerLink },
    /// It takes none.
    Down { server: ServerId, state: ServerState, wakeable: bool },
    /// It has new settings, or is new.
    Retune(Arc<ServerSpec>),
    /// It is no more.
    Forget(ServerId),
}

/// What a task brings about a list.
pub(crate) enum ListNews {
    /// It was read, or not.
    Read(Asked, Result<Read, ListError>),
    /// It was judged anew, by other settings.
    Judged(Arc<Listing>, Judged),
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
    /// Whether there is something to publish, and a message under way that says so.
    has_news: bool,
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
        drop(spawn_blocking(prepare)); // while the servers that have something to judge start
        let shelf = Arc::new(Shelf::new());
        let arguments = Arguments { settings, shelf: Arc::clone(&shelf), memory, open: true };
        let (actor, _) = Self::spawn(None, Self, arguments).await?;
        let merger = MergerHandle { post: Post::new(actor), shelf: Arc::clone(&shelf) };
        let reader = CatalogReader { shelf, merger: merger.clone(), wake };
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
        let mut state = State { settings, slices, shelf, memory, tasks, open, has_news: false };
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
            Message::Server(news) => state.on_news(&myself, news),
            Message::Changed(server) => {
                if let Some(slice) = state.slices.get_mut(&server) {
                    slice.changed();
                }
                false
            }
            Message::Listed(server, ListNews::Read(asked, result)) => {
                state.on_listed(&myself, &server, asked, result)
            }
            Message::Listed(server, ListNews::Judged(listing, judged)) => {
                state.on_judged(&myself, &server, &listing, judged)
            }
            Message::Publish => {
                state.publish_news();
                false
            }
            Message::Sync(reply) => {
                state.publish_news();
                let _ = reply.send(());
                false
            }
            Message::Open => {
                state.open = true;
                true
            }
            Message::Unapproved(reply) => {
                let _ = reply.send(state.unapproved());
                false
            }
            Message::Approve { server, tools, reply } => {
                let unknown = state.approve(&server, &tools);
                let visible = unknown.is_some();
                let _ = reply.send(unknown);
                visible
            }
            Message::Refresh => {
                state.shelf.nudged.store(false, Ordering::Release);
                false
            }
        };
        if visible && !std::mem::replace(&mut state.has_news, true) {
            // Behind all that waits already.
            let _ = myself.cast(Message::Publish);
        }
        state.ask(&myself);
        Ok(())
    }
}

impl State {
    /// Takes over what is new about a server; returns whether that may be seen.
    fn on_news(&mut self, myself: &ActorRef<Message>, news: News) -> bool {
        match news {
            News::Up { spec, link } => {
                self.watch(myself, &link);
                self.slice(&spec).up(link);
                true
            }
            News::Down { server, state, wakeable } => {
                let slice = self.slices.get_mut(&server);
                slice.map(|slice| slice.down(state, wakeable)).is_some()
            }
            News::Retune(spec) => {
                self.slice(&spec).spec = Arc::clone(&spec);
                self.judge_anew(myself, &spec.id);
                true
            }
            News::Forget(server) => {
                let forgotten = self.memory.forget(&server);
                self.spawn(forgotten);
                self.slices.remove(&server).is_some()
            }
        }
    }

    fn slice(&mut self, spec: &Arc<ServerSpec>) -> &mut Slice {
        let Self { slices, memory, tasks, .. } = self;
        slices.entry(spec.id.clone()).or_insert_with(|| {
            let mut slice = Slice::new(Arc::clone(spec), memory.recall(spec));
            if let Some(tools) = slice.tools() {
                let (unapproved, saving) = memory.pins.review(spec, &now(spec, tools));
                slice.unapproved = unapproved.into();
                saving.into_iter().for_each(|saving| drop(tasks.spawn(saving)));
            }
            slice
        })
    }

    fn unapproved(&self) -> Vec<Unapproved> {
        let slices = self.slices.iter().filter(|(_, slice)| !slice.unapproved.is_empty());
        let told = slices.map(|(server, slice)| Unapproved {
            server: server.clone(),
            held: slice.spec.pins == PinPolicy::Hold,
            differences: Arc::clone(&slice.unapproved),
        });
        told.collect()
    }

    fn approve(&mut self, server: &ServerId, tools: &[String]) -> Option<Vec<String>> {
        let slice = self.slices.get_mut(server)?;
        let now = now(&slice.spec, slice.tools()?);
        let (unknown, saving) = self.memory.pins.approve(server, &now, tools);
        slice.unapproved = self.memory.pins.review(&slice.spec, &now).0.into();
        info!(%server, left = slice.unapproved.len(), "tool definitions approved");
        self.spawn(saving);
        Some(unknown)
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
            let (limit, spec) = (slice.spec.timeout.min(LIST), Arc::clone(&slice.spec));
            for kind in due {
                let asked = Asked { generation: link.generation, kind };
                debug!(%server, generation = %asked.generation, list = kind.method(), "reading");
                let (myself, server, link) = (myself.clone(), server.clone(), link.clone());
                let spec = Arc::clone(&spec);
                let read = async move {
                    let result = match link.list(kind, limit).await {
                        Ok(listing) => judge(spec, listing).await,
                        Err(error) => Err(error),
                    };
                    let _ = myself.cast(Message::Listed(server, ListNews::Read(asked, result)));
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
            Ok((listing, judged, found)) => {
                let (entries, rejected) = (listing.entries.len(), judged.rejected.len());
                let held = judged.held().count();
                let part = slice.parts.get_mut(kind);
                if !part.listed(generation, (listing, judged), now, chance()) {
                    return false;
                }
                let saving = found.and_then(|found| compare(&mut self.memory.pins, slice, &found));
                let kept = self.memory.keep(slice);
                self.spawn(kept);
                self.spawn(saving);
                self.judge_anew(myself, server);
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

    /// Has lists judged that were judged by other settings than those in force.
    fn judge_anew(&mut self, myself: &ActorRef<Message>, server: &ServerId) {
        let Some(slice) = self.slices.get(server) else { return };
        for (_, part) in slice.parts.iter() {
            let (Some(listing), Some(judged)) = (part.listing(), part.judged()) else { continue };
            if judged.is_by(&slice.spec) {
                continue;
            }
            let (spec, listing) = (Arc::clone(&slice.spec), Arc::clone(listing));
            let (myself, server) = (myself.clone(), server.clone());
            self.tasks.spawn(async move {
                let task = tokio::task::spawn_blocking(move || {
                    let judged = Judged::new(&spec, &listing);
                    Message::Listed(server, ListNews::Judged(listing, judged))
                });
                if let Ok(message) = task.await {
                    let _ = myself.cast(message);
                }
            });
        }
    }

    /// Takes over a new judgement, unless the list or the settings are others by now.
    fn on_judged(
        &mut self,
        myself: &ActorRef<Message>,
        server: &ServerId,
        listing: &Arc<Listing>,
        judged: Judged,
    ) -> bool {
        let Some(slice) = self.slices.get_mut(server) else { return false };
        let is_new = slice.parts.get_mut(listing.kind).judged_anew(listing, judged);
        self.judge_anew(myself, server);
        is_new
    }

    fn publish_news(&mut self) {
        if std::mem::take(&mut self.has_news) {
            self.publish();
        }
    }

    /// Puts a new catalogue on the shelf, and tells clients if they would see a difference.
    fn publish(&mut self) {
        if !self.open {
            return;
        }
        let before = self.shelf.catalog.load_full();
        let mut catalog = merge_after(&before, &self.slices, &self.settings);
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

/// A list as it was read, what may be shown of it, and what of it is compared with what was approved.
type Read = (Listing, Judged, Option<Now>);

/// Compares tools with what was approved, and tells of differences that are new.
fn compare(pins: &mut PinBook, slice: &mut Slice, found: &Now) -> Option<Saving> {
    let (unapproved, saving) = pins.review(&slice.spec, found);
    if !unapproved.is_empty() && *slice.unapproved != *unapproved {
        let (held, changed) = (slice.spec.pins == PinPolicy::Hold, unapproved.len());
        warn!(server = %slice.spec.id, changed, held, "tools are not as they were approved, see `conductor pins diff`");
    }
    slice.unapproved = unapproved.into();
    saving
}

/// Judges a list where it holds up nobody: a long one takes a while.
async fn judge(spec: Arc<ServerSpec>, listing: Listing) -> Result<Read, ListError> {
    let judging = tokio::task::spawn_blocking(move || {
        let judged = Judged::new(&spec, &listing);
        let now = (listing.kind == ListKind::Tools).then(|| now(&spec, &listing));
        (listing, judged, now)
    });
    judging.await.map_err(|error| ListError::Shape(error.to_string()))
}
