//! Tasks of servers that run for one session each, and questions of tasks where much else is under way.

use conductor_e2e::client::http_client::Answer;
use conductor_e2e::client::{Client, LEGACY};
use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{RELATED, about, declaring, id_of, make, text_of};
use crate::world::{SOON, mock, serve, wait_tools};

async fn world() -> Daemon {
    let server = |era: &str, isolation: &str| {
        let mut server = mock(&["--tasks", "--era", era]);
        server["isolation"] = json!(isolation);
        server
    };
    let daemon = serve(json!({
        "old": server("legacy", "perSession"),
        "new": server("modern", "perSession"),
        "all": server("legacy", "shared"),
    }))
    .await
    .unwrap();
    wait_tools(&daemon, &["old.slow", "new.slow", "all.slow"]).await.unwrap();
    daemon
}

async fn session(daemon: &Daemon) -> (Client, Answer) {
    let able = json!({ "elicitation": { "form": {} } });
    let client = Client::legacy_with(daemon.addr(), "/mcp", LEGACY, able).await.unwrap();
    let news = client.listen().await.unwrap();
    (client, news)
}

/// The next news of a task.
async fn told(stream: &mut Answer) -> Value {
    let next = async {
        loop {
            let message = stream.next().await.unwrap().expect("the stream goes on");
            if message["method"] != "notifications/tools/list_changed" {
                return message;
            }
        }
    };
    timeout(SOON, next).await.expect("news of a task")
}

async fn listed(client: &Client) -> Vec<String> {
    let listed = client.request("tasks/list", json!({})).await.unwrap();
    let tasks = listed.result().unwrap()["tasks"].as_array().unwrap().clone();
    tasks.iter().map(|task| task["taskId"].as_str().unwrap().to_owned()).collect()
}

/// Two processes give their tasks the same id; each session hears of its own, and lists its own.
#[tokio::test]
async fn each_session_hears_of_the_tasks_of_its_own_process() {
    let daemon = world().await;
    let mut sessions = [session(&daemon).await, session(&daemon).await];
    let mut ids = Vec::new();
    for (number, (client, _)) in sessions.iter().enumerate() {
        let arguments = json!({ "ms": 300 * (number + 1), "text": format!("of {number}") });
        ids.push(id_of(&make(client, "old.slow", arguments).await));
    }
    for ((client, news), id) in sessions.iter_mut().zip(&ids) {
        let news = told(news).await;
        assert_eq!(news["method"], "notifications/tasks/status", "{news}");
        assert_eq!(news["params"]["taskId"], id.as_str(), "{news}");
        assert_eq!(news["params"]["status"], "completed", "{news}");
        assert_eq!(listed(client).await, [id.as_str()]);
    }
    for (number, ((client, _), id)) in sessions.iter().zip(&ids).enumerate() {
        let result = about(client, "tasks/result", id).await;
        assert_eq!(text_of(result.result().unwrap()), format!("of {number}"));
        assert_eq!(listed(client).await, [id.as_str()], "looking at others' lists forgot none");
    }
}

#[tokio::test]
async fn a_newer_client_listens_to_tasks_of_a_process_apart() {
    let daemon = world().await;
    let client = Client::modern(daemon.addr(), "/mcp");
    let params = json!({ "name": "new.slow", "arguments": { "ms": 500, "text": "x" } });
    let made = client.request("tools/call", declaring(params)).await.unwrap();
    let id = made.result().unwrap()["taskId"].as_str().unwrap().to_owned();
    let filter = declaring(json!({ "notifications": { "taskIds": [id] } }));
    let mut listening = client.begin("subscriptions/listen", filter).await.unwrap();
    let acknowledged = listening.answer.next().await.unwrap().unwrap();
    assert_eq!(acknowledged["params"]["notifications"]["taskIds"], json!([id]), "{acknowledged}");
    let news = told(&mut listening.answer).await;
    assert_eq!(news["method"], "notifications/tasks", "{news}");
    assert_eq!(
        (&news["params"]["taskId"], &news["params"]["status"]),
        (&json!(id), &json!("completed"))
    );
}

/// A question that names its task reaches whoever waits for that task, whatever else its server does.
#[tokio::test]
async fn a_question_of_a_task_is_brought_though_other_calls_are_under_way() {
    let daemon = world().await;
    let ((client, _), (other, _)) = (session(&daemon).await, session(&daemon).await);
    let asking = json!({ "ask": true });
    let (own, theirs) =
        (make(&client, "all.slow", asking.clone()).await, make(&other, "all.slow", asking).await);
    let sleeping = json!({ "name": "all.sleep", "arguments": { "ms": 20_000 } });
    let _sleeping = other.begin("tools/call", sleeping).await.unwrap();
    let mut waiting = Vec::new();
    for (client, task) in [(&client, &own), (&other, &theirs)] {
        let params = json!({ "taskId": task["taskId"] });
        waiting.push(client.begin("tasks/result", params).await.unwrap());
    }
    for ((exchange, client), (task, name)) in
        waiting.into_iter().zip([&client, &other]).zip([(&own, "Ada"), (&theirs, "Alan")])
    {
        let mut exchange = exchange;
        let question = exchange.answer.next().await.unwrap().unwrap();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert_eq!(question["params"]["_meta"][RELATED]["taskId"], task["taskId"], "{question}");
        let result = json!({ "action": "accept", "content": { "name": name } });
        let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": result });
        assert_eq!(client.post(&reply).await.unwrap().status, 202);
        let answer = exchange.finish().await.unwrap();
        assert!(text_of(answer.result().unwrap()).contains(name), "{answer:?}");
    }
}
