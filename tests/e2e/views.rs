//! These tests come in by sockets that show a part of the tools to some users.
//! They leave what belongs to a part to `config/src/view.rs`.

use std::path::Path;
use std::sync::Arc;

use conductor_e2e::client::lines::LineClient;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use serde_json::{Value, json};

use crate::lines::{bare, exchange, names, own_socket};
use crate::world::{CONDUCTOR, SOON, mock, wait_status, wait_tools};

async fn daemon(sockets: impl Fn(&Sandbox) -> Value) -> Daemon {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let settings = json!({
        "listen": { "sockets": sockets(&sandbox) },
        "mcpServers": { "a": mock(&[]), "b": mock(&[]), "c": mock(&[]) },
    });
    let options = Options { sandbox: Some(sandbox), ..Options::default() };
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo", "c.echo"]).await.unwrap();
    daemon
}

async fn listed(socket: &Path) -> Vec<String> {
    let answers = exchange(socket, &[bare(1, "tools/list", json!({}))]).await;
    names(&answers[0]).into_iter().map(str::to_owned).collect()
}

/// An agent that was shown `a` before is shown `b` instead.
async fn reaches_b_alone(agent: &mut LineClient) {
    let answer = agent.call("b.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "x", "{answer}");
    let answer = agent.call("a.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(answer["error"]["data"]["reason"], "unknown_tool", "{answer}");
}

#[tokio::test]
async fn a_view_shows_its_part_and_what_is_outside_is_an_unknown_tool() {
    let at = |sandbox: &Sandbox, name: &str| sandbox.path(&format!("{name}.sock"));
    let daemon = daemon(|sandbox| {
        json!({
            "two": { "path": at(sandbox, "two"), "servers": ["a", "b"] },
            "few": { "path": at(sandbox, "few"), "tools": ["c.e*", "b.sleep"], "mode": "0600" },
            "none": { "path": at(sandbox, "none"), "servers": [] },
        })
    })
    .await;
    let socket = |name| at(&daemon.sandbox(), name);
    let two = listed(&socket("two")).await;
    assert!(two.contains(&"a.echo".to_owned()) && two.contains(&"b.echo".to_owned()));
    assert!(!two.iter().any(|name| name.starts_with("c.")), "{two:?}");
    let few = listed(&socket("few")).await;
    assert!(few.contains(&"c.echo".to_owned()) && few.contains(&"b.sleep".to_owned()));
    assert!(few.iter().all(|name| name.starts_with("c.e") || name == "b.sleep"), "{few:?}");
    assert_eq!(listed(&socket("none")).await, Vec::<String>::new());

    for (name, shown, hidden) in
        [("two", "b.echo", "c.echo"), ("few", "c.echo", "b.echo"), ("none", "", "a.echo")]
    {
        let mut agent = LineClient::connect(&socket(name)).await.unwrap();
        agent.initialize("2025-11-25").await.unwrap();
        let answer = agent.call(hidden, json!({ "text": "x" })).await.unwrap();
        assert_eq!(answer["error"]["data"]["reason"], "unknown_tool", "{name}: {answer}");
        if !shown.is_empty() {
            let answer = agent.call(shown, json!({ "text": "x" })).await.unwrap();
            assert_eq!(answer["result"]["content"][0]["text"], "x", "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn s40_a_user_who_is_not_on_the_list_gets_one_line_and_no_more() {
    let me = rustix::process::getuid().as_raw();
    let at = |sandbox: &Sandbox, name: &str| sandbox.path(&format!("{name}.sock"));
    let daemon = daemon(|sandbox| {
        json!({
            "mine": { "path": at(sandbox, "mine"), "uids": [me] },
            "theirs": { "path": at(sandbox, "theirs"), "uids": [me + 1] },
        })
    })
    .await;
    assert!(!listed(&at(&daemon.sandbox(), "mine")).await.is_empty());
    let call = bare(1, "tools/call", json!({ "name": "a.echo", "arguments": { "text": "x" } }));
    let told = exchange(&at(&daemon.sandbox(), "theirs"), &[call]).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["error"]["data"]["reason"], "not_allowed", "{told:?}");
    assert!(told[0]["error"]["message"].as_str().unwrap().contains(&me.to_string()), "{told:?}");
}

#[tokio::test]
async fn sockets_follow_new_settings_and_those_that_stay_keep_their_connections() {
    let at = |sandbox: &Sandbox, name: &str| sandbox.path(&format!("{name}.sock"));
    let daemon = daemon(|sandbox| {
        json!({
            "stays": { "path": at(sandbox, "stays"), "servers": ["a"] },
            "goes": { "path": at(sandbox, "goes") },
        })
    })
    .await;
    let sandbox = daemon.sandbox();
    let mut agent = LineClient::connect(&at(&sandbox, "stays")).await.unwrap();
    let settings = json!({
        "listen": { "sockets": {
            "stays": { "path": at(&sandbox, "stays"), "servers": ["b"] },
            "comes": { "path": at(&sandbox, "comes"), "servers": ["a"] },
        } },
        "mcpServers": { "a": mock(&[]), "b": mock(&[]), "d": mock(&[]) },
    });
    sandbox.write_settings(settings).unwrap();
    let ended = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    let servers = sandbox.state_dir().join("servers");
    wait::until("the sockets are those of the new settings", SOON, async || {
        let there =
            [at(&sandbox, "comes"), servers.join("d.sock")].iter().all(|path| path.exists());
        let gone = ![at(&sandbox, "goes"), servers.join("c.sock")].iter().any(|path| path.exists());
        (there && gone).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}\n{}", daemon.log_tail(20)));
    assert!(listed(&at(&sandbox, "comes")).await.contains(&"a.echo".to_owned()));
    reaches_b_alone(&mut agent).await;
}

#[tokio::test]
async fn sockets_that_share_a_view_follow_it() {
    let at = |sandbox: &Sandbox, name: &str| sandbox.path(&format!("{name}.sock"));
    let settings = |sandbox: &Sandbox, tools: &[&str]| {
        json!({
            "listen": { "sockets": {
                "one": { "path": at(sandbox, "one"), "view": "shared" },
                "two": { "path": at(sandbox, "two"), "view": "shared", "mode": "0600" },
            } },
            "catalog": { "views": { "shared": { "tools": tools } } },
            "mcpServers": { "a": mock(&[]), "b": mock(&[]) },
        })
    };
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let first = settings(&sandbox, &["a.echo"]);
    let daemon = Daemon::start(CONDUCTOR, first, options).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let mut agents = Vec::new();
    for name in ["one", "two"] {
        assert_eq!(listed(&at(&sandbox, name)).await, ["a.echo"]);
        agents.push(LineClient::connect(&at(&sandbox, name)).await.unwrap());
    }
    sandbox.write_settings(settings(&sandbox, &["b.echo"])).unwrap();
    let ended = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
    for agent in &mut agents {
        reaches_b_alone(agent).await;
    }
}

#[tokio::test]
async fn each_call_leaves_a_line_that_says_who_and_how_it_ended() {
    let settings = json!({
        "log": { "filter": "info,audit=debug" },
        "mcpServers": { "a": mock(&[]) },
    });
    let daemon = Daemon::start(CONDUCTOR, settings, Options::default()).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    let mut agent = LineClient::connect(&own_socket(&daemon, "a")).await.unwrap();
    agent.call("echo", json!({ "text": "s3cret" })).await.unwrap();
    let never = agent.call("sleep", json!({ "ms": 60_000 }));
    let under_way = wait_status(&daemon, "a", |row| row["in_flight"] == 1);
    tokio::select! {
        answer = never => panic!("{answer:?}"),
        under_way = under_way => under_way.unwrap(),
    };
    drop(agent);
    let ends = wait::until("both calls are told", SOON, async || {
        let lines = daemon.log_lines();
        let lines: Vec<_> = lines.into_iter().filter(|line| line["target"] == "audit").collect();
        (lines.len() == 2).then_some(lines)
    });
    let lines = ends.await.unwrap();
    let me = rustix::process::getuid().as_raw();
    let who = format!("unix uid {me} gid {} pid {}", rustix::process::getgid(), std::process::id());
    for (line, expected) in lines.iter().zip([("echo", "result"), ("sleep", "taken back")]) {
        assert!(line["caller"].as_str().unwrap().contains(&who), "{line}");
        assert_eq!(
            (line["name"].as_str(), line["end"].as_str()),
            (Some(expected.0), Some(expected.1))
        );
        assert_eq!(
            (line["server"].as_str(), line["method"].as_str()),
            (Some("a"), Some("tools/call"))
        );
        assert!(
            line["micros"].as_u64().is_some() && !line.to_string().contains("s3cret"),
            "{line}"
        );
    }
}

/// Rules of agents: what is hidden stays so whatever is shown, what nothing is said of is shown, and
/// everybody finds what is theirs only.
#[tokio::test]
async fn p68_each_agent_finds_and_calls_what_its_rules_leave_and_hiding_wins() {
    let at = |sandbox: &Sandbox, name: &str| sandbox.path(&format!("{name}.sock"));
    let settings = |sandbox: &Sandbox, hidden: Value| {
        json!({
            "listen": { "sockets": {
                "open": { "path": at(sandbox, "open") },
                "granted": { "path": at(sandbox, "granted"), "servers": ["a"] },
                "denied": { "path": at(sandbox, "denied"), "servers": ["a"],
                            "tools": ["a.echo", "a.pid"], "excludeTools": hidden },
                "deny_only": { "path": at(sandbox, "deny_only"), "excludeTools": ["a.*", "b.pid"] },
            } },
            "mcpServers": { "a": mock(&["--library"]), "b": mock(&["--library"]) },
        })
    };
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let first = settings(&sandbox, json!(["*.pid"]));
    let daemon = Daemon::start(CONDUCTOR, first, options).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let finds = async |name: &str, wanted: &[&str], foreign: &[&str]| {
        let found = listed(&at(&sandbox, name)).await;
        let mut agent = LineClient::connect(&at(&sandbox, name)).await.unwrap();
        for tool in wanted {
            assert!(found.iter().any(|found| found == tool), "{name}: {tool} in {found:?}");
            let answer = agent.call(tool, json!({ "text": "x" })).await.unwrap();
            assert!(answer["result"].is_object(), "{name}: {answer}");
        }
        for tool in foreign {
            assert!(!found.iter().any(|found| found == tool), "{name}: {tool} in {found:?}");
            let answer = agent.call(tool, json!({ "text": "x" })).await.unwrap();
            assert_eq!(answer["error"]["data"]["reason"], "unknown_tool", "{name}: {answer}");
        }
        agent.request("prompts/list", json!({})).await.unwrap()["result"]["prompts"].clone()
    };
    assert_ne!(finds("open", &["a.echo", "a.pid", "b.pid"], &[]).await, json!([]));
    finds("granted", &["a.echo", "a.pid", "a.cwd"], &["b.echo", "b.pid"]).await;
    finds("denied", &["a.echo"], &["a.pid", "a.cwd", "b.echo"]).await;
    let prompts = finds("deny_only", &["b.echo", "b.cwd"], &["a.echo", "a.pid", "b.pid"]).await;
    assert_eq!(prompts, json!([]), "patterns speak of tools");

    // Other rules hold at once; wrong ones change nothing.
    for (hidden, code, wanted, foreign) in [
        (json!(["a.echo"]), 0, "a.pid", "a.echo"),
        (json!(["a.[echo"]), 2, "a.pid", "a.echo"),
        (json!("a.pid"), 2, "a.pid", "a.echo"),
        (json!([]), 0, "a.echo", "a.cwd"),
    ] {
        sandbox.write_settings(settings(&sandbox, hidden.clone())).unwrap();
        let ended = daemon.cli(&["reload"]).await.unwrap();
        assert_eq!(ended.code, Some(code), "{hidden}: {} {}", ended.stdout, ended.stderr);
        finds("denied", &[wanted], &[foreign, "b.echo"]).await;
    }
}
