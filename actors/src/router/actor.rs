//! This file is the actor that knows the routes.
//!
//! Every handler is a table look-up and at most a few non-blocking sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use conductor_config::{ServerId, ServerSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::handle::{Claim, RouterHandle, Rule, Rules};
use super::retry::Budget;
use super::routes::{Life, Routes, Ruling, Waiting};
use crate::model::{Answer, Generation, Outage, ServerState, Wake};
use crate::server::{Body, CallFailure, Ports, RefusedCall, ServerLink};

/// The actor's type; it holds nothing.
#[derive(Debug)]
pub(crate) struct RouterActor;

/// What the router works with.
pub(crate) struct RouterArguments {
    /// Calls that may wait for one server.
    pub(crate) queue_limit: usize,
    pub(super) rules: Arc<Rules>,
}

pub(crate) enum Message {
    /// Bring a call to its server.
    Dispatch(Box<Dispatch>),
    /// A server takes calls.
    Up(ServerLink),
    /// A server takes none.
    Down { spec: Arc<ServerSpec>, outage: Outage, wakeable: bool },
    /// A server has new settings.
    Retune(Arc<ServerSpec>),
    /// A server is no more.
    Forget(ServerId),
    /// Whom to ask for servers that rest.
    SetWake(Wake),
    /// Answers in its turn.
    Echo(oneshot::Sender<()>),
}

/// One call on its way.
pub(crate) struct Dispatch {
    pub(super) server: ServerId,
    pub(super) body: Body,
    pub(super) reply: tokio::sync::oneshot::Sender<Result<Answer, CallFailure>>,
    pub(super) ports: Ports,
    pub(super) claim: Arc<Claim>,
    pub(super) deadline: Instant,
    /// What ended the first attempt, if this is the second.
    pub(super) lost: Option<CallFailure>,
}

impl Waiting for Box<Dispatch> {
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_abandoned(&self) -> bool {
        self.claim.is_abandoned()
    }
}

impl Life for ServerLink {
    fn generation(&self) -> Generation {
        self.generation
    }
}

/// The routes, and whom to ask for servers that rest.
pub(crate) struct State {
    routes: Routes<ServerLink, Box<Dispatch>>,
    wake: Option<Wake>,
    rules: Arc<Rules>,
    budget: Budget,
}

impl RouterActor {
    /// Starts the router; `most` calls may be under way in all.
    pub(crate) async fn start(
        queue_limit: usize,
        most: usize,
    ) -> Result<RouterHandle, ractor::SpawnErr> {
        let rules = Arc::new(Rules::from_pointee(BTreeMap::new()));
        let arguments = RouterArguments { queue_limit, rules: Arc::clone(&rules) };
        let (actor, _) = Self::spawn(None, Self, arguments).await?;
        Ok(RouterHandle::new(actor, rules, most))
    }
}

impl Actor for RouterActor {
    type Msg = Message;
    type State = State;
    type Arguments = RouterArguments;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        arguments: RouterArguments,
    ) -> Result<State, ActorProcessingErr> {
        let RouterArguments { queue_limit, rules } = arguments;
        let budget = Budget::new(Instant::now());
        Ok(State { routes: Routes::new(queue_limit), wake: None, rules, budget })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Dispatch(call) => state.accept(call),
            Message::Up(link) => {
                let server = link.server.clone();
                for call in state.routes.up(&server, link) {
                    state.dispatch(call);
                }
            }
            Message::Down { spec, outage, wakeable } => {
                for call in state.routes.down(&spec, outage.clone(), wakeable) {
                    fail(*call, CallFailure::Down(Box::new(outage.clone())));
                }
                // Calls may have come while it was being stopped for want of any.
                if wakeable && state.routes.has_waiting(&spec.id) {
                    state.wake(&spec.id);
                }
            }
            Message::Retune(spec) => state.set_rule(&spec.id, Some(Rule::of(&spec))),
            Message::Forget(server) => {
                for call in state.routes.forget(&server) {
                    fail(*call, no_route());
                }
                state.set_rule(&server, None);
            }
            Message::SetWake(wake) => state.wake = Some(wake),
            // Whoever asked may have given up.
            Message::Echo(reply) => drop(reply.send(())),
        }
        Ok(())
    }
}

impl State {
    /// A call comes in, for the first time or, within the budget for that, once more.
    fn accept(&mut self, mut call: Box<Dispatch>) {
        match call.lost.take() {
            None => self.budget.on_call(),
            Some(lost) if !self.budget.take(Instant::now()) => return fail(*call, lost),
            Some(_) => {}
        }
        self.dispatch(call);
    }

    fn wake(&self, server: &ServerId) {
        if let Some(wake) = &self.wake {
            wake(server.clone());
        }
    }

    fn dispatch(&mut self, call: Box<Dispatch>) {
        if call.is_abandoned() {
            return;
        }
        let server = call.server.clone();
        match self.routes.dispatch(&server, call) {
            Ruling::Send(link, call) => self.send(&link, *call),
            Ruling::Parked { wake: true } => self.wake(&server),
            Ruling::Parked { wake: false } => {}
            Ruling::Down(call, outage) => fail(*call, CallFailure::Down(Box::new(outage))),
            Ruling::Full(call, limit) => {
                fail(*call, CallFailure::Refused(RefusedCall::Busy { limit }));
            }
            Ruling::NoRoute(call) => fail(*call, no_route()),
        }
    }

    fn send(&mut self, link: &ServerLink, call: Dispatch) {
        let Dispatch { server, body, reply, ports, claim, deadline, lost } = call;
        match link.lane.call(body, reply, ports) {
            Ok(ticket) => claim.sent(ticket),
            Err(back) => {
                let refused = back.refused;
                let (body, reply, ports) = (back.body, back.reply, back.ports);
                let call = Dispatch { server, body, reply, ports, claim, deadline, lost };
                self.on_refused(refused, Box::new(call));
            }
        }
    }

    fn on_refused(&mut self, refused: RefusedCall, call: Box<Dispatch>) {
        let kept = match refused {
            RefusedCall::Closed => {
                let server = call.server.clone();
                self.routes.hold(&server, call)
            }
            RefusedCall::Busy { .. } => Err(call),
        };
        if let Err(call) = kept {
            fail(*call, CallFailure::Refused(refused));
        }
    }

    fn set_rule(&self, server: &ServerId, rule: Option<Rule>) {
        let mut rules = BTreeMap::clone(&self.rules.load());
        match rule {
            Some(rule) => rules.insert(server.clone(), rule),
            None => rules.remove(server),
        };
        self.rules.store(Arc::new(rules));
    }
}

fn fail(call: Dispatch, failure: CallFailure) {
    // The caller may have left; then nobody is to be told.
    let _ = call.reply.send(Err(failure));
}

fn no_route() -> CallFailure {
    let outage =
        Outage { state: ServerState::Stopped, downfall: None, next_try: None, returning: false };
    CallFailure::Down(Box::new(outage))
}
