//! These tests hold listening sockets as systemd does, and hand them to one daemon after another.
//! They leave sockets that the daemon opens itself to `sockets.rs`.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use conductor_e2e::client::Client;
use conductor_e2e::daemon::{Daemon, Options};
use conductor_e2e::sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::world::{CONDUCTOR, SOON, client, mock, wait_tool};

/// Two sockets that are held, as a service manager holds them.
struct Held {
    sandbox: Arc<Sandbox>,
    tcp: TcpListener,
    unix: UnixListener,
    path: PathBuf,
}

impl Held {
    fn new() -> Self {
        let sandbox = Arc::new(Sandbox::new().unwrap());
        let path = sandbox.path("all.sock");
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let unix = UnixListener::bind(&path).unwrap();
        Self { sandbox, tcp, unix, path }
    }

    fn addr(&self) -> SocketAddr {
        self.tcp.local_addr().unwrap()
    }

    fn options(&self) -> Options {
        let tcp = OwnedFd::from(self.tcp.try_clone().unwrap());
        let unix = OwnedFd::from(self.unix.try_clone().unwrap());
        let handed = vec![("http", Arc::new(tcp)), ("all", Arc::new(unix))];
        Options { sandbox: Some(self.sandbox.clone()), handed, ..Options::default() }
    }

    fn settings(&self) -> Value {
        json!({ "listen": { "unix": self.path }, "mcpServers": { "a": mock(&[]) } })
    }

    async fn daemon(&self) -> Daemon {
        Daemon::start(CONDUCTOR, self.settings(), self.options()).await.unwrap()
    }
}

#[tokio::test]
async fn sockets_that_are_handed_over_are_served_and_left_where_they_are() {
    let held = Held::new();
    let inode = std::fs::metadata(&held.path).unwrap().ino();
    let mut daemon = held.daemon().await;
    assert_eq!(daemon.addr(), held.addr(), "not the address of --listen");
    wait_tool(&daemon, "a.echo").await.unwrap();
    for client in [client(&daemon), Client::modern(&*held.path, "/mcp")] {
        let reply = client.call("a.echo", json!({ "text": "hi" })).await.unwrap();
        assert_eq!(reply.text().unwrap(), "hi");
    }
    assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
    assert_eq!(std::fs::metadata(&held.path).unwrap().ino(), inode, "not ours to remove");
    TcpStream::connect(held.addr()).await.unwrap();
}

#[tokio::test]
async fn sockets_that_no_door_wants_or_that_are_open_to_others_end_the_start() {
    let held = Held::new();
    let start = async |settings: Value, options: Options| {
        let error = Daemon::start(CONDUCTOR, settings, options).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 4"), "{error}");
        error
    };
    let error = start(json!({ "mcpServers": { "a": mock(&[]) } }), held.options()).await;
    assert!(error.contains("no door of the settings is there"), "{error}");
    assert!(error.contains("all.sock (`all`)"), "{error}");

    let open = OwnedFd::from(TcpListener::bind("0.0.0.0:0").unwrap());
    let handed = vec![("http", Arc::new(open))];
    let error = start(held.settings(), Options { handed, ..held.options() }).await;
    assert!(error.contains("is not a loopback address"), "{error}");

    let connected = OwnedFd::from(std::net::TcpStream::connect(held.addr()).unwrap());
    let handed = vec![("http", Arc::new(connected))];
    let error = start(held.settings(), Options { handed, ..held.options() }).await;
    assert!(error.contains("only sockets that listen"), "{error}");
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nobody took the connection.
    Refused,
    /// The connection ended without an answer.
    Broken,
    /// It was answered with a reason why not.
    Told,
    /// It was carried out.
    Fine,
}

/// A request on a connection of its own, at one of the two sockets.
async fn request(addr: SocketAddr, path: Option<PathBuf>, number: u64) -> (Fate, Duration) {
    let begun = Instant::now();
    let connected = match &path {
        Some(path) => UnixStream::connect(path).await.map(drop),
        None => TcpStream::connect(addr).await.map(drop),
    };
    if connected.is_err() {
        return (Fate::Refused, begun.elapsed());
    }
    let client = match &path {
        Some(path) => Client::modern(&**path, "/mcp"),
        None => Client::modern(addr, "/mcp"),
    };
    let text = format!("request {number}");
    let fate = match client.call("a.echo", json!({ "text": text })).await {
        Ok(reply) if reply.text().is_ok_and(|found| found == text) => Fate::Fine,
        Ok(_) => Fate::Told,
        Err(error) if format!("{error:#}").contains("failed to connect") => Fate::Refused,
        Err(error) => {
            println!("request {number}: {error:#}");
            Fate::Broken
        }
    };
    (fate, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r59_a_restart_under_load_refuses_no_connection() {
    let held = Held::new();
    let mut daemon = held.daemon().await;
    wait_tool(&daemon, "a.echo").await.unwrap();
    let (addr, path) = (held.addr(), held.path.clone());
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let load = tokio::spawn(async move {
        let mut requests = JoinSet::new();
        let mut tick = interval(Duration::from_millis(20)); // 50 a second
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in 0.. {
            tokio::select! {
                _ = tick.tick() => {}
                _ = &mut stopped => break,
            }
            let path = (number % 2 == 0).then(|| path.clone());
            requests.spawn(request(addr, path, number));
        }
        requests.join_all().await
    });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await; // of load between two restarts
        assert_eq!(daemon.terminate(SOON).await.unwrap().code(), Some(0));
        daemon = held.daemon().await;
    }
    wait_tool(&daemon, "a.echo").await.unwrap();
    stop.send(()).unwrap();
    let all = load.await.unwrap();
    let count = |wanted: Fate| all.iter().filter(|(fate, _)| *fate == wanted).count();
    let slowest = all.iter().map(|(_, took)| *took).max().unwrap();
    println!(
        "3 restarts, {} requests at 50/s: {} refused, {} broken, {} told why not, {} fine; the \
         slowest took {slowest:?}",
        all.len(),
        count(Fate::Refused),
        count(Fate::Broken),
        count(Fate::Told),
        count(Fate::Fine),
    );
    assert!(all.len() >= 150, "{}", all.len());
    assert_eq!((count(Fate::Refused), count(Fate::Broken)), (0, 0));
    assert!(count(Fate::Fine) * 10 >= all.len() * 8, "most calls wait for the next daemon");
}
