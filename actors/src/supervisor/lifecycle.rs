//! This file carries out what was decided about single servers.
//!
//! The deciding is in `restart` and `reconcile`, the messages are in `actor`.

use std::sync::Arc;
use std::time::SystemTime;

use conductor_config::{ServerId, ServerSpec};
use ractor::ActorRef;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::actor::{Message, Table, Turn};
use super::board::{Board, ServerStatus};
use super::children::{Child, Intent, Phase};
use super::handle::RestartError;
use super::restart::{History, Verdict};
use crate::merger::MergerHandle;
use crate::model::{Cause, Downfall, chance};
use crate::router::RouterHandle;

impl Table {
    /// Puts a server into the table, or gives the one that is there its new settings.
    pub(super) fn adopt(&mut self, spec: Arc<ServerSpec>) {
        match self.children.get_mut(&spec.id) {
            Some(child) => child.spec = Arc::clone(&spec),
            None => drop(self.children.insert(spec.id.clone(), Child::new(Arc::clone(&spec)))),
        }
        self.router.retune(Arc::clone(&spec));
        self.merger.retune(spec);
    }

    /// Ends the present life of `id`, if it has one, and has `next` follow.
    pub(super) fn send_off(&mut self, id: &ServerId, next: Intent) {
        let grace = self.drain_grace;
        let Some(child) = self.children.get_mut(id) else { return };
        if let Some(actor) = &child.actor {
            child.intent = next;
            child.phase = Phase::Draining;
            actor.drain(grace);
            return self.tell_down(id);
        }
        match next {
            Intent::Renew | Intent::Keep => {
                child.phase = Phase::Queued;
                self.enqueue(Turn::Server(id.clone()));
                self.tell_down(id);
            }
            Intent::Rest => {
                child.phase = Phase::Resting;
                self.tell_down(id);
            }
            Intent::Remove => self.forget(id),
        }
    }

    /// Rules on what follows an end that nobody asked for.
    pub(super) fn rule(
        &mut self,
        myself: &ActorRef<Message>,
        id: &ServerId,
        downfall: Arc<Downfall>,
    ) {
        let Some(child) = self.children.get_mut(id) else { return };
        let now = Instant::now();
        let ready_for = child.ready_for(now);
        let cause = &downfall.cause;
        let verdict = child.history.on_end(now, cause, ready_for, &child.spec, chance());
        child.downfall = Some((Arc::clone(&downfall), SystemTime::now()));
        let generation = child.generation;
        let wait = match verdict {
            Verdict::RestartAfter(wait) => {
                warn!(server = %id, %generation, reason = %cause, retry_after = ?wait, "server went down, will restart");
                child.phase = Phase::Waiting { until: now + wait };
                Some(wait)
            }
            Verdict::GiveUp(wait) => {
                error!(server = %id, %generation, reason = %cause, retry_after = ?wait, "server keeps going down, given up for now");
                child.phase = Phase::Failed { until: Some(now + wait) };
                Some(wait)
            }
            Verdict::Rest => {
                info!(server = %id, %generation, reason = %cause, "server ended and is left so");
                child.phase = Phase::Resting;
                // Calls that wait for it would wake it to the same end: they are failed first.
                let (spec, outage) = (Arc::clone(&child.spec), child.outage());
                self.router.server_down(spec, outage, false);
                None
            }
            Verdict::Fail => {
                error!(server = %id, %generation, reason = %cause, "server failed and is not restarted");
                child.phase = Phase::Failed { until: None };
                None
            }
        };
        if let Some(wait) = wait {
            let server = id.clone();
            let _timer = myself.send_after(wait, move || Message::Respawn { server, generation });
        }
        self.tell_down(id);
    }

    /// Looks for servers whose actor is stuck, for those that take or write too much, and for those that
    /// nobody has needed for long.
    pub(super) fn on_tick(&mut self) {
        let now = Instant::now();
        let usages = self.nursery.usages();
        let (mut greedy, mut idle) = (Vec::new(), Vec::new());
        for (id, child) in &mut self.children {
            match child.listen(now) {
                Some(true) => warn!(server = %id, "server writes much garbage, counts as degraded"),
                Some(false) => info!(server = %id, "server writes little garbage again"),
                None => {}
            }
            let usage = child.pid().and_then(|pid| usages.get(&pid).copied());
            let excess = child.weigh(now, usage);
            if child.is_overdue(now)
                && let Some(actor) = &child.actor
            {
                error!(server = %id, "server actor shows no sign of life, killed");
                let cause = Cause::Actor("it showed no sign of life".into());
                let _ = child.last_words.set(Downfall::silent(cause));
                actor.kill();
            } else if let Some(excess) = excess {
                greedy.push((id.clone(), excess));
            } else if child.is_idle(now, self.leases.held_of(id).next().is_some()) {
                idle.push(id.clone());
            }
        }
        for (id, overuse) in greedy {
            self.retire(&id, overuse.into());
        }
        for id in idle {
            info!(server = %id, "server not needed, stopped until it is");
            self.send_off(&id, Intent::Rest);
        }
    }

    /// Ends the present life of `id` in order; what follows is ruled on as if it had ended so by
    /// itself.
    fn retire(&mut self, id: &ServerId, cause: Cause) {
        let Some(child) = self.children.get_mut(id) else { return };
        warn!(server = %id, generation = %child.generation, reason = %cause, "server will be replaced");
        let downfall = Downfall::silent(cause);
        // Before the actor says that it was asked: the first reason is the one that counts.
        let _ = child.last_words.set(Arc::clone(&downfall));
        child.downfall = Some((downfall, SystemTime::now()));
        child.served = child.ready_for(Instant::now());
        self.send_off(id, Intent::Keep);
    }

    pub(super) fn restart(&mut self, id: &ServerId) -> Result<(), RestartError> {
        let child = self.children.get_mut(id).filter(|child| child.intent != Intent::Remove);
        let Some(child) = child else {
            return Err(RestartError::UnknownServer(id.clone()));
        };
        if !child.spec.enabled {
            return Err(RestartError::Disabled(id.clone()));
        }
        info!(server = %id, "restart asked for");
        child.history = History::default();
        self.dismiss(id);
        self.send_off(id, Intent::Renew);
        Ok(())
    }

    pub(super) fn wake(&mut self, id: &ServerId) {
        if self.children.get(id).is_some_and(Child::is_wakeable) {
            self.send_off(id, Intent::Renew);
        }
    }

    /// Tells router and merger that `id` takes no calls, and why.
    pub(super) fn tell_down(&self, id: &ServerId) {
        let Some(child) = self.children.get(id) else { return };
        let outage = child.outage();
        self.merger.server_down(id.clone(), outage.state, child.is_wakeable());
        self.router.server_down(Arc::clone(&child.spec), outage, child.is_wakeable());
    }

    /// Tells a new router about all servers, and only then those who hold the old one's address.
    pub(super) fn install_router(&self, router: &RouterHandle) {
        for child in self.children.values() {
            router.retune(Arc::clone(&child.spec));
            match &child.phase {
                Phase::Up(up) => router.server_up(up.link.clone()),
                _ => {
                    let (spec, outage) = (Arc::clone(&child.spec), child.outage());
                    router.server_down(spec, outage, child.is_wakeable());
                }
            }
        }
        self.tell_instances(router);
        self.router.follow(router);
    }

    /// The same with a new merger, which publishes when it knows all servers.
    pub(super) fn install_merger(&self, merger: &MergerHandle) {
        for (id, child) in &self.children {
            merger.retune(Arc::clone(&child.spec));
            match &child.phase {
                Phase::Up(up) => merger.server_up(Arc::clone(&child.spec), up.link.clone()),
                _ => merger.server_down(id.clone(), child.outage().state, child.is_wakeable()),
            }
        }
        merger.open();
        self.merger.follow(merger);
    }

    /// Shows the table to others.
    pub(super) fn publish(&self) {
        let now = (Instant::now(), SystemTime::now());
        let mut instances = self.instance_statuses();
        let servers = self.children.iter().map(|(id, child)| {
            let instances = instances.remove(id).unwrap_or_default();
            (id.clone(), ServerStatus { instances, ..child.status(now) })
        });
        let board = Board { servers: servers.collect() };
        self.board.send_replace(Arc::new(board));
    }
}
