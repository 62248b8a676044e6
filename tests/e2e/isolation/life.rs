//! Processes of sessions and calls: counted, ended with their holders, killed, reloaded.
//! It leaves what is said there to `dialogue.rs`.

use std::time::Duration;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::{is_alive, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{entry, isolated, lines, pid, session};
use crate::world::{CONDUCTOR, SOON, client, serve, status, wait_status, wait_tool};

fn pid_in(message: &Value) -> i32 {
    let text = message["result"]["content"][0]["text"].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{message}"))
}

async fn ended(pid: i32) {
    let gone = async || (!is_alive(pid)).then_some(());
    wait::until("the process has ended", SOON, gone).await.unwrap();
}

/// The processes of single callers, as `status` has them.
fn instances(row: &Value) -> Vec<i64> {
    row["instances"].as_array().into_iter().flatten().filter_map(|it| it["pid"].as_i64()).collect()
}

#[tokio::test]
async fn each_session_has_a_process_from_its_first_call_to_its_end() {
    let daemon = isolated("perSession", json!({})).await;
    let base = status(&daemon, "a").await.unwrap()["pid"].as_i64().unwrap();
    let (first, second) = (session(&daemon).await, session(&daemon).await);
    let mut third = lines(&daemon).await;
    assert!(first.tool_names().await.unwrap().iter().any(|name| name == "a.pid"));
    let row = status(&daemon, "a").await.unwrap();
    assert_eq!((row["isolation"].as_str(), instances(&row)), (Some("perSession"), vec![]));

    let theirs = [
        pid(&first).await,
        pid(&second).await,
        pid_in(&third.call("pid", json!({})).await.unwrap()),
    ];
    assert_eq!(
        theirs,
        [
            pid(&first).await,
            pid(&second).await,
            pid_in(&third.call("pid", json!({})).await.unwrap())
        ]
    );
    let row = status(&daemon, "a").await.unwrap();
    assert_eq!(instances(&row), theirs.map(i64::from), "{row}");
    assert!(
        !theirs.contains(&i32::try_from(base).unwrap()),
        "no call goes to the one that is listed"
    );

    // What one session does to its server is not seen in another: every other visit is refused.
    for client in [&first, &second] {
        assert_eq!(client.call("a.visit", json!({})).await.unwrap().error_code(), Some(-32042));
    }
    assert_eq!(first.call("a.visit", json!({})).await.unwrap().text().unwrap(), "visited");

    first.delete().await.unwrap();
    ended(theirs[0]).await;
    drop(third);
    ended(theirs[2]).await;
    assert_eq!(pid(&second).await, theirs[1], "others are left alone");
    let row = wait_status(&daemon, "a", |row| instances(row).len() == 1).await.unwrap();
    assert_eq!(row["pid"], base);
}

#[tokio::test]
async fn callers_without_a_session_share_one_as_one_principal() {
    let daemon = isolated("perSession", json!({ "instances": { "idle": "1s" } })).await;
    let theirs = pid(&client(&daemon)).await;
    assert_eq!(pid(&client(&daemon)).await, theirs);
    let session = session(&daemon).await;
    assert_ne!(pid(&session).await, theirs);
    // Nobody says that it is over: it ends when nobody has called for a while.
    ended(theirs).await;
    assert_ne!(pid(&client(&daemon)).await, theirs);
}

#[tokio::test]
async fn each_call_has_a_process_that_is_gone_afterwards() {
    let daemon = isolated("perCall", json!({})).await;
    let session = std::sync::Arc::new(session(&daemon).await);
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let session = std::sync::Arc::clone(&session);
        calls.spawn(async move { pid(&session).await });
        let other = client(&daemon);
        calls.spawn(async move { pid(&other).await });
    }
    let mut all = calls.join_all().await;
    all.push(pid(&session).await);
    all.push(pid(&session).await);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "one for each call: {all:?}");
    for pid in all {
        ended(pid).await;
    }
    wait_status(&daemon, "a", |row| instances(row).is_empty()).await.unwrap();
    let error = session
        .request("resources/subscribe", json!({ "uri": "note://a/main/one" }))
        .await
        .unwrap();
    assert!(error.error_code().is_some(), "nothing could tell of it: {error:?}");
}

#[tokio::test]
async fn a_call_that_is_given_up_takes_its_process_with_it() {
    let daemon = isolated("perCall", json!({ "timeout": "1s" })).await;
    let caller = client(&daemon);
    let waiting =
        caller.begin("tools/call", json!({ "name": "a.sleep", "arguments": { "ms": 60_000 } }));
    let seen = wait_status(&daemon, "a", |row| instances(row).len() == 1);
    let (waiting, row) = tokio::join!(waiting, seen);
    let theirs = instances(&row.unwrap())[0];
    let reply = waiting.unwrap().finish().await.unwrap();
    assert_eq!(failure(&reply.message)["reason"], "timeout", "{reply:?}");
    assert_eq!(failure(&reply.message)["fate"], "outcome_unknown");
    ended(i32::try_from(theirs).unwrap()).await;
}

/// What is told of a call that failed.
fn failure(message: &Value) -> Value {
    let meta = message["result"]["_meta"].as_object().unwrap_or_else(|| panic!("{message}"));
    let told = meta.values().find(|told| told.get("reason").is_some());
    told.unwrap_or_else(|| panic!("{message}")).clone()
}

#[tokio::test]
async fn one_more_than_there_may_be_is_refused_until_another_has_left() {
    let daemon = isolated("perSession", json!({ "instances": { "max": 2 } })).await;
    let (first, second, third) =
        (session(&daemon).await, session(&daemon).await, session(&daemon).await);
    let theirs = pid(&first).await;
    pid(&second).await;
    let refused = third.call("a.pid", json!({})).await.unwrap();
    let told = failure(&refused.message);
    assert_eq!(
        (told["reason"].as_str(), told["fate"].as_str()),
        (Some("overloaded"), Some("not_sent"))
    );
    assert!(refused.text().unwrap().contains("2 callers"), "{refused:?}");
    first.delete().await.unwrap();
    // At once: it waits for the end of the one that leaves room.
    assert_ne!(pid(&third).await, theirs);
    assert!(!is_alive(theirs), "never more than two");
}

#[tokio::test]
async fn a_process_that_is_killed_costs_its_own_session_one_call() {
    let daemon = isolated("perSession", json!({})).await;
    let (first, second) = (session(&daemon).await, session(&daemon).await);
    let (mine, other) = (pid(&first).await, pid(&second).await);
    let sleep = |ms: u64| json!({ "name": "a.sleep", "arguments": { "ms": ms } });
    let lost = first.request("tools/call", sleep(30_000));
    let kept = second.request("tools/call", sleep(1_500));
    let kill = async {
        wait_status(&daemon, "a", |row| row["in_flight"] == 2).await.unwrap();
        signal(mine, Signal::KILL).unwrap();
    };
    let (lost, kept, ()) = tokio::join!(lost, kept, kill);
    let told = failure(&lost.unwrap().message);
    assert_eq!(
        (told["reason"].as_str(), told["fate"].as_str()),
        (Some("connection_lost"), Some("outcome_unknown"))
    );
    assert!(!kept.unwrap().is_error());
    let next = pid(&first).await;
    assert_ne!(next, mine);
    assert_eq!(pid(&second).await, other);
    let row = status(&daemon, "a").await.unwrap();
    assert_eq!(
        (row["restarts"].as_i64(), row["state"].as_str()),
        (Some(0), Some("running")),
        "the one that is listed"
    );
}

#[tokio::test]
async fn nothing_outlives_a_killed_daemon_and_nothing_an_orderly_one() {
    for end in [Signal::KILL, Signal::TERM] {
        let mut daemon = isolated("perSession", json!({})).await;
        let sessions = [session(&daemon).await, session(&daemon).await];
        for session in &sessions {
            pid(session).await;
        }
        let sandbox = daemon.sandbox();
        assert_eq!(sandbox.processes().len(), 3);
        daemon.signal(end).unwrap();
        daemon.wait_end(SOON).await.unwrap();
        sandbox.expect_no_process(SOON).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_settings_ends_those_that_were_started_with_others() {
    let settings = |servers: Value| json!({ "reload": { "watch": false }, "mcpServers": servers });
    let shared = settings(json!({ "a": entry("shared", json!({})) }));
    let daemon = Daemon::start(CONDUCTOR, shared, Options::default()).await.unwrap();
    wait_tool(&daemon, "a.pid").await.unwrap();
    let (first, second) = (session(&daemon).await, session(&daemon).await);
    let before = pid(&first).await;
    assert_eq!(pid(&second).await, before);
    let reload = async |entry: Value| {
        daemon.sandbox().write_settings(settings(json!({ "a": entry }))).unwrap();
        assert_eq!(daemon.cli(&["reload"]).await.unwrap().code, Some(0));
    };

    reload(entry("perSession", json!({}))).await;
    let apart = [pid(&first).await, pid(&second).await];
    assert_ne!(apart[0], apart[1]);
    ended(before).await;

    reload(entry("perSession", json!({ "description": "told anew" }))).await;
    assert_eq!([pid(&first).await, pid(&second).await], apart, "no reason for a new one");

    // A call under way comes to its end in the old one.
    let waiting =
        first.request("tools/call", json!({ "name": "a.sleep", "arguments": { "ms": 1500 } }));
    let change = async {
        wait_status(&daemon, "a", |row| row["in_flight"] == 1).await.unwrap();
        reload(entry("perSession", json!({ "env": { "NEW": "value" } }))).await;
        let reply = second.call("a.env", json!({ "name": "NEW" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "value");
    };
    let (waiting, ()) = tokio::join!(waiting, change);
    assert_eq!(waiting.unwrap().text().unwrap(), "slept 1500 ms");
    for pid in apart {
        ended(pid).await;
    }
    reload(entry("shared", json!({}))).await;
    assert_eq!(pid(&first).await, pid(&second).await);
    wait_status(&daemon, "a", |row| instances(row).is_empty()).await.unwrap();
}

#[tokio::test]
async fn a_program_that_does_not_start_is_told_to_who_calls_and_not_tried_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let sole = folder.path().join("sole");
    let mut a = entry("perSession", json!({}));
    a["args"].as_array_mut().unwrap().extend([json!("--sole"), json!(sole)]);
    let daemon = serve(json!({ "a": a })).await.unwrap();
    wait_tool(&daemon, "a.pid").await.unwrap();
    // It runs beside nobody, not even beside the one that is listed.
    let session = session(&daemon).await;
    let refused = session.call("a.pid", json!({})).await.unwrap();
    let told = failure(&refused.message);
    assert_eq!(
        (told["reason"].as_str(), told["fate"].as_str()),
        (Some("server_unavailable"), Some("not_sent"))
    );
    assert_eq!(told["cause"]["exitCode"], 73, "{told}");
    let tried = || std::fs::read_to_string(&sole).unwrap_or_default().lines().count();
    let before = tried();
    wait::never("another try", Duration::from_secs(1), async || (tried() > before).then_some(()))
        .await
        .unwrap();
}
