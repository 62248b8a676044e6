//! What the table says about one server at a given time.
//! The server behind it is played by the test.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use conductor_config::{ServerSpec, StartMode};
use tokio::time::{Instant, advance};

use super::children::{Child, Phase, Up};
use super::excess::Excess;
use super::noise::Noise;
use crate::model::{Cause, Downfall, ServerState};
use crate::server::tests_peer::Peer;

const SECOND: Duration = Duration::from_secs(1);
/// Twice (15 s + 5 s) for each of three misses and one more.
const PATIENCE: u64 = 160;

fn up(peer: &Peer, spec: ServerSpec) -> Child {
    let now = Instant::now();
    let link = peer.link("a", 1);
    let mut child = Child::new(Arc::new(spec));
    child.generation = link.generation;
    child.phase = Phase::Up(Box::new(Up {
        link,
        pid: Some(7),
        version: "2025-11-25".into(),
        since: now,
        missing: false,
        beat: (now, SystemTime::now()),
        used: (0, now),
        noise: Noise::since(now, 0),
        usage: None,
        excess: Excess::default(),
    }));
    child
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_says_nothing_for_twice_its_patience_is_overdue() {
    let peer = Peer::start();
    let mut child = up(&peer, crate::tests::spec("a"));
    for (seconds, expected) in [(PATIENCE, false), (1, true)] {
        advance(SECOND * u32::try_from(seconds).unwrap()).await;
        assert_eq!(child.is_overdue(Instant::now()), expected);
    }
    child.on_sign(false, (Instant::now(), SystemTime::now()));
    assert!(!child.is_overdue(Instant::now()));
    child.phase = Phase::Starting;
    advance(SECOND * 1000).await;
    assert!(!child.is_overdue(Instant::now()), "only one that is up owes signs of life");
}

#[tokio::test(start_paused = true)]
async fn a_long_call_in_a_server_that_does_one_thing_at_a_time_condemns_nobody() {
    let mut peer = Peer::start();
    let mut child = up(&peer, crate::tests::spec("a"));
    let (_ticket, answer) = peer.call(r#"{"name":"slow"}"#);
    let request = peer.read().await;
    for _ in 0..50 {
        advance(SECOND * 20).await;
        child.on_sign(true, (Instant::now(), SystemTime::now()));
        assert!(!child.is_overdue(Instant::now()));
    }
    assert_eq!(child.state(), ServerState::Degraded);
    peer.answer(&request, "{}").await;
    answer.await.unwrap().unwrap();
    assert!(!child.is_overdue(Instant::now()), "it has just answered");
}

#[tokio::test(start_paused = true)]
async fn a_missed_heartbeat_is_no_proof_of_life_to_people() {
    let peer = Peer::start();
    let mut child = up(&peer, crate::tests::spec("a"));
    let later = SystemTime::now() + SECOND * 20;
    let before = child.status((Instant::now(), later)).last_heartbeat;
    child.on_sign(true, (Instant::now(), later));
    assert_eq!(child.status((Instant::now(), later)).last_heartbeat, before);
    child.on_sign(false, (Instant::now(), later));
    let status = child.status((Instant::now(), later));
    assert_eq!((status.last_heartbeat, status.state), (Some(later), ServerState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_server_is_idle_when_no_call_was_made_or_under_way_for_long_enough() {
    let mut peer = Peer::start();
    let idle_stop = Some(SECOND * 60);
    let mut child = up(&peer, ServerSpec { idle_stop, ..crate::tests::spec("a") });
    advance(SECOND * 59).await;
    assert!(!child.is_idle(Instant::now(), false));
    let (_ticket, answer) = peer.call(r#"{"name":"x"}"#);
    let request = peer.read().await;
    advance(SECOND * 100).await;
    assert!(!child.is_idle(Instant::now(), false), "a call is under way");
    peer.answer(&request, "{}").await;
    answer.await.unwrap().unwrap();
    advance(SECOND * 59).await;
    assert!(!child.is_idle(Instant::now(), false));
    advance(SECOND).await;
    assert!(child.is_idle(Instant::now(), false));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_such_a_limit_is_never_idle() {
    let peer = Peer::start();
    let mut child = up(&peer, crate::tests::spec("a"));
    advance(SECOND * 1_000_000).await;
    assert!(!child.is_idle(Instant::now(), false));
}

#[test]
fn whoever_stops_when_idle_comes_back_when_needed() {
    let spec = crate::tests::spec("a");
    for (start, idle_stop, enabled, expected) in [
        (StartMode::Lazy, None, true, true),
        (StartMode::Lazy, None, false, false),
        (StartMode::Eager, Some(SECOND), true, true),
        (StartMode::Eager, None, true, false),
    ] {
        let mut child =
            Child::new(Arc::new(ServerSpec { start, idle_stop, enabled, ..spec.clone() }));
        assert_eq!(child.is_wakeable(), expected, "{start} {idle_stop:?} {enabled}");
        child.phase = Phase::Waiting { until: Instant::now() };
        assert!(!child.is_wakeable(), "it comes by itself");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_follows_from_the_phase() {
    let now = (Instant::now(), SystemTime::now());
    let until = now.0 + SECOND * 30;
    let then = Some(now.1 + SECOND * 30);
    let phases = [
        (Phase::Resting, ServerState::Stopped, None, "unknown"),
        (Phase::Queued, ServerState::Starting, None, "unknown"),
        (Phase::Starting, ServerState::Starting, None, "unknown"),
        (Phase::Waiting { until }, ServerState::Backoff, then, "unhealthy"),
        (Phase::Failed { until: Some(until) }, ServerState::Failed, then, "unhealthy"),
        (Phase::Failed { until: None }, ServerState::Failed, None, "unhealthy"),
        (Phase::Draining, ServerState::Draining, None, "healthy"),
    ];
    for (phase, state, next_retry, health) in phases {
        let mut child = Child::new(Arc::new(crate::tests::spec("a")));
        child.phase = phase;
        let status = child.status(now);
        assert_eq!((status.state, status.next_retry, status.health()), (state, next_retry, health));
        assert_eq!((status.pid, status.restarts, status.in_flight()), (None, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_after_a_failure_is_shown_as_unhealthy_with_the_reason() {
    let peer = Peer::start();
    let mut child = up(&peer, crate::tests::spec("a"));
    let now = (Instant::now(), SystemTime::now());
    assert_eq!(child.status(now).pid, Some(7));
    assert_eq!(child.status(now).health(), "healthy");
    child.downfall = Some((Downfall::silent(Cause::Exited(3)), now.1));
    child.phase = Phase::Starting;
    child.generation = child.generation.next();
    let status = child.status(now);
    assert_eq!((status.health(), status.restarts, status.pid), ("unhealthy", 1, None));
    assert_eq!(child.outage().to_string(), "it is starting after it exited with code 3");
}
