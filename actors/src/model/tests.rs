//! What a failed call means to its caller: whether it may be repeated, when, and in which words.
//! How failures come about is tested with the actors.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{CallError, Cause, Downfall, Many, Outage, ServerState};
use crate::tests::id;
use crate::wire::CallKind;

const SECOND: Duration = Duration::from_secs(1);

fn errors(now: Instant) -> Vec<CallError> {
    let server = id("a");
    let downfall = Downfall::silent(Cause::Exited(7));
    let outage = |next_try| Outage {
        state: ServerState::Backoff,
        downfall: Some(Arc::clone(&downfall)),
        next_try,
        returning: false,
    };
    let lost = |sent| CallError::Lost { server: id("a"), downfall: Arc::clone(&downfall), sent };
    let late = |sent| CallError::DeadlineExceeded { server: id("a"), limit: SECOND * 60, sent };
    let unavailable = |at| CallError::Unavailable { server: id("a"), outage: outage(at) };
    vec![
        CallError::Unknown { kind: CallKind::Tool, name: "x".into(), candidates: Vec::new() },
        unavailable(None),
        unavailable(Some(now + SECOND * 3)),
        unavailable(now.checked_sub(SECOND)),
        lost(false),
        lost(true),
        late(false),
        late(true),
        CallError::Busy { what: "this gateway".to_owned(), many: Many::Calls, limit: 5 },
        CallError::Busy { what: "server `a`".to_owned(), many: Many::Instances, limit: 5 },
        CallError::BadAnswer { server, reason: "too long".to_owned() },
        CallError::RateLimited { retry_after: Some(SECOND) },
        CallError::RateLimited { retry_after: None },
        CallError::ShuttingDown,
    ]
}

#[test]
fn a_failure_says_what_became_of_the_call_and_when_to_come_back() {
    let now = Instant::now();
    let wait = |wait: Option<Duration>| wait.map_or("-".to_owned(), |wait| format!("{wait:?}"));
    let words = errors(now).into_iter().map(|error| {
        let (reason, fate) = (error.reason(), error.fate().as_str());
        format!("{reason} {fate} {}: {error}", wait(error.retry_after(now)))
    });
    let down = "server `a` is unavailable: it is backoff after it exited with code 7";
    let lost = "server `a` exited with code 7 during the call";
    let late = "server `a` did not answer within 60s";
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            "unknown_tool not_sent -: unknown tool `x`".to_owned(),
            format!("server_unavailable not_sent -: {down}"),
            format!("server_unavailable not_sent 3s: {down}"),
            format!("server_unavailable not_sent 0ns: {down}"),
            format!("connection_lost not_sent 500ms: {lost}"),
            format!("connection_lost outcome_unknown 500ms: {lost}"),
            format!("timeout not_sent -: {late}"),
            format!("timeout outcome_unknown -: {late}"),
            "overloaded not_sent 100ms: this gateway has 5 calls under way, the most it takes"
                .to_owned(),
            "overloaded not_sent 1s: server `a` has 5 instances, the most it takes".to_owned(),
            "bad_answer completed -: server `a` gave an answer that cannot be used: too long"
                .to_owned(),
            "rate_limited not_sent 1s: rate limit reached".to_owned(),
            "rate_limited not_sent -: rate limit reached".to_owned(),
            "shutting_down not_sent -: the gateway is shutting down".to_owned(),
        ]
    );
}

#[test]
fn the_server_and_its_end_are_named_where_they_are_the_reason() {
    for error in errors(Instant::now()) {
        let ended = matches!(error, CallError::Unavailable { .. } | CallError::Lost { .. });
        assert_eq!(error.downfall().is_some(), ended, "{error}");
        let named = !matches!(error, CallError::Busy { .. });
        let told = named && error.to_string().contains("`a`");
        assert_eq!(error.server().is_some(), told, "{error}");
    }
}

#[test]
fn words_for_ends_and_states_are_stable_and_told_apart() {
    let causes = [
        Cause::Exited(1),
        Cause::Signalled(9),
        Cause::Spawn("x".into()),
        Cause::Handshake("x".into()),
        Cause::StartTimeout(SECOND),
        Cause::OutputClosed,
        Cause::InputStuck,
        Cause::EndlessLine(1),
        Cause::Silent(SECOND),
        Cause::Actor("x".into()),
        Cause::Asked,
    ];
    assert_eq!(
        causes.each_ref().map(Cause::code),
        [
            "exited",
            "signalled",
            "spawn_failed",
            "handshake_failed",
            "start_timeout",
            "output_closed",
            "input_stuck",
            "endless_line",
            "heartbeat_lost",
            "actor_failed",
            "stopped",
        ]
    );
    let states = [
        (ServerState::Stopped, "stopped", false, false),
        (ServerState::Starting, "starting", false, true),
        (ServerState::Running, "running", true, false),
        (ServerState::Degraded, "degraded", true, false),
        (ServerState::Backoff, "backoff", false, true),
        (ServerState::Failed, "failed", false, false),
        (ServerState::Draining, "draining", false, false),
    ];
    for (state, word, is_up, is_coming) in states {
        assert_eq!((state.as_str(), state.is_up(), state.is_coming()), (word, is_up, is_coming));
    }
}
