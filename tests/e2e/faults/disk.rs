//! Rows R48 and R49: the disk with the state directory fills up while the daemon runs, or may not be
//! written to.
//! It leaves a state directory that cannot be used from the start to `settings.rs`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor_e2e::daemon::{Daemon, Options, command, run_to_end};
use conductor_e2e::rest::Api;
use conductor_e2e::sandbox::{Sandbox, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::json;

use super::Victim;
use crate::world::{CONDUCTOR, SOON, client, journal, mock, wait_tool, wait_tools};

/// Goes on as the daemon, with a small disk of its own for the state directory.
const SMALL_DISK: &str = r#"#!/bin/sh
exec unshare -rm sh -c 'mount -t tmpfs -o size=1m,mode=0700 none "$0"; exec "$@"' "STATE" "CONDUCTOR" "$@"
"#;

/// A program that is the daemon with a disk of one mebibyte. None where nobody may mount one.
async fn on_a_small_disk(sandbox: &Sandbox) -> Option<PathBuf> {
    let tried = command("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !tried.await.is_ok_and(|output| output.status.success()) {
        println!("skipped: `unshare -rm` and a mount are not allowed here");
        return None;
    }
    std::fs::create_dir_all(sandbox.state_dir()).unwrap();
    let script = SMALL_DISK.replace("STATE", sandbox.state_dir().to_str().unwrap());
    let program = sandbox.write("conductor", &script.replace("CONDUCTOR", CONDUCTOR)).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    Some(program)
}

/// Writes until nothing fits any more; returns how much did.
fn fill(file: &Path) -> usize {
    let mut file = std::fs::File::create(file).unwrap();
    let (mut written, mut size) = (0, 4096);
    while size > 0 {
        match file.write(&vec![b'x'; size]) {
            Ok(count) if count > 0 => written += count,
            Ok(_) | Err(_) => size /= 2,
        }
    }
    written
}

async fn echo(daemon: &Daemon, tool: &str, text: &str) {
    let reply = client(daemon).call(tool, json!({ "text": text })).await.unwrap();
    assert_eq!(reply.text().unwrap(), text);
}

#[tokio::test]
async fn r48_a_full_disk_takes_nothing_from_callers() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let Some(program) = on_a_small_disk(&sandbox).await else { return };
    let victim = Victim::hardy(&["--tools", "50"], json!({}));
    let settings = json!({ "mcpServers": { "a": mock(&[]), "victim": victim.entry } });
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let mut daemon = Daemon::start(program.to_str().unwrap(), settings, options).await.unwrap();
    wait_tools(&daemon, &["a.echo", "victim.echo"]).await.unwrap();

    let inside = format!("/proc/{}/root{}", daemon.pid(), sandbox.state_dir().display());
    let ballast = Path::new(&inside).join("ballast");
    let size = fill(&ballast);
    assert!(size > 0 && size < 1 << 20, "{size}");
    for round in 0..3 {
        echo(&daemon, "a.echo", &format!("full {round}")).await;
        let killed = victim.pid();
        signal(killed, Signal::KILL).unwrap();
        // A call that comes before the end is noticed may be lost with the server.
        let next =
            wait::until("the next life", SOON, async || (victim.pid() != killed).then_some(()));
        next.await.unwrap();
        echo(&daemon, "victim.echo", &format!("back {round}")).await;
    }
    wait_tool(&daemon, "victim.tool_050").await.unwrap();
    let lives = victim.journal.started().len();
    println!("R48: {size} bytes left no room; {lives} lives of a server, every call answered");
    assert!(lives >= 4, "{lives}");

    std::fs::remove_file(&ballast).unwrap();
    echo(&daemon, "victim.echo", "room again").await;
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn r48_a_registration_that_does_not_fit_is_refused_and_costs_nothing() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let Some(program) = on_a_small_disk(&sandbox).await else { return };
    let settings = json!({ "mcpServers": { "a": mock(&[]) } });
    let options = Options { sandbox: Some(Arc::clone(&sandbox)), ..Options::default() };
    let mut daemon = Daemon::start(program.to_str().unwrap(), settings, options).await.unwrap();
    wait_tools(&daemon, &["a.echo"]).await.unwrap();
    let inside = format!("/proc/{}/root{}", daemon.pid(), sandbox.state_dir().display());
    let token = std::fs::read_to_string(Path::new(&inside).join("admin.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    let mut api = Api::with_headers(daemon.addr(), &[("authorization", &bearer)]).await.unwrap();
    let body = |name: &str, length: usize| {
        let (command, text) = (["x"], "d".repeat(length));
        json!({ "name": name, "command": command, "enabled": false, "description": text })
    };
    let _ = api.register(&body("before", 10)).await.unwrap().with(201);
    let pid = api.get("/default/a").await.unwrap().with(200)["pid"].clone();

    let ballast = Path::new(&inside).join("ballast");
    let size = fill(&ballast);
    let said = api.register(&body("large", 300_000)).await.unwrap().with(507);
    assert_eq!(said["reason"], "not_kept");
    assert!(said["detail"].as_str().unwrap().contains("no space left"), "{said}");
    println!("R48: with {size} bytes of ballast: {}", said["detail"]);
    let _ = api.get("/default/large").await.unwrap().with(404);
    assert_eq!(api.get("").await.unwrap().with(200)["connections"].as_array().unwrap().len(), 2);
    assert_eq!(api.get("/default/a").await.unwrap().with(200)["pid"], pid);
    echo(&daemon, "a.echo", "full").await;

    std::fs::remove_file(&ballast).unwrap();
    let _ = api.register(&body("large", 1000)).await.unwrap().with(201);
    let _ = api.remove("default/before").await.unwrap().with(204);
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn r49_a_disk_that_may_not_be_written_to_is_named_before_any_server_starts() {
    let sandbox = Arc::new(Sandbox::new().unwrap());
    if on_a_small_disk(&sandbox).await.is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder, "journal");
    let path = journal.path().display().to_string();
    let settings = json!({ "mcpServers": { "a": mock(&["--log", &path]) } });
    sandbox.write_settings(settings).unwrap();
    let state = sandbox.state_dir().display().to_string();
    let file = sandbox.path("conductor.json").display().to_string();
    let inside = format!("mount -t tmpfs -o ro,mode=0700 none {state}; exec \"$@\"");
    let serve = [CONDUCTOR, "serve", "--config", &file, "--state-dir", &state];
    let words: Vec<&str> = ["-rm", "sh", "-c", &inside, "sh"].into_iter().chain(serve).collect();
    let ended = run_to_end("unshare", &words, &[], SOON).await.unwrap();
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(&state) && ended.stderr.contains("Read-only file system"),
        "{}",
        ended.stderr
    );
    assert!(journal.started().is_empty(), "no server runs without what remembers it");
}
