//! The system as a pool: names, states, health and paths, before, while and after servers run.
//! Calls and restarts are tested in `system.rs`, the sockets themselves end to end.

use std::time::Duration;

use conductor_config::ServerSpec;
use tempfile::TempDir;
use tokio::time::timeout;

use super::server::server;
use super::{config, id, spec};
use crate::{ServerState, System};

const LONG: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_millis(100);

fn at(mut spec: ServerSpec, socket: &str) -> ServerSpec {
    spec.socket = socket.into();
    spec
}

/// One that runs, one that does not exist, one that is disabled.
async fn pool() -> (System, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut disabled = at(server("off", &[]), "/s/off");
    disabled.enabled = false;
    let servers = vec![at(server("a", &[]), "/s/a"), at(spec("missing"), "/s/missing"), disabled];
    let system = System::start(config(dir.path(), servers), std::env::vars().collect()).await;
    (system.unwrap(), dir)
}

async fn until(system: &System, wanted: impl Fn(&System) -> bool) {
    let mut board = system.board();
    let look = async {
        while !wanted(system) {
            assert!(board.changed().await, "the supervisor is gone");
        }
    };
    timeout(LONG, look).await.unwrap_or_else(|_| panic!("{:?}", system.states()));
}

#[tokio::test]
async fn m12_m13_m17_every_server_has_a_state_that_is_a_word() {
    let (system, _dir) = pool().await;
    assert_eq!(system.states()[&id("off")], ServerState::Stopped);
    until(&system, |system| system.is_running(&id("a"))).await;
    let words: Vec<(String, &str)> =
        system.states().into_iter().map(|(id, state)| (id.to_string(), state.as_str())).collect();
    assert_eq!(words.len(), 3);
    assert_eq!(words[0], ("a".to_owned(), "running"));
    assert_eq!(words[2], ("off".to_owned(), "stopped"));
    system.shutdown(GRACE).await;
}

#[tokio::test]
async fn m14_m15_m18_m19_names_and_paths_are_those_of_the_settings_and_strangers_have_none() {
    let (system, _dir) = pool().await;
    let names: Vec<String> = system.server_names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "missing", "off"]);
    assert_eq!(system.socket_path(&id("missing")), Some("/s/missing".into()));
    let paths: Vec<_> = system.socket_paths().into_values().collect();
    assert_eq!(paths, ["/s/a", "/s/missing", "/s/off"].map(std::path::PathBuf::from));
    let stranger = id("stranger");
    assert_eq!(system.socket_path(&stranger), None);
    assert!(!system.is_running(&stranger) && !system.is_healthy(&stranger));
    system.shutdown(GRACE).await;
}

#[tokio::test]
async fn m08_m09_m36_m37_m38_health_is_that_of_the_process() {
    let (system, _dir) = pool().await;
    until(&system, |system| system.is_healthy(&id("a"))).await;
    assert!(!system.is_healthy(&id("off")), "not started");
    until(&system, |system| {
        let board = system.board().current();
        board.servers[&id("missing")].last_error.is_some()
    })
    .await;
    assert!(!system.is_healthy(&id("missing")), "could not be started");
    assert!(!system.is_healthy(&id("stranger")), "unknown");
    system.shutdown(GRACE).await;
}

#[tokio::test]
async fn m16_m39_after_a_crash_nobody_is_sent_to_the_dead() {
    let dir = tempfile::tempdir().unwrap();
    let mut slow = at(server("a", &[]), "/s/a");
    slow.backoff.min = LONG;
    slow.backoff.max = LONG;
    slow.stable_after = LONG;
    let settings = config(dir.path(), vec![slow]);
    let system = System::start(settings, std::env::vars().collect()).await.unwrap();
    until(&system, |system| system.is_healthy(&id("a"))).await;
    assert_eq!(system.healthy_socket(&id("a")), Some("/s/a".into()));
    let pid = system.board().current().servers[&id("a")].pid.unwrap();
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until(&system, |system| !system.is_running(&id("a"))).await;
    assert!(!system.is_healthy(&id("a")));
    assert_eq!(system.healthy_socket(&id("a")), None);
    assert_eq!(system.socket_path(&id("a")), Some("/s/a".into()), "it will be there again");
    assert_ne!(system.states()[&id("a")], ServerState::Running);
    system.shutdown(GRACE).await;
}

#[tokio::test]
async fn m31_m32_m34_m35_all_can_be_stopped_twice_whatever_became_of_them() {
    let (system, _dir) = pool().await;
    until(&system, |system| system.is_running(&id("a"))).await;
    system.shutdown(GRACE).await;
    timeout(LONG, system.shutdown(GRACE)).await.unwrap();
    for (server, state) in system.states() {
        assert!(!state.is_up(), "{server} is {state:?}");
        assert!(!system.is_healthy(&server));
    }
}
