//! Rows A08 and A09, and the pool's rows M12 to M20 and M36 to M39 over REST: workspaces come to
//! rest and are woken, and what is told of servers is true.
//! They leave single connections to `connections.rs`.

use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::rest::Said;
use conductor_e2e::sandbox::signal;
use conductor_e2e::wait;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::Stage;
use crate::world::{SOON, mock, mock_with};

const WORKSPACES: &str = "/api/v1/aegis/workspaces";

/// Asks something about workspaces.
async fn ask(stage: &Stage, method: Method, path: &str) -> Said {
    let mut api = stage.api().await;
    api.ask(method, &format!("{WORKSPACES}{path}"), &[], String::new()).await.unwrap()
}

async fn until_running(stage: &Stage, workspace: &str, count: u64) -> Value {
    let found = wait::until("as many run as are wanted", SOON, async || {
        let one = ask(stage, Method::GET, &format!("/{workspace}")).await.with(200);
        (one["running"] == count).then_some(one)
    });
    found.await.unwrap()
}

async fn pid(stage: &Stage, path: &str) -> Value {
    stage.until(path, "running").await["pid"].clone()
}

#[tokio::test]
async fn a08_a09_a_workspace_is_deactivated_alone_stays_so_and_comes_back() {
    let gentle = |name: &str| mock_with(&[], json!({ "workspace": name }));
    let servers = json!({ "a": mock(&[]), "b": gentle("team") });
    let mut stage = Stage::start(json!({ "mcpServers": servers })).await;
    let mut api = stage.api().await;
    let _ = api.register(&stage.mock("team/a", json!({}))).await.unwrap().with(201);
    until_running(&stage, "team", 2).await;
    let kept = pid(&stage, "/default/a").await;
    let all = ask(&stage, Method::GET, "").await.with(200);
    let named = |all: &Value| -> Vec<(String, bool, u64)> {
        let each = all["workspaces"].as_array().unwrap().iter();
        each.map(|one| {
            let name = one["workspace_id"].as_str().unwrap().to_owned();
            (name, one["active"].as_bool().unwrap(), one["servers"].as_u64().unwrap())
        })
        .collect()
    };
    let both = |active| vec![("default".to_owned(), true, 1), ("team".to_owned(), active, 2)];
    assert_eq!(named(&all), both(true));

    let team = Client::modern(stage.daemon.addr(), "/workspaces/team/mcp");
    let listed = wait::until("both are listed", SOON, async || {
        let names = team.tool_names().await.ok()?;
        ["a.sleep", "b.echo"].iter().all(|tool| names.iter().any(|name| name == tool)).then_some(())
    });
    listed.await.unwrap();
    // A call under way is finished.
    let call = team.call("a.sleep", json!({ "ms": 1500 }));
    let end = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        ask(&stage, Method::POST, "/team/deactivate").await.with(200)
    };
    let (called, ended) = tokio::join!(call, end);
    assert!(!called.unwrap().is_error());
    assert_eq!((&ended["active"], &ended["servers"]), (&json!(false), &json!(2)));
    until_running(&stage, "team", 0).await;
    let left = wait::until("only the other workspace runs", SOON, async || {
        (stage.sandbox.processes().len() == 1).then_some(())
    });
    left.await.unwrap();
    assert_eq!(pid(&stage, "/default/a").await, kept);
    let gone = wait::until("its tools are gone", SOON, async || {
        team.tool_names().await.ok()?.is_empty().then_some(())
    });
    gone.await.unwrap();
    let refused =
        api.ask(Method::POST, "/api/v1/aegis/connections/team/a/restart", &[], String::new());
    assert_eq!(refused.await.unwrap().with(409)["reason"], "disabled");
    let late = api.register(&stage.mock("team/c", json!({}))).await.unwrap().with(201);
    assert_eq!(late["state"], "stopped");
    assert!(late["warnings"][0].as_str().unwrap().contains("team is not active"), "{late}");

    // It stays so over a restart and a reload, and twice is once.
    let _ = ask(&stage, Method::POST, "/team/deactivate").await.with(200);
    stage.restart().await;
    pid(&stage, "/default/a").await;
    let reload = "/api/v1/aegis/config/reload";
    let mut api = stage.api().await;
    let _ = api.ask(Method::POST, reload, &[], String::new()).await.unwrap().with(200);
    assert_eq!(stage.until("/team/a", "stopped").await["pid"], Value::Null);
    assert_eq!(stage.sandbox.processes().len(), 1);
    let _ = ask(&stage, Method::POST, "/team/activate").await.with(200);
    until_running(&stage, "team", 3).await;
    let _ = ask(&stage, Method::POST, "/nowhere/deactivate").await.with(404);
    let told = ask(&stage, Method::GET, "/nowhere").await.with(404);
    assert_eq!(told["reason"], "unknown_workspace");
}

#[tokio::test]
async fn m12_m20_m36_m39_names_states_health_and_paths_are_true_over_rest() {
    let servers = json!({
        "up": mock(&[]),
        "lazy": mock_with(&[], json!({ "start": "lazy" })),
        "broken": { "command": ["/no/such/program"] },
    });
    let stage = Stage::start(json!({ "mcpServers": servers })).await;
    let up = stage.until("/default/up", "running").await;
    assert_eq!(up["health"], "healthy");
    assert!(up["socket"].as_str().unwrap().ends_with("servers/up.sock"), "{up}");
    let lazy = stage.until("/default/lazy", "stopped").await;
    assert_eq!((&lazy["health"], &lazy["pid"]), (&json!("unknown"), &Value::Null));
    let broken = stage.until("/default/broken", "backoff").await;
    assert_eq!(broken["health"], "unhealthy");
    let all = stage.api().await.get("").await.unwrap().with(200);
    let names: Vec<&str> = all["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["broken", "lazy", "up"]);
    let _ = stage.api().await.get("/default/unknown").await.unwrap().with(404);

    // True after a crash.
    let pid = i32::try_from(up["pid"].as_i64().unwrap()).unwrap();
    signal(pid, Signal::KILL).unwrap();
    let next = wait::until("the next life", SOON, async || {
        let now = stage.api().await.get("/default/up").await.ok()?.body;
        assert!(now["pid"] != up["pid"] || now["state"] == "running", "{now}");
        (now["generation"] == 2 && now["state"] == "running").then_some(())
    });
    next.await.unwrap();
    // All stop, all start.
    let _ = ask(&stage, Method::POST, "/default/deactivate").await.with(200);
    stage.sandbox.expect_no_process(SOON).await.unwrap();
    let stopped = stage.until("/default/up", "stopped").await;
    assert_eq!(stopped["socket"], Value::Null);
    let _ = ask(&stage, Method::POST, "/default/activate").await.with(200);
    stage.until("/default/up", "running").await;
}

#[tokio::test]
async fn pages_of_the_list_have_every_connection_once() {
    let servers: serde_json::Map<String, Value> =
        (0..7).map(|n| (format!("s{n}"), json!({ "command": "x", "enabled": false }))).collect();
    let stage = Stage::start(json!({ "mcpServers": servers })).await;
    let mut api = stage.api().await;
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = api.get(&query).await.unwrap().with(200);
        let names = page["connections"].as_array().unwrap().iter();
        seen.push(names.map(|one| one["name"].clone()).collect::<Vec<_>>());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(seen.concat().len(), 7);
    let _ = api.get("?limit=0").await.unwrap().with(400);
    let _ = api.get("?cursor=x").await.unwrap().with(400);
}
