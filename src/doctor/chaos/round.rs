//! This file is one round of trials: a system of its own with stand-ins and a neighbour, started,
//! tried, and stopped.
//!
//! It leaves one trial to `trial.rs`. What is quick is tried first, so that nothing disturbs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conductor_actors::{StartError, System};
use conductor_config::{Config, NameError, ServerSpec};
use thiserror::Error;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::bounds::bound;
use super::card::Line;
use super::marked::marked;
use super::neighbour::{self, Sample};
use super::stand_in::{StandIn, neighbour, settings, stand_ins};
use super::trial::{Seen, trial};
use super::verdict::verdict;
use crate::sample_server::Fault;

/// How long all stand-ins together may take to start.
const UP: Duration = Duration::from_secs(60);
/// How long the last calls may take at the end.
const GRACE: Duration = Duration::from_secs(1);

/// What is to be tried.
pub(crate) struct Wanted<'a> {
    /// The user's settings.
    pub(crate) config: &'a Config,
    /// The entries of them that stand-ins are made of.
    pub(crate) entries: &'a [Arc<ServerSpec>],
    pub(crate) faults: &'a [Fault],
    /// This process's environment, with `CONDUCTOR_EXE`.
    pub(crate) environment: &'a BTreeMap<String, String>,
    /// For the state of the system that is tried; nobody else's.
    pub(crate) dir: &'a Path,
}

/// Why no trials can be made.
#[derive(Debug, Error)]
pub(crate) enum RoundError {
    /// This program does not know where it is itself.
    #[error("failed to find this program, of which stand-ins are made")]
    NoProgram,
    /// A stand-in has no name that can be.
    #[error("failed to name a stand-in")]
    Name(#[from] NameError),
    /// The system that is to be tried does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The stand-ins are not up.
    #[error("failed to start the stand-ins within {limit:?}: {down}")]
    NotUp {
        /// How long was waited.
        limit: Duration,
        /// Some that are not up, and why.
        down: String,
    },
    /// A trial panicked.
    #[error("failed to carry a trial out")]
    Trial(#[from] JoinError),
}

/// A trial that is over.
struct Ended {
    one: StandIn,
    seen: Seen,
}

impl Ended {
    /// What it was, and what was seen, in a line.
    fn text(&self) -> String {
        let (server, fault) = (&self.one.of.id, self.one.fault.as_str());
        let time = super::card::seconds;
        let seen = match (self.seen.noticed, self.seen.back) {
            (None, _) => "went on".to_owned(),
            (Some(noticed), None) => format!("noticed after {}", time(noticed)),
            (Some(noticed), Some(back)) => {
                format!("noticed after {}, back after {}", time(noticed), time(back))
            }
        };
        format!("{server}, {fault}: {seen}")
    }
}

/// A round that goes on.
pub(crate) struct Round {
    system: System,
    run: String,
    /// Not begun yet: they take long, and are begun when the quick ones are over.
    later: Vec<StandIn>,
    trials: JoinSet<Ended>,
    ended: Vec<Ended>,
    left_over: CancellationToken,
    visits: JoinHandle<Vec<Sample>>,
}

impl Round {
    /// Starts stand-ins and neighbour, waits for them to be up, and begins.
    pub(crate) async fn start(wanted: &Wanted<'_>) -> Result<Self, RoundError> {
        let program = wanted.environment.get("CONDUCTOR_EXE").ok_or(RoundError::NoProgram)?;
        // The directory is nobody else's, and so is its name.
        let run = wanted.dir.display().to_string();
        let all = stand_ins(wanted.entries, wanted.faults, &run)?;
        let config = settings(wanted.config, &all, (program, &run, wanted.dir))?;
        let system = Box::pin(System::start(Arc::new(config), wanted.environment.clone())).await?;
        if let Err(error) = up(&system).await {
            system.kill().await;
            return Err(error);
        }
        let left_over = CancellationToken::new();
        let visits = neighbour::visit(system.clone(), neighbour()?, left_over.clone());
        let (quick, later) = all.into_iter().partition(|one| is_quick(one.fault));
        let mut round = Self {
            visits: tokio::spawn(visits),
            system,
            run,
            later,
            trials: JoinSet::new(),
            ended: Vec::new(),
            left_over,
        };
        round.begin(quick);
        Ok(round)
    }

    fn begin(&mut self, all: Vec<StandIn>) {
        for one in all {
            let system = self.system.clone();
            self.trials.spawn(async move {
                let bound = bound(one.fault, &one.of);
                let seen = trial(system, one.clone(), bound).await;
                Ended { one, seen }
            });
        }
    }

    /// The next trial that is over, in a line; none when all are.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, RoundError> {
        if self.trials.is_empty() {
            let later = std::mem::take(&mut self.later);
            self.begin(later);
        }
        let Some(ended) = self.trials.join_next().await.transpose()? else { return Ok(None) };
        let text = ended.text();
        self.ended.push(ended);
        Ok(Some(text))
    }

    /// Stops everything, and judges: the lines of the card, and how many processes are left.
    pub(crate) async fn finish(mut self) -> Result<(Vec<Line>, usize), RoundError> {
        self.left_over.cancel();
        let samples = (&mut self.visits).await?;
        self.system.shutdown(GRACE).await;
        let left = marked(&self.run);
        let key = |ended: &Ended| (ended.one.of.id.clone(), ended.one.fault);
        self.ended.sort_by_key(key);
        let lines = self.ended.into_iter().map(|Ended { one, seen }| {
            let beside = neighbour::during(&samples, seen.span);
            let verdict = verdict(&seen, &bound(one.fault, &one.of), &beside);
            Line::new((one.of.id.to_string(), one.fault), seen, verdict, beside)
        });
        Ok((lines.collect(), left))
    }

    /// Ends everything at once.
    pub(crate) async fn abort(self) {
        self.visits.abort();
        self.system.kill().await;
    }
}

/// Whether a fault shows at once what comes of it.
fn is_quick(fault: Fault) -> bool {
    match fault {
        Fault::Kill | Fault::Garbage | Fault::SlowDrip => true,
        Fault::Stop | Fault::HalfLine | Fault::Flood => false,
    }
}

/// Waits until all servers take calls.
async fn up(system: &System) -> Result<(), RoundError> {
    let mut board = system.board();
    let all_up = async {
        loop {
            let now = board.current();
            let is_up = now.servers.values().all(|status| status.state.is_up());
            if (is_up && !now.servers.is_empty()) || !board.changed().await {
                return;
            }
        }
    };
    if timeout(UP, all_up).await.is_ok() {
        return Ok(());
    }
    let now = system.board().current();
    let down = now.servers.iter().filter(|(_, status)| !status.state.is_up());
    let told = down.map(|(id, status)| match &status.last_error {
        Some((downfall, _)) => format!("{id} {downfall}"),
        None => format!("{id} is {}", status.state.as_str()),
    });
    let down = told.take(3).collect::<Vec<_>>().join(", ");
    Err(RoundError::NotUp { limit: UP, down })
}
