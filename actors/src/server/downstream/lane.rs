//! This file is the address of one server's pipe: how requests are put on it and taken back.
//!
//! It never waits. Encoding and matching answers happen in the pump.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use rmcp::RoleClient;
use rmcp::service::RxJsonRpcMessage;
use thiserror::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::pending::{Ports, ReplyPort};
use super::said::Said;
use super::sdk::SdkTransport;
use crate::model::{Answer, Downfall, Offers, Outage};
use crate::wire::{CallKind, CallParams, Hop, LogLevel, TaskVerb, Text};

/// The parameters of one request to a server.
#[derive(Debug)]
pub(crate) enum Body {
    /// A caller's request under the server's own name for what it is about.
    Call {
        /// The bare name or address.
        name: Text,
        /// What the caller sent.
        params: Arc<CallParams>,
    },
    /// Ready-made parameters of any other method, as JSON members without the braces; a modern
    /// server's `_meta` is added behind them.
    Members(Bytes),
}

impl Body {
    /// The task whose result a caller waits for with it.
    pub(super) fn awaited_task(&self) -> Option<Text> {
        match self {
            Self::Call { name, params } => {
                (params.kind == CallKind::Task(TaskVerb::Result)).then(|| name.clone())
            }
            Self::Members(_) => None,
        }
    }

    /// The method where that is one of an extension.
    pub(super) fn extension(&self) -> Option<&Text> {
        match self {
            Self::Call { name, params } if params.kind.is_of_extension() => Some(name),
            Self::Call { .. } | Self::Members(_) => None,
        }
    }

    /// Whether it is a notification, to which nobody answers.
    pub(super) fn is_notice(&self) -> bool {
        matches!(self, Self::Call { params, .. } if params.kind == CallKind::Notice)
    }

    /// The method of a caller's request.
    fn method(&self) -> &'static str {
        match self {
            Self::Call { params, .. } => params.kind.method(),
            // Nobody calls with these; they are what `ask` puts on the pipe, with its method.
            Self::Members(_) => CallKind::Tool.method(),
        }
    }
}

/// Why a request brought no answer.
#[derive(Debug, Clone, Error)]
pub(crate) enum CallFailure {
    /// The server is not running, and waiting for it makes no sense.
    #[error("the server is unavailable: {0}")]
    Down(Box<Outage>),
    /// As many callers as may have an instance of the server have one.
    #[error("the server has {limit} instances, the most it may have")]
    Crowded {
        /// The limit.
        limit: usize,
    },
    /// It was not even put on the pipe.
    #[error(transparent)]
    Refused(RefusedCall),
    /// The server went away.
    #[error("the server {downfall}")]
    Lost {
        /// How it ended.
        downfall: Arc<Downfall>,
        /// Whether any byte of the request may have reached it.
        sent: bool,
    },
    /// Nobody waits for the answer any more: the deadline has passed.
    #[error("no answer came in time")]
    Late {
        /// Whether the request was put on the pipe.
        sent: bool,
    },
    /// It answered with more than the limit.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// It answered with something that is not a JSON-RPC answer.
    #[error("the answer is not readable: {reason}")]
    Garbled {
        /// What is wrong with it.
        reason: String,
    },
    /// It is elsewhere and wants no requests for now. It was not asked, or it did not listen.
    #[error("the server wants no requests for {retry_after:?}")]
    Throttled {
        /// For how long.
        retry_after: Duration,
    },
    /// It is elsewhere and said no before it was about the call.
    #[error("the server answered with HTTP status {status}: {reason}")]
    Http {
        /// The status.
        status: u16,
        /// What it said, or what to do about it.
        reason: String,
    },
}

/// Why a request was not put on the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum RefusedCall {
    /// As many calls as the server may have are under way.
    #[error("the server has {limit} calls in flight, the most it takes")]
    Busy {
        /// The limit.
        limit: usize,
    },
    /// The pipe is gone.
    #[error("the server is down")]
    Closed,
}

/// What the pump is asked to do.
#[expect(clippy::large_enum_variant, reason = "nearly all are requests, and a box costs each")]
#[derive(Debug)]
pub(super) enum Command {
    /// Ask the server something.
    Request {
        ticket: u64,
        method: &'static str,
        hop: Hop,
        body: Body,
        reply: ReplyPort,
        ports: Ports,
        slot: Option<OwnedSemaphorePermit>,
    },
    /// Nobody waits for this answer any more.
    Cancel { ticket: u64 },
    /// Write a message that somebody else composed.
    Raw(Bytes),
    /// From now on, the SDK's answers go here.
    Attach(mpsc::Sender<RxJsonRpcMessage<RoleClient>>),
    /// Close the server's input, at once or when it owes no answer.
    CloseInput { when_idle: bool },
}

/// Facts about one life of a server that change without messages.
#[derive(Debug)]
pub(crate) struct Gauges {
    born: Instant,
    heard: AtomicU64,
    /// When the newest of the calls that ran out was made, in milliseconds since `born`.
    ran_out: AtomicU64,
    /// Lines on stdout that were no messages.
    pub(crate) noise: AtomicU64,
    /// Answers that nobody waited for.
    pub(crate) unmatched: AtomicU64,
    /// How often the server said that one of its lists changed.
    pub(crate) lists_changed: watch::Sender<u64>,
    /// What else it said that was no answer. Who hears too slowly misses the oldest of it, and knows.
    pub(crate) said: broadcast::Sender<Said>,
    /// From which level on somebody hears log messages that belong to no call; none if nobody does.
    pub(crate) logs: watch::Sender<Option<LogLevel>>,
    /// What it last answered to the SDK, raw: in the end, what it said of itself.
    pub(super) welcome: ArcSwap<Bytes>,
    /// Resources of whose updates it tells.
    pub(crate) subscribed: AtomicUsize,
    /// How often its session was opened anew within this life, so that it has forgotten everything.
    pub(crate) sessions: watch::Sender<u64>,
}

/// So much of what a server said waits for who hears it.
const SAID: usize = 256;

impl Gauges {
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            heard: AtomicU64::new(0),
            ran_out: AtomicU64::new(0),
            noise: AtomicU64::new(0),
            unmatched: AtomicU64::new(0),
            lists_changed: watch::Sender::new(0),
            said: broadcast::Sender::new(SAID),
            logs: watch::Sender::new(None),
            welcome: ArcSwap::default(),
            subscribed: AtomicUsize::new(0),
            sessions: watch::Sender::new(0),
        }
    }

    /// Tells it to who hears. A log message, or one of an extension, is left out if there is little room, so that no other
    /// news are missed for it.
    pub(super) fn say(&self, said: Said) {
        let may_wait = matches!(said, Said::Logged(_) | Said::Noticed(_));
        let is_left_out = may_wait && self.said.len() >= SAID / 2;
        if !is_left_out {
            // Between two lives nobody hears.
            let _ = self.said.send(said);
        }
    }

    /// Notes that the server said something just now.
    pub(super) fn hear(&self) {
        self.heard.store(self.millis_until(Instant::now()), Ordering::Relaxed);
    }

    /// Whether a call that was made after the server last said anything has passed its deadline.
    pub(crate) fn is_overdue(&self) -> bool {
        self.ran_out.load(Ordering::Relaxed) > self.heard.load(Ordering::Relaxed)
    }

    fn millis_until(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.born);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// When the server last said anything, in steps of a millisecond.
    pub(crate) fn heard_at(&self) -> Instant {
        self.born + Duration::from_millis(self.heard.load(Ordering::Relaxed))
    }
}

/// The address of one life of one server's pipe. Cheap to clone; dead for good when that life ends.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    commands: mpsc::Sender<Command>,
    tickets: Arc<AtomicU64>,
    begun: Arc<AtomicU64>,
    slots: Arc<Semaphore>,
    limit: Arc<AtomicUsize>,
    hop: Hop,
    offers: Offers,
    gauges: Arc<Gauges>,
}

/// Commands that may wait for the pump. More than calls in flight, so that only a server that does
/// not read its input can fill it.
const QUEUE: usize = 1024;

impl Lane {
    /// A lane that takes up to `limit` calls at once, and the pump's end of it.
    pub(super) fn new(limit: usize, gauges: Arc<Gauges>) -> (Self, mpsc::Receiver<Command>) {
        let (commands, inbox) = mpsc::channel(QUEUE.max(2 * limit));
        let lane = Self {
            commands,
            tickets: Arc::new(AtomicU64::new(1)),
            begun: Arc::new(AtomicU64::new(0)),
            slots: Arc::new(Semaphore::new(limit)),
            limit: Arc::new(AtomicUsize::new(limit)),
            hop: Hop::Legacy,
            offers: Offers::default(),
            gauges,
        };
        (lane, inbox)
    }

    /// The same lane, for a peer of the given kind.
    pub(crate) fn speaking(mut self, hop: Hop) -> Self {
        self.hop = hop;
        self
    }

    /// The same lane, for a server that says it has these things.
    pub(crate) fn offering(mut self, offers: Offers) -> Self {
        self.offers = offers;
        self
    }

    /// What the server says it has.
    pub(crate) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// The kind of revision spoken here.
    pub(crate) fn hop(&self) -> Hop {
        self.hop
    }

    /// What is known about this life of the server.
    pub(crate) fn gauges(&self) -> &Arc<Gauges> {
        &self.gauges
    }

    /// Calls under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.limit().saturating_sub(self.slots.available_permits())
    }

    /// Calls taken so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Calls taken at once.
    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// From now on takes up to `limit` calls at once. Those under way go on.
    pub(crate) fn set_limit(&self, limit: usize) {
        let before = self.limit.swap(limit, Ordering::Relaxed);
        self.slots.add_permits(limit.saturating_sub(before));
        let surplus = before.saturating_sub(limit);
        let owed = surplus - self.slots.forget_permits(surplus);
        if owed > 0 {
            let slots = Arc::clone(&self.slots);
            tokio::spawn(async move {
                let owed = u32::try_from(owed).unwrap_or(u32::MAX);
                if let Ok(late) = slots.acquire_many_owned(owed).await {
                    late.forget();
                }
            });
        }
    }

    /// Waits until no call is under way. New calls wait behind this.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.limit()).unwrap_or(u32::MAX);
        // Fails only if the semaphore is closed, which it never is.
        let _ = self.slots.acquire_many(all).await;
    }

    /// Puts a caller's request on the pipe, within the in-flight limit. On refusal everything comes back.
    pub(crate) fn call(
        &self,
        body: Body,
        reply: ReplyPort,
        ports: Ports,
    ) -> Result<Ticket, Box<Returned>> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            let refused = RefusedCall::Busy { limit: self.limit() };
            return Err(Box::new(Returned { refused, body, reply, ports }));
        };
        self.begun.fetch_add(1, Ordering::Relaxed);
        let method = body.method();
        self.put(method, body, reply, ports, Some(slot))
    }

    /// Asks something of our own (heartbeats, lists), outside the in-flight limit, for `limit` at
    /// most.
    pub(crate) async fn ask(
        &self,
        method: &'static str,
        members: Bytes,
        limit: Duration,
    ) -> Result<Answer, AskError> {
        let (ticket, answer) = self.begin(method, members).map_err(AskError::Refused)?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(failure))) => Err(AskError::Failed(failure)),
            Ok(Err(_)) => Err(AskError::Refused(RefusedCall::Closed)),
            Err(_) => {
                ticket.cancel();
                Err(AskError::Timeout { limit })
            }
        }
    }

    /// The same without a limit of time: for a request that lasts.
    pub(crate) fn begin(
        &self,
        method: &'static str,
        members: Bytes,
    ) -> Result<(Ticket, Coming), RefusedCall> {
        let (reply, answer) = oneshot::channel();
        let put = self.put(method, Body::Members(members), reply, Ports::default(), None);
        put.map(|ticket| (ticket, answer)).map_err(|returned| returned.refused)
    }

    /// Tells the server that no more is coming: at once, or when it owes no answer.
    pub(crate) fn close_input(&self, when_idle: bool) {
        // A full queue means a server that does not read: closing is then the killer's business.
        let _ = self.commands.try_send(Command::CloseInput { when_idle });
    }

    /// The way to the pump, for what it sends itself; does not keep it going.
    pub(super) fn commands(&self) -> mpsc::WeakSender<Command> {
        self.commands.downgrade()
    }

    /// Waits until the pipe is gone.
    pub(crate) async fn closed(&self) {
        self.commands.closed().await;
    }

    /// Connects the SDK to the pipe, in place of whatever session it had there before.
    pub(super) fn sdk_transport(&self) -> Option<SdkTransport> {
        let (to_sdk, inbox) = mpsc::channel(16);
        self.commands.try_send(Command::Attach(to_sdk)).ok()?;
        Some(SdkTransport::new(self.commands.clone(), inbox))
    }

    fn put(
        &self,
        method: &'static str,
        body: Body,
        reply: ReplyPort,
        ports: Ports,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Result<Ticket, Box<Returned>> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let request = Command::Request { ticket, method, hop: self.hop, body, reply, ports, slot };
        let (refused, request) = match self.commands.try_send(request) {
            Ok(()) => {
                let (commands, gauges) = (self.commands.clone(), Arc::clone(&self.gauges));
                return Ok(Ticket { number: ticket, made_at: Instant::now(), commands, gauges });
            }
            Err(TrySendError::Full(request)) => (RefusedCall::Busy { limit: QUEUE }, request),
            Err(TrySendError::Closed(request)) => (RefusedCall::Closed, request),
        };
        let Command::Request { body, reply, ports, .. } = request else {
            unreachable!("what was sent is what comes back")
        };
        Err(Box::new(Returned { refused, body, reply, ports }))
    }
}

/// What comes back for a request.
pub(crate) type Coming = oneshot::Receiver<Result<Answer, CallFailure>>;

/// A request that was not put on the pipe, whole.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) refused: RefusedCall,
    pub(crate) body: Body,
    pub(crate) reply: ReplyPort,
    pub(crate) ports: Ports,
}

/// Why a question of our own brought no answer.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    /// It was not put on the pipe.
    #[error(transparent)]
    Refused(RefusedCall),
    /// It was lost there.
    #[error(transparent)]
    Failed(CallFailure),
    /// No answer came in time.
    #[error("no answer within {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
}

/// A request on the pipe, for taking it back.
#[derive(Debug)]
pub(crate) struct Ticket {
    number: u64,
    made_at: Instant,
    gauges: Arc<Gauges>,
    commands: mpsc::Sender<Command>,
}

impl Ticket {
    /// What tells the request from others on the same pipe.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The request has passed its deadline: takes it back, and holds it against the server.
    pub(crate) fn run_out(&self) {
        let made_at = self.gauges.millis_until(self.made_at);
        self.gauges.ran_out.fetch_max(made_at, Ordering::Relaxed);
        self.cancel();
    }

    /// Takes the request back: its slot is free again, the server is told, and a late answer is
    /// thrown away. After the answer this does nothing.
    pub(crate) fn cancel(&self) {
        let _ = self.commands.try_send(Command::Cancel { ticket: self.number });
    }
}
