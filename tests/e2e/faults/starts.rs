//! Rows R33, R34 and R68: servers that start slowly, wrongly, or a hundred at once.
//! Servers that crash at the start are in `restarts.rs`.

use std::time::Duration;

use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::wait;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::measure::{MIB, alone, cpu, fds, rss};
use super::{Victim, failure, page};
use crate::world::{
    CONDUCTOR, client, mock, mock_with, serve, status, wait_status, wait_tool, wait_tools,
};

#[tokio::test]
async fn r33_a_slow_start_delays_nobody_else_and_has_a_limit_of_its_own() {
    let slow = mock_with(&["--fault", "slow_start=6000"], json!({ "timeout": "1s" }));
    let mut servers = json!({ "slow": slow });
    for number in 0..9 {
        servers[format!("s{number}")] = mock(&[]);
    }
    let begun = Instant::now();
    let daemon = serve(servers).await.unwrap();
    let names: Vec<String> = (0..9).map(|number| format!("s{number}.echo")).collect();
    wait_tools(&daemon, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    let others = begun.elapsed();
    let call = Instant::now();
    let reply = client(&daemon).call("slow.echo", json!({ "text": "x" })).await.unwrap();
    assert_eq!(failure(&reply)["fate"], "not_sent", "{}", reply.message);
    let refused = call.elapsed();
    println!(
        "R33: nine others listed after {others:.1?}; a call to the slow one ends after {refused:.1?}"
    );
    assert!(others < Duration::from_secs(6), "{others:?}");
    assert!(refused < Duration::from_secs(3), "{refused:?}");
    wait_tool(&daemon, "slow.echo").await.unwrap();
    assert_eq!(status(&daemon, "slow").await.unwrap()["restarts"], 0);
}

#[tokio::test]
async fn r34_garbage_in_the_handshake_leaks_nothing_however_often() {
    let victim = Victim::hardy(&["--fault", "bad_init"], json!({}));
    let daemon = serve(json!({ "bad": victim.entry, "good": mock(&[]) })).await.unwrap();
    wait_tool(&daemon, "good.echo").await.unwrap();
    victim.journal.wait_started(10, Duration::from_secs(60)).await.unwrap();
    let before = (fds(daemon.pid()), rss(daemon.pid()));
    victim.journal.wait_started(110, Duration::from_secs(90)).await.unwrap();
    // The count goes up and down with the life that is just under way.
    let settled =
        wait::until("as many descriptors as before", Duration::from_secs(10), async || {
            (fds(daemon.pid()) <= before.0 + 2).then_some(())
        });
    let after = fds(daemon.pid());
    let grown = rss(daemon.pid()).saturating_sub(before.1) / 1024;
    println!("R34: 100 lives: descriptors {} and then {after}, memory +{grown} KiB", before.0);
    settled.await.unwrap();
    let row = wait_status(&daemon, "bad", |row| row["last_error"].is_object()).await.unwrap();
    let code = row["last_error"]["code"].as_str().unwrap();
    assert!(["handshake_failed", "exited"].contains(&code), "{row}");
}

#[tokio::test]
async fn r68_a_hundred_idle_servers_cost_little() {
    let _alone = alone().await;
    let servers: Map<String, Value> = (0..100)
        .map(|number| (format!("s{number}"), mock_with(&[], json!({ "required": true }))))
        .collect();
    let options = Options { limit: Duration::from_secs(60), ..Options::default() };
    let begun = Instant::now();
    let settings = json!({ "mcpServers": servers });
    let daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    let ready = wait::until("all are up", Duration::from_secs(90), async || {
        (page(&daemon, "/readyz").await.0 == 200).then_some(())
    });
    ready.await.unwrap();
    let up = begun.elapsed();
    let names: Vec<String> = (0..100).map(|number| format!("s{number}.echo")).collect();
    wait_tools(&daemon, &names.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (Instant::now(), cpu(daemon.pid()));
    tokio::time::sleep(Duration::from_secs(16)).await;
    let busy = cpu(daemon.pid()) - before.1;
    let percent = 100.0 * busy.as_secs_f64() / before.0.elapsed().as_secs_f64();
    let memory = rss(daemon.pid()) / MIB;
    println!(
        "R68: 100 servers up after {up:.1?}, daemon {memory} MiB, idle {percent:.1} % of a core"
    );
    assert!(percent < 10.0, "{percent:.1} %");
    assert!(memory < 200, "{memory} MiB");
}
