//! Rows R55 and R67: the daemon is killed during registrations; servers come and go a thousand times.
//! It leaves what a registration is to `tests/e2e/rest/`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::rest::Api;
use conductor_e2e::sandbox::{MARK, Sandbox};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::measure::{alone, fds, rss, zombies_of};
use crate::world::{CONDUCTOR, MOCK, SOON};

/// What was acknowledged, and what may have happened besides.
#[derive(Default)]
struct Known {
    there: BTreeSet<String>,
    /// The one that was being registered or removed when the daemon was killed.
    open: Option<String>,
    acknowledged: usize,
}

async fn boot(sandbox: &Arc<Sandbox>) -> Daemon {
    let options = Options { sandbox: Some(Arc::clone(sandbox)), ..Options::default() };
    Daemon::start(CONDUCTOR, json!({ "mcpServers": {} }), options).await.unwrap()
}

/// Registers servers, and removes every third again, until the daemon is gone. Each has a secret,
/// so that half a writing would show when it is read.
async fn register_on(mut api: Api, round: usize, known: &mut Known) {
    for number in 0.. {
        let name = format!("r{round}-{number}");
        let body = json!({
            "name": name, "command": ["x"], "enabled": false, "env": { "TOKEN": name },
        });
        known.open = Some(name.clone());
        match api.register(&body).await {
            Ok(said) => drop(said.with(201)),
            Err(_) => return,
        }
        known.there.insert(name.clone());
        known.acknowledged += 1;
        if number % 3 == 0 {
            match api.remove(&format!("default/{name}")).await {
                Ok(said) => drop(said.with(204)),
                Err(_) => return,
            }
            known.there.remove(&name);
            known.acknowledged += 1;
        }
    }
}

/// The names that are registered; every one of them must be whole.
async fn registered(daemon: &Daemon) -> BTreeSet<String> {
    let all = Api::of(daemon).await.unwrap().get("").await.unwrap().with(200);
    let whole = |one: &Value| {
        assert_eq!(one["state"], "stopped", "{one}");
        one["name"].as_str().unwrap().to_owned()
    };
    all["connections"].as_array().unwrap().iter().map(whole).collect()
}

async fn killed_during_registrations(rounds: usize) {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let (mut known, begun) = (Known::default(), Instant::now());
    let mut daemon = boot(&sandbox).await;
    for round in 0..rounds {
        let api = Api::of(&daemon).await.unwrap();
        // The moment is another one each time, from the first request on.
        let moment = Duration::from_micros((round as u64 * 7919) % 120_000);
        let kill = async {
            sleep(moment).await;
            daemon.signal(Signal::KILL).unwrap();
        };
        tokio::join!(register_on(api, round, &mut known), kill);
        daemon.wait_end(SOON).await.unwrap();
        daemon = boot(&sandbox).await;
        let found = registered(&daemon).await;
        let open = known.open.take();
        let differing: Vec<&String> = found.symmetric_difference(&known.there).collect();
        assert!(differing.iter().all(|name| Some(*name) == open.as_ref()), "{differing:?}");
        known.there = found;
        if known.there.len() > 100 {
            let mut api = Api::of(&daemon).await.unwrap();
            for name in std::mem::take(&mut known.there) {
                let _ = api.remove(&format!("default/{name}")).await.unwrap().with(204);
            }
        }
    }
    let acknowledged = known.acknowledged;
    println!(
        "R55: {rounds} kills, {acknowledged} changes acknowledged, none of them lost, none half"
    );
    println!("  in {:.1?}", begun.elapsed());
    assert!(acknowledged > rounds, "{acknowledged} changes are too few");
}

#[tokio::test]
async fn r55_twenty_kills_during_registrations_lose_nothing_acknowledged() {
    killed_during_registrations(20).await;
}

#[tokio::test]
#[ignore = "takes minutes: see tests/README.md"]
async fn r55_two_hundred_kills_during_registrations_lose_nothing_acknowledged() {
    killed_during_registrations(200).await;
}

/// Registers a server, waits until it runs, and removes it, so often.
async fn cycle(api: &mut Api, mark: &str, from: usize, count: usize) {
    for number in from..from + count {
        let name = format!("s{}", number % 10);
        let body = json!({ "name": name, "command": [MOCK], "env": { MARK: mark, "A": "b" } });
        let _ = api.register(&body).await.unwrap().with(201);
        let path = format!("/default/{name}");
        let up = wait::until("it runs", SOON, async || {
            (api.get(&path).await.ok()?.body["state"] == "running").then_some(())
        });
        up.await.unwrap();
        let _ = api.remove(&path[1..]).await.unwrap().with(204);
        if number % 10 == 9 {
            let none = wait::until("all are gone", SOON, async || {
                let all = api.get("").await.ok()?.body;
                all["connections"].as_array()?.is_empty().then_some(())
            });
            none.await.unwrap();
        }
    }
}

async fn come_and_go(cycles: usize) {
    let _alone = alone().await;
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let daemon = boot(&sandbox).await;
    let mut api = Api::of(&daemon).await.unwrap();
    let (begun, warm_up) = (Instant::now(), cycles / 3 / 10 * 10);
    cycle(&mut api, sandbox.mark(), 0, warm_up).await;
    sandbox.expect_no_process(SOON).await.unwrap();
    let before = (fds(daemon.pid()), rss(daemon.pid()));
    cycle(&mut api, sandbox.mark(), warm_up, cycles - warm_up).await;
    timeout(SOON, sandbox.expect_no_process(SOON)).await.unwrap().unwrap();
    let after = (fds(daemon.pid()), rss(daemon.pid()));
    let grown = (i64::try_from(after.1).unwrap() - i64::try_from(before.1).unwrap()) / 1024;
    println!("R67: {cycles} servers came and went in {:.1?}", begun.elapsed());
    println!("  descriptors {} after {warm_up}, {} at the end", before.0, after.0);
    println!("  memory {grown:+} KiB from cycle {warm_up} to the end; processes 0, zombies 0");
    let zombies = zombies_of(daemon.pid());
    assert!(zombies.is_empty(), "zombies: {zombies:?}");
    assert!(after.0 <= before.0 + 2, "{before:?} {after:?}");
    assert!(grown < 8 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn r67_sixty_servers_that_come_and_go_leave_nothing_behind() {
    come_and_go(60).await;
}

#[tokio::test]
#[ignore = "takes minutes: see tests/README.md"]
async fn r67_a_thousand_servers_that_come_and_go_leave_nothing_behind() {
    come_and_go(1000).await;
}
