//! This file remembers calls that became tasks, as long as somebody may hear of their progress.
//!
//! Pure. A token of progress is good until the task has ended, long after the call was answered (MCP
//! 2025-11-25, basic/utilities/tasks, Progress). Who hears of it is left to others.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

use super::pending::Entry;
use crate::wire::{Members, Outcome};

/// So many are remembered, the latest ones.
const MOST: usize = 256;

/// Calls that became tasks: their tickets, the ids of the tasks, their callers' tokens.
#[derive(Debug, Default)]
pub(super) struct Late(VecDeque<(u64, Arc<str>, Bytes)>);

impl Late {
    /// A call was answered; remembers it if it became a task and its caller wants to hear how far it
    /// is.
    pub(super) fn note(&mut self, ticket: u64, entry: &Entry, outcome: &Outcome) {
        let (Some(port), Outcome::Result(result)) = (&entry.ports.progress, outcome) else {
            return;
        };
        let Some(own) = made(result) else { return };
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((ticket, own, port.token.clone()));
    }

    /// The task that the call of this ticket became, and its caller's token.
    pub(super) fn task(&self, ticket: u64) -> Option<(Arc<str>, &Bytes)> {
        let (_, own, token) = self.0.iter().rev().find(|(late, _, _)| *late == ticket)?;
        Some((Arc::clone(own), token))
    }
}

/// The task that a result says was made.
fn made(result: &Bytes) -> Option<Arc<str>> {
    memmem::find(result, b"\"taskId\"")?;
    let task = Members::read(result).ok()?.take("task")?;
    Some(Members::read(&task).ok()?.text("taskId")?.as_str().into())
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::server::downstream::pending::{Ports, ProgressPort};
    use crate::wire::Hop;

    fn entry(token: Option<&'static str>) -> Entry {
        let sink = mpsc::channel(1).0;
        let progress = token.map(|token| ProgressPort { token: token.into(), sink });
        let ports = Ports { progress, ..Ports::default() };
        let (reply, _) = oneshot::channel();
        Entry { reply, ports, hop: Hop::Legacy, task: None, starts_at: 0, slot: None }
    }

    fn result(text: &'static str) -> Outcome {
        Outcome::Result(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn calls_that_became_tasks_and_want_progress_are_remembered() {
        let mut late = Late::default();
        let task = r#"{"task":{"taskId":"t","status":"working"}}"#;
        late.note(1, &entry(Some("\"p\"")), &result(task));
        late.note(2, &entry(None), &result(task));
        late.note(3, &entry(Some("3")), &result(r#"{"content":[]}"#));
        late.note(4, &entry(Some("4")), &result(r#"{"taskId":"t"}"#));
        late.note(5, &entry(Some("5")), &Outcome::Error(task.into()));
        assert_eq!(late.task(1), Some(("t".into(), &Bytes::from("\"p\""))));
        assert!((2..=5).all(|ticket| late.task(ticket).is_none()));
        for ticket in 10..10 + MOST as u64 {
            late.note(ticket, &entry(Some("1")), &result(task));
        }
        assert!(late.task(1).is_none() && late.task(10).is_some(), "the latest stay");
    }
}
