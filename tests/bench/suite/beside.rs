//! This file measures gateways of others on the same work, in turn with the direct path and the conductor.
//! It leaves starting them to `other.rs`. They are asked in the revision that all of them know.

use std::io::Write as _;

use anyhow::Result;

use super::Suite;
use crate::book::{Key, Measure, Path};
use crate::load::Target;
use crate::other::{self, Other};
use crate::process;
use crate::work::Work;
use crate::world::Gateway;

/// The part's name.
pub(crate) const STEP: &str = "beside";
/// The name of nobody in between.
pub(crate) const DIRECT: &str = "direct";
/// Our own name.
pub(crate) const OWN: &str = "conductor";
/// What is asked for, and at how many numbers of clients.
pub(crate) const WORKS: [&str; 3] = ["echo of 100 bytes", "100 kB text", "list of 200 tools"];
const TOOLS: usize = 200;

impl Suite {
    /// Every work at everybody, one gateway of others after the other.
    pub(super) async fn beside(&mut self) -> Result<()> {
        let others = other::all(self.others.as_ref())?;
        if others.is_empty() {
            say("no gateway of others is installed");
            return Ok(());
        }
        let (_server, direct) = self.programs.direct(TOOLS).await?;
        let gateway = self.programs.gateway(1, TOOLS).await?;
        for other in &others {
            let measured = self.beside_one(other, (&direct, &gateway)).await;
            // The figures of all others are worth having.
            if let Err(error) = measured {
                say(&format!("{} is left out: {error:#}", other.name));
            }
        }
        Ok(())
    }

    async fn beside_one(
        &mut self,
        other: &Other,
        (direct, gateway): (&Target, &Gateway),
    ) -> Result<()> {
        let running = other.start(&self.programs.echo(TOOLS)).await?;
        for _ in 0..self.effort.rounds {
            for (name, work, clients) in works() {
                let (_, tool) = work.names();
                let theirs = other.with_tool(&running.target, tool);
                let all = [
                    (DIRECT, Path::Direct, direct.with_tool(tool)),
                    (OWN, Path::Gateway, gateway.http().with_tool(tool)),
                    (other.name.as_str(), Path::Gateway, theirs),
                ];
                for (who, path, target) in all {
                    let case = format!("{name}: {who}");
                    let key = Key { step: STEP, case: &case, count: clients, path };
                    // A list is right if it is the same each time, and they name tools otherwise.
                    let work = if tool.is_empty() { Work::list(TOOLS) } else { work.clone() };
                    let window = self.window(work, false, clients);
                    self.measure(key, &target, &window).await?;
                }
            }
        }
        for (who, pid) in [(OWN, gateway.daemon.pid()), (&other.name, running.pid)] {
            let case = format!("memory: {who}");
            let key = Key { step: STEP, case: &case, count: 1, path: Path::Gateway };
            self.tell(key, Measure::Memory, process::resident_of_tree(pid)?);
        }
        Ok(())
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{STEP:<8} {text}"); // nowhere else to say it
}

fn works() -> [(&'static str, Work, u32); 5] {
    let [echo, text, list] = WORKS;
    let small = Work::Echo { bytes: 100 };
    [
        (echo, small.clone(), 1),
        (echo, small.clone(), 16),
        (echo, small, 64),
        (text, Work::Text { bytes: 100_000 }, 16),
        (list, Work::list(TOOLS), 16),
    ]
}
