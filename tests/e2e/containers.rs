//! These tests have a script play the container engine, and look at which containers are left.
//! They leave how its commands are built to `actors/src/process/engine.rs`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::{Sandbox, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{CONDUCTOR, MOCK, SOON, client, wait_status, wait_tool};

/// A container is a file that holds its label. It outlives the command that ran it, as containers
/// do whose engine is killed.
const ENGINE: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/calls"
[ "$1" = --context ] && shift 2
command=$1
shift
case $command in
run)
    case $1 in --label=*) printf %s "${1#--label=}" >"$here/box-$(printf %064x $$)" ;; esac
    while [ "$1" != image ]; do shift; done
    shift
    exec "$SERVER" "$@"
    ;;
ps)
    for box in "$here"/box-*; do
        [ "label=$(cat "$box")" = "$4" ] && echo "${box##*/box-}"
    done
    exit 0
    ;;
rm)
    shift
    for id; do rm "$here/box-$id"; done
    ;;
esac
"#;

/// A folder with an engine and two containers that are not ours.
struct Engine(PathBuf);

impl Engine {
    fn within(sandbox: &Sandbox) -> Self {
        let folder = sandbox.path("engine");
        std::fs::create_dir(&folder).unwrap();
        let program = folder.join("docker");
        std::fs::write(&program, ENGINE).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let engine = Self(folder);
        let foreign = [("a", "conductor.run=0123456789abcdef.0"), ("b", "some.label=x")];
        for (digit, label) in foreign {
            std::fs::write(engine.0.join(format!("box-{}", digit.repeat(64))), label).unwrap();
        }
        engine
    }

    /// An entry of a server in a container.
    fn entry(&self) -> Value {
        json!({
            "command": self.0.join("docker"),
            "args": ["--context", "here", "run", "-i", "--rm", "image", "--name", "boxed"],
            "env": { "SERVER": MOCK },
            "backoff": { "min": "20ms", "max": "40ms" },
        })
    }

    /// The labels of all containers but the foreign ones, which must still be there.
    #[track_caller]
    fn boxes(&self) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap().flatten();
            entries.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        let is_box = |path: &PathBuf| path.to_string_lossy().contains("/box-");
        let all: Vec<PathBuf> = names(&self.0).into_iter().filter(is_box).collect();
        let foreign = |path: &PathBuf| {
            let name = path.to_string_lossy();
            name.ends_with(&"a".repeat(64)) || name.ends_with(&"b".repeat(64))
        };
        assert_eq!(all.iter().filter(|path| foreign(path)).count(), 2, "{all:?}");
        let ours = all.iter().filter(|path| !foreign(path));
        ours.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }

    fn calls(&self) -> String {
        std::fs::read_to_string(self.0.join("calls")).unwrap_or_default()
    }
}

async fn start(sandbox: &Arc<Sandbox>, engine: &Engine) -> Daemon {
    let options = Options { sandbox: Some(Arc::clone(sandbox)), ..Options::default() };
    let settings = json!({ "mcpServers": { "a": engine.entry() } });
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    daemon
}

#[tokio::test]
async fn a_container_goes_with_its_server_and_others_stay() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let engine = Engine::within(&sandbox);
    let mut daemon = start(&sandbox, &engine).await;
    let first = engine.boxes();
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("conductor.run=") && first[0].ends_with(".0"), "{first:?}");
    let row = wait_status(&daemon, "a", |row| row["pid"].is_u64()).await.unwrap();
    signal(i32::try_from(row["pid"].as_u64().unwrap()).unwrap(), Signal::KILL).unwrap();
    let next = |row: &Value| row["state"] == "running" && row["generation"] == 2;
    wait_status(&daemon, "a", next).await.unwrap();
    let second = engine.boxes();
    assert_eq!(second.len(), 1, "the next life never begins beside the one before: {second:?}");
    assert!(second[0].ends_with(".1"), "{second:?}");
    let reply = client(&daemon).call("a.echo", json!({ "text": "boxed" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "boxed");
    daemon.signal(Signal::TERM).unwrap();
    assert_eq!(daemon.wait_end(SOON).await.unwrap().code(), Some(0));
    assert_eq!(engine.boxes(), Vec::<String>::new());
    assert!(!sandbox.state_dir().join("processes.json").exists(), "nothing is left to be told");
    let calls = engine.calls();
    let listed = calls.lines().filter(|call| call.starts_with("--context here ps -aq --no-trunc"));
    assert_eq!(listed.count(), 2, "{calls}");
}

#[tokio::test]
async fn a_container_that_outlives_the_daemon_is_removed_by_the_next_start() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let engine = Engine::within(&sandbox);
    let mut daemon = start(&sandbox, &engine).await;
    let left = engine.boxes();
    let record = sandbox.state_dir().join("processes.json");
    let mark = left[0].split_once('=').unwrap().1.to_owned();
    let told = wait::until("the container is written down", SOON, async || {
        std::fs::read_to_string(&record).ok()?.contains(&mark).then_some(())
    });
    told.await.unwrap();
    daemon.signal(Signal::KILL).unwrap();
    daemon.wait_end(SOON).await.unwrap();
    sandbox.expect_no_process(SOON).await.unwrap();
    assert_eq!(engine.boxes(), left, "no process is a container");
    let daemon = start(&sandbox, &engine).await;
    let now = engine.boxes();
    assert_eq!(now.len(), 1, "{now:?}");
    assert_ne!(now, left);
    drop(daemon);
}
