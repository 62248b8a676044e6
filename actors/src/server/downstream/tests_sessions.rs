//! Opening a session through the SDK, with a server that the test plays.
//! Which way is tried first is decided where servers are connected.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::peers::Peers;
use super::sdk::{Opening, SessionError, open_session};
use super::tests_peer::{LONG, Peer};
use crate::wire::Hop;

type Opened = tokio::task::JoinHandle<Result<super::sdk::Session, SessionError>>;

fn open(peer: &Peer, opening: Opening) -> Opened {
    let lane = peer.lane.clone();
    tokio::spawn(async move { open_session(&lane, opening, Peers::Several).await })
}

/// What came of it, in short.
async fn brief(opened: Opened) -> String {
    match timeout(LONG, opened).await.expect("it goes on for ever").unwrap() {
        Ok(session) => format!("{} {:?}", session.version, session.hop),
        Err(SessionError::Closed) => "closed".to_owned(),
        Err(SessionError::Refused(_)) => "refused".to_owned(),
    }
}

fn initialized(version: &str) -> String {
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "test", "version": "1" },
    })
    .to_string()
}

#[tokio::test(start_paused = true)]
async fn a_handshake_settles_on_the_servers_revision() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut peer = Peer::start();
        let opened = open(&peer, Opening::Initialize);
        let request = peer.read().await;
        assert_eq!(request["method"], "initialize");
        assert_eq!(request["params"]["protocolVersion"], "2025-11-25");
        peer.answer(&request, &initialized(version)).await;
        assert_eq!(peer.read().await["method"], "notifications/initialized");
        assert_eq!(brief(opened).await, format!("{version} {:?}", Hop::Legacy));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_session_is_a_refusal_at_once() {
    for answer in [
        r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"strange":true}}"#,
        r#"{"jsonrpc":"2.0","id":ID,"result":{"#,
    ] {
        let mut peer = Peer::start();
        let opened = open(&peer, Opening::Initialize);
        let id = peer.read().await["id"].to_string();
        peer.say(&answer.replace("ID", &id)).await;
        assert_eq!(brief(opened).await, "refused", "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipe_that_breaks_during_the_handshake_is_no_refusal() {
    let mut peer = Peer::start();
    let opened = open(&peer, Opening::Initialize);
    peer.read().await;
    peer.out = None;
    assert_eq!(brief(opened).await, "closed");
}

#[tokio::test(start_paused = true)]
async fn a_refused_handshake_can_be_followed_by_the_other_on_the_same_pipe() {
    let mut peer = Peer::start();
    let opened = open(&peer, Opening::Initialize);
    let id = peer.read().await["id"].clone();
    peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no"}}}}"#))
        .await;
    assert_eq!(brief(opened).await, "refused");
    let opened = open(&peer, Opening::Discover);
    let request = peer.read().await;
    assert_eq!(request["method"], "server/discover");
    assert_eq!(request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    peer.answer(&request, r#"{"strange":true}"#).await;
    assert_eq!(brief(opened).await, "refused");
}

#[tokio::test(start_paused = true)]
async fn the_sdks_session_and_calls_share_the_pipe_without_meeting() {
    let mut peer = Peer::start();
    let opened = open(&peer, Opening::Initialize);
    let request = peer.read().await;
    peer.answer(&request, &initialized("2025-06-18")).await;
    let session = timeout(Duration::from_secs(1), opened).await.unwrap().unwrap().unwrap();
    assert_eq!(peer.read().await["method"], "notifications/initialized");
    let (_ticket, answer) = peer.call(r#"{"name":"x"}"#);
    let call = peer.read().await;
    peer.answer(&request, "{}").await;
    peer.answer(&call, "1").await;
    assert_eq!(super::tests_peer::brief(answer).await, "1");
    drop(session);
    let (_ticket, answer) = peer.call(r#"{"name":"x"}"#);
    let call = peer.read().await;
    peer.answer(&call, "2").await;
    assert_eq!(super::tests_peer::brief(answer).await, "2", "the pipe is not the session's");
}
