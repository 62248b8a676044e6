//! These tests subscribe to resources: every door, both eras on either side, through restarts.
//! They leave log messages to `logging.rs` and who may hear what to tests beside the code.

use std::time::Duration;

use conductor_e2e::client::http_client::Answer;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::client::{Client, Exchange};
use conductor_e2e::daemon::Daemon;
use conductor_e2e::wait;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::world::{SOON, client, journal, mock, serve, status, wait_status, wait_tools};

/// How a client comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Http,
    Lines,
}

/// All ways in, each in both eras.
pub(crate) const WAYS: [(Way, bool); 4] =
    [(Way::Http, false), (Way::Http, true), (Way::Lines, false), (Way::Lines, true)];

/// A client that listens at the merged door.
pub(crate) enum Ear {
    /// A session, and its stream.
    Session(Client, Answer),
    /// A long request.
    Listening(Exchange),
    /// A line door; the id of the long request, if it made one.
    Lines(Box<LineClient>, Option<u64>),
}

impl Ear {
    /// A client that has subscribed to these, and what it was told of that.
    pub(crate) async fn of(
        daemon: &Daemon,
        way: Way,
        modern: bool,
        uris: &[&str],
    ) -> (Self, Value) {
        let filter = json!({ "notifications": { "resourceSubscriptions": uris } });
        match (way, modern) {
            (Way::Http, false) => {
                let client = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
                let stream = client.listen().await.unwrap();
                let mut agreed = Vec::new();
                for uri in uris {
                    let reply = client.request("resources/subscribe", json!({ "uri": uri }));
                    if reply.await.unwrap().message["result"].is_object() {
                        agreed.push(*uri);
                    }
                }
                (Self::Session(client, stream), json!(agreed))
            }
            (Way::Http, true) => {
                let client = Client::modern(daemon.addr(), "/mcp");
                let mut exchange = client.begin("subscriptions/listen", filter).await.unwrap();
                let first = exchange.answer.next().await.unwrap().unwrap();
                let agreed = acknowledged(&first, exchange.id);
                (Self::Listening(exchange), agreed)
            }
            (Way::Lines, false) => {
                let mut client = lines(daemon).await;
                client.initialize("2025-11-25").await.unwrap();
                let mut agreed = Vec::new();
                for uri in uris {
                    let answer = client.request("resources/subscribe", json!({ "uri": uri }));
                    if answer.await.unwrap()["result"].is_object() {
                        agreed.push(*uri);
                    }
                }
                (Self::Lines(Box::new(client), None), json!(agreed))
            }
            (Way::Lines, true) => {
                let mut client = lines(daemon).await;
                client.be_modern();
                let id = client.begin("subscriptions/listen", filter).await.unwrap();
                let first = client.next(SOON).await.unwrap().unwrap();
                (Self::Lines(Box::new(client), Some(id)), acknowledged(&first, id))
            }
        }
    }

    /// The next notification, whatever it is.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Value> {
        let next = async {
            match self {
                Self::Session(_, stream) => stream.next().await.unwrap(),
                Self::Listening(exchange) => exchange.answer.next().await.unwrap(),
                Self::Lines(client, _) => client.next(SOON).await.unwrap(),
            }
        };
        timeout(limit, next).await.ok().map(|message| message.expect("the stream goes on"))
    }

    /// The address of the next update; news of lists are passed over.
    pub(crate) async fn updated(&mut self) -> String {
        loop {
            let message = self.next(SOON).await.expect("an update");
            if message["method"] != "notifications/resources/updated" {
                let method = message["method"].as_str().unwrap_or_default();
                assert!(method.ends_with("/list_changed"), "{message}");
                continue;
            }
            let id = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
            let expected = match self {
                Self::Listening(exchange) => json!(exchange.id),
                Self::Lines(_, Some(listen)) => json!(listen),
                Self::Session(..) | Self::Lines(_, None) => Value::Null,
            };
            assert_eq!(*id, expected, "{message}");
            return message["params"]["uri"].as_str().unwrap().to_owned();
        }
    }

    /// Whether no update comes for a while.
    pub(crate) async fn is_silent(&mut self) -> bool {
        while let Some(message) = self.next(Duration::from_millis(300)).await {
            if message["method"] == "notifications/resources/updated" {
                return false;
            }
        }
        true
    }
}

async fn lines(daemon: &Daemon) -> LineClient {
    let socket = daemon.sandbox().state_dir().join("workspaces/default.sock");
    LineClient::connect(&socket).await.unwrap()
}

fn acknowledged(message: &Value, id: u64) -> Value {
    assert_eq!(message["method"], "notifications/subscriptions/acknowledged", "{message}");
    let meta = &message["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/subscriptionId"], id, "{message}");
    message["params"]["notifications"].get("resourceSubscriptions").cloned().unwrap_or(json!([]))
}

/// An old server `a`, a new one `b`, both of which tell of updates and log, and one that does not.
pub(crate) async fn telling() -> Daemon {
    let daemon = serve(json!({
        "a": mock(&["--library", "--tells", "--era", "legacy"]),
        "b": mock(&["--library", "--tells", "--era", "modern"]),
        "c": mock(&["--library"]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["a.touch", "b.touch", "c.echo"]).await.unwrap();
    daemon
}

async fn touch(daemon: &Daemon, server: &str, uri: &str) {
    let reply = client(daemon).call(&format!("{server}.touch"), json!({ "uri": uri })).await;
    assert_eq!(reply.unwrap().text().unwrap(), "done");
}

async fn kill(daemon: &Daemon, server: &str) {
    let generation = |row: &Value| row["generation"].as_u64().unwrap();
    let before = status(daemon, server).await.unwrap();
    let pid = i32::try_from(before["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let next = |row: &Value| row["state"] == "running" && generation(row) > generation(&before);
    wait_status(daemon, server, next).await.unwrap();
}

#[tokio::test]
async fn updates_reach_subscribers_of_either_era_from_servers_of_either_era() {
    let daemon = telling().await;
    for (way, modern) in WAYS {
        let uris =
            ["note://a/main/one", "note://b/main/one", "note://a/refused", "note://c/main/one"];
        let (mut ear, agreed) = Ear::of(&daemon, way, modern, &uris).await;
        assert_eq!(agreed, json!(["note://a/main/one", "note://b/main/one"]), "{way:?} {modern}");
        for server in ["a", "b"] {
            touch(&daemon, server, "note://main/one").await;
            assert_eq!(
                ear.updated().await,
                format!("note://{server}/main/one"),
                "{way:?} {modern}"
            );
            touch(&daemon, server, "note://main/one/below").await;
            assert_eq!(ear.updated().await, format!("note://{server}/main/one/below"));
            touch(&daemon, server, "note://main/two").await;
        }
        assert!(ear.is_silent().await, "nobody asked for more");
    }
}

#[tokio::test]
async fn updates_keep_coming_on_the_same_connection_when_a_server_was_killed() {
    let daemon = telling().await;
    let mut ears = Vec::new();
    for (way, modern) in WAYS {
        let uris = ["note://a/main/one", "note://b/main/one"];
        ears.push(Ear::of(&daemon, way, modern, &uris).await.0);
    }
    for server in ["a", "b", "a"] {
        kill(&daemon, server).await;
        touch(&daemon, server, "note://main/one").await;
        for ear in &mut ears {
            assert_eq!(ear.updated().await, format!("note://{server}/main/one"));
        }
    }
}

#[tokio::test]
async fn a_server_is_asked_once_for_all_and_again_when_the_last_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let book = journal(&folder, "a.log");
    let log = book.path().display().to_string();
    let daemon = serve(json!({
        "a": mock(&["--library", "--tells", "--era", "legacy", "--log", &log]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["a.touch"]).await.unwrap();
    let uri = "note://a/main/one";
    let mut ears = Vec::new();
    for (way, modern) in WAYS {
        // The original address is understood as well, and is what is told then.
        let own = if modern { uri } else { "note://main/one" };
        ears.push((Ear::of(&daemon, way, modern, &[own]).await.0, own));
    }
    touch(&daemon, "a", "note://main/one").await;
    for (ear, own) in &mut ears {
        assert_eq!(ear.updated().await, *own);
    }
    assert_eq!(book.received("resources/subscribe").len(), 1);
    // One says so, the others just leave: a session, a connection, a socket.
    let (last, own) = ears.remove(2);
    let Ear::Lines(mut last, None) = last else { panic!("the order of WAYS") };
    for (ear, _) in ears {
        if let Ear::Session(client, _) = &ear {
            client.delete().await.unwrap();
        }
    }
    let gone = book.received("resources/unsubscribe");
    assert_eq!(gone.len(), 0, "one is still there");
    last.request("resources/unsubscribe", json!({ "uri": own })).await.unwrap();
    book.wait("the server is told", SOON, |_| {
        (book.received("resources/unsubscribe").len() == 1).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(book.received("resources/subscribe").len(), 1);
}

#[tokio::test]
async fn what_is_declared_is_what_there_is() {
    let daemon = telling().await;
    wait::until("what the servers offer is known", SOON, async || {
        let client = Client::modern(daemon.addr(), "/servers/c/mcp");
        let reply = client.request("server/discover", json!({})).await.ok()?;
        let capabilities = &reply.message["result"]["capabilities"];
        let declared = capabilities["resources"].get("subscribe").is_some();
        (!declared && capabilities.get("logging").is_none()).then_some(())
    })
    .await
    .unwrap();
    for (path, tells) in [("/mcp", true), ("/servers/a/mcp", true), ("/servers/b/mcp", true)] {
        let reply = Client::modern(daemon.addr(), path).request("server/discover", json!({})).await;
        let capabilities = reply.unwrap().message["result"]["capabilities"].clone();
        assert_eq!(capabilities["resources"]["subscribe"], tells, "{path}: {capabilities}");
        assert_eq!(capabilities["logging"], json!({}), "{path}: {capabilities}");
    }
    let legacy = Client::legacy(daemon.addr(), "/servers/c/mcp").await.unwrap();
    let params = json!({ "uri": "note://main/one" });
    let refused = legacy.request("resources/subscribe", params).await.unwrap();
    assert_eq!(refused.error_code(), Some(-32601), "{}", refused.message);
    let legacy = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    for (params, code) in [
        (json!({ "uri": "note://a/refused" }), -32002),
        (json!({ "uri": "note://nobody/x" }), -32002),
        (json!({}), -32602),
    ] {
        let refused = legacy.request("resources/subscribe", params).await.unwrap();
        assert_eq!(refused.error_code(), Some(code), "{}", refused.message);
    }
}

/// Sixty clients with the same ids; each has one resource of its own.
#[tokio::test]
async fn many_clients_hear_of_what_they_asked_for_and_of_nothing_else() {
    let daemon = telling().await;
    let mut ears = Vec::new();
    for number in 0..60_usize {
        let (way, modern) = WAYS[number % 4];
        let server = if number % 8 < 4 { "a" } else { "b" };
        let own = format!("note://{server}/main/n{number:02}");
        let (ear, agreed) = Ear::of(&daemon, way, modern, &[&own]).await;
        assert_eq!(agreed, json!([own]));
        ears.push((ear, own));
    }
    for (_, uri) in &ears {
        let server = &uri[7..8];
        touch(&daemon, server, &uri.replacen("//a/", "//", 1).replacen("//b/", "//", 1)).await;
    }
    for (ear, own) in &mut ears {
        assert_eq!(ear.updated().await, *own);
    }
    for (ear, own) in ears.iter_mut().step_by(7) {
        assert!(ear.is_silent().await, "{own}");
    }
}

#[tokio::test]
async fn a_flood_of_updates_costs_few_messages_and_leaves_the_others_alone() {
    let daemon = telling().await;
    let uris = ["note://a/main/flood", "note://a/main/rare", "note://b/main/one"];
    let (mut ear, _) = Ear::of(&daemon, Way::Http, true, &uris).await;
    let flooding = client(&daemon);
    let flood = json!({ "uri": "note://main/flood", "times": 50_000 });
    let flood = tokio::spawn(async move { flooding.call("a.touch", flood).await });
    let caller = client(&daemon);
    for _ in 0..20 {
        let reply = caller.call("c.echo", json!({ "text": "x" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "x");
    }
    touch(&daemon, "b", "note://main/one").await;
    flood.await.unwrap().unwrap();
    touch(&daemon, "a", "note://main/rare").await;
    let mut heard = Vec::new();
    while !uris.iter().all(|uri| heard.iter().any(|known| known == uri)) {
        heard.push(ear.updated().await);
    }
    assert!(heard.len() < 2_000, "{} of 50,000", heard.len());
    println!("50,000 updates were told in {} messages", heard.len());
}

/// A daemon whose servers are those of another daemon, spoken to over HTTP in both ways.
pub(crate) async fn far(near: &Daemon) -> Daemon {
    let url = |server: &str| format!("http://{}/servers/{server}/mcp", near.addr());
    let daemon = serve(json!({
        "new": { "url": url("a"), "protocol": "modern" },
        "old": { "url": url("b"), "protocol": "legacy" },
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["new.touch", "old.touch"]).await.unwrap();
    daemon
}

#[tokio::test]
async fn updates_come_from_remote_servers_and_through_restarts_behind_them() {
    let near = telling().await;
    let daemon = far(&near).await;
    let mut ears = Vec::new();
    for (way, modern) in WAYS {
        let uris = ["note://new/main/one", "note://old/main/one", "note://new/refused"];
        let (ear, agreed) = Ear::of(&daemon, way, modern, &uris).await;
        assert_eq!(agreed, json!(uris[..2]), "{way:?} {modern}");
        ears.push(ear);
    }
    for _ in 0..2 {
        for server in ["new", "old"] {
            touch(&daemon, server, "note://main/one").await;
            let touched = format!("note://{server}/main/one");
            for ear in &mut ears {
                // A restart is told as an update as well, for what happened meanwhile is not known.
                while ear.updated().await != touched {}
            }
        }
        kill(&near, "a").await;
        kill(&near, "b").await;
    }
}
