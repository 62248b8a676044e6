//! These tests run `conductor doctor` on settings and daemons that are well, and on such as are not.
//! They leave what each finding is worth to the tests beside the judges.

use std::process::Stdio;
use std::time::Duration;

use conductor_e2e::daemon::{Ended, command, run_to_end};
use conductor_e2e::sandbox::{Sandbox, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::world::{CONDUCTOR, SOON, mock, mock_with, serve, wait_status, wait_tool};

/// A doctor on this settings document, its state in the sandbox.
async fn doctor(sandbox: &Sandbox, settings: &str, more: &[&str]) -> Ended {
    let file = sandbox.write("doctor.json", settings).unwrap().display().to_string();
    let state = sandbox.state_dir().display().to_string();
    let mut arguments = vec!["doctor", "--config", &file, "--state-dir", &state];
    arguments.extend(more);
    run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap()
}

fn report(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr))
}

/// The checks of one subject that have this level.
fn found<'a>(report: &'a Value, subject: &str, level: &str) -> Vec<&'a Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["subject"] == subject && check["level"] == level).collect()
}

fn settings(servers: Value) -> String {
    json!({ "mcpServers": servers, "listen": { "http": "127.0.0.1:0" } }).to_string()
}

#[tokio::test]
async fn what_is_well_is_told_and_ends_with_zero() {
    let sandbox = Sandbox::new().unwrap();
    let text = settings(json!({ "a": mock(&[]) }));
    let ended = doctor(&sandbox, &text, &[]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    for word in ["settings\n", "servers\n", "machine\n", "daemon\n", "conductor serve"] {
        assert!(ended.stdout.contains(word), "{word}: {}", ended.stdout);
    }
    assert!(!sandbox.state_dir().exists(), "it only looks");
}

#[tokio::test]
async fn a_missing_program_a_bad_directory_and_a_closed_port_have_their_cures() {
    let sandbox = Sandbox::new().unwrap();
    let text = settings(json!({
        "gone": { "command": "no-such-program-anywhere", "args": [], "env": { "K": "hush-hush" } },
        "lost": mock_with(&[], json!({ "cwd": "/no/such/folder" })),
        "far": { "url": "http://127.0.0.1:1/mcp", "headers": { "X-Key": "hush-hush" } },
        "fine": mock(&[]),
        "off": { "command": "no-such-program-anywhere", "args": [], "enabled": false },
    }));
    let ended = doctor(&sandbox, &text, &["--json"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    assert_eq!(report["problems"], 3, "{report}");
    for (name, word) in [("gone", "PATH"), ("lost", "cwd"), ("far", "takes no connection")] {
        let problems = found(&report, name, "problem");
        assert!(problems[0]["message"].as_str().unwrap().contains(word), "{problems:?}");
        assert!(!problems[0]["cure"].as_str().unwrap().is_empty(), "{problems:?}");
    }
    assert_eq!(found(&report, "fine", "ok").len(), 1);
    assert_eq!(found(&report, "off", "ok").len(), 1);
    assert!(!ended.stdout.contains("hush-hush"), "{}", ended.stdout);
}

#[tokio::test]
async fn wrong_settings_are_told_one_by_one_and_the_rest_is_looked_at_all_the_same() {
    let sandbox = Sandbox::new().unwrap();
    let text = r#"{"mcpServers": {"a": {"comand": "x"}, "b": {"command": "${NOT_SET_HERE}"}}}"#;
    let ended = doctor(&sandbox, text, &["--json"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    let problems = found(&report, "settings", "problem");
    let told = format!("{problems:?}");
    assert!(told.contains("NOT_SET_HERE") && told.contains("comand"), "{told}");
    assert_eq!(found(&report, "kernel", "ok").len(), 1, "{report}");
}

#[tokio::test]
async fn a_running_daemon_is_asked_how_its_servers_do() {
    let servers = json!({
        "good": mock(&[]),
        "bad": {
            "command": "sh",
            "args": ["-c", "echo Cannot find module x >&2; exit 3"],
            "restarts": { "max": 0 },
        },
    });
    let daemon = serve(servers).await.unwrap();
    wait_tool(&daemon, "good.echo").await.unwrap();
    wait_status(&daemon, "bad", |row| row["state"] == "failed").await.unwrap();
    let sandbox = daemon.sandbox();
    let file = sandbox.path("conductor.json").display().to_string();
    let state = sandbox.state_dir().display().to_string();
    let arguments = ["doctor", "--config", &file, "--state-dir", &state, "--json"];
    let ended = run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let report = report(&ended);
    let bad = found(&report, "bad", "problem");
    assert!(format!("{bad:?}").contains("exited with code 3"), "{report}");
    assert_eq!(bad[0]["details"][0], "Cannot find module x", "{report}");
    assert!(bad[0]["cure"].as_str().unwrap().contains("Node.js module"), "{report}");
    assert_eq!(found(&report, "daemon", "ok").len(), 1, "{report}");
    assert_eq!(found(&report, "its settings", "ok").len(), 1, "{report}");

    let changed = json!({ "mcpServers": { "good": mock(&[]), "new": mock(&[]) } });
    let text = sandbox.write("other.json", &changed.to_string()).unwrap().display().to_string();
    let arguments = ["doctor", "--config", &text, "--state-dir", &state, "--json"];
    let ended = run_to_end(CONDUCTOR, &arguments, &[], SOON).await.unwrap();
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let other = found(&report, "its settings", "warning");
    assert!(format!("{other:?}").contains("where new is not"), "{report}");
}

/// Settings under which faults show soon. The server that they name leaves a file when it runs.
fn chaotic(sandbox: &Sandbox) -> String {
    let trace = sandbox.path("it-ran").display().to_string();
    let text = json!({
        "defaults": {
            "heartbeat": { "interval": "1s", "timeout": "1s", "misses": 3 },
            "timeout": "5s",
            "backoff": { "min": "10ms" },
        },
        "mcpServers": {
            "a": { "command": "touch", "args": [trace] },
            "b": { "command": "touch", "args": [trace], "restart": "never" },
            "far": { "url": "http://127.0.0.1:1/mcp" },
        },
    });
    let file = sandbox.write("chaos.json", &text.to_string()).unwrap();
    std::fs::create_dir(sandbox.path("tmp")).unwrap();
    file.display().to_string()
}

/// Processes that were told of a place in this sandbox, as stand-ins are of their state.
fn stand_ins(sandbox: &Sandbox) -> usize {
    let place = sandbox.path("tmp").display().to_string().into_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let told = |entry: std::fs::DirEntry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environment.windows(place.len()).any(|part| part == place)
    };
    processes.map(told).filter(|told| *told).count()
}

async fn expect_nothing_left(sandbox: &Sandbox) {
    let gone =
        wait::until("no stand-in left", SOON, async || (stand_ins(sandbox) == 0).then_some(()));
    gone.await.unwrap();
    assert_eq!(std::fs::read_dir(sandbox.path("tmp")).unwrap().count(), 0);
    assert!(!sandbox.path("it-ran").exists(), "the user's server was started");
}

#[tokio::test]
async fn chaos_has_a_card_for_every_entry_and_fault_and_leaves_nothing() {
    let sandbox = Sandbox::new().unwrap();
    let file = chaotic(&sandbox);
    let tmp = sandbox.path("tmp").display().to_string();
    let arguments = ["doctor", "--chaos", "--config", &file, "--json"];
    let limit = Duration::from_secs(120);
    let ended = run_to_end(CONDUCTOR, &arguments, &[("TMPDIR", &tmp)], limit).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let card = report(&ended);
    assert_eq!((&card["bad"], &card["left"]), (&json!(0), &json!(0)), "{card}");
    let trials = card["trials"].as_array().unwrap();
    let names: Vec<String> = trials
        .iter()
        .map(|trial| format!("{} {}", trial["server"], trial["fault"]).replace('"', ""))
        .collect();
    let faults = ["kill", "stop", "garbage", "half-line", "flood", "slow-drip"];
    let expected: Vec<String> =
        ["a", "b"].iter().flat_map(|name| faults.map(|fault| format!("{name} {fault}"))).collect();
    assert_eq!(names, expected);
    for trial in trials {
        let survives = ["garbage", "slow-drip"].iter().any(|fault| trial["fault"] == *fault);
        assert_eq!(trial["noticed_ms"].is_null(), survives, "{trial}");
        assert_eq!(trial["back_ms"].is_null(), survives || trial["server"] == "b", "{trial}");
        assert!(trial["neighbour"]["calls"].as_u64().unwrap() > 0, "{trial}");
        let first = &trial["calls"][0]["outcome"];
        assert_eq!(first, if survives { "answered" } else { "failed" }, "{trial}");
    }
    let told = |server: &str, fault: &str| {
        let mut found = trials.iter().filter(|trial| trial["server"] == server);
        found.find(|trial| trial["fault"] == fault).unwrap()["why"].as_str().unwrap().to_owned()
    };
    assert!(told("a", "kill").contains("signal 9"), "{}", told("a", "kill"));
    assert!(told("a", "stop").contains("no heartbeat"), "{}", told("a", "stop"));
    expect_nothing_left(&sandbox).await;
}

#[tokio::test]
async fn chaos_can_be_narrowed_and_says_what_it_cannot_try() {
    let sandbox = Sandbox::new().unwrap();
    let file = chaotic(&sandbox);
    let tmp = sandbox.path("tmp").display().to_string();
    let run = async |more: &[&str]| {
        let mut arguments = vec!["doctor", "--chaos", "--config", &file];
        arguments.extend(more);
        run_to_end(CONDUCTOR, &arguments, &[("TMPDIR", &tmp)], SOON * 3).await.unwrap()
    };
    let ended = run(&["a", "--only", "kill,garbage"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("all 2 trials went as they should"), "{}", ended.stdout);
    assert!(ended.stderr.contains("left alone"), "{}", ended.stderr);
    for (name, word) in [("far", "those are: a, b"), ("nobody", "`nobody` is no enabled entry")] {
        let ended = run(&[name]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    expect_nothing_left(&sandbox).await;
}

#[tokio::test]
async fn chaos_that_is_interrupted_leaves_nothing() {
    let sandbox = Sandbox::new().unwrap();
    let file = chaotic(&sandbox);
    let mut running = command(CONDUCTOR)
        .args(["doctor", "--chaos", "--config", &file])
        .env("TMPDIR", sandbox.path("tmp"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut told = BufReader::new(running.stderr.take().unwrap()).lines();
    // The first trial that is over: the others go on.
    while !told.next_line().await.unwrap().expect("a trial ends").contains("kill: noticed") {}
    assert!(stand_ins(&sandbox) > 0);
    signal(running.id().unwrap().cast_signed(), Signal::INT).unwrap();
    let ended = tokio::time::timeout(SOON, running.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
    expect_nothing_left(&sandbox).await;
}
