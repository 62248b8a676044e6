//! This file is the actor that looks after one life of one server.
//!
//! It matches and delegates and never waits: starting, asking and stopping are tasks whose results
//! come back as messages. What follows from an end is the supervisor's business.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use conductor_config::ServerSpec;
use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, debug, warn};

use super::connect::{Connected, PumpEnd, Start, connect};
use super::downstream::{AskError, CallFailure, StderrTail};
use super::handle::{LastWords, ServerEvent, ServerLink, ServerReport};
use super::probe::{Probe, Pulse, Sight};
use super::remains::{REAP, Remains};
use crate::model::{Cause, Downfall, Generation, Hearing, Holder, InstanceId};
use crate::process::{Nursery, Process};
use crate::wire::Hop;

/// The actor's type; it holds nothing.
#[derive(Debug)]
pub(crate) struct ServerActor;

/// What the supervisor hands to a new life.
pub(crate) struct ServerArguments {
    pub(crate) spec: Arc<ServerSpec>,
    pub(crate) holder: Holder,
    pub(crate) generation: Generation,
    pub(crate) nursery: Nursery,
    pub(crate) stderr: StderrTail,
    pub(crate) last_words: LastWords,
    pub(crate) hearing: Hearing,
    pub(crate) supervisor: DerivedActorRef<ServerReport>,
}

pub(crate) enum Message {
    /// The start ended, one way or the other.
    Connected(Box<Start>),
    /// The pipe ended.
    Fell(Arc<Downfall>),
    /// A heartbeat interval passed.
    Tick,
    /// A heartbeat was answered.
    Answered,
    /// A heartbeat was not answered.
    Silent { asked_at: Instant },
    /// Stop in order.
    Drain { grace: Duration },
    /// The order is through.
    Stopped,
    /// Take over settings.
    Retune(Arc<ServerSpec>),
}

/// One life. Dropping it ends everything about that life at once: tasks, pipe, process group.
pub(crate) struct Life {
    spec: Arc<ServerSpec>,
    holder: Holder,
    generation: Generation,
    supervisor: DerivedActorRef<ServerReport>,
    last_words: LastWords,
    probe: Probe,
    tasks: JoinSet<()>,
    connected: Option<Connected>,
    remains: Remains,
    draining: bool,
    /// Lines that were no messages, as far as they have been told of.
    noise_told: u64,
}

impl Actor for ServerActor {
    type Msg = Message;
    type State = Life;
    type Arguments = ServerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: ServerArguments,
    ) -> Result<Life, ActorProcessingErr> {
        let ServerArguments { spec, holder, generation, .. } = arguments;
        let ServerArguments { nursery, stderr, last_words, hearing, supervisor, .. } = arguments;
        let mut life = Life {
            probe: Probe::new(spec.heartbeat),
            spec: Arc::clone(&spec),
            holder: holder.clone(),
            generation,
            supervisor,
            last_words,
            tasks: JoinSet::new(),
            connected: None,
            remains: Remains::default(),
            draining: false,
            noise_told: 0,
        };
        let remains = life.remains.clone();
        life.tell(&myself, async move {
            Message::Connected(Box::new(
                connect(&spec, holder, &nursery, &stderr, &remains, &hearing).await,
            ))
        });
        Ok(life)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        life: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        while life.tasks.try_join_next().is_some() {}
        match message {
            Message::Connected(result) => match *result {
                Ok((connected, pump)) => life.on_connected(&myself, connected, pump),
                Err(downfall) => life.end(&myself, downfall),
            },
            Message::Fell(downfall) if life.draining => {
                debug!(server = %life.spec.id, reason = %downfall, "pipe closed while stopping");
            }
            Message::Fell(downfall) => life.end(&myself, downfall),
            Message::Tick => life.on_tick(&myself),
            Message::Answered => {
                let pulse = life.probe.on_answer();
                life.act(&myself, pulse);
            }
            Message::Silent { asked_at } => {
                if let Some(sight) = life.sight() {
                    let pulse = life.probe.on_silence(asked_at, sight);
                    life.act(&myself, pulse);
                }
            }
            Message::Drain { grace } => life.drain(&myself, grace),
            Message::Stopped => life.end(&myself, Downfall::silent(Cause::Asked)),
            Message::Retune(spec) => life.retune(spec),
        }
        Ok(())
    }

    /// The supervisor hears of the end when this is through: no life begins beside the one before.
    async fn post_stop(
        &self,
        _: ActorRef<Message>,
        life: &mut Life,
    ) -> Result<(), ActorProcessingErr> {
        life.connected = None;
        life.tasks.shutdown().await;
        life.remains.end(&life.spec.id).await;
        Ok(())
    }
}

impl Life {
    fn on_connected(&mut self, myself: &ActorRef<Message>, connected: Connected, pump: PumpEnd) {
        let link = ServerLink {
            server: self.spec.id.clone(),
            holder: self.holder.clone(),
            generation: self.generation,
            lane: connected.lane.clone(),
        };
        let (pid, version) = (connected.pid(), Arc::clone(&connected.version));
        self.report(ServerEvent::Ready { link, pid, version });
        self.connected = Some(connected);
        self.tell(myself, async move {
            Message::Fell(
                pump.await.unwrap_or_else(|error| {
                    Downfall::silent(Cause::Actor(error.to_string().into()))
                }),
            )
        });
        self.schedule_tick(myself);
    }

    fn on_tick(&mut self, myself: &ActorRef<Message>) {
        self.schedule_tick(myself);
        self.tell_noise();
        if let Some(sight) = self.sight() {
            let pulse = self.probe.on_tick(Instant::now(), sight);
            self.act(myself, pulse);
        }
    }

    /// Tells of output that is not MCP, at most once a heartbeat.
    fn tell_noise(&mut self) {
        let Some(connected) = &self.connected else { return };
        let noise = connected.lane.gauges().noise.load(Ordering::Relaxed);
        let lines = noise - std::mem::replace(&mut self.noise_told, noise);
        if lines > 0 {
            warn!(server = %self.spec.id, generation = %self.generation, lines, "server writes lines to stdout that are no messages");
        }
    }

    fn act(&mut self, myself: &ActorRef<Message>, pulse: Pulse) {
        match pulse {
            Pulse::Beat => self.report(ServerEvent::Beat),
            Pulse::Ask => self.ask(myself),
            Pulse::Missed(misses) => {
                warn!(server = %self.spec.id, generation = %self.generation, misses, "heartbeat missed");
                self.report(ServerEvent::Missing);
            }
            Pulse::Lost => {
                let heartbeat = &self.spec.heartbeat;
                let silent = heartbeat.interval * heartbeat.misses + heartbeat.timeout;
                self.end(myself, Downfall::silent(Cause::Silent(silent)));
            }
            Pulse::Wait => {}
        }
    }

    /// Asks for a sign of life that no server may refuse. Any answer is one, an error too.
    fn ask(&mut self, myself: &ActorRef<Message>) {
        let Some(connected) = &self.connected else { return };
        let lane = connected.lane.clone();
        let limit = self.spec.heartbeat.timeout;
        self.tell(myself, async move {
            let asked_at = Instant::now();
            let method = match lane.hop() {
                Hop::Legacy => "ping",
                Hop::Modern => "server/discover",
            };
            match lane.ask(method, Bytes::new(), limit).await {
                // Whoever asks to be left alone is there.
                Ok(_) | Err(AskError::Failed(CallFailure::Throttled { .. })) => Message::Answered,
                Err(_) => Message::Silent { asked_at },
            }
        });
    }

    fn sight(&self) -> Option<Sight> {
        let connected = self.connected.as_ref()?;
        Some(Sight {
            heard_at: connected.lane.gauges().heard_at(),
            in_flight: connected.lane.in_flight(),
            suspended: self.probe.is_missing() && connected.is_suspended(),
            overdue: connected.lane.gauges().is_overdue(),
        })
    }

    fn drain(&mut self, myself: &ActorRef<Message>, grace: Duration) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        match self.connected.take() {
            Some(connected) => {
                let spec = Arc::clone(&self.spec);
                self.tell(myself, async move {
                    stop(connected, &spec, grace).await;
                    Message::Stopped
                });
            }
            // Still starting: there is no session to close, so the start is simply given up.
            None => self.end(myself, Downfall::silent(Cause::Asked)),
        }
    }

    fn retune(&mut self, spec: Arc<ServerSpec>) {
        if spec.heartbeat != self.spec.heartbeat {
            self.probe = Probe::new(spec.heartbeat);
        }
        if let Some(connected) = &self.connected {
            connected.lane.set_limit(spec.max_in_flight);
        }
        self.spec = spec;
    }

    /// The next look is due when the server has been silent for one interval, so that silence is
    /// never noticed an interval late.
    fn schedule_tick(&mut self, myself: &ActorRef<Message>) {
        let (now, interval) = (Instant::now(), self.spec.heartbeat.interval);
        let silent_for = self.sight().map(|sight| now.saturating_duration_since(sight.heard_at));
        let left = silent_for.and_then(|silence| interval.checked_sub(silence));
        let wait = left.filter(|left| !left.is_zero()).unwrap_or(interval);
        self.tell(myself, async move {
            tokio::time::sleep(wait).await;
            Message::Tick
        });
    }

    /// Runs `work` beside the mailbox; what it yields comes back as a message.
    fn tell(
        &mut self,
        myself: &ActorRef<Message>,
        work: impl Future<Output = Message> + Send + 'static,
    ) {
        let myself = myself.clone();
        let task = async move {
            // Refused only when the actor has ended, and then nobody wants to know.
            let _ = myself.cast(work.await);
        };
        self.tasks.spawn(task.in_current_span());
    }

    fn report(&self, event: ServerEvent) {
        let id = InstanceId::new(self.spec.id.clone(), self.holder.clone());
        let report = ServerReport { id, generation: self.generation, event };
        // Without a supervisor this actor is being ended as well.
        let _ = self.supervisor.cast(report);
    }

    /// The life is over: leave word why, and go. What is left of it ends in
    /// `post_stop`, and with the state whatever happens.
    fn end(&mut self, myself: &ActorRef<Message>, downfall: Arc<Downfall>) {
        self.connected = None;
        // The first reason is the one that counts.
        let _ = self.last_words.set(downfall);
        myself.stop(None);
    }
}

/// Stops a server: lets its calls end, and then the server, or only the session with one that is
/// not ours.
async fn stop(connected: Connected, spec: &ServerSpec, grace: Duration) {
    let lane = &connected.lane;
    if timeout(grace, lane.idle()).await.is_err() {
        warn!(server = %spec.id, in_flight = lane.in_flight(), "calls cut off by a stop");
    }
    lane.close_input(false);
    match &connected.child {
        Some(child) => end(&child.process, spec).await,
        None => {
            let _ = timeout(spec.stop.term_grace, lane.closed()).await;
        }
    }
}

/// Ends a process in the order MCP asks for: let calls end, close its input, wait, ask the whole
/// group to end, wait, end it (MCP 2026-07-28, basic/transports/stdio, Shutdown).
async fn end(process: &Process, spec: &ServerSpec) {
    let mut exit = process.exit.clone();
    if timeout(spec.stop.stdin_grace, exit.wait_for(Option::is_some)).await.is_err() {
        process.terminate();
        if timeout(spec.stop.term_grace, exit.wait_for(Option::is_some)).await.is_err() {
            warn!(server = %spec.id, pid = process.pid, reason = "stop_timeout", "server killed");
            process.kill();
        }
    }
    let mut gone = process.gone.clone();
    if timeout(REAP, gone.wait_for(|gone| *gone)).await.is_err() {
        warn!(server = %spec.id, pid = process.pid, "server does not end even when killed");
    }
}
