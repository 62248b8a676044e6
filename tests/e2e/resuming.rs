//! These tests break streams of older clients and take them up again with `Last-Event-ID`.
//! They leave what is kept, and for how long, to tests beside the code.

use conductor_e2e::client::http_client::{Answer, Event};
use conductor_e2e::client::{Client, LEGACY};
use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::asking::{able, answer};
use crate::world::{SOON, client, mock, serve, wait_tools};

async fn world() -> Daemon {
    let daemon =
        serve(json!({ "a": mock(&["--library", "--tells", "--era", "legacy"]) })).await.unwrap();
    wait_tools(&daemon, &["a.ask", "a.sleep", "a.touch"]).await.unwrap();
    daemon
}

async fn able_client(daemon: &Daemon, version: &str) -> Client {
    Client::legacy_with(daemon.addr(), "/mcp", version, able()).await.unwrap()
}

/// A call that asks its caller something.
fn ask() -> Value {
    json!({ "name": "a.ask", "arguments": { "kinds": ["form"] } })
}

async fn event(stream: &mut Answer) -> Event {
    let event = timeout(SOON, stream.event()).await.expect("an event").unwrap();
    event.expect("the stream goes on")
}

/// The next event that says something, and its id.
async fn message(stream: &mut Answer) -> (String, Value) {
    loop {
        let event = event(stream).await;
        if !event.data.is_empty() {
            return (event.id.expect("an id"), serde_json::from_str(&event.data).unwrap());
        }
    }
}

async fn reply(client: &Client, request: &Value) {
    let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": answer(request) });
    assert_eq!(client.post(&reply).await.unwrap().status, 202);
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_gone_on_with_and_answered() {
    let daemon = world().await;
    for (version, primes) in [(LEGACY, true), ("2025-06-18", false), ("2025-03-26", false)] {
        let client = able_client(&daemon, version).await;
        let mut call = client.begin("tools/call", ask()).await.unwrap();
        let first = event(&mut call.answer).await;
        assert_eq!(first.data.is_empty(), primes, "{version}: {first:?}");
        assert_eq!(first.retry.is_some(), primes, "{version}: {first:?}");
        let mut last = first.id.expect("an id");
        if primes {
            last = message(&mut call.answer).await.0;
        }
        // The question is read, the connection broken.
        let id = call.id;
        drop(call);
        let mut again = client.resume(&last).await.unwrap();
        assert_eq!(again.status, 200);
        // What came after the question is nothing yet; what came after the beginning is the question.
        drop(std::mem::replace(&mut again, client.resume(&beginning(&last)).await.unwrap()));
        let (_, question) = message(&mut again).await;
        assert_eq!(question["method"], "elicitation/create", "{version}");
        drop(again);
        reply(&client, &question).await;
        let mut again = client.resume(&last).await.unwrap();
        let (answered, result) = message(&mut again).await;
        assert_eq!(result["id"], id, "{version}: {result}");
        assert!(result.to_string().contains("Ada"), "{version}: {result}");
        assert_eq!(again.event().await.unwrap(), None, "the stream is over");
        // The answer may have been lost as well.
        let mut once_more = client.resume(&last).await.unwrap();
        assert_eq!(message(&mut once_more).await, (answered, result));
    }
}

/// The id of the beginning of the stream to which an event belongs.
fn beginning(id: &str) -> String {
    let (stream, _) = id.rsplit_once('-').unwrap();
    format!("{stream}-0")
}

#[tokio::test]
async fn an_answer_that_takes_long_comes_as_an_event_and_a_quick_one_as_one_text() {
    let daemon = world().await;
    let client = able_client(&daemon, LEGACY).await;
    let quick = client.call("a.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(quick.headers["content-type"], "application/json");
    let sleep = json!({ "name": "a.sleep", "arguments": { "ms": 1500 } });
    let mut slow = client.begin("tools/call", sleep).await.unwrap();
    assert!(slow.answer.is_stream());
    let first = event(&mut slow.answer).await;
    assert_eq!((first.data.as_str(), first.retry.as_deref()), ("", Some("1000")));
    let id = slow.id;
    drop(slow);
    let mut again = client.resume(&first.id.unwrap()).await.unwrap();
    assert_eq!(message(&mut again).await.1["id"], id);
}

#[tokio::test]
async fn each_event_has_an_id_of_its_own_and_those_of_others_are_refused() {
    let daemon = world().await;
    let (one, two) = (able_client(&daemon, LEGACY).await, able_client(&daemon, LEGACY).await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut call = one.begin("tools/call", ask()).await.unwrap();
        ids.push(event(&mut call.answer).await.id.unwrap());
        let (id, question) = message(&mut call.answer).await;
        ids.push(id);
        reply(&one, &question).await;
        ids.push(message(&mut call.answer).await.0);
    }
    let mut news = one.listen().await.unwrap();
    ids.push(event(&mut news).await.id.unwrap());
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    for id in ids.iter().map(String::as_str).chain(["", "x", "1-2-3"]) {
        let refused = two.resume(id).await.unwrap();
        assert_eq!(refused.status, 400, "{id}");
        let body = String::from_utf8(refused.bytes().await.unwrap().to_vec()).unwrap();
        assert!(body.contains("event_unknown"), "{id}: {body}");
    }
    let unknown = format!("{}-99-0", ids[0].rsplitn(3, '-').nth(2).unwrap());
    assert_eq!(one.resume(&unknown).await.unwrap().status, 400);
    let older = Client::legacy_of(daemon.addr(), "/mcp", "2024-11-05").await.unwrap();
    let news = older.resume("x").await.unwrap();
    assert_eq!(news.status, 200, "its revision knows no ids");
}

#[tokio::test]
async fn news_that_were_on_their_way_come_again() {
    let daemon = world().await;
    let session = able_client(&daemon, LEGACY).await;
    let uri = json!({ "uri": "note://a/main/one" });
    session.request("resources/subscribe", uri).await.unwrap();
    let mut news = session.listen().await.unwrap();
    let begun = event(&mut news).await.id.unwrap();
    let touch = async || {
        let touched = client(&daemon).call("a.touch", json!({ "uri": "note://main/one" })).await;
        assert_eq!(touched.unwrap().text().unwrap(), "done");
    };
    touch().await;
    let (last, update) = message(&mut news).await;
    assert_eq!(update["params"]["uri"], "note://a/main/one");
    // The client takes the stream up while the old connection seems to be there still.
    let mut again = session.resume(&begun).await.unwrap();
    assert_eq!(message(&mut again).await, (last.clone(), update.clone()));
    assert_eq!(news.event().await.unwrap(), None, "only one of them is read");
    assert_eq!(session.listen().await.unwrap().status, 409);
    drop(again);
    touch().await;
    let mut again = session.resume(&last).await.unwrap();
    let (next, update) = message(&mut again).await;
    assert_eq!(update["params"]["uri"], "note://a/main/one");
    assert_ne!(next, last);
    assert_eq!(session.delete().await.unwrap(), 204);
    assert_eq!(timeout(SOON, again.event()).await.unwrap().unwrap(), None, "its session has ended");
}
