//! This file measures what a daemon holds and how fast it is there: memory, start, a killed server.
//! It leaves calls under load to `through.rs`.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use conductor_e2e::sandbox::Sandbox;
use rustix::process::Signal;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::Suite;
use crate::book::{Key, Measure, Path};
use crate::load::{Window, load};
use crate::process::{self, Memory};
use crate::talk::{Place, Talk};
use crate::work::Work;
use crate::world::Gateway;

/// How long memory gets to settle.
const SETTLING: Duration = Duration::from_secs(1);
/// Longer than a server must live to count as stable here (`stableAfter` in `world.rs`).
const STABLE: Duration = Duration::from_millis(500);
/// How long a first answer is waited for.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two tries to be answered.
const PAUSE: Duration = Duration::from_micros(200);
/// Sessions of which the memory is told.
const SESSIONS: u32 = 2000;

impl Suite {
    /// Memory at rest, after calls, and for one more session or server; beside it how much of it is the
    /// daemon's own.
    pub(super) async fn memory(&mut self) -> Result<()> {
        let key = |case, count| Key { step: "memory", case, count, path: Path::Gateway };
        let few = self.programs.gateway(1, 0).await?;
        let Memory { resident: before, own } = at_rest(&few).await?;
        self.tell(key("1 server, idle", 0), Measure::Memory, before);
        self.tell(key("1 server, idle: its own", 0), Measure::Memory, own);
        self.sit(&few).await?;
        let after = at_rest(&few).await?.resident;
        let each = (after - before).max(0.0) * 1024.0 / f64::from(SESSIONS);
        self.tell(key("each idle session", SESSIONS), Measure::Each, each);
        drop(few);

        let gateway = self.programs.gateway(10, 20).await?;
        let Memory { resident: idle, own } = at_rest(&gateway).await?;
        self.tell(key("10 servers, idle", 0), Measure::Memory, idle);
        self.tell(key("10 servers, idle: its own", 0), Measure::Memory, own);
        let each = (idle - before).max(0.0) * 1024.0 / 9.0;
        self.tell(key("each idle server", 9), Measure::Each, each);
        let wanted = self.effort.calls;
        let mut done = 0_u64;
        // In thirds, so that growth that goes on would show.
        for part in 1..=3_u64 {
            while done < wanted * part / 3 {
                let window = self.window(Work::Echo { bytes: 100 }, true, 16);
                let window = Window { measured: Duration::from_secs(2), ..window };
                done += u64::try_from(load(&gateway.http(), &window).await?.micros.len())?;
            }
            let calls = u32::try_from(wanted * part / 3)?;
            let Memory { resident, own } = at_rest(&gateway).await?;
            self.tell(key("10 servers, after calls", calls), Measure::Memory, resident);
            self.tell(key("10 servers, after calls: its own", calls), Measure::Memory, own);
        }
        Ok(())
    }

    /// Opens sessions that nobody uses.
    async fn sit(&self, gateway: &Gateway) -> Result<()> {
        let mut talk = Talk::open(&gateway.http().place).await?;
        for _ in 0..SESSIONS {
            timeout(LIMIT, talk.initialize()).await.context("no handshake in time")??;
        }
        talk.end().await;
        Ok(())
    }

    /// From the start of a program to its first right answer.
    pub(super) async fn start(&mut self) -> Result<()> {
        let rounds = self.effort.rounds * 5;
        for _ in 0..rounds {
            let key = Key { step: "start", case: "first answer", count: 1, path: Path::Direct };
            let wait = first_answer(self.programs.echo(0), "echo").await?;
            self.tell(key, Measure::Wait, wait);
            let key = Key { path: Path::Gateway, ..key };
            let (_sandbox, words) = self.programs.stdio()?;
            self.tell(
                Key { case: "conductor stdio", ..key },
                Measure::Wait,
                first_answer(words, "s000.echo").await?,
            );
            let sandbox = Sandbox::new()?;
            let wait = self.serve_and_ask(&sandbox).await?;
            self.tell(Key { case: "conductor serve", ..key }, Measure::Wait, wait);
        }
        Ok(())
    }

    /// From the start of `conductor serve` to the first right answer over HTTP, in milliseconds.
    pub(super) async fn serve_and_ask(&self, sandbox: &Sandbox) -> Result<f64> {
        let file = sandbox.write_settings(self.programs.settings(1, 0))?;
        let addr = free_port()?;
        let mut command = conductor_e2e::daemon::command(&self.programs.conductor);
        command.arg("serve").arg("--config").arg(file).arg("--listen").arg(addr.to_string());
        command.arg("--state-dir").arg(sandbox.state_dir());
        first_answer_at(addr, command, "s000.echo").await
    }

    /// The same of the ruler.
    pub(super) async fn floor_and_ask(&self) -> Result<f64> {
        let addr = free_port()?;
        let words = self.programs.ruler(addr, &[], 0);
        let mut command = conductor_e2e::daemon::command(&words[0]);
        command.args(&words[1..]).stdout(Stdio::null());
        first_answer_at(addr, command, "echo").await
    }

    /// From the kill of a server to the next right answer.
    pub(super) async fn recover(&mut self) -> Result<()> {
        let gateway = self.programs.gateway(1, 0).await?;
        let mut open = Talk::open(&gateway.http().place).await?;
        open.initialize().await?;
        until_right(&mut open, "s000.echo").await?;
        for _ in 0..self.effort.rounds * 5 {
            for case in ["open session", "new session"] {
                sleep(STABLE).await;
                until_right(&mut open, "s000.echo").await?;
                let wait = killed(&gateway, &mut open, case == "new session").await?;
                let key = Key { step: "recover", case, count: 1, path: Path::Gateway };
                self.tell(key, Measure::Wait, wait);
            }
        }
        Ok(())
    }
}

async fn at_rest(gateway: &Gateway) -> Result<Memory> {
    sleep(SETTLING).await;
    process::memory_of(gateway.daemon.pid())
}

fn free_port() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Starts what listens there, asks as soon as it does, and ends it.
async fn first_answer_at(addr: SocketAddr, mut command: Command, tool: &str) -> Result<f64> {
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.kill_on_drop(true).spawn()?;
    let place = Place::Http { addr, path: "/mcp".to_owned() };
    let mut talk = timeout(LIMIT, async {
        loop {
            match Talk::open(&place).await {
                Ok(talk) => return talk,
                Err(_) => sleep(PAUSE).await,
            }
        }
    })
    .await
    .context("it never listened")?;
    timeout(LIMIT, until_right(&mut talk, tool)).await.context("no answer")??;
    let wait = millis_since(began);
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        conductor_e2e::sandbox::signal(pid, Signal::TERM)?;
    }
    timeout(LIMIT, child.wait()).await.context("it did not end")??;
    Ok(wait)
}

/// Starts a command and waits until it has answered rightly.
pub(super) async fn first_answer(words: Vec<String>, tool: &str) -> Result<f64> {
    let began = Instant::now();
    let mut talk = Talk::open(&Place::Command(words)).await?;
    timeout(LIMIT, until_right(&mut talk, tool)).await.context("no answer")??;
    let wait = millis_since(began);
    talk.end().await;
    Ok(wait)
}

/// Kills the one server and waits for a right answer.
async fn killed(gateway: &Gateway, open: &mut Talk, is_new: bool) -> Result<f64> {
    let servers = gateway.daemon.sandbox().processes();
    let server = servers.iter().find(|it| it.command.contains(" echo ")).context("no server")?;
    let place = gateway.http().place;
    let began = Instant::now();
    conductor_e2e::sandbox::signal(server.pid, Signal::KILL)?;
    let answered = async {
        if is_new {
            let mut talk = Talk::open(&place).await?;
            talk.initialize().await?;
            until_right(&mut talk, "s000.echo").await
        } else {
            until_right(open, "s000.echo").await
        }
    };
    timeout(LIMIT, answered).await.context("no answer after a kill")??;
    Ok(millis_since(began))
}

/// Asks until the answer is the right one.
async fn until_right(talk: &mut Talk, tool: &str) -> Result<()> {
    let work = Work::Echo { bytes: 100 };
    for id in 1.. {
        let body = work.request(0, id, tool, true);
        talk.queue(&body, "tools/call", tool, true);
        talk.flush().await?;
        let (_, answer) = talk.next().await?;
        if work.check(0, &answer).is_ok() {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

fn millis_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
