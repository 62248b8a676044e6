//! The delegation actor from outside, on a paused clock with a store that answers when told.
//! The arithmetic of rates is in `tests_quota.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::*;
use crate::store::{Document, Kind, Reply, SqliteStore, StateDir, Store, StoreError, WallClock};

const MS: u64 = 1_000_000;
/// A wall-clock time, in nanoseconds since 1970.
const NOON: u64 = 1_790_000_000_000_000_000;
const SAVE_EVERY: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(60);

type Put = (String, oneshot::Sender<Result<(), StoreError>>);

/// Holds one document from the start, and hands every put to the test to answer.
struct ToldStore {
    found: fn() -> Result<Option<Vec<u8>>, StoreError>,
    puts: mpsc::UnboundedSender<Put>,
}

impl Store for ToldStore {
    fn put(&self, _: Kind, _: String, body: Vec<u8>) -> Reply<()> {
        let (reply, answer) = oneshot::channel();
        let sent = self.puts.send((String::from_utf8(body).unwrap(), reply));
        Box::pin(async move {
            sent.map_err(|_| StoreError::Closed)?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    fn get(&self, _: Kind, key: String) -> Reply<Option<Document>> {
        let found = (self.found)();
        let document = |body| Document { key, body, updated_at: 0 };
        Box::pin(async move { found.map(|body| body.map(document)) })
    }

    fn list(&self, _: Kind) -> Reply<Vec<Document>> {
        refused()
    }

    fn delete(&self, _: Kind, _: String) -> Reply<bool> {
        refused()
    }

    fn write(&self, _: Kind, _: Vec<(String, Option<Vec<u8>>)>) -> Reply<()> {
        refused()
    }

    fn replace_all(&self, _: Kind, _: Vec<(String, Vec<u8>)>) -> Reply<()> {
        refused()
    }
}

/// What delegation has no business to ask for.
fn refused<T: Send + 'static>() -> Reply<T> {
    Box::pin(async { Err(StoreError::Closed) })
}

fn id(name: &str) -> DelegatorId {
    name.parse().unwrap()
}

/// `acme` and `globex` with the same limit, nobody else.
fn limits(rate: Rate, max_in_flight: u32) -> Limits {
    let limit = Limit { rate, max_in_flight };
    let per_delegator = ["acme", "globex"].map(|name| (id(name), limit)).into();
    Limits { per_delegator, default: None }
}

fn rate(count: u32, burst: u32) -> Rate {
    Rate::per(count, Duration::from_secs(1), burst).unwrap()
}

async fn key() -> (tempfile::TempDir, Arc<OwnKey>) {
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::claim(temp.path()).unwrap();
    (temp, Arc::new(OwnKey::open(&dir).await.unwrap()))
}

struct Fixture {
    handle: DelegationHandle,
    puts: mpsc::UnboundedReceiver<Put>,
    wall: Arc<AtomicU64>,
}

impl Fixture {
    async fn new(limits: Limits, found: fn() -> Result<Option<Vec<u8>>, StoreError>) -> Self {
        let (_temp, key) = key().await;
        let (puts, received) = mpsc::unbounded_channel();
        let wall = Arc::new(AtomicU64::new(NOON));
        let reads = wall.clone();
        let settings = Settings {
            limits,
            key,
            store: Arc::new(ToldStore { found, puts }),
            clock: WallClock::new(move || reads.load(Ordering::Relaxed)),
            save_every: SAVE_EVERY,
        };
        let (handle, _ended) = start(settings, None).await.unwrap();
        Self { handle, puts: received, wall }
    }

    async fn fresh(limits: Limits) -> Self {
        Self::new(limits, || Ok(None)).await
    }

    async fn admit(&self, name: &str) -> Result<Admission, Refusal> {
        self.handle.admit(Caller::Delegated(Grant::new(id(name))), Cost::ONE).await
    }

    /// What comes of these calls, one after the other, each ending at once.
    async fn outcomes<const N: usize>(&self, names: [&str; N]) -> [String; N] {
        let mut told = [const { String::new() }; N];
        for (told, name) in told.iter_mut().zip(names) {
            *told = match self.admit(name).await {
                Ok(_) => "in".to_owned(),
                Err(Refusal::RateLimited { retry_after }) => {
                    format!("wait {}", retry_after.as_millis())
                }
                Err(refusal) => refusal.to_string(),
            };
        }
        told
    }

    async fn next_put(&mut self) -> Put {
        timeout(2 * SAVE_EVERY, self.puts.recv()).await.unwrap().unwrap()
    }
}

fn full_disk() -> Result<(), StoreError> {
    Err(StoreError::Full { path: "store.db".into() })
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_through_then_the_rate_holds() {
    let fixture = Fixture::fresh(limits(rate(5, 3), 9)).await;
    let told = fixture.outcomes(["acme"; 4]).await;
    assert_eq!(told, ["in", "in", "in", "wait 200"]);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(fixture.outcomes(["acme"; 2]).await, ["in", "wait 200"]);
}

#[tokio::test(start_paused = true)]
async fn delegators_have_their_own_limits() {
    let fixture = Fixture::fresh(limits(rate(1, 1), 1)).await;
    let told = fixture.outcomes(["acme", "acme", "globex", "nobody"]).await;
    assert_eq!(told, ["in", "wait 1000", "in", "delegator is unknown"]);
}

#[tokio::test(start_paused = true)]
async fn the_default_lets_others_in_each_on_its_own() {
    let mut limits = limits(Rate::NEVER, 9);
    limits.default = Some(Limit { rate: rate(1, 1), max_in_flight: 1 });
    let fixture = Fixture::fresh(limits).await;
    let never = Refusal::NeverAllowed.to_string();
    let told = fixture.outcomes(["one", "one", "two", "acme"]).await;
    assert_eq!(told, ["in", "wait 1000", "in", never.as_str()]);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_again_when_its_admission_is_dropped() {
    let fixture = Fixture::fresh(limits(Rate::UNLIMITED, 2)).await;
    let first = fixture.admit("acme").await.unwrap();
    let second = fixture.admit("acme").await.unwrap();
    let refused = fixture.admit("acme").await.unwrap_err();
    assert_eq!(refused, Refusal::TooManyInFlight { limit: 2 });
    drop(fixture.admit("globex").await.unwrap());
    drop(first);
    drop(fixture.admit("acme").await.unwrap());
    assert_eq!(second.caller().to_string(), "delegator acme");
}

#[tokio::test(start_paused = true)]
async fn a_call_refused_for_its_place_is_not_charged() {
    let fixture = Fixture::fresh(limits(rate(1, 2), 1)).await;
    let running = fixture.admit("acme").await.unwrap();
    for _ in 0..9 {
        let refused = fixture.admit("acme").await.unwrap_err();
        assert_eq!(refused, Refusal::TooManyInFlight { limit: 1 });
    }
    drop(running);
    assert_eq!(fixture.outcomes(["acme"; 2]).await, ["in", "wait 1000"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_refused_for_its_rate_takes_no_place() {
    let fixture = Fixture::fresh(limits(rate(1, 1), 1)).await;
    assert_eq!(fixture.outcomes(["acme"; 3]).await, ["in", "wait 1000", "wait 1000"]);
    sleep(Duration::from_secs(1)).await;
    drop(fixture.admit("acme").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_leaves_nothing_behind() {
    let fixture = Fixture::fresh(limits(rate(1, 1), 1)).await;
    timeout(Duration::ZERO, fixture.admit("acme")).await.unwrap_err();
    assert_eq!(fixture.outcomes(["acme"]).await, ["in"]);
}

#[tokio::test(start_paused = true)]
async fn places_taken_outlive_a_sweep() {
    let fixture = Fixture::fresh(limits(Rate::UNLIMITED, 1)).await;
    let running = fixture.admit("acme").await.unwrap();
    sleep(3 * SAVE_EVERY).await;
    let refused = fixture.admit("acme").await.unwrap_err();
    assert_eq!(refused, Refusal::TooManyInFlight { limit: 1 });
    drop(running);
    drop(fixture.admit("acme").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn local_callers_need_no_actor_and_delegated_ones_do() {
    let (_temp, key) = key().await;
    let (puts, _received) = mpsc::unbounded_channel();
    let settings = Settings {
        limits: limits(Rate::UNLIMITED, 9),
        key,
        store: Arc::new(ToldStore { found: || Ok(None), puts }),
        clock: WallClock::system(),
        save_every: SAVE_EVERY,
    };
    let (handle, ended) = start(settings, None).await.unwrap();
    let grant = handle.grant(id("acme")).await.unwrap();
    assert_eq!(handle.grant(id("nobody")).await.unwrap_err(), Refusal::UnknownDelegator);
    handle.stop();
    ended.await.unwrap();

    let local = Caller::Local(LocalCaller::new("stdio"));
    let admission = handle.admit(local, Cost::new(u32::MAX).unwrap()).await.unwrap();
    assert_eq!(admission.caller().to_string(), "stdio");
    let refused = handle.admit(Caller::Delegated(grant), Cost::ONE).await.unwrap_err();
    assert_eq!(refused, Refusal::Unavailable);
    assert_eq!(handle.set_limits(Limits::default()), Err(DelegationDown));
    assert!(matches!(handle.drain(LIMIT).await, Err(DrainError::Down)));
    assert!(!handle.public_jwk().kid().is_empty());
}

#[tokio::test(start_paused = true)]
async fn new_limits_hold_at_once_and_keep_what_was_used() {
    let fixture = Fixture::fresh(limits(rate(5, 3), 9)).await;
    assert_eq!(fixture.outcomes(["acme"; 3]).await, ["in"; 3]);
    sleep(Duration::from_millis(50)).await;
    fixture.handle.set_limits(limits(rate(1, 1), 9)).unwrap();
    assert_eq!(fixture.outcomes(["acme"]).await, ["wait 550"]);
    fixture.handle.set_limits(Limits::default()).unwrap();
    assert_eq!(fixture.outcomes(["acme"]).await, ["delegator is unknown"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_used_is_kept_every_few_seconds_if_it_changed() {
    let mut fixture = Fixture::fresh(limits(Rate::per(6, LIMIT, 3).unwrap(), 9)).await;
    sleep(3 * SAVE_EVERY + Duration::from_secs(1)).await;
    assert!(fixture.puts.try_recv().is_err(), "nothing happened, nothing is written");

    drop(fixture.admit("acme").await.unwrap());
    let (body, reply) = fixture.next_put().await;
    // Ten seconds for one unit, four of which have passed.
    let expected = format!(r#"{{"format":1,"tats":{{"acme":{}}}}}"#, NOON + 6_000 * MS);
    assert_eq!(body, expected);
    reply.send(Ok(())).unwrap();
    sleep(3 * SAVE_EVERY).await;
    assert!(fixture.puts.try_recv().is_err(), "it was written once");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_store_holds_up_no_call() {
    let mut fixture = Fixture::fresh(limits(Rate::per(1, LIMIT, 9).unwrap(), 9)).await;
    drop(fixture.admit("acme").await.unwrap());
    let _unanswered = fixture.next_put().await;
    assert_eq!(fixture.outcomes(["acme"; 3]).await, ["in"; 3]);
    sleep(9 * SAVE_EVERY).await;
    assert!(fixture.puts.try_recv().is_err(), "one write at a time");
    let drained = fixture.handle.drain(Duration::from_secs(1)).await;
    assert!(matches!(drained, Err(DrainError::DeadlineExceeded { .. })), "{drained:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_tried_again() {
    let mut fixture = Fixture::fresh(limits(Rate::per(1, LIMIT, 9).unwrap(), 9)).await;
    drop(fixture.admit("acme").await.unwrap());
    let (first, reply) = fixture.next_put().await;
    reply.send(full_disk()).unwrap();
    let (second, reply) = fixture.next_put().await;
    assert!(first.contains("acme") && second.contains("acme"), "{first} {second}");
    reply.send(Ok(())).unwrap();
    sleep(3 * SAVE_EVERY).await;
    assert!(fixture.puts.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn draining_refuses_calls_and_ends_when_the_last_is_kept() {
    let mut fixture = Fixture::fresh(limits(Rate::per(1, LIMIT, 9).unwrap(), 9)).await;
    drop(fixture.admit("acme").await.unwrap());
    let (body, earlier) = fixture.next_put().await;
    assert!(!body.contains("globex"));
    drop(fixture.admit("globex").await.unwrap());

    let handle = fixture.handle.clone();
    let drained = tokio::spawn(async move { handle.drain(LIMIT).await });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(fixture.admit("acme").await.unwrap_err(), Refusal::Unavailable);
    earlier.send(Ok(())).unwrap();
    let (body, reply) = fixture.next_put().await;
    assert!(body.contains("globex") && !drained.is_finished());
    reply.send(Ok(())).unwrap();
    drained.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn draining_tells_if_nothing_could_be_kept() {
    let mut fixture = Fixture::fresh(limits(rate(1, 1), 9)).await;
    let handle = fixture.handle.clone();
    let drained = tokio::spawn(async move { handle.drain(LIMIT).await });
    let (_, reply) = fixture.next_put().await;
    reply.send(full_disk()).unwrap();
    let drained = drained.await.unwrap();
    assert!(matches!(drained, Err(DrainError::NotSaved { .. })), "{drained:?}");
}

/// What two calls of `acme` get at `start` of a run that finds `found`, at five a
/// second in bursts of three.
async fn check_start(
    found: fn() -> Result<Option<Vec<u8>>, StoreError>,
    expected: [&str; 2],
) -> Fixture {
    let fixture = Fixture::new(limits(rate(5, 3), 9), found).await;
    assert_eq!(fixture.outcomes(["acme"; 2]).await, expected);
    fixture
}

fn saved(tat: u64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(Some(format!(r#"{{"format":1,"tats":{{"acme":{tat},"gone":{tat}}}}}"#).into_bytes()))
}

#[tokio::test(start_paused = true)]
async fn a_restart_gives_back_nothing_but_the_time_that_passed() {
    check_start(|| saved(NOON + 550 * MS), ["wait 150", "wait 150"]).await;
    check_start(|| saved(NOON + 300 * MS), ["in", "wait 100"]).await;
    check_start(|| saved(NOON - 1), ["in", "in"]).await;
    check_start(|| Ok(None), ["in", "in"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_locks_nobody_out() {
    check_start(|| saved(NOON + 86_400_000 * MS), ["wait 200", "wait 200"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_counts_as_used_up_and_is_replaced() {
    check_start(|| Err(StoreError::Closed), ["wait 200", "wait 200"]).await;
    let mut fixture = check_start(|| Ok(Some(b"torn".to_vec())), ["wait 200", "wait 200"]).await;
    fixture.wall.store(NOON + 5_000 * MS, Ordering::Relaxed);
    let (body, _) = fixture.next_put().await;
    assert_eq!(body, r#"{"format":1,"tats":{}}"#, "by then everybody has everything again");
}

#[tokio::test]
async fn a_real_store_keeps_what_was_used() {
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::claim(temp.path()).unwrap();
    let key = Arc::new(OwnKey::open(&dir).await.unwrap());
    for (run, allowed) in [(1, true), (2, false)] {
        let clock = WallClock::new(|| NOON);
        let store = SqliteStore::open(&dir, clock.clone()).await.unwrap();
        let settings = Settings {
            limits: limits(Rate::per(1, 60 * LIMIT, 1).unwrap(), 1),
            key: key.clone(),
            store: Arc::new(store.clone()),
            clock,
            save_every: SAVE_EVERY,
        };
        let (handle, ended) = start(settings, None).await.unwrap();
        let caller = Caller::Delegated(handle.grant(id("acme")).await.unwrap());
        assert_eq!(handle.admit(caller, Cost::ONE).await.is_ok(), allowed, "run {run}");
        handle.drain(LIMIT).await.unwrap();
        handle.stop();
        ended.await.unwrap();
        store.close().await.unwrap();
    }
}
