//! Streams of a remote server that last: what it tells unasked, and answers that break and go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::tests_server::{Guest, Reply, SOON, Seen, Site, event, legacy, modern, open, spec};
use crate::credentials::Secrets;
use crate::model::Hearing;
use crate::server::keeper::keep;
use crate::tests::shared;

const CALL: &str = r#"{"name":"x"}"#;
const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

/// What a server says first to one who listens.
fn agreed(seen: &Seen) -> String {
    let meta = json!({ "io.modelcontextprotocol/subscriptionId": seen.body["id"] });
    let params = json!({ "_meta": meta, "notifications": seen.body["params"]["notifications"] });
    let method = "notifications/subscriptions/acknowledged";
    event(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string())
}

async fn changes(guest: &Guest, wanted: u64) {
    let mut changed = guest.0.lane.gauges().lists_changed.subscribe();
    let wait = changed.wait_for(|count| *count >= wanted);
    timeout(SOON, wait).await.expect("the change is noticed").unwrap();
}

#[tokio::test]
async fn an_answer_that_breaks_is_taken_up_where_it_broke() {
    for reply in [Reply::cut as fn(&str) -> Reply, |text| Reply::events(&[text.to_owned()])] {
        let handler = legacy(move |_| reply("retry: 10\nid: e-1\ndata: \n\n"));
        let asked = Arc::new(ArcSwapOption::<Seen>::empty());
        let call = Arc::clone(&asked);
        let mut site = Site::start(move |seen: &Seen| {
            match (seen.method(), seen.header("last-event-id")) {
                ("tools/call", _) => call.store(Some(Arc::new(seen.clone()))),
                // The first time it breaks again, further on.
                ("GET", "e-1") => return reply("id: e-2\ndata: \n\n"),
                ("GET", "e-2") => {
                    let call = call.load_full().unwrap();
                    return Reply::events(&[event(&call.result("\"late\""))]);
                }
                _ => {}
            }
            handler(seen)
        })
        .await;
        let guest = open(&spec(&site.url(), &[])).await.unwrap();
        assert_eq!(guest.call(CALL).await, "\"late\"");
        assert!(!site.methods().contains(&"ping".to_owned()), "nothing is suspected");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_taken_up_is_lost_after_a_few_tries() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let handler = legacy(|_| Reply::cut("retry: 1\nid: e-1\ndata: \n\n"));
    let site = Site::start(move |seen: &Seen| {
        if seen.header("last-event-id") == "e-1" {
            count.fetch_add(1, Ordering::Relaxed);
            return Reply::events(&[]);
        }
        handler(seen)
    })
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    let found = guest.call(CALL).await;
    assert!(found.starts_with("lost, sent, could not be reached: "), "{found}");
    assert_eq!(tries.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_broken_answer_of_a_modern_server_is_lost_at_once() {
    let mut site = Site::start(modern(|_| Reply::cut("id: e-1\ndata: \n\n"))).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    assert!(guest.call(CALL).await.starts_with("lost, sent, "));
    assert!(!site.methods().contains(&"GET".to_owned()));
}

#[tokio::test]
async fn a_server_that_asks_on_a_stream_is_answered() {
    let ask = |method: &str| {
        event(&json!({ "jsonrpc": "2.0", "id": method, "method": method }).to_string())
    };
    let handler = legacy(move |seen| {
        Reply::events(&[ask("ping"), ask("sampling/createMessage"), event(&seen.result("1"))])
    });
    let mut site = Site::start(move |seen: &Seen| match seen.method() {
        "POST" => Reply::status(202),
        _ => handler(seen),
    })
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    assert_eq!(guest.call(CALL).await, "1");
    let mut answers = [site.next("POST").await, site.next("POST").await];
    answers.sort_by_key(|answer| answer.body["id"].to_string());
    assert_eq!(answers[0].body, json!({ "jsonrpc": "2.0", "id": "ping", "result": {} }));
    assert_eq!(answers[1].body["error"]["code"], -32601);
    assert_eq!(answers[0].header("mcp-session-id"), "s-1");
}

#[tokio::test]
async fn what_an_older_server_tells_unasked_is_heard_and_missed_things_are_asked_for() {
    let times = AtomicUsize::new(0);
    let handler = legacy(|_| Reply::status(500));
    let mut site = Site::start(move |seen: &Seen| match seen.method() {
        "GET" if times.fetch_add(1, Ordering::Relaxed) == 0 => {
            Reply::events(&[format!("id: n-1\n{}", event(CHANGED))])
        }
        "GET" => Reply::events(&[event(CHANGED)]),
        _ => handler(seen),
    })
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    changes(&guest, 2).await;
    let first = site.next("GET").await;
    assert_eq!((first.header("accept"), first.header("last-event-id")), ("text/event-stream", ""));
    assert_eq!(first.header("mcp-session-id"), "s-1");
    assert_eq!(site.next("GET").await.header("last-event-id"), "n-1");
}

#[tokio::test]
async fn a_modern_server_is_asked_to_tell_and_asked_again_when_it_stops() {
    let times = AtomicUsize::new(0);
    let (keep_open, events) = mpsc::channel(4);
    let more = keep_open.clone();
    let second = ArcSwapOption::from_pointee(Some(events));
    let handler = modern(|_| Reply::status(500));
    let mut site = Site::start(move |seen: &Seen| match seen.method() {
        "subscriptions/listen" => match times.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::events(&[agreed(seen), event(CHANGED), event(&seen.result("{}"))]),
            _ => match second.swap(None).and_then(Arc::into_inner).flatten() {
                Some(events) => {
                    more.try_send(agreed(seen)).unwrap();
                    more.try_send(event(CHANGED)).unwrap();
                    Reply::Events(events)
                }
                None => Reply::status(500),
            },
        },
        _ => handler(seen),
    })
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    let (begun, _) = oneshot::channel();
    let (_wishes, wishes) = watch::channel(Arc::default());
    let hearing = Hearing { wishes, told: mpsc::channel(1).0 };
    let keeper =
        tokio::spawn(keep(shared("a"), Secrets::default(), guest.0.lane.clone(), hearing, begun));
    // One told, one for what may have been missed, one told again.
    changes(&guest, 3).await;
    let asked = site.next("subscriptions/listen").await;
    assert_eq!(asked.header("mcp-method"), "subscriptions/listen");
    assert_eq!(asked.body["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert!(guest.lives());
    keeper.abort();
    drop(keep_open);
}

#[tokio::test]
async fn a_server_without_such_a_stream_is_asked_once_and_left_in_peace() {
    let mut site = Site::start(legacy(|seen| Reply::json(seen.result("1")))).await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    site.next("GET").await;
    for _ in 0..3 {
        assert_eq!(guest.call(CALL).await, "1");
    }
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert!(!site.methods().contains(&"GET".to_owned()));
}

#[tokio::test]
async fn the_stream_of_a_server_that_goes_away_tells_so_at_once() {
    let (keep, events) = mpsc::channel::<String>(1);
    let stream = ArcSwapOption::from_pointee(Some(events));
    let handler = legacy(|_| Reply::status(500));
    let mut site = Site::start(move |seen: &Seen| match seen.method() {
        "GET" => Reply::Events(stream.swap(None).and_then(Arc::into_inner).flatten().unwrap()),
        _ => handler(seen),
    })
    .await;
    let guest = open(&spec(&site.url(), &[])).await.unwrap();
    site.next("GET").await;
    drop(site);
    let end = guest.end().await;
    assert!(end.starts_with("could not be reached: Connection refused"), "{end}");
    drop(keep);
}
