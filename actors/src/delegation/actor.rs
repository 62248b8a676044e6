//! The shell of the delegation actor: reads the clocks, answers, and keeps what was used up.
//! It never waits; writing is done by a task whose outcome comes back as a message.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tracing::{Instrument, info, warn};

use super::gate::{Gate, Now};
use super::handle::{DrainReply, Message};
use super::in_flight::Permit;
use super::saved::{Saved, Tats};
use super::{Cost, DelegatorId, Grant, Limits, Refusal};
use crate::store::{Kind, Store, StoreError, WallClock};

/// Where the store has it.
const SAVED_KEY: &str = "delegation/rate";

pub(super) struct Delegation;

pub(super) struct Arguments {
    pub(super) limits: Limits,
    pub(super) saved: Saved,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: WallClock,
    pub(super) save_every: Duration,
}

/// Reads what the last run left. If that fails the daemon still starts, with empty buckets.
pub(super) async fn load(store: &dyn Store) -> Saved {
    let unreadable = |error: &dyn std::error::Error| {
        warn!(error = %chain(error), "used-up limits cannot be read, all count as used up");
        Saved::Unreadable
    };
    match store.get(Kind::Counter, SAVED_KEY.to_owned()).await {
        Ok(None) => Saved::Nothing,
        Ok(Some(document)) => match Tats::decode(&document.body) {
            Ok(tats) => Saved::Tats(tats),
            Err(error) => unreadable(&error),
        },
        Err(error) => unreadable(&error),
    }
}

pub(super) struct State {
    gate: Gate,
    draining: bool,

    // Clocks.
    started: Instant,
    clock: WallClock,
    _ticker: Ticker,

    // Keeping. One write at a time, or an older one could land on a newer.
    store: Arc<dyn Store>,
    writing: JoinSet<()>,
    changed: bool,
    failing: bool,
    /// Wait for the write that runs.
    drains_now: Vec<DrainReply>,
    /// Wait for the one after it.
    drains_next: Vec<DrainReply>,
}

/// Ends the interval with the actor, however that ends.
struct Ticker(JoinHandle<()>);

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Actor for Delegation {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments { limits, saved, store, clock, save_every } = arguments;
        let now = Now { running: 0, wall: clock.unix_nanos() };
        Ok(State {
            // What could not be read is replaced soon by what is now assumed.
            changed: saved == Saved::Unreadable,
            gate: Gate::new(limits, saved, now),
            draining: false,
            started: Instant::now(),
            clock,
            _ticker: Ticker(me.send_interval(save_every, || Message::Tick)),
            store,
            writing: JoinSet::new(),
            failing: false,
            drains_now: Vec::new(),
            drains_next: Vec::new(),
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            // Whoever has left drops the answer, and with it the place.
            Message::Admit { delegator, cost, reply } => {
                if !reply.is_closed() {
                    let _ = reply.send(state.admit(&delegator, cost));
                }
            }
            Message::Grant { delegator, reply } => {
                let _ = reply.send(state.grant(delegator));
            }
            Message::SetLimits(limits) => state.on_limits(limits),
            Message::Drain(reply) => state.on_drain(&me, reply),
            Message::Tick => state.on_tick(&me),
            Message::Saved(outcome) => state.on_saved(&me, outcome),
        }
        Ok(())
    }

    /// It has no children; the default would end it with the first one it is ever given.
    async fn handle_supervisor_evt(
        &self,
        _me: ActorRef<Message>,
        _event: SupervisionEvent,
        _state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn admit(&mut self, delegator: &DelegatorId, cost: Cost) -> Result<Permit, Refusal> {
        if self.draining {
            return Err(Refusal::Unavailable);
        }
        let permit = self.gate.admit(delegator, cost, self.now().running)?;
        self.changed = true;
        Ok(permit)
    }

    fn grant(&self, delegator: DelegatorId) -> Result<Grant, Refusal> {
        if self.gate.knows(&delegator) {
            Ok(Grant::new(delegator))
        } else {
            Err(Refusal::UnknownDelegator)
        }
    }

    fn on_limits(&mut self, limits: Limits) {
        self.gate.set_limits(limits, self.now().running);
        self.changed = true;
    }

    fn on_drain(&mut self, me: &ActorRef<Message>, reply: DrainReply) {
        self.draining = true;
        self.drains_next.push(reply);
        self.save(me);
    }

    fn on_tick(&mut self, me: &ActorRef<Message>) {
        self.gate.sweep(self.now().running);
        if self.changed {
            self.save(me);
        }
    }

    fn on_saved(&mut self, me: &ActorRef<Message>, outcome: Result<(), StoreError>) {
        // Its task has done all it had to; without it the next write may begin.
        self.writing = JoinSet::new();
        let outcome = outcome.map_err(Arc::new);
        match &outcome {
            Ok(()) if self.failing => info!("used-up limits are kept again"),
            Ok(()) => {}
            Err(error) => {
                self.changed = true; // so that the next tick tries again
                if !self.failing {
                    warn!(error = %chain(error), "used-up limits cannot be kept, will try again");
                }
            }
        }
        self.failing = outcome.is_err();
        for reply in self.drains_now.drain(..) {
            let _ = reply.send(outcome.clone());
        }
        if !self.drains_next.is_empty() {
            self.save(me);
        }
    }

    /// Starts a write, unless one is running: then ticks and drains come back to it.
    fn save(&mut self, me: &ActorRef<Message>) {
        if !self.writing.is_empty() {
            return;
        }
        self.changed = false;
        self.drains_now = mem::take(&mut self.drains_next);
        let tats = self.gate.save(self.now());
        let (store, me) = (self.store.clone(), me.clone());
        let write = async move {
            let outcome = put(store.as_ref(), &tats).await;
            let _ = me.cast(Message::Saved(outcome)); // the actor may have ended
        };
        self.writing.spawn(write.in_current_span());
    }

    fn now(&self) -> Now {
        let running = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Now { running, wall: self.clock.unix_nanos() }
    }
}

async fn put(store: &dyn Store, tats: &Tats) -> Result<(), StoreError> {
    let body = tats.encode();
    store.put(Kind::Counter, SAVED_KEY.to_owned(), body).await
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
