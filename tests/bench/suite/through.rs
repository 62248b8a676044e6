//! This file measures calls and lists: all doors, sizes and numbers of clients, direct and through.
//! It leaves numbers of servers and tools to `scale.rs`.

use anyhow::Result;

use super::Suite;
use crate::book::{Key, Path};
use crate::load::Target;
use crate::talk::Place;
use crate::work::Work;

/// HTTP in the revisions that are spoken, by the names in tables.
pub(crate) const OLD: &str = "HTTP 2025-11-25";
pub(crate) const NEW: &str = "HTTP 2026-07-28";
pub(super) const ERAS: [(&str, bool); 2] = [(OLD, false), (NEW, true)];
/// The Unix socket, by its name in tables.
pub(crate) const UNIX: &str = "Unix socket";
/// Text of one small call.
pub(crate) const SMALL: Work = Work::Echo { bytes: 100 };

/// Results of all sizes, each with a number of clients.
pub(super) const SIZES: [(&str, Work, u32); 3] = [
    ("10 kB structured", Work::Rows { bytes: 10_000 }, 16),
    ("100 kB text", Work::Text { bytes: 100_000 }, 16),
    ("1 MB structured", Work::Rows { bytes: 1_000_000 }, 4),
];

impl Suite {
    /// A small echo through every door.
    pub(super) async fn echo(&mut self) -> Result<()> {
        let (_server, direct) = self.programs.direct(0).await?;
        let gateway = self.programs.gateway(1, 0).await?;
        let (_sandbox, stdio) = self.programs.stdio()?;
        let command = |words: Vec<String>, tool: &str| Target {
            place: Place::Command(words),
            tools: vec![tool.to_owned()].into(),
            pid: None,
            is_tree: false,
        };
        let pipe = command(self.programs.echo(0), "echo");
        let stdio = command(stdio, "s000.echo");
        let (http, unix) = (gateway.http(), gateway.unix());
        let counts: &[u32] = if self.effort.quick { &[1, 16, 64] } else { &[1, 16, 64, 256] };
        for count in counts.iter().copied() {
            for _ in 0..self.effort.rounds {
                for (case, modern) in ERAS {
                    self.small(case, count, (&direct, &http), modern).await?;
                }
                self.small(UNIX, count, (&direct, &unix), false).await?;
                self.small("stdio", count, (&pipe, &stdio), false).await?;
            }
        }
        Ok(())
    }

    /// Direct, then through the gateway. What is beside a Unix socket is HTTP: the echo server
    /// has no socket.
    async fn small(
        &mut self,
        case: &str,
        count: u32,
        (direct, gateway): (&Target, &Target),
        modern: bool,
    ) -> Result<()> {
        let window = self.window(SMALL, modern, count);
        let key = Key { step: "echo", case, count, path: Path::Direct };
        if case != UNIX {
            self.measure(key, direct, &window).await?;
        }
        self.measure(Key { path: Path::Gateway, ..key }, gateway, &window).await
    }

    /// Large results.
    pub(super) async fn sizes(&mut self) -> Result<()> {
        let (_server, direct) = self.programs.direct(0).await?;
        let gateway = self.programs.gateway(1, 0).await?;
        for (case, work, count) in SIZES {
            for _ in 0..self.effort.rounds {
                for (era, modern) in ERAS {
                    let case = format!("{case}, {era}");
                    let window = self.window(work.clone(), modern, count);
                    let (_, tool) = work.names();
                    let key = Key { step: "sizes", case: &case, count, path: Path::Direct };
                    self.measure(key, &direct.with_tool(tool), &window).await?;
                    let key = Key { path: Path::Gateway, ..key };
                    self.measure(key, &gateway.http().with_tool(tool), &window).await?;
                }
            }
        }
        Ok(())
    }

    /// A list of 200 tools that the gateway has at hand.
    pub(super) async fn list(&mut self) -> Result<()> {
        let (_server, direct) = self.programs.direct(200).await?;
        let gateway = self.programs.gateway(10, 20).await?;
        for _ in 0..self.effort.rounds {
            for (case, modern) in ERAS {
                let key = Key { step: "list", case, count: 200, path: Path::Direct };
                let window = self.window(Work::list(200), modern, 16);
                self.measure(key, &direct, &window).await?;
                let window = self.window(Work::list(200), modern, 16);
                let key = Key { path: Path::Gateway, ..key };
                self.measure(key, &gateway.http(), &window).await?;
            }
        }
        Ok(())
    }
}
