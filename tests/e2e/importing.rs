//! The file of another client becomes settings that a daemon runs with.
//! What becomes of each client's keys is looked at beside the code.

use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options, run_to_end};
use conductor_e2e::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, MOCK, SOON, client, wait_tool};

#[tokio::test]
async fn servers_of_another_client_run_with_their_secrets_which_nobody_is_shown() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    std::fs::create_dir(sandbox.path(".cursor")).unwrap();
    let text = format!(
        r#"{{ // as an editor writes it
            "mcpServers": {{
                "My Server": {{ "command": "{MOCK}", "args": ["--name", "x"],
                    "env": {{ "API_TOKEN": "canary-value", }}, "autoApprove": ["echo"] }},
                "gone": {{ "type": "ws", "url": "wss://example.invalid" }},
            }} }}"#
    );
    let file = sandbox.write(".cursor/mcp.json", &text).unwrap().display().to_string();
    let written = sandbox.path("servers.json");
    let dir = sandbox.state_dir().display().to_string();
    let env = [("CONDUCTOR_STATE__DIR", dir.as_str())];
    let words = ["import", &file, "--write", &written.display().to_string()];
    let ended = run_to_end(CONDUCTOR, &words, &env, SOON).await.unwrap();
    assert_eq!(ended.code, Some(1), "one could not be carried over: {}", ended.stderr);
    for told in
        ["my-server env.API_TOKEN is encrypted now", "dropped: my-server autoApprove", "gone type"]
    {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    let settings = std::fs::read_to_string(&written).unwrap();
    for shown in [&settings, &ended.stderr, &ended.stdout] {
        assert!(!shown.contains("canary"), "{shown}");
    }
    let settings: Value = serde_json::from_str(&settings).unwrap();
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tool(&daemon, "my-server.env").await.unwrap();
    let reply =
        client(&daemon).call("my-server.env", json!({ "name": "API_TOKEN" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "canary-value");

    let words = ["import", &file, "--json", "--secrets", "env"];
    let ended = run_to_end(CONDUCTOR, &words, &env, SOON).await.unwrap();
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    let entry = &found["settings"]["mcpServers"]["my-server"];
    assert_eq!(entry["env"]["API_TOKEN"], "${API_TOKEN}", "{found}");
    assert!(found["report"].as_array().unwrap().iter().any(|note| note["fate"] == "lost"));
    let none = run_to_end(CONDUCTOR, &["import", "/dev/null"], &env, SOON).await.unwrap();
    assert_eq!(none.code, Some(2), "{}", none.stderr);
}
