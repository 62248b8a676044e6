//! These tests change files in every way that files are changed, and nobody says so (rows P65, R51 to
//! R53).

use std::time::Duration;

use anyhow::Context as _;
use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use super::{daemon, pid, record, settings, wait_record};
use crate::world::{CONDUCTOR, client, mock, mock_with, wait_status, wait_tools};

/// As long as files change and reloads are asked for, fifty a second.
const STORM: Duration = Duration::from_secs(10);

/// Calls one tool again and again through the storm; every call is answered by the server itself.
async fn call_on(client: Client, tool: &str) -> usize {
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < STORM {
        let text = format!("{tool} {number}");
        let reply = client.call(tool, json!({ "text": text })).await.unwrap();
        assert_eq!(reply.text().unwrap(), text, "{}", reply.message);
        number += 1;
    }
    number
}

#[tokio::test]
async fn p65_a_file_replaced_by_renaming_is_taken_over_by_itself() {
    let daemon = daemon(json!({ "a": mock(&[]) }), true).await.unwrap();
    let before = pid(&daemon, "a").await;
    let sandbox = daemon.sandbox();
    let mut new = settings(json!({ "a": mock(&[]), "b": mock(&[]) }), true);
    sandbox.mark_servers(&mut new);
    for round in 1..=2 {
        // The second time the watched file is another one than at the start.
        new["mcpServers"]["b"]["description"] = json!(format!("round {round}"));
        let fresh = sandbox.write("fresh", &new.to_string()).unwrap();
        std::fs::rename(fresh, sandbox.path("conductor.json")).unwrap();
        let record =
            wait_record(&daemon, "the reload", |record| record["successes"] == round).await;
        assert_eq!((&record["attempts"], &record["watching"]), (&json!(round), &json!(true)));
    }
    wait_tools(&daemon, &["b.echo"]).await.unwrap();
    assert_eq!(pid(&daemon, "a").await, before);
    // Neither the log in the same directory nor a file that says the same is a change.
    std::fs::write(sandbox.path("conductor.json"), new.to_string()).unwrap();
    let more = wait::never("another reload", Duration::from_secs(1), async || {
        let record = record(&daemon).await.ok()?;
        (record["attempts"] != 2).then_some(record)
    });
    more.await.unwrap();
}

#[tokio::test]
async fn r51_a_half_written_file_removes_nothing() {
    let daemon = daemon(json!({ "a": mock(&[]), "b": mock(&[]) }), true).await.unwrap();
    let before = (pid(&daemon, "a").await, pid(&daemon, "b").await);
    let sandbox = daemon.sandbox();
    let mut new = settings(json!({ "a": mock(&[]), "b": mock(&[]), "c": mock(&[]) }), true);
    sandbox.mark_servers(&mut new);
    let text = new.to_string();
    // Longer than a burst is waited for, so that the half is looked at.
    sandbox.write("conductor.json", &text[..text.len() / 2]).unwrap();
    tokio::time::sleep(Duration::from_millis(450)).await;
    sandbox.write("conductor.json", &text).unwrap();
    let record = wait_record(&daemon, "the reload", |record| record["successes"] == 1).await;
    assert_eq!(record["attempts"], 1, "the half was not told: {record}");
    wait_tools(&daemon, &["c.echo"]).await.unwrap();
    assert_eq!((pid(&daemon, "a").await, pid(&daemon, "b").await), before);

    sandbox.write("conductor.json", &text[..text.len() / 2]).unwrap();
    let record =
        wait_record(&daemon, "the failure", |record| !record["last_error"].is_null()).await;
    assert_eq!(record["last_error"]["by"], "file change", "{record}");
    std::fs::remove_file(sandbox.path("conductor.json")).unwrap();
    let missing = |record: &Value| record["last_error"].to_string().contains("does not exist");
    wait_record(&daemon, "the file is missed", missing).await;
    assert_eq!((pid(&daemon, "a").await, pid(&daemon, "b").await), before);
}

#[tokio::test]
async fn r52_a_link_that_is_turned_is_picked_up_once() {
    let sandbox = std::sync::Arc::new(Sandbox::new().unwrap());
    for (version, servers) in
        [("v1", json!({ "a": mock(&[]) })), ("v2", json!({ "a": mock(&[]), "b": mock(&[]) }))]
    {
        std::fs::create_dir(sandbox.path(version)).unwrap();
        let mut settings = settings(servers, true);
        sandbox.mark_servers(&mut settings);
        sandbox.write(&format!("{version}/servers.json"), &settings.to_string()).unwrap();
    }
    // As Kubernetes does it: the file leads to a link, and the link is turned.
    std::os::unix::fs::symlink("v1", sandbox.path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/servers.json", sandbox.path("linked.json")).unwrap();
    let file = sandbox.path("linked.json").display().to_string();
    let options = Options {
        args: vec!["--config".to_owned(), file],
        sandbox: Some(sandbox.clone()),
        ..Options::default()
    };
    let daemon = Daemon::start(CONDUCTOR, conductor_e2e::daemon::Settings::None, options).await;
    let daemon = daemon.unwrap();
    let before = pid(&daemon, "a").await;
    std::os::unix::fs::symlink("v2", sandbox.path("..new")).unwrap();
    std::fs::rename(sandbox.path("..new"), sandbox.path("..data")).unwrap();
    wait_tools(&daemon, &["b.echo"]).await.unwrap();
    let record = wait_record(&daemon, "the reload", |record| record["successes"] == 1).await;
    assert_eq!(record["attempts"], 1, "{record}");
    std::fs::remove_dir_all(sandbox.path("v1")).unwrap();
    let more = wait::never("another reload", Duration::from_secs(1), async || {
        let now = super::record(&daemon).await.ok()?;
        (now["attempts"] != 1).then_some(now)
    });
    more.await.unwrap();
    assert_eq!(pid(&daemon, "a").await, before);
}

#[tokio::test]
async fn r53_in_a_storm_no_server_runs_twice_no_call_is_lost_and_the_last_word_holds() {
    let directory = tempfile::tempdir().unwrap();
    let rooms = ["calm", "turned"].map(|name| directory.path().join(name));
    let [calm, turned] = rooms.each_ref().map(|room| room.to_str().unwrap());
    let storm = |round: u64| {
        let round = json!({ "env": { "ROUND": round.to_string() } });
        json!({
            "calm": mock(&["--sole", calm, "--name", "calm"]),
            "turned": mock_with(&["--sole", turned, "--name", "turned"], round),
        })
    };
    let daemon = daemon(storm(0), true).await.unwrap();
    wait_tools(&daemon, &["calm.echo", "turned.echo"]).await.unwrap();
    let calm = pid(&daemon, "calm").await;
    let sandbox = daemon.sandbox();
    let calls =
        ["calm.echo", "turned.echo"].map(|tool| tokio::spawn(call_on(client(&daemon), tool)));
    let mut ticks = interval(Duration::from_millis(20));
    let (begun, mut round) = (Instant::now(), 0);
    while begun.elapsed() < STORM {
        ticks.tick().await;
        round += 1;
        let mut new = settings(storm(round), true);
        sandbox.mark_servers(&mut new);
        let fresh = sandbox.write("fresh", &new.to_string()).unwrap();
        std::fs::rename(fresh, sandbox.path("conductor.json")).unwrap();
        daemon.signal(Signal::HUP).unwrap();
    }
    assert!(round > 50, "{round}");
    let last = wait::until("the last word holds", Duration::from_secs(20), async || {
        let all = sandbox.processes();
        let turned = all.iter().find(|process| process.command.ends_with("--name turned"))?;
        let environment = std::fs::read(format!("/proc/{}/environ", turned.pid)).ok()?;
        let wanted = format!("ROUND={round}").into_bytes();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted).then_some(())
    });
    last.await.with_context(|| daemon.log_tail(30)).unwrap();
    wait_status(&daemon, "turned", |row| row["state"] == "running").await.unwrap();
    assert_eq!(pid(&daemon, "calm").await, calm);
    let record = record(&daemon).await.unwrap();
    assert_eq!(record["attempts"], record["successes"], "{record}");
    let mut answered = Vec::new();
    for call in calls {
        answered.push(call.await.unwrap());
    }
    let reloads = &record["attempts"];
    println!("{round} changes in {STORM:?}: {reloads} reloads; calls answered: {answered:?}");
    let reply = client(&daemon).call("turned.echo", json!({ "text": "still" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "still");
    for room in &rooms {
        assert_eq!(std::fs::read_to_string(room).unwrap(), "", "processes of one server at once");
    }
}
