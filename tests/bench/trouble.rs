//! This file makes trouble for a daemon: bad servers behind it, greedy and lazy clients before it.
//! It leaves what its other clients feel of that to `suite/fair.rs`.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use conductor_e2e::daemon::command;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::talk::{Place, Talk};
use crate::work::Work;
use crate::world::{Gateway, Programs};

/// The bad server's name in settings.
pub(crate) const SERVER: &str = "bad";
/// Calls that wait for a slow server.
const WAITING: u64 = 500;
/// Connections that read nothing, half of them by HTTP.
const UNREAD: u32 = 8;
/// Answers of 1 MB that wait on each of them; one alone would fit into the kernel's buffers.
const EACH: u64 = 16;
/// Those who were thrown out come back after so long.
const AGAIN: Duration = Duration::from_secs(1);
const BIG: Work = Work::Rows { bytes: 1_000_000 };

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Slow,
    Flood,
    Garbage,
    Crash,
    Huge,
    Unread,
}

impl Trouble {
    pub(crate) const ALL: [Self; 6] =
        [Self::Slow, Self::Flood, Self::Garbage, Self::Crash, Self::Huge, Self::Unread];

    /// As it is named in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow server, 500 calls wait",
            Self::Flood => "server floods notifications",
            Self::Garbage => "server floods text",
            Self::Crash => "server crashes again and again",
            Self::Huge => "answers of 1 MB without pause",
            Self::Unread => "clients do not read 128 MB",
        }
    }

    /// The server that is part of it.
    pub(crate) fn server(self, programs: &Programs) -> Value {
        let bad = |args: &[&str]| json!({ "command": programs.mock, "args": args });
        match self {
            Self::Slow => bad(&[]),
            Self::Flood => bad(&["--fault", "notify_flood=1099511627776"]),
            Self::Garbage => json!({ "command": programs.own, "args": ["echo", "--garbage"] }),
            Self::Crash => {
                let mut server = bad(&["--fault", "crash_after=50"]);
                server["backoff"] = json!({ "min": "100ms", "max": "1s" });
                server
            }
            Self::Huge | Self::Unread => json!({ "command": programs.own, "args": ["echo"] }),
        }
    }

    /// Begins what clients have to do with it; it ends with the handle.
    pub(crate) async fn begin(self, programs: &Programs, gateway: &Gateway) -> Result<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        let (http, unix) = (gateway.http().place, gateway.unix().place);
        match self {
            Self::Flood | Self::Garbage | Self::Crash => {}
            Self::Slow => {
                let mut talk = Talk::open(&unix).await?;
                talk.initialize().await?;
                for id in 1..=WAITING {
                    let body = format!(
                        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{SERVER}.sleep","arguments":{{"ms":600000}}}}}}"#
                    );
                    talk.queue(&body, "tools/call", "", false);
                }
                talk.flush().await?;
                // Those that are refused are read; the connection ends with the daemon.
                tasks.spawn(async move { while talk.next().await.is_ok() {} });
            }
            Self::Huge => {
                let (Place::Http { addr, .. }, tool) = (http, format!("{SERVER}.rows")) else {
                    return Ok(tasks);
                };
                // In a process of its own, so that its work is not in the times of others.
                let mut client = command(&programs.own);
                client.args(["load", "--addr", &addr.to_string(), "--tool", &tool, "--rows"]);
                client.args(["--bytes", "1000000", "--connections", "1", "--era", "modern"]);
                client.args(["--seconds", "600"]).stdin(Stdio::null()).stdout(Stdio::null());
                client.stderr(Stdio::null()).kill_on_drop(true);
                let mut client = client.spawn().context("failed to start a client")?;
                tasks.spawn(async move {
                    let _ = client.wait().await; // killed with this task
                });
            }
            Self::Unread => {
                for number in 0..UNREAD {
                    let place = if number % 2 == 0 { http.clone() } else { unix.clone() };
                    tasks.spawn(read_nothing(place));
                }
            }
        }
        Ok(tasks)
    }
}

/// Asks for much, reads nothing, and comes back when the daemon has had enough of it.
async fn read_nothing(place: Place) {
    loop {
        let asked = async {
            let mut talk = Talk::open(&place).await?;
            let tool = format!("{SERVER}.rows");
            for id in 1..=EACH {
                talk.queue(&BIG.request(0, id, &tool, true), "tools/call", &tool, true);
            }
            talk.flush().await?;
            talk.closed().await;
            anyhow::Ok(())
        };
        let _ = asked.await; // it may be refused as well
        sleep(AGAIN).await;
    }
}
