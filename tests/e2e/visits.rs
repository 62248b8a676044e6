//! These tests have servers tell that an address was visited which they asked a person to visit.
//! They leave asking to `asking.rs`, and who waits for what to tests beside the code.

use std::time::Duration;

use conductor_e2e::client::http_client::Answer;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::client::{Client, LEGACY};
use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::asking::{able, answer, ask_modern};
use crate::lines::own_socket;
use crate::world::{SOON, mock, serve, wait_tool};

const ENDED: &str = "notifications/elicitation/complete";
/// What a line of another stream would have come in by then.
const LATE: Duration = Duration::from_millis(500);

async fn world() -> Daemon {
    let mut apart = mock(&["--library", "--era", "legacy"]);
    apart["isolation"] = json!("perSession");
    let servers = json!({ "old": mock(&["--library", "--era", "legacy"]), "apart": apart });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "old.ask").await.unwrap();
    wait_tool(&daemon, "apart.ask").await.unwrap();
    daemon
}

async fn session(daemon: &Daemon, path: &str) -> Client {
    Client::legacy_with(daemon.addr(), path, LEGACY, able()).await.unwrap()
}

/// Asks for a visit over HTTP; returns what came on the stream of the call after the question.
async fn ask_http(client: &Client, tool: &str, arguments: Value) -> Vec<Value> {
    let params = json!({ "name": tool, "arguments": arguments });
    let mut exchange = client.begin("tools/call", params).await.unwrap();
    let question = exchange.answer.next().await.unwrap().expect("a question");
    let shown = shown(tool, arguments["id"].as_str().unwrap());
    assert_eq!(question["params"]["elicitationId"], shown, "{question}");
    let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer(&question) });
    assert_eq!(client.post(&reply).await.unwrap().status, 202);
    let reply = exchange.finish().await.unwrap();
    assert!(reply.text().unwrap().contains("accept"), "{reply:?}");
    reply.before
}

/// What the visit `own` is called that a tool of this name asks for: at merged doors, where the name says
/// whose it is, so does that of the visit.
fn shown(tool: &str, own: &str) -> String {
    tool.split_once('.').map_or(own.to_owned(), |(server, _)| format!("{server}:{own}"))
}

/// The names of the visits that end as this stream says, as many as come soon.
async fn ended(stream: &mut Answer, most: usize) -> Vec<String> {
    let mut ids = Vec::new();
    while ids.len() < most {
        let limit = if most == usize::MAX { LATE } else { SOON };
        let Ok(message) = timeout(limit, stream.next()).await else { break };
        let message = message.unwrap().expect("the stream goes on");
        if message["method"] == ENDED {
            ids.push(message["params"]["elicitationId"].as_str().unwrap().to_owned());
        }
    }
    ids
}

/// A visit that ends while its call is under way is told on the stream of the call, before the answer.
#[tokio::test]
async fn a_visit_that_ends_during_its_call_is_told_there() {
    let daemon = world().await;
    for (path, tool) in [("/mcp", "old.ask"), ("/servers/old/mcp", "ask"), ("/mcp", "apart.ask")] {
        let client = session(&daemon, path).await;
        let mut news = client.listen().await.unwrap();
        let arguments = json!({ "kinds": ["url"], "id": "v-1", "ends": true });
        let before = ask_http(&client, tool, arguments).await;
        let id = shown(tool, "v-1");
        let told = json!({ "jsonrpc": "2.0", "method": ENDED, "params": { "elicitationId": id } });
        assert_eq!(before, [told], "{path} {tool}");
        assert!(ended(&mut news, usize::MAX).await.is_empty(), "told once");
    }
}

/// One that ends later is told to the session that was asked, whether it listens then or only after.
#[tokio::test]
async fn a_visit_that_ends_later_is_told_to_its_session_alone() {
    let daemon = world().await;
    let doors = [("/mcp", "old."), ("/servers/old/mcp", ""), ("/mcp", "apart.")];
    for (at, (path, prefix)) in doors.into_iter().enumerate() {
        let names = [format!("v-{at}"), format!("w-{at}")];
        let (client, other) = (session(&daemon, path).await, session(&daemon, path).await);
        let mut news = client.listen().await.unwrap();
        let mut others = other.listen().await.unwrap();
        for id in &names {
            let arguments = json!({ "kinds": ["url"], "id": id });
            assert!(ask_http(&client, &format!("{prefix}ask"), arguments).await.is_empty());
        }
        // Where all share a server, whoever speaks with it may bring the end about.
        let by = if prefix == "apart." { &client } else { &other };
        let end = format!("{prefix}end_visit");
        by.call(&end, json!({ "id": names[0] })).await.unwrap();
        let shown = names.clone().map(|own| shown(&end, &own));
        assert_eq!(ended(&mut news, 1).await, shown[..1], "{path}");
        by.call(&end, json!({ "id": names[0] })).await.unwrap();
        by.call(&end, json!({ "id": "unknown" })).await.unwrap();
        assert!(ended(&mut news, usize::MAX).await.is_empty(), "{path}: once, and nothing else");
        drop(news);
        by.call(&end, json!({ "id": names[1] })).await.unwrap();
        let mut again = listen_again(&client).await;
        assert_eq!(ended(&mut again, 1).await, shown[1..], "{path}");
        assert!(ended(&mut others, usize::MAX).await.is_empty(), "{path}: not the other session");
    }
}

/// Opens the stream of news anew, as soon as the daemon has seen that the last one is gone.
async fn listen_again(client: &Client) -> Answer {
    conductor_e2e::wait::until("a new stream", SOON, async || {
        let stream = client.listen().await.unwrap();
        stream.status.is_success().then_some(stream)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_visit_that_an_error_asks_for_is_told_as_well() {
    let daemon = world().await;
    let client = session(&daemon, "/mcp").await;
    let mut news = client.listen().await.unwrap();
    let refused = client.call("old.visit", json!({ "id": "v-3" })).await.unwrap();
    assert_eq!(refused.error_code(), Some(-32042), "{refused:?}");
    let asked = &refused.message["error"]["data"]["elicitations"][0]["elicitationId"];
    assert_eq!(asked, "old:v-3", "{refused:?}");
    client.call("old.end_visit", json!({ "id": "v-3" })).await.unwrap();
    assert_eq!(ended(&mut news, 1).await, ["old:v-3"]);
}

/// Two servers that call their visits the same are told apart, and so are their ends.
#[tokio::test]
async fn visits_of_two_servers_that_have_one_name_are_told_apart() {
    let daemon = world().await;
    let client = session(&daemon, "/mcp").await;
    let mut news = client.listen().await.unwrap();
    let same = || json!({ "kinds": ["url"], "id": "e-1" });
    for tool in ["old.ask", "apart.ask"] {
        assert!(ask_http(&client, tool, same()).await.is_empty());
    }
    for (server, ended_as) in [("apart", "apart:e-1"), ("old", "old:e-1")] {
        client.call(&format!("{server}.end_visit"), json!({ "id": "e-1" })).await.unwrap();
        assert_eq!(ended(&mut news, 1).await, [ended_as]);
    }
    assert!(ended(&mut news, usize::MAX).await.is_empty(), "each once");
}

#[tokio::test]
async fn the_end_of_a_visit_comes_over_lines() {
    let daemon = world().await;
    let mut client = LineClient::connect(&own_socket(&daemon, "old")).await.unwrap();
    client.initialize_with(LEGACY, able()).await.unwrap();
    for ends in [true, false] {
        let arguments = json!({ "kinds": ["url"], "id": "v-4", "ends": ends });
        let params = json!({ "name": "ask", "arguments": arguments });
        let id = client.begin("tools/call", params).await.unwrap();
        let mut came = Vec::new();
        while came.last() != Some(&json!(id)) {
            let message = client.next(SOON).await.unwrap().unwrap();
            if message["method"] == "elicitation/create" {
                let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": { "action": "accept" } });
                client.send(&reply).await.unwrap();
            }
            came.push(message.get("method").unwrap_or(&message["id"]).clone());
        }
        assert_eq!(came.contains(&json!(ENDED)), ends, "{came:?}");
    }
    let id =
        client.begin("tools/call", json!({ "name": "end_visit", "arguments": { "id": "v-4" } }));
    let id = id.await.unwrap();
    let mut came = vec![client.next(SOON).await.unwrap().unwrap()];
    came.push(client.next(SOON).await.unwrap().unwrap());
    assert!(came.iter().any(|it| it["params"]["elicitationId"] == "v-4"), "{came:?}");
    assert!(came.iter().any(|it| it["id"] == id), "{came:?}");
}

/// Revisions without a handshake have no such message: a client of one hears nothing of it.
#[tokio::test]
async fn a_newer_client_is_told_of_no_visit() {
    let daemon = world().await;
    let client = Client::modern(daemon.addr(), "/mcp");
    let filter =
        json!({ "notifications": { "toolsListChanged": true, "resourceSubscriptions": [] } });
    let mut listening = client.begin("subscriptions/listen", filter).await.unwrap();
    for ends in [true, false] {
        let arguments = json!({ "kinds": ["url"], "id": "v-5", "ends": ends });
        let (found, rounds) = ask_modern(&client, "old.ask", &arguments).await;
        assert_eq!((found["result"]["resultType"].as_str(), rounds), (Some("complete"), 2));
    }
    client.call("old.end_visit", json!({ "id": "v-5" })).await.unwrap();
    assert!(ended(&mut listening.answer, usize::MAX).await.is_empty());
}
