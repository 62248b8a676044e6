//! This file tests the admin socket and its client on real sockets in temporary directories.
//!
//! It leaves the routes over a running system to the end-to-end tests.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::socket::SocketError;

fn routes() -> Router {
    Router::new()
        .route("/ok", get(|| async { Json(json!({"fine": true})) }))
        .route(
            "/lines",
            get(|| async { "{\"number\":7,\"line\":\"a\"}\n{\"number\":8,\"line\":\"b\"}\n" }),
        )
        .fallback(|| async { Problem::unknown_server("git") })
}

async fn opened(dir: &Path) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let ended = CancellationToken::new();
    let socket = AdminSocket::open(dir).await.unwrap();
    (ended.clone(), tokio::spawn(serve(socket, routes(), ended)))
}

#[tokio::test]
async fn the_client_is_answered_and_the_file_is_gone_afterwards() {
    let dir = TempDir::new().unwrap();
    let (ended, serving) = opened(dir.path()).await;
    let client = Client::new(dir.path());
    assert_eq!(client.get::<Value>("/ok").await.unwrap(), json!({"fine": true}));
    let mode = std::fs::metadata(path_in(dir.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let refused = client.get::<Value>("/nothing").await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no server `git`");

    let mut lines = client.lines("/lines").await.unwrap();
    let mut numbers = Vec::new();
    while let Some(line) = lines.next::<LogLine>().await.unwrap() {
        numbers.push(line.number);
    }
    assert_eq!(numbers, [7, 8]);

    ended.cancel();
    serving.await.unwrap();
    assert!(!path_in(dir.path()).exists());
    let gone = client.get::<Value>("/ok").await.unwrap_err();
    assert!(matches!(gone, ClientError::NoDaemon { .. }), "{gone}");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    let dir = TempDir::new().unwrap();
    drop(UnixListener::bind(path_in(dir.path())).unwrap()); // leaves its file behind
    let (ended, serving) = opened(dir.path()).await;
    let second = AdminSocket::open(dir.path()).await.unwrap_err();
    assert!(matches!(second, SocketError::InUse { .. }), "{second}");
    assert!(Client::new(dir.path()).get::<Value>("/ok").await.is_ok());
    ended.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    drop(UnixListener::bind(&elsewhere).unwrap());
    std::os::unix::fs::symlink(&elsewhere, path_in(dir.path())).unwrap();
    let error = AdminSocket::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, SocketError::NotASocket { .. }), "{error}");
    assert!(elsewhere.exists());

    let long = dir.path().join("x".repeat(120));
    let error = AdminSocket::open(&long).await.unwrap_err();
    assert!(matches!(error, SocketError::TooLong { .. }), "{error}");
}

#[tokio::test]
async fn another_daemons_socket_is_not_removed_with_ours() {
    let dir = TempDir::new().unwrap();
    let socket = AdminSocket::open(dir.path()).await.unwrap();
    std::fs::remove_file(socket.path()).unwrap();
    let _other = UnixListener::bind(path_in(dir.path())).unwrap();
    drop(socket);
    assert!(path_in(dir.path()).exists());
}
