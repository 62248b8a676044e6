//! These tests go through prompts, resources, templates and completion: every door, both eras.
//! They leave the forms of addresses to `actors/src/merger/addresses.rs`.

use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::lines::own_socket;
use crate::world::{CONDUCTOR, SOON, mock, mock_with, serve, status, wait_status, wait_tools};

/// A client at some door.
enum Peer {
    Http(Client),
    Lines(Box<LineClient>),
}

impl Peer {
    async fn legacy(daemon: &Daemon, path: &str) -> Self {
        Self::Http(Client::legacy(daemon.addr(), path).await.unwrap())
    }

    fn modern(daemon: &Daemon, path: &str) -> Self {
        Self::Http(Client::modern(daemon.addr(), path))
    }

    async fn socket(path: &std::path::Path, modern: bool) -> Self {
        let mut client = LineClient::connect(path).await.unwrap();
        match modern {
            true => client.be_modern(),
            false => drop(client.initialize("2025-11-25").await.unwrap()),
        }
        Self::Lines(Box::new(client))
    }

    /// The whole answer.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        match self {
            Self::Http(client) => client.request(method, params).await.unwrap().message,
            Self::Lines(client) => client.request(method, params).await.unwrap(),
        }
    }

    /// The result.
    async fn get(&mut self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert!(answer["result"].is_object(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// What each entry of a list is called, all pages of it.
    async fn names(&mut self, method: &str, list: &str, key: &str) -> Vec<String> {
        let (mut names, mut params) = (Vec::new(), json!({}));
        loop {
            let result = self.get(method, params).await;
            let entries = result[list].as_array().unwrap().iter();
            names.extend(entries.map(|entry| entry[key].as_str().unwrap().to_owned()));
            match result.get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return names,
            }
        }
    }

    async fn prompts(&mut self) -> Vec<String> {
        self.names("prompts/list", "prompts", "name").await
    }

    async fn resources(&mut self) -> Vec<String> {
        self.names("resources/list", "resources", "uri").await
    }

    async fn templates(&mut self) -> Vec<String> {
        self.names("resources/templates/list", "resourceTemplates", "uriTemplate").await
    }
}

/// Two servers with a library, of either era, and one without.
async fn libraries() -> Daemon {
    let daemon = serve(json!({
        "a": mock(&["--library", "--name", "A", "--era", "legacy"]),
        "b": mock(&["--library", "--name", "B", "--era", "modern"]),
        "c": mock(&[]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["a.link", "b.link", "c.echo"]).await.unwrap();
    let mut client = Peer::modern(&daemon, "/mcp");
    wait::until("all lists are read", SOON, async || {
        let templates = Client::modern(daemon.addr(), "/mcp");
        let reply = templates.request("resources/templates/list", json!({})).await.ok()?;
        (reply.message["result"]["resourceTemplates"].as_array()?.len() == 6).then_some(())
    })
    .await
    .unwrap();
    wait::until("all prompts are read", SOON, async || {
        (client.prompts().await.len() == 10 && client.resources().await.len() == 8).then_some(())
    })
    .await
    .unwrap();
    daemon
}

/// Everything at the merged door, whatever the client's era and way in.
async fn check_merged(peer: &mut Peer, modern: bool) {
    let prompts = peer.prompts().await;
    assert!(prompts.contains(&"a.greet".to_owned()), "{prompts:?}");
    assert!(prompts.contains(&"b.brief me".to_owned()), "{prompts:?}");
    let list = peer.get("prompts/list", json!({})).await;
    let greet = list["prompts"].as_array().unwrap().iter().find(|it| it["name"] == "a.greet");
    let greet = greet.unwrap();
    assert_eq!(greet["description"], "Greets somebody.", "a hidden character");
    assert_eq!(greet["x-unknown"].to_string(), "1.0");
    assert_eq!(list.get("ttlMs").is_some(), modern, "{list}");

    let resources = peer.resources().await;
    assert_eq!(
        resources,
        [
            "file://a/mock/two.txt",
            "mcpgw://a/https://mock.invalid/four",
            "note://a/main/one",
            "mcpgw://a/urn:mock:three",
            "file://b/mock/two.txt",
            "mcpgw://b/https://mock.invalid/four",
            "note://b/main/one",
            "mcpgw://b/urn:mock:three",
        ]
    );
    let templates = peer.templates().await;
    assert!(templates.contains(&"note://b/main/{name}".to_owned()), "{templates:?}");
    assert!(templates.contains(&"mcpgw://a/urn:mock:{+rest}".to_owned()), "{templates:?}");

    for (prefix, server) in [("a", "A"), ("b", "B")] {
        check_calls(peer, modern, prefix, server).await;
    }
    check_refusals(peer, modern).await;
}

async fn check_calls(peer: &mut Peer, modern: bool, label: &str, server: &str) {
    let params = json!({ "name": format!("{label}.greet"), "arguments": { "name": "Ada" } });
    let got = peer.get("prompts/get", params).await;
    assert_eq!(got["messages"][0]["content"]["text"], "Greet Ada.", "{got}");
    assert_eq!(got.get("resultType").is_some(), modern, "{got}");
    let brief = peer.get("prompts/get", json!({ "name": format!("{label}.brief me") })).await;
    let uri = &brief["messages"][0]["content"]["resource"]["uri"];
    assert_eq!(*uri, format!("note://{label}/main/one"));
    assert_eq!(brief["messages"][1]["content"]["uri"], format!("mcpgw://{label}/urn:mock:three"));

    for (public, own) in [
        (format!("note://{label}/main/one"), "note://main/one"),
        (format!("note://{label}/main/not-listed"), "note://main/not-listed"),
        (format!("file://{label}/mock/two.txt"), "file:///mock/two.txt"),
        (format!("mcpgw://{label}/urn:mock:three"), "urn:mock:three"),
        (format!("mcpgw://{label}/https://mock.invalid/four"), "https://mock.invalid/four"),
    ] {
        let read = peer.get("resources/read", json!({ "uri": public })).await;
        let content = &read["contents"][0];
        assert_eq!(content["text"], format!("{own} of {server}"), "as the server got it");
        let shown = if own.starts_with("https:") { own } else { &public };
        assert_eq!(content["uri"], shown);
        assert_eq!(read.get("ttlMs").is_some(), modern, "{read}");
    }

    let link = json!({ "name": format!("{label}.link"), "arguments": {} });
    let content = peer.get("tools/call", link).await["content"].clone();
    assert_eq!(content[0]["text"], "see note://main/one", "texts are nobody's business");
    assert_eq!(content[1]["uri"], format!("note://{label}/main/one"));
    assert_eq!(content[2]["resource"]["uri"], format!("file://{label}/mock/two.txt"));

    let argument = json!({ "name": "name", "value": "A" });
    let reference = json!({ "type": "ref/prompt", "name": format!("{label}.greet") });
    let params = json!({ "ref": reference, "argument": argument });
    let completed = peer.get("completion/complete", params).await;
    assert_eq!(completed["completion"]["values"], json!(["Ada", "Alan"]));
    let reference =
        json!({ "type": "ref/resource", "uri": format!("note://{label}/main/{{name}}") });
    let argument = json!({ "name": "name", "value": "t" });
    let params = json!({ "ref": reference, "argument": argument });
    let completed = peer.get("completion/complete", params).await;
    assert_eq!(completed["completion"]["values"], json!(["two"]));
}

async fn check_refusals(peer: &mut Peer, modern: bool) {
    let not_found = if modern { -32602 } else { -32002 };
    for (uri, code, reason) in [
        ("note://c/x", not_found, json!("unknown_resource")), // a server without resources
        ("note://d/x", not_found, json!("unknown_resource")),
        ("https://elsewhere.invalid/", not_found, json!("unknown_resource")),
        ("https://mock.invalid/four", -32602, json!("ambiguous_address")),
        ("https://mock.invalid/items/7", -32602, json!("ambiguous_address")),
        ("urn:mock:three", -32602, json!("ambiguous_address")),
    ] {
        let error = peer.ask("resources/read", json!({ "uri": uri })).await["error"].clone();
        assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(code), &reason), "{uri}");
        assert_eq!(error["data"]["uri"], uri);
        for candidate in error["data"]["candidates"].as_array().into_iter().flatten() {
            peer.get("resources/read", json!({ "uri": candidate })).await;
        }
    }
    for label in ["a", "b"] {
        let uri = format!("note://{label}/main/none");
        let error = peer.ask("resources/read", json!({ "uri": uri })).await["error"].clone();
        assert_eq!(error["code"], not_found, "{label} answered itself: {error}");
        assert_eq!(error["data"]["uri"], uri.as_str());
    }
    let unknown = peer.ask("prompts/get", json!({ "name": "a.none" })).await;
    assert_eq!(unknown["error"]["data"]["reason"], "unknown_prompt", "{unknown}");
    let wrong = peer.ask("completion/complete", json!({ "ref": { "type": "x" } })).await;
    assert_eq!(wrong["error"]["data"]["reason"], "invalid_params", "{wrong}");
    for method in ["resources/subscribe", "logging/setLevel"] {
        let refused = peer.ask(method, json!({ "uri": "note://a/main/one" })).await;
        assert_eq!(refused["error"]["data"]["reason"], "unknown_method", "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompts_and_resources_of_all_servers_are_at_one_door_in_both_eras() {
    let daemon = libraries().await;
    check_merged(&mut Peer::legacy(&daemon, "/mcp").await, false).await;
    check_merged(&mut Peer::modern(&daemon, "/mcp"), true).await;
    let socket = daemon.sandbox().state_dir().join("workspaces/default.sock");
    for modern in [false, true] {
        check_merged(&mut Peer::socket(&socket, modern).await, modern).await;
    }
}

#[tokio::test]
async fn the_command_that_serves_an_agent_alone_shows_them_with_its_first_lists() {
    for modern in [false, true] {
        let sandbox = Sandbox::new().unwrap();
        let server = |name| mock(&["--library", "--name", name, "--fault", "slow_start=300"]);
        let mut settings = json!({ "mcpServers": { "a": server("A"), "b": server("B") } });
        sandbox.mark_servers(&mut settings);
        let file = sandbox.write("conductor.json", &settings.to_string()).unwrap();
        let file = file.display().to_string();
        let words = [CONDUCTOR, "stdio", "--config", &file];
        let mut agent = LineClient::spawn(&words, &[], &sandbox.path("stdio.log")).unwrap();
        match modern {
            true => agent.be_modern(),
            false => drop(agent.initialize("2025-11-25").await.unwrap()),
        }
        let mut peer = Peer::Lines(Box::new(agent));
        let prompts = peer.prompts().await;
        assert!(prompts.contains(&"b.greet".to_owned()), "{prompts:?}");
        assert_eq!(peer.resources().await.len(), 8);
        check_calls(&mut peer, modern, "b", "B").await;
    }
}

#[tokio::test]
async fn at_its_own_door_a_server_has_its_own_names_and_addresses() {
    let daemon = libraries().await;
    for modern in [false, true] {
        let path = "/servers/a/mcp";
        let http = match modern {
            true => Peer::modern(&daemon, path),
            false => Peer::legacy(&daemon, path).await,
        };
        let socket = Peer::socket(&own_socket(&daemon, "a"), modern).await;
        for mut peer in [http, socket] {
            assert_eq!(peer.prompts().await, ["greet", "brief me", "steps", "hang", "kill"]);
            let resources = peer.resources().await;
            assert_eq!(resources[..2], ["note://main/one", "file:///mock/two.txt"]);
            assert_eq!(peer.templates().await[0], "note://main/{name}");
            let read = peer.get("resources/read", json!({ "uri": "urn:mock:anything" })).await;
            assert_eq!(read["contents"][0]["uri"], "urn:mock:anything");
            let link = peer.get("tools/call", json!({ "name": "link", "arguments": {} })).await;
            assert_eq!(link["content"][1]["uri"], "note://main/one");
            let brief = peer.get("prompts/get", json!({ "name": "brief me" })).await;
            assert_eq!(brief["messages"][0]["content"]["resource"]["uri"], "note://main/one");
        }
    }
}

#[tokio::test]
async fn what_a_door_declares_is_what_may_be_there() {
    let daemon = libraries().await;
    let both = json!({ "listChanged": true });
    let all = json!({ "tools": both, "prompts": both, "resources": both, "completions": {} });
    for (path, expected) in
        [("/mcp", &all), ("/servers/a/mcp", &all), ("/servers/c/mcp", &json!({ "tools": both }))]
    {
        let modern = Client::modern(daemon.addr(), path);
        let found = modern.request("server/discover", json!({})).await.unwrap();
        assert_eq!(found.result().unwrap()["capabilities"], *expected, "{path}");
    }
    let mut agent = LineClient::connect(&own_socket(&daemon, "c")).await.unwrap();
    let hello = agent.initialize("2025-11-25").await.unwrap();
    assert_eq!(hello["capabilities"], json!({ "tools": both }));
    // Clients ask all the same, and are answered.
    let mut peer = Peer::Lines(Box::new(agent));
    assert_eq!(peer.prompts().await, Vec::<String>::new());
    assert_eq!(peer.resources().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_completes_nothing_is_not_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let journal = crate::world::journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let entry = mock(&["--library", "--no-completion", "--log", &path]);
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tools(&daemon, &["a.link"]).await.unwrap();
    for (modern, mut peer) in
        [(false, Peer::legacy(&daemon, "/mcp").await), (true, Peer::modern(&daemon, "/mcp"))]
    {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "note://a/main/{name}" },
            "argument": { "name": "name", "value": "" },
        });
        let answer = peer.get("completion/complete", params).await;
        assert_eq!(answer["completion"], json!({ "values": [], "hasMore": false }));
        assert_eq!(answer.get("resultType").is_some(), modern, "{answer}");
    }
    assert_eq!(journal.received("completion/complete").len(), 0);
}

#[tokio::test]
async fn a_new_prompt_is_announced_and_listed() {
    let daemon = libraries().await;
    let socket = daemon.sandbox().state_dir().join("workspaces/default.sock");
    let mut legacy = LineClient::connect(&socket).await.unwrap();
    legacy.initialize("2025-11-25").await.unwrap();
    legacy.request("prompts/list", json!({})).await.unwrap();
    let mut modern = LineClient::connect(&socket).await.unwrap();
    modern.be_modern();
    let wish = json!({ "notifications": { "promptsListChanged": true } });
    modern.begin("subscriptions/listen", wish).await.unwrap();
    let ack = modern.next(SOON).await.unwrap().unwrap();
    assert_eq!(ack["params"]["notifications"], json!({ "promptsListChanged": true }), "{ack}");
    legacy.call("a.add_prompt", json!({ "name": "fresh" })).await.unwrap();
    for client in [&mut legacy, &mut modern] {
        let told = client.next(SOON).await.unwrap().unwrap();
        assert_eq!(told["method"], "notifications/prompts/list_changed", "{told}");
    }
    let mut peer = Peer::Lines(Box::new(legacy));
    assert!(peer.prompts().await.contains(&"a.fresh".to_owned()));
    let got = peer.get("prompts/get", json!({ "name": "a.fresh" })).await;
    assert_eq!(got["messages"][0]["content"]["text"], "fresh");
}

#[tokio::test]
async fn a_view_of_servers_shows_their_library_and_a_view_of_tools_shows_none() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let at = |name: &str| sandbox.path(&format!("{name}.sock"));
    let settings = json!({
        "listen": { "sockets": {
            "one": { "path": at("one"), "servers": ["b"] },
            "few": { "path": at("few"), "tools": ["a.e*", "b.*"] },
            "both": { "path": at("both"), "servers": ["a"], "tools": ["a.echo"] },
        } },
        "mcpServers": {
            "a": mock(&["--library", "--name", "A"]), "b": mock(&["--library", "--name", "B"]),
        },
    });
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tools(&daemon, &["a.link", "b.link"]).await.unwrap();
    let mut one = Peer::socket(&at("one"), false).await;
    wait::until("the library is listed", SOON, async || {
        let all = (one.prompts().await.len(), one.resources().await.len());
        (all == (5, 4)).then_some(())
    })
    .await
    .unwrap();
    assert!(one.prompts().await.iter().all(|name| name.starts_with("b.")));
    one.get("resources/read", json!({ "uri": "note://b/main/one" })).await;
    let hidden = one.ask("resources/read", json!({ "uri": "note://a/main/one" })).await;
    assert_eq!(hidden["error"]["data"]["reason"], "unknown_resource", "{hidden}");
    // Of two servers with this address only one can be seen here.
    let read = one.get("resources/read", json!({ "uri": "https://mock.invalid/four" })).await;
    assert_eq!(read["contents"][0]["text"], "https://mock.invalid/four of B");
    for name in ["few", "both"] {
        let mut peer = Peer::socket(&at(name), true).await;
        assert_eq!(peer.prompts().await, Vec::<String>::new(), "{name}");
        assert_eq!(peer.resources().await, Vec::<String>::new(), "{name}");
        assert_eq!(peer.templates().await, Vec::<String>::new(), "{name}");
        let found = peer.get("server/discover", json!({})).await;
        assert_eq!(found["capabilities"], json!({ "tools": { "listChanged": true } }));
        let hidden = peer.ask("prompts/get", json!({ "name": "b.greet" })).await;
        assert_eq!(hidden["error"]["data"]["reason"], "unknown_prompt", "{name}: {hidden}");
        let hidden = peer.ask("resources/read", json!({ "uri": "note://b/main/one" })).await;
        assert_eq!(hidden["error"]["data"]["reason"], "unknown_resource", "{name}: {hidden}");
    }
}

#[tokio::test]
async fn a_prompt_has_deadline_progress_and_fate_like_a_call() {
    let entry = mock_with(&["--library"], json!({ "timeout": "1s" }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tools(&daemon, &["a.link"]).await.unwrap();
    let client = Client::modern(daemon.addr(), "/mcp");
    let params = json!({ "name": "a.steps", "_meta": { "progressToken": "mine" } });
    let reply = client.request("prompts/get", params).await.unwrap();
    let steps = reply.before.iter().filter(|told| told["params"]["progressToken"] == "mine");
    assert_eq!(steps.count(), 3, "{:?}", reply.before);
    let late = client.request("prompts/get", json!({ "name": "a.hang" })).await.unwrap();
    let error = &late.message["error"];
    assert_eq!(error["code"], -31003, "{error}");
    assert_eq!(error["data"]["reason"], "timeout");
    assert_eq!(error["data"]["fate"], "outcome_unknown");
    assert_eq!(error["data"]["server"], "a");
}

#[tokio::test]
async fn a_library_outlives_the_end_of_its_server_and_what_was_lost_is_told() {
    let entry = mock_with(&["--library"], json!({ "backoff": { "min": "3s", "max": "3s" } }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tools(&daemon, &["a.link"]).await.unwrap();
    let mut peer = Peer::legacy(&daemon, "/mcp").await;
    wait::until("the library is listed", SOON, async || {
        (peer.prompts().await.len() == 5 && peer.resources().await.len() == 4).then_some(())
    })
    .await
    .unwrap();
    let first = status(&daemon, "a").await.unwrap();
    // Made once more by the gateway, since it only reads, and lost again.
    let lost = peer.ask("prompts/get", json!({ "name": "a.kill" })).await;
    assert_eq!(lost["error"]["code"], -31002, "{lost}");
    assert_eq!(lost["error"]["data"]["cause"]["signal"], 9, "{lost}");
    assert_eq!(peer.prompts().await.len(), 5, "while it is down");
    assert_eq!(peer.resources().await.len(), 4, "while it is down");
    let read = peer.get("resources/read", json!({ "uri": "note://a/main/one" })).await;
    assert_eq!(read["contents"][0]["text"], "note://main/one of mock", "it waited");
    wait_status(&daemon, "a", |now| now["generation"] != first["generation"]).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_taken_back_is_cancelled_at_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let journal = crate::world::journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let daemon = serve(json!({ "a": mock(&["--library", "--log", &path]) })).await.unwrap();
    wait_tools(&daemon, &["a.link"]).await.unwrap();
    let mut agent = LineClient::connect(&own_socket(&daemon, "a")).await.unwrap();
    agent.initialize("2025-11-25").await.unwrap();
    let id = agent.begin("prompts/get", json!({ "name": "hang" })).await.unwrap();
    let arrived = |text: &'static str| {
        let path = journal.path().to_owned();
        wait::until(text, SOON, async move || {
            std::fs::read_to_string(&path).ok()?.contains(text).then_some(())
        })
    };
    arrived("prompts/get").await.unwrap();
    agent.notify("notifications/cancelled", json!({ "requestId": id })).await.unwrap();
    arrived("notifications/cancelled").await.unwrap();
    let idle = wait::until("nothing is under way", Duration::from_secs(5), async || {
        (status(&daemon, "a").await.ok()?["in_flight"] == 0).then_some(())
    });
    idle.await.unwrap();
}
