//! This file loads a place: some connections, each with one call or more at a time, answers checked.
//! It leaves starting what is loaded to others, and telling the result to `report.rs`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::process;
use crate::talk::{Place, Talk};
use crate::work::Work;

/// No single call may take longer.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// What is loaded, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) place: Place,
    /// The names of the tool, taken in turn.
    pub(crate) tools: Arc<[String]>,
    /// The process whose processor time is read; that of the command if there is one.
    pub(crate) pid: Option<i32>,
    /// Whether that of all that it has started is as well.
    pub(crate) is_tree: bool,
}

/// How it is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) work: Work,
    pub(crate) modern: bool,
    /// Calls under way at one time, each on a connection of its own, or all on one of a command.
    pub(crate) clients: u32,
    /// Legacy sessions in all, which connections share where there are fewer; 0 is one a connection.
    pub(crate) sessions: u32,
    pub(crate) warmup: Duration,
    pub(crate) measured: Duration,
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Calls answered rightly in the measured time, each with its time in microseconds, sorted.
    pub(crate) micros: Vec<u32>,
    /// Length of the measured time.
    pub(crate) span: Duration,
    /// Processor time of the target in it.
    pub(crate) cpu: Option<Duration>,
}

impl Seen {
    /// Processor time of one call in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.micros.len() as f64)
    }

    /// Calls in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.span.as_secs_f64()
    }
}

/// Loads the target; fails on the first answer that is not the right one.
pub(crate) async fn load(target: &Target, window: &Window) -> Result<Seen> {
    load_beside(target, window, async |_| Ok(())).await
}

/// The same with something beside it that looks at the process while it is measured.
pub(crate) async fn load_beside(
    target: &Target,
    window: &Window,
    beside: impl AsyncFnOnce(i32) -> Result<()>,
) -> Result<Seen> {
    let (mut talks, mut pid) = (Vec::new(), target.pid);
    let (connections, depth) = match target.place {
        Place::Command(_) => (1, window.clients),
        Place::Http { .. } | Place::Unix(_) => (window.clients, 1),
    };
    for number in 0..connections {
        let mut talk = Talk::open(&target.place).await?;
        if !window.modern {
            let sessions = if window.sessions == 0 { connections } else { window.sessions };
            for _ in 0..sessions / connections + u32::from(number < sessions % connections) {
                timeout(CALL_LIMIT, talk.initialize()).await.context("no handshake in time")??;
            }
            if number >= sessions {
                let with: usize = usize::try_from(number % sessions)?;
                talk.share(&talks[with]);
            }
        }
        pid = pid.or(talk.pid());
        talks.push(talk);
    }
    let from = Instant::now() + window.warmup;
    let to = from + window.measured;
    let mut workers = JoinSet::new();
    for (number, talk) in talks.into_iter().enumerate() {
        let client = Client {
            talk,
            number: u32::try_from(number)?,
            last: u64::try_from(number)? * 7,
            tools: Arc::clone(&target.tools),
            work: window.work.clone(),
            modern: window.modern,
            under_way: HashMap::new(),
        };
        workers.spawn(client.run(depth, from, to));
    }
    let time = if target.is_tree { process::time_of_tree } else { process::time_of };
    let cpu_at = || pid.map(time).transpose();
    sleep_until(from).await;
    let (before, began) = (cpu_at(), Instant::now());
    if let Some(pid) = pid {
        beside(pid).await?;
    }
    sleep_until(to).await;
    let (after, span) = (cpu_at(), began.elapsed());
    let mut micros = Vec::new();
    while let Some(worker) = workers.join_next().await {
        let (times, talk) = worker.context("a connection's task panicked")??;
        micros.extend(times);
        talk.end().await;
    }
    if micros.is_empty() {
        bail!("no call was answered in {span:?}");
    }
    micros.sort_unstable();
    // A process that is gone has told why by now.
    let cpu = after?.zip(before?).map(|(after, before)| after.saturating_sub(before));
    Ok(Seen { micros, span, cpu })
}

/// One connection and what is under way on it.
struct Client {
    talk: Talk,
    number: u32,
    last: u64,
    tools: Arc<[String]>,
    work: Work,
    modern: bool,
    under_way: HashMap<u64, Instant>,
}

impl Client {
    /// Calls until `to`; the times of those that were answered in the window. The connection comes
    /// back: the command behind it has to live until its processor time has been read.
    async fn run(mut self, depth: u32, from: Instant, to: Instant) -> Result<(Vec<u32>, Talk)> {
        let mut times = Vec::new();
        for _ in 0..depth {
            self.ask()?;
        }
        self.talk.flush().await?;
        while !self.under_way.is_empty() {
            let answer = timeout(CALL_LIMIT, self.talk.next()).await;
            let (_, answer) = answer.context("a call took too long")??;
            let ended = Instant::now();
            let id = self.work.check(self.number, &answer)?;
            let sent = self.under_way.remove(&id).with_context(|| format!("{id} came twice"))?;
            if ended >= from && ended < to {
                times.push(u32::try_from((ended - sent).as_micros()).unwrap_or(u32::MAX));
            }
            if ended < to {
                self.ask()?;
            }
            if !self.talk.has_more() {
                self.talk.flush().await?;
            }
        }
        Ok((times, self.talk))
    }

    fn ask(&mut self) -> Result<()> {
        self.last += 1;
        let at = usize::try_from(self.last)? % self.tools.len().max(1);
        let tool = self.tools.get(at).map_or("", String::as_str);
        let (method, _) = self.work.names();
        let body = self.work.request(self.number, self.last, tool, self.modern);
        let tool = if method == "tools/call" { tool } else { "" };
        self.talk.queue(&body, method, tool, self.modern);
        self.under_way.insert(self.last, Instant::now());
        Ok(())
    }
}
