//! Calls that become tasks: every pair of revisions, over HTTP and lines.
//! What a sealed id is, and who may open it, is tested beside the code as well.

mod apart;
mod mixed;
mod newer;
mod older;

use conductor_e2e::client::{Client, LEGACY, Reply};
use conductor_e2e::daemon::Daemon;
use conductor_e2e::journal::Journal;
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::world::{SOON, journal, mock, serve, wait_tools};

/// The extension of the newer revision.
const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// Names the task of a message in the older one.
const RELATED: &str = "io.modelcontextprotocol/related-task";

/// A daemon with `old` and `new`, a server of either kind that makes tasks, and one that makes none;
/// and what the first two were asked.
struct World {
    daemon: Daemon,
    old: Journal,
    new: Journal,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (journal(&folder, "old"), journal(&folder, "new"));
        let log = |journal: &Journal| journal.path().to_str().unwrap().to_owned();
        let daemon = serve(json!({
            "old": mock(&["--tasks", "--era", "legacy", "--log", &log(&old)]),
            "new": mock(&["--tasks", "--era", "modern", "--log", &log(&new)]),
            "none": mock(&[]),
        }))
        .await
        .unwrap();
        wait_tools(&daemon, &["old.slow", "new.slow", "none.echo"]).await.unwrap();
        Self { daemon, old, new, _folder: folder }
    }

    async fn legacy(&self, path: &str) -> Client {
        let able = json!({ "elicitation": { "form": {} } });
        Client::legacy_with(self.daemon.addr(), path, LEGACY, able).await.unwrap()
    }

    fn modern(&self, path: &str) -> Client {
        Client::modern(self.daemon.addr(), path)
    }
}

/// Parameters of a client of the newer revision that can follow tasks.
fn declaring(mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "extensions": { EXTENSION: {} } });
    params
}

/// Makes a task of a call as a client of the older revisions; returns the task.
async fn make(client: &Client, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments, "task": { "ttl": 60_000 } });
    let reply = client.request("tools/call", params).await.unwrap();
    reply.result().unwrap()["task"].clone()
}

/// Asks something about a task.
async fn about(client: &Client, method: &str, task: &str) -> Reply {
    let params = json!({ "taskId": task });
    let params = if client.is_modern() { declaring(params) } else { params };
    client.request(method, params).await.unwrap()
}

/// Waits until a task has this status, and returns what is said of it.
async fn wait_task(client: &Client, task: &str, status: &str) -> Value {
    let found = wait::until("the task's status", SOON, async || {
        let said = about(client, "tasks/get", task).await.result().unwrap().clone();
        (said["status"] == status).then_some(said)
    });
    found.await.unwrap()
}

fn id_of(task: &Value) -> String {
    let id = task["taskId"].as_str().unwrap_or_else(|| panic!("{task}"));
    assert!(id.starts_with("t1.") && !id.contains("task-"), "it is sealed: {id}");
    id.to_owned()
}

fn text_of(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"))
}
