//! These tests ask for log messages: every door, both eras on either side, through restarts.
//! They leave resources to `hearing.rs` and who may hear what to tests beside the code.

use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::Daemon;
use conductor_e2e::wait;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::hearing::{Ear, WAYS, Way, far, telling};
use crate::world::{SOON, journal, mock, serve, status, wait_status, wait_tools};

const LEVEL_KEY: &str = "io.modelcontextprotocol/logLevel";

/// A client at the merged door that calls and hears what is logged meanwhile.
enum Caller {
    Http(Client),
    Lines(Box<LineClient>),
}

impl Caller {
    async fn of(daemon: &Daemon, way: Way, modern: bool) -> Self {
        match way {
            Way::Http if modern => Self::Http(Client::modern(daemon.addr(), "/mcp")),
            Way::Http => Self::Http(Client::legacy(daemon.addr(), "/mcp").await.unwrap()),
            Way::Lines => {
                let socket = daemon.sandbox().state_dir().join("workspaces/default.sock");
                let mut client = LineClient::connect(&socket).await.unwrap();
                match modern {
                    true => client.be_modern(),
                    false => drop(client.initialize("2025-11-25").await.unwrap()),
                }
                Self::Lines(Box::new(client))
            }
        }
    }

    async fn set_level(&mut self, level: &str) -> Value {
        let params = json!({ "level": level });
        match self {
            Self::Http(client) => client.request("logging/setLevel", params).await.unwrap().message,
            Self::Lines(client) => client.request("logging/setLevel", params).await.unwrap(),
        }
    }

    /// Has `server` log at these levels during one call; what of it comes before the answer.
    async fn logged(&mut self, server: &str, levels: &[&str], asked: Option<&str>) -> Vec<String> {
        let mut heard = Vec::new();
        for level in levels {
            let arguments = json!({ "level": level, "data": { "at": level }, "ms": 20 });
            let mut params = json!({ "name": format!("{server}.log"), "arguments": arguments });
            if let Some(level) = asked {
                params["_meta"][LEVEL_KEY] = json!(level);
            }
            for message in self.call(params).await {
                if message["method"] == "notifications/message" {
                    let params = &message["params"];
                    assert_eq!(
                        (&params["logger"], &params["data"]["at"]),
                        (&json!("mock"), &params["level"])
                    );
                    heard.push(params["level"].as_str().unwrap().to_owned());
                }
            }
        }
        heard
    }

    /// What comes before the answer to a call.
    async fn call(&mut self, params: Value) -> Vec<Value> {
        match self {
            Self::Http(client) => {
                let reply = client.request("tools/call", params).await.unwrap();
                assert_eq!(reply.text().unwrap(), "done");
                reply.before
            }
            Self::Lines(client) => {
                let id = client.begin("tools/call", params).await.unwrap();
                let mut before = Vec::new();
                loop {
                    let message = client.next(SOON).await.unwrap().unwrap();
                    if message["id"] == id && message.get("method").is_none() {
                        assert_eq!(message["result"]["content"][0]["text"], "done", "{message}");
                        return before;
                    }
                    before.push(message);
                }
            }
        }
    }
}

const LEVELS: [&str; 4] = ["debug", "info", "warning", "error"];

#[tokio::test]
async fn each_caller_hears_from_its_level_on_and_before_the_answer() {
    let daemon = telling().await;
    for (way, modern) in WAYS {
        for server in ["a", "b"] {
            let mut caller = Caller::of(&daemon, way, modern).await;
            let what = format!("{way:?} modern {modern} server {server}");
            if modern {
                assert_eq!(caller.logged(server, &LEVELS, None).await, [""; 0], "{what}");
                let heard = caller.logged(server, &LEVELS, Some("warning")).await;
                assert_eq!(heard, ["warning", "error"], "{what}");
                assert_eq!(caller.logged(server, &LEVELS, Some("debug")).await, LEVELS, "{what}");
            } else {
                assert!(caller.set_level("warning").await["result"].is_object());
                assert_eq!(
                    caller.logged(server, &LEVELS, None).await,
                    ["warning", "error"],
                    "{what}"
                );
                caller.set_level("debug").await;
                assert_eq!(caller.logged(server, &LEVELS, None).await, LEVELS, "{what}");
                assert_eq!(caller.set_level("loud").await["error"]["code"], -32602);
            }
        }
    }
    let client = Client::modern(daemon.addr(), "/mcp");
    let mut params = json!({ "name": "a.log", "arguments": { "level": "info" } });
    params["_meta"][LEVEL_KEY] = json!("loud");
    assert_eq!(client.request("tools/call", params).await.unwrap().error_code(), Some(-32602));
}

#[tokio::test]
async fn a_session_that_names_no_level_hears_info_and_one_with_a_level_keeps_it_to_itself() {
    let daemon = telling().await;
    let mut silent = Caller::of(&daemon, Way::Http, false).await;
    let mut strict = Caller::of(&daemon, Way::Lines, false).await;
    let mut verbose = Caller::of(&daemon, Way::Lines, false).await;
    strict.set_level("error").await;
    assert_eq!(silent.logged("a", &LEVELS, None).await, ["info", "warning", "error"]);
    verbose.set_level("debug").await;
    assert_eq!(verbose.logged("a", &LEVELS, None).await, LEVELS);
    assert_eq!(silent.logged("a", &LEVELS, None).await, ["info", "warning", "error"]);
    assert_eq!(strict.logged("a", &LEVELS, None).await, ["error"]);
}

#[tokio::test]
async fn the_most_verbose_level_is_what_a_server_gets_and_gets_again_after_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let book = journal(&folder, "a.log");
    let log = book.path().display().to_string();
    let entry = mock(&["--library", "--tells", "--era", "legacy", "--log", &log]);
    let daemon = serve(json!({ "a": entry })).await.unwrap();
    wait_tools(&daemon, &["a.log"]).await.unwrap();
    let mut first = Caller::of(&daemon, Way::Http, false).await;
    let mut second = Caller::of(&daemon, Way::Lines, false).await;
    first.set_level("debug").await;
    second.set_level("error").await;
    let levels = || {
        let all = book.received("logging/setLevel");
        let levels = all.iter().map(|it| it["params"]["level"].to_string());
        levels.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(levels(), r#""debug""#);
    let before = status(&daemon, "a").await.unwrap();
    let pid = i32::try_from(before["pid"].as_i64().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let next = |row: &Value| row["state"] == "running" && row["generation"] != before["generation"];
    wait_status(&daemon, "a", next).await.unwrap();
    assert_eq!(first.logged("a", &LEVELS, None).await, LEVELS, "on the same session");
    assert_eq!(levels(), r#""debug" "debug""#);
    let Caller::Http(client) = &first else { panic!("it came over HTTP") };
    client.delete().await.unwrap();
    wait::until("the level is lowered", SOON, async || {
        (levels() == r#""debug" "debug" "error""#).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_belongs_to_no_call_reaches_sessions_and_no_long_request() {
    let daemon = telling().await;
    let (mut session, _) = Ear::of(&daemon, Way::Http, false, &[]).await;
    let (mut lines, _) = Ear::of(&daemon, Way::Lines, false, &[]).await;
    let (mut listening, _) = Ear::of(&daemon, Way::Http, true, &["note://a/main/one"]).await;
    let caller = Client::modern(daemon.addr(), "/mcp");
    let arguments = json!({ "level": "error", "data": "late\u{7} \u{1b}[31mred", "ms": 50 });
    caller.call("a.log_later", arguments).await.unwrap();
    for ear in [&mut session, &mut lines] {
        let message = loop {
            let message = ear.next(SOON).await.expect("a log message");
            if message["method"] == "notifications/message" {
                break message;
            }
        };
        assert_eq!(message["params"]["data"], "late red", "{message}");
        assert_eq!(message["params"]["level"], "error");
    }
    while let Some(message) = listening.next(Duration::from_millis(300)).await {
        assert_ne!(message["method"], "notifications/message", "{message}");
    }
}

#[tokio::test]
async fn a_flood_of_log_messages_loses_messages_and_neither_the_answer_nor_the_others() {
    let daemon = telling().await;
    let mut flooded = Caller::of(&daemon, Way::Http, false).await;
    let other = Client::modern(daemon.addr(), "/mcp");
    let data = "x".repeat(1000);
    let arguments = json!({ "level": "error", "times": 20_000, "data": data });
    let params = json!({ "name": "a.log", "arguments": arguments });
    let flood = tokio::spawn(async move { flooded.call(params).await.len() });
    for _ in 0..20 {
        let reply = other.call("c.echo", json!({ "text": "x" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "x");
    }
    let heard = flood.await.unwrap();
    assert!((1..=20_000).contains(&heard), "{heard}");
    println!("of 20,000 log messages in one call {heard} were heard");
}

#[tokio::test]
async fn remote_servers_log_to_their_callers_as_others_do() {
    let near = telling().await;
    let daemon = far(&near).await;
    for (way, modern) in WAYS {
        for server in ["new", "old"] {
            let mut caller = Caller::of(&daemon, way, modern).await;
            if !modern {
                caller.set_level("warning").await;
            }
            let asked = modern.then_some("warning");
            let heard = caller.logged(server, &LEVELS, asked).await;
            assert_eq!(heard, ["warning", "error"], "{way:?} modern {modern} server {server}");
        }
    }
}

/// Thirty callers at once, each with a message of its own; what cannot be told apart is told to nobody
/// who would not hear it otherwise.
#[tokio::test]
async fn callers_at_once_hear_nothing_that_is_not_for_their_user_and_all_answers_arrive() {
    let daemon = telling().await;
    let mut callers = Vec::new();
    for number in 0..30_usize {
        let (way, modern) = WAYS[number % 4];
        let mut caller = Caller::of(&daemon, way, modern).await;
        let server = if number % 2 == 0 { "a" } else { "b" };
        callers.push(tokio::spawn(async move {
            let arguments = json!({ "level": "error", "data": number, "ms": 20, "times": 3 });
            let mut params = json!({ "name": format!("{server}.log"), "arguments": arguments });
            if modern {
                params["_meta"][LEVEL_KEY] = json!("debug");
            }
            caller.call(params).await
        }));
    }
    for (number, caller) in callers.into_iter().enumerate() {
        let before = caller.await.unwrap();
        let of_a_call = before.iter().filter(|message| message["params"]["data"] == number);
        let modern = WAYS[number % 4].1;
        if modern {
            assert_eq!(
                of_a_call.count(),
                before.len(),
                "only its own on its own stream: {before:?}"
            );
        }
    }
}
