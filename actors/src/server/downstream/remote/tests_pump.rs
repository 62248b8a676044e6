//! Calls to a remote server whose every answer is in the hands of the test.
//! Streams that last longer than one answer have tests of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::tests_server::{
    LIMIT, Reply, SOON, Seen, Site, event, legacy, modern, one_stream, open, spec,
};
use crate::server::downstream::lane::AskError;
use crate::server::downstream::pending::ProgressPort;
use crate::server::downstream::tests_peer::brief;

const CALL: &str = r#"{"name":"x"}"#;
/// An answer that ends before its end.
const HALF: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";

/// What comes of one call to a server that answers it with `on_call`, in both eras.
async fn check(on_call: impl Fn(&Seen) -> Reply + Send + Sync + Clone + 'static, expected: &str) {
    let sites = [Site::start(legacy(on_call.clone())).await, Site::start(modern(on_call)).await];
    for site in sites {
        let guest = open(&spec(&site.url(), &[])).await.unwrap();
        let hop = guest.0.lane.hop();
        assert_eq!(guest.call(CALL).await, expected, "{hop:?}");
    }
}

#[tokio::test]
async fn results_and_errors_come_back_as_they_were_written() {
    check(|seen| Reply::json(seen.result(r#"{"a" : 1.0}"#)), r#"{"a" : 1.0}"#).await;
    check(|seen| Reply::events(&[event(&seen.result(r#"{"a" : 1e2}"#))]), r#"{"a" : 1e2}"#).await;
    let error = |seen: &Seen| {
        let id = &seen.body["id"];
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":7,"message":"no" }}}}"#)
    };
    let expected = r#"error {"code":7,"message":"no" }"#;
    check(move |seen| Reply::json(error(seen)), expected).await;
    check(move |seen| Reply::Whole(400, String::new(), error(seen)), expected).await;
    check(move |seen| Reply::Whole(500, String::new(), error(seen)), expected).await;
}

#[tokio::test]
async fn what_is_no_answer_fails_the_call_and_nothing_else() {
    let page = "content-type: text/html\r\n".to_owned();
    check(
        |_| Reply::status(500),
        "the server answered with HTTP status 500: Internal Server Error",
    )
    .await;
    check(
        |_| Reply::Whole(502, page_type(), "<html>".into()),
        "the server answered with HTTP status 502: Bad Gateway",
    )
    .await;
    check(
        |_| Reply::Whole(403, String::new(), r#"{"error":"scope"}"#.into()),
        "the server answered with HTTP status 403: it wants to know who asks: set \
         `headers.Authorization` of its entry, since signing in is not supported yet (scope)",
    )
    .await;
    check(
        move |_| Reply::Whole(200, page.clone(), "<html>".into()),
        "the answer is not readable: it answered with `text/html` instead of JSON or events",
    )
    .await;
    let packed = "content-type: application/json\r\ncontent-encoding: gzip\r\n".to_owned();
    check(
        move |seen| Reply::Whole(200, packed.clone(), seen.result("1")),
        "the answer is not readable: it answered with `gzip` instead of JSON or events",
    )
    .await;
    let nothing =
        "the answer is not readable: the server took the request and gave no answer to it";
    check(|_| Reply::status(202), nothing).await;
    check(|_| Reply::json(r#"{"jsonrpc":"2.0","id":"c-999","result":1}"#), nothing).await;
    check(|_| Reply::json("[]"), nothing).await;
}

fn page_type() -> String {
    "content-type: text/html\r\n".to_owned()
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let limit = format!("the answer is longer than {LIMIT} bytes");
    let long = "x".repeat(LIMIT);
    let whole = long.clone();
    check(move |seen| Reply::json(seen.result(&format!("\"{whole}\""))), &limit).await;
    let one = long.clone();
    check(move |seen| Reply::events(&[event(&seen.result(&format!("\"{one}\"")))]), &limit).await;
    let lines = event(&long).replace('x', "x\ndata: ");
    check(move |_| Reply::events(std::slice::from_ref(&lines)), &limit).await;
    // A thousand pieces of a megabyte, of which only the first is ever taken.
    let (sent, pieces) = (Arc::new(AtomicUsize::new(0)), "x".repeat(1 << 20));
    let count = Arc::clone(&sent);
    check(
        move |_| {
            let (sender, events) = mpsc::channel(1);
            let (count, pieces) = (Arc::clone(&count), pieces.clone());
            tokio::spawn(async move {
                for _ in 0..1000 {
                    if sender.send(pieces.clone()).await.is_err() {
                        return;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
            Reply::Events(events)
        },
        &limit,
    )
    .await;
    assert!(sent.load(Ordering::Relaxed) < 40, "{sent:?} megabytes were taken");
}

#[tokio::test]
async fn a_broken_answer_loses_the_call_but_not_a_server_that_is_there() {
    let replies: [fn(&Seen) -> Reply; 4] = [
        |_| Reply::Raw(String::new()),
        |_| Reply::Raw(HALF.to_owned()),
        |_| Reply::cut(": hello\n\n"),
        |_| Reply::events(&[": hello\n\n".to_owned()]),
    ];
    for (at, reply) in replies.into_iter().enumerate() {
        let mut site = Site::start(legacy(reply)).await;
        let guest = open(&spec(&site.url(), &[])).await.unwrap();
        let found = guest.call(CALL).await;
        assert!(found.starts_with("lost, sent, could not be reached: "), "{at}: {found}");
        site.next("ping").await;
        assert!(guest.lives());
    }
}

#[tokio::test]
async fn a_server_that_breaks_off_the_question_whether_it_is_there_is_gone() {
    let handler = legacy(|_| Reply::Raw(String::new()));
    let handler = move |seen: &Seen| match seen.method() {
        "ping" => Reply::Raw(String::new()),
        _ => handler(seen),
    };
    let site = Site::start(handler).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    guest.call(CALL).await;
    let end = guest.end().await;
    assert!(end.starts_with("could not be reached: "), "{end}");
}

#[tokio::test]
async fn a_server_that_is_not_there_any_more_ends_the_life_before_the_call_is_sent() {
    let site = Site::start(legacy(|_| Reply::status(500))).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    drop(site);
    let found = guest.call(CALL).await;
    let expected = "could not be reached: Connection refused";
    let found = found.strip_prefix("lost, not sent, ").unwrap_or(&found);
    assert!(found.starts_with(expected), "{found}");
    assert!(guest.end().await.starts_with(expected));
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_and_goes_on_living() {
    let handler = |_: &Seen| Reply::Whole(429, "retry-after-ms: 700\r\n".into(), String::new());
    let mut site = Site::start(legacy(handler)).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    assert_eq!(guest.call(CALL).await, "the server wants no requests for 700ms");
    let begun = Instant::now();
    let again = guest.call(CALL).await;
    assert!(again.starts_with("the server wants no requests for "), "{again}");
    let asked = guest.0.lane.ask("ping", Bytes::new(), SOON).await;
    assert!(matches!(asked, Err(AskError::Failed(_))), "{asked:?}");
    assert!(begun.elapsed() < Duration::from_millis(600));
    let calls = site.methods().iter().filter(|method| *method == "tools/call").count();
    assert_eq!(calls, 1, "nothing was sent in the pause");
    tokio::time::sleep(Duration::from_millis(800)).await;
    guest.0.lane.ask("ping", Bytes::new(), SOON).await.unwrap();
    assert!(guest.lives());
}

#[tokio::test]
async fn a_forgotten_session_is_opened_again_once_and_the_calls_repeated() {
    for (status, body) in [(404, ""), (400, r#"{"error":{"message":"No valid session ID"}}"#)] {
        let opened = AtomicUsize::new(0);
        let handler = legacy(move |seen: &Seen| match seen.header("mcp-session-id") {
            "s-2" => Reply::json(seen.result("2")),
            _ => Reply::Whole(status, String::new(), body.to_owned()),
        });
        let mut site = Site::start(move |seen: &Seen| match seen.method() {
            "initialize" => {
                let number = opened.fetch_add(1, Ordering::Relaxed) + 1;
                let head =
                    format!("content-type: application/json\r\nmcp-session-id: s-{number}\r\n");
                let result = r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#;
                Reply::Whole(200, head, seen.result(result))
            }
            _ => handler(seen),
        })
        .await;
        let guest = open(&spec(&site.url(), &[])).await.unwrap();
        let changes = *guest.0.lane.gauges().lists_changed.borrow();
        let answers = tokio::join!(guest.call(CALL), guest.call(CALL), guest.call(CALL));
        assert_eq!(answers, ("2".into(), "2".into(), "2".into()));
        let asked = site.methods();
        assert_eq!(asked.iter().filter(|method| *method == "initialize").count(), 2, "{asked:?}");
        assert!(*guest.0.lane.gauges().lists_changed.borrow() > changes, "it may be another one");
        let ticks = guest.0.lane.clone();
        ticks.close_input(false);
        assert_eq!(guest.end().await, "was stopped on request");
        let bye = site.next("DELETE").await;
        assert_eq!(bye.header("mcp-session-id"), "s-2");
        assert_eq!(bye.header("mcp-protocol-version"), "2025-11-25");
    }
}

#[tokio::test]
async fn a_session_that_is_forgotten_at_once_fails_the_call() {
    check_legacy(
        |_| Reply::status(404),
        "the server answered with HTTP status 404: it does not know the session that it has just \
         opened",
    )
    .await;
}

async fn check_legacy(on_call: fn(&Seen) -> Reply, expected: &str) {
    let site = Site::start(legacy(on_call)).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    assert_eq!(guest.call(CALL).await, expected);
}

#[tokio::test]
async fn every_request_carries_what_its_revision_asks_for() {
    let mut site = Site::start(legacy(|seen| Reply::json(seen.result("1")))).await;
    let headers = [("Authorization", "Bearer t"), ("X-Key", "k"), ("Accept", "text/plain")];
    let guest = open(&spec(&site.url(), &headers)).await.unwrap();
    let hello = site.next("initialize").await;
    assert_eq!(hello.header("mcp-session-id"), "");
    guest.call(CALL).await;
    let call = site.next("tools/call").await;
    for (name, expected) in [
        ("mcp-session-id", "s-1"),
        ("mcp-protocol-version", "2025-11-25"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("authorization", "Bearer t"),
        ("x-key", "k"),
        ("mcp-method", ""),
    ] {
        assert_eq!(call.header(name), expected, "{name}");
    }
    let schema = json!({ "properties": { "region": { "type": "string", "x-mcp-header": "R" } } });
    let tools = json!({ "tools": [{ "name": "tool", "inputSchema": schema }] }).to_string();
    let mut site = Site::start(modern(move |seen| match seen.method() {
        "tools/list" => Reply::json(seen.result(&tools)),
        _ => Reply::json(seen.result("1")),
    }))
    .await;
    let guest = open(&spec(&site.url(), &headers)).await.unwrap();
    guest.0.lane.ask("tools/list", Bytes::new(), SOON).await.unwrap();
    guest.call(r#"{"name":"x","arguments":{"region":"eu"}}"#).await;
    assert_eq!(site.next("tools/list").await.header("mcp-method"), "tools/list");
    let call = site.next("tools/call").await;
    for (name, expected) in [
        ("mcp-session-id", ""),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "tool"),
        ("mcp-param-r", "eu"),
        ("authorization", "Bearer t"),
    ] {
        assert_eq!(call.header(name), expected, "{name}");
    }
    let version = &call.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    assert_eq!(version, "2026-07-28");
}

#[tokio::test]
async fn a_call_taken_back_is_told_in_the_way_of_its_revision() {
    let (left, gone) = oneshot::channel();
    let left = arc_swap::ArcSwapOption::from_pointee(Some(left));
    let hold = move |_: &Seen| Reply::Hold(left.swap(None).and_then(Arc::into_inner).flatten());
    let mut site = Site::start(modern(hold)).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    let (ticket, answer) = guest.begin(CALL, None);
    site.next("tools/call").await;
    ticket.cancel();
    timeout(SOON, gone).await.expect("the connection is closed").unwrap();
    assert_eq!(brief(answer).await, "dropped");
    assert_eq!(guest.0.lane.in_flight(), 0);

    let mut site = Site::start(legacy(|_| Reply::Hold(None))).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    let (ticket, _answer) = guest.begin(CALL, None);
    let call = site.next("tools/call").await;
    ticket.cancel();
    let told = site.next("notifications/cancelled").await;
    assert_eq!(told.body["params"]["requestId"], call.body["id"]);
    assert_eq!(told.header("mcp-session-id"), "s-1");
    assert!(guest.lives());
}

#[tokio::test]
async fn progress_comes_before_the_answer_under_the_callers_token() {
    let handler = |seen: &Seen| {
        let token = &seen.body["params"]["_meta"]["progressToken"];
        let params = format!(r#"{{"progressToken":{token},"progress":1}}"#);
        let told = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":"#;
        Reply::events(&[event(&format!("{told}{params}}}")), event(&seen.result("1"))])
    };
    let site = Site::start(modern(handler)).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    let (sink, mut progress) = mpsc::channel(1);
    let port = ProgressPort { token: Bytes::from_static(b"7"), sink };
    let (_ticket, answer) = guest.begin(r#"{"name":"x","_meta":{"progressToken":7}}"#, Some(port));
    assert_eq!(brief(answer).await, "1");
    assert_eq!(progress.recv().await.unwrap(), r#"{"progressToken":7,"progress":1}"#);
}

#[tokio::test]
async fn a_server_of_the_first_revision_answers_on_its_stream_and_ends_with_it() {
    let (handler, stream) = one_stream("/messages");
    let mut site = Site::start(handler).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    assert_eq!(guest.call(CALL).await, "1");
    assert_eq!(site.next("tools/call").await.path, "/messages");
    stream.store(None);
    assert_eq!(guest.end().await, "could not be reached: its event stream ended");
}

#[tokio::test]
async fn calls_at_once_are_kept_apart() {
    let site = Site::start(modern(|seen| {
        let number = seen.body["params"]["arguments"]["n"].to_string();
        if number.ends_with(['1', '4', '7']) {
            return Reply::events(&[event(&seen.result(&number))]);
        }
        Reply::json(seen.result(&number))
    }))
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    for round in 0..20 {
        let number = |at: usize| (round * 8 + at).to_string();
        let begun: Vec<_> = (0..8)
            .map(|at| {
                let params = format!(r#"{{"name":"x","arguments":{{"n":{}}}}}"#, number(at));
                guest.begin(&params, None).1
            })
            .collect();
        for (at, answer) in begun.into_iter().enumerate() {
            assert_eq!(brief(answer).await, number(at));
        }
    }
}

/// A server whose tool `x` wants its argument `a` in the header `Mcp-Param-Name`, with a list of two
/// pages; it refuses calls without it `refusals` times more. How often it was listed, and called.
async fn mismatching(refusals: usize, status: u16) -> (String, usize, usize) {
    let (listed, called) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&listed), Arc::clone(&called));
    let site = Site::start(modern(move |seen| {
        if seen.method() == "tools/list" {
            counts.0.fetch_add(1, Ordering::Relaxed);
            let page = match seen.body["params"]["cursor"].as_str() {
                None => json!({ "tools": [], "nextCursor": "2" }),
                Some(_) => {
                    let a = json!({ "type": "string", "x-mcp-header": "Name" });
                    let schema = json!({ "type": "object", "properties": { "a": a } });
                    json!({ "tools": [{ "name": "tool", "inputSchema": schema }] })
                }
            };
            return Reply::json(seen.result(&page.to_string()));
        }
        let before = counts.1.fetch_add(1, Ordering::Relaxed);
        if seen.header("mcp-param-name") == "v" && before > refusals {
            return Reply::json(seen.result("1"));
        }
        let error = json!({ "code": -32020, "message": "Mcp-Param-Name is missing" });
        let body = json!({ "jsonrpc": "2.0", "id": seen.body["id"], "error": error }).to_string();
        Reply::Whole(status, "content-type: application/json\r\n".into(), body)
    }))
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    let found = guest.call(r#"{"name":"tool","arguments":{"a":"v"}}"#).await;
    (found, listed.load(Ordering::Relaxed), called.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_call_with_the_wrong_headers_is_made_once_more_with_those_that_the_list_says() {
    for status in [400, 200] {
        assert_eq!(mismatching(0, status).await, ("1".to_owned(), 2, 2));
    }
    let (found, listed, called) = mismatching(1, 400).await;
    assert!(found.starts_with(r#"error {"code":-32020"#), "{found}");
    assert_eq!((listed, called), (2, 2), "once");
}
