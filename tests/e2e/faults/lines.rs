//! Rows R21 and R23 to R28: lines that are written oddly, and answers to nobody or to the wrong one.
//! Lines that are too long are in `floods.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Victim, failure};
use crate::world::{SOON, client, mock, mock_with, serve, status, wait_status, wait_tool};

#[tokio::test]
async fn r21_an_answer_that_is_not_text_fails_its_call_at_once() {
    let daemon = serve(json!({ "a": mock(&["--fault-tools"]) })).await.unwrap();
    wait_tool(&daemon, "a.bad_utf8").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.bad_utf8", json!({})).await.unwrap();
    println!("R21: failed after {:.1?}", begun.elapsed());
    assert_eq!(failure(&reply)["reason"], "bad_answer", "{}", reply.message);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let next = client(&daemon).call("a.echo", json!({ "text": "ok" })).await.unwrap();
    assert_eq!(next.text().unwrap(), "ok");
}

#[tokio::test]
async fn r23_an_answer_byte_by_byte_arrives() {
    let daemon = serve(json!({ "a": mock(&["--fault-tools"]) })).await.unwrap();
    wait_tool(&daemon, "a.dribble").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.dribble", json!({ "text": "drip" })).await.unwrap();
    println!("R23: whole after {:.1?}", begun.elapsed());
    assert_eq!(reply.text().unwrap(), "drip");
}

#[tokio::test]
async fn r24_odd_line_ends_marks_blanks_and_progress_displays_are_understood() {
    let (mut good, mut all) = (0, 0);
    for fault in ["crlf", "bom", "blank", "cr_progress"] {
        let daemon = serve(json!({ "a": mock(&["--fault", fault]) })).await.unwrap();
        wait_tool(&daemon, "a.echo").await.unwrap();
        for text in ["", "x", "two\nlines", "a\rb"] {
            let reply = client(&daemon).call("a.echo", json!({ "text": text })).await.unwrap();
            all += 1;
            good += usize::from(reply.text().unwrap() == text);
        }
    }
    println!("R24: {good} of {all} answers understood");
    assert_eq!(good, all);
}

#[tokio::test]
async fn r25_log_text_between_the_messages_is_skipped_and_told_once() {
    let entry = mock_with(&["--fault-tools"], super::heartbeat(1000, 500, 2));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.noise").await.unwrap();
    let begun = Instant::now();
    let reply = client(&daemon).call("a.noise", json!({ "text": "heard" })).await.unwrap();
    println!("R25: an answer behind 2,000 lines of text after {:.1?}", begun.elapsed());
    assert_eq!(reply.text().unwrap(), "heard");
    let told = |line: &Value| line.to_string().contains("no messages").then(|| line.clone());
    let first = daemon.wait_log("the noise is told", SOON, told).await.unwrap();
    assert_eq!(first["level"], "WARN", "{first}");
    let lines = daemon.log_lines().iter().filter_map(told).count();
    assert!(lines <= 1 + begun.elapsed().as_secs() as usize, "{lines} lines about it");
    assert_eq!(first["lines"], 2000, "{first}");
}

#[tokio::test]
async fn r25_a_server_that_writes_much_garbage_is_degraded_until_it_stops() {
    let daemon = serve(json!({ "a": mock(&["--fault-tools"]) })).await.unwrap();
    wait_tool(&daemon, "a.noise").await.unwrap();
    let some = json!({ "text": "some", "arg": "900" });
    client(&daemon).call("a.noise", some).await.unwrap();
    assert_eq!(status(&daemon, "a").await.unwrap()["state"], "running");
    let begun = Instant::now();
    client(&daemon).call("a.noise", json!({ "text": "much" })).await.unwrap();
    let bad = wait_status(&daemon, "a", |row| row["state"] == "degraded").await.unwrap();
    println!("R25: degraded after {:.1?}", begun.elapsed());
    assert_eq!(bad["degraded"]["code"], "garbage", "{bad}");
    let told = bad["degraded"]["message"].as_str().unwrap();
    assert!(told.starts_with("wrote 2900 lines that are no messages"), "{told}");
    let reply = client(&daemon).call("a.echo", json!({ "text": "still there" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "still there");
    let good = wait_status(&daemon, "a", |row| row["state"] == "running").await.unwrap();
    println!("R25: healthy again after {:.1?}", begun.elapsed());
    assert_eq!((&good["health"], &good["generation"]), (&json!("healthy"), &json!(1)), "{good}");
    assert!(good.get("degraded").is_none(), "{good}");
}

/// Many callers at once, each with a text of its own, call `tools` in turn. Returns for each tool
/// how many got their own text and how many an error; anything else is another one's answer.
async fn mingle(
    tools: &[&'static str],
    callers: usize,
    rounds: usize,
) -> BTreeMap<&'static str, (usize, usize)> {
    let entry = mock_with(&["--fault-tools"], json!({ "timeout": "700ms", "maxInFlight": 256 }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let mut calls = JoinSet::new();
    for caller in 0..callers {
        let client = client(&daemon);
        let tools = tools.to_vec();
        calls.spawn(async move {
            let mut seen = Vec::new();
            for round in 0..rounds {
                let tool = tools[(caller + round) % tools.len()];
                let text = format!("{tool} {caller} {round}");
                let reply = client.call(&format!("a.{tool}"), json!({ "text": text })).await;
                let reply = reply.unwrap();
                // This fault has a text of its own.
                let own = if tool == "str_id" { "id as text" } else { text.as_str() };
                if !reply.is_error() {
                    assert_eq!(reply.text().unwrap(), own, "the answer of another call");
                }
                seen.push((tool, reply.is_error()));
            }
            seen
        });
    }
    let mut sums = BTreeMap::new();
    for (tool, failed) in calls.join_all().await.into_iter().flatten() {
        let sum: &mut (usize, usize) = sums.entry(tool).or_default();
        if failed { sum.1 += 1 } else { sum.0 += 1 }
    }
    sums
}

#[tokio::test]
async fn r26_an_answer_never_reaches_another_call_whatever_its_id() {
    let tools = ["wrong_id", "dup_id", "str_id", "null_id", "echo"];
    let sums = mingle(&tools, 40, 10).await;
    println!("R26: (own answers, errors): {sums:?}; another's answers: 0");
    for (tool, fails) in
        [("wrong_id", true), ("null_id", true), ("dup_id", false), ("str_id", false)]
    {
        assert_eq!(sums[tool].0 == 0, fails, "{tool}: {sums:?}");
    }
    assert!(sums["dup_id"].1 == 0 && sums["echo"].1 == 0, "{sums:?}");
}

#[tokio::test]
async fn r27_an_answer_after_the_limit_is_thrown_away_and_its_place_is_free() {
    let sums = mingle(&["late", "echo"], 40, 6).await;
    println!("R27: (own answers, errors): {sums:?}; another's answers: 0");
    assert_eq!(sums["late"].0, 0, "{sums:?}");
    assert_eq!(sums["echo"].1, 0, "{sums:?}");
    let victim = Victim::hardy(&[], json!({ "timeout": "200ms", "maxInFlight": 1 }));
    let daemon = serve(json!({ "a": victim.entry })).await.unwrap();
    wait_tool(&daemon, "a.late").await.unwrap();
    let client = client(&daemon);
    for round in 0..5 {
        let late = client.call("a.late", json!({ "text": "late" })).await.unwrap();
        assert_eq!(failure(&late)["reason"], "timeout", "{}", late.message);
        wait_status(&daemon, "a", |row| row["in_flight"] == 0).await.unwrap();
        let text = format!("next {round}");
        let next = client.call("a.echo", json!({ "text": text })).await.unwrap();
        assert_eq!(next.text().unwrap(), text, "its place is free at once");
    }
    assert_eq!(victim.journal.started().len(), 1);
}

#[tokio::test]
async fn r28_what_a_server_asks_on_a_shared_pipe_is_answered_at_once() {
    for era in ["legacy", "modern"] {
        let daemon = serve(json!({ "a": mock(&["--fault-tools", "--era", era]) })).await.unwrap();
        wait_tool(&daemon, "a.ask_back").await.unwrap();
        let begun = Instant::now();
        let reply = client(&daemon).call("a.ask_back", json!({})).await.unwrap();
        let told: Value = serde_json::from_str(reply.text().unwrap()).unwrap();
        println!("R28: {era}: {told} after {:.1?}", begun.elapsed());
        assert_eq!(told["ping"], "result", "{told}");
        for refused in ["roots/list", "sampling/createMessage", "elicitation/create"] {
            assert_eq!(told[refused], "error", "{told}");
        }
        assert!(begun.elapsed() < Duration::from_millis(1900), "{:?}", begun.elapsed());
    }
}
