//! This file writes one line of the log for each call: who made it, of what, how it ended and when.
//!
//! It leaves calls to `handle.rs`, and what was said in them to nobody: that is not logged.

use tokio::time::Instant;

use crate::delegation::Admission;
use crate::model::{Answer, CallError, Target};
use crate::wire::Outcome;

/// A call under way. Its line is written when it ends, also if its caller takes it back.
pub(super) struct Line<'a> {
    admission: &'a Admission,
    target: &'a Target,
    method: &'static str,
    begun: Instant,
    end: &'static str,
}

impl<'a> Line<'a> {
    pub(super) fn begin(
        admission: &'a Admission,
        target: &'a Target,
        method: &'static str,
        begun: Instant,
    ) -> Self {
        Self { admission, target, method, begun, end: "taken back" }
    }

    /// It has ended like this.
    pub(super) fn end(mut self, called: &Result<Answer, CallError>) {
        self.end = match called {
            Ok(Answer { outcome: Outcome::Result(_), .. }) => "result",
            Ok(Answer { outcome: Outcome::Error(_), .. }) => "error",
            Err(_) => "failed",
        };
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        tracing::debug!(
            target: "audit",
            caller = %self.admission.caller(),
            server = %self.target.server,
            method = self.method,
            name = %self.target.name,
            end = self.end,
            micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            "call"
        );
    }
}
