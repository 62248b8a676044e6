//! These tests change settings under a running daemon and ask it to take them over (rows P49 to P58,
//! P64, P67, P69, R50, R54, C9).
//!
//! They leave files that are taken over by themselves to `watched`, what is said and recorded to
//! `told`, what counts as a change to `meant`, and what each key means to the tests of settings.

mod meant;
mod told;
mod watched;

use std::time::Duration;

use anyhow::{Context as _, Result};
use conductor_e2e::daemon::{Daemon, Options, run_to_end};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, SOON, client, mock, mock_with, status, wait_status, wait_tools};

/// A daemon with these servers that reads its file again when asked, or (`watch`) by itself.
async fn daemon(servers: Value, watch: bool) -> Result<Daemon> {
    Daemon::start(CONDUCTOR, settings(servers, watch), Options::default()).await
}

fn settings(servers: Value, watch: bool) -> Value {
    json!({ "reload": { "watch": watch }, "mcpServers": servers })
}

/// Replaces the file of a daemon that is asked.
fn write(daemon: &Daemon, servers: Value) {
    daemon.sandbox().write_settings(settings(servers, false)).unwrap();
}

async fn pid(daemon: &Daemon, server: &str) -> u64 {
    let row = wait_status(daemon, server, |row| row["state"] == "running").await.unwrap();
    row["pid"].as_u64().unwrap()
}

/// The record of reloads.
async fn record(daemon: &Daemon) -> Result<Value> {
    let ended = daemon.cli(&["status", "--json"]).await?;
    let all: Value = serde_json::from_str(&ended.stdout).with_context(|| ended.stderr.clone())?;
    Ok(all["reload"].clone())
}

async fn wait_record(daemon: &Daemon, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait::until(what, Duration::from_secs(20), async || {
        last = record(daemon).await.ok()?;
        wanted(&last).then(|| last.clone())
    });
    let found = found.await;
    found.with_context(|| format!("last record: {last}\n{}", daemon.log_tail(30))).unwrap()
}

async fn gone(daemon: &Daemon, server: &str) {
    let gone = wait::until("the server is gone", SOON, async || {
        status(daemon, server).await.is_err().then_some(())
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn p51_p52_p54_p56_one_server_is_replaced_one_goes_one_comes_and_the_rest_runs_on() {
    let servers = json!({ "a": mock(&[]), "b": mock(&[]), "c": mock(&[]), "d": mock(&[]) });
    let daemon = daemon(servers, false).await.unwrap();
    wait_tools(&daemon, &["a.sleep", "b.echo", "c.sleep", "d.echo"]).await.unwrap();
    let (a, b, d) = (pid(&daemon, "a").await, pid(&daemon, "b").await, pid(&daemon, "d").await);
    let client = client(&daemon);
    // One call on a server that stays and one on a server that goes.
    let stays = client.call("a.sleep", json!({ "ms": 1500 }));
    let goes = client.call("c.sleep", json!({ "ms": 1500 }));
    let change = async {
        wait_status(&daemon, "c", |row| row["in_flight"] == 1).await.unwrap();
        write(
            &daemon,
            json!({
                "a": mock(&[]),
                "b": mock_with(&[], json!({ "env": { "NEW": "value" } })),
                "d": mock_with(&[], json!({ "description": "told anew", "timeout": "5s", "maxInFlight": 3 })),
                "e": mock(&[]),
            }),
        );
        let planned = daemon.cli(&["plan", "--json"]).await.unwrap();
        let done = daemon.cli(&["reload"]).await.unwrap();
        (planned, done)
    };
    let (stays, goes, (planned, done)) = tokio::join!(stays, goes, change);
    assert!(!stays.unwrap().is_error());
    assert!(!goes.unwrap().is_error(), "a server that is removed finishes its calls");
    let planned: Value = serde_json::from_str(&planned.stdout).unwrap();
    for (list, names) in [
        ("add", json!(["e"])),
        ("remove", json!(["c"])),
        ("restart", json!(["b"])),
        ("retune", json!(["d"])),
        ("keep", json!(["a"])),
    ] {
        assert_eq!(planned[list], names, "{list} of {planned}");
    }
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "add      e\nremove   c\nrestart  b\nretune   d\nkeep     1 server\n"),
        "{}",
        done.stderr
    );
    wait_tools(&daemon, &["e.echo", "b.echo"]).await.unwrap();
    gone(&daemon, "c").await;
    let renewed = wait_status(&daemon, "b", |row| row["state"] == "running" && row["pid"] != b);
    assert_eq!(renewed.await.unwrap()["generation"], 2);
    assert_eq!((pid(&daemon, "a").await, pid(&daemon, "d").await), (a, d));
    let again = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "nothing changes, 4 servers kept\n"));
    let record = record(&daemon).await.unwrap();
    assert_eq!((&record["attempts"], &record["successes"]), (&json!(2), &json!(2)), "{record}");
}

#[tokio::test]
async fn p49_p50_p67_r50_a_bad_file_changes_nothing_and_says_where() {
    let daemon = daemon(json!({ "a": mock(&[]), "b": mock(&[]) }), false).await.unwrap();
    wait_tools(&daemon, &["a.echo", "b.echo"]).await.unwrap();
    let before = (pid(&daemon, "a").await, pid(&daemon, "b").await);
    let sandbox = daemon.sandbox();
    for (attempt, (text, place)) in [
        ("{\n  \"mcpServers\": {\n    \"a\": }\n", "(line 3, column 10)"),
        (r#"{ "mcpServers": {}, "catalogue": {} }"#, "catalogue"),
        (
            r#"{ "mcpServers": { "a": { "command": "x" }, "b": { "comand": "y" } } }"#,
            "mcpServers.b",
        ),
        (r#"{ "catalog": {} }"#, "mcpServers"),
        ("", "is not valid JSON"),
        (r#"{ "mcpServers": { "a": { "command": "${NOT_SET}" } } }"#, "NOT_SET"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = sandbox.write("conductor.json", text).unwrap().display().to_string();
        for command in ["plan", "reload"] {
            let ended = daemon.cli(&[command]).await.unwrap();
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{text}");
            assert!(
                ended.stderr.contains(place) && ended.stderr.contains(&file),
                "{}",
                ended.stderr
            );
        }
        let record = record(&daemon).await.unwrap();
        assert_eq!(record["attempts"], attempt + 1, "planning is no attempt: {record}");
        assert_eq!(
            (&record["successes"], &record["last_error"]["by"]),
            (&json!(0), &json!("command"))
        );
        assert!(record["last_error"]["problems"].to_string().contains(&file), "{record}");
    }
    let logged = daemon.wait_log("the failure is told", SOON, |line| {
        let line = line.to_string();
        (line.contains("settings not taken over") && line.contains("line 3")).then_some(())
    });
    logged.await.unwrap();
    let table = daemon.cli(&["status"]).await.unwrap();
    assert!(table.stdout.contains("the last reload failed at"), "{}", table.stdout);
    assert_eq!((pid(&daemon, "a").await, pid(&daemon, "b").await), before);

    write(&daemon, json!({ "a": mock(&[]), "b": mock(&[]) }));
    assert_eq!(daemon.cli(&["reload"]).await.unwrap().code, Some(0));
    let table = daemon.cli(&["status"]).await.unwrap();
    assert!(!table.stdout.contains("the last reload failed"), "{}", table.stdout);
    write(&daemon, json!({}));
    let emptied = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(
        emptied.stdout, "remove   a\nremove   b\nkeep     0 servers\n",
        "{}",
        emptied.stderr
    );
    daemon.sandbox().expect_no_process(SOON).await.unwrap();
}

#[tokio::test]
async fn p64_r54_a_call_on_a_server_that_is_changed_ends_first() {
    let daemon = daemon(json!({ "a": mock(&[]), "b": mock(&[]) }), false).await.unwrap();
    wait_tools(&daemon, &["a.sleep", "b.echo"]).await.unwrap();
    let (a, b) = (pid(&daemon, "a").await, pid(&daemon, "b").await);
    let client = client(&daemon);
    let begun = client.call("a.sleep", json!({ "ms": 1000, "text": "slept" }));
    let change = async {
        wait_status(&daemon, "a", |row| row["in_flight"] == 1).await.unwrap();
        let changed = mock_with(&[], json!({ "env": { "NEW": "value" } }));
        write(&daemon, json!({ "a": changed, "b": mock(&[]) }));
        let done = daemon.cli(&["reload"]).await.unwrap();
        assert_eq!(done.stdout, "restart  a\nkeep     1 server\n", "{}", done.stderr);
        // One that comes meanwhile is the new life's.
        client.call("a.echo", json!({ "text": "new" })).await.unwrap()
    };
    let (old, new) = tokio::join!(begun, change);
    assert!(!old.unwrap().is_error(), "a call under way ends on the old process");
    assert_eq!(new.text().unwrap(), "new");
    assert_ne!(pid(&daemon, "a").await, a);
    assert_eq!(pid(&daemon, "b").await, b);
}

#[tokio::test]
async fn what_has_to_wait_for_the_next_start_is_told() {
    let daemon = daemon(json!({ "a": mock(&[]) }), false).await.unwrap();
    let before = pid(&daemon, "a").await;
    let mut new = settings(json!({ "a": mock(&[]) }), false);
    new["listen"] = json!({ "maxBody": "1MiB" });
    new["catalog"] = json!({ "pageSize": 7 });
    daemon.sandbox().write_settings(new).unwrap();
    let ended = daemon.cli(&["reload"]).await.unwrap();
    assert_eq!(ended.stdout, "change   catalog\nkeep     1 server\n", "{}", ended.stderr);
    assert!(
        ended.stderr.contains("listen.maxBody: takes effect at the next start"),
        "{}",
        ended.stderr
    );
    let record = record(&daemon).await.unwrap();
    assert!(record["warnings"].to_string().contains("listen.maxBody"), "{record}");
    assert_eq!(pid(&daemon, "a").await, before);
}

#[tokio::test]
async fn r60_sighup_reads_settings_again() {
    let daemon = daemon(json!({ "a": mock(&[]) }), false).await.unwrap();
    let before = pid(&daemon, "a").await;
    write(&daemon, json!({ "a": mock(&[]), "b": mock(&[]) }));
    daemon.signal(Signal::HUP).unwrap();
    wait_tools(&daemon, &["b.echo"]).await.unwrap();
    daemon.sandbox().write("conductor.json", "{ broken").unwrap();
    daemon.signal(Signal::HUP).unwrap();
    let record =
        wait_record(&daemon, "the failure", |record| !record["last_error"].is_null()).await;
    assert_eq!((&record["last_error"]["by"], &record["successes"]), (&json!("SIGHUP"), &json!(1)));
    assert_eq!(pid(&daemon, "a").await, before);
}

#[tokio::test]
async fn without_a_daemon_there_is_nothing_to_reload() {
    let sandbox = Sandbox::new().unwrap();
    let state = sandbox.state_dir().display().to_string();
    for command in ["plan", "reload"] {
        let ended =
            run_to_end(CONDUCTOR, &[command, "--state-dir", &state], &[], SOON).await.unwrap();
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    }
}
