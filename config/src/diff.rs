//! This file compares two sets of servers and says what a change means for each.
//! It does not carry the change out.

use std::{collections::BTreeMap, sync::Arc};

use crate::{ServerId, ServerSpec, Transport};

/// What a change of settings means for one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It was not there.
    Add,
    /// It is to go.
    Remove,
    /// It is reached or spoken to in another way: drain the old one, start a new one.
    Restart,
    /// Limits, waits, filters or texts differ: the process stays.
    Retune,
    /// Nothing differs.
    Keep,
}

impl Change {
    /// The word for it in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Restart => "restart",
            Self::Retune => "retune",
            Self::Keep => "keep",
        }
    }
}

/// What becomes of every server named on either side. A disabled server counts as one
/// that is not there; one that is disabled on both sides is left out.
#[must_use]
pub fn compare(
    old: &BTreeMap<ServerId, Arc<ServerSpec>>,
    new: &BTreeMap<ServerId, Arc<ServerSpec>>,
) -> BTreeMap<ServerId, Change> {
    let ids = old.keys().chain(new.keys());
    ids.filter_map(|id| {
        let wanted = |servers: &BTreeMap<ServerId, Arc<ServerSpec>>| {
            servers.get(id).filter(|spec| spec.enabled).cloned()
        };
        let change = match (wanted(old), wanted(new)) {
            (None, None) => return None,
            (None, Some(_)) => Change::Add,
            (Some(_), None) => Change::Remove,
            (Some(old), Some(new)) => change(&old, &new),
        };
        Some((id.clone(), change))
    })
    .collect()
}

/// What it takes to get from one spec of a server to another.
#[must_use]
pub fn change(old: &ServerSpec, new: &ServerSpec) -> Change {
    let launch = |spec: &ServerSpec| {
        let limits = matches!(spec.transport, Transport::Stdio(_)).then_some(spec.limits);
        let spoken = (spec.protocol, spec.max_line, spec.isolation);
        (spec.id.clone(), spec.transport.clone(), spoken, limits)
    };
    if launch(old) != launch(new) {
        Change::Restart
    } else if old != new {
        Change::Retune
    } else {
        Change::Keep
    }
}
