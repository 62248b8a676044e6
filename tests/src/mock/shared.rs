//! This file holds what the parts of the mock server share: settings, output, journal and a few flags.
//! It leaves the state of a conversation to `serve.rs`, which owns it alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, watch};

use super::args::Args;
use super::fault::{Fault, Kind};
use super::journal::Journal;
use super::output::Output;

/// What a task may ask of the loop that owns the conversation.
#[derive(Debug)]
pub(crate) enum Ask {
    /// List this tool too from now on, and say that the list changed.
    AddTool(String),
    /// List this prompt too from now on, and say that the list changed.
    AddPrompt(String),
    /// Tell subscribers that this resource was updated.
    Touch(String),
    /// A task has come to its end, with this text.
    EndTask { id: String, text: String },
    /// Never list it again.
    RemoveTool(String),
}

/// One running server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) args: Arc<Args>,
    /// Those of `args.faults` that apply to this process.
    pub(crate) faults: Arc<Vec<Fault>>,
    pub(crate) out: Output,
    pub(crate) journal: Journal,
    /// Answers of the client to our requests.
    pub(crate) answers: broadcast::Sender<Value>,
    pub(crate) asks: mpsc::Sender<Ask>,
    /// False once stdin must not be read any more.
    pub(crate) reading: watch::Sender<bool>,
    /// The level that a legacy client set: its place among all.
    pub(crate) level: Arc<AtomicUsize>,
    calls: Arc<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(
        args: Args,
        faults: Vec<Fault>,
        journal: Journal,
        asks: mpsc::Sender<Ask>,
    ) -> Self {
        let every_line =
            faults.iter().filter(|fault| fault.kind.is_on_every_line()).cloned().collect();
        Self {
            args: Arc::new(args),
            faults: Arc::new(faults),
            out: Output::start(every_line),
            journal,
            answers: broadcast::channel(64).0,
            asks,
            reading: watch::channel(true).0,
            level: Arc::default(),
            calls: Arc::default(),
        }
    }

    /// The fault of this kind, if it was asked for.
    pub(crate) fn fault(&self, kind: Kind) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.kind == kind)
    }

    /// Whether a fault of this kind was asked for.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.fault(kind).is_some()
    }

    /// Who may be shown what is kept of an answer.
    pub(crate) fn cache_scope(&self) -> &'static str {
        if self.args.private { "private" } else { "public" }
    }

    /// Counts one more call and returns how many there were.
    pub(crate) fn count_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }
}
