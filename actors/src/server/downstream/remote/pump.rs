//! This file moves messages between one remote server and the calls that wait for it.
//!
//! One task owns the table of unanswered requests; each request has a task of its own that carries
//! it. It leaves HTTP to those tasks, and deciding about restarts to the supervisor.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::answer::{EventStream, RefusalError};
use super::channel::{Channel, Letter, Session};
use super::client::TripError;
use super::exchange::{End, Heard, exchange};
use super::listen::{listen, listen_to};
use super::open::{OpenError, Opened, initialize};
use super::relearn::relearn;
use crate::model::{Cause, Downfall};
use crate::server::downstream::desk::{Desk, PREFIX, cancelled};
use crate::server::downstream::lane::{Body, CallFailure, Command};
use crate::server::downstream::pending::Entry;
use crate::server::downstream::sdk::write_request;
use crate::wire::{self, CallKind, CallParams, Hop, Malformed, Message, Outcome, Response, Text};

/// Messages that may wait for the pump; their senders wait with them.
const QUEUE: usize = 16;
/// Messages of our own, without an answer, that may be under way.
const ERRANDS: usize = 64;
/// How long such a message or a check-up may take.
const ERRAND: Duration = Duration::from_secs(5);
/// How long the end of a session may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a new session may take to be agreed upon.
const RENEWAL: Duration = Duration::from_secs(30);
/// How long the list of tools may take that says what headers calls need.
const RELEARNING: Duration = Duration::from_secs(10);

/// The task behind one lane to a remote server.
pub(super) struct Pump {
    channel: Arc<Channel>,
    desk: Desk,
    commands: mpsc::Receiver<Command>,
    heard: mpsc::Receiver<Heard>,
    tell: mpsc::Sender<Heard>,
    tasks: JoinSet<()>,
    running: HashMap<u64, Running>,
    /// Requests that wait for a new session.
    waiting: Vec<u64>,
    /// Requests that wait until it is known what headers they need.
    mismatched: Vec<(u64, Text, Arc<CallParams>)>,
    errands: Arc<Semaphore>,
    listener: Option<AbortHandle>,
    renewing: bool,
    checking: bool,
    closing: bool,
}

/// A request under way.
struct Running {
    letter: Letter,
    /// Whether its answer says what headers later calls need.
    is_list: bool,
    /// Whether it was refused once because the session was over.
    renewed: bool,
    /// The call whose arguments headers repeat, until it was refused once because they do not fit.
    call: Option<(Text, Arc<CallParams>)>,
    task: Option<AbortHandle>,
}

impl Pump {
    /// A pump for a session that was just opened.
    pub(super) fn new(
        channel: Channel,
        opened: Opened,
        commands: mpsc::Receiver<Command>,
        back: mpsc::WeakSender<Command>,
    ) -> Self {
        let (tell, heard) = mpsc::channel(QUEUE);
        let Opened { session, stream } = opened;
        channel.session.store(Arc::new(session));
        let mut pump = Self {
            desk: Desk::new(Arc::clone(&channel.gauges), back, channel.peers),
            channel: Arc::new(channel),
            commands,
            heard,
            tell,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            waiting: Vec::new(),
            mismatched: Vec::new(),
            errands: Arc::new(Semaphore::new(ERRANDS)),
            listener: None,
            renewing: false,
            checking: false,
            closing: false,
        };
        pump.listen(stream);
        pump
    }

    /// Runs until the server is gone or not wanted any more; fails what is unanswered, and says
    /// why.
    pub(super) async fn run(mut self) -> Arc<Downfall> {
        let cause = self.pump().await;
        let downfall = Downfall::silent(cause);
        for (ticket, entry) in self.desk.pending.drain() {
            let mut refused = self.mismatched.iter().map(|(refused, ..)| refused);
            let sent = !self.waiting.contains(&ticket) && !refused.any(|it| *it == ticket);
            let lost = CallFailure::Lost { downfall: Arc::clone(&downfall), sent };
            let _ = entry.reply.send(Err(lost));
        }
        self.tasks.abort_all();
        if downfall.cause == Cause::Asked {
            let _ = timeout(FAREWELL, self.channel.leave()).await;
        }
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Request { reply, .. } = command {
                let lost = CallFailure::Lost { downfall: Arc::clone(&downfall), sent: false };
                let _ = reply.send(Err(lost));
            }
        }
        downfall
    }

    async fn pump(&mut self) -> Cause {
        loop {
            while self.tasks.try_join_next().is_some() {}
            if self.closing && self.desk.pending.is_empty() {
                return Cause::Asked;
            }
            tokio::select! {
                biased;
                heard = self.heard.recv() => {
                    let Some(heard) = heard else { return Cause::Asked };
                    if let Some(cause) = self.on_heard(heard) {
                        return cause;
                    }
                }
                command = self.commands.recv() => match command {
                    Some(Command::CloseInput { when_idle: false }) | None => return Cause::Asked,
                    Some(command) => self.on_command(command),
                },
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Request { ticket, method, hop, body, reply, ports, slot } => {
                if self.closing || reply.is_closed() {
                    let downfall = Downfall::silent(Cause::Asked);
                    let _ = reply.send(Err(CallFailure::Lost { downfall, sent: false }));
                    return;
                }
                if let Some(retry_after) = self.channel.pause() {
                    let _ = reply.send(Err(CallFailure::Throttled { retry_after }));
                    return;
                }
                if body.is_notice() {
                    if self.desk.pass_notice(hop, &ports, reply) {
                        self.post(self.letter(ticket, method, hop, &body));
                    }
                    return;
                }
                let task = body.awaited_task();
                let entry = Entry { reply, ports, hop, task, starts_at: 0, slot };
                self.desk.expect(ticket, entry);
                let letter = self.letter(ticket, method, hop, &body);
                let is_list = method == "tools/list" && hop == Hop::Modern;
                let call = match body {
                    Body::Call { name, params } if hop == Hop::Modern => Some((name, params)),
                    Body::Call { .. } | Body::Members(_) => None,
                };
                let running = Running { letter, is_list, renewed: false, call, task: None };
                self.running.insert(ticket, running);
                self.set_out(ticket);
            }
            Command::Cancel { ticket } => {
                if self.desk.give_up(ticket) {
                    self.give_up(ticket);
                }
            }
            Command::CloseInput { .. } => self.closing = true,
            Command::Raw(message) => self.post(message),
            // Sessions with remote servers are opened without the SDK.
            Command::Attach(_) => {}
        }
    }

    fn letter(&self, ticket: u64, method: &'static str, hop: Hop, body: &Body) -> Letter {
        let mut out = Vec::new();
        write_request(&mut out, PREFIX, ticket, method, hop, body);
        let mut letter = Letter::from(out);
        if hop == Hop::Modern {
            letter.headers = self.channel.mirrors.load().headers(method, body);
        }
        letter
    }

    /// Sends a request on its way, or lets it wait for the session it needs.
    fn set_out(&mut self, ticket: u64) {
        let Some(running) = self.running.get_mut(&ticket) else { return };
        if self.renewing {
            self.waiting.push(ticket);
            return;
        }
        let (channel, tell) = (Arc::clone(&self.channel), self.tell.clone());
        let task = exchange(channel, tell, ticket, running.letter.clone());
        running.task = Some(self.tasks.spawn(task));
    }

    /// Nobody waits for `ticket` any more. To a modern server the end of the connection says so
    /// (MCP 2026-07-28, basic/utilities/cancellation), to an older one a message.
    fn give_up(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| *waiting != ticket);
        self.mismatched.retain(|(waiting, ..)| *waiting != ticket);
        let Some(running) = self.running.remove(&ticket) else { return };
        let Some(task) = running.task else { return };
        task.abort();
        if self.channel.session.load().hop == Hop::Legacy {
            self.post(cancelled(ticket));
        }
    }

    /// Sends a message that has no answer. Too many of them are dropped.
    fn post(&mut self, message: impl Into<Letter>) {
        let Ok(place) = Arc::clone(&self.errands).try_acquire_owned() else { return };
        let (channel, tell) = (Arc::clone(&self.channel), self.tell.clone());
        self.tasks.spawn(errand(channel, tell, message.into(), place));
    }

    fn listen(&mut self, stream: Option<Box<EventStream>>) {
        let session = self.channel.session.load();
        let (channel, tell) = (Arc::clone(&self.channel), self.tell.clone());
        let task = match stream {
            Some(stream) => self.tasks.spawn(listen_to(stream, tell)),
            // Those are asked like for anything else (see `server/keeper.rs`).
            None if session.hop == Hop::Modern => return,
            None => self.tasks.spawn(listen(channel, tell)),
        };
        if let Some(before) = self.listener.replace(task) {
            before.abort();
        }
    }

    /// What is heard may be the end of the server.
    fn on_heard(&mut self, heard: Heard) -> Option<Cause> {
        match heard {
            Heard::Said { message, bytes, to } => self.on_said(message, &bytes, to),
            Heard::Ended { ticket, end } => return self.on_end(ticket, end),
            Heard::Forgotten(number) => self.renew(number),
            Heard::Renewed(renewed) => return self.on_renewed(renewed),
            Heard::Relearned => self.on_relearned(),
            Heard::Present => self.checking = false,
            Heard::Gone(cause) => return Some(cause),
        }
        None
    }

    fn on_said(&mut self, message: Result<Message, Malformed>, bytes: &Bytes, to: Option<u64>) {
        self.desk.gauges.hear();
        if let Ok(Message::Response(Response { id: Some(id), outcome, .. })) = &message
            && let Some(ticket) = id.number_after(PREFIX)
        {
            self.on_answer(ticket, outcome);
        }
        if let Some(answer) = self.desk.on_message(message, bytes, to) {
            self.post(answer);
        }
    }

    fn on_answer(&mut self, ticket: u64, outcome: &Outcome) {
        if let Outcome::Result(result) = outcome
            && self.running.get(&ticket).is_some_and(|running| running.is_list)
            && let Some(mirrors) = self.channel.mirrors.load().learn(result)
        {
            self.channel.mirrors.store(Arc::new(mirrors));
        }
        // Otherwise its own way has an end too, which is told.
        if self.channel.session.load().one_stream {
            self.running.remove(&ticket);
        }
    }

    fn on_end(&mut self, ticket: u64, end: End) -> Option<Cause> {
        let lost = |reason: &Arc<str>, sent| {
            let downfall = Downfall::silent(Cause::Unreachable(Arc::clone(reason)));
            CallFailure::Lost { downfall, sent }
        };
        match end {
            End::Awaited => return None,
            End::Forgotten(number) => {
                if let Some(running) = self.running.get_mut(&ticket).filter(|run| !run.renewed) {
                    running.renewed = true;
                    running.task = None;
                    self.renew(number);
                    self.set_out(ticket);
                    return None;
                }
                let reason = "it does not know the session that it has just opened".to_owned();
                self.desk.fail(ticket, CallFailure::Http { status: 404, reason });
            }
            End::Mismatched(answer) => {
                let call = self.running.get_mut(&ticket).and_then(|running| running.call.take());
                match call.filter(|(_, params)| params.kind == CallKind::Tool) {
                    Some(call) => {
                        self.relearn(ticket, call);
                        return None;
                    }
                    None => self.on_said(wire::parse(&answer), &answer, Some(ticket)),
                }
            }
            End::Over => {
                let reason = "the server took the request and gave no answer to it".to_owned();
                self.desk.fail(ticket, CallFailure::Garbled { reason });
            }
            End::Failed(failure) => self.desk.fail(ticket, failure),
            End::Broken(reason) => {
                self.desk.fail(ticket, lost(&reason, true));
                self.check();
            }
            End::Unreachable(reason) => {
                self.desk.fail(ticket, lost(&reason, false));
                return Some(Cause::Unreachable(reason));
            }
        }
        self.running.remove(&ticket);
        None
    }

    /// A call was refused because its headers do not fit: it is made once more when the list of tools
    /// was read again, which says what headers they need. Nothing was done about it yet.
    fn relearn(&mut self, ticket: u64, (name, params): (Text, Arc<CallParams>)) {
        if let Some(running) = self.running.get_mut(&ticket) {
            running.task = None;
        }
        // Callers are to know it as well, and whoever checks what they send.
        if self.mismatched.is_empty() {
            self.desk.gauges.lists_changed.send_modify(|count| *count += 1);
            let (channel, tell) = (Arc::clone(&self.channel), self.tell.clone());
            self.tasks.spawn(async move {
                let _ = timeout(RELEARNING, relearn(&channel)).await;
                let _ = tell.send(Heard::Relearned).await;
            });
        }
        self.mismatched.push((ticket, name, params));
    }

    fn on_relearned(&mut self) {
        for (ticket, name, params) in std::mem::take(&mut self.mismatched) {
            let body = Body::Call { name, params };
            let headers = self.channel.mirrors.load().headers("tools/call", &body);
            if let Some(running) = self.running.get_mut(&ticket) {
                running.letter.headers = headers;
                self.set_out(ticket);
            }
        }
    }

    /// Asks for a new session if the one of this number is the present one.
    fn renew(&mut self, number: u64) {
        if self.renewing || self.channel.session.load().number != number {
            return;
        }
        self.renewing = true;
        let (channel, tell) = (Arc::clone(&self.channel), self.tell.clone());
        self.tasks.spawn(async move {
            let late = OpenError::Unreachable("it does not answer".into());
            let renewed = timeout(RENEWAL, initialize(&channel, number + 1)).await;
            let renewed = renewed.unwrap_or(Err(late)).map(Box::new);
            let _ = tell.send(Heard::Renewed(renewed)).await;
        });
    }

    fn on_renewed(&mut self, renewed: Result<Box<Session>, OpenError>) -> Option<Cause> {
        self.renewing = false;
        match renewed {
            Ok(session) => {
                self.channel.session.store(Arc::new(*session));
                self.listen(None);
                for ticket in std::mem::take(&mut self.waiting) {
                    self.set_out(ticket);
                }
                self.desk.gauges.sessions.send_modify(|count| *count += 1);
                // It may be another program than before.
                self.desk.gauges.lists_changed.send_modify(|count| *count += 1);
                None
            }
            Err(OpenError::Throttled(retry_after)) => {
                for ticket in std::mem::take(&mut self.waiting) {
                    self.running.remove(&ticket);
                    self.desk.fail(ticket, CallFailure::Throttled { retry_after });
                }
                None
            }
            Err(error) => Some(error.into()),
        }
    }

    /// A connection broke: was it only that, or is the server gone?
    fn check(&mut self) {
        if std::mem::replace(&mut self.checking, true) {
            return;
        }
        let hop = self.channel.session.load().hop;
        let method = if hop == Hop::Legacy { "ping" } else { "server/discover" };
        let letter = self.letter(0, method, hop, &Body::Members(Bytes::new()));
        let (channel, tell) = (Arc::clone(&self.channel), self.tell.clone());
        self.tasks.spawn(async move {
            let session = channel.session.load_full();
            let found = match timeout(ERRAND, channel.post(&session, &letter)).await {
                Ok(Err(RefusalError::Trip(
                    TripError::Unreachable(reason) | TripError::Broken(reason),
                ))) => Heard::Gone(Cause::Unreachable(reason)),
                Ok(_) => Heard::Present,
                Err(_) => Heard::Gone(Cause::Unreachable("it does not answer".into())),
            };
            let _ = tell.send(found).await;
        });
    }
}

async fn errand(
    channel: Arc<Channel>,
    tell: mpsc::Sender<Heard>,
    letter: Letter,
    _place: OwnedSemaphorePermit,
) {
    let session = channel.session.load_full();
    let posted = timeout(ERRAND, channel.post(&session, &letter)).await;
    if let Ok(Err(RefusalError::Trip(TripError::Unreachable(reason)))) = posted {
        let _ = tell.send(Heard::Gone(Cause::Unreachable(reason))).await;
    }
}

impl From<OpenError> for Cause {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unreachable(reason) => Self::Unreachable(reason),
            OpenError::Denied(reason) => Self::Denied(reason.into()),
            OpenError::Throttled(pause) => Self::Throttled(pause),
            OpenError::Refused { reason, .. } => Self::Handshake(reason.into()),
        }
    }
}
