//! Rows S18, S23, S24: what servers say in lists that could cost or tell others something.

use std::collections::HashSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::client::http_client::{Place, can_be_everybody};
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::wait;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::world::{CONDUCTOR, SOON, client, journal, mock, serve, wait_tools};

/// Another user than the one who runs the tests.
const STRANGER: u32 = 4242;

#[tokio::test]
async fn s18_what_is_cached_is_for_one_caller_whatever_the_server_says() {
    let args = ["--era", "modern", "--library", "--ttl-ms", "999999999"];
    let daemon = serve(json!({ "a": mock(&args) })).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    for path in ["/mcp", "/servers/a/mcp"] {
        let client = Client::modern(daemon.addr(), path);
        for method in ["server/discover", "tools/list", "prompts/list", "resources/list"] {
            let reply = client.request(method, json!({})).await.unwrap();
            let result = reply.result().unwrap();
            assert_eq!(result["cacheScope"], "private", "{path} {method}");
            assert!(result["ttlMs"].as_u64().unwrap() <= 300_000, "{path} {method}");
        }
    }
}

#[tokio::test]
async fn s18_private_lists_and_results_never_cross_principals() {
    if !can_be_everybody() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let socket = |name: &str| folder.path().join(name);
    let log = journal(&folder, "journal");
    let args = ["--era", "modern", "--library", "--private", "--ttl-ms", "999999999"];
    let args = [&args[..], &["--log", log.path().to_str().unwrap()]].concat();
    let settings = json!({
        "listen": {
            "unix": socket("merged"), "unixMode": "0666",
            "sockets": {
                "workspace": { "path": socket("workspace"), "mode": "0666", "workspace": "default" },
                "part": { "path": socket("part"), "mode": "0666", "servers": ["a"] },
            },
        },
        "mcpServers": { "a": mock(&args), "b": mock(&[]) },
    });
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    wait_tools(&daemon, &["a.seen_by_mcp-conductor", "b.echo"]).await.unwrap();
    let mut clients = vec![
        Client::modern(daemon.addr(), "/mcp"),
        Client::modern(daemon.addr(), "/servers/a/mcp"),
        Client::modern(daemon.addr(), "/workspaces/default/mcp"),
    ];
    for name in ["merged", "workspace", "part"] {
        let stranger = Place::SocketAs(socket(name), STRANGER);
        clients.extend([&*socket(name)].map(|ours| Client::modern(ours, "/mcp")));
        clients.push(Client::modern(stranger, "/mcp"));
    }
    let mut read = HashSet::new();
    for client in &clients {
        let names = client.tool_names().await.unwrap();
        let seen: Vec<_> = names.iter().filter(|name| name.contains("seen_by_")).collect();
        assert!(matches!(seen[..], [one] if one.ends_with("seen_by_mcp-conductor")), "{seen:?}");
        let uri = address(client, "one").await;
        for _ in 0..2 {
            let params = json!({ "uri": uri });
            let reply = client.request("resources/read", params).await.unwrap();
            let result = reply.result().unwrap();
            assert_eq!(result["cacheScope"], "private");
            assert!(read.insert(result["contents"][0]["text"].to_string()), "{result}");
        }
    }
    assert_eq!(log.received("resources/read").len(), 2 * clients.len(), "nothing is kept");
    for asked in log.received("tools/list") {
        let caller = &asked["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"];
        assert_eq!(caller, "mcp-conductor", "lists are asked for in nobody's name");
    }
}

/// The address that a resource of this name is shown under. Resources are read beside tools, and
/// may come later.
async fn address(client: &Client, name: &str) -> Value {
    let listed = wait::until("the resource is listed", SOON, async || {
        let reply = client.request("resources/list", json!({})).await.ok()?;
        let resources = reply.result().ok()?["resources"].as_array()?.clone();
        resources.into_iter().find(|one| one["name"] == name).map(|one| one["uri"].clone())
    });
    listed.await.unwrap()
}

/// A server whose tool `schemed` has this schema, beside one that is healthy.
async fn listed(schema: &Value) -> (Vec<Value>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.json");
    std::fs::write(&file, schema.to_string()).unwrap();
    let servers = json!({
        "odd": mock(&["--schema", file.to_str().unwrap()]),
        "well": mock(&[]),
    });
    let begun = Instant::now();
    let daemon = serve(servers).await.unwrap();
    wait_tools(&daemon, &["odd.echo", "well.echo"]).await.unwrap();
    let came_up = begun.elapsed();
    let begun = Instant::now();
    let tools = client(&daemon).tools().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    (tools, came_up)
}

#[tokio::test]
async fn s23_nothing_is_fetched_that_a_schema_refers_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/schema.json", listener.local_addr().unwrap());
    let schema = json!({
        "type": "object", "$schema": url, "$id": url,
        "properties": { "a": { "$ref": url }, "b": { "$dynamicRef": format!("{url}#x") } },
    });
    let (tools, _) = listed(&schema).await;
    assert!(tools.iter().any(|tool| tool["name"] == "odd.echo"));
    let visited = timeout(Duration::from_millis(500), listener.accept()).await;
    assert!(visited.is_err(), "somebody came for it");
}

#[tokio::test]
async fn s24_a_schema_that_multiplies_costs_neither_time_nor_the_tools_beside_it() {
    let mut definitions = json!({ "d0": { "type": "string" } });
    for n in 1..=40 {
        let below = json!({ "$ref": format!("#/$defs/d{}", n - 1) });
        definitions[format!("d{n}")] = json!({ "anyOf": vec![below; 10] });
    }
    let bomb = json!({
        "type": "object", "$defs": definitions,
        "properties": { "a": { "$ref": "#/$defs/d40" } },
    });
    let round = json!({
        "type": "object", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } },
        "properties": { "a": { "$ref": "#/$defs/a" } },
    });
    let wide: Value = (0..20_000)
        .map(|n| (format!("p{n}"), json!({ "type": "string" })))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let wide = json!({ "type": "object", "properties": wide });
    for schema in [bomb, round, wide] {
        let (tools, came_up) = listed(&schema).await;
        let has = |name: &str| tools.iter().any(|tool| tool["name"] == name);
        assert!(has("odd.echo") && has("odd.add") && has("well.echo"), "siblings stay");
        assert!(came_up < SOON, "{came_up:?}");
    }
}
