//! This file names the processes that a server has at one time, by whom they run for.
//!
//! It leaves starting and ending them to the supervisor, and bringing calls to them to the router.

use std::fmt;

use conductor_config::{Isolation, ServerId};

use super::Principal;

/// For whom a process of a server runs, or a session with a remote one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Holder {
    /// All callers.
    Everybody,
    /// Nobody: what a server has that is not shared is read there, and no call goes there.
    Nobody,
    /// One session of a client, or one call.
    Guest(u64),
    /// Whoever calls on behalf of this principal and has no session.
    Principal(Principal),
}

impl Holder {
    /// Of the process that a server always has.
    pub(crate) fn of_base(isolation: Isolation) -> Self {
        match isolation {
            Isolation::Shared => Self::Everybody,
            Isolation::PerSession | Isolation::PerCall => Self::Nobody,
        }
    }

    /// Whether it is one of those that come and go with their holders.
    pub(crate) fn is_apart(&self) -> bool {
        matches!(self, Self::Guest(_) | Self::Principal(_))
    }

    /// Whether whoever calls here is one peer, so that it may be asked about any of its calls.
    pub(crate) fn is_one_peer(&self) -> bool {
        matches!(self, Self::Guest(_))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody"),
            Self::Nobody => f.write_str("nobody"),
            Self::Guest(number) => write!(f, "guest {number}"),
            Self::Principal(principal) => principal.fmt(f),
        }
    }
}

/// One of the processes of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceId {
    /// Of which.
    pub(crate) server: ServerId,
    /// For whom.
    pub(crate) holder: Holder,
}

impl InstanceId {
    /// That of `server` for `holder`.
    pub(crate) fn new(server: ServerId, holder: Holder) -> Self {
        Self { server, holder }
    }
}

/// What the router asks of those who run servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// A server that rests is to be started.
    Server(ServerId),
    /// Somebody is to have an instance.
    Instance(InstanceId),
    /// Somebody will need none any more.
    Gone(Holder),
}

/// Tells it to them. Never waits.
pub(crate) type Needs = std::sync::Arc<dyn Fn(Need) + Send + Sync>;
