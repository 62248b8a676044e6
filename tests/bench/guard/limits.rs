//! This file is what one call may take of the daemon's processor and of the kernel.
//! It leaves counting to `guard.rs`.

use crate::work::Work;

/// Through which door, in which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// HTTP, 2025-11-25.
    Old,
    /// HTTP, 2026-07-28.
    New,
    /// The Unix socket, 2025-11-25.
    Unix,
}

/// One kind of call, and what it may take.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) door: Door,
    work: fn() -> Work,
    /// Calls of which the mean is taken.
    pub(super) calls: u32,
    /// Whether instructions are told for each byte of the answer.
    pub(super) by_byte: bool,
    /// Instructions of the daemon itself outside the kernel, a call or a byte.
    pub(super) instructions: f64,
    /// System calls of the daemon, a call.
    pub(super) system_calls: f64,
}

impl Case {
    pub(super) fn work(&self) -> Work {
        (self.work)()
    }
}

/// The limits. `conductor-bench guard --print` says what is counted now. Four runs differed by
/// less than 1 % in instructions, so 2 to 3 % of room are enough, and less than one more pass over a message
/// takes. System calls move more where one side may be a little late: over the Unix socket by one, with a
/// large answer by a tenth, as pipes give it in pieces; thirty of its calls are `sched_yield` of the thread
/// that reads it, so that small calls need not wait.
pub(super) const CASES: [Case; 6] = [
    case("echo, HTTP 2025-11-25", Door::Old, small, 400, (65_800.0, 6.2)),
    case("echo, HTTP 2026-07-28", Door::New, small, 400, (63_500.0, 6.2)),
    case("echo, Unix socket", Door::Unix, small, 400, (40_400.0, 7.3)),
    case("10 kB structured", Door::New, rows_10_kb, 200, (210_000.0, 6.8)),
    by_byte(case("1 MB structured", Door::New, rows_1_mb, 8, (13.7, 56.0))),
    case("list of 200 tools", Door::New, list, 100, (105_900.0, 3.2)),
];

const fn case(
    what: &'static str,
    door: Door,
    work: fn() -> Work,
    calls: u32,
    (instructions, system_calls): (f64, f64),
) -> Case {
    Case { what, door, work, calls, by_byte: false, instructions, system_calls }
}

const fn by_byte(case: Case) -> Case {
    Case { by_byte: true, ..case }
}

fn small() -> Work {
    Work::Echo { bytes: 100 }
}

fn rows_10_kb() -> Work {
    Work::Rows { bytes: 10_000 }
}

fn rows_1_mb() -> Work {
    Work::Rows { bytes: 1_000_000 }
}

fn list() -> Work {
    Work::list(super::TOOLS)
}

/// What a figure is to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Above,
    /// Less than half of it.
    FarBelow,
}

pub(super) fn judged(found: f64, limit: f64) -> Verdict {
    match found {
        found if found > limit => Verdict::Above,
        found if found < limit / 2.0 => Verdict::FarBelow,
        _ => Verdict::Holds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_from_its_half_to_itself() {
        for (found, expected) in [
            (49.9, Verdict::FarBelow),
            (50.0, Verdict::Holds),
            (100.0, Verdict::Holds),
            (100.1, Verdict::Above),
        ] {
            assert_eq!(judged(found, 100.0), expected, "{found}");
        }
    }
}
