//! This file decides which call a server's question belongs to, and whether its caller can be asked.
//!
//! It waits for nobody. Carrying the question and the answer is left to the door and the pump.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use conductor_config::ServerId;
use tokio::sync::{mpsc, oneshot};

use super::lane::Command;
use super::peers::Peers;
use super::pending::{Entry, Pending};
use super::said;
use super::stopwatch::Stopwatch;
use crate::model::{Callers, Inquiries, Inquiry, InquiryKind, Principal, Visit};
use crate::wire::{self, Abilities, Hop, Id, Members, Outcome, Request, related_task};

/// What one call needs so that its server can ask something.
#[derive(Debug, Clone)]
pub(crate) struct InquiryPort {
    /// The server, as the caller knows it.
    pub(crate) server: ServerId,
    /// Where its questions go.
    pub(crate) inquiries: Inquiries,
    /// Stands still while one is open.
    pub(crate) stopwatch: Stopwatch,
}

/// Why a server's question is not brought to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unasked {
    /// No client offers that.
    Unknown,
    /// No call is under way that it could belong to.
    NoCall,
    /// Several are, and nothing says to which of them it belongs.
    SeveralCalls,
    /// The caller cannot be asked, or not for this.
    Unable,
    /// The caller can be asked, but not in this way.
    WrongMode,
    /// The caller has too many questions open already.
    TooMany,
}

impl Unasked {
    /// The error object that the server gets (MCP 2025-11-25, client/elicitation, client/sampling,
    /// client/roots, Error Handling).
    fn error(self) -> &'static [u8] {
        match self {
            Self::Unknown => br#"{"code":-32601,"message":"not offered to this server"}"#,
            Self::NoCall => {
                br#"{"code":-32601,"message":"only offered while a call is under way"}"#
            }
            Self::SeveralCalls => {
                br#"{"code":-32603,"message":"several calls are under way, and nothing tells which of them asks"}"#
            }
            Self::Unable => br#"{"code":-32601,"message":"not offered by the client that called"}"#,
            Self::WrongMode => {
                br#"{"code":-32602,"message":"not offered in this form by the client that called"}"#
            }
            Self::TooMany => br#"{"code":-32603,"message":"too many questions are open"}"#,
        }
    }
}

/// What a server hears whose question was brought to a client and not answered.
const UNANSWERED: &[u8] = br#"{"code":-32603,"message":"the client gave no answer"}"#;

/// The questions of a server that may be open, and how each is taken back; and the visits that it asked
/// for in calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Open {
    questions: HashMap<Id, oneshot::Sender<()>>,
    visits: HashMap<Arc<str>, Visits>,
}

/// Those that a server calls by one name. It may have the same for all who are to go there.
#[derive(Debug)]
struct Visits {
    /// Of whom it was asked last: nobody else hears of it.
    principal: Option<Principal>,
    ports: Vec<oneshot::Sender<()>>,
}

impl Open {
    /// The server takes the question of this id back.
    pub(super) fn withdraw(&mut self, params: Option<&Bytes>) {
        let id = params.and_then(|params| Members::read(params).ok()?.take("requestId"));
        if let Some(port) = id.and_then(Id::from_raw).and_then(|id| self.questions.remove(&id)) {
            let _ = port.send(()); // it was answered just now
        }
    }

    /// The server has seen the end of a visit; returns whether a call was waiting for it.
    pub(super) fn end_visit(&mut self, id: &str) -> bool {
        let ports = self.visits.remove(id).into_iter().flat_map(|visits| visits.ports);
        ports.filter_map(|port| port.send(()).ok()).count() > 0
    }

    /// Notes a question; returns where it hears that it was taken back.
    fn note(&mut self, id: Id) -> oneshot::Receiver<()> {
        self.questions.retain(|_, port| !port.is_closed());
        let (port, withdrawn) = oneshot::channel();
        self.questions.insert(id, port);
        withdrawn
    }

    /// Notes a visit that is asked for in a call of `principal`.
    fn note_visit(&mut self, id: Arc<str>, principal: Option<&Principal>) -> Visit {
        self.visits.retain(|_, visits| visits.ports.iter().any(|port| !port.is_closed()));
        let fresh = || Visits { principal: principal.cloned(), ports: Vec::new() };
        let visits = self.visits.entry(Arc::clone(&id)).or_insert_with(fresh);
        if visits.principal.as_ref() != principal {
            *visits = fresh();
        }
        let (port, ended) = oneshot::channel();
        visits.ports.push(port);
        Visit { id, ended }
    }
}

/// What a life of a server is at, as far as that says for whom its questions are.
pub(super) struct Work<'a> {
    /// The calls under way.
    pub(super) pending: &'a Pending,
    /// Whose calls were taken back, so that the server may still be at them.
    pub(super) given_up: &'a Callers,
    /// Who calls there.
    pub(super) peers: Peers,
}

/// Brings a request of a server to the caller it is for; if that cannot be, returns what to answer.
/// `call` is the ticket that the request came with, where the transport tells.
pub(super) fn ask(
    work: &Work<'_>,
    open: &mut Open,
    request: Request,
    call: Option<u64>,
    commands: &mpsc::WeakSender<Command>,
) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    if &*request.method == "ping" {
        wire::write_result(&mut out, &request.id, b"{}");
        return Some(out);
    }
    let asked = work.asks(call, &request).and_then(|entry| {
        let found = judge(entry, &request)?;
        let principal = entry.ports.ear.as_ref().map(|ear| &ear.principal);
        hand_over(found, principal, &request, commands, open)
    });
    let Err(unasked) = asked else {
        return None;
    };
    wire::write_error(&mut out, Some(&request.id), unasked.error());
    Some(out)
}

impl Work<'_> {
    /// The call that a question is about: the one named, or the only one it can be. One that names a task
    /// belongs to whoever waits for its result, whatever else is under way, and to nobody else (MCP
    /// 2025-11-25, basic/utilities/tasks). Where all calls are of one peer, the newest that it can be
    /// asked by way of is as good as any.
    fn asks(&self, call: Option<u64>, request: &Request) -> Result<&Entry, Unasked> {
        let task = request.params.as_ref().filter(|_| call.is_none()).and_then(related_task);
        if let Some((_, entry)) = task.as_deref().and_then(|task| self.pending.waiting_for(task)) {
            return Ok(entry);
        }
        match call {
            Some(ticket) => self.pending.get(ticket).ok_or(Unasked::NoCall),
            None if task.is_some() && self.peers == Peers::Several => Err(Unasked::NoCall),
            None if self.peers == Peers::One => self.pending.newest_to_ask().ok_or(Unasked::NoCall),
            None => self.likeliest().map(|(_, entry)| entry),
        }
    }

    /// The ticket of the call that a message belongs to with these parameters, by the same rule; but
    /// nobody would miss one where several calls of one peer are under way.
    pub(super) fn says(&self, call: Option<u64>, params: Option<&Bytes>) -> Option<u64> {
        let task = params.filter(|_| call.is_none()).and_then(related_task);
        match (call, task) {
            (Some(ticket), _) => Some(ticket),
            (None, Some(task)) => self.pending.waiting_for(&task).map(|(ticket, _)| ticket),
            (None, None) => self.likeliest().ok().map(|(ticket, _)| ticket),
        }
    }

    /// The only call whose server goes on with it; if it waits for answers in all of them, the one it
    /// asked something for last. A server that waits may ask more all the same, so this holds among calls
    /// of one principal only: what may be about another's, were it given up, is brought to nobody.
    fn likeliest(&self) -> Result<(u64, &Entry), Unasked> {
        let (waiting, at_work): (Vec<_>, Vec<_>) =
            self.pending.of_callers().partition(|(_, entry)| entry.waits_since().is_some());
        let mut whose = self.given_up.clone();
        let all = waiting.iter().chain(&at_work);
        for ear in all.filter_map(|(_, entry)| entry.ports.ear.as_ref()) {
            whose.add(&ear.principal);
        }
        match (&*at_work, &whose) {
            (_, Callers::Several) | ([_, _, ..], _) => Err(Unasked::SeveralCalls),
            ([one], _) => Ok(*one),
            ([], _) => {
                let asked_last = waiting.into_iter().max_by_key(|(_, entry)| entry.waits_since());
                asked_last.ok_or(Unasked::NoCall)
            }
        }
    }
}

/// Whether the caller can be asked for this.
fn judge<'a>(
    entry: &'a Entry,
    request: &Request,
) -> Result<(&'a InquiryPort, InquiryKind), Unasked> {
    let kind = InquiryKind::of(&request.method).ok_or(Unasked::Unknown)?;
    // Servers of the newer revisions put their questions into results.
    let port = entry.ports.inquiries.as_ref().filter(|_| entry.hop == Hop::Legacy);
    let port = port.ok_or(Unasked::Unable)?;
    let params = request.params.as_ref().and_then(|params| Members::read(params).ok());
    let permitted = permit(port.inquiries.abilities, kind, params.as_ref());
    if let (Err(_), Some(needed)) = (permitted, needed(kind, params.as_ref())) {
        let _ = port.inquiries.lacked.set(needed); // the first one is told
    }
    permitted.map(|()| (port, kind))
}

/// What a client has to be able to do for this; nothing where no ability would help: one process has many
/// callers, with folders of their own.
fn needed(kind: InquiryKind, params: Option<&Members>) -> Option<Abilities> {
    kind.needs(params).filter(|_| kind != InquiryKind::Roots)
}

fn permit(can: Abilities, kind: InquiryKind, params: Option<&Members>) -> Result<(), Unasked> {
    let has = |key: &str| params.is_some_and(|params| params.get(key).is_some());
    let mode = || params.and_then(|params| params.text("mode"));
    match kind {
        InquiryKind::Elicitation if !can.form && !can.url => Err(Unasked::Unable),
        InquiryKind::Elicitation => {
            let able = match mode().as_deref() {
                Some("url") => can.url,
                Some("form") | None => can.form,
                Some(_) => false,
            };
            if able { Ok(()) } else { Err(Unasked::WrongMode) }
        }
        InquiryKind::Sampling if !can.sampling => Err(Unasked::Unable),
        InquiryKind::Sampling if !can.sampling_tools && (has("tools") || has("toolChoice")) => {
            Err(Unasked::WrongMode)
        }
        InquiryKind::Sampling => Ok(()),
        InquiryKind::Roots if can.roots => Ok(()),
        InquiryKind::Roots => Err(Unasked::Unable),
    }
}

fn hand_over(
    (port, kind): (&InquiryPort, InquiryKind),
    principal: Option<&Principal>,
    request: &Request,
    commands: &mpsc::WeakSender<Command>,
    open: &mut Open,
) -> Result<(), Unasked> {
    let sink = port.inquiries.sink.as_ref().ok_or(Unasked::Unable)?;
    let place = sink.try_reserve().map_err(|_| Unasked::TooMany)?;
    let commands = commands.upgrade().ok_or(Unasked::NoCall)?;
    let (id, pause) = (request.id.clone(), port.stopwatch.pause());
    let respond = Box::new(move |outcome: Option<Outcome>| {
        // With a full pipe the server does not read; one that is gone wants no answer.
        let _ = commands.try_send(Command::Raw(response(&id, outcome.as_ref())));
        drop(pause);
    });
    let (server, params) = (port.server.clone(), request.params.clone());
    let visit = params.as_ref().filter(|_| kind == InquiryKind::Elicitation);
    let visit = visit.and_then(said::visit).map(|id| open.note_visit(id, principal));
    let withdrawn = open.note(request.id.clone());
    let inquiry = Inquiry::new(server, kind, params, respond, withdrawn).for_visit(visit);
    place.send(Box::new(inquiry));
    Ok(())
}

fn response(id: &Id, outcome: Option<&Outcome>) -> Bytes {
    let mut out = Vec::new();
    match outcome {
        Some(Outcome::Result(result)) => wire::write_result(&mut out, id, result),
        Some(Outcome::Error(error)) => wire::write_error(&mut out, Some(id), error),
        None => wire::write_error(&mut out, Some(id), UNANSWERED),
    }
    wire::one_line(Bytes::from(out))
}

#[cfg(test)]
#[path = "asking_tests.rs"]
pub(super) mod tests;
