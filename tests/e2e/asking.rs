//! Servers ask their callers something during a call: every pair of revisions, over HTTP and lines.
//! Whom a question belongs to is decided in tests beside the code.

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::client::{Client, LEGACY, Reply};
use conductor_e2e::daemon::Daemon;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::lines::own_socket;
use crate::world::{SOON, mock, serve, wait_tool};

const ALL: [&str; 3] = ["form", "url", "sampling"];

/// A daemon with `old`, a server of the revisions up to 2025-11-25, and `new`, one of 2026-07-28.
async fn both() -> Daemon {
    let servers = json!({
        "old": mock(&["--library", "--era", "legacy"]),
        "new": mock(&["--library", "--era", "modern"]),
    });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "old.ask").await.unwrap();
    wait_tool(&daemon, "new.ask").await.unwrap();
    daemon
}

pub(crate) fn able() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

/// What a client that can do everything answers to a request.
pub(crate) fn answer(request: &Value) -> Value {
    let params = &request["params"];
    match request["method"].as_str().unwrap() {
        "elicitation/create" if params["mode"] == "url" => json!({ "action": "accept" }),
        "elicitation/create" => json!({ "action": "accept", "content": { "name": "Ada" } }),
        "sampling/createMessage" => {
            let content =
                json!({ "type": "text", "text": params["messages"][0]["content"]["text"] });
            json!({ "role": "assistant", "content": content, "model": "m" })
        }
        "roots/list" => json!({ "roots": [{ "uri": "file:///work" }] }),
        other => panic!("nobody asks a client for {other}"),
    }
}

/// What the server is to be told for each kind.
fn expected(kinds: &[&str]) -> Value {
    let told = |kind: &&str| {
        let told = match *kind {
            "form" => json!({ "action": "accept", "content": { "name": "Ada" } }),
            "url" => json!({ "action": "accept" }),
            "roots" => json!({ "roots": [{ "uri": "file:///work" }] }),
            _ => {
                json!({ "role": "assistant", "content": { "type": "text", "text": "hi" }, "model": "m" })
            }
        };
        ((*kind).to_owned(), told)
    };
    kinds.iter().map(told).collect::<Map<_, _>>().into()
}

/// What the server says it was told.
pub(crate) fn told(result: &Value) -> Value {
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"));
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Calls a tool as a client of the older revisions over HTTP: answers go in requests of their own.
pub(crate) async fn ask_http(client: &Client, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    let mut exchange = client.begin("tools/call", params).await.unwrap();
    loop {
        let message = exchange.answer.next().await.unwrap().expect("an answer");
        if message.get("method").is_none() {
            return message;
        }
        let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": answer(&message) });
        assert_eq!(client.post(&reply).await.unwrap().status, 202);
    }
}

fn modern_params(tool: &str, arguments: &Value) -> Value {
    json!({
        "name": tool,
        "arguments": arguments,
        "_meta": { "io.modelcontextprotocol/clientCapabilities": able() },
    })
}

/// Puts the answers to what `result` asks for into the parameters of the next request.
fn bring(params: &mut Value, result: &Value) {
    let asked = result["inputRequests"].as_object().unwrap();
    let answers: Map<String, Value> =
        asked.iter().map(|(key, request)| (key.clone(), answer(request))).collect();
    params["inputResponses"] = answers.into();
    params["requestState"] = result["requestState"].clone();
}

/// Calls a tool as a client of 2026-07-28 and brings what it asks for, again and again. Returns the
/// answer and how many requests it took.
pub(crate) async fn ask_modern(client: &Client, tool: &str, arguments: &Value) -> (Value, usize) {
    let mut params = modern_params(tool, arguments);
    for round in 1.. {
        let reply = client.request("tools/call", params.clone()).await.unwrap();
        if reply.message["result"]["resultType"] != "input_required" {
            return (reply.message, round);
        }
        bring(&mut params, &reply.message["result"]);
    }
    unreachable!("the server stops asking")
}

#[tokio::test]
async fn a_client_with_a_handshake_is_asked_by_requests_over_http() {
    let daemon = both().await;
    let client = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap();
    for (tool, kinds) in [("old.ask", &ALL[..]), ("new.ask", &["form", "url", "sampling", "roots"])]
    {
        for in_turn in [false, true] {
            let arguments = json!({ "kinds": kinds, "inTurn": in_turn });
            let found = ask_http(&client, tool, arguments).await;
            assert_eq!(told(&found["result"]), expected(kinds), "{tool} {in_turn}");
        }
    }
}

#[tokio::test]
async fn a_modern_client_is_asked_by_results_over_http() {
    let daemon = both().await;
    let client = Client::modern(daemon.addr(), "/mcp");
    for (tool, kinds) in [("old.ask", &ALL[..]), ("new.ask", &["form", "url", "sampling", "roots"])]
    {
        let arguments = json!({ "kinds": kinds, "inTurn": true });
        let (found, rounds) = ask_modern(&client, tool, &arguments).await;
        assert_eq!(told(&found["result"]), expected(kinds), "{tool}");
        assert_eq!(rounds, kinds.len() + 1, "{tool}: one question a round");
        let (found, _) = ask_modern(&client, tool, &json!({ "kinds": kinds })).await;
        assert_eq!(told(&found["result"]), expected(kinds), "{tool} at once");
    }
}

#[tokio::test]
async fn dialogues_that_were_left_open_do_not_keep_others_from_being_asked() {
    let daemon = both().await;
    let asks = json!({ "kinds": ["form", "sampling"] });
    let modern = Client::modern(daemon.addr(), "/mcp");
    for _ in 0..3 {
        // Nobody comes back with the answers.
        let left = modern.request("tools/call", modern_params("old.ask", &asks)).await.unwrap();
        let asked = left.message["result"]["inputRequests"].as_object().unwrap().len();
        assert_eq!(asked, 2, "both come at once: {left:?}");
    }
    let (found, rounds) = ask_modern(&modern, "old.ask", &asks).await;
    assert_eq!((told(&found["result"]), rounds), (expected(&["form", "sampling"]), 2));
    let legacy = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap();
    let found = ask_http(&legacy, "old.ask", asks).await;
    assert_eq!(told(&found["result"]), expected(&["form", "sampling"]));
}

#[tokio::test]
async fn both_are_asked_over_lines() {
    let daemon = both().await;
    for server in ["old", "new"] {
        let mut legacy = LineClient::connect(&own_socket(&daemon, server)).await.unwrap();
        legacy.initialize_with(LEGACY, able()).await.unwrap();
        let arguments = json!({ "kinds": ALL, "inTurn": true });
        let params = json!({ "name": "ask", "arguments": arguments });
        let id = legacy.begin("tools/call", params).await.unwrap();
        let found = loop {
            let message = legacy.next(SOON).await.unwrap().unwrap();
            match message.get("method") {
                None if message["id"] == id => break message,
                _ if message.get("id").is_none() => {} // lists that have just been read
                None => {}
                Some(_) => {
                    let reply = json!({ "jsonrpc": "2.0", "id": message["id"], "result": answer(&message) });
                    legacy.send(&reply).await.unwrap();
                }
            }
        };
        assert_eq!(told(&found["result"]), expected(&ALL), "{server}");
        let mut modern = LineClient::connect(&own_socket(&daemon, server)).await.unwrap();
        modern.be_modern();
        let mut params = modern_params("ask", &arguments);
        let found = loop {
            let found = modern.request("tools/call", params.clone()).await.unwrap();
            if found["result"]["resultType"] != "input_required" {
                break found;
            }
            bring(&mut params, &found["result"]);
        };
        assert_eq!(told(&found["result"]), expected(&ALL), "{server}");
    }
}

#[tokio::test]
async fn who_asks_is_named_where_servers_are_merged_and_only_there() {
    let daemon = both().await;
    let message_of = async |path: &str, tool: &str| {
        let client = Client::modern(daemon.addr(), path);
        let mut params = modern_params(tool, &json!({ "kinds": ["form"] }));
        let asked = bring_to(&client, &params).await.message["result"].clone();
        bring(&mut params, &asked);
        bring_to(&client, &params).await;
        let requests = asked["inputRequests"].as_object().unwrap();
        requests.values().next().unwrap()["params"]["message"].clone()
    };
    assert_eq!(message_of("/mcp", "old.ask").await, "[old] Who?");
    assert_eq!(message_of("/servers/old/mcp", "ask").await, "Who?");
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_not() {
    let daemon = both().await;
    let refusal = json!({ "code": -32601, "message": "not offered by the client that called" });
    // Its answer is no failure: what it makes of the refusal is for it to say.
    let modern = Client::modern(daemon.addr(), "/mcp");
    let found = modern.call("old.ask", json!({ "kinds": ["form"] })).await.unwrap();
    assert_eq!(told(&found.message["result"]), json!({ "form": refusal }));
    for (kind, required) in [
        ("form", json!({ "elicitation": { "form": {} } })),
        ("url", json!({ "elicitation": { "url": {} } })),
        ("sampling", json!({ "sampling": {} })),
    ] {
        let must = json!({ "kinds": [kind], "must": true });
        let found = modern.call("old.ask", must).await.unwrap();
        assert_eq!((found.status.as_u16(), found.error_code()), (400, Some(-32021)), "{found:?}");
        assert_eq!(found.message["error"]["data"]["requiredCapabilities"], required);
    }
    let legacy = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let found = legacy.call("old.ask", json!({ "kinds": ["sampling"] })).await.unwrap();
    assert_eq!(told(&found.message["result"]), json!({ "sampling": refusal }));
    assert!(found.before.is_empty());
}

#[tokio::test]
async fn what_a_client_refuses_is_told_to_the_server_or_ends_the_call() {
    let daemon = both().await;
    let client = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap();
    let error = json!({ "code": -1, "message": "not now" });
    for tool in ["old.ask", "new.ask"] {
        let params = json!({ "name": tool, "arguments": { "kinds": ["sampling"] } });
        let mut exchange = client.begin("tools/call", params).await.unwrap();
        let request = exchange.answer.next().await.unwrap().unwrap();
        let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
        client.post(&reply).await.unwrap();
        let result = exchange.finish().await.unwrap().message["result"].clone();
        if tool == "old.ask" {
            assert_eq!(told(&result), json!({ "sampling": error }));
        } else {
            assert_eq!(result["isError"], true, "{result}");
            assert!(result["content"][0]["text"].as_str().unwrap().contains("not now"), "{result}");
        }
    }
}

#[tokio::test]
async fn an_address_to_be_visited_first_is_asked_for_in_the_callers_words() {
    let daemon = both().await;
    let modern = Client::modern(daemon.addr(), "/mcp");
    let (found, rounds) = ask_modern(&modern, "old.visit", &json!({})).await;
    assert_eq!((told(&found["result"]), rounds), (json!("visited"), 2));
    let legacy = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap();
    let found = legacy.call("old.visit", json!({})).await.unwrap();
    assert_eq!(found.error_code(), Some(-32042), "{found:?}");
}

/// What comes of a request that brings input.
async fn bring_to(client: &Client, params: &Value) -> Reply {
    client.request("tools/call", params.clone()).await.unwrap()
}

#[tokio::test]
async fn a_state_that_is_changed_foreign_or_used_up_is_refused() {
    let daemon = both().await;
    let client = Client::modern(daemon.addr(), "/mcp");
    for server in ["old", "new"] {
        let tool = format!("{server}.ask");
        let arguments = json!({ "kinds": ["form"] });
        let mut params = modern_params(&tool, &arguments);
        let asked = bring_to(&client, &params).await;
        bring(&mut params, &asked.message["result"]);
        let state = params["requestState"].as_str().unwrap().to_owned();
        let refused = async |client: &Client, change: &dyn Fn(&mut Value)| {
            let mut changed = params.clone();
            change(&mut changed);
            let reply = bring_to(client, &changed).await;
            assert_eq!(reply.error_code(), Some(-32602), "{reply:?}");
            assert_eq!(reply.message["error"]["data"]["reason"], "input_expired");
        };
        let flipped: String = state.chars().rev().collect();
        refused(&client, &|params| params["requestState"] = json!(flipped)).await;
        refused(&client, &|params| params["requestState"] = json!("{}")).await;
        refused(&client, &|params| params["requestState"] = json!(7)).await;
        refused(&client, &|params| params["arguments"]["kinds"] = json!(["url"])).await;
        refused(&client, &|params| params["name"] = json!("new.visit")).await;
        let elsewhere = Client::modern(daemon.addr(), &format!("/servers/{server}/mcp"));
        refused(&elsewhere, &|params| params["name"] = json!("ask")).await;
        let found = bring_to(&client, &params).await;
        assert_eq!(told(&found.message["result"]), expected(&["form"]), "it is still good");
        if server == "old" {
            refused(&client, &|_| {}).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_missing_is_asked_for_again() {
    let daemon = both().await;
    let client = Client::modern(daemon.addr(), "/mcp");
    let mut params = modern_params("old.ask", &json!({ "kinds": ["form"] }));
    let asked = bring_to(&client, &params).await;
    bring(&mut params, &asked.message["result"]);
    params["inputResponses"] = json!({ "unknown": {} });
    let again = bring_to(&client, &params).await;
    let result = &again.message["result"];
    assert_eq!(result["inputRequests"], asked.message["result"]["inputRequests"]);
    bring(&mut params, result);
    let found = bring_to(&client, &params).await;
    assert_eq!(told(&found.message["result"]), expected(&["form"]));
}

#[tokio::test]
async fn a_server_that_is_killed_ends_the_calls_that_wait_for_input() {
    let daemon = both().await;
    let client = Client::modern(daemon.addr(), "/mcp");
    let mut params = modern_params("old.ask", &json!({ "kinds": ["form"] }));
    let asked = bring_to(&client, &params).await;
    bring(&mut params, &asked.message["result"]);
    let pid = crate::world::status(&daemon, "old").await.unwrap()["pid"].as_i64().unwrap();
    let pid = i32::try_from(pid).unwrap();
    conductor_e2e::sandbox::signal(pid, rustix::process::Signal::KILL).unwrap();
    let found = bring_to(&client, &params).await;
    let result = &found.message["result"];
    assert_eq!(result["isError"], true, "{found:?}");
    assert_eq!(result["_meta"]["io.github.mcp-conductor/failure"]["fate"], "outcome_unknown");
}

/// Fifty clients on one server of the newer revision, all asked at once; each gets its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_that_are_asked_at_once_are_told_apart() {
    let daemon = both().await;
    let mut clients = JoinSet::new();
    for number in 0..50 {
        let client = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap();
        clients.spawn(async move {
            let params = json!({ "name": "new.ask", "arguments": { "kinds": ["form"] } });
            let mut exchange = client.begin("tools/call", params).await.unwrap();
            let request = exchange.answer.next().await.unwrap().unwrap();
            let result = json!({ "action": "accept", "content": { "name": number } });
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
            client.post(&reply).await.unwrap();
            let result = exchange.finish().await.unwrap().message["result"].clone();
            assert_eq!(told(&result)["form"]["content"]["name"], number);
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_question_that_the_server_takes_back_is_taken_back_at_the_client() {
    let daemon = both().await;
    let arguments = json!({ "kinds": ["form"], "withdraw": true });
    let legacy = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able()).await.unwrap();
    let params = json!({ "name": "old.ask", "arguments": arguments });
    let mut exchange = legacy.begin("tools/call", params).await.unwrap();
    let question = exchange.answer.next().await.unwrap().unwrap();
    let taken_back = exchange.answer.next().await.unwrap().unwrap();
    assert_eq!(taken_back["method"], "notifications/cancelled", "{taken_back}");
    assert_eq!(taken_back["params"]["requestId"], question["id"]);
    let result = exchange.finish().await.unwrap();
    assert_eq!(result.text().unwrap(), "withdrawn", "the call goes on without an answer");
    let modern = Client::modern(daemon.addr(), "/mcp");
    let (found, rounds) = ask_modern(&modern, "old.ask", &arguments).await;
    assert_eq!((told(&found["result"]), rounds), (json!("withdrawn"), 2));
}
