//! This file tests what becomes of children when the daemon, its guard or both are killed.
//!
//! The test program itself plays daemon and guard: two of the tests below are not tests but those
//! roles, and do nothing unless they are asked for by name.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use conductor_config::Limits;
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::census::{self, Seen};
use super::group::pid;
use super::guard::GuardProgram;
use super::nursery::Nursery;
use super::record::{Record, RecordFile};
use super::run::Run;
use super::tests::{alive, shell, until};

const LIMIT: Duration = Duration::from_secs(10);
/// Names the state directory of the daemon that is played.
const STATE: &str = "CONDUCTOR_TEST_STATE";
/// Ignores what a program can ignore, and so do those it starts: one in its group, one in a
/// session of its own, one there with nothing in its environment. Each tells its number.
const STUBBORN: &str = "trap '' TERM HUP INT; \
    sh -c 'echo $$; while :; do sleep 1000; done' & \
    setsid sh -c 'echo $$; while :; do sleep 1000; done' & \
    setsid env -i PATH=\"$PATH\" sh -c 'echo $$; while :; do sleep 1000; done' & \
    echo $$; while :; do sleep 1000; done";
/// How many processes tell their number.
const TOLD: usize = 4;

pub(super) fn role(name: &str) -> Vec<String> {
    let test = format!("process::{name}");
    [test.as_str(), "--exact", "--ignored", "--nocapture"].map(str::to_owned).to_vec()
}

pub(super) fn guard_program() -> GuardProgram {
    GuardProgram { program: "/proc/self/exe".into(), args: role("tests_guard::plays_the_guard") }
}

#[test]
#[ignore = "a role in other tests"]
fn plays_the_guard() {
    super::guard_main().unwrap();
}

/// Starts as many stubborn servers as its input says, tells their numbers, and lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a role in other tests"]
async fn plays_the_daemon() {
    let Ok(state) = std::env::var(STATE) else { return };
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let nursery = Nursery::open_with(Path::new(&state), environment, Some(guard_program()), true);
    let nursery = nursery.await.unwrap();
    let mut count = String::new();
    BufReader::new(tokio::io::stdin()).read_line(&mut count).await.unwrap();
    let mut children = Vec::new();
    for _ in 0..count.trim().parse().unwrap() {
        let (process, pipes) = nursery.spawn(&shell(STUBBORN), &Limits::default()).unwrap();
        let mut lines = BufReader::new(pipes.stdout).lines();
        for _ in 0..TOLD {
            println!("started {}", lines.next_line().await.unwrap().unwrap());
        }
        children.push((process, pipes.stdin, pipes.stderr, lines));
    }
    println!("ready");
    std::future::pending::<()>().await;
}

/// A daemon that is played.
struct Daemon {
    child: Child,
    state: TempDir,
    /// Everything that it started, but not its guard.
    started: Vec<Seen>,
}

impl Daemon {
    async fn start(servers: usize) -> Self {
        let state = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the daemon itself is no child of a server")]
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(role("tests_guard::plays_the_daemon")).env(STATE, state.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, format!("{servers}\n").as_bytes())
            .await
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut started = Vec::new();
        loop {
            let line = timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
            if line == "ready" {
                break;
            }
            if let Some((_, pid)) = line.split_once("started ") {
                started.push(census::look(pid.parse().unwrap()).unwrap());
            }
        }
        assert_eq!(started.len(), servers * TOLD);
        Self { child, state, started }
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    fn guards(&self) -> Vec<u32> {
        let me = self.pid();
        let is_guard = |seen: &Seen| {
            let command = std::fs::read_to_string(format!("/proc/{}/cmdline", seen.pid));
            let is_one = command.is_ok_and(|command| command.contains("plays_the_guard"));
            seen.parent == me && !seen.is_dead && is_one
        };
        census::all().unwrap().iter().filter(|seen| is_guard(seen)).map(|seen| seen.pid).collect()
    }

    /// How many of those it started are left.
    fn left(&self) -> usize {
        let same = |seen: &&Seen| alive(seen.pid).is_some_and(|now| now.start == seen.start);
        self.started.iter().filter(same).count()
    }

    async fn guard(&self) -> u32 {
        until(LIMIT, || async { !self.guards().is_empty() }).await.unwrap();
        self.guards()[0]
    }

    /// Waits until the record on disk names as many groups.
    async fn recorded(&self, groups: usize) {
        let file = RecordFile::within(self.state.path());
        let is_written = || file.read().unwrap().is_some_and(|it| it.groups.len() == groups);
        until(LIMIT, || async { is_written() }).await.unwrap();
    }
}

fn kill(number: u32) {
    kill_process(pid(number).unwrap(), Signal::KILL).unwrap();
}

async fn check_gone(limit: Duration, left: impl Fn() -> usize) {
    let took = until(limit, || async { left() == 0 }).await;
    println!("all gone after {took:?}");
    assert!(took.is_some(), "{} left after {limit:?}", left());
}

fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let future = timeout(LIMIT, future);
    async { future.await.unwrap() }
}

#[tokio::test]
async fn nothing_outlives_a_killed_daemon() {
    let daemon = Daemon::start(20).await;
    daemon.recorded(20).await;
    let guard = daemon.guard().await;
    let status = std::fs::read_to_string(format!("/proc/{guard}/status")).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    println!("{} processes, guard of {memory}", daemon.left());
    kill(daemon.pid());
    check_gone(Duration::from_secs(2), || daemon.left()).await;
    check_gone(LIMIT, || usize::from(alive(guard).is_some())).await;
}

#[tokio::test]
async fn a_guard_that_is_killed_is_replaced_and_the_new_one_knows_everything() {
    let daemon = Daemon::start(2).await;
    let first = daemon.guard().await;
    kill(first);
    let is_replaced = || daemon.guards().iter().any(|guard| *guard != first);
    until(LIMIT, || async { is_replaced() }).await.unwrap();
    kill(daemon.pid());
    check_gone(Duration::from_secs(2), || daemon.left()).await;
}

#[tokio::test]
async fn the_next_start_ends_what_a_daemon_killed_with_its_guard_has_left() {
    let daemon = Daemon::start(3).await;
    daemon.recorded(3).await;
    kill(daemon.guard().await);
    kill(daemon.pid());
    assert!(daemon.left() >= 12, "{} left", daemon.left());
    let bystander = bystander(&daemon, true);
    let environment = std::env::vars().collect();
    let next =
        soon(Nursery::open_with(daemon.state.path(), environment, None, false)).await.unwrap();
    // The one with an empty environment whose parent is gone can be known by nothing.
    check_gone(LIMIT, || daemon.left()).await;
    assert!(alive(bystander.id().unwrap()).is_some(), "a bystander was hit");
    next.close().await;
    assert!(RecordFile::within(daemon.state.path()).read().unwrap().is_none());
}

/// A process of somebody else; `is_recorded` writes its number down as that of a group of the
/// daemon's with another start time, as if the number had been given again.
fn bystander(daemon: &Daemon, is_recorded: bool) -> Child {
    #[expect(clippy::disallowed_methods, reason = "somebody else's process")]
    let mut command = Command::new("sleep");
    command.arg("1000").process_group(0).kill_on_drop(true);
    let child = command.spawn().unwrap();
    if is_recorded {
        let file = RecordFile::within(daemon.state.path());
        let mut record = file.read().unwrap().unwrap();
        let start = census::start_of(child.id().unwrap()).unwrap();
        record.groups.insert(child.id().unwrap(), start - 1);
        file.write(&record).unwrap();
    }
    child
}

#[tokio::test]
async fn a_record_of_another_start_of_the_machine_or_of_nothing_harms_nobody() {
    let state = tempfile::tempdir().unwrap();
    let file = RecordFile::within(state.path());
    #[expect(clippy::disallowed_methods, reason = "somebody else's process")]
    let mut child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let number = child.id().unwrap();
    let record = Record {
        containers: BTreeMap::new(),
        cells: None,
        boot: "another".to_owned(),
        run: Run::draw().unwrap(),
        since: 0,
        groups: BTreeMap::from([(number, census::start_of(number).unwrap())]),
    };
    file.write(&record).unwrap();
    for garbage in [None, Some("{}"), Some(""), Some("\0")] {
        if let Some(garbage) = garbage {
            crate::store::write_private(&state.path().join("processes.json"), garbage.as_bytes())
                .unwrap();
        }
        let next = Nursery::open_with(state.path(), BTreeMap::new(), None, false).await.unwrap();
        drop(next);
        assert!(alive(number).is_some(), "hit after {garbage:?}");
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_closed_nursery_leaves_neither_processes_nor_guard_nor_record() {
    let state = tempfile::tempdir().unwrap();
    let environment = std::env::vars().collect();
    let nursery = Nursery::open_with(state.path(), environment, Some(guard_program()), false);
    let nursery = soon(nursery).await.unwrap();
    let (process, mut pipes) =
        nursery.spawn(&shell("echo; exec sleep 1000"), &Limits::default()).unwrap();
    pipes.stdout.read_exact(&mut [0]).await.unwrap();
    process.kill();
    soon(nursery.close()).await;
    assert!(*process.gone.borrow());
    assert!(RecordFile::within(state.path()).read().unwrap().is_none());
}
