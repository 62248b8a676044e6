//! This file kills and starts children a thousand times and counts what is left.
//!
//! It does so in a process of its own, which adopts orphans as the daemon does.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use conductor_config::Limits;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::Instant;

use super::census;
use super::nursery::Nursery;
use super::run::Mark;
use super::tests::{shell, until};
use super::tests_guard::{guard_program, role};

const CYCLES: usize = 1000;
/// Children at a time.
const LANES: usize = 8;
const LIMIT: Duration = Duration::from_secs(10);
/// One in the same group, one in another session, one that its parent has left.
const FAMILY: &str = "sleep 1000 & setsid sleep 1000 & setsid sh -c 'sleep 1000 & exit' & \
    echo $CONDUCTOR_RUN; wait";

#[tokio::test]
async fn a_thousand_lives_leave_nothing_behind() {
    #[expect(clippy::disallowed_methods, reason = "the process that does the counting")]
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(role("tests_cycles::lives_a_thousand_times")).kill_on_drop(true);
    command.stdin(Stdio::null());
    let output = command.output().await.unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What there is of this process's, at one moment.
#[derive(Debug)]
struct Count {
    files: usize,
    /// Children, the guard among them.
    children: usize,
    zombies: usize,
}

impl Count {
    /// Files that are just being looked at come and go.
    fn is_no_more_than(&self, before: &Self) -> bool {
        self.files <= before.files + 2
            && self.children == before.children
            && self.zombies == before.zombies
    }
}

fn count() -> Count {
    let me = std::process::id();
    let seen = census::all().unwrap();
    let children = || seen.iter().filter(|seen| seen.parent == me);
    Count {
        files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        children: children().count(),
        zombies: children().filter(|seen| seen.is_dead).count(),
    }
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a role in another test"]
async fn lives_a_thousand_times() {
    let state = tempfile::tempdir().unwrap();
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let guard = Some(guard_program());
    let nursery = Nursery::open_with(state.path(), environment, guard, true).await.unwrap();
    let run = live_and_die(&nursery, LANES).await;
    // One that died a moment ago is reaped in the next.
    assert!(until(LIMIT, || async { count().zombies == 0 }).await.is_some());
    let (before, memory_before) = (count(), memory());
    let begun = Instant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..LANES {
        let nursery = nursery.clone();
        lanes.spawn(async move { live_and_die(&nursery, CYCLES / LANES).await });
    }
    lanes.join_all().await;
    let took = begun.elapsed();
    let is_flat = until(LIMIT, || async { count().is_no_more_than(&before) }).await;
    let mark = Mark::from(run.as_str());
    let is_marked = |pid| census::carries(pid, &mark) == Some(true);
    let orphans = census::all().unwrap().iter().filter(|seen| is_marked(seen.pid)).count();
    println!("{CYCLES} cycles in {took:?}");
    println!(
        "before {before:?} {memory_before}, after {:?} {}, orphans {orphans}",
        count(),
        memory()
    );
    assert_eq!(orphans, 0);
    assert!(is_flat.is_some(), "{:?} instead of {before:?}", count());
    assert_eq!((before.children, before.zombies), (1, 0));
    nursery.close().await;
    assert!(until(LIMIT, || async { count().children == 0 }).await.is_some());
}

/// Starts and kills a child so many times; returns the name of the run.
async fn live_and_die(nursery: &Nursery, times: usize) -> String {
    let mut mark = String::new();
    for _ in 0..times {
        let (mut process, mut pipes) = nursery.spawn(&shell(FAMILY), &Limits::default()).unwrap();
        let mut line = [0; 33];
        pipes.stdout.read_exact(&mut line).await.unwrap();
        process.kill();
        process.gone.wait_for(|gone| *gone).await.unwrap();
        mark = String::from_utf8(line[..32].to_vec()).unwrap();
    }
    mark
}
