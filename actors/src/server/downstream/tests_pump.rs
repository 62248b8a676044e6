//! The pump between two pipes, on a paused clock: the test is the child and the callers.
//! Cutting lines and writing bytes have tests beside them; lanes' limits are tested here too.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::lane::{AskError, RefusedCall};
use super::pending::ProgressPort;
use super::tests_peer::{Exit, LONG, MAX_LINE, Peer, brief};
use crate::wire::Hop;

const CALL: &str = r#"{"name":"x"}"#;

/// What becomes of one call when the server says `lines`; `ID` in them stands for its id.
async fn after(lines: &[&str]) -> String {
    let mut peer = Peer::start();
    let (_ticket, answer) = peer.call(CALL);
    let id = peer.read().await["id"].to_string();
    let begun = Instant::now();
    for line in lines {
        peer.say(&line.replace("ID", &id)).await;
    }
    let answer = brief(answer).await;
    assert_eq!(begun.elapsed(), Duration::ZERO, "at once");
    answer
}

#[track_caller]
fn unmatched(peer: &Peer) -> u64 {
    peer.lane.gauges().unmatched.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn results_and_errors_come_back_as_they_were_written() {
    for (line, expected) in [
        (r#"{"jsonrpc":"2.0","id":ID,"result":{"a" : 1.0}}"#, r#"{"a" : 1.0}"#),
        (r#"{"id":ID,"result":null,"jsonrpc":"2.0"}"#, "null"),
        (r#"{"jsonrpc":"2.0","id":ID,"error":{"code":1}}"#, r#"error {"code":1}"#),
    ] {
        assert_eq!(after(&[line]).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn noise_before_an_answer_does_no_harm() {
    let answer = r#"{"jsonrpc":"2.0","id":ID,"result":1}"#;
    let strange = r#"{"jsonrpc":"2.0","id":"c-999","result":2}"#;
    let other = r#"{"jsonrpc":"2.0","id":7,"result":3}"#;
    let none = r#"{"jsonrpc":"2.0","id":null,"error":{"code":4}}"#;
    let broken = r#"{"jsonrpc":"2.0","id":"c-999","#;
    assert_eq!(after(&["Listening!", "", "[1]", strange, other, none, broken, answer]).await, "1");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_used_ends_the_call_at_once() {
    let long = format!(r#"{{"jsonrpc":"2.0","id":ID,"result":"{}"}}"#, "x".repeat(MAX_LINE));
    assert_eq!(after(&[&long]).await, "the answer is longer than 1024 bytes");
    for garbled in [
        r#"{"jsonrpc":"2.0","id":ID,"result":{"a":"#,
        r#"{"jsonrpc":"2.0","id":ID,"result":1,"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":ID}"#,
        r#"{"id":ID,"result":1}"#,
    ] {
        let found = after(&[garbled]).await;
        assert!(found.starts_with("the answer is not readable"), "{garbled}: {found}");
    }
}

#[tokio::test(start_paused = true)]
async fn callers_with_the_same_id_and_token_are_kept_apart() {
    let mut peer = Peer::start();
    let mut answers = Vec::new();
    for number in 0..64 {
        let params =
            format!(r#"{{"name":"x","arguments":{{"n":{number}}},"_meta":{{"progressToken":1}}}}"#);
        answers.push(peer.call(&params).1);
    }
    let mut requests = Vec::new();
    for _ in 0..64 {
        requests.push(peer.read().await);
    }
    for request in requests.iter().rev() {
        peer.answer(request, &request["params"]["arguments"]["n"].to_string()).await;
    }
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(brief(answer).await, number.to_string());
    }
    assert_eq!(unmatched(&peer), 0);
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_waits_for_are_counted_and_dropped() {
    let mut peer = Peer::start();
    let (_ticket, answer) = peer.call(CALL);
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    peer.answer(&request, "2").await;
    assert_eq!(brief(answer).await, "1");
    let (ticket, _answer) = peer.call(CALL);
    let request = peer.read().await;
    ticket.cancel();
    peer.read().await;
    peer.answer(&request, "3").await;
    peer.answer(&json!({ "id": "c-12345" }), "4").await;
    peer.say(r#"{"jsonrpc":"2.0","id":null,"error":{"code":5}}"#).await;
    peer.say("no JSON").await;
    peer.settle().await;
    assert_eq!(unmatched(&peer), 4, "a second one, a late one, one never asked for, one to nobody");
    assert_eq!(peer.lane.gauges().noise.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_taken_back_is_told_to_the_server_once_and_frees_its_slot() {
    let mut peer = Peer::with(1, 1 << 16);
    let (ticket, answer) = peer.call(CALL);
    let request = peer.read().await;
    assert_eq!(peer.call_with(CALL, None).unwrap_err(), RefusedCall::Busy { limit: 1 });
    ticket.cancel();
    ticket.cancel();
    let told = peer.read().await;
    assert_eq!(told["method"], "notifications/cancelled");
    assert_eq!(told["params"]["requestId"], request["id"]);
    assert!(peer.reads_nothing().await);
    assert_eq!(brief(answer).await, "dropped");
    peer.call(CALL);
}

#[tokio::test(start_paused = true)]
async fn a_call_taken_back_after_its_answer_is_not_mentioned() {
    let mut peer = Peer::start();
    let (ticket, answer) = peer.call(CALL);
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    assert_eq!(brief(answer).await, "1");
    ticket.cancel();
    assert!(peer.reads_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn progress_comes_under_the_callers_token_and_other_members_stay() {
    let mut peer = Peer::start();
    let (sink, mut progress) = mpsc::channel(1);
    let port = ProgressPort { token: Bytes::from_static(b"1.50"), sink };
    let params = r#"{"name":"x","_meta":{"progressToken":1.50}}"#;
    let (_ticket, answer) = peer.call_with(params, Some(port)).unwrap();
    let request = peer.read().await;
    let token = &request["params"]["_meta"]["progressToken"];
    let say = |token: &str| {
        let params = format!(r#"{{"progressToken":{token},"progress":1e1,"x":[ ]}}"#);
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#)
    };
    for line in
        [say("\"c-77\""), say("5"), say("{}"), say(&token.to_string()), say(&token.to_string())]
    {
        peer.say(&line).await;
    }
    peer.settle().await;
    let expected = br#"{"progressToken":1.50,"progress":1e1,"x":[ ]}"#;
    assert_eq!(&progress.recv().await.unwrap()[..], expected);
    assert!(progress.try_recv().is_err(), "what the caller does not take is dropped");
    peer.answer(&request, "1").await;
    assert_eq!(brief(answer).await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_is_answered() {
    let mut peer = Peer::start();
    peer.say(r#"{"jsonrpc":"2.0","id":"p","method":"ping"}"#).await;
    assert_eq!(peer.read().await, json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));
    for method in ["sampling/createMessage", "roots/list", "elicitation/create"] {
        peer.say(&format!(r#"{{"jsonrpc":"2.0","id":5,"method":"{method}"}}"#)).await;
        let answer = peer.read().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(5), &json!(-32601)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_output_fails_what_is_unanswered_and_says_what_was_sent() {
    let mut peer = Peer::with(64, 64);
    let (_first, sent) = peer.call(CALL);
    peer.settle().await;
    let (_second, not_sent) = peer.call(CALL);
    peer.settle().await;
    peer.exit.send_replace(Some(Exit::Signal(9)));
    peer.out = None;
    assert_eq!(brief(sent).await, "lost, sent, was killed by signal 9");
    assert_eq!(brief(not_sent).await, "lost, not sent, was killed by signal 9");
    assert_eq!(peer.call_with(CALL, None).unwrap_err(), RefusedCall::Closed);
    assert_eq!(peer.lane.in_flight(), 0);
}

/// The words for how the pump ended.
async fn end(peer: Peer) -> String {
    timeout(LONG, peer.end).await.expect("the pump goes on").unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_the_process_explains_the_end_of_its_output() {
    let mut peer = Peer::start();
    peer.out = None;
    let exit = peer.exit.clone();
    tokio::spawn(async move {
        sleep(Duration::from_millis(100)).await;
        exit.send_replace(Some(Exit::Code(4)));
    });
    assert_eq!(end(peer).await, "exited with code 4");
    let mut peer = Peer::start();
    peer.out = None;
    let Peer { end, exit, .. } = peer;
    assert_eq!(end.await.unwrap().to_string(), "closed its output");
    drop(exit);
}

#[tokio::test(start_paused = true)]
async fn an_answer_written_just_before_the_process_ended_still_counts() {
    let mut peer = Peer::start();
    let (_ticket, answer) = peer.call(CALL);
    let request = peer.read().await;
    peer.exit.send_replace(Some(Exit::Code(0)));
    peer.settle().await;
    peer.answer(&request, "1").await;
    assert_eq!(brief(answer).await, "1");
    assert_eq!(end(peer).await, "exited with code 0");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ended_while_another_holds_its_output_is_gone_all_the_same() {
    let peer = Peer::start();
    let (_ticket, answer) = peer.call(CALL);
    let begun = Instant::now();
    peer.exit.send_replace(Some(Exit::Code(1)));
    assert_eq!(brief(answer).await, "lost, sent, exited with code 1");
    assert!(begun.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_its_input_unread_is_stuck_after_five_seconds() {
    let peer = Peer::with(64, 256);
    let begun = Instant::now();
    let big = format!(r#"{{"name":"x","arguments":{{"a":"{}"}}}}"#, "x".repeat(1000));
    let (_ticket, answer) = peer.call(&big);
    let (_other, waiting) = peer.call(CALL);
    assert_eq!(brief(answer).await, "lost, sent, does not read its input");
    assert_eq!(brief(waiting).await, "lost, not sent, does not read its input");
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_together_go_out_in_one_write() {
    let mut peer = Peer::start();
    let calls: Vec<_> = (0..8).map(|_| peer.call(CALL)).collect();
    for _ in &calls {
        peer.read().await;
    }
    assert_eq!(peer.writes.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_slowly_is_not_stuck() {
    let mut peer = Peer::with(64, 64);
    let big = format!(r#"{{"name":"x","arguments":{{"a":"{}"}}}}"#, "x".repeat(600));
    let (_ticket, answer) = peer.call(&big);
    let mut input = peer.input.take().unwrap().into_inner().into_inner();
    let mut read = Vec::new();
    while !read.ends_with(b"\n") {
        sleep(Duration::from_secs(4)).await;
        tokio::io::AsyncReadExt::read_buf(&mut input, &mut read).await.unwrap();
    }
    let request = serde_json::from_slice(&read).unwrap();
    peer.answer(&request, "1").await;
    assert_eq!(brief(answer).await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_its_input_and_lives_on_is_given_up_at_once() {
    let mut peer = Peer::start();
    peer.input = None;
    let begun = Instant::now();
    let (_ticket, answer) = peer.call(CALL);
    assert_eq!(brief(answer).await, "lost, not sent, does not read its input");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_questions_from_a_server_that_does_not_read_is_survived_in_little_memory() {
    let mut peer = Peer::with(64, 256);
    let question = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let begun = Instant::now();
    for _ in 0..50_000 {
        if begun.elapsed() > Duration::from_secs(1) {
            break;
        }
        peer.say(question).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "the pump goes on reading, if in no hurry");
    let mut read = 0;
    while !peer.reads_nothing().await {
        read += 1;
    }
    assert!(read * question.len() < 2 * 1024 * 1024, "{read} answers were kept");
}

#[tokio::test(start_paused = true)]
async fn a_line_without_end_ends_the_life() {
    let mut peer = Peer::with(64, 1 << 16);
    let out = peer.out.as_mut().unwrap();
    while out.write_all(&[b'x'; 512]).await.is_ok() {}
    let text = end(peer).await;
    assert!(text.starts_with("wrote a line of more than"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_input_is_closed_at_once_or_when_nothing_is_owed() {
    let mut peer = Peer::start();
    peer.lane.close_input(false);
    assert!(peer.input_ends().await);

    let mut peer = Peer::start();
    let (_ticket, answer) = peer.call(CALL);
    peer.settle().await;
    peer.lane.close_input(true);
    let (_late, refused) = peer.call(CALL);
    assert_eq!(brief(refused).await, "lost, not sent, was stopped on request");
    let request = peer.read().await;
    assert!(peer.reads_nothing().await, "open as long as an answer is owed");
    peer.answer(&request, "1").await;
    assert_eq!(brief(answer).await, "1");
    assert!(peer.input_ends().await);
    peer.out = None;
    assert_eq!(end(peer).await, "was stopped on request");
}

#[tokio::test(start_paused = true)]
async fn a_question_of_our_own_has_a_limit_and_takes_no_slot() {
    let mut peer = Peer::with(1, 1 << 16);
    let (_ticket, _answer) = peer.call(CALL);
    peer.read().await;
    let lane = peer.lane.clone().speaking(Hop::Modern);
    let asked = tokio::spawn(async move {
        lane.ask("tools/list", Bytes::from_static(b"\"cursor\":\"z\""), Duration::from_secs(3))
            .await
    });
    let request = peer.read().await;
    assert_eq!(request["method"], "tools/list");
    assert_eq!(request["params"]["cursor"], "z");
    assert_eq!(request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert!(matches!(asked.await.unwrap(), Err(AskError::Timeout { .. })));
    assert_eq!(peer.read().await["params"]["requestId"], request["id"]);
}

#[tokio::test(start_paused = true)]
async fn news_of_changed_tools_are_counted() {
    let mut peer = Peer::start();
    let changed = peer.lane.gauges().lists_changed.subscribe();
    for _ in 0..3 {
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#).await;
    }
    peer.settle().await;
    assert_eq!(*changed.borrow(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_calls_can_be_raised_and_lowered_while_calls_are_under_way() {
    let mut peer = Peer::with(2, 1 << 16);
    let busy = |peer: &Peer| peer.call_with(CALL, None).is_err();
    let _waiting = [peer.call(CALL), peer.call(CALL)];
    assert!(busy(&peer));
    peer.lane.set_limit(3);
    let (_ticket, _answer) = peer.call(CALL);
    assert!(busy(&peer));
    peer.lane.set_limit(1);
    for _ in 0..2 {
        let request = peer.read().await;
        peer.answer(&request, "1").await;
        peer.settle().await;
        assert!(busy(&peer), "one is still under way");
    }
    let request = peer.read().await;
    peer.answer(&request, "1").await;
    peer.settle().await;
    let (_ticket, _answer) = peer.call(CALL);
    assert!(busy(&peer));
}
