//! This file describes one call from the door to the server and the ways it can fail.
//!
//! It leaves what a failure is called in JSON-RPC or HTTP to the doors.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_config::{ServerId, WorkspaceName};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Downfall, Inquiries, LogPort, Seat};
use crate::wire::{CallKind, CallParams, Hop, Outcome, Text, Words};

/// What a door shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All servers of a workspace, merged, under prefixed names.
    Workspace(WorkspaceName),
    /// One server under its own names.
    Server(ServerId),
    /// The part of a workspace that the settings call so.
    View(Arc<str>),
}

/// One thing of one server (tool, prompt, resource), under the server's own name for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whose it is.
    pub server: ServerId,
    /// Its name or address there.
    pub name: Text,
}

/// One request to be brought to a server.
#[derive(Debug)]
pub struct Call {
    /// What the caller sent.
    pub params: Box<CallParams>,
    /// When the caller stops waiting; `None` means the server's own limit from now on.
    pub deadline: Option<Instant>,
    /// Takes ready-made parameters of `notifications/progress`, the caller's token in them. Used
    /// only if the call carries a token.
    pub progress: Option<mpsc::Sender<Bytes>>,
    /// Takes what the server asks of the caller meanwhile, if the caller can be asked.
    pub inquiries: Option<Inquiries>,
    /// Takes what the server logs about it; nothing is logged to callers that give none.
    pub logs: Option<LogPort>,
    /// Takes notifications of extensions that belong to it, ready to be sent, if its caller knows any.
    pub notices: Option<mpsc::Sender<Bytes>>,
    /// The session it belongs to, if there is one.
    pub seat: Option<Seat>,
}

impl Call {
    /// A call that can take as long as its server's settings say, and whose caller hears nothing but
    /// the answer.
    #[must_use]
    pub fn new(params: Box<CallParams>) -> Self {
        let (deadline, progress, inquiries, logs, notices, seat) = Default::default();
        Self { params, deadline, progress, inquiries, logs, notices, seat }
    }
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its result or its error, raw.
    pub outcome: Outcome,
    /// The kind of revision it was given in.
    pub hop: Hop,
    /// Which words are in the outcome as its server gave it.
    pub words: Words,
}

/// What is known of a call's effect when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// No byte of it reached the server: repeating it is safe.
    NotSent,
    /// It may or may not have taken effect.
    OutcomeUnknown,
    /// The server did the work and its answer cannot be used.
    Completed,
}

impl Fate {
    /// The word used in error data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Completed => "completed",
        }
    }
}

/// What there may be too many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Many {
    /// Calls under way.
    Calls,
    /// Instances of a server that is not shared.
    Instances,
}

impl Many {
    fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls under way",
            Self::Instances => "instances",
        }
    }
}

/// Why a call brought no answer of the server. An answer that says "error" is not among these.
#[derive(Debug, Clone, Error)]
pub enum CallError {
    /// No such thing in this scope, or none that this caller may see.
    #[error("{} {} `{name}`", if candidates.is_empty() { "unknown" } else { "ambiguous" }, kind.noun())]
    Unknown {
        /// What was asked for.
        kind: CallKind,
        /// The name or address asked for.
        name: Text,
        /// Addresses that tell apart what several servers have at this one.
        candidates: Vec<Text>,
    },
    /// The server is not running and the call did not wait, or waited in vain.
    #[error("server `{server}` is unavailable: {outage}")]
    Unavailable {
        /// Whose tool it is.
        server: ServerId,
        /// Why it is not running.
        outage: Outage,
    },
    /// The server went away while the call was under way.
    #[error("server `{server}` {downfall} during the call")]
    Lost {
        /// Whose tool it is.
        server: ServerId,
        /// How it ended.
        downfall: Arc<Downfall>,
        /// Whether any byte of the call may have reached it.
        sent: bool,
    },
    /// No answer in time.
    #[error("server `{server}` did not answer within {limit:?}")]
    DeadlineExceeded {
        /// Whose tool it is.
        server: ServerId,
        /// How long was waited.
        limit: Duration,
        /// Whether the call had reached the pipe.
        sent: bool,
    },
    /// Too much is under way; nothing was queued.
    #[error("{what} has {limit} {}, the most it takes", many.as_str())]
    Busy {
        /// `this gateway`, or the server in words.
        what: String,
        /// Of what there are so many.
        many: Many,
        /// The limit met.
        limit: usize,
    },
    /// Its arguments are not what the tool's schema asks for, and the settings have that checked.
    #[error("the arguments do not fit the schema: {}", faults.join("; "))]
    BadArguments {
        /// Whose tool it is.
        server: ServerId,
        /// What is wrong, place by place.
        faults: Vec<String>,
    },
    /// The answer cannot be passed on: too long or not JSON-RPC.
    #[error("server `{server}` gave an answer that cannot be used: {reason}")]
    BadAnswer {
        /// Whose tool it is.
        server: ServerId,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The server is elsewhere and said no before it was about the call.
    #[error("server `{server}` {no}")]
    Refused {
        /// Whose tool it is.
        server: ServerId,
        /// How it said so.
        no: HttpRefusal,
    },
    /// A delegated caller met one of its limits.
    #[error("rate limit reached")]
    RateLimited {
        /// When to come back; `None`: never with this call.
        retry_after: Option<Duration>,
    },
    /// The gateway is going down.
    #[error("the gateway is shutting down")]
    ShuttingDown,
}

/// How a server elsewhere says no to a request.
#[derive(Debug, Clone, Error)]
pub enum HttpRefusal {
    /// It wants no requests for now.
    #[error("wants no requests for {retry_after:?}")]
    Throttled {
        /// When to come back.
        retry_after: Duration,
    },
    /// Any other status that is no success.
    #[error("answered with HTTP status {status}: {reason}")]
    Status {
        /// The status.
        status: u16,
        /// What it said, or what to do about it.
        reason: String,
    },
}

impl HttpRefusal {
    fn fate(&self) -> Fate {
        match self {
            Self::Throttled { .. } => Fate::NotSent,
            // The statuses up to 499 mean that the request was refused, not carried out.
            Self::Status { status, .. } if *status < 500 => Fate::NotSent,
            Self::Status { .. } => Fate::OutcomeUnknown,
        }
    }
}

impl CallError {
    /// What is known of the call's effect.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Unknown { .. }
            | Self::Unavailable { .. }
            | Self::Busy { .. }
            | Self::BadArguments { .. }
            | Self::RateLimited { .. }
            | Self::ShuttingDown
            | Self::Lost { sent: false, .. }
            | Self::DeadlineExceeded { sent: false, .. } => Fate::NotSent,
            Self::Lost { sent: true, .. } | Self::DeadlineExceeded { sent: true, .. } => {
                Fate::OutcomeUnknown
            }
            Self::Refused { no, .. } => no.fate(),
            Self::BadAnswer { .. } => Fate::Completed,
        }
    }

    /// The server concerned, where there is one.
    pub fn server(&self) -> Option<&ServerId> {
        match self {
            Self::Unavailable { server, .. }
            | Self::Lost { server, .. }
            | Self::DeadlineExceeded { server, .. }
            | Self::Refused { server, .. }
            | Self::BadArguments { server, .. }
            | Self::BadAnswer { server, .. } => Some(server),
            Self::Unknown { .. }
            | Self::Busy { .. }
            | Self::RateLimited { .. }
            | Self::ShuttingDown => None,
        }
    }

    /// How the server ended, where that is the reason.
    pub fn downfall(&self) -> Option<&Arc<Downfall>> {
        match self {
            Self::Unavailable { outage, .. } => outage.downfall.as_ref(),
            Self::Lost { downfall, .. } => Some(downfall),
            Self::Unknown { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Busy { .. }
            | Self::BadArguments { .. }
            | Self::BadAnswer { .. }
            | Self::Refused { .. }
            | Self::RateLimited { .. }
            | Self::ShuttingDown => None,
        }
    }

    /// When trying again makes sense, where that is known.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Unavailable { outage, .. } => {
                outage.next_try.map(|at| at.saturating_duration_since(now))
            }
            Self::RateLimited { retry_after } => *retry_after,
            Self::Refused { no: HttpRefusal::Throttled { retry_after }, .. } => Some(*retry_after),
            Self::Busy { many: Many::Calls, .. } => Some(Duration::from_millis(100)),
            Self::Busy { many: Many::Instances, .. } => Some(Duration::from_secs(1)),
            Self::Lost { .. } => Some(Duration::from_millis(500)),
            Self::Unknown { .. }
            | Self::DeadlineExceeded { .. }
            | Self::BadArguments { .. }
            | Self::BadAnswer { .. }
            | Self::Refused { no: HttpRefusal::Status { .. }, .. }
            | Self::ShuttingDown => None,
        }
    }

    /// A stable word for error data, logs and docs/errors.md.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unknown { candidates, .. } if !candidates.is_empty() => "ambiguous_address",
            Self::Unknown { kind, .. } => match kind {
                CallKind::Tool => "unknown_tool",
                CallKind::Prompt | CallKind::PromptArgument => "unknown_prompt",
                CallKind::Resource | CallKind::TemplateVariable => "unknown_resource",
                CallKind::Task(_) => "unknown_task",
                CallKind::Extension | CallKind::Notice => "unknown_method",
            },
            Self::Unavailable { .. } => "server_unavailable",
            Self::Lost { .. } => "connection_lost",
            Self::DeadlineExceeded { .. } => "timeout",
            Self::Busy { .. } => "overloaded",
            Self::BadArguments { .. } => "invalid_arguments",
            Self::BadAnswer { .. } => "bad_answer",
            Self::Refused { no: HttpRefusal::Throttled { .. }, .. } => "server_throttled",
            Self::Refused { no: HttpRefusal::Status { .. }, .. } => "http_status",
            Self::RateLimited { .. } => "rate_limited",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// Why a server takes no calls right now.
#[derive(Debug, Clone)]
pub struct Outage {
    /// What it is doing instead.
    pub state: ServerState,
    /// How its last life ended, if it had one.
    pub downfall: Option<Arc<Downfall>>,
    /// When it is started again, if that is decided.
    pub next_try: Option<Instant>,
    /// Whether it is stopped only to be there again: for a restart, or until it is needed.
    pub returning: bool,
}

impl Outage {
    /// Whether a call may wait for the server to come up.
    pub fn is_coming(&self) -> bool {
        self.state.is_coming() || (self.state == ServerState::Draining && self.returning)
    }
}

impl std::fmt::Display for Outage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.downfall {
            Some(downfall) => write!(f, "it is {} after it {downfall}", self.state.as_str()),
            None => write!(f, "it is {}", self.state.as_str()),
        }
    }
}

/// What a server is doing, in the words of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerState {
    /// Not running, and nobody is about to start it.
    Stopped,
    /// Its process is being started or has not finished the handshake.
    Starting,
    /// Takes calls.
    Running,
    /// Takes calls, but misses heartbeats.
    Degraded,
    /// Down, and will be started after a wait.
    Backoff,
    /// Down after too many restarts; tried again only now and then.
    Failed,
    /// Takes no new calls and is about to stop.
    Draining,
}

impl ServerState {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Draining => "draining",
        }
    }

    /// Whether calls are taken.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Degraded)
    }

    /// Whether a call may wait for it to come up.
    pub fn is_coming(self) -> bool {
        matches!(self, Self::Starting | Self::Backoff)
    }
}
