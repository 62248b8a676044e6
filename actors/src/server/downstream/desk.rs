//! This file knows what each message of a server means to those who wait, however it came here.
//!
//! It leaves carrying messages to the pumps, and what an answer says to whoever asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rmcp::RoleClient;
use rmcp::service::RxJsonRpcMessage;
use tokio::sync::mpsc;

use super::asking::{Open, Work, ask};
use super::lane::{CallFailure, Command, Gauges};
use super::late::Late;
use super::peers::Peers;
use super::pending::{Entry, Pending, Ports, ReplyPort};
use super::said::{self, Said};
use super::sdk;
use crate::model::{Answer, Callers, InquiryKind, Notice};
use crate::wire::{
    self, Hop, Id, Malformed, Members, Message, Notification, Outcome, Request, Response, Words,
    notification,
};

/// Prefix of the ids of our own requests; the SDK's are plain numbers.
pub(super) const PREFIX: &str = "c-";
/// Questions that wait for the first call.
const EARLY_MAX: usize = 8;

/// The unanswered requests of one life of a server, and what is known about that life.
pub(super) struct Desk {
    pub(super) pending: Pending,
    pub(super) gauges: Arc<Gauges>,
    /// What the server has asked its callers.
    open: Open,
    /// Who has called so far.
    callers: Callers,
    /// Whose calls were taken back, so that the server may still be at them.
    given_up: Callers,
    /// Calls that were answered with a task.
    late: Late,
    /// Who calls here.
    peers: Peers,
    /// Where all calls are of one client: what the server asked before the first came, which is on its
    /// way. None once it is there.
    early: Option<Vec<Request>>,
    sdk: Option<mpsc::Sender<RxJsonRpcMessage<RoleClient>>>,
    /// The way back to the server for answers to its questions.
    commands: mpsc::WeakSender<Command>,
}

impl Desk {
    /// A desk on which nothing lies. Answers to the server's questions go to `commands`.
    pub(super) fn new(
        gauges: Arc<Gauges>,
        commands: mpsc::WeakSender<Command>,
        peers: Peers,
    ) -> Self {
        let (callers, given_up) = (Callers::default(), Callers::default());
        let (pending, late, open) = (Pending::default(), Late::default(), Open::default());
        let (early, sdk) = ((peers == Peers::One).then(Vec::new), None);
        Self { pending, gauges, open, callers, given_up, late, peers, early, sdk, commands }
    }

    /// From now on, answers to the SDK's own requests go to `sdk`.
    pub(super) fn attach(&mut self, sdk: mpsc::Sender<RxJsonRpcMessage<RoleClient>>) {
        self.sdk = Some(sdk);
    }

    /// A request goes out and will be answered.
    pub(super) fn expect(&mut self, ticket: u64, entry: Entry) {
        if let Some(ear) = &entry.ports.ear {
            self.callers.add(&ear.principal);
        }
        let is_call = entry.slot.is_some();
        self.pending.insert(ticket, entry);
        let early = if is_call { self.early.take() } else { None };
        for request in early.into_iter().flatten() {
            if let Some(refused) = self.on_request(request, None)
                && let Some(commands) = self.commands.upgrade()
            {
                // With a full pipe the server does not read.
                let _ = commands.try_send(Command::Raw(wire::one_line(refused.into())));
            }
        }
    }

    /// A question of the server; what is returned is the answer that it gets at once.
    fn on_request(&mut self, request: Request, to: Option<u64>) -> Option<Vec<u8>> {
        if let Some(early) = &mut self.early
            && to.is_none()
            && early.len() < EARLY_MAX
            && InquiryKind::of(&request.method).is_some()
        {
            early.push(request);
            return None;
        }
        let work = Work { pending: &self.pending, given_up: &self.given_up, peers: self.peers };
        ask(&work, &mut self.open, request, to, &self.commands)
    }

    /// Nobody waits for `ticket` any more; returns whether anybody did.
    pub(super) fn give_up(&mut self, ticket: u64) -> bool {
        let entry = self.pending.take(ticket);
        if let Some(ear) = entry.as_ref().and_then(|entry| entry.ports.ear.as_ref()) {
            self.given_up.add(&ear.principal);
        }
        entry.is_some()
    }

    /// Takes one message that came in `bytes`, in reply to the request of the ticket `to` where that is known.
    /// What is returned is to be sent back.
    pub(super) fn on_message(
        &mut self,
        message: Result<Message, Malformed>,
        bytes: &Bytes,
        to: Option<u64>,
    ) -> Option<Vec<u8>> {
        // A message of any kind is a sign of life; mere bytes are none.
        if message.is_ok() {
            self.gauges.hear();
        }
        match message {
            Ok(Message::Response(response)) => self.on_response(response, bytes),
            Ok(Message::Request(request)) => return self.on_request(request, to),
            Ok(Message::Notification(told)) => match &*told.method {
                "notifications/progress" => self.on_progress(told.params.as_ref()),
                "notifications/cancelled" => self.open.withdraw(told.params.as_ref()),
                "notifications/message" => self.on_log(told.params.as_ref(), to),
                "notifications/resources/updated" => {
                    self.tell(told.params.as_ref().and_then(said::updated).map(Said::Updated));
                }
                "notifications/elicitation/complete" => {
                    if let Some(id) = told.params.as_ref().and_then(said::visit) {
                        let heard = self.open.end_visit(&id);
                        self.tell(Some(Said::Visited { id, heard }));
                    }
                }
                "notifications/tasks/status" | "notifications/tasks" => {
                    self.tell(told.params.as_ref().and_then(said::status));
                }
                "notifications/subscriptions/acknowledged" => {
                    self.tell(told.params.as_ref().and_then(said::acknowledged));
                }
                "notifications/tools/list_changed"
                | "notifications/prompts/list_changed"
                | "notifications/resources/list_changed" => {
                    self.gauges.lists_changed.send_modify(|count| *count += 1);
                }
                _ => self.on_notice(&told, to),
            },
            Err(malformed) => self.on_garbage(bytes, &malformed),
        }
        None
    }

    /// An answer that cannot be used still ends the wait of whoever asked.
    pub(super) fn fail_answer(&mut self, id: Option<Id>, failure: CallFailure) {
        let Some(id) = id else { return };
        match id.number_after(PREFIX) {
            Some(ticket) => self.fail(ticket, failure),
            None => sdk::deliver_failure(self.sdk.as_ref(), &id, &failure.to_string()),
        }
    }

    /// Ends the wait for `ticket`, if anybody still waits.
    pub(super) fn fail(&mut self, ticket: u64, failure: CallFailure) {
        if let Some(entry) = self.pending.take(ticket) {
            entry.end(Err(failure));
        }
    }

    fn on_response(&mut self, response: Response, bytes: &Bytes) {
        let Response { id, outcome, words } = response;
        let ticket = id.as_ref().and_then(|id| id.number_after(PREFIX));
        match (ticket.and_then(|ticket| self.pending.take(ticket)), id) {
            (Some(entry), _) => {
                if let Some(ticket) = ticket {
                    self.late.note(ticket, &entry, &outcome);
                }
                let answer = Answer { outcome, hop: entry.hop, words };
                entry.end(Ok(answer));
            }
            (None, Some(id)) if ticket.is_none() => {
                if let Outcome::Result(result) = outcome {
                    self.gauges.welcome.store(Arc::new(result));
                }
                sdk::deliver(self.sdk.as_ref(), &id, bytes);
            }
            (None, _) => {
                self.gauges.unmatched.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn on_garbage(&mut self, bytes: &Bytes, malformed: &Malformed) {
        self.gauges.noise.fetch_add(1, Ordering::Relaxed);
        if bytes.first() == Some(&b'{') {
            let reason = malformed.to_string();
            self.fail_answer(wire::head_id(bytes), CallFailure::Garbled { reason });
        }
    }

    /// A log message goes to the call that it belongs to, if its caller asked for such messages.
    /// What belongs to no call in particular is told to those who hear for the sessions.
    fn on_log(&self, params: Option<&Bytes>, via: Option<u64>) {
        let Some((params, level)) = params.and_then(|it| said::level(it).map(|level| (it, level)))
        else {
            return;
        };
        match self.work().says(via, Some(params)) {
            Some(ticket) => {
                let logs = self.pending.ear(ticket).and_then(|ear| ear.logs.as_ref());
                let wanted = logs.filter(|logs| logs.level <= level && logs.sink.capacity() > 0);
                if let Some((logs, message)) = wanted.zip(said::logged(level, params)) {
                    let line = notification("notifications/message", Some(&message));
                    let _ = logs.sink.try_send(line);
                }
            }
            None if self.gauges.logs.borrow().is_some_and(|from| from <= level) => {
                self.tell(said::unattributed(level, params, &self.callers));
            }
            None => {}
        }
    }

    /// A notification of an extension goes to the call on whose stream it came, at newer servers also to
    /// the one that it must be about. All else that older ones say is for sessions.
    fn on_notice(&self, told: &Notification, via: Option<u64>) {
        let Some(line) = said::notice(told) else { return };
        let is_newer =
            |ticket: &u64| self.pending.get(*ticket).is_some_and(|it| it.hop == Hop::Modern);
        let ticket = via.or_else(|| self.work().says(None, None).filter(is_newer));
        match ticket.and_then(|ticket| self.pending.ear(ticket)) {
            Some(ear) => {
                // A caller that is slow, or knows of no extensions, misses it.
                let _ = ear.notices.as_ref().map(|notices| notices.try_send(line));
            }
            None => self.tell(Some(Said::Noticed(Notice { line, callers: self.callers.clone() }))),
        }
    }

    /// Whether a notification of a client is to be written; whoever waits for that knows it is done. An
    /// older server takes all of them as of one client, so only those of one principal are, as long as
    /// nobody else calls this life of it.
    pub(super) fn pass_notice(&mut self, hop: Hop, ports: &Ports, reply: ReplyPort) -> bool {
        let outcome = Outcome::Result(Bytes::from_static(b"{}"));
        let _ = reply.send(Ok(Answer { outcome, hop, words: Words::NONE }));
        let Some(ear) = &ports.ear else { return false };
        if hop == Hop::Modern {
            return true;
        }
        let mut callers = self.callers.clone();
        callers.add(&ear.principal);
        if callers == Callers::Several {
            return false;
        }
        self.callers = callers;
        true
    }

    fn work(&self) -> Work<'_> {
        Work { pending: &self.pending, given_up: &self.given_up, peers: self.peers }
    }

    fn tell(&self, said: Option<Said>) {
        if let Some(said) = said {
            self.gauges.say(said);
        }
    }

    fn on_progress(&mut self, params: Option<&Bytes>) {
        let Some(Ok(mut params)) = params.map(Members::read) else { return };
        let ticket = params.get("progressToken").cloned().and_then(Id::from_raw);
        let Some(ticket) = ticket.and_then(|token| token.number_after(PREFIX)) else { return };
        let Some(port) = self.pending.progress(ticket) else {
            let late = self.late.task(ticket);
            return self.tell(late.map(|(own, token)| said::progress(own, params, token)));
        };
        params.set("progressToken", port.token.clone());
        let _ = port.sink.try_send(params.to_json());
    }
}

/// The parameters that tell a server to give up on `ticket`.
pub(super) fn cancelled(ticket: u64) -> Bytes {
    let params = format!(r#"{{"requestId":"{PREFIX}{ticket}","reason":"no longer wanted"}}"#);
    notification("notifications/cancelled", Some(params.as_bytes()))
}
