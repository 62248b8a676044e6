//! These tests have newer servers answer with what clients of one revision or the other cannot take.
//! They leave results that anybody can take to `faithful`, and asking to `asking`.

use std::fs;

use conductor_e2e::client::Client;
use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{SOON, journal, mock, serve, wait_tool};

const DOORS: [(&str, &str); 2] = [("/mcp", "new.echo"), ("/servers/new/mcp", "echo")];

/// A daemon with one newer server, which writes a journal.
async fn world() -> (Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("journal").display().to_string();
    let new = mock(&["--era", "modern", "--library", "--log", &log]);
    let daemon = serve(json!({ "new": new })).await.unwrap();
    wait_tool(&daemon, "new.echo").await.unwrap();
    (daemon, folder)
}

/// Calls a tool that answers with this result.
async fn call(client: &Client, tool: &str, result: &Value, capabilities: Value) -> Value {
    call_with(client, tool, result, capabilities, json!({})).await
}

async fn call_with(
    client: &Client,
    tool: &str,
    result: &Value,
    capabilities: Value,
    mut params: Value,
) -> Value {
    params["name"] = json!(tool);
    params["arguments"] = json!({ "text": "x" });
    params["_meta"]["mock/answer"] = json!(format!(r#""result":{result}"#));
    if client.is_modern() {
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    }
    client.request("tools/call", params).await.unwrap().message
}

#[tokio::test]
async fn a_type_of_result_that_nobody_knows_is_no_result() {
    let (daemon, _folder) = world().await;
    for (path, tool) in DOORS {
        let client = Client::modern(daemon.addr(), path);
        let odd = json!({ "resultType": "odd", "content": [] });
        let refused = call(&client, tool, &odd, json!({})).await;
        let failure = &refused["result"]["_meta"]["io.github.mcp-conductor/failure"];
        assert_eq!(failure["reason"], "foreign_result", "{path}: {refused}");
        let untyped = call(&client, tool, &json!({ "content": [] }), json!({})).await;
        assert_eq!(untyped["result"], json!({ "resultType": "complete", "content": [] }), "{path}");
        let mut read = json!({ "uri": "urn:mock:three" });
        read["_meta"]["mock/answer"] = json!(r#""result":{"contents":[]}"#);
        let read = client.request("resources/read", read).await.unwrap().message;
        let result = &read["result"];
        assert_eq!(
            (&result["resultType"], &result["ttlMs"], &result["cacheScope"]),
            (&json!("complete"), &json!(0), &json!("private")),
            "{path}: {read}"
        );
    }
}

/// A client that can be asked nothing may be told to come again with what the server wants back.
#[tokio::test]
async fn a_state_without_questions_comes_back_to_its_server() {
    let (daemon, folder) = world().await;
    for (path, tool) in DOORS {
        let client = Client::modern(daemon.addr(), path);
        let own = format!("own state of {path}");
        let again = json!({ "resultType": "input_required", "requestState": own });
        let first = call(&client, tool, &again, json!({})).await;
        let state = &first["result"]["requestState"];
        assert_eq!(first["result"]["resultType"], "input_required", "{path}: {first}");
        assert_ne!(*state, json!(own), "it is sealed");
        let done = json!({ "resultType": "complete", "content": [] });
        let params = json!({ "requestState": state });
        let second = call_with(&client, tool, &done, json!({}), params).await;
        assert_eq!(second["result"], done, "{path}");
        let came = |events: &[Value]| {
            events.iter().any(|it| it["params"]["requestState"] == own.as_str()).then_some(())
        };
        journal(&folder, "journal").wait("the state", SOON, came).await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_client_is_not_asked_for_what_it_has_not_declared_and_sees_who_asks() {
    let (daemon, _folder) = world().await;
    let asks = |method: &str, params: Value| {
        let requests = json!({ "q": { "method": method, "params": params } });
        json!({ "resultType": "input_required", "inputRequests": requests, "requestState": "s" })
    };
    let form =
        json!({ "mode": "form", "message": "Who?", "requestedSchema": { "type": "object" } });
    for (path, tool) in DOORS {
        let client = Client::modern(daemon.addr(), path);
        for (method, params, declared, required) in [
            (
                "elicitation/create",
                form.clone(),
                json!({}),
                json!({ "elicitation": { "form": {} } }),
            ),
            (
                "elicitation/create",
                json!({ "mode": "url", "url": "https://a.example", "message": "m" }),
                json!({ "elicitation": { "form": {} } }),
                json!({ "elicitation": { "url": {} } }),
            ),
            ("roots/list", json!({}), json!({ "sampling": {} }), json!({ "roots": {} })),
        ] {
            let refused = call(&client, tool, &asks(method, params), declared).await;
            let error = &refused["error"];
            assert_eq!(error["code"], -32021, "{path} {method}: {refused}");
            assert_eq!(error["data"]["requiredCapabilities"], required, "{path} {method}");
        }
        let able = json!({ "elicitation": { "form": {} } });
        let asked = call(&client, tool, &asks("elicitation/create", form.clone()), able).await;
        let message = &asked["result"]["inputRequests"]["q"]["params"]["message"];
        let expected = if path == "/mcp" { "[new] Who?" } else { "Who?" };
        assert_eq!(message, expected, "{path}: {asked}");
    }
}

/// To clients of the older revisions, results with structure are objects.
#[tokio::test]
async fn structured_results_that_are_no_objects_reach_clients_of_both_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let schema = |kind: &str| json!({ "type": kind, "x-unknown": 1 });
    let tool = |name: &str, kind: &str| json!({ "name": name, "inputSchema": { "type": "object" }, "outputSchema": schema(kind) });
    let tools = json!([tool("echo", "array"), tool("add", "object")]).to_string();
    let listed = json!({ "tools/list": format!(r#""tools":{tools}"#) });
    let file = folder.path().join("listed");
    fs::write(&file, listed.to_string()).unwrap();
    let new = mock(&["--era", "modern", "--listed", file.to_str().unwrap()]);
    let daemon = serve(json!({ "new": new })).await.unwrap();
    wait_tool(&daemon, "new.echo").await.unwrap();
    let result = json!({ "resultType": "complete", "content": [], "structuredContent": [1, 2] });
    for (path, name) in DOORS {
        let older = Client::legacy(daemon.addr(), path).await.unwrap();
        let newer = Client::modern(daemon.addr(), path);
        for (client, of_echo, structured) in [
            (&older, None, json!({ "result": [1, 2] })),
            (&newer, Some(schema("array")), json!([1, 2])),
        ] {
            let tools = client.tools().await.unwrap();
            let of = |name: &str| {
                let tool = tools.iter().find(|it| it["name"].as_str().unwrap().ends_with(name));
                tool.unwrap().get("outputSchema").cloned()
            };
            assert_eq!((of("echo"), of("add")), (of_echo, Some(schema("object"))), "{path}");
            let called = call(client, name, &result, json!({})).await;
            assert_eq!(called["result"]["structuredContent"], structured, "{path}: {called}");
        }
    }
}
