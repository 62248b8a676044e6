//! These tests speak to `conductor stdio` as the agent that started it.

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::sandbox::Sandbox;
use serde_json::json;

use crate::world::{CONDUCTOR, SOON, mock};

fn start(sandbox: &Sandbox) -> LineClient {
    let mut settings =
        json!({ "mcpServers": { "a": mock(&[]), "b": mock(&["--fault", "slow_start=700"]) } });
    sandbox.mark_servers(&mut settings);
    let file = sandbox.write("conductor.json", &settings.to_string()).unwrap();
    let file = file.display().to_string();
    LineClient::spawn(&[CONDUCTOR, "stdio", "--config", &file], &[], &sandbox.path("stdio.log"))
        .unwrap()
}

#[tokio::test]
async fn the_first_list_holds_all_servers_and_calls_go_through_in_both_eras() {
    for modern in [false, true] {
        let sandbox = Sandbox::new().unwrap();
        let mut agent = start(&sandbox);
        if modern {
            agent.be_modern();
        } else {
            let info = agent.initialize("2025-06-18").await.unwrap();
            assert_eq!(info["protocolVersion"], "2025-06-18", "{info}");
        }
        let names: Vec<String> = agent
            .tools()
            .await
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        for wanted in ["a.echo", "b.echo"] {
            assert!(names.iter().any(|name| name == wanted), "{wanted} in {names:?}");
        }
        let answer = agent.call("b.echo", json!({ "text": "hi" })).await.unwrap();
        assert_eq!(answer["result"]["content"][0]["text"], "hi", "{answer}");
        let status = agent.close(SOON).await.unwrap();
        assert_eq!(status.code(), Some(0));
        sandbox.expect_no_process(std::time::Duration::from_secs(1)).await.unwrap();
    }
}

#[tokio::test]
async fn calls_run_side_by_side_and_garbage_costs_nothing() {
    let sandbox = Sandbox::new().unwrap();
    let mut agent = start(&sandbox);
    agent.initialize("2025-11-25").await.unwrap();
    agent.tools().await.unwrap();
    let slow = agent
        .begin("tools/call", json!({ "name": "a.sleep", "arguments": { "ms": 1000 } }))
        .await
        .unwrap();
    agent.send_text("this is no JSON").await.unwrap();
    let quick = agent.call("a.echo", json!({ "text": "quick" })).await.unwrap();
    assert_eq!(quick["result"]["content"][0]["text"], "quick");
    let late = agent.answer(slow).await.unwrap();
    assert!(late.get("result").is_some(), "{late}");
    agent.close(SOON).await.unwrap();
}
