//! These tests call tools and prompts by either form of their names, whichever is shown.
//! They leave which forms there are to `actors/src/merger/names.rs`.

use conductor_e2e::daemon::{Daemon, Options};
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
