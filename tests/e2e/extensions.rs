//! Extensions of servers: declared and served at the server's own door, to clients of its kind alone.
//! Tasks, an extension that is bridged, have a folder of their own.

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::client::{Client, LEGACY, MODERN};
use conductor_e2e::daemon::Daemon;
use http::Method;
use serde_json::{Value, json};

use crate::lines::own_socket;
use crate::world::{mock, serve, wait_tools};

async fn world() -> Daemon {
    let mut apart = mock(&["--extension", "--era", "legacy"]);
    apart["isolation"] = json!("perSession");
    let daemon = serve(json!({
        "old": mock(&["--extension", "--era", "legacy"]),
        "new": mock(&["--extension", "--tasks", "--era", "modern"]),
        "apart": apart,
        "none": mock(&["--era", "legacy"]),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["old.echo", "new.echo", "apart.echo", "none.echo"]).await.unwrap();
    daemon
}

/// What a door declares of this to a client of either kind.
async fn declared(daemon: &Daemon, path: &str, modern: bool) -> Value {
    let client = Client::modern(daemon.addr(), path);
    let result = if modern {
        client.request("server/discover", json!({})).await.unwrap().message
    } else {
        let params = json!({
            "protocolVersion": LEGACY, "capabilities": {},
            "clientInfo": { "name": "e2e", "version": "1" },
        });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let mut headers = client.headers_of(&body);
        headers.retain(|(name, _)| !name.starts_with("mcp-"));
        let answer = client.send(Method::POST, &headers, body.to_string()).await;
        answer.unwrap().next().await.unwrap().unwrap()
    };
    let found = &result["result"]["capabilities"];
    assert!(found["tools"].is_object(), "{result}");
    json!([found["experimental"], found["extensions"]])
}

#[tokio::test]
async fn an_extension_is_declared_at_the_servers_own_door_to_clients_of_its_kind() {
    let daemon = world().await;
    let (experimental, mock) = (json!({ "mock/old": { "level": 1.5 } }), json!({ "version": 2 }));
    let own = json!([experimental, { "io.mock/reverse": mock }]);
    let tasks = json!({ "io.modelcontextprotocol/tasks": {} });
    let mut with_tasks = own.clone();
    with_tasks[1]["io.modelcontextprotocol/tasks"] = json!({});
    for (path, modern, expected) in [
        ("/servers/old/mcp", false, own.clone()),
        ("/servers/old/mcp", true, json!([null, null])),
        ("/servers/apart/mcp", false, own),
        ("/servers/new/mcp", true, with_tasks),
        ("/servers/new/mcp", false, json!([null, null])),
        ("/servers/none/mcp", false, json!([null, null])),
        ("/mcp", false, json!([null, null])),
        ("/mcp", true, json!([null, tasks])),
    ] {
        assert_eq!(declared(&daemon, path, modern).await, expected, "{path} modern: {modern}");
    }
}

#[tokio::test]
async fn a_method_of_an_extension_is_passed_on_as_it_came() {
    let daemon = world().await;
    let params = || json!({ "text": "abc", "z": 1.50, "_meta": { "x/y": [1] } });
    for (path, modern) in
        [("/servers/old/mcp", false), ("/servers/apart/mcp", false), ("/servers/new/mcp", true)]
    {
        let client = match modern {
            true => Client::modern(daemon.addr(), path),
            false => Client::legacy(daemon.addr(), path).await.unwrap(),
        };
        let reply = client.request("mock/reverse", params()).await.unwrap();
        let result = reply.result().unwrap();
        assert_eq!(result["text"], "cba", "{path}");
        let came = &result["params"];
        assert_eq!((&came["z"], &came["_meta"]["x/y"]), (&json!(1.5), &json!([1])), "{path}");
        let version = &came["_meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(*version == MODERN, modern, "{came}");
        let bare = client.request("mock/reverse", json!({})).await.unwrap();
        assert_eq!(bare.result().unwrap()["text"], "", "{path}");
        let unknown = client.request("mock/unknown", json!({})).await.unwrap();
        assert_eq!(unknown.error_code(), Some(-32601), "{path}: the server's own answer");
        assert_eq!(unknown.message["error"]["message"], "Method not found", "{path}");
        let core = client.request("sampling/createMessage", json!({})).await.unwrap();
        assert_eq!(core.message["error"]["data"]["reason"], "unknown_method", "{path}");
    }
    let mut lines = LineClient::connect(&own_socket(&daemon, "old")).await.unwrap();
    lines.initialize(LEGACY).await.unwrap();
    let reply = lines.request("mock/reverse", params()).await.unwrap();
    assert_eq!(reply["result"]["text"], "cba", "{reply}");
}

#[tokio::test]
async fn elsewhere_such_a_method_is_unknown() {
    let daemon = world().await;
    for (path, modern) in [
        ("/mcp", false),
        ("/mcp", true),
        ("/servers/none/mcp", false),
        ("/servers/old/mcp", true),
        ("/servers/new/mcp", false),
    ] {
        let client = match modern {
            true => Client::modern(daemon.addr(), path),
            false => Client::legacy(daemon.addr(), path).await.unwrap(),
        };
        let refused = client.request("mock/reverse", json!({ "text": "abc" })).await.unwrap();
        let error = &refused.message["error"];
        assert_eq!(
            (&error["code"], &error["data"]["reason"]),
            (&json!(-32601), &json!("unknown_method")),
            "{path} {modern}"
        );
    }
}
