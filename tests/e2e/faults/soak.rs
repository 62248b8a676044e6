//! Row R66: ten servers, steady calls and a random fault every few seconds, for as long as one likes.
//! It looks for what only time shows; what one fault does is in the other files.

use std::collections::BTreeMap;
use std::time::Duration;

use conductor_e2e::daemon::Daemon;
use conductor_e2e::sandbox::signal;
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::measure::{Spread, alone, fds, rss, zombies_of};
use super::{Victim, serve_all};
use crate::world::{SOON, client, wait_tools};

const SERVERS: usize = 10;
/// Between two calls: twenty a second.
const CALL: Duration = Duration::from_millis(50);
/// Between two faults.
const FAULT: Duration = Duration::from_secs(5);
/// Between two looks at the daemon.
const LOOK: Duration = Duration::from_secs(5);
/// How long after its fault a server may still cost calls: heartbeats, restart, the call's limit.
const BLAME: Duration = Duration::from_secs(8);

/// Minutes to run; the environment may say otherwise.
fn length() -> Duration {
    let minutes = std::env::var("SOAK_MINUTES").ok().and_then(|text| text.parse::<f64>().ok());
    Duration::from_secs_f64(60.0 * minutes.unwrap_or(30.0))
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// One call and what became of it.
struct Call {
    server: usize,
    begun: Instant,
    ended: Instant,
    failed: bool,
}

async fn call_steadily(daemon: &Daemon, end: Instant) -> Vec<Call> {
    let mut tick = interval(CALL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut calls, mut done, mut number) = (JoinSet::new(), Vec::new(), 0);
    while Instant::now() < end {
        tick.tick().await;
        let (client, server) = (client(daemon), number % SERVERS);
        let text = format!("call {number}");
        calls.spawn(async move {
            let (begun, tool) = (Instant::now(), format!("s{server}.echo"));
            let reply = client.call(&tool, json!({ "text": text })).await.expect("answered");
            let failed = reply.is_error();
            if !failed {
                assert_eq!(reply.text().unwrap(), text, "the answer of another call");
            }
            Call { server, begun, ended: Instant::now(), failed }
        });
        number += 1;
        while let Some(call) = calls.try_join_next() {
            done.push(call.unwrap());
        }
    }
    done.extend(calls.join_all().await);
    done
}

/// What can be done to a running server: signals, and tools that break it.
const FAULTS: [&str; 10] = [
    "kill",
    "stop",
    "call_kill",
    "close_stdout",
    "mute",
    "partial",
    "noise",
    "bad_utf8",
    "wrong_id",
    "stderr_flood",
];

/// Does something to some server every few seconds; returns what was done, to whom and when.
async fn break_things(
    daemon: &Daemon,
    victims: &[Victim],
    end: Instant,
) -> Vec<(usize, &'static str, Instant)> {
    let (mut dice, mut done) = (Dice(0x9e37_79b9_7f4a_7c15), Vec::new());
    let mut calls = JoinSet::new();
    while Instant::now() + FAULT + BLAME < end {
        sleep(FAULT).await;
        let (server, fault) = (dice.roll(SERVERS), FAULTS[dice.roll(FAULTS.len())]);
        done.push((server, fault, Instant::now()));
        match fault {
            "kill" | "stop" => {
                let how = if fault == "kill" { Signal::KILL } else { Signal::STOP };
                let _ = signal(victims[server].pid(), how); // it is coming up just now
            }
            _ => {
                let (client, tool) = (client(daemon), format!("s{server}.{fault}"));
                calls.spawn(async move {
                    let arguments =
                        json!({ "arg": if fault == "stderr_flood" { 1 << 22 } else { 100 } });
                    let _ = client.call(&tool, arguments).await; // whatever becomes of it
                });
            }
        }
    }
    calls.join_all().await;
    done
}

/// Seconds since the start, memory in KiB, descriptors, processes.
type Look = (f64, u64, usize, usize);

async fn look(daemon: &Daemon, end: Instant) -> Vec<Look> {
    let (begun, mut looks) = (Instant::now(), Vec::new());
    while Instant::now() < end {
        sleep(LOOK).await;
        let processes = daemon.sandbox().processes().len();
        let pid = daemon.pid();
        looks.push((begun.elapsed().as_secs_f64(), rss(pid) / 1024, fds(pid), processes));
    }
    looks
}

/// By how much the second value grows a second: least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let rise: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let run: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    rise / run
}

async fn soak(length: Duration) {
    let mut more = super::heartbeat(1000, 500, 2);
    more["timeout"] = json!("3s");
    let victims: Vec<Victim> =
        (0..SERVERS).map(|_| Victim::hardy(&["--lifetime", "86400"], more.clone())).collect();
    let named = victims.iter().enumerate();
    let servers: Map<String, Value> =
        named.map(|(number, victim)| (format!("s{number}"), victim.entry.clone())).collect();
    let daemon = serve_all(json!({ "mcpServers": servers })).await;
    let names: Vec<String> = (0..SERVERS).map(|server| format!("s{server}.echo")).collect();
    wait_tools(&daemon, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let end = Instant::now() + length;
    let (calls, faults, looks) = tokio::join!(
        call_steadily(&daemon, end),
        break_things(&daemon, &victims, end),
        look(&daemon, end),
    );
    report(&calls, &faults);
    check_looks(&looks);
    let whole = wait::until("every server runs once", SOON * 2, async || {
        (daemon.sandbox().processes().len() == SERVERS).then_some(())
    });
    whole.await.unwrap();
    let zombies = zombies_of(daemon.pid());
    assert!(zombies.is_empty(), "zombies: {zombies:?}");
}

/// Every call that failed must have met a fault of its own server.
fn report(calls: &[Call], faults: &[(usize, &'static str, Instant)]) {
    let failed: Vec<&Call> = calls.iter().filter(|call| call.failed).collect();
    let is_due = |call: &Call| {
        faults.iter().any(|(server, _, at)| {
            *server == call.server && *at <= call.ended && call.begun <= *at + BLAME
        })
    };
    let undue = failed.iter().filter(|call| !is_due(call)).count();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, fault, _) in faults {
        *kinds.entry(fault).or_default() += 1;
    }
    let share = 100.0 * failed.len() as f64 / calls.len() as f64;
    let good = calls.iter().filter(|call| !call.failed).map(|call| call.ended - call.begun);
    println!(
        "R66: {} calls, {} failed ({share:.2} %), {undue} without a fault of their server",
        calls.len(),
        failed.len()
    );
    println!("R66: {} faults: {kinds:?}", faults.len());
    println!("R66: good calls took {}", Spread::of(good.collect()));
    assert_eq!(undue, 0);
}

/// Nothing grows once everything has happened once.
fn check_looks(looks: &[Look]) {
    let late = &looks[looks.len() / 5..];
    let memory: Vec<(f64, f64)> = late.iter().map(|look| (look.0, look.1 as f64)).collect();
    let per_ten_minutes = 600.0 * slope(&memory);
    let (first, last) = (late[0], late[late.len() - 1]);
    let most = |pick: fn(&Look) -> usize| late.iter().map(pick).max().unwrap();
    println!(
        "R66: memory {} KiB, later {} KiB, {per_ten_minutes:+.0} KiB in 10 min",
        first.1, last.1
    );
    println!("R66: descriptors {}, later {}, at most {}", first.2, last.2, most(|look| look.2));
    println!("R66: processes {}, later {}, at most {}", first.3, last.3, most(|look| look.3));
    assert!(most(|look| look.3) <= SERVERS * 2, "processes add up");
    // A few minutes tell nothing about a slope.
    if last.0 > 900.0 {
        assert!(per_ten_minutes < 1024.0, "{per_ten_minutes:.0} KiB in 10 min");
    }
    assert!(last.1 < first.1 + 32 * 1024, "{} KiB, at first {}", last.1, first.1);
}

#[tokio::test]
#[ignore = "takes half an hour: see tests/README.md"]
async fn r66_ten_servers_under_calls_and_faults_for_long() {
    let _alone = alone().await;
    soak(length()).await;
}

#[tokio::test]
async fn r66_ten_servers_under_calls_and_faults_for_a_moment() {
    let _alone = alone().await;
    soak(Duration::from_secs(45)).await;
}
