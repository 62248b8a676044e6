//! Notifications of extensions, and what servers log: to whom they belong.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::Said;
use super::lane::Body;
use super::pending::Ports;
use super::tests_peer::{Peer, brief};
use crate::model::{Callers, Ear, LogPort, Notice, Principal};
use crate::wire::{CallParams, Hop, LogLevel};

const TICK: &str = r#"{"jsonrpc":"2.0","method":"notifications/x/tick","params":{"n":1.0}}"#;

/// A caller that knows extensions, wants to be told what is logged, and can be asked.
struct Caller {
    ports: Ports,
    notices: mpsc::Receiver<Bytes>,
    logs: mpsc::Receiver<Bytes>,
}

impl Caller {
    fn of(user: u32) -> Self {
        let ((sink, logs), (notices, from_notices)) = (mpsc::channel(8), mpsc::channel(8));
        let ear = Ear {
            principal: Principal::User(user),
            logs: Some(LogPort { level: LogLevel::Debug, sink }),
            notices: Some(notices),
        };
        let ports = Ports { ear: Some(ear), ..Ports::default() };
        Self { ports, notices: from_notices, logs }
    }

    /// What it has been told by now.
    fn told(&mut self) -> (usize, usize) {
        let count =
            |from: &mut mpsc::Receiver<Bytes>| std::iter::from_fn(|| from.try_recv().ok()).count();
        (count(&mut self.notices), count(&mut self.logs))
    }

    fn ports(&mut self) -> Ports {
        std::mem::take(&mut self.ports)
    }
}

fn newer(mut peer: Peer) -> Peer {
    peer.lane = peer.lane.speaking(Hop::Modern);
    peer
}

/// Puts a notification of this user on the pipe; whoever waits for that is done at once.
async fn notify(peer: &Peer, user: u32) {
    let params = Bytes::from_static(br#"{"b":1.50,"_meta":{"x/y":1}}"#);
    let params = CallParams::of_notice("notifications/x/tock".into(), Some(&params)).unwrap();
    let body = Body::Call { name: params.name.clone(), params: Arc::new(params) };
    let (reply, answer) = oneshot::channel();
    let (ports, under_way) = (Caller::of(user).ports(), peer.lane.in_flight());
    assert!(peer.lane.call(body, reply, ports).is_ok());
    assert_eq!(brief(answer).await, "{}");
    assert_eq!(peer.lane.in_flight(), under_way, "nothing is under way because of it");
}

#[tokio::test(start_paused = true)]
async fn a_notification_of_a_client_leaves_as_it_came_and_without_an_id() {
    for mut peer in [Peer::start(), newer(Peer::start())] {
        notify(&peer, 1).await;
        let line = peer.input.as_mut().unwrap().next_line().await.unwrap().unwrap();
        let params = r#"{"b":1.50,"_meta":{"x/y":1}}"#;
        let expected =
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/x/tock","params":{params}}}"#);
        assert_eq!(line, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_server_that_several_use_hears_no_notifications() {
    let mut peer = Peer::start();
    notify(&peer, 1).await;
    assert_eq!(peer.read().await["method"], "notifications/x/tock");
    notify(&peer, 2).await;
    let _call = peer.call_at(r#"{"name":"t"}"#, Caller::of(2).ports()).unwrap();
    assert_eq!(peer.read().await["method"], "tools/call", "what another user said was dropped");
    notify(&peer, 1).await;
    notify(&peer, 2).await;
    let _call = peer.call_at(r#"{"name":"t"}"#, Caller::of(2).ports()).unwrap();
    assert_eq!(peer.read().await["method"], "tools/call", "now everybody's are");

    let mut newer = newer(Peer::start());
    for user in [1, 2] {
        notify(&newer, user).await;
        assert_eq!(newer.read().await["method"], "notifications/x/tock", "it keeps nobody in mind");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_older_server_notifies_is_for_sessions_and_told_with_who_has_called() {
    let mut peer = Peer::start();
    let mut said = peer.lane.gauges().said.subscribe();
    let mut caller = Caller::of(1);
    let _call = peer.call_at(r#"{"name":"t"}"#, caller.ports()).unwrap();
    peer.read().await;
    peer.say(TICK).await;
    let callers = Callers::Only(Principal::User(1));
    let line = Bytes::from_static(TICK.as_bytes());
    assert_eq!(said.recv().await, Ok(Said::Noticed(Notice { line, callers })));
    assert_eq!(caller.told(), (0, 0), "it is about no call in particular");
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_server_notifies_is_for_the_only_call() {
    let mut peer = newer(Peer::start());
    let (mut one, mut other) = (Caller::of(1), Caller::of(2));
    let (_, first) = peer.call_at(r#"{"name":"t"}"#, one.ports()).unwrap();
    let request = peer.read().await;
    peer.say(TICK).await;
    peer.settle().await;
    assert_eq!(one.told(), (1, 0));
    let _second = peer.call_at(r#"{"name":"t"}"#, other.ports()).unwrap();
    peer.read().await;
    peer.say(TICK).await;
    peer.settle().await;
    assert_eq!((one.told(), other.told()), ((0, 0), (0, 0)), "nobody can tell");
    peer.answer(&request, "{}").await;
    assert_eq!(brief(first).await, "{}");
    peer.say(TICK).await;
    peer.settle().await;
    assert_eq!((one.told(), other.told()), ((0, 0), (1, 0)));
}

/// What a server logs while a call waits for its caller is about the call that it goes on with.
#[tokio::test(start_paused = true)]
async fn a_log_message_belongs_to_the_call_that_its_server_goes_on_with() {
    let log = json!({ "jsonrpc": "2.0", "method": "notifications/message",
        "params": { "level": "info", "data": 1 } })
    .to_string();
    for (second, expected) in [(1, (0, 1)), (2, (0, 0))] {
        let mut peer = Peer::start();
        let (mut waits, mut works) = (Caller::of(1), Caller::of(second));
        let (mut ports, mut asked) = super::asking::tests::port(r#"{"elicitation":{}}"#);
        ports.ear = waits.ports().ear;
        let _waits = peer.call_at(r#"{"name":"t"}"#, ports).unwrap();
        peer.read().await;
        peer.say(super::asking::tests::FORM).await;
        let question = asked.recv().await.unwrap();
        peer.say(&log).await;
        peer.settle().await;
        assert_eq!(waits.told(), (0, 1), "it is the only one");
        let _works = peer.call_at(r#"{"name":"t"}"#, works.ports()).unwrap();
        let request: Value = peer.read().await;
        assert_eq!(request["method"], "tools/call");
        peer.say(&log).await;
        peer.settle().await;
        assert_eq!((waits.told(), works.told()), ((0, 0), expected), "second caller {second}");
        drop(question);
    }
}

/// One that names a task belongs to whoever waits for its result.
#[tokio::test(start_paused = true)]
async fn a_log_message_of_a_task_belongs_to_whoever_waits_for_it() {
    let mut peer = Peer::start();
    let (mut waits, mut other) = (Caller::of(1), Caller::of(2));
    let _waits = peer.await_task("t-1", waits.ports());
    let _other = peer.call_at(r#"{"name":"t"}"#, other.ports()).unwrap();
    peer.read().await;
    peer.read().await;
    for (task, expected) in [("t-1", (0, 1)), ("t-2", (0, 0))] {
        let meta = json!({ "io.modelcontextprotocol/related-task": { "taskId": task } });
        let params = json!({ "level": "info", "data": 1, "_meta": meta });
        let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params });
        peer.say(&log.to_string()).await;
        peer.settle().await;
        assert_eq!((waits.told(), other.told()), (expected, (0, 0)), "{task}");
    }
}
