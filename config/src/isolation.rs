//! This file says and reads who shares a process of a server.
//! It does not hold the defaults, nor start a process.

use std::{fmt, ops::RangeInclusive, time::Duration};

use crate::{
    keys::INSTANCES,
    reader::Table,
    spec::{Choice, choice},
    tuning::TIME,
};

/// Each is a process.
const INSTANCES_MAX: RangeInclusive<u64> = 1..=10_000;

choice! {
    /// Who shares a process of a server, or a session with a remote one.
    Isolation {
        /// All callers.
        Shared = "shared",
        /// The calls of one session of a client.
        PerSession = "perSession",
        /// Nobody: each call has its own.
        PerCall = "perCall",
    }
}

/// How many instances a server that is not shared may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instances {
    /// At one time, beside the one that its lists are read from; at least 1.
    pub max: usize,
    /// One that is not used for this long is ended; never zero.
    pub idle: Duration,
}

impl Instances {
    /// What stands in until a value has been read.
    pub(crate) const UNREAD: Self = Self { max: 0, idle: Duration::ZERO };
}

/// What `instances` says, and `base` where it says nothing.
pub(crate) fn instances(table: &Table<'_>, base: Instances) -> Instances {
    let Some(table) = table.table("instances", INSTANCES) else { return base };
    Instances {
        max: table.count("max", INSTANCES_MAX).unwrap_or(base.max),
        idle: table.duration("idle", TIME).unwrap_or(base.idle),
    }
}
