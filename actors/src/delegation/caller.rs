//! On whose behalf a call is made.
//! Whether it may be made is decided by the actor, which hands out an admission.

use std::fmt::{self, Display};
use std::sync::Arc;

use super::Grant;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// An agent on this machine, through one of the doors.
    Local(LocalCaller),
    /// An agent sent by another organisation, whose delegation was checked.
    Delegated(Grant),
}

/// A caller that needs no delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCaller {
    label: Arc<str>,
    /// The user it runs as, if that is known to be another than our own.
    user: Option<u32>,
}

impl LocalCaller {
    /// A local caller that log lines show as `label`.
    pub fn new(label: impl Into<Arc<str>>) -> Self {
        Self { label: label.into(), user: None }
    }

    /// The same for one that runs as another user than this program: the one of this number.
    #[must_use]
    pub fn of_user(self, uid: u32) -> Self {
        Self { user: Some(uid), ..self }
    }

    /// That user.
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }
}

impl Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(caller) => f.write_str(&caller.label),
            Self::Delegated(grant) => write!(f, "delegator {}", grant.delegator()),
        }
    }
}
