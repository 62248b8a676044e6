//! This file says and reads what a server may take of the machine.
//! It does not hold the defaults, nor hold anybody to a limit.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    keys::{LIMITS, RESTART_ABOVE},
    reader::Table,
    tuning::TIME,
};

/// Enough for three pipes and what any program opens to start.
const FILES: RangeInclusive<u64> = 16..=1 << 30;
const PROCESSES: RangeInclusive<u64> = 1..=1 << 22;
/// No program starts in less.
const MEMORY: RangeInclusive<u64> = 1 << 20..=1 << 40;
const ANY_SIZE: RangeInclusive<u64> = 0..=1 << 40;
/// Up to a thousand processors.
const PERCENT: RangeInclusive<u64> = 1..=100_000;
const SECONDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// What the system refuses to each process of a server beyond; none leaves it as the daemon's own
/// limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Open files, at least 16; none means 1,024 that the program may raise itself.
    pub open_files: Option<u64>,
    /// Processes and threads of the daemon's user, at least 1.
    pub processes: Option<u64>,
    /// Bytes of address space, at least 1 MiB.
    pub address_space: Option<u64>,
    /// Processor time, from a second to a day.
    pub cpu_time: Option<Duration>,
    /// Bytes of a core file; 0 means that none is written.
    pub core_file: u64,
}

/// How much a server may use before it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartAbove {
    /// Resident bytes of all its processes, at least 1 MiB; none means any amount.
    pub memory: Option<u64>,
    /// Processor time of all its processes, in hundredths of one processor: 150 is one and a half. At
    /// least 1; none means any amount.
    pub cpu: Option<u64>,
    /// For how long without a break; never zero.
    pub lasting: Duration,
}

impl RestartAbove {
    /// What stands in until a value has been read.
    pub(crate) const UNREAD: Self = Self { memory: None, cpu: None, lasting: Duration::ZERO };
}

/// What `limits` says, and `base` where it says nothing.
pub(crate) fn limits(table: &Table<'_>, base: Limits) -> Limits {
    let Some(table) = table.table("limits", LIMITS) else { return base };
    let count = |key, range| table.unless_off(key, |node| node.count(range));
    Limits {
        open_files: count("openFiles", FILES).unwrap_or(base.open_files),
        processes: count("processes", PROCESSES).unwrap_or(base.processes),
        address_space: table
            .unless_off("addressSpace", |node| node.size(MEMORY))
            .unwrap_or(base.address_space),
        cpu_time: table
            .unless_off("cpuTime", |node| node.duration(SECONDS))
            .unwrap_or(base.cpu_time),
        core_file: table.size("coreFile", ANY_SIZE).unwrap_or(base.core_file),
    }
}

/// What `restartAbove` says, and `base` where it says nothing.
pub(crate) fn restart_above(table: &Table<'_>, base: RestartAbove) -> RestartAbove {
    let Some(table) = table.table("restartAbove", RESTART_ABOVE) else { return base };
    RestartAbove {
        memory: table.unless_off("memory", |node| node.size(MEMORY)).unwrap_or(base.memory),
        cpu: table.unless_off("cpu", |node| node.count(PERCENT)).unwrap_or(base.cpu),
        lasting: table.duration("for", TIME).unwrap_or(base.lasting),
    }
}
