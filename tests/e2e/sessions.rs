//! These tests end the daemon and start it again while clients of the older revisions have sessions.
//! They leave what a session is to the tests beside the HTTP door.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use conductor_e2e::client::http_client::{Answer, Place, can_be_everybody};
use conductor_e2e::client::{Client, LEGACY};
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use rustix::process::Signal;
use serde_json::json;

use crate::asking::{able, ask_http};
use crate::hearing::Ear;
use crate::world::{CONDUCTOR, SOON, mock, wait_tools};

/// Another user than the daemon's.
const STRANGER: u32 = 4242;

/// How a daemon ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Clean,
    Killed,
}

async fn start(sandbox: &Arc<Sandbox>, args: Vec<String>) -> Daemon {
    let settings = json!({ "mcpServers": {
        "a": mock(&["--library", "--tells", "--era", "legacy"]),
        "b": mock(&["--library", "--tells", "--era", "modern"]),
    } });
    let options = Options { sandbox: Some(Arc::clone(sandbox)), args, ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    daemon
}

/// The same daemon again, at the same address.
async fn again(mut daemon: Daemon, end: End) -> Daemon {
    let (sandbox, addr) = (daemon.sandbox(), daemon.addr());
    match end {
        End::Clean => drop(daemon.terminate(SOON).await.unwrap()),
        End::Killed => {
            daemon.signal(Signal::KILL).unwrap();
            daemon.wait_end(SOON).await.unwrap();
        }
    }
    drop(daemon);
    start(&sandbox, vec!["--listen".to_owned(), addr.to_string()]).await
}

async fn touch(client: &Client, server: &str, uri: &str) {
    let reply = client.call(&format!("{server}.touch"), json!({ "uri": uri })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "done");
}

/// What a client whose session has been set up hears and is asked.
async fn is_served(client: Client, stream: Answer, what: &str) {
    let echo = client.call("b.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(echo.text().unwrap(), "x", "{what}");
    assert!(client.tool_names().await.unwrap().iter().any(|name| name == "a.echo"), "{what}");
    let asked = ask_http(&client, "a.ask", json!({ "kinds": ["form"] })).await;
    assert!(asked.to_string().contains("Ada"), "{what}: {asked}");
    let log = json!({ "name": "a.log", "arguments": { "level": "debug", "data": 1, "ms": 20 } });
    let before = client.request("tools/call", log).await.unwrap().before;
    let logged = before.iter().any(|message| message["params"]["level"] == "debug");
    assert!(logged, "{what}: {before:?}");
    let mut ear = Ear::Session(client, stream);
    let mut missed = [ear.updated().await, ear.updated().await];
    missed.sort();
    assert_eq!(missed, ["note://a/main/one", "note://b/main/one"], "{what}: may have been missed");
    let Ear::Session(client, _) = &ear else { unreachable!() };
    touch(client, "a", "note://main/two").await;
    touch(client, "b", "note://main/one").await;
    assert_eq!(ear.updated().await, "note://b/main/one", "{what}");
    let Ear::Session(client, _) = &ear else { unreachable!() };
    touch(client, "a", "note://main/one").await;
    assert_eq!(ear.updated().await, "note://a/main/one", "{what}");
    assert!(ear.is_silent().await, "{what}");
}

async fn subscribe(client: &Client, method: &str, uri: &str) {
    let reply = client.request(method, json!({ "uri": uri })).await.unwrap();
    assert!(reply.message["result"].is_object(), "{}", reply.message);
}

#[tokio::test]
async fn a_session_goes_on_when_the_daemon_was_ended_or_killed() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let mut daemon = start(&sandbox, Vec::new()).await;
    let socket = sandbox.state_dir().join("workspaces/default.sock");
    for end in [End::Clean, End::Killed] {
        let mut clients = [
            Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap(),
            Client::legacy_with(socket.as_path(), "/mcp", LEGACY, able()).await.unwrap(),
        ];
        for client in &mut clients {
            for uri in ["note://a/main/one", "note://b/main/one", "note://a/main/two"] {
                subscribe(client, "resources/subscribe", uri).await;
            }
            subscribe(client, "resources/unsubscribe", "note://a/main/two").await;
            client.request("logging/setLevel", json!({ "level": "debug" })).await.unwrap();
        }
        daemon = again(daemon, end).await;
        for client in clients {
            let stream = client.listen().await.unwrap();
            assert_eq!(stream.status, 200, "{end:?}");
            is_served(client, stream, &format!("{end:?}")).await;
        }
    }
}

#[tokio::test]
async fn a_session_that_was_deleted_stays_so_and_one_of_another_address_is_not_found() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let daemon = start(&sandbox, Vec::new()).await;
    let ended = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let mut open = Client::legacy(daemon.addr(), "/servers/a/mcp").await.unwrap();
    assert_eq!(ended.delete().await.unwrap(), 204);
    let daemon = again(daemon, End::Killed).await;
    assert_eq!(ended.request("ping", json!({})).await.unwrap().status, 404);
    assert_eq!(open.request("ping", json!({})).await.unwrap().status, 200);
    let elsewhere = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let id = std::mem::replace(&mut open.session, elsewhere.session);
    assert_eq!(open.request("ping", json!({})).await.unwrap().status, 404);
    open.session = id;
    // What is on disk cannot be shown as a session.
    let files = std::fs::read(sandbox.state_dir().join("store.db")).unwrap();
    let wal = std::fs::read(sandbox.state_dir().join("store.db-wal")).unwrap_or_default();
    let id = open.session.as_ref().unwrap().as_bytes();
    assert!(![files, wal].iter().any(|file| file.windows(id.len()).any(|part| part == id)));
}

/// Another user at the same socket who has learned the id of a session has nothing of it, neither before
/// a restart nor after it; nor has the daemon's user of theirs.
#[tokio::test]
async fn a_session_is_of_the_user_who_opened_it() {
    if !can_be_everybody() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("all.sock");
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let start = async || {
        let settings = json!({
            "listen": { "unix": socket, "unixMode": "0666" },
            "mcpServers": { "a": mock(&["--library", "--tells", "--era", "legacy"]) },
        });
        let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
        let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
        wait_tools(&daemon, &["a.echo"]).await.unwrap();
        daemon
    };
    let places = [Place::Socket(socket.clone()), Place::SocketAs(socket.clone(), STRANGER)];
    let mut daemon = start().await;
    let mut sessions = Vec::new();
    for place in places.clone() {
        let client = Client::legacy(place, "/mcp").await.unwrap();
        subscribe(&client, "resources/subscribe", "note://a/main/one").await;
        sessions.push(client.session.unwrap());
    }
    for restarted in [false, true] {
        if restarted {
            daemon.signal(Signal::KILL).unwrap();
            daemon.wait_end(SOON).await.unwrap();
            daemon = start().await;
        }
        for (place, own) in places.clone().into_iter().zip([0, 1]) {
            let mut client = Client::legacy(place, "/mcp").await.unwrap();
            client.session = Some(sessions[1 - own].clone());
            let refused = client.request("ping", json!({})).await.unwrap();
            assert_eq!(refused.status, 404, "{restarted} {own}: {refused:?}");
            assert_eq!(client.listen().await.unwrap().status, 404);
            assert_eq!(client.notify("notifications/cancelled", json!({})).await.unwrap(), 404);
            let answer = json!({ "jsonrpc": "2.0", "id": "q-1", "result": {} });
            assert_eq!(client.post(&answer).await.unwrap().status, 404);
            assert_eq!(client.delete().await.unwrap(), 404);
            client.session = Some(sessions[own].clone());
            let served = client.request("ping", json!({})).await.unwrap();
            assert_eq!(served.status, 200, "{restarted} {own}: {served:?}");
        }
    }
}
