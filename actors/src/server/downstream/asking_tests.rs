//! A server's questions: whose they are, who can be asked, what comes back.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Duration;

use super::*;
use crate::model::{Ear, Principal};
use crate::server::downstream::pending::Ports;
use crate::server::tests_peer::{Peer, brief};

const CALL: &str = r#"{"name":"tool"}"#;
pub(in crate::server::downstream) const FORM: &str = r#"{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}}"#;

pub(in crate::server::downstream) fn port(
    capabilities: &str,
) -> (Ports, mpsc::Receiver<Box<Inquiry>>) {
    let (sink, asked) = mpsc::channel(2);
    let abilities = Abilities::of(capabilities.as_bytes());
    let inquiries = Inquiries { sink: Some(sink), abilities, lacked: Arc::default() };
    let server = crate::tests::id("a");
    let port = InquiryPort { server, inquiries, stopwatch: Stopwatch::new() };
    (Ports { inquiries: Some(port), ..Ports::default() }, asked)
}

/// What a server gets for `line` while a client of these capabilities has a call under way:
/// `asked` if the client was asked, else the error.
async fn came_of(capabilities: &str, line: &str) -> String {
    let mut peer = Peer::start();
    let (ports, mut asked) = port(capabilities);
    let _call = peer.call_at(CALL, ports).unwrap();
    peer.read().await;
    peer.say(line).await;
    tokio::select! {
        inquiry = asked.recv() => format!("asked {}", inquiry.unwrap().kind.method()),
        answer = peer.read() => answer["error"]["code"].to_string(),
    }
}

#[track_caller]
fn line(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"q","method":"{method}","params":{params}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_client_is_asked_for_what_it_offers_and_nothing_else() {
    let elicit = |mode: &str| line("elicitation/create", &format!(r#"{{"mode":"{mode}"}}"#));
    let sample = |params: &str| line("sampling/createMessage", params);
    let roots = line("roots/list", "{}");
    let (asked, sampled) = ("asked elicitation/create", "asked sampling/createMessage");
    for (capabilities, line, expected) in [
        (r#"{"elicitation":{}}"#, FORM.to_owned(), asked),
        (r#"{"elicitation":{}}"#, elicit("form"), asked),
        (r#"{"elicitation":{}}"#, elicit("url"), "-32602"),
        (r#"{"elicitation":{"url":{}}}"#, elicit("url"), asked),
        (r#"{"elicitation":{"url":{}}}"#, elicit("form"), "-32602"),
        (r#"{"elicitation":{"url":{},"form":{}}}"#, elicit("voice"), "-32602"),
        (r#"{"sampling":{}}"#, FORM.to_owned(), "-32601"),
        (r#"{"sampling":{}}"#, sample("{}"), sampled),
        (r#"{"sampling":{}}"#, sample(r#"{"tools":[]}"#), "-32602"),
        (r#"{"sampling":{"tools":{}}}"#, sample(r#"{"tools":[]}"#), sampled),
        ("{}", sample("{}"), "-32601"),
        (r#"{"roots":{}}"#, roots.clone(), "asked roots/list"),
        ("{}", roots, "-32601"),
        (r#"{"roots":{}}"#, self::line("tasks/list", "{}"), "-32601"),
    ] {
        assert_eq!(came_of(capabilities, &line).await, expected, "{capabilities} {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_the_client_is_the_answer_to_the_server() {
    let mut peer = Peer::start();
    let (ports, mut asked) = port(r#"{"elicitation":{}}"#);
    let (_ticket, coming) = peer.call_at(CALL, ports).unwrap();
    let request = peer.read().await;
    peer.say(FORM).await;
    let inquiry = asked.recv().await.unwrap();
    assert_eq!(inquiry.server, crate::tests::id("a"));
    let params: Value = serde_json::from_slice(inquiry.params.as_ref().unwrap()).unwrap();
    assert_eq!(params["message"], "Who?");
    inquiry.answer(Outcome::Result("{\"action\":\n\"accept\"}".into()));
    let answer = peer.read().await;
    assert_eq!(answer["id"], 0);
    assert_eq!(answer["result"]["action"], "accept");
    peer.answer(&request, "1").await;
    assert_eq!(brief(coming).await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_question_nobody_answers_is_refused() {
    let mut peer = Peer::start();
    let (ports, mut asked) = port(r#"{"elicitation":{}}"#);
    let _call = peer.call_at(CALL, ports).unwrap();
    peer.read().await;
    peer.say(FORM).await;
    drop(asked.recv().await);
    assert_eq!(peer.read().await["error"]["code"], -32603);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_a_call_is_refused() {
    let mut peer = Peer::start();
    peer.say(FORM).await;
    assert_eq!(peer.read().await["error"]["code"], -32601);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_may_be_anybodys_is_nobodys() {
    let mut peer = Peer::start();
    let (first, mut asked_first) = port(r#"{"elicitation":{}}"#);
    let (second, mut asked_second) = port(r#"{"elicitation":{}}"#);
    let _first = peer.call_at(CALL, first).unwrap();
    let (ticket, _second) = peer.call_at(CALL, second).unwrap();
    peer.read().await;
    peer.read().await;
    peer.say(FORM).await;
    assert_eq!(peer.read().await["error"]["code"], -32603);
    assert!(asked_first.try_recv().is_err() && asked_second.try_recv().is_err());
    ticket.cancel();
    peer.read().await;
    peer.say(FORM).await;
    assert!(asked_first.recv().await.is_some(), "with one call left it is clear whose it is");
}

/// The same for a call of `user`.
fn port_of(user: u32) -> (Ports, mpsc::Receiver<Box<Inquiry>>) {
    let (ports, asked) = port(r#"{"elicitation":{}}"#);
    let ear = Some(Ear { principal: Principal::User(user), logs: None, notices: None });
    (Ports { ear, ..ports }, asked)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_caller_leaves_questions_to_the_others() {
    let mut peer = Peer::start();
    let (first, mut asked_first) = port_of(1);
    let _first = peer.call_at(CALL, first).unwrap();
    peer.read().await;
    peer.say(FORM).await;
    let left_open = asked_first.recv().await.unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    let (second, mut asked_second) = port_of(1);
    let _second = peer.call_at(CALL, second).unwrap();
    peer.read().await;
    let mut open = Vec::new();
    for _ in 0..2 {
        peer.say(&FORM.replace("\"id\":0", &format!("\"id\":{}", open.len() + 1))).await;
        open.push(asked_second.recv().await.unwrap());
    }
    assert!(asked_first.try_recv().is_err());
    left_open.answer(Outcome::Result("1".into()));
    assert_eq!(peer.read().await["result"], 1);
    drop(open);
    for _ in 0..2 {
        peer.read().await;
    }
    peer.say(FORM).await;
    assert_eq!(peer.read().await["error"]["code"], -32603, "now either may ask");
}

#[tokio::test(start_paused = true)]
async fn what_may_be_about_the_call_of_another_principal_is_asked_of_nobody() {
    for given_up in [false, true] {
        let mut peer = Peer::start();
        let (first, mut asked_first) = port_of(1);
        let (ticket, _first) = peer.call_at(CALL, first).unwrap();
        peer.read().await;
        peer.say(FORM).await;
        let left_open = asked_first.recv().await.unwrap();
        if given_up {
            drop(left_open);
            ticket.cancel();
            assert_eq!(peer.read().await["error"]["code"], -32603);
            assert_eq!(peer.read().await["method"], "notifications/cancelled");
        }
        let (second, mut asked_second) = port_of(2);
        let _second = peer.call_at(CALL, second).unwrap();
        peer.read().await;
        peer.say(FORM).await;
        assert_eq!(peer.read().await["error"]["code"], -32603, "given up: {given_up}");
        assert!(asked_second.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn questions_beyond_what_a_client_takes_are_refused() {
    let mut peer = Peer::start();
    let (ports, _asked) = port(r#"{"elicitation":{}}"#);
    let _call = peer.call_at(CALL, ports).unwrap();
    peer.read().await;
    for _ in 0..3 {
        peer.say(FORM).await;
    }
    assert_eq!(peer.read().await["error"]["message"], "too many questions are open");
}

#[tokio::test(start_paused = true)]
async fn our_own_questions_are_no_calls() {
    let mut peer = Peer::start();
    let (ports, mut asked) = port(r#"{"elicitation":{}}"#);
    let _call = peer.call_at(CALL, ports).unwrap();
    peer.read().await;
    let lane = peer.lane.clone();
    tokio::spawn(async move {
        let _ = lane.ask("ping", Bytes::new(), Duration::from_secs(1)).await;
    });
    peer.read().await;
    peer.say(FORM).await;
    assert!(asked.recv().await.is_some());
}

#[test]
fn what_is_said_to_servers_can_be_read() {
    for unasked in [
        Unasked::Unknown,
        Unasked::NoCall,
        Unasked::SeveralCalls,
        Unasked::Unable,
        Unasked::WrongMode,
        Unasked::TooMany,
    ] {
        let error: Value = serde_json::from_slice(unasked.error()).unwrap();
        assert!(error["code"].is_i64() && error["message"].is_string(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_leaves_no_question_behind() {
    let mut peer = Peer::start();
    let (ports, mut asked) = port(r#"{"elicitation":{}}"#);
    let (_ticket, coming) = peer.call_at(CALL, ports).unwrap();
    let request = peer.read().await;
    peer.say(FORM).await;
    peer.answer(&request, "1").await;
    assert_eq!(brief(coming).await, "1");
    let (done, over) = oneshot::channel::<()>();
    let inquiry = asked.recv().await.unwrap();
    drop((inquiry, done));
    assert!(over.await.is_err());
    assert_eq!(asked.recv().await.map(|inquiry| inquiry.kind), None, "the sink ends with the call");
}

#[tokio::test(start_paused = true)]
async fn the_only_client_is_asked_by_way_of_its_newest_call_that_can_be() {
    let mut peer = Peer::apart();
    let (first, mut asked_first) = port(r#"{"elicitation":{}}"#);
    let (second, mut asked_second) = port(r#"{"elicitation":{}}"#);
    let _first = peer.call_at(CALL, first).unwrap();
    let _second = peer.call_at(CALL, second).unwrap();
    let _third = peer.call_at(CALL, Ports::default()).unwrap();
    for _ in 0..3 {
        peer.read().await;
    }
    peer.say(FORM).await;
    asked_second.recv().await.unwrap().answer(Outcome::Result("1".into()));
    assert_eq!(peer.read().await["result"], 1);
    assert!(asked_first.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_before_the_first_call_of_the_only_client_waits_for_it() {
    let mut peer = Peer::apart();
    peer.say(&line("roots/list", "{}")).await;
    peer.say(&line("sampling/createMessage", "{}")).await;
    assert!(peer.reads_nothing().await, "the call is on its way");
    let (ports, mut asked) = port(r#"{"roots":{}}"#);
    let _call = peer.call_at(CALL, ports).unwrap();
    assert_eq!(peer.read().await["method"], "tools/call");
    assert_eq!(peer.read().await["error"]["code"], -32601, "the client cannot do the other thing");
    let inquiry = asked.recv().await.unwrap();
    assert_eq!(inquiry.kind, InquiryKind::Roots);
    inquiry.answer(Outcome::Result(r#"{"roots":[]}"#.into()));
    assert_eq!(peer.read().await["result"], serde_json::json!({ "roots": [] }));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_visit_is_told_to_the_calls_of_the_principal_that_was_asked_last() {
    let visit = |id: &str| {
        let params = format!(r#"{{"mode":"url","url":"u","elicitationId":"{id}"}}"#);
        line("elicitation/create", &params)
    };
    let principals = [Principal::Local, Principal::User(7), Principal::User(7)];
    let (mut peer, mut visits) = (Peer::start(), Vec::new());
    for principal in principals {
        let (mut ports, mut asked) = port(r#"{"elicitation":{"url":{}}}"#);
        ports.ear = Some(Ear { principal, logs: None, notices: None });
        let (_, answer) = peer.call_at(CALL, ports).unwrap();
        let call = peer.read().await;
        peer.say(&visit("v")).await;
        let mut inquiry = asked.recv().await.unwrap();
        visits.push(inquiry.take_visit().unwrap());
        inquiry.answer(Outcome::Result("{}".into()));
        peer.read().await;
        // One call after the other, or nobody could tell whose question it is.
        peer.answer(&call, "{}").await;
        brief(answer).await;
    }
    let told = r#"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"v"}}"#;
    peer.say(told).await;
    let mut ended = Vec::new();
    for visit in visits {
        ended.push(visit.ended.await.is_ok());
    }
    assert_eq!(ended, [false, true, true]);
}

/// A question that names a task belongs to the call that waits for its result.
#[tokio::test(start_paused = true)]
async fn a_question_of_a_task_is_for_whoever_waits_for_that_task() {
    let ask = |task: &str| {
        let meta = format!(r#"{{"io.modelcontextprotocol/related-task":{{"taskId":"{task}"}}}}"#);
        line("elicitation/create", &format!(r#"{{"message":"Who?","_meta":{meta}}}"#))
    };
    let mut peer = Peer::start();
    let mut ears = Vec::new();
    for task in ["t-1", "t-2"] {
        let (ports, asked) = port(r#"{"elicitation":{}}"#);
        ears.push((peer.await_task(task, ports), asked));
        peer.read().await;
    }
    let (ports, mut by_the_way) = port(r#"{"elicitation":{}}"#);
    let _call = peer.call_at(CALL, ports).unwrap();
    peer.read().await;
    peer.say(&ask("t-1")).await;
    let inquiry = ears[0].1.recv().await.unwrap();
    inquiry.answer(Outcome::Result("{}".into()));
    assert_eq!(peer.read().await["result"], serde_json::json!({}));
    peer.say(&ask("t-3")).await;
    assert_eq!(peer.read().await["error"]["code"], -32601, "nobody waits for that one");
    assert!(ears[1].1.try_recv().is_err() && by_the_way.try_recv().is_err());
}
