//! This file is one trial: a stand-in is told to go wrong, and it is watched when that is noticed,
//! when it is back, and what becomes of calls meanwhile.
//!
//! It leaves what is good enough to `verdict.rs`.

use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{CallParams, Outcome};
use conductor_actors::{Call, Caller, Generation, LocalCaller, Scope, System};
use conductor_config::ServerId;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::bounds::Bound;
use super::marked::marked;
use super::stand_in::StandIn;

/// After the one that sets the fault off, calls begin at these times.
const CALLS_AT: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2)];
/// How much longer than it may take a thing is waited for, so that it can be told how late it was.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long processes of the last life may take to be gone.
const GONE: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// A stand-in and its descendant.
const PROCESSES: usize = 2;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Fate {
    /// The server answered.
    Answered { after_ms: u64 },
    /// It was told in words why there is no answer.
    Failed { after_ms: u64, reason: &'static str },
    /// Nothing came of it in all the time there was.
    Hung { after_ms: u64 },
}

/// What was seen in one trial.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// From when to when it went on.
    pub(super) span: (Instant, Instant),
    /// When the life that went wrong was over.
    pub(super) noticed: Option<Duration>,
    /// How that is told.
    pub(super) why: Option<String>,
    /// When the next life answered.
    pub(super) back: Option<Duration>,
    pub(super) calls: Vec<Fate>,
    /// Processes of earlier lives that are still there.
    pub(super) left: usize,
}

/// Has `one` go wrong and looks what happens.
pub(super) async fn trial(system: System, one: StandIn, bound: Bound) -> Seen {
    let before = generation(&system, &one.id);
    let begun = Instant::now();
    let life = async {
        match bound.noticed {
            Some(limit) => {
                let noticed = noticed(&system, &one.id, (before, begun), limit + PATIENCE).await;
                let back = match bound.back.filter(|_| noticed.is_some()) {
                    Some(limit) => back(&system, &one.id, begun, limit + PATIENCE).await,
                    None => None,
                };
                (noticed, back)
            }
            None => (None, None),
        }
    };
    let ((mut ended, back), calls) = tokio::join!(life, calls(&system, &one.id, bound.call));
    if bound.noticed.is_none() && is_over(&system, &one.id, before) {
        ended = Some(begun.elapsed());
    }
    let why = why(&system, &one.id).filter(|_| ended.is_some());
    let lives = if is_over(&system, &one.id, before) && back.is_none() { 0 } else { PROCESSES };
    let left = left(&one.mark, lives).await;
    Seen { span: (begun, Instant::now()), noticed: ended, why, back, calls, left }
}

fn generation(system: &System, id: &ServerId) -> Generation {
    let board = system.board().current();
    board.servers.get(id).map(|status| status.generation).unwrap_or_default()
}

/// Whether a life is over: the server is down, or in a later one.
fn is_over(system: &System, id: &ServerId, life: Generation) -> bool {
    let board = system.board().current();
    board.servers.get(id).is_none_or(|status| !status.state.is_up() || status.generation > life)
}

async fn noticed(
    system: &System,
    id: &ServerId,
    (life, begun): (Generation, Instant),
    limit: Duration,
) -> Option<Duration> {
    let mut board = system.board();
    let over = async {
        while !is_over(system, id, life) {
            if !board.changed().await {
                return None;
            }
        }
        Some(begun.elapsed())
    };
    timeout(limit, over).await.ok().flatten()
}

async fn back(system: &System, id: &ServerId, begun: Instant, limit: Duration) -> Option<Duration> {
    let answers = async {
        while !matches!(call(system, id, "echo", limit).await, Fate::Answered { .. }) {
            sleep(PAUSE).await;
        }
        begun.elapsed()
    };
    timeout(limit, answers).await.ok()
}

fn why(system: &System, id: &ServerId) -> Option<String> {
    let board = system.board().current();
    let (downfall, _) = board.servers.get(id)?.last_error.as_ref()?;
    Some(downfall.to_string())
}

/// Sets the fault off, and calls on. The call that does so is the first of those told.
async fn calls(system: &System, id: &ServerId, limit: Duration) -> Vec<Fate> {
    let mut under_way = JoinSet::new();
    let first = (Duration::ZERO, "misbehave");
    for (number, (wait, tool)) in
        std::iter::once(first).chain(CALLS_AT.map(|wait| (wait, "echo"))).enumerate()
    {
        let (system, id) = (system.clone(), id.clone());
        under_way.spawn(async move {
            sleep(wait).await;
            (number, call(&system, &id, tool, limit).await)
        });
    }
    let mut fates = under_way.join_all().await;
    fates.sort_by_key(|(number, _)| *number);
    fates.into_iter().map(|(_, fate)| fate).collect()
}

/// Calls a tool of a server under the tool's own name; past `limit` it counts as hung.
pub(super) async fn call(system: &System, id: &ServerId, tool: &str, limit: Duration) -> Fate {
    let begun = Instant::now();
    let after_ms = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let arguments = if tool == "echo" { r#"{"text":"here"}"# } else { "{}" };
    let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
    let Ok(params) = CallParams::read(Some(&Bytes::from(params))) else {
        return Fate::Failed { after_ms: 0, reason: "bad_arguments" };
    };
    let call = Call::new(Box::new(params));
    let caller = Caller::Local(LocalCaller::new("doctor"));
    let scope = Scope::Server(id.clone());
    match timeout(limit, system.call(&scope, caller, call)).await {
        Err(_) => Fate::Hung { after_ms: after_ms() },
        Ok(Err(error)) => Fate::Failed { after_ms: after_ms(), reason: error.reason() },
        Ok(Ok(answer)) => match answer.outcome {
            Outcome::Result(_) => Fate::Answered { after_ms: after_ms() },
            Outcome::Error(_) => Fate::Failed { after_ms: after_ms(), reason: "server_error" },
        },
    }
}

/// How many more processes than expected have the mark, after a while in which they may end.
async fn left(mark: &str, expected: usize) -> usize {
    let end = Instant::now() + GONE;
    loop {
        let left = marked(mark).saturating_sub(expected);
        if left == 0 || Instant::now() >= end {
            return left;
        }
        sleep(PAUSE).await;
    }
}
