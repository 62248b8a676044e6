//! A client and a server of 2026-07-28: the server makes the task, if the client declared that it can
//! follow one.

use conductor_e2e::client::Client;
use conductor_e2e::client::lines::LineClient;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{EXTENSION, World, about, declaring, id_of, text_of, wait_task};
use crate::lines::own_socket;
use crate::world::{SOON, serve, wait_tool};

async fn make(client: &Client, tool: &str, arguments: Value) -> Value {
    let params = declaring(json!({ "name": tool, "arguments": arguments }));
    let reply = client.request("tools/call", params).await.unwrap();
    let result = reply.result().unwrap().clone();
    assert_eq!(result["resultType"], "task", "{result}");
    result
}

#[tokio::test]
async fn the_extension_is_declared_where_some_server_has_it() {
    let world = World::new().await;
    for (path, expected) in [
        ("/mcp", json!({ EXTENSION: {} })),
        ("/servers/new/mcp", json!({ EXTENSION: {} })),
        ("/servers/old/mcp", Value::Null),
        ("/servers/none/mcp", Value::Null),
    ] {
        let reply = world.modern(path).request("server/discover", json!({})).await.unwrap();
        assert_eq!(reply.result().unwrap()["capabilities"]["extensions"], expected, "{path}");
    }
    let none = about(&world.modern("/servers/none/mcp"), "tasks/get", "t").await;
    assert_eq!((none.error_code(), none.status.as_u16()), (Some(-32601), 404));
}

#[tokio::test]
async fn a_task_is_made_for_who_declares_it_and_followed() {
    let world = World::new().await;
    for (path, tool) in [("/mcp", "new.slow"), ("/servers/new/mcp", "slow")] {
        let client = world.modern(path);
        let task = make(&client, tool, json!({ "text": "done", "ms": 100 })).await;
        assert_eq!(task["pollIntervalMs"], 50);
        let id = id_of(&task);
        let ended = wait_task(&client, &id, "completed").await;
        assert_eq!(ended["resultType"], "complete");
        assert_eq!(ended["taskId"], id.as_str());
        assert_eq!(text_of(&ended["result"]), "done");
        let task = make(&client, tool, json!({ "ask": true })).await;
        let id = id_of(&task);
        let asks = wait_task(&client, &id, "input_required").await;
        assert_eq!(asks["inputRequests"]["name"]["method"], "elicitation/create");
        let answers = json!({ "name": { "action": "accept", "content": { "name": "Ada" } } });
        let update = declaring(json!({ "taskId": id, "inputResponses": answers }));
        let reply = client.request("tasks/update", update).await.unwrap();
        assert_eq!(reply.result().unwrap()["resultType"], "complete");
        let ended = wait_task(&client, &id, "completed").await;
        let told: Value = serde_json::from_str(text_of(&ended["result"])).unwrap();
        assert_eq!(told, answers);
        let id = id_of(&make(&client, tool, json!({ "ms": 60_000 })).await);
        assert!(about(&client, "tasks/cancel", &id).await.result().is_ok());
        wait_task(&client, &id, "cancelled").await;
    }
    let ids: Vec<Value> = world.new.received("tasks/get");
    assert!(ids.iter().all(|it| it["params"]["taskId"].as_str().unwrap().starts_with("task-")));
}

#[tokio::test]
async fn who_does_not_declare_it_gets_no_task() {
    let world = World::new().await;
    let client = world.modern("/mcp");
    let plain = client.call("new.slow", json!({ "text": "now" })).await.unwrap();
    assert_eq!(plain.text().unwrap(), "now");
    let required = json!({ "extensions": { EXTENSION: {} } });
    let must = client.call("new.must", json!({})).await.unwrap();
    assert_eq!((must.error_code(), must.status.as_u16()), (Some(-32021), 400));
    assert_eq!(must.message["error"]["data"]["requiredCapabilities"], required);
    let id = id_of(&make(&client, "new.slow", json!({ "ms": 60_000 })).await);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let reply = client.request(method, json!({ "taskId": id })).await.unwrap();
        assert_eq!((reply.error_code(), reply.status.as_u16()), (Some(-32021), 400), "{method}");
        assert_eq!(reply.message["error"]["data"]["requiredCapabilities"], required);
    }
    let listen = json!({ "notifications": { "taskIds": [id] } });
    let reply = client.request("subscriptions/listen", listen).await.unwrap();
    assert_eq!((reply.error_code(), reply.status.as_u16()), (Some(-32021), 400));
    for method in ["tasks/result", "tasks/list"] {
        let reply = about(&client, method, &id).await;
        assert_eq!((reply.error_code(), reply.status.as_u16()), (Some(-32601), 404), "{method}");
    }
}

#[tokio::test]
async fn an_id_is_unknown_at_another_door_and_must_be_named_in_the_header() {
    let world = World::new().await;
    let client = world.modern("/mcp");
    let id = id_of(&make(&client, "new.slow", json!({ "ms": 60_000 })).await);
    for (path, id) in [("/servers/new/mcp", id.as_str()), ("/mcp", "task-1"), ("/mcp", "")] {
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let reply = about(&world.modern(path), method, id).await;
            assert_eq!(reply.error_code(), Some(-32602), "{path} {method}: {}", reply.message);
        }
    }
    let legacy = about(&world.legacy("/mcp").await, "tasks/get", &id).await;
    assert_eq!(legacy.error_code(), Some(-32602), "tasks of the other kind are others");
    let mut other = world.modern("/mcp");
    other.headers.push(("mcp-name".to_owned(), "another".to_owned()));
    let reply = about(&other, "tasks/get", &id).await;
    assert_eq!((reply.error_code(), reply.status.as_u16()), (Some(-32020), 400));
}

#[tokio::test]
async fn who_listens_to_a_task_is_told_how_it_stands() {
    let world = World::new().await;
    let client = world.modern("/mcp");
    let ids = [
        id_of(&make(&client, "new.slow", json!({ "ask": true })).await),
        id_of(&make(&client, "new.slow", json!({ "ask": true })).await),
    ];
    let listen = json!({ "notifications": { "taskIds": [ids[0], "task-2", "t1.x"] } });
    let mut exchange = client.begin("subscriptions/listen", declaring(listen)).await.unwrap();
    let first = exchange.answer.next().await.unwrap().unwrap();
    assert_eq!(first["params"]["notifications"], json!({ "taskIds": [ids[0]] }), "{first}");
    let asked = conductor_e2e::wait::until("the server is listened to", SOON, async || {
        let asked = world.new.received("subscriptions/listen");
        asked
            .iter()
            .any(|it| it["params"]["notifications"]["taskIds"] == json!(["task-1"]))
            .then_some(())
    });
    asked.await.unwrap();
    for id in ids.iter().rev() {
        let update = json!({ "taskId": id, "inputResponses": { "name": {} } });
        client.request("tasks/update", declaring(update)).await.unwrap();
    }
    let told = timeout(SOON, exchange.answer.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(told["method"], "notifications/tasks", "{told}");
    let params = &told["params"];
    assert_eq!((&params["taskId"], &params["status"]), (&json!(ids[0]), &json!("completed")));
    assert_eq!(params["_meta"]["io.modelcontextprotocol/subscriptionId"], exchange.id);
}

#[tokio::test]
async fn it_is_the_same_over_lines_and_through_two_gateways_over_http() {
    let far = World::new().await;
    let url = format!("http://{}/servers/new/mcp", far.daemon.addr());
    let near = serve(json!({ "far": { "url": url } })).await.unwrap();
    wait_tool(&near, "far.slow").await.unwrap();
    let mut lines = LineClient::connect(&own_socket(&near, "far")).await.unwrap();
    lines.be_modern();
    let params = declaring(json!({ "name": "slow", "arguments": { "text": "far away" } }));
    let made = lines.request("tools/call", params).await.unwrap();
    let id = id_of(&made["result"]);
    let ended = conductor_e2e::wait::until("the end of the task", SOON, async || {
        let params = declaring(json!({ "taskId": id }));
        let said = lines.request("tasks/get", params).await.unwrap();
        (said["result"]["status"] == "completed").then(|| said["result"].clone())
    });
    let ended = ended.await.unwrap();
    assert_eq!((ended["taskId"].as_str(), text_of(&ended["result"])), (Some(&*id), "far away"));
}
