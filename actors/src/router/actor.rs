//! This file is the actor that knows the routes.
//!
//! Every handler is a table look-up and at most a few non-blocking sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use conductor_config::{Isolation, ServerId, ServerSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::berths::{Berths, Boarding};
use super::handle::{Claim, RouterHandle, Rule, Rules};
use super::retry::Budget;
use super::routes::{Life, Routes, Ruling, Timed};
use super::waiting::Waiting;
use crate::model::{Answer, Generation, Holder, InstanceId, Need, Needs, Outage, ServerState};
use crate::server::{Body, CallFailure, Ports, RefusedCall, Returned, ServerLink};

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
    /// An instance is needed, though not for a call.
    Ask { id: InstanceId, reply: oneshot::Sender<Result<(), CallFailure>> },
    /// Somebody for whom servers may run apart is no more.
    Leave(Holder),
    /// An instance takes no calls, for this reason.
    Vacated { id: InstanceId, generation: Generation, reason: CallFailure },
    /// A server takes calls, or an instance of it.
    Up(ServerLink),
    /// A server takes none.
    Down { spec: Arc<ServerSpec>, outage: Outage, wakeable: bool },
    /// A server has new settings.
    Retune(Arc<ServerSpec>),
    /// A server is no more.
    Forget(ServerId),
    /// Whom to ask for servers that rest.
    SetNeeds(Needs),
    /// Answers in its turn.
    Echo(oneshot::Sender<()>),
}

/// One call on its way.
pub(crate) struct Dispatch {
    pub(super) server: ServerId,
    pub(super) body: Body,
    pub(super) reply: tokio::sync::oneshot::Sender<Result<Answer, CallFailure>>,
    pub(super) ports: Ports,
    /// For whom the process runs that it is to go to.
    pub(super) holder: Holder,
    /// What the settings said when that was decided.
    pub(super) isolation: Isolation,
    pub(super) claim: Arc<Claim>,
    pub(super) deadline: Instant,
    /// What ended the first attempt, if this is the second.
    pub(super) lost: Option<CallFailure>,
}

impl Dispatch {
    fn instance(&self) -> InstanceId {
        InstanceId::new(self.server.clone(), self.holder.clone())
    }
}

impl Timed for Box<Dispatch> {
    fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Waiting for Box<Dispatch> {
    fn is_abandoned(&self) -> bool {
        self.claim.is_abandoned()
    }
}

/// What waits for an instance.
enum Guest {
    /// A call that is to go there.
    Call(Box<Dispatch>),
    /// Somebody who only wants to know that it is there.
    Visitor(oneshot::Sender<Result<(), CallFailure>>),
}

impl Waiting for Guest {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Call(call) => call.is_abandoned(),
            Self::Visitor(reply) => reply.is_closed(),
        }
    }
}

impl Guest {
    fn fail(self, reason: CallFailure) {
        match self {
            Self::Call(call) => fail(*call, reason),
            // Whoever asked may have left.
            Self::Visitor(reply) => drop(reply.send(Err(reason))),
        }
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
    berths: Berths<ServerLink, Guest>,
    needs: Option<Needs>,
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
        let (routes, berths) = (Routes::new(queue_limit), Berths::new(queue_limit));
        Ok(State { routes, berths, needs: None, rules, budget })
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Dispatch(call) => state.accept(call),
            Message::Ask { id, reply } => state.board(id, Guest::Visitor(reply)),
            Message::Leave(holder) => {
                drop(state.berths.leave(&holder));
                state.need(Need::Gone(holder));
            }
            Message::Vacated { id, generation, reason } => state.vacated(id, generation, &reason),
            Message::Up(link) if link.holder.is_apart() => state.instance_up(link),
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
                    state.need(Need::Server(spec.id.clone()));
                }
            }
            Message::Retune(spec) => state.set_rule(&spec.id, Some(Rule::of(&spec))),
            Message::Forget(server) => {
                for call in state.routes.forget(&server) {
                    fail(*call, no_route());
                }
                for guest in state.berths.forget(&server) {
                    guest.fail(no_route());
                }
                state.set_rule(&server, None);
            }
            Message::SetNeeds(needs) => state.needs = Some(needs),
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

    fn need(&self, need: Need) {
        if let Some(needs) = &self.needs {
            needs(need);
        }
    }

    fn isolation_of(&self, server: &ServerId) -> Isolation {
        self.rules.load().get(server).map_or(Isolation::Shared, |rule| rule.isolation)
    }

    fn dispatch(&mut self, call: Box<Dispatch>) {
        if call.is_abandoned() {
            return;
        }
        let server = call.server.clone();
        if call.isolation != self.isolation_of(&server) {
            // The settings have changed since it was made: it is made once more.
            return fail(*call, CallFailure::Refused(RefusedCall::Closed));
        }
        let apart = call.holder.is_apart();
        if apart && self.berths.is_known(&call.instance()) {
            return self.board(call.instance(), Guest::Call(call));
        }
        match self.routes.dispatch(&server, call) {
            // An instance is only begun of a server that comes up.
            Ruling::Send(_, call) if apart => self.board(call.instance(), Guest::Call(call)),
            Ruling::Send(link, call) => self.send(&link, *call),
            Ruling::Parked { wake: true } => self.need(Need::Server(server)),
            Ruling::Parked { wake: false } => {}
            Ruling::Down(call, outage) => fail(*call, CallFailure::Down(Box::new(outage))),
            Ruling::Full(call, limit) => {
                fail(*call, CallFailure::Refused(RefusedCall::Busy { limit }));
            }
            Ruling::NoRoute(call) => fail(*call, no_route()),
        }
    }

    /// Brings a guest to the instance that it waits for.
    fn board(&mut self, id: InstanceId, guest: Guest) {
        match self.berths.dispatch(&id, guest) {
            Boarding::Send(link, guest) => self.welcome(&link, guest),
            Boarding::Parked { ask: true } => self.need(Need::Instance(id)),
            Boarding::Parked { ask: false } => {}
            Boarding::Full(guest, limit) => {
                guest.fail(CallFailure::Refused(RefusedCall::Busy { limit }));
            }
        }
    }

    /// The instance is there.
    fn welcome(&mut self, link: &ServerLink, guest: Guest) {
        match guest {
            Guest::Call(call) => self.send(link, *call),
            // Whoever asked may have left.
            Guest::Visitor(reply) => drop(reply.send(Ok(()))),
        }
    }

    fn instance_up(&mut self, link: ServerLink) {
        let waited = self.berths.up(link.instance(), link.clone()).into_iter();
        for guest in waited.filter(|guest| !guest.is_abandoned()) {
            self.welcome(&link, guest);
        }
    }

    fn vacated(&mut self, id: InstanceId, generation: Generation, reason: &CallFailure) {
        let vacated = self.berths.down(&id, generation);
        for guest in vacated.failed {
            guest.fail(reason.clone());
        }
        if vacated.ask {
            self.need(Need::Instance(id));
        }
    }

    fn send(&mut self, link: &ServerLink, call: Dispatch) {
        match link.lane.call(call.body, call.reply, call.ports) {
            Ok(ticket) => call.claim.sent(ticket),
            Err(back) => {
                let Returned { refused, body, reply, ports } = *back;
                let call = Dispatch { body, reply, ports, ..call };
                self.on_refused(refused, Box::new(call));
            }
        }
    }

    fn on_refused(&mut self, refused: RefusedCall, call: Box<Dispatch>) {
        let kept = match refused {
            RefusedCall::Closed if call.holder.is_apart() => {
                self.berths.hold(&call.instance(), Guest::Call(call))
            }
            RefusedCall::Closed => {
                let server = call.server.clone();
                self.routes.hold(&server, call).map_err(Guest::Call)
            }
            RefusedCall::Busy { .. } => Err(Guest::Call(call)),
        };
        if let Err(guest) = kept {
            guest.fail(CallFailure::Refused(refused));
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
