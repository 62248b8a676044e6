//! This file measures what more servers, more tools and more sessions do to calls and lists.
//! It leaves memory at rest to `life.rs`.

use anyhow::Result;

use super::Suite;
use crate::book::{Key, Measure, Path};
use crate::process;
use crate::work::Work;

/// The part's name.
pub(crate) const STEP: &str = "scale";
/// Calls to more and more servers.
pub(crate) const SERVERS_ECHO: &str = "servers: echo";
/// Clients of every measurement here.
const CLIENTS: u32 = 16;
/// Servers behind which a growing number of tools is; an echo server has three at least.
const SERVERS: usize = 10;
const FEW_SERVERS: usize = 2;

impl Suite {
    /// All three, one after the other.
    pub(super) async fn scale(&mut self) -> Result<()> {
        let quick = self.effort.quick;
        let servers: &[u32] = if quick { &[1, 10, 50] } else { &[1, 10, 100, 300] };
        for count in servers.iter().copied() {
            self.servers(count).await?;
        }
        let tools: &[u32] = if quick { &[10, 1000] } else { &[10, 100, 1000, 10_000] };
        for count in tools.iter().copied() {
            self.tools(count).await?;
        }
        let sessions: &[u32] = if quick { &[1, 500] } else { &[1, 10, 100, 500, 2000] };
        self.sessions(sessions).await
    }

    /// Calls that go to all servers in turn, through the ruler and the gateway.
    async fn servers(&mut self, count: u32) -> Result<()> {
        let servers = usize::try_from(count)?;
        let floor = self.programs.floor(servers, 0).await?;
        let gateway = self.programs.gateway(servers, 0).await?;
        let key = Key { step: STEP, case: "servers: memory", count, path: Path::Gateway };
        self.tell(key, Measure::Memory, process::memory_of(gateway.daemon.pid())?.resident);
        for _ in 0..self.effort.rounds {
            let window = self.window(Work::Echo { bytes: 100 }, true, CLIENTS);
            let key = Key { case: SERVERS_ECHO, path: Path::Floor, ..key };
            self.measure(key, &floor.http, &window).await?;
            self.measure(Key { path: Path::Gateway, ..key }, &gateway.http(), &window).await?;
        }
        Ok(())
    }

    async fn tools(&mut self, count: u32) -> Result<()> {
        let all = usize::try_from(count)?;
        let servers = if all < SERVERS * 3 { FEW_SERVERS } else { SERVERS };
        let gateway = self.programs.gateway(servers, all / servers).await?;
        for _ in 0..self.effort.rounds {
            let key = Key { step: STEP, case: "tools: echo", count, path: Path::Gateway };
            let window = self.window(Work::Echo { bytes: 100 }, true, CLIENTS);
            self.measure(key, &gateway.http(), &window).await?;
            let key = Key { case: "tools: list", ..key };
            let window = self.window(Work::list(all), true, 4);
            self.measure(key, &gateway.http(), &window).await?;
        }
        Ok(())
    }

    /// Calls in all sessions in turn, on few connections.
    async fn sessions(&mut self, counts: &[u32]) -> Result<()> {
        for count in counts.iter().copied() {
            let gateway = self.programs.gateway(1, 0).await?;
            let key = Key { step: STEP, case: "sessions: echo", count, path: Path::Gateway };
            let window = self.window(Work::Echo { bytes: 100 }, false, CLIENTS);
            let window = crate::load::Window { sessions: count, ..window };
            // Once only: each measurement opens that many more.
            self.measure(key, &gateway.http(), &window).await?;
        }
        Ok(())
    }
}
