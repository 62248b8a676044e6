//! These tests kill servers over and over under load and look for what adds up: processes, descriptors, memory.
//! They leave how fast a single one comes back to `death.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::daemon::Daemon;
use conductor_e2e::sandbox::signal;
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::measure::{alone, fds, rss, zombies_of};
use super::{Victim, serve_all};
use crate::world::{SOON, wait_tools};

/// Servers that are killed in turn.
const SERVERS: usize = 4;
/// Callers that never pause.
const CALLERS: usize = 8;

/// What the callers saw.
#[derive(Debug, Default)]
struct Seen {
    own: usize,
    failed: usize,
}

/// Calls one server after the other until told to stop. An answer is the caller's own, or a failed
/// call that says so; anything else ends the test.
async fn call_on(client: Client, caller: usize, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let server = (caller + number) % SERVERS;
        let text = format!("caller {caller}, call {number}");
        let tool = format!("s{server}.echo");
        let reply = client.call(&tool, json!({ "text": text })).await.expect("answered");
        if reply.is_error() {
            let failure = super::failure(&reply);
            assert!(failure["fate"].is_string() && failure["server"].is_string(), "{failure}");
            seen.failed += 1;
        } else {
            assert_eq!(reply.text().unwrap(), text, "the answer of another call");
            seen.own += 1;
        }
        number += 1;
    }
    seen
}

async fn kill_in_turn(victims: &[Victim], from: usize, cycles: usize) {
    for cycle in from..from + cycles {
        let victim = &victims[cycle % SERVERS];
        let lives = 1 + cycle / SERVERS;
        let pid = victim.journal.wait_started(lives, SOON * 2).await.unwrap();
        // Some die before the handshake, most in the middle of calls.
        tokio::time::sleep(Duration::from_millis((cycle * 37 % 50) as u64)).await;
        signal(pid, Signal::KILL).unwrap();
        victim.journal.wait_started(lives + 1, SOON * 2).await.unwrap();
    }
}

/// Descriptors and memory when nothing is under way.
async fn at_rest(daemon: &Daemon) -> (usize, u64) {
    let names: Vec<String> = (0..SERVERS).map(|server| format!("s{server}.echo")).collect();
    wait_tools(daemon, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let settled = wait::until("every server runs once", SOON, async || {
        (daemon.sandbox().processes().len() == SERVERS).then_some(())
    });
    settled.await.unwrap();
    let mut least = usize::MAX;
    for _ in 0..20 {
        least = least.min(fds(daemon.pid()));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (least, rss(daemon.pid()))
}

async fn cycle(cycles: usize) {
    let _alone = alone().await;
    let victims: Vec<Victim> = (0..SERVERS).map(|_| Victim::hardy(&[], json!({}))).collect();
    let named = victims.iter().enumerate();
    let servers: Map<String, Value> =
        named.map(|(number, victim)| (format!("s{number}"), victim.entry.clone())).collect();
    let daemon = serve_all(json!({ "mcpServers": servers })).await;
    at_rest(&daemon).await;
    let (begun, warm_up) = (Instant::now(), cycles / 3);
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let client = Client::modern(daemon.addr(), "/mcp");
        callers.spawn(call_on(client, caller, Arc::clone(&stop)));
    }
    // What the first lives need, the later ones may keep.
    kill_in_turn(&victims, 0, warm_up).await;
    let before = (fds(daemon.pid()), rss(daemon.pid()));
    kill_in_turn(&victims, warm_up, cycles - warm_up).await;
    stop.store(true, Ordering::Relaxed);
    let seen = callers.join_all().await;
    let (own, failed) = seen.iter().fold((0, 0), |sum, one| (sum.0 + one.own, sum.1 + one.failed));
    let after = at_rest(&daemon).await;
    let grown = (i64::try_from(after.1).unwrap() - i64::try_from(before.1).unwrap()) / 1024;
    println!("{cycles} kills in {:.1?} under {CALLERS} callers:", begun.elapsed());
    println!("  {own} calls got their own answer, {failed} a clear error, 0 another's, 0 none");
    println!("  descriptors {} under load after {warm_up} kills, {} at the end", before.0, after.0);
    println!("  memory {grown:+} KiB from kill {warm_up} to the end; zombies, orphans: 0");
    let zombies = zombies_of(daemon.pid());
    assert!(zombies.is_empty(), "zombies: {zombies:?}");
    assert!(after.0 <= before.0, "{} descriptors, {before:?} under load", after.0);
    assert!(grown < 16 * 1024, "{grown} KiB");
    assert!(own > cycles, "{own} calls are no load");
}

#[tokio::test]
async fn d2_sixty_kills_under_load_leave_nothing_behind() {
    cycle(60).await;
}

#[tokio::test]
#[ignore = "takes minutes: see tests/README.md"]
async fn d2_a_thousand_kills_under_load_leave_nothing_behind() {
    cycle(1000).await;
}
