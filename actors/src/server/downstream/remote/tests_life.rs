//! Remote servers under the whole system: what becomes of one that is busy, silent, shut or left.
//! What goes over the wire in between is tested beside this.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use conductor_config::{Heartbeat, ServerSpec, Transport};
use tokio::time::{Instant, sleep, timeout};

use super::tests_server::{Reply, SOON, Seen, Site, legacy, modern, spec};
use crate::model::{Call, Scope, ServerState};
use crate::tests::{config, id};
use crate::wire::CallParams;
use crate::{Caller, LocalCaller, ServerStatus, System};

/// The settings of the server `a` at `site`, asked often whether it is alive.
fn remote(site: &Site) -> ServerSpec {
    let (interval, wait) = (Duration::from_millis(100), Duration::from_millis(300));
    ServerSpec {
        transport: Transport::Remote(spec(&site.url(), &[])),
        heartbeat: Heartbeat { interval, timeout: wait, misses: 2 },
        ..crate::tests::spec("a")
    }
}

struct Stage {
    system: System,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn start(site: &Site) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let system = System::start(config(dir.path(), vec![remote(site)]), BTreeMap::new()).await;
        Self { system: system.unwrap(), _dir: dir }
    }

    /// Waits until the status of the server is as wanted.
    async fn until(&self, wanted: impl Fn(&ServerStatus) -> bool) -> ServerStatus {
        let mut board = self.system.board();
        let look = async {
            loop {
                match board.current().servers.get(&id("a")) {
                    Some(status) if wanted(status) => return status.clone(),
                    _ => assert!(board.changed().await, "the supervisor is gone"),
                }
            }
        };
        let found = timeout(SOON, look).await;
        found.unwrap_or_else(|_| panic!("{:#?}", self.system.board().current().servers))
    }

    /// Why a call of the tool `t` failed.
    async fn failure(&self) -> String {
        let params = CallParams::read(Some(&Bytes::from_static(br#"{"name":"a.t"}"#))).unwrap();
        let deadline = Some(Instant::now() + SOON);
        let call = Call { deadline, ..Call::new(Box::new(params)) };
        let scope = Scope::Workspace("default".parse().unwrap());
        let caller = Caller::Local(LocalCaller::new("test"));
        let error = self.system.call(&scope, caller, call).await.unwrap_err();
        let retry = error.retry_after(Instant::now()).is_some_and(|wait| !wait.is_zero());
        format!("{}, {}, retry: {retry}", error.reason(), error.fate().as_str())
    }
}

fn tools(seen: &Seen) -> Reply {
    Reply::json(seen.result(r#"{"tools":[{"name":"t","inputSchema":{"type":"object"}}]}"#))
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_alive_and_never_restarted() {
    let busy = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&busy);
    let server = modern(tools);
    let mut site = Site::start(move |seen: &Seen| {
        if now.load(Ordering::Relaxed) {
            return Reply::Whole(429, "retry-after: 120\r\n".into(), String::new());
        }
        server(seen)
    })
    .await;
    let stage = Stage::start(&site).await;
    stage.until(|status| status.state == ServerState::Running).await;
    site.next("tools/list").await;
    busy.store(true, Ordering::Relaxed);
    let wait = async {
        while stage.failure().await != "server_throttled, not_sent, retry: true" {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, wait).await.expect("the call is refused with a time");
    site.methods();
    sleep(Duration::from_secs(1)).await;
    assert!(site.methods().is_empty(), "it is left alone");
    let status = stage.until(|_| true).await;
    assert_eq!((status.state, status.restarts), (ServerState::Running, 0));
    assert_eq!(status.health(), "healthy");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_opened_anew() {
    let silent = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&silent);
    let server = legacy(tools);
    let site = Site::start(move |seen: &Seen| {
        if seen.method() == "ping" && now.load(Ordering::Relaxed) {
            return Reply::Hold(None);
        }
        server(seen)
    })
    .await;
    let stage = Stage::start(&site).await;
    stage.until(|status| status.state == ServerState::Running).await;
    silent.store(true, Ordering::Relaxed);
    let down = |status: &ServerStatus| status.restarts > 0 || status.state != ServerState::Running;
    let status = stage.until(|status| down(status) && status.last_error.is_some()).await;
    assert_eq!(status.last_error.unwrap().0.cause.code(), "heartbeat_lost");
    silent.store(false, Ordering::Relaxed);
    let again = |status: &ServerStatus| {
        status.state == ServerState::Running && status.generation.number() > 1
    };
    assert_eq!(stage.until(again).await.pid, None);
}

#[tokio::test]
async fn a_server_that_wants_credentials_is_told_with_the_cure_and_not_bothered_again_soon() {
    let mut site = Site::start(|_| Reply::status(401)).await;
    let stage = Stage::start(&site).await;
    let status = stage.until(|status| status.last_error.is_some()).await;
    let cause = status.last_error.unwrap().0.cause.clone();
    assert_eq!(cause.code(), "access_denied");
    assert!(cause.to_string().contains("set `headers.Authorization`"), "{cause}");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(site.methods(), ["server/discover"]);
}

#[tokio::test]
async fn the_end_of_the_system_ends_the_session() {
    let mut site = Site::start(legacy(tools)).await;
    let stage = Stage::start(&site).await;
    stage.until(|status| status.state == ServerState::Running).await;
    stage.system.shutdown(Duration::from_secs(1)).await;
    assert_eq!(site.next("DELETE").await.header("mcp-session-id"), "s-1");
}
