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
    // Made only where something may come: most calls want none of them.
    told: Option<mpsc::Receiver<Bytes>>,
    logged: Option<mpsc::Receiver<Bytes>>,
    noticed: Option<mpsc::Receiver<Bytes>>,
    asked: Option<mpsc::Receiver<Box<Inquiry>>>,
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
    /// A log message, ready to be sent.
    Logged(Bytes),
    /// A notification of an extension, ready to be sent.
    Noticed(Bytes),
    /// The server asks something.
    Asked(Box<Inquiry>),
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
        let wants_progress = params.meta.progress_token.is_some();
        let (progress, told) = wants_progress.then(|| mpsc::channel(PROGRESS_WAITING)).unzip();
        let logs = level.map(|level| (level, mpsc::channel(PROGRESS_WAITING)));
        let (logs, logged) =
            logs.map(|(level, (sink, logged))| (LogPort { level, sink }, logged)).unzip();
        let can_be_asked = abilities != Abilities::default();
        let (sink, asked) = can_be_asked.then(|| mpsc::channel(QUESTIONS_WAITING)).unzip();
        let lacked = Arc::<OnceLock<_>>::default();
        let inquiries = Some(Inquiries { sink, abilities, lacked: Arc::clone(&lacked) });
        let Whose { scope, caller, seat, extends } = whose;
        let (notices, noticed) = extends.then(|| mpsc::channel(PROGRESS_WAITING)).unzip();
        let call = Call { progress, inquiries, logs, notices, seat, ..Call::new(params) };
        let call = Box::pin(async move { tasks::call(&system, &scope, caller, call).await });
        Self { call, told, logged, noticed, asked, lacked, outcome: None }
    }

    /// Waits for the next step. Nothing is lost if the future is dropped.
    pub(in crate::door) async fn next(&mut self) -> Step {
        if self.outcome.is_none() {
            tokio::select! {
                biased;
                Some(params) = next(&mut self.told) => return Step::Progress(params),
                Some(line) = next(&mut self.logged) => return Step::Logged(line),
                Some(line) = next(&mut self.noticed) => return Step::Noticed(line),
                Some(inquiry) = next(&mut self.asked) => return Step::Asked(inquiry),
                outcome = &mut self.call => self.outcome = Some(outcome),
            }
        }
        if let Some(params) = at_hand(&mut self.told) {
            return Step::Progress(params);
        }
        if let Some(line) = at_hand(&mut self.logged) {
            return Step::Logged(line);
        }
        if let Some(line) = at_hand(&mut self.noticed) {
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
    pub(in crate::door) async fn asked_with(&mut self, first: Box<Inquiry>) -> Vec<Box<Inquiry>> {
        match &mut self.asked {
            Some(asked) => together(first, asked).await,
            None => vec![first],
        }
    }
}

/// What comes next; nothing where nothing can come.
async fn next<T>(port: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    port.as_mut()?.recv().await
}

/// What has come already.
fn at_hand<T>(port: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    port.as_mut()?.try_recv().ok()
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
