//! A client and a server of the older revisions: the client asks for a task, and follows it.

use std::sync::Arc;

use conductor_e2e::client::Client;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use super::{RELATED, World, about, id_of, make, text_of, wait_task};
use crate::lines::own_socket;
use crate::world::{CONDUCTOR, SOON, mock, serve, wait_tool};

#[tokio::test]
async fn tasks_are_declared_where_some_server_has_them() {
    let world = World::new().await;
    let declared = async |path: &str, version: &str| {
        let client = Client::modern(world.daemon.addr(), path);
        let params = json!({
            "protocolVersion": version, "capabilities": {},
            "clientInfo": { "name": "e2e", "version": "1" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let mut headers = client.headers_of(&body);
        headers.retain(|(name, _)| !name.starts_with("mcp-"));
        let answer = client.send(http::Method::POST, &headers, body.to_string()).await;
        let message = answer.unwrap().next().await.unwrap().unwrap();
        message["result"]["capabilities"]["tasks"].clone()
    };
    let whole = json!({ "list": {}, "cancel": {}, "requests": { "tools": { "call": {} } } });
    for (path, version, expected) in [
        ("/mcp", "2025-11-25", whole.clone()),
        ("/servers/old/mcp", "2025-11-25", whole),
        ("/mcp", "2025-06-18", Value::Null),
        ("/servers/new/mcp", "2025-11-25", Value::Null),
        ("/servers/none/mcp", "2025-11-25", Value::Null),
    ] {
        assert_eq!(declared(path, version).await, expected, "{path} {version}");
    }
    let client = world.legacy("/servers/none/mcp").await;
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        assert_eq!(about(&client, method, "t").await.error_code(), Some(-32601), "{method}");
    }
}

#[tokio::test]
async fn a_task_is_made_followed_and_listed() {
    let world = World::new().await;
    for (path, tool) in [("/mcp", "old.slow"), ("/servers/old/mcp", "slow")] {
        let client = world.legacy(path).await;
        let tools = client.tools().await.unwrap();
        let slow = tools.iter().find(|it| it["name"] == tool).unwrap();
        assert_eq!(slow["execution"], json!({ "taskSupport": "optional" }));
        let task = make(&client, tool, json!({ "text": "done", "ms": 100 })).await;
        assert_eq!((&task["status"], &task["ttl"]), (&json!("working"), &json!(60_000)));
        let id = id_of(&task);
        let reply = about(&client, "tasks/result", &id).await;
        let result = reply.result().unwrap();
        assert_eq!(text_of(result), "done");
        assert_eq!(result["_meta"][RELATED]["taskId"], id.as_str());
        assert_eq!(wait_task(&client, &id, "completed").await["taskId"], id.as_str());
        let other = id_of(&make(&client, tool, json!({ "ms": 60_000 })).await);
        let listed = client.request("tasks/list", json!({})).await.unwrap();
        let ids: Vec<&Value> =
            listed.result().unwrap()["tasks"].as_array().unwrap().iter().collect();
        let ids: Vec<&str> = ids.iter().map(|task| task["taskId"].as_str().unwrap()).collect();
        assert_eq!(ids, [id.as_str(), other.as_str()], "those of this door, in order");
        let cancelled = about(&client, "tasks/cancel", &other).await;
        assert_eq!(cancelled.result().unwrap()["status"], "cancelled");
        assert_eq!(cancelled.result().unwrap()["taskId"], other.as_str());
        // Without `task` the call is an ordinary one.
        let plain = client.call(tool, json!({ "text": "now" })).await.unwrap();
        assert_eq!(plain.text().unwrap(), "now");
        let bad = client.request("tasks/list", json!({ "cursor": "x" })).await.unwrap();
        assert_eq!(bad.error_code(), Some(-32602));
    }
}

#[tokio::test]
async fn an_id_is_unknown_to_others_and_at_other_doors() {
    let world = World::new().await;
    let client = world.legacy("/mcp").await;
    let id = id_of(&make(&client, "old.slow", json!({ "ms": 60_000 })).await);
    let elsewhere = world.legacy("/servers/old/mcp").await;
    let mut changed = id.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let mut middle = id.clone().into_bytes();
    middle[20] = if middle[20] == b'x' { b'y' } else { b'x' };
    let middle = String::from_utf8(middle).unwrap();
    for (client, id) in [
        (&elsewhere, id.as_str()), // another door
        (&client, "task-1"),       // the server's own
        (&elsewhere, "task-1"),
        (&client, middle.as_str()),
        (&client, "t1."),
        (&client, ""),
    ] {
        for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
            let reply = about(client, method, id).await;
            assert_eq!(reply.error_code(), Some(-32602), "{method} {id}: {}", reply.message);
            assert_eq!(reply.message["error"]["data"]["reason"], "unknown_task");
        }
    }
    assert!(
        elsewhere.request("tasks/list", json!({})).await.unwrap().message["result"]["tasks"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // The other kind of revision, at the same door.
    let modern = about(&world.modern("/mcp"), "tasks/get", &id).await;
    assert_eq!(modern.error_code(), Some(-32602));
    assert_eq!(world.old.received("tasks/get").len(), 0, "the server was asked nothing of it");
    assert_eq!(wait_task(&client, &id, "working").await["taskId"], id.as_str());
}

#[tokio::test]
async fn an_id_outlives_the_daemon_and_a_server_that_forgot_says_so() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let settings = json!({ "mcpServers": { "old": mock(&["--tasks", "--era", "legacy"]) } });
    let start = async || {
        let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
        let daemon = Daemon::start(CONDUCTOR, settings.clone(), options).await.unwrap();
        wait_tool(&daemon, "old.slow").await.unwrap();
        daemon
    };
    let mut daemon = start().await;
    let client = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let id = id_of(&make(&client, "old.slow", json!({ "ms": 60_000 })).await);
    assert!(daemon.terminate(SOON).await.unwrap().success());
    let daemon = start().await;
    let client = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    let reply = about(&client, "tasks/get", &id).await;
    assert_eq!(reply.message["error"], json!({ "code": -32602, "message": "no such task" }));
    // The server counts from one again, so that the same task now is another's work: still ours.
    assert_eq!(id_of(&make(&client, "old.slow", json!({ "ms": 60_000 })).await), id);
}

#[tokio::test]
async fn a_task_is_told_of_on_the_stream_of_its_session_and_of_no_other() {
    let world = World::new().await;
    let (client, other) = (world.legacy("/mcp").await, world.legacy("/mcp").await);
    let (mut stream, mut others) = (client.listen().await.unwrap(), other.listen().await.unwrap());
    let params = json!({
        "name": "old.slow", "arguments": { "ms": 300 }, "task": {},
        "_meta": { "progressToken": "mine" },
    });
    let reply = client.request("tools/call", params).await.unwrap();
    let id = id_of(&reply.result().unwrap()["task"]);
    let next = async |stream: &mut conductor_e2e::client::http_client::Answer| loop {
        let message = stream.next().await.unwrap().unwrap();
        if !message["method"].as_str().unwrap().ends_with("list_changed") {
            return message;
        }
    };
    let progress = timeout(SOON, next(&mut stream)).await.unwrap();
    assert_eq!(progress["method"], "notifications/progress", "{progress}");
    assert_eq!(progress["params"]["progressToken"], "mine");
    assert_eq!(progress["params"]["_meta"][RELATED]["taskId"], id.as_str());
    let status = timeout(SOON, next(&mut stream)).await.unwrap();
    assert_eq!(status["method"], "notifications/tasks/status", "{status}");
    assert_eq!(
        (&status["params"]["taskId"], &status["params"]["status"]),
        (&json!(id), &json!("completed"))
    );
    assert!(timeout(Duration::from_millis(300), next(&mut others)).await.is_err());
}

#[tokio::test]
async fn a_question_of_a_task_comes_with_its_result_and_names_it() {
    let world = World::new().await;
    let client = world.legacy("/mcp").await;
    let task = make(&client, "old.must", json!({ "ask": true })).await;
    assert_eq!(task["status"], "input_required");
    let id = id_of(&task);
    let mut exchange = client.begin("tasks/result", json!({ "taskId": id })).await.unwrap();
    let question = exchange.answer.next().await.unwrap().unwrap();
    assert_eq!(question["method"], "elicitation/create", "{question}");
    assert_eq!(question["params"]["_meta"][RELATED]["taskId"], id.as_str());
    let result = json!({
        "action": "accept", "content": { "name": "Ada" },
        "_meta": { RELATED: { "taskId": id } },
    });
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
    assert_eq!(client.post(&answer).await.unwrap().status, 202);
    let reply = exchange.finish().await.unwrap();
    let told: Value = serde_json::from_str(text_of(reply.result().unwrap())).unwrap();
    assert_eq!(told["content"], json!({ "name": "Ada" }));
    assert_eq!(told["_meta"][RELATED]["taskId"], "task-1", "the server's own id");
}

#[tokio::test]
async fn taking_a_request_back_cancels_no_task() {
    let daemon = serve(json!({ "old": mock(&["--tasks", "--era", "legacy"]) })).await.unwrap();
    wait_tool(&daemon, "old.slow").await.unwrap();
    let mut client = LineClient::connect(&own_socket(&daemon, "old")).await.unwrap();
    client.initialize("2025-11-25").await.unwrap();
    let params = json!({ "name": "slow", "arguments": { "ms": 500, "text": "late" }, "task": {} });
    let call = client.begin("tools/call", params).await.unwrap();
    let id = id_of(&client.answer(call).await.unwrap()["result"]["task"]);
    let waiting = client.begin("tasks/result", json!({ "taskId": id })).await.unwrap();
    for request in [call, waiting] {
        client.notify("notifications/cancelled", json!({ "requestId": request })).await.unwrap();
    }
    let reply = client.request("tasks/result", json!({ "taskId": id })).await.unwrap();
    assert_eq!(text_of(&reply["result"]), "late");
}
