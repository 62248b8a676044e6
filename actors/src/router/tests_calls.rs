//! Calls through the router to a server that the test plays, on a paused clock.
//! The rulings themselves are in `tests_routes.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{RouterActor, RouterHandle};
use crate::audience::principal_of;
use crate::delegation::Admission;
use crate::model::{
    Call, CallError, Cause, Downfall, Inquiries, Need, Outage, ServerState, Target,
};
use crate::server::tests_peer::{Exit, Peer};
use crate::wire::{Abilities, CallParams, Outcome};

type Result = std::result::Result<Outcome, CallError>;

/// A router for one server, `a`, whose calls may take 60 s; 3 calls may wait, 5 be under way.
async fn router() -> RouterHandle {
    let router = RouterActor::start(3, 5).await.unwrap();
    router.retune(Arc::new(crate::tests::spec("a")));
    router
}

fn params(params: &str) -> Box<CallParams> {
    Box::new(CallParams::read(Some(&Bytes::copy_from_slice(params.as_bytes()))).unwrap())
}

async fn run(router: RouterHandle, call: Call) -> Result {
    let admission = Admission::local("test");
    let target = Target { server: crate::tests::id("a"), name: "bare".into() };
    let principal = principal_of(admission.caller());
    let tenancy = router.tenancy(&target.server, &principal, call.seat.as_ref());
    router.call(&admission, &target, tenancy, call).await.map(|answer| answer.outcome)
}

/// Makes a call, waiting for at most `seconds` or as long as the server's settings say.
fn call(router: &RouterHandle, seconds: Option<u64>) -> JoinHandle<Result> {
    let deadline = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let params = params(r#"{"name":"a.bare","arguments":{"n":1}}"#);
    tokio::spawn(run(router.clone(), Call { deadline, ..Call::new(params) }))
}

fn down(router: &RouterHandle, state: ServerState, cause: Option<Cause>, wakeable: bool) {
    let outage =
        Outage { state, downfall: cause.map(Downfall::silent), next_try: None, returning: false };
    router.server_down(Arc::new(crate::tests::spec("a")), outage, wakeable);
}

/// What came of a call, in short.
#[track_caller]
fn check(result: std::result::Result<Result, tokio::task::JoinError>, expected: &str) {
    let found = match result.unwrap() {
        Ok(Outcome::Result(raw)) => format!("result {}", String::from_utf8_lossy(&raw)),
        Ok(Outcome::Error(raw)) => format!("error {}", String::from_utf8_lossy(&raw)),
        Err(error) => format!("{}, {error}", error.fate().as_str()),
    };
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn a_call_reaches_the_server_under_its_own_name_and_the_answer_comes_back() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let waiting = call(&router, None);
    let request = peer.read().await;
    assert_eq!(request["method"], "tools/call");
    assert_eq!(request["params"], json!({ "name": "bare", "arguments": { "n": 1 } }));
    peer.answer(&request, r#"{"content":[]}"#).await;
    check(waiting.await, r#"result {"content":[]}"#);
    assert!(peer.reads_nothing().await, "an answered call is not taken back");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_server_is_an_answer() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let waiting = call(&router, None);
    let id = peer.read().await["id"].clone();
    peer.say(&format!(r#"{{"jsonrpc":"2.0","error":{{"code":7,"message":"no"}},"id":{id}}}"#))
        .await;
    check(waiting.await, r#"error {"code":7,"message":"no"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_call_past_its_deadline_fails_then_and_is_taken_back() {
    for (seconds, expected) in [(Some(3), 3), (None, 60)] {
        let (router, mut peer) = (router().await, Peer::start());
        router.server_up(peer.link("a", 1));
        let begun = Instant::now();
        let waiting = call(&router, seconds);
        let request = peer.read().await;
        let result = waiting.await;
        assert_eq!(begun.elapsed().as_secs(), expected);
        check(result, &format!("outcome_unknown, server `a` did not answer within {expected}s"));
        assert_cancelled(&mut peer, &request).await;
        assert_eq!(peer.lane.in_flight(), 0);
    }
}

/// The server is told once that nobody waits for `request`.
async fn assert_cancelled(peer: &mut Peer, request: &Value) {
    let told = peer.read().await;
    assert_eq!(told["method"], "notifications/cancelled");
    assert_eq!(told["params"]["requestId"], request["id"]);
    assert!(peer.reads_nothing().await, "told once");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_the_call_back_once_and_frees_its_place() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let waiting = call(&router, None);
    let request = peer.read().await;
    assert_eq!(peer.lane.in_flight(), 1);
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_cancelled(&mut peer, &request).await;
    assert_eq!(peer.lane.in_flight(), 0);
    peer.answer(&request, "{}").await;
    peer.settle().await;
    assert_eq!(peer.lane.gauges().unmatched.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_over_the_limit_of_the_server_is_refused_at_once() {
    let (router, mut peer) = (router().await, Peer::with(2, 1 << 16));
    router.server_up(peer.link("a", 1));
    let _waiting = [call(&router, None), call(&router, None)];
    peer.read().await;
    peer.read().await;
    let begun = Instant::now();
    let result = call(&router, None).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    check(result, "not_sent, server `a` has 2 calls under way, the most it takes");
}

#[tokio::test(start_paused = true)]
async fn the_total_is_limited_too_and_a_call_that_ended_makes_room() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let mut waiting: Vec<_> = (0..5).map(|_| call(&router, None)).collect();
    let request = peer.read().await;
    check(
        call(&router, None).await,
        "not_sent, this gateway has 5 calls under way, the most it takes",
    );
    waiting.swap_remove(0).abort();
    peer.answer(&request, "{}").await;
    peer.settle().await;
    let next = call(&router, Some(1)).await;
    check(next, "outcome_unknown, server `a` did not answer within 1s");
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_server_that_is_starting_and_is_sent_when_it_is_up() {
    let (router, mut peer) = (router().await, Peer::start());
    down(&router, ServerState::Starting, None, false);
    let waiting = call(&router, None);
    tokio::time::sleep(Duration::from_secs(30)).await;
    router.server_up(peer.link("a", 1));
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    check(waiting.await, "result 1");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_in_vain_was_not_sent_and_is_never_sent() {
    let (router, mut peer) = (router().await, Peer::start());
    down(&router, ServerState::Starting, None, false);
    check(call(&router, Some(3)).await, "not_sent, server `a` did not answer within 3s");
    router.server_up(peer.link("a", 1));
    assert!(peer.reads_nothing().await);
    assert_eq!(peer.lane.begun(), 0);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_told_at_once_when_the_server_is_given_up_or_gone() {
    let router = router().await;
    down(&router, ServerState::Starting, None, false);
    let waiting = call(&router, None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    down(&router, ServerState::Failed, Some(Cause::Exited(3)), false);
    let text = "not_sent, server `a` is unavailable: it is";
    check(waiting.await, &format!("{text} failed after it exited with code 3"));
    down(&router, ServerState::Starting, None, false);
    let waiting = call(&router, None);
    tokio::time::sleep(Duration::from_secs(1)).await;
    router.forget(crate::tests::id("a"));
    check(waiting.await, &format!("{text} stopped"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_rests_is_asked_to_start_by_the_call_that_needs_it() {
    let (router, mut peer) = (router().await, Peer::start());
    let (woken, mut wakes) = mpsc::unbounded_channel();
    router.set_needs(Arc::new(move |need| drop(woken.send(need))));
    down(&router, ServerState::Stopped, None, true);
    let waiting = call(&router, None);
    assert_eq!(wakes.recv().await, Some(Need::Server(crate::tests::id("a"))));
    router.server_up(peer.link("a", 1));
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    check(waiting.await, "result 1");
}

#[tokio::test(start_paused = true)]
async fn a_crash_answers_waiting_callers_at_once() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let waiting = call(&router, None);
    peer.read().await;
    let begun = Instant::now();
    peer.exit.send_replace(Some(Exit::Code(9)));
    peer.out = None;
    check(waiting.await, "outcome_unknown, server `a` exited with code 9 during the call");
    assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_meets_a_pipe_just_closed_waits_for_the_next_life() {
    let (router, mut old) = (router().await, Peer::start());
    router.server_up(old.link("a", 1));
    old.exit.send_replace(Some(Exit::Code(1)));
    old.out = None;
    (&mut old.end).await.unwrap();
    let waiting = call(&router, None);
    tokio::time::sleep(Duration::from_millis(10)).await;
    down(&router, ServerState::Backoff, Some(Cause::Exited(1)), false);
    let mut next = Peer::start();
    router.server_up(next.link("a", 2));
    let request = next.read().await;
    next.answer(&request, "2").await;
    check(waiting.await, "result 2");
}

#[tokio::test(start_paused = true)]
async fn a_closed_router_refuses_new_calls_and_lets_the_others_end() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let waiting = call(&router, None);
    let request = peer.read().await;
    router.close();
    check(call(&router, None).await, "not_sent, the gateway is shutting down");
    peer.answer(&request, "1").await;
    check(waiting.await, "result 1");
}

#[tokio::test(start_paused = true)]
async fn a_router_that_is_gone_is_told_from_a_slow_one() {
    let router = router().await;
    router.close();
    router.stop();
    tokio::time::sleep(Duration::from_millis(1)).await;
    check(call(&router, None).await, "not_sent, the gateway is shutting down");
}

#[tokio::test(start_paused = true)]
async fn progress_reaches_the_caller_under_its_own_token_and_only_if_it_gave_one() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let (sink, mut progress) = mpsc::channel(4);
    let with = params(r#"{"name":"x","_meta":{"progressToken":"mine"}}"#);
    let call = Call { progress: Some(sink), ..Call::new(with) };
    let waiting = tokio::spawn(run(router.clone(), call));
    let request = peer.read().await;
    let token = request["params"]["_meta"]["progressToken"].clone();
    assert_ne!(token, "mine");
    let told = r#""method":"notifications/progress","params""#;
    peer.say(&format!(r#"{{"jsonrpc":"2.0",{told}:{{"progressToken":{token},"progress":1}}}}"#))
        .await;
    assert_eq!(&progress.recv().await.unwrap()[..], br#"{"progressToken":"mine","progress":1}"#);
    peer.answer(&request, "1").await;
    check(waiting.await, "result 1");
    assert_eq!(progress.recv().await, None, "the sink ends with the call");
}

#[tokio::test(start_paused = true)]
async fn while_a_server_waits_for_its_caller_the_time_of_the_call_stands_still() {
    let (router, mut peer) = (router().await, Peer::start());
    router.server_up(peer.link("a", 1));
    let (sink, mut asked) = mpsc::channel(4);
    let abilities = Abilities { form: true, ..Abilities::default() };
    let inquiries = Some(Inquiries { sink: Some(sink), abilities, lacked: Arc::default() });
    let deadline = Some(Instant::now() + Duration::from_secs(2));
    let call = Call { deadline, inquiries, ..Call::new(params(r#"{"name":"x"}"#)) };
    let waiting = tokio::spawn(run(router.clone(), call));
    let request = peer.read().await;
    peer.say(r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}"#).await;
    let inquiry = asked.recv().await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    inquiry.answer(Outcome::Result("{}".into()));
    peer.read().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    peer.answer(&request, "1").await;
    check(waiting.await, "result 1");
}
