//! What a server is asked so that it says what callers want to hear, on a paused clock; the server is
//! played by the test.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::keeper::keep;
use super::tests_peer::{LONG, Peer};
use crate::credentials::Secrets;
use crate::model::{
    Callers, Hearing, InstanceId, LogMessage, Offers, Principal, Reach, Settled, Tells, Told,
    Wishes,
};
use crate::tests::{id, shared};
use crate::wire::{Hop, LogLevel, notification};

/// A keeper of the server `a`.
struct Kept {
    peer: Peer,
    wishes: watch::Sender<Arc<Wishes>>,
    told: mpsc::Receiver<(InstanceId, Told)>,
    task: JoinHandle<()>,
    begun: oneshot::Receiver<()>,
}

fn wishes(resources: &[&str], level: Option<LogLevel>) -> Arc<Wishes> {
    let all = Arc::new(resources.iter().map(|own| (*own).into()).collect());
    let levels = level.map(|level| (Reach::Servers([id("a")].into()), Some(level)));
    Arc::new(Wishes {
        resources: [(shared("a"), all)].into(),
        levels: levels.into_iter().collect(),
        ..Wishes::default()
    })
}

/// Somebody listens who has named no level.
fn silent_listener() -> Arc<Wishes> {
    let levels = vec![(Reach::Servers([id("a")].into()), None)];
    Arc::new(Wishes { levels, ..Wishes::default() })
}

impl Kept {
    fn start(hop: Hop, offers: Offers, first: Arc<Wishes>) -> Self {
        let mut peer = Peer::start();
        peer.lane = peer.lane.clone().speaking(hop).offering(offers);
        let (wishes, wanted) = watch::channel(first);
        let (tell, told) = mpsc::channel(4);
        let (ready, begun) = oneshot::channel();
        let hearing = Hearing { wishes: wanted, told: tell };
        let task =
            tokio::spawn(keep(shared("a"), Secrets::default(), peer.lane.clone(), hearing, ready));
        Self { peer, wishes, told, task, begun }
    }

    fn legacy(first: Arc<Wishes>) -> Self {
        let offers = Offers { subscriptions: true, logging: true, ..Offers::default() };
        Self::start(Hop::Legacy, offers, first)
    }

    fn modern(tells: Tells, first: Arc<Wishes>) -> Self {
        let offers = Offers { subscriptions: true, tells, ..Offers::default() };
        Self::start(Hop::Modern, offers, first)
    }

    /// The next request: method and what it is about.
    async fn asked(&mut self) -> (Value, String) {
        let request = self.peer.read().await;
        let params = &request["params"];
        let about = [&params["uri"], &params["level"], &params["notifications"]];
        let about =
            about.iter().find(|it| !it.is_null()).map_or(String::new(), |it| it.to_string());
        let text = format!("{} {about}", request["method"].as_str().unwrap());
        (request, text)
    }

    async fn told(&mut self) -> Told {
        timeout(LONG, self.told.recv()).await.expect("something is told").unwrap().1
    }

    async fn say(&mut self, method: &str, params: Value) {
        self.peer
            .say(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string())
            .await;
    }

    async fn agree(&mut self, request: &Value, resources: &[&str]) {
        let meta = json!({ "io.modelcontextprotocol/subscriptionId": request["id"] });
        let params =
            json!({ "_meta": meta, "notifications": { "resourceSubscriptions": resources } });
        self.say("notifications/subscriptions/acknowledged", params).await;
    }
}

fn settled(address: &str, settled: Settled) -> Told {
    Told::Settled { address: address.into(), settled }
}

#[tokio::test(start_paused = true)]
async fn what_was_wanted_before_is_asked_for_before_anything_else() {
    let mut kept = Kept::legacy(wishes(&["n:/b", "n:/a"], Some(LogLevel::Debug)));
    (&mut kept.begun).await.unwrap();
    let (_ticket, _coming) = kept.peer.call(r#"{"name":"x"}"#);
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(kept.asked().await.1);
    }
    let expected = [
        r#"logging/setLevel "debug""#,
        r#"resources/subscribe "n:/a""#,
        r#"resources/subscribe "n:/b""#,
        "tools/call ",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_told_and_a_server_that_gives_none_is_asked_again() {
    let mut kept = Kept::legacy(wishes(&["n:/a", "n:/b", "n:/c"], None));
    assert_eq!(kept.told().await, Told::Began { logs: true, secrets: Secrets::default() });
    let (first, _) = kept.asked().await;
    let (second, _) = kept.asked().await;
    kept.asked().await;
    kept.peer.answer(&first, "{}").await;
    assert_eq!(kept.told().await, settled("n:/a", Settled::Kept));
    let error = r#"{"code":-32002,"message":"no"}"#;
    kept.peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, second["id"])).await;
    assert_eq!(kept.told().await, settled("n:/b", Settled::Refused(error.into())));
    assert_eq!(kept.told().await, settled("n:/c", Settled::Unanswered));
    assert_eq!(kept.asked().await.1, "notifications/cancelled ");
    let (again, text) = kept.asked().await;
    assert_eq!(text, r#"resources/subscribe "n:/c""#);
    kept.peer.answer(&again, "{}").await;
    assert_eq!(kept.told().await, settled("n:/c", Settled::Kept));
    kept.peer.settle().await;
    assert!(kept.peer.link("a", 1).is_listened_to());

    kept.wishes.send_replace(wishes(&[], None));
    assert_eq!(kept.asked().await.1, r#"resources/unsubscribe "n:/a""#);
    assert_eq!(kept.asked().await.1, r#"resources/unsubscribe "n:/c""#);
    assert!(!kept.peer.link("a", 1).is_listened_to());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_opened_anew_is_asked_for_everything_again() {
    let mut kept = Kept::legacy(wishes(&["n:/a"], Some(LogLevel::Info)));
    let expected = [r#"logging/setLevel "info""#, r#"resources/subscribe "n:/a""#];
    for _ in 0..2 {
        for text in expected {
            let (request, found) = kept.asked().await;
            assert_eq!(found, text);
            kept.peer.answer(&request, "{}").await;
        }
        kept.peer.settle().await;
        kept.peer.lane.gauges().sessions.send_modify(|count| *count += 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_updates_is_told_a_few_times_and_misses_nothing() {
    let mut kept = Kept::legacy(wishes(&[], None));
    assert_eq!(kept.told().await, Told::Began { logs: true, secrets: Secrets::default() });
    kept.say("notifications/resources/updated", json!({ "uri": "n:/rare" })).await;
    for _ in 0..100 {
        for _ in 0..100 {
            kept.say("notifications/resources/updated", json!({ "uri": "n:/a" })).await;
        }
        kept.peer.settle().await;
    }
    let mut told = Vec::new();
    while let Ok(Some((_, one))) = timeout(Duration::from_secs(1), kept.told.recv()).await {
        told.push(one);
    }
    let tells = |own: &str| {
        told.iter().any(|one| match one {
            Told::Updated(all) => all.iter().any(|it| **it == *own),
            Told::AllUpdated => true,
            _ => false,
        })
    };
    assert!(tells("n:/rare") && tells("n:/a"), "{told:?}");
    assert!(told.len() <= 12, "10,000 updates in a tenth of a second are few news: {}", told.len());
}

#[tokio::test(start_paused = true)]
async fn log_messages_of_no_call_are_told_with_who_has_called() {
    let mut kept = Kept::legacy(silent_listener());
    kept.told().await;
    let message = |callers| LogMessage {
        level: LogLevel::Error,
        params: Bytes::from_static(br#"{"data":1,"level":"error"}"#),
        callers,
    };
    let params = json!({ "level": "error", "data": 1 });
    kept.say("notifications/message", params.clone()).await;
    assert_eq!(kept.told().await, Told::Logged(vec![message(Callers::Nobody)]));

    // With one call under way it is that call's, and of no level that its caller did not ask for.
    let (coming, mut logs) = kept.peer.call_as(Principal::Local, LogLevel::Error);
    let request = kept.peer.read().await;
    kept.say("notifications/message", json!({ "level": "info", "data": 1 })).await;
    kept.say("notifications/message", params.clone()).await;
    let line = notification("notifications/message", Some(&message(Callers::Nobody).params));
    assert_eq!(logs.recv().await.unwrap(), line);
    // With two, nobody can tell.
    let acme = Principal::Delegated("acme".into());
    let (_second, mut others) = kept.peer.call_as(acme, LogLevel::Debug);
    kept.peer.read().await;
    kept.say("notifications/message", params).await;
    assert_eq!(kept.told().await, Told::Logged(vec![message(Callers::Several)]));
    kept.peer.answer(&request, "{}").await;
    let _ = coming.await;
    assert!(logs.try_recv().is_err() && others.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn log_messages_that_nobody_hears_are_left_out_before_they_cost_anything() {
    let mut kept = Kept::legacy(wishes(&[], None));
    kept.told().await;
    let log = |level: &str| json!({ "level": level, "data": 1 });
    kept.say("notifications/message", log("emergency")).await;
    kept.say("notifications/resources/updated", json!({ "uri": "n:/1" })).await;
    assert_eq!(kept.told().await, Told::Updated(vec!["n:/1".into()]));
    kept.wishes.send_replace(silent_listener());
    // Read after the change was seen, for what is asked next is asked because of it.
    let resources = wishes(&["n:/2"], None).resources.clone();
    kept.wishes.send_modify(|wishes| Arc::make_mut(wishes).resources = resources);
    kept.asked().await;
    kept.say("notifications/message", log("debug")).await;
    kept.say("notifications/message", log("error")).await;
    let Told::Logged(messages) = kept.told().await else { panic!("nothing was logged") };
    assert_eq!(messages.iter().map(|it| it.level).collect::<Vec<_>>(), [LogLevel::Error]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_log_messages_costs_no_update() {
    let mut kept = Kept::legacy(silent_listener());
    kept.told().await;
    let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error"}}"#;
    kept.peer.say(&[log; 2000].join("\n")).await;
    kept.say("notifications/resources/updated", json!({ "uri": "n:/1" })).await;
    let updated = loop {
        match kept.told().await {
            Told::Logged(_) => {}
            told => break told,
        }
    };
    assert_eq!(updated, Told::Updated(vec!["n:/1".into()]), "and not of everything");
}

#[tokio::test(start_paused = true)]
async fn a_newer_server_is_listened_to_and_the_next_request_begins_before_the_last_ends() {
    let tells = Tells { tools: true, ..Tells::default() };
    let mut kept = Kept::modern(tells, Arc::default());
    assert_eq!(kept.told().await, Told::Began { logs: false, secrets: Secrets::default() });
    let (first, text) = kept.asked().await;
    assert_eq!(text, r#"subscriptions/listen {"toolsListChanged":true}"#);
    kept.agree(&first, &[]).await;

    kept.wishes.send_replace(wishes(&["n:/a", "n:/b"], Some(LogLevel::Info)));
    let (second, text) = kept.asked().await;
    let filter = r#"{"resourceSubscriptions":["n:/a","n:/b"],"toolsListChanged":true}"#;
    assert_eq!(text, format!("subscriptions/listen {filter}"));
    kept.agree(&second, &["n:/a"]).await;
    let ended = kept.peer.read().await;
    assert_eq!(ended["method"], "notifications/cancelled");
    assert_eq!(ended["params"]["requestId"], first["id"], "only now the first one ends");
    assert_eq!(kept.told().await, Told::LevelSet(LogLevel::Info));
    assert_eq!(kept.told().await, settled("n:/a", Settled::Kept));
    assert_eq!(kept.told().await, settled("n:/b", Settled::NotOffered));
    assert!(kept.peer.link("a", 1).is_listened_to());
}

#[tokio::test(start_paused = true)]
async fn a_newer_server_that_ends_the_request_is_asked_again_and_what_was_missed_is_told() {
    let mut kept = Kept::modern(Tells::default(), wishes(&["n:/a"], None));
    kept.told().await;
    let (first, _) = kept.asked().await;
    kept.agree(&first, &["n:/a"]).await;
    assert_eq!(kept.told().await, settled("n:/a", Settled::Kept));
    kept.peer.answer(&first, "{}").await;
    let (second, _) = kept.asked().await;
    kept.agree(&second, &["n:/a"]).await;
    assert_eq!(kept.told().await, settled("n:/a", Settled::Kept));
    assert_eq!(kept.told().await, Told::AllUpdated);
    assert_eq!(*kept.peer.lane.gauges().lists_changed.borrow(), 1);
    assert!(!kept.task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_to_be_listened_to_is_left_in_peace() {
    let tells = Tells { tools: true, ..Tells::default() };
    let mut kept = Kept::modern(tells, Arc::default());
    let (request, _) = kept.asked().await;
    let error = r#"{"code":-32601,"message":"no"}"#;
    kept.peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, request["id"])).await;
    assert!(kept.peer.reads_nothing().await);
    kept.wishes.send_replace(wishes(&["n:/a"], None));
    let (_, text) = kept.asked().await;
    assert!(text.contains("n:/a"), "for something else it is asked: {text}");
}
