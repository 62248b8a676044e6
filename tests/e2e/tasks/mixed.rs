//! Client and server of different kinds: what of tasks can be carried over, and what cannot.

use conductor_e2e::journal::Journal;
use serde_json::{Value, json};

use super::{World, declaring, text_of};
use crate::world::{SOON, client, journal, mock, mock_with, serve, wait_tool};

#[tokio::test]
async fn a_newer_client_gets_what_an_older_server_does_as_a_task_as_an_answer() {
    let world = World::new().await;
    let client = world.modern("/mcp");
    let tools = client.tools().await.unwrap();
    let must = tools.iter().find(|tool| tool["name"] == "old.must").unwrap();
    assert!(must.get("execution").is_none(), "{must}");
    let plain = json!({ "name": "old.must", "arguments": { "text": "done", "ms": 200 } });
    for params in [plain.clone(), declaring(plain)] {
        let reply = client.request("tools/call", params).await.unwrap();
        let result = reply.result().unwrap();
        assert_eq!((text_of(result), &result["resultType"]), ("done", &json!("complete")));
        assert!(result.get("_meta").is_none(), "{result}");
    }
    assert!(!world.old.received("tasks/get").is_empty(), "it was polled");
    assert_eq!(world.old.received("tasks/result").len(), 2);
    assert!(world.old.received("tasks/cancel").is_empty());
    // What may be called plainly is.
    let slow = client.call("old.slow", json!({ "text": "now" })).await.unwrap();
    assert_eq!(slow.text().unwrap(), "now");
    let calls = world.old.received("tools/call");
    let of = |tool: &str| calls.iter().find(|it| it["params"]["name"] == tool).unwrap().clone();
    assert!(of("must")["params"]["task"]["ttl"].is_u64());
    assert!(of("slow")["params"].get("task").is_none());
}

#[tokio::test]
async fn a_newer_client_is_asked_what_an_older_servers_task_asks() {
    let world = World::new().await;
    let client = world.modern("/mcp");
    let mut params = json!({
        "name": "old.must", "arguments": { "ask": true },
        "_meta": { "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } } },
    });
    let reply = client.request("tools/call", params.clone()).await.unwrap();
    let asks = reply.result().unwrap();
    assert_eq!(asks["resultType"], "input_required", "{asks}");
    let (key, asked) = asks["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert!(asked["params"].get("_meta").is_none(), "{asked}");
    params["inputResponses"] = json!({ key: { "action": "accept", "content": { "n": 1 } } });
    params["requestState"] = asks["requestState"].clone();
    let reply = client.request("tools/call", params).await.unwrap();
    let told: Value = serde_json::from_str(text_of(reply.result().unwrap())).unwrap();
    assert_eq!(told["content"], json!({ "n": 1 }));
}

#[tokio::test]
async fn a_call_that_is_given_up_or_takes_too_long_cancels_its_task() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "old");
    let log = journal.path().to_str().unwrap();
    let args = ["--tasks", "--era", "legacy", "--log", log];
    let daemon =
        serve(json!({ "old": mock_with(&args, json!({ "timeout": "1s" })) })).await.unwrap();
    wait_tool(&daemon, "old.must").await.unwrap();
    let client = client(&daemon);
    let reply = client.call("old.must", json!({ "ms": 60_000 })).await.unwrap();
    assert!(reply.is_error(), "{}", reply.message);
    let failure = &reply.message["result"]["_meta"]["io.github.mcp-conductor/failure"];
    assert_eq!(failure["reason"], "timeout");
    assert!(reply.text().unwrap().contains("1 s"), "{}", reply.message);
    wait_cancelled(&journal, "task-1").await;
    let params = json!({ "name": "old.must", "arguments": { "ms": 60_000 } });
    let mut begun = Box::pin(client.begin("tools/call", params));
    tokio::select! {
        _ = &mut begun => panic!("it takes a minute"),
        () = wait_polled(&journal, "task-2") => {}
    }
    drop(begun);
    wait_cancelled(&journal, "task-2").await;
}

async fn wait_polled(journal: &Journal, task: &str) {
    wait_asked(journal, "tasks/get", task).await;
}

async fn wait_cancelled(journal: &Journal, task: &str) {
    wait_asked(journal, "tasks/cancel", task).await;
}

async fn wait_asked(journal: &Journal, method: &str, task: &str) {
    let asked = || journal.received(method).iter().any(|it| it["params"]["taskId"] == task);
    let found = conductor_e2e::wait::until(method, SOON, async || asked().then_some(()));
    found.await.unwrap();
}

#[tokio::test]
async fn an_older_client_has_no_tasks_of_newer_servers() {
    let world = World::new().await;
    let client = world.legacy("/mcp").await;
    let params = json!({ "name": "new.slow", "arguments": { "text": "now" }, "task": {} });
    let reply = client.request("tools/call", params).await.unwrap();
    assert_eq!(text_of(reply.result().unwrap()), "now", "a server that makes none answers");
    let call = world.new.received("tools/call").pop().unwrap();
    assert!(call["params"].get("task").is_none(), "{call}");
    let capabilities = &call["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert!(capabilities.get("extensions").is_none(), "{call}");
    let reply = client.call("new.must", json!({})).await.unwrap();
    assert_eq!(reply.error_code(), Some(-32603), "{}", reply.message);
}

#[tokio::test]
async fn a_server_that_ends_with_a_task_is_an_error_and_the_next_one_knows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "old");
    let log = journal.path().to_str().unwrap();
    let args = ["--tasks", "--fault-tools", "--era", "legacy", "--log", log];
    let servers = json!({ "old": mock(&args) });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "old.must").await.unwrap();
    let modern = client(&daemon);
    let params = json!({ "name": "old.must", "arguments": { "ms": 60_000 } });
    let followed = modern.request("tools/call", params);
    let killed = async {
        wait_polled(&journal, "task-1").await;
        modern.call("old.call_kill", json!({})).await.unwrap()
    };
    let (followed, _) = tokio::join!(followed, killed);
    let followed = followed.unwrap();
    assert_eq!(followed.message["error"]["message"], "no such task", "{}", followed.message);
}
