//! Questions, updates and log messages of servers that run apart for each session.
//! It leaves the processes themselves to `life.rs`.

use std::time::Duration;

use conductor_e2e::client::http_client::Answer;
use conductor_e2e::client::{Client, LEGACY, MODERN};
use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{isolated, lines, session};
use crate::world::{SOON, client};

/// What the person or program behind the client `name` answers.
fn answer(request: &Value, name: &str) -> Value {
    match request["method"].as_str().unwrap() {
        "elicitation/create" => json!({ "action": "accept", "content": { "name": name } }),
        "roots/list" => json!({ "roots": [{ "uri": format!("file:///{name}") }] }),
        other => panic!("nobody asks a client for {other}"),
    }
}

/// What the server was told.
fn told(message: &Value) -> Value {
    let text = message["result"]["content"][0]["text"].as_str();
    serde_json::from_str(text.unwrap_or_else(|| panic!("{message}"))).unwrap()
}

/// Has the server ask for a form and for roots during one call of a session.
async fn ask(client: &Client, name: &str) -> Value {
    let arguments = json!({ "kinds": ["form", "roots"], "inTurn": true });
    let params = json!({ "name": "a.ask", "arguments": arguments });
    let mut exchange = client.begin("tools/call", params).await.unwrap();
    loop {
        let message = exchange.answer.next().await.unwrap().expect("an answer");
        if message.get("method").is_none() {
            return told(&message);
        }
        let result = answer(&message, name);
        let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
        assert_eq!(client.post(&reply).await.unwrap().status, 202);
    }
}

fn expected(name: &str) -> Value {
    json!({
        "form": { "action": "accept", "content": { "name": name } },
        "roots": { "roots": [{ "uri": format!("file:///{name}") }] },
    })
}

fn able() -> Value {
    json!({ "elicitation": { "form": {} }, "roots": {} })
}

#[tokio::test]
async fn sessions_are_asked_at_the_same_time_each_by_its_own_process() {
    let daemon = isolated("perSession", json!({})).await;
    let mut asked = JoinSet::new();
    for number in 0..4 {
        let place = daemon.addr();
        asked.spawn(async move {
            let name = format!("client-{number}");
            let client = Client::legacy_with(place, "/mcp", LEGACY, able()).await.unwrap();
            // Two of its own calls at once: whichever is meant, it is this client.
            let (first, second) = tokio::join!(ask(&client, &name), ask(&client, &name));
            assert_eq!([first, second], [expected(&name), expected(&name)]);
        });
    }
    asked.join_all().await;
}

#[tokio::test]
async fn a_call_that_has_its_own_process_is_asked_whoever_else_calls() {
    let daemon = isolated("perCall", json!({})).await;
    let client = client(&daemon);
    let ask = async |name: &str| {
        let mut params = json!({
            "name": "a.ask",
            "arguments": { "kinds": ["form"] },
            "_meta": { "io.modelcontextprotocol/clientCapabilities": able() },
        });
        loop {
            let reply = client.request("tools/call", params.clone()).await.unwrap();
            let result = reply.result().unwrap();
            if result["resultType"] != "input_required" {
                return told(&reply.message);
            }
            let asked = result["inputRequests"].as_object().unwrap();
            params["inputResponses"] =
                asked.iter().map(|(key, request)| (key.clone(), answer(request, name))).collect();
            params["requestState"] = result["requestState"].clone();
        }
    };
    let all = tokio::join!(ask("x"), ask("y"), ask("z"));
    let form = |name| json!({ "form": expected(name)["form"] });
    assert_eq!(all, (form("x"), form("y"), form("z")));
}

/// A session that hears, and its stream.
async fn listening(daemon: &Daemon) -> (Client, Answer) {
    let client = session(daemon).await;
    let stream = client.listen().await.unwrap();
    (client, stream)
}

/// What is told next on a stream, news of lists aside.
async fn next(stream: &mut Answer, limit: Duration) -> Option<Value> {
    timeout(limit, async {
        loop {
            let message = stream.next().await.unwrap().expect("the stream goes on");
            if !message["method"].as_str().unwrap_or_default().ends_with("list_changed") {
                return message;
            }
        }
    })
    .await
    .ok()
}

#[tokio::test]
async fn updates_and_log_messages_are_for_the_session_whose_process_tells() {
    let daemon = isolated("perSession", json!({})).await;
    let mut all = [listening(&daemon).await, listening(&daemon).await];
    let uri = "note://a/main/one";
    for (client, _) in &all {
        let reply = client.request("resources/subscribe", json!({ "uri": uri })).await.unwrap();
        assert!(reply.result().unwrap().is_object(), "{reply:?}");
        let reply = client.request("logging/setLevel", json!({ "level": "debug" })).await.unwrap();
        assert!(reply.result().is_ok(), "{reply:?}");
    }
    for number in [0, 1] {
        let (client, stream) = &mut all[number];
        let touched = client.call("a.touch", json!({ "uri": "note://main/one" })).await.unwrap();
        assert_eq!(touched.text().unwrap(), "done");
        let update = next(stream, SOON).await.expect("an update");
        assert_eq!(update["method"], "notifications/resources/updated", "{update}");
        let later = json!({ "level": "debug", "data": number, "ms": 50 });
        client.call("a.log_later", later).await.unwrap();
        let logged = next(stream, SOON).await.expect("a log message");
        assert_eq!(logged["params"]["data"], number, "{logged}");
        let (_, other) = &mut all[1 - number];
        let heard = next(other, Duration::from_millis(300)).await;
        assert_eq!(heard, None, "it is not for the other");
    }
}

#[tokio::test]
async fn a_level_reaches_the_process_of_a_call_before_the_call() {
    for isolation in ["perSession", "perCall"] {
        let daemon = isolated(isolation, json!({})).await;
        let caller = Client::modern(daemon.addr(), "/mcp");
        assert_eq!(caller.version, MODERN);
        let mut params =
            json!({ "name": "a.log", "arguments": { "level": "debug", "data": 7, "ms": 50 } });
        params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
        let reply = caller.request("tools/call", params).await.unwrap();
        assert_eq!(reply.before.len(), 1, "{isolation}: {reply:?}");
        assert_eq!(reply.before[0]["params"]["data"], 7);
    }
}

#[tokio::test]
async fn a_subscription_on_a_line_stream_begins_the_process_that_tells() {
    let daemon = isolated("perSession", json!({})).await;
    let mut client = lines(&daemon).await;
    let uri = "note://main/one";
    let agreed = client.request("resources/subscribe", json!({ "uri": uri })).await.unwrap();
    assert!(agreed["result"].is_object(), "{agreed}");
    client.call("touch", json!({ "uri": uri })).await.unwrap();
    let told = client.next(SOON).await.unwrap().unwrap();
    assert_eq!(
        (&told["method"], &told["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!(uri))
    );
}
