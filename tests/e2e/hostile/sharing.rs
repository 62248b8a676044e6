//! Row S6: two clients that use the same ids at the same time.

use conductor_e2e::client::lines::LineClient;
use serde_json::json;

use crate::world::{mock_with, serve, wait_tool};

/// Calls of each client, and how many it has under way at once.
const CALLS: u64 = 5_000;
const AT_ONCE: u64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s06_two_clients_with_equal_ids_get_their_own_answers_ten_thousand_times() {
    let entry = mock_with(&[], json!({ "maxInFlight": 256 }));
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let socket = daemon.sandbox().state_dir().join("workspaces/default.sock");
    let mut clients = tokio::task::JoinSet::new();
    for name in ["one", "other"] {
        let mut client = LineClient::connect(&socket).await.unwrap();
        clients.spawn(async move {
            client.be_modern();
            let mut asked = 0;
            while asked < CALLS {
                let mut open = Vec::new();
                for _ in 0..AT_ONCE {
                    asked += 1;
                    let text = format!("{name} {asked}");
                    let params = json!({ "name": "a.echo", "arguments": { "text": text } });
                    open.push((client.begin("tools/call", params).await.unwrap(), text));
                }
                for (id, text) in open {
                    let answer = client.answer(id).await.unwrap();
                    assert_eq!(answer["result"]["content"][0]["text"], text, "{answer}");
                }
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
}
