//! This file is how calls are handed to the router and waited for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use conductor_config::{Isolation, Patterns, ServerId, ServerSpec};
use ractor::{Actor, ActorRef};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::actor::{Dispatch, Message, RouterActor, RouterArguments};
use super::audit::Line;
use super::retry::is_repeatable;
use super::tenancy::Tenancy;
use crate::audience::principal_of;
use crate::delegation::Admission;
use crate::model::{
    Answer, Call, CallError, Downfall, Ear, Generation, Gone, HttpRefusal, InstanceId, Many, Needs,
    Outage, Principal, Seat, Target,
};
use crate::post::Post;
use crate::server::{
    Body, CallFailure, InquiryPort, Ports, ProgressPort, RefusedCall, ServerLink, Stopwatch, Ticket,
};
use crate::wire::{CallKind, CallParams, TaskVerb};

/// What the settings say about calls to each server.
pub(super) type Rules = ArcSwap<BTreeMap<ServerId, Rule>>;

/// What the settings say about calls to one server.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// How long a call may take where its caller sets no limit.
    timeout: Duration,
    /// Tools that do no harm when they run twice.
    harmless: Patterns,
    /// Who shares a process of it.
    pub(super) isolation: Isolation,
}

impl Rule {
    pub(super) fn of(spec: &ServerSpec) -> Self {
        let (timeout, isolation) = (spec.timeout, spec.isolation);
        Self { timeout, harmless: spec.safe_to_repeat.clone(), isolation }
    }
}

/// How long a router that has ended is waited for.
const RENEWAL: Duration = Duration::from_secs(1);
/// Used for a server of which the router has not heard yet; such a call fails anyway.
const FALLBACK: Duration = Duration::from_secs(60);

/// The router's address. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RouterHandle {
    post: Post<Message>,
    rules: Arc<Rules>,
    places: Arc<Semaphore>,
    most: usize,
    closed: Arc<AtomicBool>,
    /// Seats given out.
    seats: Arc<AtomicU64>,
    /// Hears of those that are dropped.
    gone: Gone,
}

impl RouterHandle {
    pub(super) fn new(actor: ActorRef<Message>, rules: Arc<Rules>, most: usize) -> Self {
        let (places, closed) = (Arc::new(Semaphore::new(most)), Arc::new(AtomicBool::new(false)));
        let (post, seats) = (Post::new(actor), Arc::default());
        let leaving = post.clone();
        // It comes after all calls of this holder, which go the same way.
        let gone: Gone = Arc::new(move |holder| {
            let _ = leaving.cast(Message::Leave(holder));
        });
        Self { post, rules, places, most, closed, seats, gone }
    }

    /// Another router with the same limits. It knows no server yet.
    pub(crate) async fn another(&self, queue_limit: usize) -> Result<Self, ractor::SpawnErr> {
        let arguments = RouterArguments { queue_limit, rules: Arc::clone(&self.rules) };
        let (actor, _) = RouterActor::spawn(None, RouterActor, arguments).await?;
        Ok(Self { post: Post::new(actor), ..self.clone() })
    }

    /// From now on everybody who holds this handle is heard by `other`.
    pub(crate) fn follow(&self, other: &Self) {
        self.post.follow(&other.post);
    }

    /// Takes one of the places for calls under way; it is free again when dropped.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>, CallError> {
        if self.is_closed() {
            return Err(CallError::ShuttingDown);
        }
        let full = |_| CallError::Busy {
            what: "this gateway".to_owned(),
            many: Many::Calls,
            limit: self.most,
        };
        self.places.try_acquire().map_err(full)
    }

    /// A place for one who may have servers run apart.
    pub(crate) fn seat(&self) -> Seat {
        Seat::new(self.seats.fetch_add(1, Ordering::Relaxed), Arc::clone(&self.gone))
    }

    /// Which process of `server` a call of `principal` goes to, in a session if `seat` is one.
    pub(crate) fn tenancy(
        &self,
        server: &ServerId,
        principal: &Principal,
        seat: Option<&Seat>,
    ) -> Tenancy {
        let isolation = self.rules.load().get(server).map(|rule| rule.isolation);
        Tenancy::of(isolation.unwrap_or(Isolation::Shared), principal, seat, || self.seat())
    }

    /// Has an instance begun if it does not run, and waits until it does, for `limit` at most.
    pub(crate) async fn ask(&self, id: InstanceId, limit: Duration) -> Result<(), CallError> {
        let server = id.server.clone();
        let (reply, there) = oneshot::channel();
        self.tell(Message::Ask { id, reply });
        match timeout_at(Instant::now() + limit, there).await {
            Ok(Ok(there)) => there.map_err(|failure| explain(&server, failure, limit)),
            Ok(Err(_)) => Err(CallError::ShuttingDown),
            Err(_) => Err(CallError::DeadlineExceeded { server, limit, sent: false }),
        }
    }

    /// Makes a call and waits for the server's answer, until the deadline at the latest. Dropping
    /// the future takes the call back and tells the server. A call that was lost with its server
    /// is made once more if that can do no harm and there are not too many of them.
    pub(crate) async fn call(
        &self,
        admission: &Admission,
        target: &Target,
        tenancy: Tenancy,
        call: Call,
    ) -> Result<Answer, CallError> {
        let _place = self.enter()?;
        let begun = Instant::now();
        let line = Line::begin(admission, target, call.params.kind.method(), begun);
        let deadline = call.deadline.unwrap_or_else(|| begun + self.limit_of(&target.server));
        let inquiries = call.inquiries.map(|inquiries| {
            let (server, stopwatch) = (target.server.clone(), Stopwatch::new());
            InquiryPort { server, inquiries, stopwatch }
        });
        let (params, progress) = (call.params.into(), call.progress);
        let (principal, seat) = (principal_of(admission.caller()), call.seat);
        let ear = Ear { principal, logs: call.logs, notices: call.notices };
        let wanted = Wanted { target, params, progress, inquiries, ear, seat, deadline };
        let limit = deadline.saturating_duration_since(begun);
        let called = self.attempts(&wanted, tenancy).await.map_err(|failure| match failure {
            CallFailure::Lost { sent: false, .. } if self.is_closed() => CallError::ShuttingDown,
            failure => explain(&target.server, failure, limit),
        });
        line.end(&called);
        called
    }

    async fn attempts(&self, wanted: &Wanted<'_>, tenancy: Tenancy) -> Result<Answer, CallFailure> {
        let lost = match self.attempt(wanted, tenancy, None).await {
            Err(failure) if is_repeatable(&failure, self.is_harmless(wanted)) => failure,
            other => return other,
        };
        tracing::debug!(server = %wanted.target.server, reason = %lost, "call lost, to be repeated");
        let (server, principal) = (&wanted.target.server, &wanted.ear.principal);
        let tenancy = self.tenancy(server, principal, wanted.seat.as_ref());
        self.attempt(wanted, tenancy, Some(lost)).await
    }

    /// Makes one attempt. A repeat carries what ended the one before, which is also its answer if
    /// there may be no more repeats.
    async fn attempt(
        &self,
        wanted: &Wanted<'_>,
        tenancy: Tenancy,
        lost: Option<CallFailure>,
    ) -> Result<Answer, CallFailure> {
        let guard = Guard(Arc::new(Claim::default()));
        let (reply, answer) = oneshot::channel();
        let dispatch = Dispatch {
            server: wanted.target.server.clone(),
            body: Body::Call {
                name: wanted.target.name.clone(),
                params: Arc::clone(&wanted.params),
            },
            reply,
            ports: wanted.ports(),
            holder: tenancy.holder.clone(),
            isolation: tenancy.isolation,
            claim: Arc::clone(&guard.0),
            deadline: wanted.deadline,
            lost,
        };
        let gone = || {
            let cause = crate::model::Cause::Actor("it ended during the call".into());
            Err(CallFailure::Lost { downfall: Downfall::silent(cause), sent: guard.sent() })
        };
        let mut renewals = self.post.renewals();
        if self.post.cast(Message::Dispatch(Box::new(dispatch))).is_err() {
            self.renewed(&mut renewals, wanted.deadline).await;
            return gone();
        }
        match wanted.wait(answer).await {
            Some(Ok(answer)) => {
                guard.done();
                answer
            }
            // Whoever held the reply port is gone without a word.
            Some(Err(_)) => {
                if !guard.sent() {
                    self.renewed(&mut renewals, wanted.deadline).await;
                }
                gone()
            }
            None => Err(CallFailure::Late { sent: guard.run_out() }),
        }
    }

    /// Waits for a router that has ended to be back, so that a repeat finds it.
    async fn renewed(&self, renewals: &mut watch::Receiver<u64>, deadline: Instant) {
        if !self.is_closed() {
            let _ = timeout_at(deadline.min(Instant::now() + RENEWAL), renewals.changed()).await;
        }
    }

    /// Whether it does no harm to ask twice: what only reads does none by the protocol, of tools the
    /// settings say so.
    fn is_harmless(&self, wanted: &Wanted<'_>) -> bool {
        match wanted.params.kind {
            CallKind::Tool => {}
            CallKind::Extension | CallKind::Notice => return false,
            CallKind::Task(verb) => return matches!(verb, TaskVerb::Get | TaskVerb::Result),
            _ => return true,
        }
        let (rules, target) = (self.rules.load(), wanted.target);
        rules.get(&target.server).is_some_and(|rule| rule.harmless.any(&target.name))
    }

    /// How long a call to `server` may take.
    pub(crate) fn limit_of(&self, server: &ServerId) -> Duration {
        self.rules.load().get(server).map_or(FALLBACK, |rule| rule.timeout)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// From now on refuses every call. Those under way go on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whom to ask for servers that rest, and for instances.
    pub(crate) fn set_needs(&self, needs: Needs) {
        self.tell(Message::SetNeeds(needs));
    }

    pub(crate) fn server_up(&self, link: ServerLink) {
        self.tell(Message::Up(link));
    }

    pub(crate) fn server_down(&self, spec: Arc<ServerSpec>, outage: Outage, wakeable: bool) {
        self.tell(Message::Down { spec, outage, wakeable });
    }

    /// An instance takes no calls, for this reason.
    pub(crate) fn vacated(&self, id: InstanceId, generation: Generation, reason: CallFailure) {
        self.tell(Message::Vacated { id, generation, reason });
    }

    pub(crate) fn retune(&self, spec: Arc<ServerSpec>) {
        self.tell(Message::Retune(spec));
    }

    pub(crate) fn forget(&self, server: ServerId) {
        self.tell(Message::Forget(server));
    }

    /// Waits until all that came before has been dealt with; false if there is no router now.
    pub(crate) async fn turn(&self) -> bool {
        let (reply, answered) = oneshot::channel();
        self.post.cast(Message::Echo(reply)).is_ok() && answered.await.is_ok()
    }

    /// Waits until the actor has ended, however.
    pub(crate) async fn ended(&self) {
        self.post.ended().await;
    }

    pub(crate) fn stop(&self) {
        self.post.stop();
    }

    fn tell(&self, message: Message) {
        // One that is gone is being shut down, or will be told by the supervisor once it is back.
        let _ = self.post.cast(message);
    }
}

/// What all attempts at one call have in common.
struct Wanted<'a> {
    target: &'a Target,
    params: Arc<CallParams>,
    progress: Option<mpsc::Sender<Bytes>>,
    inquiries: Option<InquiryPort>,
    ear: Ear,
    seat: Option<Seat>,
    deadline: Instant,
}

impl Wanted<'_> {
    fn ports(&self) -> Ports {
        let token = self.params.meta.progress_token.clone();
        let progress =
            token.zip(self.progress.clone()).map(|(token, sink)| ProgressPort { token, sink });
        let (inquiries, ear) = (self.inquiries.clone(), Some(self.ear.clone()));
        Ports { progress, inquiries, ear }
    }

    /// Waits for the answer; not for longer than the deadline, but the time in which the server
    /// itself waits for the caller does not count.
    async fn wait<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let Some(port) = &self.inquiries else {
            return timeout_at(self.deadline, answer).await.ok();
        };
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = port.stopwatch.until(self.deadline) => None,
        }
    }
}

/// Where a call has got to, shared by the one who waits and those who carry it on.
#[derive(Debug, Default)]
pub(super) struct Claim {
    ticket: OnceLock<Ticket>,
    abandoned: AtomicBool,
}

impl Claim {
    /// Nobody waits any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    /// The call is on a server's pipe.
    pub(super) fn sent(&self, ticket: Ticket) {
        let _ = self.ticket.set(ticket);
        // The waiting side may have left between the dispatch and here.
        if self.is_abandoned() {
            self.cancel();
        }
    }

    fn cancel(&self) {
        if let Some(ticket) = self.ticket.get() {
            ticket.cancel();
        }
    }
}

/// Takes the call back when the wait ends without an answer.
struct Guard(Arc<Claim>);

impl Guard {
    fn sent(&self) -> bool {
        self.0.ticket.get().is_some()
    }

    /// The deadline has passed; returns whether the call is on a server's pipe.
    fn run_out(&self) -> bool {
        self.0.abandoned.store(true, Ordering::SeqCst);
        self.0.ticket.get().map(Ticket::run_out).is_some()
    }

    /// The answer is there: nothing is to be taken back.
    fn done(&self) {
        self.0.abandoned.store(true, Ordering::SeqCst);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.0.abandoned.swap(true, Ordering::SeqCst) {
            self.0.cancel();
        }
    }
}

fn explain(server: &ServerId, failure: CallFailure, limit: Duration) -> CallError {
    let server = server.clone();
    match failure {
        CallFailure::Down(outage) => CallError::Unavailable { server, outage: *outage },
        CallFailure::Refused(RefusedCall::Busy { limit }) => {
            CallError::Busy { what: format!("server `{server}`"), many: Many::Calls, limit }
        }
        CallFailure::Crowded { limit } => {
            CallError::Busy { what: format!("server `{server}`"), many: Many::Instances, limit }
        }
        CallFailure::Refused(RefusedCall::Closed) => {
            let downfall = Downfall::silent(crate::model::Cause::OutputClosed);
            CallError::Lost { server, downfall, sent: false }
        }
        CallFailure::Lost { downfall, sent } => CallError::Lost { server, downfall, sent },
        CallFailure::Throttled { retry_after } => {
            CallError::Refused { server, no: HttpRefusal::Throttled { retry_after } }
        }
        CallFailure::Http { status, reason } => {
            CallError::Refused { server, no: HttpRefusal::Status { status, reason } }
        }
        CallFailure::Late { sent } => CallError::DeadlineExceeded { server, limit, sent },
        failure @ (CallFailure::TooLong { .. } | CallFailure::Garbled { .. }) => {
            CallError::BadAnswer { server, reason: failure.to_string() }
        }
    }
}
