//! These tests put two principals on one shared server and look for what reaches the wrong one.
//! They leave servers that are not shared to `isolation`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::client::LEGACY;
use conductor_e2e::client::http_client::{can_be_everybody, connect_as};
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::world::{CONDUCTOR, SOON, journal, mock, mock_with, wait_tool};

/// Clients at once, every other one of another user.
const CLIENTS: usize = 50;
/// That user.
const STRANGER: u32 = 4242;

/// A daemon with the server `a` of this era and a socket that everybody may use.
struct Stage {
    daemon: Daemon,
    socket: PathBuf,
    folder: TempDir,
}

impl Stage {
    async fn new(era: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let socket = folder.path().join("all.sock");
        let log = folder.path().join("journal").display().to_string();
        let args = ["--library", "--tells", "--era", era, "--log", &log];
        let settings = json!({
            "listen": { "unix": socket, "unixMode": "0666" },
            "mcpServers": {
                "a": mock_with(&args, json!({ "maxInFlight": 2000 })),
                "b": mock(&["--library", "--era", era]),
            },
        });
        let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
        wait_tool(&daemon, "a.ask").await.unwrap();
        wait_tool(&daemon, "b.ask").await.unwrap();
        Self { daemon, socket, folder }
    }

    async fn client(&self, uid: u32) -> LineClient {
        client(&self.socket, uid).await
    }
}

/// A client with a handshake that runs as this user. Only root can be everybody.
async fn client(socket: &Path, uid: u32) -> LineClient {
    let (output, input) = connect_as(socket, uid).unwrap().into_split();
    let mut client = LineClient::on(output, input);
    let able = json!({ "elicitation": { "form": {} } });
    client.initialize_with(LEGACY, able).await.unwrap();
    client.request("logging/setLevel", json!({ "level": "debug" })).await.unwrap();
    client
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A client that mixes all there is, under ids and tokens that all others use as well, and looks at
/// whatever comes.
struct Talker {
    client: LineClient,
    /// Is in everything that this client says, and in nothing that others do.
    mark: String,
    /// The ids that wait for answers, and what the answers say.
    open: BTreeMap<u64, Expected>,
    progress: usize,
    /// All messages, both ways.
    messages: usize,
    /// Questions that reached it.
    asked: usize,
    logged: usize,
    /// Whose turn it is to have `b` ask. A server of the older revisions asks on behalf of a call that
    /// is alone there.
    alone: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Echo,
    Steps,
    Form,
    /// Asked for by a server that may ask now.
    LawfulForm,
    Logged,
}

impl Talker {
    fn new(client: LineClient, number: usize, alone: Arc<Semaphore>) -> Self {
        let (mark, open) = (format!("client-{number}-"), BTreeMap::new());
        let (progress, messages, asked, logged) = (0, 0, 0, 0);
        Self { client, mark, open, progress, messages, asked, logged, alone, turn: None }
    }

    async fn send(&mut self, message: &Value) {
        self.client.send(message).await.unwrap();
        self.messages += 1;
    }

    async fn call(&mut self, id: u64, tool: &str, arguments: Value) {
        self.call_at("a", id, tool, arguments).await;
    }

    async fn call_at(&mut self, server: &str, id: u64, tool: &str, arguments: Value) {
        let params = json!({
            "name": format!("{server}.{tool}"),
            "arguments": arguments,
            "_meta": { "progressToken": if tool == "progress" { json!("t") } else { json!(id) } },
        });
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        self.send(&call).await;
    }

    async fn round(&mut self, round: usize) {
        let (mark, first) =
            (format!("{}{round}", self.mark), 10 * u64::try_from(round).unwrap() + 10);
        for id in first..first + 3 {
            self.call(id, "echo", json!({ "text": format!("{mark}/{id}") })).await;
            self.open.insert(id, Expected::Echo);
        }
        self.call(first + 3, "progress", json!({ "steps": 3, "ms": 1, "text": mark })).await;
        self.open.insert(first + 3, Expected::Steps);
        self.call(first + 4, "log", json!({ "level": "info", "data": mark })).await;
        self.open.insert(first + 4, Expected::Logged);
        if round.is_multiple_of(2) {
            self.call(first + 5, "ask", json!({ "kinds": ["form"] })).await;
            self.open.insert(first + 5, Expected::Form);
        }
        if round % 8 == 3 {
            self.turn = self.alone.clone().acquire_owned().await.ok();
            self.call_at("b", first + 7, "ask", json!({ "kinds": ["form"] })).await;
            self.open.insert(first + 7, Expected::LawfulForm);
        }
        if round % 3 == 1 {
            self.call(first + 6, "sleep", json!({ "ms": 500 })).await;
            let params = json!({ "requestId": first + 6 });
            self.send(
                &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }),
            )
            .await;
        }
        while !self.open.is_empty() {
            let message = self.client.next(4 * SOON).await.unwrap().expect("the connection lasts");
            self.messages += 1;
            self.on_message(&message, &mark).await;
        }
    }

    /// Nothing may come that does not bear this client's mark, and nothing that it does not wait for.
    async fn on_message(&mut self, message: &Value, mark: &str) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("notifications/progress") => {
                assert_eq!(params["progressToken"], "t", "{message}");
                let text = params["message"].as_str().unwrap();
                assert!(text.contains(&self.mark), "{mark}: {message}");
                self.progress += 1;
            }
            Some("notifications/message") => {
                let data = params["data"].as_str().unwrap();
                assert!(data.starts_with(&self.mark), "{mark}: {message}");
                self.logged += 1;
            }
            Some("elicitation/create") => {
                self.asked += 1;
                let content = json!({ "name": mark });
                let result = json!({ "action": "accept", "content": content });
                let id = &message["id"];
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result })).await;
            }
            Some(method) if method.ends_with("/list_changed") => {}
            Some(_) => panic!("{mark}: {message}"),
            None => self.on_answer(message, mark),
        }
    }

    fn on_answer(&mut self, message: &Value, mark: &str) {
        let id = message["id"].as_u64().unwrap();
        let expected = self.open.remove(&id);
        let expected = expected.unwrap_or_else(|| panic!("{mark}: nobody waits for {message}"));
        let text = message["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{mark}: {message}"));
        match expected {
            Expected::Echo => assert_eq!(text, format!("{mark}/{id}")),
            Expected::Steps => assert_eq!(text, "3 steps"),
            Expected::Logged => assert_eq!(text, "done"),
            Expected::LawfulForm => {
                self.turn = None;
                let told: Value = serde_json::from_str(text).unwrap();
                assert_eq!(told["form"]["content"]["name"], mark, "{message}");
            }
            Expected::Form => {
                let told: Value = serde_json::from_str(text).unwrap();
                // An older server that asks with several calls under way is refused.
                if told["form"]["code"] != -32603 {
                    assert_eq!(told["form"]["content"]["name"], mark, "{message}");
                }
            }
        }
    }
}

/// Has fifty clients talk until together they have said and heard so much.
async fn talk(era: &str, protocol: &str, messages: usize) {
    let stage = Stage::new(era).await;
    let (mut talkers, alone) = (Vec::new(), Arc::new(Semaphore::new(1)));
    for number in 0..CLIENTS {
        let uid = if number % 2 == 0 { me() } else { STRANGER };
        talkers.push(Talker::new(stage.client(uid).await, number, Arc::clone(&alone)));
    }
    let (each, begun) = (messages.div_ceil(CLIENTS), Instant::now());
    let mut tasks = JoinSet::new();
    for mut talker in talkers {
        tasks.spawn(async move {
            let mut round = 0;
            while talker.messages < each {
                talker.round(round).await;
                round += 1;
            }
            talker
        });
    }
    let all = tasks.join_all().await;
    let sum = |of: fn(&Talker) -> usize| all.iter().map(of).sum::<usize>();
    let (said, progress, asked) =
        (sum(|it| it.messages), sum(|it| it.progress), sum(|it| it.asked));
    println!(
        "{protocol}: {said} messages in {:.1?}: {progress} of progress, {asked} questions, {} log messages; none of another's",
        begun.elapsed(),
        sum(|it| it.logged),
    );
    assert!(said >= messages && progress > 0);
    assert!(all.iter().all(|it| it.asked > 0), "everybody was asked something");
    assert_eq!(journal(&stage.folder, "journal").started().len(), 1, "one process for all");
    drop(stage.daemon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_of_two_principals_on_one_process_hear_nothing_of_each_other() {
    if !can_be_everybody() {
        return;
    }
    talk("modern", "2026-07-28", 6_000).await;
    talk("legacy", "2025-11-25", 6_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute or two"]
async fn a_hundred_thousand_messages_of_two_principals_are_not_mixed_up() {
    if !can_be_everybody() {
        return;
    }
    talk("modern", "2026-07-28", 100_000).await;
    talk("legacy", "2025-11-25", 100_000).await;
}

#[tokio::test]
async fn another_user_is_another_principal() {
    if !can_be_everybody() {
        return;
    }
    let stage = Stage::new("legacy").await;
    let mut ours = stage.client(me()).await;
    let later = |data: &str| json!({ "level": "error", "data": data, "ms": 1 });
    ours.call("a.log_later", later("alone")).await.unwrap();
    // It belongs to no call, and everybody who listens is one principal.
    let told = ours.next(SOON).await.unwrap().unwrap();
    assert_eq!(told["params"]["data"], "alone", "{told}");

    let mut theirs = stage.client(STRANGER).await;
    ours.call("a.log_later", later("not alone")).await.unwrap();
    for client in [&mut ours, &mut theirs] {
        let told = client.next(Duration::from_millis(500)).await;
        assert!(told.is_err(), "nobody can tell whose it is: {told:?}");
    }
}
