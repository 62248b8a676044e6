//! This file checks what agents are told, and that the documentation says the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conductor_actors::wire::{CallKind, Id};
use conductor_actors::{CallError, Cause, Downfall, HttpRefusal, Many, Outage, ServerState};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::failure::FAILURE;
use super::*;
use crate::door::era::Era;

const MANUAL: &str = include_str!("../../../docs/errors.md");

fn failed(error: &CallError, era: Era, secrets: &[&str], now: Instant) -> Value {
    let secrets = secrets.iter().copied().collect();
    let body = failed_call(&Id::from_number(1), CallKind::Tool, error, era, &secrets, now);
    serde_json::from_slice(&body).unwrap()
}

fn downfall(cause: Cause, tail: &[&str]) -> Arc<Downfall> {
    let stderr_tail = tail.iter().map(|line| Arc::from(*line)).collect();
    Arc::new(Downfall { cause, stderr_tail })
}

#[track_caller]
fn check(error: &CallError, text: &str, facts: &str) {
    let answer = failed(error, Era::Legacy, &[], Instant::now());
    let result = &answer["result"];
    assert_eq!(result["isError"], true);
    assert_eq!(result["content"][0]["text"], text);
    let facts: Value = serde_json::from_str(facts).unwrap();
    assert_eq!(result["_meta"][FAILURE], facts);
}

#[test]
fn a_failed_call_says_what_happened_and_what_is_known() {
    let server = || "git".parse().unwrap();
    check(
        &CallError::Unavailable {
            server: server(),
            outage: Outage {
                state: ServerState::Failed,
                downfall: None,
                next_try: None,
                returning: false,
            },
        },
        "Server `git` is unavailable: it failed too often and rests. \
         The call was not sent: repeating it is safe.",
        r#"{"reason":"server_unavailable","fate":"not_sent","server":"git"}"#,
    );
    check(
        &CallError::Lost {
            server: server(),
            downfall: downfall(Cause::Signalled(9), &["one", "two\u{1b}[1m"]),
            sent: true,
        },
        "The connection to server `git` was lost during the call: \
         it was killed by signal 9 (SIGKILL). \
         The call may or may not have taken effect. Try again in 500 ms.",
        r#"{"reason":"connection_lost","fate":"outcome_unknown","server":"git",
            "cause":{"code":"signalled","message":"was killed by signal 9 (SIGKILL)","signal":9},
            "stderrTail":["one","two[1m"],"retryAfterMs":500}"#,
    );
    check(
        &CallError::DeadlineExceeded {
            server: server(),
            limit: Duration::from_secs(60),
            sent: true,
        },
        "Server `git` did not answer within 60 s. The call may or may not have taken effect.",
        r#"{"reason":"timeout","fate":"outcome_unknown","server":"git"}"#,
    );
    check(
        &CallError::Busy { what: "server `git`".to_owned(), many: Many::Calls, limit: 64 },
        "Too many calls at once: server `git` has 64 under way, the most it takes. \
         The call was not sent: repeating it is safe. Try again in 100 ms.",
        r#"{"reason":"overloaded","fate":"not_sent","retryAfterMs":100}"#,
    );
    check(
        &CallError::BadAnswer { server: server(), reason: "too\nlong".to_owned() },
        "Server `git` gave an answer that cannot be used: toolong. The call was carried out.",
        r#"{"reason":"bad_answer","fate":"completed","server":"git"}"#,
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_try_is_told() {
    let now = Instant::now();
    let outage = Outage {
        state: ServerState::Backoff,
        downfall: Some(downfall(Cause::Exited(3), &[])),
        next_try: Some(now + Duration::from_millis(3_200)),
        returning: true,
    };
    let error = CallError::Unavailable { server: "a/git".parse().unwrap(), outage };
    let answer = failed(&error, Era::Modern, &[], now);
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("`a/git`") && text.contains("exited with code 3"), "{text}");
    assert!(text.ends_with("Try again in 4 s."), "{text}");
    let facts = &answer["result"]["_meta"][FAILURE];
    assert_eq!(facts["retryAfterMs"], 3_200);
    assert_eq!(facts["cause"]["exitCode"], 3);
    assert_eq!(answer["result"]["resultType"], "complete");
}

#[test]
fn neither_secrets_nor_endless_stderr_are_shown() {
    let long = "x".repeat(4_000);
    let mut tail = vec!["old"; 15];
    tail.extend(["token is s3cr3t-token!", &long]);
    let error = CallError::Lost {
        server: "git".parse().unwrap(),
        downfall: downfall(Cause::Spawn("/home/someone/bin: not found".into()), &tail),
        sent: false,
    };
    let answer = failed(&error, Era::Legacy, &["s3cr3t-token", "is"], Instant::now());
    let shown = answer.to_string();
    assert!(!shown.contains("s3cr3t") && !shown.contains("someone"), "{shown}");
    let tail = answer["result"]["_meta"][FAILURE]["stderrTail"].as_array().unwrap();
    assert_eq!(tail.len(), 10);
    assert_eq!(tail[8], "token is [redacted]!");
    assert!(shown.len() < 1_500, "{}", shown.len());
}

#[test]
fn an_unsupported_version_is_told_what_is_supported() {
    for (era, supported) in [
        (Era::Modern, json!(["2026-07-28"])),
        (Era::Legacy, json!(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])),
    ] {
        let refusal = Refusal::UnsupportedVersion { requested: "2099-01-01".to_owned(), era };
        let answer = refuse(None, &refusal);
        let body: Value = serde_json::from_slice(&answer.into_body()).unwrap();
        assert_eq!(body["id"], Value::Null);
        assert_eq!(body["error"]["data"]["supported"], supported);
        assert_eq!(body["error"]["data"]["requested"], "2099-01-01");
    }
}

/// The rows of the manual whose first cell looks like this.
fn rows(first: impl Fn(&str) -> bool) -> BTreeSet<Vec<String>> {
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>()
    };
    let tables = MANUAL.lines().filter(|line| line.starts_with('|')).map(cells);
    tables.filter(|row| first(&row[0])).map(|row| row.into_iter().take(3).collect()).collect()
}

#[test]
fn the_manual_lists_exactly_the_codes_there_are() {
    let code = |code: &codes::Code| {
        vec![code.number.to_string(), code.reason.to_owned(), code.status.to_string()]
    };
    let expected: BTreeSet<_> = codes::ALL.iter().map(code).collect();
    assert_eq!(rows(|first| first.starts_with("-3")), expected);
}

#[test]
fn the_manual_lists_exactly_the_http_refusals_there_are() {
    let listed: BTreeSet<_> = rows(|first| first.len() == 3 && first.parse::<u16>().is_ok())
        .into_iter()
        .map(|row| (row[0].parse::<u16>().unwrap(), row[1].clone()))
        .collect();
    let row = |problem: &Problem| (problem.listed().0, problem.listed().1.to_owned());
    assert_eq!(listed, Problem::ALL.iter().map(row).collect());
}

#[test]
fn the_manual_lists_exactly_the_ways_a_call_fails() {
    let server = || "t".parse().unwrap();
    let outage =
        Outage { state: ServerState::Failed, downfall: None, next_try: None, returning: false };
    let end = || downfall(Cause::Asked, &[]);
    let limit = Duration::from_secs(1);
    let refused = |no| CallError::Refused { server: server(), no };
    let failures = [
        CallError::Unavailable { server: server(), outage },
        CallError::Lost { server: server(), downfall: end(), sent: false },
        CallError::Lost { server: server(), downfall: end(), sent: true },
        CallError::DeadlineExceeded { server: server(), limit, sent: false },
        CallError::DeadlineExceeded { server: server(), limit, sent: true },
        CallError::Busy { what: String::new(), many: Many::Calls, limit: 1 },
        CallError::Busy { what: String::new(), many: Many::Instances, limit: 1 },
        CallError::BadArguments { server: server(), faults: Vec::new() },
        CallError::BadAnswer { server: server(), reason: String::new() },
        refused(HttpRefusal::Throttled { retry_after: limit }),
        refused(HttpRefusal::Status { status: 401, reason: String::new() }),
        refused(HttpRefusal::Status { status: 502, reason: String::new() }),
        CallError::RateLimited { retry_after: None },
        CallError::ShuttingDown,
    ];
    let row = |error: &CallError| (error.reason().to_owned(), error.fate().as_str().to_owned());
    let mut expected: BTreeSet<_> = failures.iter().map(row).collect();
    for reason in ["foreign_result", "no_input"] {
        expected.insert((reason.to_owned(), "outcome_unknown".to_owned()));
    }
    let words = ["not_sent", "outcome_unknown", "completed"];
    let listed: BTreeSet<_> = rows(|_| true)
        .into_iter()
        .flat_map(|row| {
            let told = words.into_iter().filter(|word| row[1].contains(word));
            told.map(|word| (row[0].clone(), word.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn the_manual_lists_exactly_the_causes_there_are() {
    let causes = [
        Cause::Exited(1),
        Cause::Signalled(1),
        Cause::Spawn("".into()),
        Cause::Shortage("".into()),
        Cause::Handshake("".into()),
        Cause::StartTimeout(Duration::ZERO),
        Cause::OutputClosed,
        Cause::InputStuck,
        Cause::EndlessLine(1),
        Cause::Silent(Duration::ZERO),
        Cause::Actor("".into()),
        Cause::Unreachable("".into()),
        Cause::Denied("".into()),
        Cause::Throttled(Duration::ZERO),
        Cause::MemoryExceeded { used: 1, limit: 1 },
        Cause::CpuExceeded { used: 1, limit: 1 },
        Cause::Asked,
    ];
    let section = MANUAL.split("## Causes").nth(1).unwrap();
    let listed: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(word, _)| word)
        .collect();
    assert_eq!(listed, causes.iter().map(Cause::code).collect());
}
