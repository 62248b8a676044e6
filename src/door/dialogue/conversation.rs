//! This file is one call under way, step by step: progress, log messages, questions, the outcome.
//!
//! It leaves what follows from a step to those who made the call. Dropping it takes the call back.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{CallParams, LogLevel};
use conductor_actors::{
    Answer, Call, CallError, Caller, Inquiries, Inquiry, LogPort, Scope, Seat, System,
    wire::Abilities,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::door::tasks;

/// Progress that waits to be passed on, as many log messages, and as many notifications of extensions;
/// more is dropped.
const PROGRESS_WAITING: usize = 16;
/// Questions that are brought to a client at once come no further apart.
const PAUSE: Duration = Duration::from_millis(20);
/// Questions that wait to be asked; more are refused.
const QUESTIONS_WAITING: usize = 16;

type Outcome = Result<Answer, CallError>;

/// One call.
pub(in crate::door) struct Conversation {
    call: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    told: mpsc::Receiver<Bytes>,
    logged: mpsc::Receiver<Bytes>,
    noticed: mpsc::Receiver<Bytes>,
    asked: mpsc::Receiver<Inquiry>,
    lacked: Arc<OnceLock<Abilities>>,
    /// What came of it, while there is progress to be told before.
    outcome: Option<Outcome>,
}

/// By whom a call is made.
pub(in crate::door) struct Whose {
    /// What the door shows.
    pub(in crate::door) scope: Scope,
    /// On whose behalf.
    pub(in crate::door) caller: Caller,
    /// In which session, if in one.
    pub(in crate::door) seat: Option<Seat>,
    /// Whether notifications of extensions mean something there.
    pub(in crate::door) extends: bool,
}

/// What happens next.
pub(in crate::door) enum Step {
    /// Ready-made parameters of `notifications/progress`.
    Progress(Bytes),
    /// Ready-made parameters of `notifications/message`.
    Logged(Bytes),
    /// A notification of an extension, ready to be sent.
    Noticed(Bytes),
    /// The server asks something.
    Asked(Inquiry),
    /// It has come to its end; there are no more steps.
    Over(Outcome),
}

impl Conversation {
    /// Makes a call for a client that can be asked for `abilities`, and that wants log messages from
    /// `level` on.
    pub(in crate::door) fn begin(
        system: System,
        whose: Whose,
        params: Box<CallParams>,
        abilities: Abilities,
        level: Option<LogLevel>,
    ) -> Self {
        let (progress, told) = mpsc::channel(PROGRESS_WAITING);
        let (logs, logged) = mpsc::channel(PROGRESS_WAITING);
        let logs = level.map(|level| LogPort { level, sink: logs });
        let (sink, asked) = mpsc::channel(QUESTIONS_WAITING);
        let lacked = Arc::<OnceLock<_>>::default();
        let inquiries = Some(Inquiries { sink, abilities, lacked: Arc::clone(&lacked) });
        let (notices, noticed) = mpsc::channel(PROGRESS_WAITING);
        let Whose { scope, caller, seat, extends } = whose;
        let (progress, notices) = (Some(progress), extends.then_some(notices));
        let call = Call { progress, inquiries, logs, notices, seat, ..Call::new(params) };
        let call = Box::pin(async move { tasks::call(&system, &scope, caller, call).await });
        Self { call, told, logged, noticed, asked, lacked, outcome: None }
    }

    /// Waits for the next step. Nothing is lost if the future is dropped.
    pub(in crate::door) async fn next(&mut self) -> Step {
        if self.outcome.is_none() {
            tokio::select! {
                biased;
                Some(params) = self.told.recv() => return Step::Progress(params),
                Some(params) = self.logged.recv() => return Step::Logged(params),
                Some(line) = self.noticed.recv() => return Step::Noticed(line),
                Some(inquiry) = self.asked.recv() => return Step::Asked(inquiry),
                outcome = &mut self.call => self.outcome = Some(outcome),
            }
        }
        if let Ok(params) = self.told.try_recv() {
            return Step::Progress(params);
        }
        if let Ok(params) = self.logged.try_recv() {
            return Step::Logged(params);
        }
        if let Ok(line) = self.noticed.try_recv() {
            return Step::Noticed(line);
        }
        match self.outcome.take() {
            Some(outcome) => Step::Over(outcome),
            None => std::future::pending().await,
        }
    }

    /// What the server has wanted that the client cannot be asked for.
    pub(in crate::door) fn lacked(&self) -> Arc<OnceLock<Abilities>> {
        Arc::clone(&self.lacked)
    }

    /// `first`, and what the server asks right behind it.
    pub(in crate::door) async fn asked_with(&mut self, first: Inquiry) -> Vec<Inquiry> {
        together(first, &mut self.asked).await
    }
}

/// `first` and all that follows before there is a pause.
async fn together<T>(first: T, more: &mut mpsc::Receiver<T>) -> Vec<T> {
    let mut all = vec![first];
    while let Ok(Some(next)) = timeout(PAUSE, more.recv()).await {
        all.push(next);
    }
    all
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_a_server_asks_in_one_go_goes_together() {
        let (sink, mut asked) = mpsc::channel(8);
        tokio::spawn(async move {
            for (number, after) in [(1, 0), (2, 0), (3, 15), (4, 15), (5, 100)] {
                sleep(Duration::from_millis(after)).await;
                sink.send(number).await.unwrap();
            }
        });
        let first = asked.recv().await.unwrap();
        assert_eq!(together(first, &mut asked).await, [1, 2, 3, 4]);
        let first = asked.recv().await.unwrap();
        assert_eq!(
            together(first, &mut asked).await,
            [5],
            "and nothing is waited for behind the end"
        );
    }
}
