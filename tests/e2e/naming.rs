//! These tests call tools and prompts by either form of their names, whichever is shown, and show
//! either to those for whom the settings say so. They leave which forms there are to
//! `actors/src/merger/names.rs`.

use std::sync::Arc;

use conductor_e2e::client::Client;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use serde_json::json;

use crate::world::{CONDUCTOR, SOON, client, mock, wait_tools};

async fn check(style: &str, tool: &str) {
    let settings = json!({
        "catalog": { "exportStyle": style },
        "mcpServers": { "a": mock(&["--library", "--name", "A"]), "b": mock(&["--library", "--name", "B"]) },
    });
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    wait_tools(&daemon, &[tool]).await.unwrap();
    let client = client(&daemon);
    let names = client.tool_names().await.unwrap();
    assert!(!names.iter().any(|name| name == "b.echo") || style == "dot", "one form is shown");
    for name in ["b.echo", "b__echo"] {
        let answer = client.call(name, json!({ "text": name })).await.unwrap();
        assert_eq!(answer.message["result"]["content"][0]["text"], name, "{style}: {answer:?}");
    }
    for (name, server) in [("a.greet", "A"), ("b__greet", "B")] {
        let read = wait::until("the prompts are read", SOON, async || {
            let params = json!({ "name": name, "arguments": { "name": server } });
            let got = client.request("prompts/get", params).await.ok()?;
            got.message["result"]["messages"][0]["content"]["text"].as_str().map(str::to_owned)
        });
        assert_eq!(read.await.unwrap(), format!("Greet {server}."), "{style}");
    }
    for name in ["echo", "b_echo", "b.b__echo", "a__b.echo"] {
        let refused = client.call(name, json!({ "text": "x" })).await.unwrap();
        assert_eq!(refused.message["error"]["data"]["reason"], "unknown_tool", "{style}: {name}");
    }
}

#[tokio::test]
async fn both_forms_of_a_name_are_called_when_names_are_shown_as_they_are() {
    check("dot", "b.echo").await;
}

#[tokio::test]
async fn both_forms_of_a_name_are_called_when_names_are_shown_safe() {
    check("safe", "b__echo").await;
}

/// The name under which `a.echo` is listed.
fn echo(names: &[String]) -> Option<&str> {
    names.iter().map(String::as_str).find(|name| name.ends_with("echo"))
}

#[tokio::test]
async fn names_are_written_for_each_door_view_and_client_as_the_settings_say() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let at = |name: &str| sandbox.path(&format!("{name}.sock"));
    let settings = |http: &str, client: &str| {
        json!({
            "listen": {
                "unix": at("all"), "unixExportStyle": "safe", "httpExportStyle": http,
                "sockets": {
                    "part": { "path": at("part"), "view": "part" },
                    "door": { "path": at("door"), "view": "part", "exportStyle": "dot" },
                },
            },
            "catalog": {
                "views": { "part": { "tools": ["a.e*"], "exportStyle": "safe" } },
                "clients": { client: { "exportStyle": "safe" } },
            },
            "mcpServers": { "a": mock(&[]) },
        })
    };
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings("off", "none"), options).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    for (socket, expected) in [("all", "a__echo"), ("part", "a__echo"), ("door", "a.echo")] {
        let mut agent = LineClient::connect(&at(socket)).await.unwrap();
        let answer = agent.request("tools/list", json!({})).await.unwrap();
        let names = crate::lines::names(&answer).into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(echo(&names), Some(expected), "{socket}: {names:?}");
    }
    // The same clients see new settings, and are told that there is something to see.
    let (older, newer) = (Client::legacy(daemon.addr(), "/mcp").await.unwrap(), client(&daemon));
    let mut news = older.listen().await.unwrap();
    for (http, name, of_older, of_newer) in [
        ("off", "none", "a.echo", "a.echo"),
        ("off", "e2e", "a__echo", "a.echo"),
        ("safe", "none", "a__echo", "a__echo"),
    ] {
        sandbox.write_settings(settings(http, name)).unwrap();
        let reloaded = daemon.cli(&["reload"]).await.unwrap();
        assert_eq!(reloaded.code, Some(0), "{}{}", reloaded.stdout, reloaded.stderr);
        let seen = |names: Vec<String>| echo(&names).map(str::to_owned);
        let told = wait::until("the names follow the settings", SOON, async || {
            let (of_one, of_other) =
                (older.tool_names().await.ok()?, newer.tool_names().await.ok()?);
            let fits = |names, name: &str| seen(names).as_deref() == Some(name);
            (fits(of_one, of_older) && fits(of_other, of_newer)).then_some(())
        });
        told.await
            .unwrap_or_else(|error| panic!("{error}: {http} {name}\n{}", daemon.log_tail(20)));
    }
    let told = tokio::time::timeout(SOON, news.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
    let file = sandbox.path("conductor.json");
    let ended = daemon.cli(&["check", "--config", file.to_str().unwrap()]).await.unwrap();
    assert!(ended.stdout.contains("in style \"safe\" for listen.unix"), "{}", ended.stdout);
}
