//! Rows R56 to R60 and R70: the daemon's own starts, ends and signals, and whether it tells the truth about readiness.
//! What happens to servers when it ends is in `death.rs`.

use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::{Sandbox, signal};
use conductor_e2e::wait;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Victim, page, wait_said};
use crate::world::{CONDUCTOR, SOON, client, mock, serve, wait_status, wait_tool};

fn at(sandbox: &Arc<Sandbox>) -> Options {
    Options { sandbox: Some(Arc::clone(sandbox)), ..Options::default() }
}

fn one_server() -> Value {
    json!({ "mcpServers": { "a": mock(&[]) } })
}

#[tokio::test]
async fn r56_what_a_killed_daemon_leaves_behind_is_no_obstacle_and_a_living_one_is() {
    let mut daemon = Daemon::start(CONDUCTOR, one_server(), Options::default()).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let sandbox = daemon.sandbox();
    for round in 0..3 {
        daemon.signal(Signal::KILL).unwrap();
        daemon.wait_end(SOON).await.unwrap();
        assert!(sandbox.state_dir().join("admin.sock").exists(), "left behind");
        let begun = Instant::now();
        daemon = Daemon::start(CONDUCTOR, one_server(), at(&sandbox)).await.unwrap();
        wait_tool(&daemon, "a.echo").await.unwrap();
        println!("R56: start {} after a kill: serves after {:.1?}", round + 1, begun.elapsed());
        assert_eq!(daemon.cli(&["status"]).await.unwrap().code, Some(0));
    }
    let second = Daemon::start(CONDUCTOR, one_server(), at(&sandbox)).await;
    let error = second.unwrap_err().to_string();
    assert!(error.contains("exit status: 5"), "{error}");
    assert_eq!(daemon.cli(&["status"]).await.unwrap().code, Some(0), "its socket is untouched");
}

#[tokio::test]
async fn r57_a_second_daemon_ends_with_a_reason_and_starts_no_server() {
    let victim = Victim::hardy(&[], json!({}));
    let settings = json!({ "mcpServers": { "a": victim.entry } });
    let daemon = Daemon::start(CONDUCTOR, settings.clone(), Options::default()).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let second = Daemon::start(CONDUCTOR, settings, at(&daemon.sandbox())).await;
    let error = second.unwrap_err().to_string();
    assert!(error.contains(&daemon.pid().to_string()), "names the holder: {error}");
    assert!(error.contains("exit status: 5"), "{error}");
    assert_eq!(victim.journal.started().len(), 1);
    println!("R57: exit code 5, and one process of the server");
}

#[tokio::test]
async fn r58_a_taken_port_costs_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let victim = Victim::hardy(&[], json!({}));
    let sandbox = Arc::new(Sandbox::new().unwrap());
    let listen = vec!["--listen".to_owned(), addr.clone()];
    let options = Options { args: listen, ..at(&sandbox) };
    let settings = json!({ "mcpServers": { "a": victim.entry } });
    let error = Daemon::start(CONDUCTOR, settings, options).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 4") && error.contains(&addr), "{error}");
    assert!(victim.journal.started().is_empty(), "no server was started");
    sandbox.expect_no_process(Duration::from_millis(500)).await.unwrap();
    println!("R58: exit code 4, no server started");
}

#[tokio::test]
async fn r59_a_restart_under_load_refuses_for_a_moment_only() {
    let mut daemon = Daemon::start(CONDUCTOR, one_server(), Options::default()).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let (sandbox, addr) = (daemon.sandbox(), daemon.addr());
    // Fifty calls a second, one after the other; what failed, and when.
    let load = async {
        let clients = [Client::modern(addr, "/mcp"), Client::legacy(addr, "/mcp").await.unwrap()];
        let mut tick = interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut good, mut down): (usize, Vec<Instant>) = (0, Vec::new());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(8) {
            tick.tick().await;
            let text = format!("call {good}");
            let client = &clients[good % 2];
            match client.call("a.echo", json!({ "text": text })).await {
                Ok(reply) if reply.text().is_ok_and(|answer| answer == text) => good += 1,
                Ok(reply) => {
                    assert_ne!(reply.status, 404, "the session goes on");
                    let told = reply.message.to_string();
                    assert!(told.contains("reason") || told.contains("fate"), "{told}");
                    down.push(Instant::now());
                }
                Err(_) => down.push(Instant::now()),
            }
        }
        (good, down)
    };
    let restart = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let status = daemon.terminate(SOON).await.unwrap();
        assert_eq!(status.code(), Some(0));
        let args = vec!["--listen".to_owned(), addr.to_string()];
        Daemon::start(CONDUCTOR, one_server(), Options { args, ..at(&sandbox) }).await.unwrap()
    };
    let ((good, down), _daemon) = tokio::join!(load, restart);
    let gap = match (down.first(), down.last()) {
        (Some(first), Some(last)) => last.duration_since(*first),
        _ => Duration::ZERO,
    };
    println!("R59: {good} calls answered, {} refused within {gap:.1?}", down.len());
    assert!(good > 50, "{good}");
    assert!(gap < Duration::from_secs(5), "{gap:?}");
}

#[tokio::test]
async fn r60_signals_do_what_the_manual_says() {
    let mut daemon = serve(json!({ "a": mock(&["--fault", "stubborn"]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    for (signal, name) in [
        (Signal::HUP, Some("SIGHUP")),
        (Signal::USR1, Some("SIGUSR1")),
        (Signal::USR2, Some("SIGUSR2")),
        (Signal::PIPE, None),
    ] {
        daemon.signal(signal).unwrap();
        if let Some(name) = name {
            wait_said(&daemon, &[name], SOON).await;
        }
        let reply = client(&daemon).call("a.echo", json!({ "text": "alive" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "alive", "after {signal:?}");
    }
    daemon.signal(Signal::INT).unwrap();
    wait_said(&daemon, &["shutting down"], SOON).await;
    let begun = Instant::now();
    daemon.signal(Signal::INT).unwrap();
    let status = daemon.wait_end(SOON).await.unwrap();
    let taken = begun.elapsed();
    println!("R60: HUP, USR1, USR2, PIPE survived; down {taken:.1?} after the second INT");
    assert_eq!(status.code(), Some(8));
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    daemon.sandbox().expect_no_process(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn r60_sigquit_ends_at_once() {
    let mut daemon = serve(json!({ "a": mock(&["--fault", "stubborn"]) })).await.unwrap();
    wait_tool(&daemon, "a.echo").await.unwrap();
    let begun = Instant::now();
    daemon.signal(Signal::QUIT).unwrap();
    let status = daemon.wait_end(SOON).await.unwrap();
    println!("R60: down {:.1?} after QUIT", begun.elapsed());
    assert_eq!(status.code(), Some(8));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    daemon.sandbox().expect_no_process(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn r70_readiness_tells_the_truth_in_a_crash_loop_and_while_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let healed = folder.path().join("healed").display().to_string();
    let mut more = super::heartbeat(300, 200, 2);
    more["required"] = json!(true);
    more["backoff"] = json!({ "min": "1s", "max": "2s" });
    let words = ["--fault", "crash_start", "--healthy-if", &healed];
    let victim = Victim::hardy(&words, more);
    let daemon = serve(json!({ "must": victim.entry, "may": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "may.echo").await.unwrap();
    for _ in 0..20 {
        let (ready, body) = page(&daemon, "/readyz").await;
        assert!(ready == 503 && body.contains("must") && !body.contains("may"), "{body}");
        assert_eq!(page(&daemon, "/healthz").await.0, 200);
    }
    std::fs::write(&healed, "").unwrap();
    wait_status(&daemon, "must", |row| row["state"] == "running").await.unwrap();
    assert_eq!(page(&daemon, "/readyz").await.0, 200);
    let begun = Instant::now();
    signal(victim.pid(), Signal::STOP).unwrap();
    let told = wait::until("readiness is lost", SOON, async || {
        (page(&daemon, "/readyz").await.0 == 503).then_some(())
    });
    told.await.unwrap();
    println!("R70: told of the frozen server after {:.1?}", begun.elapsed());
    assert_eq!(page(&daemon, "/healthz").await.0, 200);
    wait_said(&daemon, &["server ready"], SOON).await;
    let again = wait::until("readiness is back", SOON, async || {
        (page(&daemon, "/readyz").await.0 == 200).then_some(())
    });
    again.await.unwrap();
}
