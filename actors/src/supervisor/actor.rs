//! This file is the actor that keeps every server as it is wanted to be.
//!
//! It matches and delegates: what follows from an end is ruled in `restart`, what a change of
//! settings means in `reconcile`. It never waits for a server.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use conductor_config::{Config, ServerId};
use ractor::{
    Actor, ActorId, ActorProcessingErr, ActorRef, DerivedActorRef, RpcReplyPort, SupervisionEvent,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info};

use super::board::Board;
use super::children::{Child, Intent, Phase, Up};
use super::excess::Excess;
use super::handle::RestartError;
use super::instances::Instances;
use super::leases::Leases;
use super::noise::Noise;
use super::reconcile::{Specs, Step, plan};
use crate::merger::MergerHandle;
use crate::model::{Cause, Downfall, Generation, Hearing, Holder, InstanceId, Need};
use crate::process::Nursery;
use crate::router::RouterHandle;
use crate::server::{ServerActor, ServerArguments, ServerEvent, ServerHandle, ServerReport};

/// How often the table is looked through.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// A start that takes longer gives its place to the next, so that one that hangs holds up nobody.
pub(super) const PLACE: Duration = Duration::from_millis(500);

/// The actor's type; it holds nothing.
#[derive(Debug)]
pub(crate) struct SupervisorActor;

/// What the supervisor works with.
pub(crate) struct SupervisorArguments {
    pub(crate) nursery: Nursery,
    pub(crate) router: RouterHandle,
    pub(crate) merger: MergerHandle,
    /// What callers want to hear of the servers.
    pub(crate) hearing: Hearing,
    pub(crate) board: watch::Sender<Arc<Board>>,
}

pub(crate) enum Message {
    /// Make what runs equal to what is wanted.
    Reconcile { config: Arc<Config>, reply: RpcReplyPort<()> },
    /// A server tells something.
    Report(Box<ServerReport>),
    /// The wait before the next life is over.
    Respawn { server: ServerId, generation: Generation },
    /// A start has held its place long enough.
    FreePlace { id: InstanceId, generation: Generation },
    /// Look through the table.
    Tick,
    /// A person wants a server restarted.
    Restart { server: ServerId, reply: RpcReplyPort<Result<(), RestartError>> },
    /// Put a new router into its place.
    InstallRouter { router: RouterHandle, reply: RpcReplyPort<()> },
    /// Put a new merger into its place.
    InstallMerger { merger: MergerHandle, reply: RpcReplyPort<()> },
    /// Somebody needs a server that rests, or an instance, or none any more.
    Need(Need),
    /// Stop everything in order.
    Shutdown { grace: Duration, reply: RpcReplyPort<()> },
}

impl From<ServerReport> for Message {
    fn from(report: ServerReport) -> Self {
        Self::Report(Box::new(report))
    }
}

impl TryFrom<Message> for ServerReport {
    type Error = ();

    fn try_from(message: Message) -> Result<Self, ()> {
        match message {
            Message::Report(report) => Ok(*report),
            _ => Err(()),
        }
    }
}

/// The table and those who are told about it.
pub(crate) struct Table {
    pub(super) nursery: Nursery,
    pub(super) router: RouterHandle,
    pub(super) merger: MergerHandle,
    pub(super) hearing: Hearing,
    pub(super) board: watch::Sender<Arc<Board>>,
    pub(super) children: BTreeMap<ServerId, Child>,
    /// What runs of servers that are not shared.
    pub(super) instances: Instances,
    pub(super) leases: Leases,
    pub(super) by_actor: HashMap<ActorId, Turn>,
    queue: VecDeque<Turn>,
    /// Servers that may be on their way up at once.
    places: usize,
    pub(super) drain_grace: Duration,
    ended: Vec<RpcReplyPort<()>>,
    pub(super) closing: bool,
}

/// Who is to start, or has an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// A server.
    Server(ServerId),
    /// The instance of this number.
    Instance(Generation),
}

impl Actor for SupervisorActor {
    type Msg = Message;
    type State = Table;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: SupervisorArguments,
    ) -> Result<Table, ActorProcessingErr> {
        let SupervisorArguments { nursery, router, merger, hearing, board } = arguments;
        // The timer ends by itself when the actor does.
        let _timer = myself.send_interval(TICK, || Message::Tick);
        Ok(Table {
            nursery,
            router,
            merger,
            hearing,
            board,
            children: BTreeMap::new(),
            instances: Instances::new(),
            leases: Leases::default(),
            by_actor: HashMap::new(),
            queue: VecDeque::new(),
            places: 1,
            drain_grace: Duration::ZERO,
            ended: Vec::new(),
            closing: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        table: &mut Table,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Reconcile { config, reply } => {
                table.reconcile(&config);
                table.publish(); // whoever asked finds on the board what was asked for
                let _ = reply.send(());
            }
            Message::Report(report) => {
                if !table.on_report(*report) {
                    return Ok(());
                }
            }
            Message::Respawn { server, generation } => table.on_respawn(&server, generation),
            Message::FreePlace { id, generation } => table.free_place(&id, generation),
            Message::Tick => {
                table.on_tick();
                table.look_at_instances();
            }
            Message::Restart { server, reply } => {
                let _ = reply.send(table.restart(&server));
            }
            Message::InstallRouter { router, reply } => {
                table.install_router(&router);
                let _ = reply.send(());
            }
            Message::InstallMerger { merger, reply } => {
                table.install_merger(&merger);
                let _ = reply.send(());
            }
            Message::Need(need) => table.on_need(need),
            Message::Shutdown { grace, reply } => table.shutdown(grace, reply),
        }
        table.settle(&myself).await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        table: &mut Table,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                table.on_actor_ended(&myself, cell.get_id(), None);
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                let cause = Cause::Actor(error.to_string().into());
                table.on_actor_ended(&myself, cell.get_id(), Some(cause));
            }
            _ => {}
        }
        table.settle(&myself).await;
        Ok(())
    }
}

impl Table {
    fn reconcile(&mut self, config: &Config) {
        if self.closing {
            return;
        }
        self.places = config.calls.start_parallel;
        self.drain_grace = config.calls.shutdown_grace;
        // One that is on its way out is as good as gone: wanted again, it is new.
        let stays = self.children.iter().filter(|(_, child)| child.intent != Intent::Remove);
        let running: Specs =
            stays.map(|(id, child)| (id.clone(), Arc::clone(&child.spec))).collect();
        for step in plan(&running, &config.servers) {
            self.take(step);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Remove(id) => {
                self.dismiss(&id);
                self.send_off(&id, Intent::Remove);
            }
            Step::Rest(spec) => {
                let id = spec.id.clone();
                self.dismiss(&id);
                self.adopt(spec);
                self.send_off(&id, Intent::Rest);
            }
            Step::Add(spec) => {
                let id = spec.id.clone();
                self.adopt(spec);
                if self.children.get(&id).is_some_and(Child::is_eager) {
                    self.send_off(&id, Intent::Renew);
                } else {
                    self.send_off(&id, Intent::Rest);
                }
            }
            Step::Replace(spec) => {
                let id = spec.id.clone();
                self.dismiss(&id);
                self.adopt(spec);
                let runs = self.children.get(&id).is_some_and(|child| child.actor.is_some());
                if runs || self.children.get(&id).is_some_and(Child::is_eager) {
                    self.send_off(&id, Intent::Renew);
                }
            }
            Step::Retune(spec) => {
                let id = spec.id.clone();
                if let Some(actor) = self.children.get(&id).and_then(|child| child.actor.as_ref()) {
                    actor.retune(Arc::clone(&spec));
                }
                self.retune_instances(&spec);
                self.adopt(spec);
            }
        }
    }

    /// Whether it is to be shown at once. A server that lives as before is shown with the next tick: all are
    /// shown together, and each of many would have the others shown again with every heartbeat.
    fn on_report(&mut self, report: ServerReport) -> bool {
        if report.id.holder.is_apart() {
            self.on_instance_report(report);
            return true;
        }
        let ServerReport { id: InstanceId { server, .. }, generation, event } = report;
        let Some(child) = self.children.get_mut(&server) else { return false };
        // What an actor said last may arrive after its end is known.
        if child.generation != generation || child.actor.is_none() {
            return false;
        }
        let now = (Instant::now(), SystemTime::now());
        match event {
            ServerEvent::Ready { link, pid, version } => {
                if child.intent != Intent::Keep {
                    return false; // It is being stopped; its drain is on the way.
                }
                info!(%server, %generation, pid, version = &*version, "server ready");
                child.holds_place = false;
                let used = (link.calls_begun(), now.0);
                let noise = Noise::since(now.0, link.gauges().noise.load(Ordering::Relaxed));
                self.router.server_up(link.clone());
                self.merger.server_up(Arc::clone(&child.spec), link.clone());
                child.phase = Phase::Up(Box::new(Up {
                    link,
                    pid,
                    version,
                    since: now.0,
                    missing: false,
                    beat: now,
                    used,
                    noise,
                    usage: None,
                    excess: Excess::default(),
                }));
                true
            }
            ServerEvent::Beat => child.on_sign(false, now),
            ServerEvent::Missing => child.on_sign(true, now),
        }
    }

    /// An actor has ended, in whatever way.
    fn on_actor_ended(&mut self, myself: &ActorRef<Message>, actor: ActorId, cause: Option<Cause>) {
        match self.by_actor.remove(&actor) {
            Some(Turn::Server(id)) => self.on_ended(myself, id, cause),
            Some(Turn::Instance(number)) => self.on_instance_ended(number, cause),
            None => {}
        }
    }

    /// The life of a server is over. The table knows what was asked of it.
    fn on_ended(&mut self, myself: &ActorRef<Message>, id: ServerId, cause: Option<Cause>) {
        let Some(child) = self.children.get_mut(&id) else { return };
        child.actor = None;
        child.holds_place = false;
        let told = std::mem::take(&mut child.last_words).get().cloned();
        let downfall = told.unwrap_or_else(|| {
            let unexplained = Cause::Actor("it ended without a reason".into());
            Downfall::silent(cause.unwrap_or(unexplained))
        });
        let next = child.intent;
        child.intent = Intent::Keep;
        match next {
            Intent::Keep => self.rule(myself, &id, downfall),
            Intent::Renew => {
                child.phase = Phase::Queued;
                self.enqueue(Turn::Server(id));
            }
            Intent::Rest => {
                child.phase = Phase::Resting;
                self.tell_down(&id);
            }
            Intent::Remove => {
                info!(server = %id, "server removed");
                self.forget(&id);
            }
        }
    }

    /// Takes `id` out of the table; nobody asks for it any more.
    pub(super) fn forget(&mut self, id: &ServerId) {
        self.children.remove(id);
        self.router.forget(id.clone());
        self.merger.forget(id.clone());
    }

    fn on_respawn(&mut self, id: &ServerId, generation: Generation) {
        let Some(child) = self.children.get_mut(id) else { return };
        let due = matches!(child.phase, Phase::Waiting { .. } | Phase::Failed { .. });
        if due && child.generation == generation && !self.closing {
            child.phase = Phase::Queued;
            self.enqueue(Turn::Server(id.clone()));
        }
    }

    fn free_place(&mut self, id: &InstanceId, generation: Generation) {
        if id.holder.is_apart() {
            if let Some(instance) = self.instances.get_mut(&generation) {
                instance.holds_place = false;
            }
        } else if let Some(child) = self.children.get_mut(&id.server)
            && child.generation == generation
        {
            child.holds_place = false;
        }
    }

    /// Begins what can begin now, and publishes what has changed.
    async fn settle(&mut self, myself: &ActorRef<Message>) {
        while !self.closing
            && self.places_taken() < self.places
            && let Some(turn) = self.queue.pop_front()
        {
            match turn {
                Turn::Server(id) if self.is_queued(&id) => self.start(myself, &id).await,
                Turn::Server(_) => {}
                Turn::Instance(number) => self.start_instance(myself, number).await,
            }
        }
        let gone = || self.children.values().all(|child| child.actor.is_none());
        if self.closing && self.instances.is_empty() && gone() {
            for reply in self.ended.drain(..) {
                let _ = reply.send(());
            }
        }
        self.publish();
    }

    fn places_taken(&self) -> usize {
        let servers = self.children.values().filter(|child| child.holds_place).count();
        servers + self.instances.values().filter(|instance| instance.holds_place).count()
    }

    fn is_queued(&self, id: &ServerId) -> bool {
        self.children.get(id).is_some_and(|child| matches!(child.phase, Phase::Queued))
    }

    /// Begins the next life of `id`.
    async fn start(&mut self, myself: &ActorRef<Message>, id: &ServerId) {
        let Some(child) = self.children.get_mut(id) else { return };
        child.generation = child.generation.next();
        child.phase = Phase::Starting;
        child.holds_place = true;
        child.served = None;
        let generation = child.generation;
        info!(server = %id, %generation, "server starting");
        let supervisor: DerivedActorRef<ServerReport> = myself.get_derived();
        let holder = Holder::of_base(child.spec.isolation);
        let arguments = ServerArguments {
            spec: Arc::clone(&child.spec),
            holder: holder.clone(),
            generation,
            nursery: self.nursery.clone(),
            stderr: child.stderr.clone(),
            last_words: Arc::clone(&child.last_words),
            hearing: self.hearing.clone(),
            supervisor,
        };
        match ServerActor::spawn_linked(None, ServerActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                let base = InstanceId::new(id.clone(), holder);
                let _timer =
                    myself.send_after(PLACE, move || Message::FreePlace { id: base, generation });
                let handle = ServerHandle::from(actor);
                self.by_actor.insert(handle.id(), Turn::Server(id.clone()));
                child.actor = Some(handle);
                self.tell_down(id);
            }
            Err(failure) => {
                error!(server = %id, error = %failure, "server actor could not be spawned");
                let cause = Cause::Actor(failure.to_string().into());
                self.rule(myself, id, Downfall::silent(cause));
            }
        }
    }

    fn shutdown(&mut self, grace: Duration, reply: RpcReplyPort<()>) {
        self.closing = true;
        self.drain_grace = grace;
        self.ended.push(reply);
        let all: Vec<ServerId> = self.children.keys().rev().cloned().collect();
        for id in all {
            self.dismiss(&id);
            self.send_off(&id, Intent::Rest);
        }
    }

    pub(super) fn enqueue(&mut self, turn: Turn) {
        self.queue.push_back(turn);
    }
}
