//! These tests have servers and clients send notifications of extensions, which no revision knows.
//! They leave requests of extensions to `extensions`, and whose a message is to tests beside the code.

use std::os::unix::fs::PermissionsExt;

use conductor_e2e::client::http_client::{Answer, Place, can_be_everybody};
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::client::{Client, LEGACY};
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::journal::Journal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::lines::own_socket;
use crate::world::{CONDUCTOR, SOON, journal, mock, wait_tools};

const TICK: &str = "notifications/mock/tick";
const TOCK: &str = "notifications/mock/tock";
/// Another user, who comes in through the socket of the workspace.
const STRANGER: u32 = 4242;

struct Stage {
    daemon: Daemon,
    folder: TempDir,
}

impl Stage {
    /// An older and a newer server, and one that runs for each session apart, all with an extension.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let log = |name: &str| folder.path().join(name).display().to_string();
        let of = |name: &str, era: &str| mock(&["--extension", "--era", era, "--log", &log(name)]);
        let mut apart = of("apart", "legacy");
        apart["isolation"] = json!("perSession");
        let settings = json!({
            "listen": { "unix": folder.path().join("all.sock"), "unixMode": "0666" },
            "mcpServers": { "old": of("old", "legacy"), "new": of("new", "modern"), "apart": apart },
        });
        let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
        wait_tools(&daemon, &["old.notify", "new.notify", "apart.notify"]).await.unwrap();
        Self { daemon, folder }
    }

    async fn session(&self, path: &str) -> Client {
        Client::legacy(self.daemon.addr(), path).await.unwrap()
    }

    async fn stranger(&self) -> Client {
        let socket = Place::SocketAs(self.folder.path().join("all.sock"), STRANGER);
        Client::legacy(socket, "/mcp").await.unwrap()
    }

    fn journal(&self, server: &str) -> Journal {
        journal(&self.folder, server)
    }

    /// What the notifications said that have reached this server when it gets the next call, which
    /// comes after them.
    async fn heard(&self, client: &Client, tool: &str, server: &str) -> Vec<Value> {
        client.call(tool, json!({ "text": "now" })).await.unwrap();
        let told = self.journal(server).received(TOCK);
        told.iter().map(|entry| entry["params"]["data"].clone()).collect()
    }

    /// Waits until the notification that says this has reached the server.
    async fn until_heard(&self, server: &str, data: &str) -> Value {
        let is_it = |entry: &&Value| entry["method"] == TOCK && entry["params"]["data"] == data;
        let found = |events: &[Value]| events.iter().find(is_it).cloned();
        self.journal(server).wait("the notification", SOON, found).await.unwrap()
    }
}

/// What the notifications of an extension say that come on this stream, up to the one that says `last`.
async fn ticks(stream: &mut Answer, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    while all.last().is_none_or(|data| data != last) {
        let message = timeout(SOON, stream.next()).await.unwrap().unwrap().expect("it goes on");
        if message["method"] == TICK {
            assert_eq!(message["params"]["_meta"], json!({ "x/y": 1 }), "{message}");
            all.push(message["params"]["data"].as_str().unwrap().to_owned());
        }
    }
    all
}

#[tokio::test]
async fn an_older_servers_notification_reaches_all_sessions_at_its_own_door() {
    let stage = Stage::new().await;
    let (one, two) =
        (stage.session("/servers/old/mcp").await, stage.session("/servers/old/mcp").await);
    let (mut first, mut second) = (one.listen().await.unwrap(), two.listen().await.unwrap());
    let mut lines = LineClient::connect(&own_socket(&stage.daemon, "old")).await.unwrap();
    lines.initialize(LEGACY).await.unwrap();
    let merged = stage.session("/mcp").await;
    let called = merged.call("old.notify", json!({ "data": "a" })).await.unwrap();
    assert!(called.before.is_empty(), "{called:?}");
    let called = one.call("notify", json!({ "data": "b" })).await.unwrap();
    assert!(called.before.is_empty(), "it is about no call: {called:?}");
    assert_eq!(ticks(&mut first, "b").await, ["a", "b"]);
    assert_eq!(ticks(&mut second, "b").await, ["a", "b"]);
    for expected in ["a", "b"] {
        let told = lines.next(SOON).await.unwrap().unwrap();
        assert_eq!((&told["method"], &told["params"]["data"]), (&json!(TICK), &json!(expected)));
    }
}

#[tokio::test]
async fn a_session_with_a_process_of_its_own_hears_that_alone() {
    if !can_be_everybody() {
        return;
    }
    let stage = Stage::new().await;
    let path = "/servers/apart/mcp";
    let (one, two) = (stage.session(path).await, stage.session(path).await);
    let (mut first, mut second) = (one.listen().await.unwrap(), two.listen().await.unwrap());
    // Another user of the server takes nothing away here.
    let stranger = stage.stranger().await;
    stranger.call("apart.notify", json!({ "data": "stranger" })).await.unwrap();
    for (client, data) in [(&one, "one"), (&two, "two"), (&one, "end"), (&two, "end")] {
        client.call("notify", json!({ "data": data })).await.unwrap();
    }
    assert_eq!(ticks(&mut first, "end").await, ["one", "end"]);
    assert_eq!(ticks(&mut second, "end").await, ["two", "end"]);
    one.notify(TOCK, json!({ "data": "to one" })).await.unwrap();
    two.notify(TOCK, json!({ "data": "to two" })).await.unwrap();
    let (to_one, to_two) =
        (stage.until_heard("apart", "to one").await, stage.until_heard("apart", "to two").await);
    assert_ne!(to_one["pid"], to_two["pid"]);
    assert_eq!(
        one.call("pid", json!({})).await.unwrap().text().unwrap(),
        to_one["pid"].to_string()
    );
}

#[tokio::test]
async fn a_newer_servers_notification_comes_with_the_call_it_is_about() {
    let stage = Stage::new().await;
    let client = Client::modern(stage.daemon.addr(), "/servers/new/mcp");
    let called = client.call("notify", json!({ "data": 1.5 })).await.unwrap();
    let params = json!({ "data": 1.5, "_meta": { "x/y": 1 } });
    let told = json!({ "jsonrpc": "2.0", "method": TICK, "params": params });
    assert_eq!(called.before, std::slice::from_ref(&told));
    let mut lines = LineClient::connect(&own_socket(&stage.daemon, "new")).await.unwrap();
    lines.be_modern();
    let params = json!({ "name": "notify", "arguments": { "data": 1.5 } });
    let id = lines.begin("tools/call", params).await.unwrap();
    assert_eq!(lines.next(SOON).await.unwrap().unwrap(), told);
    assert_eq!(lines.next(SOON).await.unwrap().unwrap()["id"], id);
    for (path, tool) in
        [("/mcp", "new.notify"), ("/mcp", "old.notify"), ("/servers/old/mcp", "notify")]
    {
        let client = Client::modern(stage.daemon.addr(), path);
        let mut params = json!({ "name": tool, "arguments": { "data": "x" } });
        params["_meta"]["progressToken"] = json!("events");
        let called = client.request("tools/call", params).await.unwrap();
        assert_eq!((called.text().unwrap(), called.before.len()), ("told", 0), "{path} {tool}");
    }
}

#[tokio::test]
async fn a_clients_notification_reaches_the_server_whose_own_door_it_uses() {
    let stage = Stage::new().await;
    let old = stage.session("/servers/old/mcp").await;
    assert_eq!(
        old.notify(TOCK, json!({ "data": "http", "_meta": { "x/y": 1 } })).await.unwrap(),
        202
    );
    let told = stage.until_heard("old", "http").await;
    assert_eq!(told["params"], json!({ "data": "http", "_meta": { "x/y": 1 } }));
    let mut lines = LineClient::connect(&own_socket(&stage.daemon, "old")).await.unwrap();
    lines.initialize(LEGACY).await.unwrap();
    lines.notify(TOCK, json!({ "data": "lines" })).await.unwrap();
    stage.until_heard("old", "lines").await;
    let new = Client::modern(stage.daemon.addr(), "/servers/new/mcp");
    assert_eq!(new.notify(TOCK, json!({ "data": "newer" })).await.unwrap(), 202);
    stage.until_heard("new", "newer").await;

    // At merged doors nobody could tell whose it is, nor would a server of another kind know it.
    let merged = stage.session("/mcp").await;
    merged.notify(TOCK, json!({ "data": "merged" })).await.unwrap();
    let other_kind = Client::modern(stage.daemon.addr(), "/servers/old/mcp");
    other_kind.notify(TOCK, json!({ "data": "other kind" })).await.unwrap();
    // A request without an id is no notification.
    let call = json!({ "name": "echo", "arguments": { "text": "no id" } });
    old.notify("tools/call", call).await.unwrap();
    old.notify(TOCK, json!({ "data": "last" })).await.unwrap();
    stage.until_heard("old", "last").await;
    assert_eq!(stage.heard(&old, "echo", "old").await, ["http", "lines", "last"]);
    let calls = stage.journal("old").received("tools/call");
    assert!(calls.iter().all(|call| call["params"]["arguments"]["text"] != "no id"), "{calls:?}");
}

#[tokio::test]
async fn between_two_users_of_one_process_nothing_is_carried() {
    if !can_be_everybody() {
        return;
    }
    let stage = Stage::new().await;
    let ours = stage.session("/servers/old/mcp").await;
    let mut news = ours.listen().await.unwrap();
    ours.call("notify", json!({ "data": "alone" })).await.unwrap();
    assert_eq!(ticks(&mut news, "alone").await, ["alone"]);
    ours.notify(TOCK, json!({ "data": "alone" })).await.unwrap();
    stage.until_heard("old", "alone").await;

    let stranger = stage.stranger().await;
    let mut theirs = stranger.listen().await.unwrap();
    stranger.call("old.notify", json!({ "data": "theirs" })).await.unwrap();
    ours.call("notify", json!({ "data": "not alone" })).await.unwrap();
    ours.notify(TOCK, json!({ "data": "not alone" })).await.unwrap();
    // Whatever they heard would come before news of a list.
    for client in [&ours, &stranger] {
        let tool = if std::ptr::eq(client, &ours) { "add_tool" } else { "old.add_tool" };
        client.call(tool, json!({ "name": "later" })).await.unwrap();
    }
    for stream in [&mut news, &mut theirs] {
        let told = timeout(SOON, stream.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
    }
    assert_eq!(stage.heard(&ours, "echo", "old").await, ["alone"]);
}

#[tokio::test]
async fn a_refusal_with_nothing_before_it_has_its_own_status() {
    let stage = Stage::new().await;
    let client = Client::modern(stage.daemon.addr(), "/servers/new/mcp");
    let refused = client.request("x/unknown", json!({})).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.error_code()), (404, Some(-32601)), "{refused:?}");
}
