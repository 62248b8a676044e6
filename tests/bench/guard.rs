//! This file counts what a call costs the real daemon, in counts that do not depend on how busy a
//! machine is: instructions by callgrind, system calls by strace. It leaves what they may be to
//! `guard/limits.rs`.

mod limits;
mod tracer;

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::timeout;

use crate::GuardArgs;
use crate::load::Target;
use crate::talk::Talk;
use crate::world::{Gateway, Programs};
use limits::{CASES, Case, Door, Verdict, judged};
use tracer::{Tool, Tracer};

/// Under valgrind everything takes fifty times as long.
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// Tools of the one server behind the daemon.
const TOOLS: usize = 200;

/// One thing that was counted.
struct Count {
    case: &'static Case,
    tool: Tool,
    found: f64,
}

/// Counts everything, prints it, and fails where a limit does not hold.
pub(crate) async fn run(args: GuardArgs) -> Result<()> {
    let programs = Programs::find(args.conductor)?;
    let mut counts = Vec::new();
    for tool in [Tool::Callgrind, Tool::Strace] {
        tool.find()?;
        let tracer = Tracer::new(tool, &programs)?;
        let traced = Programs { conductor: tracer.program(), ..programs.clone() };
        let gateway = traced.gateway(1, TOOLS).await?;
        for case in &CASES {
            let found = count(&tracer, &gateway, case, args.rounds).await;
            let found = found.with_context(|| format!("{} under {}", case.what, tool.name()))?;
            counts.push(Count { case, tool, found });
            told(&counts[counts.len() - 1])?;
        }
    }
    if args.print {
        return Ok(());
    }
    let broken: Vec<String> = counts.iter().filter_map(complaint).collect();
    if !broken.is_empty() {
        bail!("what a call costs has changed:\n{}", broken.join("\n"));
    }
    Ok(())
}

/// The least that one call took in any round. What the daemon does now and then by itself falls into
/// some rounds and not into others.
async fn count(tracer: &Tracer, gateway: &Gateway, case: &Case, rounds: u32) -> Result<f64> {
    let target = match case.door {
        Door::Old | Door::New => gateway.http(),
        Door::Unix => gateway.unix(),
    };
    let mut client = Client::open(&target, case).await?;
    client.call(case.calls / 5 + 2).await?;
    let mut least = f64::INFINITY;
    for _ in 0..rounds.max(1) {
        let before = tracer.mark(gateway).await?;
        client.call(case.calls).await?;
        let after = tracer.mark(gateway).await?;
        let all = tracer.between(before, after)? as f64;
        least = least.min(all / f64::from(case.calls));
    }
    Ok(if tracer.tool == Tool::Callgrind && case.by_byte {
        least / client.bytes as f64
    } else {
        least
    })
}

/// One connection with one call at a time.
struct Client<'a> {
    talk: Talk,
    case: &'a Case,
    tool: String,
    last: u64,
    /// Of the last answer.
    bytes: usize,
}

impl<'a> Client<'a> {
    async fn open(target: &Target, case: &'a Case) -> Result<Self> {
        let mut talk = Talk::open(&target.place).await?;
        if case.door != Door::New {
            timeout(CALL_LIMIT, talk.initialize()).await.context("no handshake in time")??;
        }
        let (_, tool) = case.work().names();
        let tool = target.with_tool(tool).tools.first().cloned().unwrap_or_default();
        Ok(Self { talk, case, tool, last: 0, bytes: 0 })
    }

    async fn call(&mut self, count: u32) -> Result<()> {
        let (work, modern) = (self.case.work(), self.case.door == Door::New);
        let (method, _) = work.names();
        let named = if method == "tools/call" { self.tool.as_str() } else { "" };
        for _ in 0..count {
            self.last += 1;
            let body = work.request(1, self.last, &self.tool, modern);
            self.talk.queue(&body, method, named, modern);
            self.talk.flush().await?;
            let answer = timeout(CALL_LIMIT, self.talk.next()).await;
            let (_, answer) = answer.context("a call took too long")??;
            self.bytes = answer.len();
            let id = work.check(1, &answer)?;
            if id != self.last {
                bail!("{id} was answered instead of {}", self.last);
            }
        }
        Ok(())
    }
}

/// One line for each figure, as soon as it is there.
fn told(count: &Count) -> Result<()> {
    let Count { case, tool, found } = count;
    let (limit, unit) = tool.limit(case);
    let shown = |value: f64| format!("{value:.*}", if value < 1000.0 { 2 } else { 0 });
    writeln!(
        std::io::stdout(),
        "{:<28} {:>10} {unit:<24} limit {:>10}",
        case.what,
        shown(*found),
        shown(limit)
    )?;
    Ok(())
}

fn complaint(count: &Count) -> Option<String> {
    let Count { case, tool, found } = count;
    let (limit, unit) = tool.limit(case);
    match judged(*found, limit) {
        Verdict::Holds => None,
        Verdict::Above => Some(format!(
            "  {}: {found:.2} {unit}, the most is {limit}: a copy, a pass over the message, a \
             wake-up or many allocations more than there were",
            case.what
        )),
        // A limit that is far away would let all of these through.
        Verdict::FarBelow => Some(format!(
            "  {}: {found:.2} {unit}: lower the limit {limit} in tests/bench/guard/limits.rs",
            case.what
        )),
    }
}
