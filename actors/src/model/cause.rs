//! This file names the reasons for which a server's life ends.
//!
//! It leaves deciding what follows to the supervisor, and wording for agents to the doors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::credentials::Secrets;

/// Why one life of a server ended, or never began.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Cause {
    /// The process ended by itself.
    #[error("exited with code {0}")]
    Exited(i32),
    /// A signal ended the process.
    #[error("was killed by signal {0}")]
    Signalled(i32),
    /// The program could not be started at all; trying again soon will not help.
    #[error("could not be started: {0}")]
    Spawn(Arc<str>),
    /// The program could not be started just now, for want of descriptors, processes or memory.
    #[error("could not be started for now: {0}")]
    Shortage(Arc<str>),
    /// It ran, but did not open a session.
    #[error("did not complete the MCP handshake: {0}")]
    Handshake(Arc<str>),
    /// It ran, but was not ready in time.
    #[error("was not ready within {0:?}")]
    StartTimeout(Duration),
    /// It closed its output and lived on.
    #[error("closed its output")]
    OutputClosed,
    /// It closed its input, or stopped reading it.
    #[error("does not read its input")]
    InputStuck,
    /// It wrote a line without an end, or several that were too long.
    #[error("wrote a line of more than {0} bytes")]
    EndlessLine(u64),
    /// It answered no heartbeat.
    #[error("answered no heartbeat for {0:?}")]
    Silent(Duration),
    /// The part of this program that looked after it failed.
    #[error("its actor failed: {0}")]
    Actor(Arc<str>),
    /// There is no way to it over the network, or its way broke.
    #[error("could not be reached: {0}")]
    Unreachable(Arc<str>),
    /// It does not let us in; trying again soon will not help.
    #[error("refused access: {0}")]
    Denied(Arc<str>),
    /// It wants no requests for a while.
    #[error("wants no requests for {0:?}")]
    Throttled(Duration),
    /// Its processes used more memory than its settings allow, for longer than they allow.
    #[error("used {} MiB of memory, more than the {} MiB it may", mebibytes(.used), mebibytes(.limit))]
    MemoryExceeded {
        /// Resident bytes of all its processes.
        used: u64,
        /// `restartAbove.memory`, in bytes.
        limit: u64,
    },
    /// Its processes kept processors busier than its settings allow, for longer than they allow.
    #[error("used {used} % of a processor, more than the {limit} % it may")]
    CpuExceeded {
        /// Of all its processes, in hundredths of one processor.
        used: u64,
        /// `restartAbove.cpu`.
        limit: u64,
    },
    /// It was asked to go: stop, restart or new settings.
    #[error("was stopped on request")]
    Asked,
}

impl Cause {
    /// A stable word for logs, statuses and error data.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exited(_) => "exited",
            Self::Signalled(_) => "signalled",
            Self::Spawn(_) => "spawn_failed",
            Self::Handshake(_) => "handshake_failed",
            Self::StartTimeout(_) => "start_timeout",
            Self::OutputClosed => "output_closed",
            Self::InputStuck => "input_stuck",
            Self::EndlessLine(_) => "endless_line",
            Self::Silent(_) => "heartbeat_lost",
            Self::Actor(_) => "actor_failed",
            Self::Shortage(_) => "out_of_resources",
            Self::Unreachable(_) => "unreachable",
            Self::Denied(_) => "access_denied",
            Self::Throttled(_) => "throttled",
            Self::MemoryExceeded { .. } => "memory_exceeded",
            Self::CpuExceeded { .. } => "cpu_exceeded",
            Self::Asked => "stopped",
        }
    }
}

impl Cause {
    /// The same without anything of `secrets` in words that are not ours.
    fn without(&self, secrets: &Secrets) -> Self {
        let blotted = |text: &Arc<str>| Arc::from(&*secrets.blotted(text));
        match self {
            Self::Spawn(text) => Self::Spawn(blotted(text)),
            Self::Shortage(text) => Self::Shortage(blotted(text)),
            Self::Handshake(text) => Self::Handshake(blotted(text)),
            Self::Actor(text) => Self::Actor(blotted(text)),
            Self::Unreachable(text) => Self::Unreachable(blotted(text)),
            Self::Denied(text) => Self::Denied(blotted(text)),
            own => own.clone(),
        }
    }
}

/// In whole mebibytes, none being made smaller than it is.
fn mebibytes(bytes: &u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

/// The end of one life: the cause, and the last words the server left on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downfall {
    /// Why.
    pub cause: Cause,
    /// Up to 20 lines of stderr, oldest first.
    pub stderr_tail: Vec<Arc<str>>,
}

impl Downfall {
    /// An end of which stderr tells nothing.
    pub fn silent(cause: Cause) -> Arc<Self> {
        Arc::new(Self { cause, stderr_tail: Vec::new() })
    }

    /// The same without anything of `secrets` in the words of the server.
    pub(crate) fn without(&self, secrets: &Secrets) -> Arc<Self> {
        let tail = self.stderr_tail.iter().map(|line| Arc::from(&*secrets.blotted(line)));
        Arc::new(Self { cause: self.cause.without(secrets), stderr_tail: tail.collect() })
    }
}

impl fmt::Display for Downfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}
