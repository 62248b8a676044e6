//! This file is the supervisor's table: what every server is doing, and what is wanted of it.
//!
//! It leaves decisions to `restart` and `reconcile`, and acting on them to the actor.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use conductor_config::{ServerSpec, StartMode};
use tokio::time::Instant;

use super::board::{ServerStatus, Weakness};
use super::excess::{Excess, Overuse};
use super::noise::Noise;
use super::restart::History;
use crate::model::{Downfall, Generation, Outage, ServerState};
use crate::process::Usage;
use crate::server::{LastWords, ServerHandle, ServerLink, StderrTail};

/// What a server is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing, and nothing is planned.
    Resting,
    /// Waiting for its turn to start.
    Queued,
    /// On its way up.
    Starting,
    /// Takes calls.
    Up(Box<Up>),
    /// Waiting to be started.
    Waiting { until: Instant },
    /// Given up; `until` is the next try, if there is to be one.
    Failed { until: Option<Instant> },
    /// On its way down.
    Draining,
}

/// A life that takes calls.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) link: ServerLink,
    pub(super) pid: Option<u32>,
    pub(super) version: Arc<str>,
    pub(super) since: Instant,
    /// Whether it misses heartbeats.
    pub(super) missing: bool,
    /// When its actor last told of it, and when it last proved to be alive.
    pub(super) beat: (Instant, SystemTime),
    /// Calls begun when last looked at, and when that number last changed.
    pub(super) used: (u64, Instant),
    /// What it writes to stdout that is no message.
    pub(super) noise: Noise,
    /// What its processes used when last looked at.
    pub(super) usage: Option<Usage>,
    /// Whether that is too much.
    pub(super) excess: Excess,
}

impl Up {
    /// Why it is no more than degraded.
    fn weakness(&self) -> Option<Weakness> {
        let garbage = self.noise.is_loud();
        match self.missing {
            true => Some(Weakness::Silent),
            false => garbage.then(|| Weakness::Garbage { lines: self.noise.lines() }),
        }
    }
}

/// What is to happen when the present life has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// What the restart policy says.
    Keep,
    /// The next life at once.
    Renew,
    /// Nothing, until it is wanted again.
    Rest,
    /// The server leaves the table.
    Remove,
}

/// One server.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) spec: Arc<ServerSpec>,
    pub(super) phase: Phase,
    pub(super) generation: Generation,
    pub(super) actor: Option<ServerHandle>,
    pub(super) intent: Intent,
    pub(super) history: History,
    /// Whether it takes one of the places for servers that are starting.
    pub(super) holds_place: bool,
    /// How long a life that is being stopped took calls before.
    pub(super) served: Option<Duration>,
    /// How its last life ended, and when.
    pub(super) downfall: Option<(Arc<Downfall>, SystemTime)>,
    /// Where the present life leaves the reason for its end.
    pub(super) last_words: LastWords,
    pub(super) beat_seen: Option<SystemTime>,
    pub(super) stderr: StderrTail,
}

impl Child {
    pub(super) fn new(spec: Arc<ServerSpec>) -> Self {
        Self {
            spec,
            phase: Phase::Resting,
            generation: Generation::default(),
            actor: None,
            intent: Intent::Keep,
            history: History::default(),
            holds_place: false,
            served: None,
            downfall: None,
            last_words: LastWords::default(),
            beat_seen: None,
            stderr: StderrTail::default(),
        }
    }

    /// Whether it starts by itself, rather than when somebody needs it.
    pub(super) fn is_eager(&self) -> bool {
        self.spec.enabled && self.spec.start == StartMode::Eager
    }

    /// Whether a caller who needs it may have it started.
    pub(super) fn is_wakeable(&self) -> bool {
        self.starts_on_demand() && matches!(self.phase, Phase::Resting) && self.actor.is_none()
    }

    fn starts_on_demand(&self) -> bool {
        self.spec.enabled && (self.spec.start == StartMode::Lazy || self.spec.idle_stop.is_some())
    }

    /// The word for what it is doing.
    pub(super) fn state(&self) -> ServerState {
        match &self.phase {
            Phase::Resting => ServerState::Stopped,
            Phase::Queued | Phase::Starting => ServerState::Starting,
            Phase::Up(up) if up.weakness().is_some() => ServerState::Degraded,
            Phase::Up(_) => ServerState::Running,
            Phase::Waiting { .. } => ServerState::Backoff,
            Phase::Failed { .. } => ServerState::Failed,
            Phase::Draining => ServerState::Draining,
        }
    }

    /// Why it takes no calls.
    pub(super) fn outage(&self) -> Outage {
        Outage {
            state: self.state(),
            downfall: self.downfall.as_ref().map(|(downfall, _)| Arc::clone(downfall)),
            next_try: self.next_try(),
            returning: match self.intent {
                Intent::Keep | Intent::Renew => true,
                Intent::Rest => self.starts_on_demand(),
                Intent::Remove => false,
            },
        }
    }

    fn next_try(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Failed { until } => until,
            Phase::Resting | Phase::Queued | Phase::Starting | Phase::Up(_) | Phase::Draining => {
                None
            }
        }
    }

    /// Its process, if it takes calls and is one of ours.
    pub(super) fn pid(&self) -> Option<u32> {
        match &self.phase {
            Phase::Up(up) => up.pid,
            _ => None,
        }
    }

    /// How long the present life has taken calls.
    pub(super) fn ready_for(&self, now: Instant) -> Option<Duration> {
        match &self.phase {
            Phase::Up(up) => Some(now.saturating_duration_since(up.since)),
            Phase::Draining => self.served,
            _ => None,
        }
    }

    /// Its actor tells that it lives, or that it misses heartbeats. Either shows that the actor
    /// itself does what it should. Whether it was otherwise before.
    pub(super) fn on_sign(&mut self, missing: bool, now: (Instant, SystemTime)) -> bool {
        let Phase::Up(up) = &mut self.phase else { return false };
        let is_news = up.missing != missing;
        up.missing = missing;
        up.beat.0 = now.0;
        if !missing {
            up.beat.1 = now.1;
            self.beat_seen = Some(now.1);
        }
        is_news
    }

    /// Whether its actor has been silent for longer than it should have put up with a silent server,
    /// so that the actor itself must be stuck.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let Phase::Up(up) = &self.phase else { return false };
        let heartbeat = &self.spec.heartbeat;
        let patience = (heartbeat.interval + heartbeat.timeout) * (heartbeat.misses + 1);
        let busy = up.link.in_flight() > 0;
        !busy && now.saturating_duration_since(up.beat.0) > patience * 2
    }

    /// Looks at how much of its output is garbage. Whether it is too much, if that has changed.
    pub(super) fn listen(&mut self, now: Instant) -> Option<bool> {
        let Phase::Up(up) = &mut self.phase else { return None };
        let total = up.link.gauges().noise.load(Ordering::Relaxed);
        up.noise.on_count(now, total)
    }

    /// Its processes use so much; none if nobody has looked yet. Returns what of it is more than its
    /// settings allow, if it is to be replaced for that.
    pub(super) fn weigh(&mut self, now: Instant, usage: Option<Usage>) -> Option<Overuse> {
        let Phase::Up(up) = &mut self.phase else { return None };
        up.usage = usage;
        up.excess.past(now, usage, &self.spec.restart_above)
    }

    /// Whether nobody has needed it for as long as its settings allow; `apart` says that it runs apart
    /// for somebody. Keeps count.
    pub(super) fn is_idle(&mut self, now: Instant, apart: bool) -> bool {
        let (Phase::Up(up), Some(limit)) = (&mut self.phase, self.spec.idle_stop) else {
            return false;
        };
        let begun = up.link.calls_begun();
        if apart || begun != up.used.0 || up.link.in_flight() > 0 || up.link.is_listened_to() {
            up.used = (begun, now);
        }
        now.saturating_duration_since(up.used.1) >= limit
    }

    /// What others are shown.
    pub(super) fn status(&self, now: (Instant, SystemTime)) -> ServerStatus {
        let up = match &self.phase {
            Phase::Up(up) => Some(up),
            _ => None,
        };
        let wall = |at: Instant| now.1 + at.saturating_duration_since(now.0);
        ServerStatus {
            spec: Arc::clone(&self.spec),
            state: self.state(),
            weakness: up.and_then(|up| up.weakness()),
            generation: self.generation,
            pid: up.and_then(|up| up.pid),
            protocol_version: up.map(|up| Arc::clone(&up.version)),
            restarts: self.generation.number().saturating_sub(1),
            last_heartbeat: up.map(|up| up.beat.1).or(self.beat_seen),
            last_error: self.downfall.clone(),
            next_retry: self.next_try().map(wall),
            stderr: self.stderr.clone(),
            usage: up.and_then(|up| up.usage),
            instances: Vec::new(),
            link: up.map(|up| up.link.clone()),
            next_try: self.next_try(),
        }
    }
}
