//! These tests have arguments checked before calls are sent (`validateArguments`).
//! They leave what a schema says of arguments to `actors/src/merger/arguments.rs`.

use conductor_e2e::client::Client;
use serde_json::{Value, json};

use crate::world::{client, journal, mock_with, serve, wait_tools};

/// What is said of a call whose arguments are wrong.
fn refused(answer: &Value) -> String {
    let result = &answer["result"];
    let facts = &result["_meta"]["io.github.mcp-conductor/failure"];
    assert_eq!(
        (&result["isError"], &facts["reason"], &facts["fate"]),
        (&json!(true), &json!("invalid_arguments"), &json!("not_sent")),
        "{answer}"
    );
    result["content"][0]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn wrong_arguments_do_not_reach_the_server_where_the_settings_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let seen = journal(&folder, "a");
    let path = seen.path().to_str().unwrap().to_owned();
    let daemon = serve(json!({
        "a": mock_with(&["--log", &path], json!({ "validateArguments": ["ec*", "add"] })),
        "b": mock_with(&[], json!({})),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let legacy = Client::legacy(daemon.addr(), "/mcp").await.unwrap();
    for client in [client(&daemon), legacy] {
        for name in ["a.echo", "a__echo"] {
            let answer = client.call(name, json!({ "text": "x" })).await.unwrap();
            assert_eq!(answer.text().unwrap(), "x");
            let wrong = client.call(name, json!({ "text": 70707 })).await.unwrap();
            let told = refused(&wrong.message);
            assert!(told.contains("/text: the value is not of type \"string\""), "{told}");
            assert!(!told.contains("70707"), "values stay out of what is said: {told}");
        }
        let none = client.call("a.add", json!({})).await.unwrap();
        assert!(refused(&none.message).contains("\"a\" is a required property"));
        for name in ["a.sleep", "b.echo"] {
            let free = client.call(name, json!({ "ms": "none", "text": "x" })).await.unwrap();
            assert!(
                free.message["result"]["_meta"].get("io.github.mcp-conductor/failure").is_none()
            );
        }
    }
    let own = Client::modern(daemon.addr(), "/servers/a/mcp");
    refused(&own.call("echo", json!({ "text": 70707 })).await.unwrap().message);
    let records = std::fs::read_to_string(seen.path()).unwrap();
    assert!(!records.contains("70707"), "a wrong call reached the server");
    assert!(records.contains("tools/call"), "the right ones did: {records}");
}
