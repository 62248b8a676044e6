//! The daemon tells a service manager how it is: ready, alive, stopping.
//! Sockets that the manager hands over are in `handover.rs`.

use std::time::Duration;

use conductor_e2e::daemon::{Daemon, Options};
use serde_json::json;
use tokio::net::UnixDatagram;
use tokio::time::{Instant, timeout};

use crate::world::{CONDUCTOR, SOON, mock};

/// What the manager is told next.
async fn told(manager: &UnixDatagram) -> String {
    let mut text = [0; 1024];
    let length = timeout(SOON, manager.recv(&mut text)).await.expect("a word").unwrap();
    String::from_utf8_lossy(&text[..length]).trim().to_owned()
}

#[tokio::test]
async fn a_service_manager_hears_that_the_daemon_is_ready_works_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let env = vec![
        ("NOTIFY_SOCKET".to_owned(), path.display().to_string()),
        ("WATCHDOG_USEC".to_owned(), "200000".to_owned()),
    ];
    let settings = json!({ "mcpServers": { "a": mock(&[]) } });
    let options = Options { env, ..Options::default() };
    let mut daemon = Daemon::start(CONDUCTOR, settings, options).await.unwrap();
    assert_eq!(told(&manager).await, "READY=1");
    assert_eq!(told(&manager).await, "WATCHDOG=1");
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(told(&manager).await, "WATCHDOG=1");
    }
    let tenfold = begun.elapsed();
    assert!(tenfold > Duration::from_millis(500), "twice a period, not more: {tenfold:?}");
    let ended = tokio::spawn(async move { daemon.terminate(SOON).await.unwrap() });
    let stopping = async { while told(&manager).await == "WATCHDOG=1" {} };
    timeout(SOON, stopping).await.unwrap();
    assert_eq!(ended.await.unwrap().code(), Some(0));
}
