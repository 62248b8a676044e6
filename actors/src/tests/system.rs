//! The whole system with real children: starts, calls, crashes, new settings, ends.
//! Rules and timing have tests beside them; here the parts work together.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use conductor_config::{ServerSpec, StartMode};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::server::server;
use super::{child, config, id};
use crate::model::{Call, Cause, Scope, ServerState};
use crate::wire::{CallParams, Outcome};
use crate::{Caller, LocalCaller, ServerStatus, StartError, System};

const SECOND: Duration = Duration::from_secs(1);
/// As long as a slow machine may take for anything here.
const LONG: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_millis(100);

/// A server with these habits that is soon given up and soon started again.
fn hasty(name: &str, habits: &[&str]) -> ServerSpec {
    let mut spec = server(name, habits);
    spec.backoff.min = Duration::from_millis(10);
    spec.stop.stdin_grace = SECOND;
    spec.stop.term_grace = SECOND;
    spec
}

struct Stage {
    system: System,
    dir: TempDir,
}

impl Stage {
    async fn start(servers: Vec<ServerSpec>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let system = start(dir.path(), servers).await.unwrap();
        Self { system, dir }
    }

    async fn reload(&self, servers: Vec<ServerSpec>) {
        self.system.reconcile(config(self.dir.path(), servers)).await;
    }

    /// Waits until the status of `server` is as wanted, and returns it.
    async fn until(&self, server: &str, wanted: impl Fn(&ServerStatus) -> bool) -> ServerStatus {
        let mut board = self.system.board();
        let look = async {
            loop {
                match board.current().servers.get(&id(server)) {
                    Some(status) if wanted(status) => return status.clone(),
                    _ => assert!(board.changed().await, "the supervisor is gone"),
                }
            }
        };
        let found = timeout(LONG, look).await;
        found.unwrap_or_else(|_| panic!("{:#?}", self.system.board().current().servers))
    }

    async fn until_up(&self, server: &str) -> ServerStatus {
        self.until(server, |status| status.state == ServerState::Running).await
    }

    /// Makes a call of `do` as `how`; what comes of it in short.
    fn call(&self, name: &str, how: &str) -> JoinHandle<String> {
        let params = format!(r#"{{"name":"{name}","arguments":{{"how":"{how}"}}}}"#);
        let params = Box::new(CallParams::read(Some(&Bytes::from(params))).unwrap());
        let deadline = Some(Instant::now() + LONG);
        let call = Call { deadline, ..Call::new(params) };
        let system = self.system.clone();
        tokio::spawn(async move {
            let scope = Scope::Workspace("default".parse().unwrap());
            let caller = Caller::Local(LocalCaller::new("test"));
            match system.call(&scope, caller, call).await.map(|answer| answer.outcome) {
                Ok(Outcome::Result(raw) | Outcome::Error(raw)) => {
                    String::from_utf8_lossy(&raw).into_owned()
                }
                Err(error) => format!("{}: {}", error.reason(), error.fate().as_str()),
            }
        })
    }

    /// Waits until a call is under way in `server`.
    async fn until_busy(&self, server: &str) {
        let busy = async {
            while self.system.board().current().servers[&id(server)].in_flight() == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, busy).await.unwrap();
    }
}

async fn start(dir: &Path, servers: Vec<ServerSpec>) -> Result<System, StartError> {
    System::start(config(dir, servers), std::env::vars().collect()).await
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn heartbeats_that_tell_nothing_new_are_shown_together() {
    let mut spec = hasty("a", &[]);
    spec.heartbeat.interval = Duration::from_millis(10);
    let stage = Stage::start(vec![spec]).await;
    stage.until_up("a").await;
    let shown = async || {
        let mut board = stage.system.board();
        let (mut times, end) = (0, Instant::now() + 2 * SECOND);
        while let Ok(true) = timeout_at(end, board.changed()).await {
            times += 1;
        }
        times
    };
    let before = std::time::SystemTime::now();
    let times = shown().await;
    assert!((1..=6).contains(&times), "shown {times} times in two seconds");
    stage.until("a", |status| status.last_heartbeat.is_some_and(|at| at > before)).await;
}

#[tokio::test]
async fn without_servers_there_is_nothing_to_call() {
    let stage = Stage::start(Vec::new()).await;
    assert_eq!(stage.call("a.do", "").await.unwrap(), "unknown_tool: not_sent");
    assert!(stage.system.board().current().servers.is_empty());
    stage.system.shutdown(GRACE).await;
    assert_eq!(stage.call("a.do", "").await.unwrap(), "unknown_tool: not_sent");
}

#[tokio::test]
async fn a_state_directory_serves_one_system_at_a_time() {
    let stage = Stage::start(Vec::new()).await;
    let second = start(stage.dir.path(), Vec::new()).await;
    assert!(matches!(second, Err(StartError::StateDir(_))));
    let Stage { system, dir } = stage;
    system.shutdown(GRACE).await;
    drop(system);
    start(dir.path(), Vec::new()).await.unwrap().shutdown(GRACE).await;
}

#[tokio::test]
async fn a_call_made_right_after_the_start_waits_for_its_server() {
    let stage = Stage::start(vec![hasty("a", &[])]).await;
    let answer = stage.call("a.do", "").await.unwrap();
    let pid = stage.until_up("a").await.pid.unwrap();
    assert_eq!(answer, format!(r#"{{"pid":{pid}}}"#));
    assert_eq!(stage.call("a.other", "").await.unwrap(), "unknown_tool: not_sent");
    stage.system.shutdown(GRACE).await;
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_crash_ends_the_call_and_the_next_one_finds_the_next_life() {
    let stage = Stage::start(vec![hasty("a", &[])]).await;
    let pid = stage.until_up("a").await.pid;
    assert_eq!(stage.call("a.do", "die").await.unwrap(), "connection_lost: outcome_unknown");
    let answer = stage.call("a.do", "").await.unwrap();
    let status = stage.until_up("a").await;
    assert_ne!(status.pid, pid);
    assert_eq!(answer, format!(r#"{{"pid":{}}}"#, status.pid.unwrap()));
    assert_eq!(status.restarts, 1);
    assert_eq!(status.last_error.unwrap().0.cause, Cause::Exited(7));
    stage.system.shutdown(GRACE).await;
}

#[tokio::test]
async fn nobody_waits_for_a_program_that_is_not_there() {
    let stage = Stage::start(vec![super::spec("a")]).await;
    stage.until("a", |status| status.state == ServerState::Backoff).await;
    let begun = Instant::now();
    assert_eq!(stage.call("a.do", "").await.unwrap(), "server_unavailable: not_sent");
    assert!(begun.elapsed() < LONG / 2);
    stage.system.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_lazy_server_starts_with_the_first_call_and_rests_when_idle() {
    let mut spec = hasty("a", &[]);
    spec.start = StartMode::Lazy;
    spec.idle_stop = Some(Duration::from_millis(10));
    let stage = Stage::start(vec![spec]).await;
    assert_eq!(stage.until("a", |_| true).await.state, ServerState::Stopped);
    for life in 1..=2 {
        assert!(stage.call("a.do", "").await.unwrap().starts_with(r#"{"pid""#));
        let rests = |status: &ServerStatus| {
            status.state == ServerState::Stopped && status.generation.number() == life
        };
        stage.until("a", rests).await;
    }
    stage.system.shutdown(GRACE).await;
}

#[tokio::test]
async fn new_settings_touch_only_what_they_change() {
    let stage = Stage::start(vec![hasty("a", &[]), hasty("b", &[]), hasty("c", &[])]).await;
    let before = [stage.until_up("a").await.pid, stage.until_up("b").await.pid];
    let gone = stage.until_up("c").await.pid.unwrap();
    let mut tuned = hasty("a", &[]);
    tuned.timeout += SECOND;
    stage.reload(vec![tuned, hasty("b", &["changed"])]).await;
    let after = stage.until("b", |status| status.generation.number() == 2 && status.pid.is_some());
    assert_ne!(after.await.pid, before[1]);
    assert_eq!(stage.until_up("a").await.pid, before[0]);
    let left = async {
        while stage.system.board().current().servers.contains_key(&id("c")) || lives(gone) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, left).await.expect("c is gone");
    stage.system.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_server_that_comes_back_while_it_is_being_removed_runs_again() {
    for mode in [StartMode::Eager, StartMode::Lazy] {
        let mut spec = hasty("a", &[]);
        let stage = Stage::start(vec![spec.clone()]).await;
        stage.until_up("a").await;
        let hanging = stage.call("a.do", "hang");
        stage.until_busy("a").await;
        stage.reload(Vec::new()).await;
        stage.until("a", |status| status.state == ServerState::Draining).await;
        assert!(stage.system.restart(&id("a")).await.is_err(), "it is on its way out");
        spec.start = mode;
        stage.reload(vec![spec]).await;
        hanging.abort();
        let state =
            if mode == StartMode::Eager { ServerState::Running } else { ServerState::Stopped };
        stage.until("a", |status| status.state == state).await;
        assert!(stage.call("a.do", "").await.unwrap().starts_with(r#"{"pid""#));
        stage.system.shutdown(GRACE).await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_ready_in_time_is_ended() {
    let mut spec = child("a", "sleep", &["1000"]);
    spec.startup_timeout = Duration::from_millis(50);
    let stage = Stage::start(vec![spec]).await;
    let status = stage.until("a", |status| status.last_error.is_some()).await;
    let (end, _) = status.last_error.unwrap();
    assert_eq!(end.cause, Cause::StartTimeout(Duration::from_millis(50)));
    stage.system.shutdown(GRACE).await;
}

/// Asked ten times a second whether it is alive.
fn beating(mut spec: ServerSpec) -> ServerSpec {
    spec.heartbeat.interval = SECOND / 10;
    spec
}

#[tokio::test]
async fn a_server_that_answers_no_heartbeat_is_replaced() {
    let mut spec = beating(hasty("a", &["mute"]));
    spec.heartbeat.timeout = SECOND / 10;
    spec.heartbeat.misses = 2;
    let stage = Stage::start(vec![spec]).await;
    let pid = stage.until_up("a").await.pid.unwrap();
    let status = stage.until("a", |status| status.last_error.is_some()).await;
    assert!(matches!(status.last_error.unwrap().0.cause, Cause::Silent(_)));
    stage.until("a", |status| status.generation.number() == 2).await;
    let gone = async {
        while lives(pid) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, gone).await.expect("the silent one is ended");
    stage.system.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_hanging_call_keeps_no_heartbeat_from_being_answered() {
    let stage = Stage::start(vec![beating(hasty("a", &[]))]).await;
    stage.until_up("a").await;
    let hanging = stage.call("a.do", "hang");
    stage.until_busy("a").await;
    let first = stage.until("a", |_| true).await.last_heartbeat;
    let status = stage.until("a", |status| status.last_heartbeat > first).await;
    assert_eq!((status.state, status.in_flight()), (ServerState::Running, 1));
    hanging.abort();
    stage.system.shutdown(GRACE).await;
}

#[tokio::test]
async fn a_server_that_heeds_neither_its_input_nor_a_signal_is_killed_in_the_end() {
    let mut spec = hasty("a", &["stubborn"]);
    spec.stop.stdin_grace = SECOND / 5;
    spec.stop.term_grace = SECOND / 5;
    let stage = Stage::start(vec![spec]).await;
    let pid = stage.until_up("a").await.pid.unwrap();
    let begun = Instant::now();
    stage.system.shutdown(GRACE).await;
    assert!(begun.elapsed() >= SECOND * 2 / 5, "each got its time");
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_shutdown_refuses_new_calls_and_gives_running_ones_their_time() {
    let stage = Stage::start(vec![hasty("a", &[])]).await;
    let pid = stage.until_up("a").await.pid.unwrap();
    stage.call("a.do", "").await.unwrap();
    let hanging = stage.call("a.do", "hang");
    stage.until_busy("a").await;
    let begun = Instant::now();
    let system = stage.system.clone();
    let ending = tokio::spawn(async move { system.shutdown(SECOND / 2).await });
    stage.until("a", |status| status.state == ServerState::Draining).await;
    assert_eq!(stage.call("a.do", "").await.unwrap(), "shutting_down: not_sent");
    assert_eq!(hanging.await.unwrap(), "connection_lost: outcome_unknown");
    assert!(begun.elapsed() >= SECOND / 2);
    ending.await.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_kill_leaves_no_process() {
    let stage = Stage::start(vec![hasty("a", &["stubborn"]), hasty("b", &[])]).await;
    let pids = [stage.until_up("a").await.pid.unwrap(), stage.until_up("b").await.pid.unwrap()];
    stage.system.kill().await;
    let gone = async {
        while pids.into_iter().any(lives) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, gone).await.expect("both are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_all_depend_on_is_missed_when_it_ends() {
    for part in ["supervisor", "delegation"] {
        let stage = Stage::start(Vec::new()).await;
        let system = &stage.system;
        assert!(timeout(GRACE, system.broken()).await.is_err(), "all is well");
        system.end_part(part);
        assert_eq!(timeout(LONG, system.broken()).await.unwrap(), part);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r64_a_router_that_fails_is_started_anew_and_costs_no_call() {
    let stage = Stage::start(vec![hasty("a", &[])]).await;
    let pid = stage.until_up("a").await.pid;
    stage.call("a.do", "").await.unwrap();
    let hanging = stage.call("a.do", "hang");
    stage.until_busy("a").await;
    for _ in 0..2 {
        stage.system.end_part("router");
        let answer = stage.call("a.do", "").await.unwrap();
        assert!(answer.contains("pid"), "{answer}");
    }
    assert_eq!(stage.until_up("a").await.pid, pid, "the server has noticed nothing");
    assert!(!hanging.is_finished(), "nor has the call that was under way");
    hanging.abort();
    assert!(timeout(GRACE, stage.system.broken()).await.is_err(), "nothing is missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn r65_while_a_merger_that_failed_is_started_anew_its_last_list_is_served() {
    let stage = Stage::start(vec![hasty("a", &[])]).await;
    stage.call("a.do", "").await.unwrap();
    let catalog = stage.system.catalog();
    let (before, mut news) = (catalog.current().revision(), catalog.changes());
    news.borrow_and_update();
    let mut published = catalog.published();
    published.borrow_and_update();
    stage.system.end_part("merger");
    let answer = stage.call("a.do", "").await.unwrap();
    assert!(answer.contains("pid"), "{answer}");
    timeout(LONG, published.changed()).await.expect("the new one publishes").unwrap();
    assert_eq!(catalog.current().revision(), before);
    assert!(!news.has_changed().unwrap(), "clients are not told of what they cannot see");
    stage.reload(vec![hasty("a", &[]), hasty("b", &[])]).await;
    let answer = stage.call("b.do", "").await.unwrap();
    assert!(answer.contains("pid"), "the new one hears of servers: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_over_and_over_is_missed() {
    for part in ["router", "merger"] {
        let stage = Stage::start(Vec::new()).await;
        let failing = async {
            loop {
                stage.system.end_part(part);
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            missed = stage.system.broken() => assert_eq!(missed, part),
            () = failing => {}
            () = sleep(LONG) => panic!("{part} is not missed"),
        }
    }
}
