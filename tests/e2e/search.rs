//! These tests come in at views that show a few tools in place of all: to search, describe and call them.
//! They leave ranking to `actors/src/merger/search.rs`, and what is chosen to `src/door/fronts/choice.rs`.

use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, SOON, mock, mock_with, wait_tools};

async fn daemon() -> Daemon {
    let settings = json!({
        "log": { "filter": "info,audit=debug" },
        "catalog": { "views": {
            "few": { "tools": ["a.*", "bad.*"], "mode": "search", "exportStyle": "safe" },
            "proxy": { "servers": ["a", "bad"], "mode": "gateway" },
        } },
        "mcpServers": {
            "a": mock_with(&[], json!({
                "validateArguments": ["add"], "excludeTools": ["pid"], "description": "Adds",
                "toolDescriptions": { "echo": "Repeats a parrot." },
            })),
            "b": mock(&[]),
            "bad": mock(&["--fault", "bad_tool=poisoned"]),
        },
    });
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo", "bad.echo"]).await.unwrap();
    daemon
}

async fn clients(daemon: &Daemon, path: &str) -> [Client; 2] {
    [Client::modern(daemon.addr(), path), Client::legacy(daemon.addr(), path).await.unwrap()]
}

/// What a call answers for programs, which is what its text says as well.
async fn told(client: &Client, tool: &str, arguments: Value) -> Value {
    let reply = client.call(tool, arguments).await.unwrap();
    let result = reply.result().unwrap();
    let text: Value = serde_json::from_str(reply.text().unwrap()).unwrap();
    assert!(text == result["structuredContent"] || text == result["structuredContent"]["result"]);
    assert_eq!(result.get("resultType").is_some(), client.is_modern(), "{result}");
    result["structuredContent"].clone()
}

/// The names in a list of tools.
fn names(list: &Value) -> Vec<&str> {
    list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tools_are_searched_described_and_called_as_if_they_were_listed() {
    let daemon = daemon().await;
    for client in clients(&daemon, "/views/few/mcp").await {
        let listed = client.tool_names().await.unwrap();
        assert_eq!(listed, ["search_tools", "describe_tool", "call_tool"]);
        let found = told(&client, "search_tools", json!({ "query": "parrots" })).await;
        assert_eq!(names(&found), ["a__echo"], "{found}");
        let found = told(&client, "search_tools", json!({ "query": "echo", "limit": 50 })).await;
        assert!(names(&found).iter().all(|name| !name.starts_with("b__")), "{found}");
        for hidden in ["pid", "poisoned bad"] {
            let found = told(&client, "search_tools", json!({ "query": hidden })).await;
            let names = names(&found);
            assert!(!names.contains(&"a__pid") && !names.contains(&"bad__bad"), "{found}");
        }
        let tool = told(&client, "describe_tool", json!({ "name": "a.echo" })).await;
        assert_eq!(
            (&tool["name"], &tool["description"]),
            (&json!("a__echo"), &json!("Repeats a parrot."))
        );
        assert_eq!(tool["inputSchema"]["type"], "object");
        let call = |name: &str, arguments: Value| {
            client.call("call_tool", json!({ "name": name, "arguments": arguments }))
        };
        let echoed = call("a__echo", json!({ "text": "x" })).await.unwrap();
        assert_eq!(echoed.text().unwrap(), "x");
        for name in ["b.echo", "a.pid", "bad.bad", "nowhere.x", "search_tools"] {
            let (by_call, direct) =
                (call(name, json!({})).await.unwrap(), client.call(name, json!({})).await.unwrap());
            let told = |reply: &Value| {
                (reply["error"]["code"].clone(), reply["error"]["data"]["reason"].clone())
            };
            assert_eq!(told(&by_call.message).1, "unknown_tool", "{name}: {:?}", by_call.message);
            assert!(name == "search_tools" || told(&by_call.message) == told(&direct.message));
            let described = client.call("describe_tool", json!({ "name": name })).await.unwrap();
            assert_eq!(described.text().unwrap(), format!("unknown tool `{name}`"));
        }
        let wrong = call("a.add", json!({})).await.unwrap();
        assert!(
            wrong.is_error() && wrong.text().unwrap().contains("required property"),
            "{wrong:?}"
        );
        for arguments in
            [json!({}), json!({ "name": 7 }), json!({ "name": "a.echo", "arguments": [] })]
        {
            assert!(client.call("call_tool", arguments).await.unwrap().is_error());
        }
    }
    let named = wait::until("the calls are told", SOON, async || {
        let lines = daemon.log_lines();
        let calls: Vec<_> = lines.into_iter().filter(|line| line["target"] == "audit").collect();
        (calls.len() >= 2).then_some(calls)
    });
    let named = named.await.unwrap();
    assert!(named.iter().all(|line| line["server"] == "a" && line["name"] == "echo"), "{named:?}");
}

#[tokio::test]
async fn servers_are_listed_and_their_tools_shown_and_run() {
    let daemon = daemon().await;
    for client in clients(&daemon, "/views/proxy/mcp").await {
        let listed = client.tool_names().await.unwrap();
        assert_eq!(listed, ["list_servers", "get_server_tools", "execute_tool"]);
        let servers = told(&client, "list_servers", json!({ "agent_id": "me" })).await;
        let expected =
            json!([{ "name": "a", "description": "Adds" }, { "name": "bad", "description": null }]);
        assert_eq!(servers["result"], expected);
        let servers = told(&client, "list_servers", json!({ "include_metadata": true })).await;
        assert_eq!(servers["result"][0]["transport"], "stdio");
        assert!(servers["result"][0].get("command").is_none());
        let asked = json!({ "server": "a", "names": "add, echo,pid" });
        let tools = told(&client, "get_server_tools", asked).await;
        let mut found = names(&tools);
        found.sort_unstable();
        assert_eq!(
            (found, &tools["returned"], &tools["error"]),
            (vec!["add", "echo"], &json!(2), &Value::Null)
        );
        let tools =
            told(&client, "get_server_tools", json!({ "server": "bad", "pattern": "ba*" })).await;
        assert_eq!(names(&tools), Vec::<&str>::new(), "{tools}");
        let tools = told(&client, "get_server_tools", json!({ "server": "b" })).await;
        assert_eq!(tools["error"], "Server 'b' not found in configured servers");
        let run = |arguments: Value| client.call("execute_tool", arguments);
        let echoed =
            run(json!({ "server": "a", "tool": "echo", "args": { "text": "x" } })).await.unwrap();
        assert_eq!(echoed.text().unwrap(), "x");
        let hidden = run(json!({ "server": "a", "tool": "pid" })).await.unwrap();
        assert_eq!(hidden.message["error"]["data"]["reason"], "unknown_tool", "{hidden:?}");
        let elsewhere = run(json!({ "server": "b", "tool": "echo" })).await.unwrap();
        assert_eq!(elsewhere.text().unwrap(), "Server 'b' not found in configured servers");
        let slow =
            json!({ "server": "a", "tool": "sleep", "args": { "ms": 60_000 }, "timeout_ms": 50 });
        assert_eq!(run(slow).await.unwrap().text().unwrap(), "Tool execution timed out after 50ms");
        let never = json!({ "server": "a", "tool": "echo", "timeout_ms": 0 });
        assert!(run(never).await.unwrap().is_error());
    }
    let nowhere = Client::modern(daemon.addr(), "/views/none/mcp");
    assert_eq!(nowhere.request("tools/list", json!({})).await.unwrap().status, 404);
}
