//! This file carries out what was decided about instances of servers that are not shared.
//!
//! Who has one is decided in `leases`. They have no restart policy: one that has ended is replaced when
//! its holder calls the next time, and whether the server starts at all is seen by the one that its
//! lists come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use conductor_config::{ServerId, ServerSpec};
use ractor::{Actor, ActorRef};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::actor::{Message, PLACE, Table, Turn};
use super::board::InstanceStatus;
use super::excess::Excess;
use super::leases::Lease;
use crate::model::{Cause, Downfall, Generation, Holder, InstanceId, Need, Outage, ServerState};
use crate::process::Usage;
use crate::server::{
    CallFailure, LastWords, RefusedCall, ServerActor, ServerArguments, ServerEvent, ServerHandle,
    ServerLink, ServerReport,
};

/// What an instance is doing.
#[derive(Debug)]
enum Stage {
    /// Waiting for its turn to start.
    Queued,
    /// On its way up.
    Starting,
    /// Takes calls.
    Up(Box<Up>),
    /// On its way out.
    Leaving,
}

/// What is known of one that takes calls.
#[derive(Debug)]
struct Up {
    link: ServerLink,
    pid: Option<u32>,
    since: Instant,
    /// Calls begun when last looked at, and when that number last changed.
    used: (u64, Instant),
    excess: Excess,
}

/// One instance.
#[derive(Debug)]
pub(super) struct Instance {
    id: InstanceId,
    spec: Arc<ServerSpec>,
    stage: Stage,
    actor: Option<ServerHandle>,
    /// Whether it takes one of the places for servers that are starting.
    pub(super) holds_place: bool,
    last_words: LastWords,
}

/// All of them, by number.
pub(super) type Instances = BTreeMap<Generation, Instance>;

impl Instance {
    /// Waits for its turn.
    fn queued(id: InstanceId, spec: Arc<ServerSpec>) -> Self {
        let last_words = LastWords::default();
        Self { id, spec, stage: Stage::Queued, actor: None, holds_place: false, last_words }
    }

    fn up(&mut self) -> Option<&mut Up> {
        match &mut self.stage {
            Stage::Up(up) => Some(up),
            Stage::Queued | Stage::Starting | Stage::Leaving => None,
        }
    }

    /// Whether nobody has needed it for as long as its settings allow. Keeps count.
    fn is_idle(&mut self, now: Instant) -> bool {
        let limit = self.spec.instances.idle;
        let Some(up) = self.up() else { return false };
        let begun = up.link.calls_begun();
        if begun != up.used.0 || up.link.in_flight() > 0 || up.link.is_listened_to() {
            up.used = (begun, now);
        }
        now.saturating_duration_since(up.used.1) >= limit
    }

    /// Why it is to be replaced, if it uses more than its settings allow.
    fn weigh(&mut self, now: Instant, usages: &BTreeMap<u32, Usage>) -> Option<Cause> {
        let spec = Arc::clone(&self.spec);
        let up = self.up()?;
        let usage = up.pid.and_then(|pid| usages.get(&pid).copied());
        up.excess.past(now, usage, &spec.restart_above).map(Cause::from)
    }

    /// What others are shown.
    fn status(&self, number: Generation) -> InstanceStatus {
        let (state, up) = match &self.stage {
            Stage::Queued | Stage::Starting => (ServerState::Starting, None),
            Stage::Up(up) => (ServerState::Running, Some(up)),
            Stage::Leaving => (ServerState::Draining, None),
        };
        InstanceStatus {
            number,
            state,
            pid: up.and_then(|up| up.pid),
            in_flight: up.map_or(0, |up| up.link.in_flight()),
        }
    }
}

impl Table {
    /// Somebody needs something, or needs it no more.
    pub(super) fn on_need(&mut self, need: Need) {
        match need {
            Need::Server(server) => self.wake(&server),
            Need::Instance(id) => self.house(id),
            Need::Gone(holder) => self.on_holder_gone(&holder),
        }
    }

    /// Somebody wants an instance.
    fn house(&mut self, id: InstanceId) {
        let child = self.children.get(&id.server).filter(|child| child.spec.enabled);
        let Some(spec) = child.map(|child| Arc::clone(&child.spec)).filter(|_| !self.closing)
        else {
            return self.refuse(id, CallFailure::Down(Box::new(outage(None))));
        };
        let limit = spec.instances.max;
        match self.leases.ask(&id, limit) {
            Lease::Begin(number) => self.queue_instance(number, id, spec),
            Lease::Waits => {}
            Lease::Full => {
                warn!(server = %id.server, limit, "no instance for one more caller");
                self.refuse(id, CallFailure::Crowded { limit });
            }
            // Whoever asks may be a router that knows nothing yet.
            Lease::Known => {
                let theirs = self.instances.values_mut().filter(|it| it.id == id);
                for up in theirs.filter_map(Instance::up) {
                    self.router.server_up(up.link.clone());
                }
            }
        }
    }

    fn refuse(&self, id: InstanceId, reason: CallFailure) {
        self.router.vacated(id, Generation::default(), reason);
    }

    fn queue_instance(&mut self, number: Generation, id: InstanceId, spec: Arc<ServerSpec>) {
        self.instances.insert(number, Instance::queued(id, spec));
        self.enqueue(Turn::Instance(number));
    }

    fn on_holder_gone(&mut self, holder: &Holder) {
        for (number, _) in self.leases.leave(holder) {
            self.end_instance(number, None);
        }
    }

    /// Ends all instances of a server; its callers get new ones if there are to be any.
    pub(super) fn dismiss(&mut self, server: &ServerId) {
        let (all, in_vain) = self.leases.dismiss(server);
        for id in in_vain {
            self.refuse(id, CallFailure::Refused(RefusedCall::Closed));
        }
        for (number, _) in all {
            self.end_instance(number, None);
        }
    }

    /// Ends one that has been given up, in order; for `cause` if not because it was asked.
    fn end_instance(&mut self, number: Generation, cause: Option<Cause>) {
        let grace = self.drain_grace;
        let Some(instance) = self.instances.get_mut(&number) else { return };
        if let Some(cause) = cause {
            // Before the actor says that it was asked: the first reason is the one that counts.
            let _ = instance.last_words.set(Downfall::silent(cause));
        }
        let id = instance.id.clone();
        instance.stage = Stage::Leaving;
        match &instance.actor {
            Some(actor) => actor.drain(grace),
            None => {
                self.instances.remove(&number);
                self.settle_lease(number);
            }
        }
        // What waits for it is made once more, and finds the next.
        self.router.vacated(id, number, CallFailure::Refused(RefusedCall::Closed));
    }

    /// The same for one that still has a holder, who gets another when it is needed.
    fn release(&mut self, number: Generation, cause: Option<Cause>) {
        let Some(id) = self.instances.get(&number).map(|instance| instance.id.clone()) else {
            return;
        };
        if self.leases.is_held(number, &id) && self.leases.release(&id).is_some() {
            self.end_instance(number, cause);
        }
    }

    /// Begins the life of an instance whose turn it is.
    pub(super) async fn start_instance(&mut self, myself: &ActorRef<Message>, number: Generation) {
        let Some(instance) = self.instances.get_mut(&number) else { return };
        let Some(child) = self.children.get(&instance.id.server) else { return };
        let id = instance.id.clone();
        info!(server = %id.server, instance = %number, "instance starting");
        instance.stage = Stage::Starting;
        instance.holds_place = true;
        let arguments = ServerArguments {
            spec: Arc::clone(&instance.spec),
            holder: id.holder.clone(),
            generation: number,
            nursery: self.nursery.clone(),
            stderr: child.stderr.part(),
            last_words: Arc::clone(&instance.last_words),
            hearing: self.hearing.clone(),
            supervisor: myself.get_derived(),
        };
        match ServerActor::spawn_linked(None, ServerActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => {
                let _timer =
                    myself.send_after(PLACE, move || Message::FreePlace { id, generation: number });
                let handle = ServerHandle::from(actor);
                self.by_actor.insert(handle.id(), Turn::Instance(number));
                instance.actor = Some(handle);
            }
            Err(failure) => {
                error!(server = %id.server, error = %failure, "server actor could not be spawned");
                self.on_instance_ended(number, Some(Cause::Actor(failure.to_string().into())));
            }
        }
    }

    /// An instance tells something of itself.
    pub(super) fn on_instance_report(&mut self, report: ServerReport) {
        let ServerReport { id, generation, event } = report;
        let ServerEvent::Ready { link, pid, .. } = event else { return };
        let held = self.leases.is_held(generation, &id);
        let Some(instance) = self.instances.get_mut(&generation).filter(|_| held) else { return };
        info!(server = %id.server, instance = %generation, pid, "instance ready");
        instance.holds_place = false;
        let (since, used) = (Instant::now(), (link.calls_begun(), Instant::now()));
        self.router.server_up(link.clone());
        instance.stage =
            Stage::Up(Box::new(Up { link, pid, since, used, excess: Excess::default() }));
    }

    /// The actor of an instance has ended, in whatever way.
    pub(super) fn on_instance_ended(&mut self, number: Generation, cause: Option<Cause>) {
        let Some(mut instance) = self.instances.remove(&number) else { return };
        let unexplained = || Cause::Actor("it ended without a reason".into());
        let told = instance.last_words.get().cloned();
        let downfall = told.unwrap_or_else(|| Downfall::silent(cause.unwrap_or_else(unexplained)));
        let (server, reason) = (&instance.id.server, &downfall.cause);
        let Some(id) = self.settle_lease(number) else {
            info!(%server, instance = %number, %reason, "instance ended");
            return;
        };
        warn!(%server, instance = %number, %reason, "instance went down");
        self.router.vacated(
            id.clone(),
            number,
            CallFailure::Down(Box::new(outage(Some(downfall)))),
        );
        let stable = instance.spec.stable_after;
        let waited_for = instance
            .up()
            .is_some_and(|up| up.link.is_listened_to() && up.since.elapsed() >= stable);
        // Nobody may call for long who waits for it to say something.
        if waited_for {
            self.house(id);
        }
    }

    /// Has follow what follows from an end; returns whose it was, if it was still held.
    fn settle_lease(&mut self, number: Generation) -> Option<InstanceId> {
        let children = &self.children;
        let max =
            |server: &ServerId| children.get(server).map_or(0, |child| child.spec.instances.max);
        let ended = self.leases.ended(number, max);
        for (number, id) in ended.begin {
            if let Some(spec) = self.children.get(&id.server).map(|child| Arc::clone(&child.spec)) {
                self.queue_instance(number, id, spec);
            }
        }
        ended.lost
    }

    /// Looks for instances that take too much, and for those that nobody has needed for long.
    pub(super) fn look_at_instances(&mut self) {
        let (now, usages) = (Instant::now(), self.nursery.usages());
        let mut over = Vec::new();
        for (number, instance) in &mut self.instances {
            if let Some(cause) = instance.weigh(now, &usages) {
                warn!(server = %instance.id.server, instance = %number, reason = %cause, "instance will be ended");
                over.push((*number, Some(cause)));
            } else if instance.is_idle(now) {
                info!(server = %instance.id.server, instance = %number, "instance not needed, ended");
                over.push((*number, None));
            }
        }
        for (number, cause) in over {
            self.release(number, cause);
        }
    }

    /// Has the instances of a server take over settings that need no restart.
    pub(super) fn retune_instances(&mut self, spec: &Arc<ServerSpec>) {
        for instance in self.instances.values_mut().filter(|it| it.id.server == spec.id) {
            instance.spec = Arc::clone(spec);
            if let Some(actor) = &instance.actor {
                actor.retune(Arc::clone(spec));
            }
        }
    }

    /// Tells a new router about the instances that take calls.
    pub(super) fn tell_instances(&self, router: &crate::router::RouterHandle) {
        for (number, instance) in &self.instances {
            if let Stage::Up(up) = &instance.stage
                && self.leases.is_held(*number, &instance.id)
            {
                router.server_up(up.link.clone());
            }
        }
    }

    /// What others are shown of the instances of each server.
    pub(super) fn instance_statuses(&self) -> BTreeMap<ServerId, Vec<InstanceStatus>> {
        let mut all: BTreeMap<ServerId, Vec<InstanceStatus>> = BTreeMap::new();
        for (number, instance) in &self.instances {
            all.entry(instance.id.server.clone()).or_default().push(instance.status(*number));
        }
        all
    }
}

/// Why an instance takes no calls.
fn outage(downfall: Option<Arc<Downfall>>) -> Outage {
    Outage { state: ServerState::Stopped, downfall, next_try: None, returning: false }
}
