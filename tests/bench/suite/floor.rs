//! This file measures the ruler between the direct path and the gateway: the same work in turn, before the same
//! server. It leaves the ruler itself to `crate::floor`, and the other doors and works to `through.rs`.

use anyhow::Result;
use conductor_e2e::sandbox::Sandbox;

use super::Suite;
use super::life::first_answer;
use super::through::{ERAS, SIZES, SMALL, UNIX};
use crate::book::{Key, Measure, Path};
use crate::load::Target;
use crate::work::Work;

/// The part's name.
pub(crate) const STEP: &str = "floor";
/// Works that are no size, by their names in tables.
pub(crate) const ECHO: &str = "echo of 100 bytes";
pub(crate) const LIST: &str = "list of 200 tools";
/// The start, which is no work.
pub(crate) const START: &str = "start to the first answer";
/// Tools of the list.
pub(crate) const TOOLS: u32 = 200;

impl Suite {
    /// Everything, round by round.
    pub(super) async fn floor(&mut self) -> Result<()> {
        let tools = usize::try_from(TOOLS)?;
        let (_server, direct) = self.programs.direct(tools).await?;
        let floor = self.programs.floor(1, tools).await?;
        let gateway = self.programs.gateway(1, tools).await?;
        let http = [
            (Path::Direct, direct),
            (Path::Floor, floor.http.clone()),
            (Path::Gateway, gateway.http()),
        ];
        let unix = [(Path::Floor, floor.unix.clone()), (Path::Gateway, gateway.unix())];
        for _ in 0..self.effort.rounds {
            for (name, work, clients) in works() {
                for (door, modern) in ERAS {
                    self.in_turn((name, door), &work, (clients, modern), &http).await?;
                }
                if name == ECHO {
                    self.in_turn((name, UNIX), &work, (clients, false), &unix).await?;
                }
            }
        }
        self.starts().await
    }

    /// One work at everybody.
    async fn in_turn(
        &mut self,
        (name, door): (&str, &str),
        work: &Work,
        (clients, modern): (u32, bool),
        all: &[(Path, Target)],
    ) -> Result<()> {
        let case = case(name, door);
        for (path, target) in all {
            let key = Key { step: STEP, case: &case, count: clients, path: *path };
            let (_, tool) = work.names();
            // A list is right if it is the same each time, and the gateway names tools otherwise.
            let work = if name == LIST { Work::list(TOOLS as usize) } else { work.clone() };
            let window = self.window(work, modern, clients);
            self.measure(key, &target.with_tool(tool), &window).await?;
        }
        Ok(())
    }

    async fn starts(&mut self) -> Result<()> {
        for _ in 0..self.effort.rounds * 5 {
            let key = Key { step: STEP, case: START, count: 1, path: Path::Direct };
            let wait = first_answer(self.programs.echo(0), "echo").await?;
            self.tell(key, Measure::Wait, wait);
            let wait = self.floor_and_ask().await?;
            self.tell(Key { path: Path::Floor, ..key }, Measure::Wait, wait);
            let wait = self.serve_and_ask(&Sandbox::new()?).await?;
            self.tell(Key { path: Path::Gateway, ..key }, Measure::Wait, wait);
        }
        Ok(())
    }
}

/// A work at a door, by its name in tables.
pub(crate) fn case(name: &str, door: &str) -> String {
    format!("{name}, {door}")
}

fn works() -> Vec<(&'static str, Work, u32)> {
    let mut all = vec![(ECHO, SMALL, 1), (ECHO, SMALL, 16)];
    all.extend(SIZES);
    all.push((LIST, Work::list(TOOLS as usize), 16));
    all
}
