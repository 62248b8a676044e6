//! This file limits what a child, and all that it starts, may take of the machine.
//!
//! The limits are set just after the start, since nothing of ours runs between fork and exec. What
//! the program has started by then is found and limited as well; all else inherits them.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use conductor_config::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tokio::time::sleep;
use tracing::debug;

use super::census::{children, children_of_first_thread, start_of};
use super::group::pid;

/// Files that a child may have open where nothing is said, unless it raises that itself: what
/// programs expect, rather than our own limit, which may be large.
const FILES: u64 = 1024;
/// Between the signal that processor time is used up and the one that ends the process.
const CPU_GRACE: u64 = 5;
/// When it is looked again at what a child has started: who is being started in the moment of a
/// look has the old limits and is not there to be seen.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(2), Duration::from_millis(20), Duration::from_millis(200)];

/// Sets `limits` for `child`, which started at `start`, and for everyone below it.
pub(super) fn limit(child: u32, start: u64, limits: &Limits) {
    let settings = settings(limits, |resource| getrlimit(resource).maximum);
    let mut limited = BTreeSet::new();
    // It may have been running for a while if the processors are busy.
    set_for_all(child, &settings, &mut limited, children);
    tokio::spawn(async move {
        for wait in LOOKS {
            sleep(wait).await;
            if start_of(child) != Some(start) {
                return;
            }
            // What other threads start has the limits already: they are younger than these.
            set_for_all(child, &settings, &mut limited, children_of_first_thread);
        }
    });
}

/// Sets what is not set yet for `child` and everyone that is below it by `children_of`.
fn set_for_all(
    child: u32,
    settings: &[(Resource, Rlimit)],
    limited: &mut BTreeSet<u32>,
    children_of: fn(u32) -> io::Result<Vec<u32>>,
) {
    let mut found = vec![child];
    while let Some(one) = found.pop() {
        if limited.insert(one) {
            set(one, settings);
        }
        found.extend(children_of(one).unwrap_or_default());
    }
}

fn set(process: u32, settings: &[(Resource, Rlimit)]) {
    for (resource, limit) in settings {
        if let Err(error) = prlimit(pid(process), *resource, *limit) {
            // A program that changed its user is not ours to limit; one that has ended needs none.
            debug!(pid = process, ?resource, %error, "limit not set");
        }
    }
}

/// What is to be set. `most` is what the daemon itself may have at most, none being no limit:
/// nobody can be given more.
fn settings(limits: &Limits, most: impl Fn(Resource) -> Option<u64>) -> Vec<(Resource, Rlimit)> {
    let within = |resource, wanted: u64| most(resource).map_or(wanted, |most| wanted.min(most));
    let fixed = |resource, wanted| {
        let limit = Some(within(resource, wanted));
        (resource, Rlimit { current: limit, maximum: limit })
    };
    let files = limits.open_files.map(|files| fixed(Resource::Nofile, files));
    let files = files.unwrap_or_else(|| {
        let current = Some(within(Resource::Nofile, FILES));
        (Resource::Nofile, Rlimit { current, maximum: most(Resource::Nofile) })
    });
    let mut settings = vec![fixed(Resource::Core, limits.core_file), files];
    settings.extend(limits.processes.map(|processes| fixed(Resource::Nproc, processes)));
    settings.extend(limits.address_space.map(|bytes| fixed(Resource::As, bytes)));
    settings.extend(limits.cpu_time.map(|time| {
        let seconds = time.saturating_add(Duration::from_millis(999)).as_secs();
        let current = Some(within(Resource::Cpu, seconds));
        let maximum = Some(within(Resource::Cpu, seconds + CPU_GRACE));
        (Resource::Cpu, Rlimit { current, maximum })
    }));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is set where the daemon may have `most` of everything, as `resource current/maximum`.
    #[track_caller]
    fn check(limits: Limits, most: Option<u64>, expected: &str) {
        let shown = |limit: Option<u64>| limit.map_or("-".to_owned(), |limit| limit.to_string());
        let told: Vec<String> = settings(&limits, |_| most)
            .into_iter()
            .map(|(resource, Rlimit { current, maximum })| {
                format!("{resource:?} {}/{}", shown(current), shown(maximum))
            })
            .collect();
        assert_eq!(told.join(", "), expected, "{limits:?}");
    }

    #[test]
    fn core_files_are_off_and_open_files_as_programs_expect_where_nothing_is_said() {
        check(Limits::default(), None, "Core 0/0, Nofile 1024/-");
        check(Limits::default(), Some(4096), "Core 0/0, Nofile 1024/4096");
        check(Limits::default(), Some(256), "Core 0/0, Nofile 256/256");
    }

    #[test]
    fn what_is_said_cannot_be_raised_again() {
        let limits = Limits {
            open_files: Some(99),
            processes: Some(50),
            address_space: Some(1 << 30),
            cpu_time: None,
            core_file: 1 << 20,
        };
        let expected = "Core 1048576/1048576, Nofile 99/99, Nproc 50/50, As 1073741824/1073741824";
        check(limits, None, expected);
    }

    #[test]
    fn nobody_is_given_more_than_the_daemon_has() {
        let limits = Limits { open_files: Some(99), processes: Some(7), ..Limits::default() };
        check(limits, Some(20), "Core 0/0, Nofile 20/20, Nproc 7/7");
    }

    #[test]
    fn processor_time_is_counted_in_seconds_and_a_program_may_react() {
        for (millis, expected) in [(1000, "1/6"), (1001, "2/7"), (90_000, "90/95")] {
            let cpu_time = Some(Duration::from_millis(millis));
            let limits = Limits { cpu_time, ..Limits::default() };
            check(limits, None, &format!("Core 0/0, Nofile 1024/-, Cpu {expected}"));
        }
    }
}
