//! This file is how calls are handed to the router and waited for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use conductor_config::{ServerId, ServerSpec};
use ractor::ActorRef;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::actor::{Dispatch, Message};
use crate::delegation::Admission;
use crate::model::{CallError, Downfall, Outage, ToolCall, ToolRef};
use crate::server::{Body, CallFailure, ProgressPort, RefusedCall, ServerLink, Ticket};
use crate::wire::Outcome;

/// Asks for a server to be started that rests until it is needed.
pub(crate) type Wake = Arc<dyn Fn(ServerId) + Send + Sync>;

/// How long a call to a server may take where its caller sets no limit.
pub(super) type Limits = ArcSwap<BTreeMap<ServerId, Duration>>;

/// Used for a server of which the router has not heard yet; such a call fails anyway.
const FALLBACK: Duration = Duration::from_secs(60);

/// The router's address. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RouterHandle {
    actor: ActorRef<Message>,
    limits: Arc<Limits>,
    places: Arc<Semaphore>,
    most: usize,
    closed: Arc<AtomicBool>,
}

impl RouterHandle {
    pub(super) fn new(actor: ActorRef<Message>, limits: Arc<Limits>, most: usize) -> Self {
        let (places, closed) = (Arc::new(Semaphore::new(most)), Arc::new(AtomicBool::new(false)));
        Self { actor, limits, places, most, closed }
    }

    /// Runs a tool and waits for the server's answer, until the deadline at the latest. Dropping
    /// the future takes the call back and tells the server.
    pub(crate) async fn call(
        &self,
        admission: &Admission,
        target: &ToolRef,
        call: ToolCall,
    ) -> Result<Outcome, CallError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CallError::ShuttingDown);
        }
        let Ok(_place) = self.places.try_acquire() else {
            return Err(CallError::Busy { what: "this gateway".to_owned(), limit: self.most });
        };
        tracing::debug!(server = %target.server, tool = %target.tool, caller = %admission.caller(), "call");
        let begun = Instant::now();
        let deadline = call.deadline.unwrap_or_else(|| begun + self.limit_of(&target.server));
        let token = call.params.meta.progress_token.clone();
        let progress = token.zip(call.progress).map(|(token, sink)| ProgressPort { token, sink });
        let guard = Guard(Arc::new(Claim::default()));
        let (reply, answer) = oneshot::channel();
        let dispatch = Dispatch {
            server: target.server.clone(),
            body: Body::Call { tool: target.tool.clone(), params: call.params },
            reply,
            progress,
            claim: Arc::clone(&guard.0),
            deadline,
        };
        if self.actor.cast(Message::Dispatch(Box::new(dispatch))).is_err() {
            return Err(CallError::ShuttingDown);
        }
        let server = &target.server;
        match timeout_at(deadline, answer).await {
            Ok(Ok(Ok(reply))) => {
                guard.done();
                Ok(reply.outcome)
            }
            Ok(Ok(Err(failure))) => {
                guard.done();
                Err(explain(server, failure))
            }
            // Whoever held the reply port is gone without a word.
            Ok(Err(_)) => {
                let cause = crate::model::Cause::Actor("it ended during the call".into());
                let (downfall, sent) = (Downfall::silent(cause), guard.sent());
                Err(CallError::Lost { server: server.clone(), downfall, sent })
            }
            Err(_) => Err(CallError::DeadlineExceeded {
                server: server.clone(),
                limit: deadline.saturating_duration_since(begun),
                sent: guard.sent(),
            }),
        }
    }

    /// How long a call to `server` may take.
    pub(crate) fn limit_of(&self, server: &ServerId) -> Duration {
        self.limits.load().get(server).copied().unwrap_or(FALLBACK)
    }

    /// From now on refuses every call. Those under way go on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whom to ask for servers that rest.
    pub(crate) fn set_wake(&self, wake: Wake) {
        self.tell(Message::SetWake(wake));
    }

    pub(crate) fn server_up(&self, link: ServerLink) {
        self.tell(Message::Up(link));
    }

    pub(crate) fn server_down(&self, spec: Arc<ServerSpec>, outage: Outage, wakeable: bool) {
        self.tell(Message::Down { spec, outage, wakeable });
    }

    pub(crate) fn retune(&self, spec: Arc<ServerSpec>) {
        self.tell(Message::Retune(spec));
    }

    pub(crate) fn forget(&self, server: ServerId) {
        self.tell(Message::Forget(server));
    }

    pub(crate) fn stop(&self) {
        self.actor.stop(None);
    }

    fn tell(&self, message: Message) {
        // A router that is gone is being shut down, and so is everything it routes to.
        let _ = self.actor.cast(message);
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

fn explain(server: &ServerId, failure: CallFailure) -> CallError {
    let server = server.clone();
    match failure {
        CallFailure::Down(outage) => CallError::Unavailable { server, outage: *outage },
        CallFailure::Refused(RefusedCall::Busy { limit }) => {
            CallError::Busy { what: format!("server `{server}`"), limit }
        }
        CallFailure::Refused(RefusedCall::Closed) => {
            let downfall = Downfall::silent(crate::model::Cause::OutputClosed);
            CallError::Lost { server, downfall, sent: false }
        }
        CallFailure::Lost { downfall, sent } => CallError::Lost { server, downfall, sent },
        failure @ (CallFailure::TooLong { .. } | CallFailure::Garbled { .. }) => {
            CallError::BadAnswer { server, reason: failure.to_string() }
        }
    }
}
