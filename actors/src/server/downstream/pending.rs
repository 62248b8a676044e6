//! This file keeps the calls that a child has been asked and has not answered.
//!
//! It leaves reading and writing to the pump. Dropping the table tells every caller at once, since
//! their reply channels close.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::asking::InquiryPort;
use super::lane::CallFailure;
use crate::model::{Answer, Ear};
use crate::wire::{Hop, Text};

/// What comes back to the caller of one request.
pub(crate) type ReplyPort = oneshot::Sender<Result<Answer, CallFailure>>;

/// Where progress of one call goes.
#[derive(Debug)]
pub(crate) struct ProgressPort {
    /// The token that the caller chose: raw JSON, put back in place of ours.
    pub(crate) token: Bytes,
    /// Takes ready-made parameters of `notifications/progress`; a full queue drops them, since the
    /// next ones supersede them.
    pub(crate) sink: mpsc::Sender<Bytes>,
}

/// What comes back to a caller before the answer.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    /// Where its progress goes, if it wants to hear of it.
    pub(crate) progress: Option<ProgressPort>,
    /// Where the server's questions go, if the caller can be asked.
    pub(crate) inquiries: Option<InquiryPort>,
    /// Who it is, and where what is logged about the call goes; nobody for our own questions.
    pub(crate) ear: Option<Ear>,
}

/// One unanswered request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) reply: ReplyPort,
    pub(super) ports: Ports,
    /// The kind of revision it was asked in.
    pub(super) hop: Hop,
    /// The task whose result it waits for, by the server's id.
    pub(super) task: Option<Text>,
    /// Position in the output stream where the request's bytes begin, if there is one stream.
    pub(super) starts_at: u64,
    /// Room in the server's in-flight limit, given back when the entry goes.
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

impl Entry {
    /// Since when the server has been waiting for its caller to answer; none if it is not.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        self.ports.inquiries.as_ref()?.stopwatch.still_since()
    }

    /// Ends the wait. The room comes back first: whoever has the answer may ask the next thing.
    pub(super) fn end(self, outcome: Result<Answer, CallFailure>) {
        drop(self.slot);
        // The caller may have left; then nobody is to be told.
        let _ = self.reply.send(outcome);
    }
}

/// Unanswered requests by ticket.
#[derive(Debug, Default)]
pub(super) struct Pending(HashMap<u64, Entry>);

impl Pending {
    pub(super) fn insert(&mut self, ticket: u64, entry: Entry) {
        self.0.insert(ticket, entry);
    }

    /// Takes the entry out: its answer came, or nobody waits for it any more.
    pub(super) fn take(&mut self, ticket: u64) -> Option<Entry> {
        self.0.remove(&ticket)
    }

    pub(super) fn get(&self, ticket: u64) -> Option<&Entry> {
        self.0.get(&ticket)
    }

    /// The calls of callers; our own questions are none.
    pub(super) fn of_callers(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let entries = self.0.iter().map(|(ticket, entry)| (*ticket, entry));
        entries.filter(|(_, entry)| entry.slot.is_some())
    }

    /// The newest call of a caller; one whose caller can be asked something comes first.
    pub(super) fn newest_to_ask(&self) -> Option<&Entry> {
        let calls = self.0.iter().filter(|(_, entry)| entry.slot.is_some());
        let newest =
            calls.max_by_key(|(ticket, entry)| (entry.ports.inquiries.is_some(), **ticket));
        newest.map(|(_, entry)| entry)
    }

    /// The newest call of a caller that waits for the result of this task.
    pub(super) fn waiting_for(&self, task: &str) -> Option<(u64, &Entry)> {
        let calls = self.0.iter().filter(|(_, entry)| entry.task.as_deref() == Some(task));
        let newest =
            calls.max_by_key(|(ticket, entry)| (entry.ports.inquiries.is_some(), **ticket));
        newest.map(|(ticket, entry)| (*ticket, entry))
    }

    pub(super) fn progress(&self, ticket: u64) -> Option<&ProgressPort> {
        self.0.get(&ticket)?.ports.progress.as_ref()
    }

    /// Who made this call, and where what is logged about it goes.
    pub(super) fn ear(&self, ticket: u64) -> Option<&Ear> {
        self.0.get(&ticket)?.ports.ear.as_ref()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Empties the table.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u64, Entry)> {
        self.0.drain()
    }
}
