//! These tests kill the daemon, alone and with its guard, and look for what is left.
//! They leave other ends of the daemon to `shutdown.rs`.

use std::path::Path;
use std::time::Duration;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::{is_alive, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::world::{CONDUCTOR, SOON, mock, wait_tool};

/// Servers that ignore the end of their input and SIGTERM, each with a child and a grandchild.
fn stubborn(folder: &Path, count: usize) -> Value {
    let entry = |number: usize| {
        let tree = format!("fork_tree={}", folder.join(format!("pids-{number}")).display());
        (format!("s{number}"), mock(&["--fault", "stubborn", "--fault", &tree]))
    };
    let servers: Map<String, Value> = (0..count).map(entry).collect();
    json!({ "mcpServers": servers })
}

async fn with_stubborn(folder: &Path, count: usize) -> Daemon {
    let settings = stubborn(folder, count);
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    let sandbox = daemon.sandbox();
    let all = wait::until("all families", SOON, async || {
        (sandbox.processes().len() >= 3 * count).then_some(())
    });
    all.await.unwrap();
    daemon
}

/// The guard of a daemon.
fn guard(daemon: &Daemon) -> Option<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = format!("PPid:\t{}\n", daemon.pid());
    pids.find(|pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.starts_with("Name:\tcond-guard\n") && status.contains(&parent)
    })
}

#[tokio::test]
async fn twenty_stubborn_families_do_not_outlive_a_killed_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = with_stubborn(folder.path(), 20).await;
    let (sandbox, guard) = (daemon.sandbox(), guard(&daemon).unwrap());
    let all = sandbox.processes().len();
    let begun = Instant::now();
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    sandbox.expect_no_process(Duration::from_secs(2)).await.unwrap();
    println!("{all} processes gone {:.1?} after the daemon was killed", begun.elapsed());
    let ended = async || (!is_alive(guard)).then_some(());
    wait::until("the guard has ended", SOON, ended).await.unwrap();
}

#[tokio::test]
async fn the_next_start_ends_what_a_daemon_killed_with_its_guard_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = with_stubborn(folder.path(), 3).await;
    let sandbox = daemon.sandbox();
    let old: Vec<i32> = sandbox.processes().iter().map(|process| process.pid).collect();
    // A stopped one cannot see that its daemon is killed before it is killed itself.
    let guard = guard(&daemon).unwrap();
    signal(guard, Signal::STOP).unwrap();
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    signal(guard, Signal::KILL).unwrap();
    assert!(old.iter().all(|pid| is_alive(*pid)), "left on purpose");
    let options = Options { sandbox: Some(sandbox), ..Options::default() };
    let settings = json!({ "mcpServers": { "a": mock(&[]) } });
    let begun = Instant::now();
    let next = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    assert!(!old.iter().any(|pid| is_alive(*pid)), "before any server is started");
    wait_tool(&next, "a.echo").await.unwrap();
    println!("{} orphans ended, serves after {:.1?}", old.len(), begun.elapsed());
}
