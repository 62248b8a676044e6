//! This file asks a client of a revision with a handshake something, and waits for its answer.
//!
//! One table a peer: a stream, or a session over HTTP. It leaves the way to the client to the doors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{
    Abilities, Id, Members, Outcome, Response, notification, without_tasks, write_request,
};
use dashmap::DashMap;
use tokio::sync::{mpsc, oneshot};

/// Prefix of the ids of our requests to clients.
const PREFIX: &str = "q-";
/// Questions that may be open at once with one client.
const OPEN_MAX: usize = 64;
/// Longer names of clients are none, in bytes.
const NAME: usize = 128;
/// How long a client may take; people answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// What one peer has been asked and has not answered. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(in crate::door) struct Questions(Arc<Table>);

#[derive(Debug, Default)]
struct Table {
    last: AtomicU64,
    open: DashMap<u64, oneshot::Sender<Outcome>>,
}

impl Questions {
    /// Takes a client's answer. One to nothing that was asked is dropped.
    fn on_answer(&self, id: &Id, outcome: Outcome) {
        let number = id.number_after(PREFIX);
        if let Some((_, port)) = number.and_then(|number| self.0.open.remove(&number)) {
            let _ = port.send(outcome);
        }
    }

    /// A name that nothing else is called by that this client is asked for.
    pub(in crate::door) fn fresh_name(&self) -> String {
        format!("v-{}", self.0.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Asks, by way of `out`. `None` if there will be no answer. Dropping the future takes the
    /// question back.
    pub(in crate::door) async fn ask(
        &self,
        out: &mpsc::Sender<Bytes>,
        method: &str,
        params: Option<&Bytes>,
    ) -> Option<Outcome> {
        if self.0.open.len() >= OPEN_MAX {
            return None;
        }
        let number = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (port, answer) = oneshot::channel();
        self.0.open.insert(number, port);
        let open = Open { table: Arc::clone(&self.0), number, out: out.clone() };
        let mut line = Vec::new();
        write_request(&mut line, &id(number), method, params.map(|params| &params[..]));
        out.send(Bytes::from(line)).await.ok()?;
        let answer = tokio::select! {
            answer = answer => answer.ok(),
            () = out.closed() => None,
            () = tokio::time::sleep(PATIENCE) => None,
        };
        drop(open);
        answer
    }
}

/// A question that waits for its answer.
struct Open {
    table: Arc<Table>,
    number: u64,
    out: mpsc::Sender<Bytes>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.table.open.remove(&self.number).is_none() {
            return;
        }
        let id = id(self.number);
        let params = [br#"{"requestId":"#, id.as_json(), b"}"].concat();
        // One that is busy or gone will find nobody waiting for its answer.
        let _ = self.out.try_send(notification("notifications/cancelled", Some(&params)));
    }
}

fn id(number: u64) -> Id {
    Id::prefixed(PREFIX, number)
}

/// A client with a handshake, as far as it can be asked something.
#[derive(Debug, Clone)]
pub(in crate::door) struct Client {
    /// What it has been asked.
    pub(in crate::door) questions: Questions,
    /// What it said it can do, raw.
    pub(in crate::door) capabilities: Bytes,
    /// What that amounts to.
    pub(in crate::door) abilities: Abilities,
    /// The revision agreed upon.
    pub(in crate::door) version: &'static str,
    /// What it called itself, if it did.
    pub(in crate::door) name: Option<Arc<str>>,
}

impl Client {
    /// Brings what the client answered to who asked.
    pub(in crate::door) fn on_response(&self, response: Response) {
        if let Some(id) = &response.id {
            self.questions.on_answer(id, response.outcome);
        }
    }

    /// A client with which `version` was agreed upon, by the parameters of its `initialize`.
    pub(in crate::door) fn greeted(params: &Members, version: &'static str) -> Self {
        let nothing = || Bytes::from_static(b"{}");
        let info = params.get("clientInfo").and_then(|info| Members::read(info).ok());
        let name = info.and_then(|info| info.text("name")).filter(|name| name.len() <= NAME);
        let capabilities = params.get("capabilities").cloned().unwrap_or_else(nothing);
        Self::with(name.as_deref(), capabilities, version)
    }

    /// A client that called itself so, with these capabilities, raw, with which `version` was agreed
    /// upon.
    pub(in crate::door) fn with(
        name: Option<&str>,
        capabilities: Bytes,
        version: &'static str,
    ) -> Self {
        let capabilities = without_tasks(&capabilities);
        let abilities = Abilities::of(&capabilities);
        let (questions, name) = (Questions::default(), name.map(Arc::from));
        Self { questions, capabilities, abilities, version, name }
    }
}

#[cfg(test)]
mod tests {
    use conductor_actors::wire::{Message, parse};

    use super::*;

    async fn read(out: &mut mpsc::Receiver<Bytes>) -> Message {
        parse(&out.recv().await.unwrap()).unwrap()
    }

    fn result(text: &str) -> Outcome {
        Outcome::Result(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_finds_its_question() {
        let (questions, (out, mut told)) = (Questions::default(), mpsc::channel(4));
        let (first, second, asked) = tokio::join!(
            questions.ask(&out, "roots/list", None),
            questions.ask(&out, "ping", None),
            async {
                let mut asked = Vec::new();
                for _ in 0..2 {
                    let Message::Request(request) = read(&mut told).await else { panic!() };
                    asked.push(request);
                }
                for request in asked.iter().rev() {
                    questions.on_answer(&request.id, result(&format!("\"{}\"", request.method)));
                }
                asked
            },
        );
        assert_ne!(asked[0].id, asked[1].id);
        assert_eq!(first, Some(result("\"roots/list\"")));
        assert_eq!(second, Some(result("\"ping\"")));
        assert!(questions.0.open.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_nobody_waits_for_is_taken_back() {
        let (questions, (out, mut told)) = (Questions::default(), mpsc::channel(4));
        let asking =
            tokio::time::timeout(Duration::from_secs(1), questions.ask(&out, "roots/list", None));
        assert!(asking.await.is_err());
        let Message::Request(request) = read(&mut told).await else { panic!() };
        let Message::Notification(cancelled) = read(&mut told).await else { panic!() };
        assert_eq!(&*cancelled.method, "notifications/cancelled");
        assert!(questions.0.open.is_empty());
        questions.on_answer(&request.id, result("1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_gone_or_never_answers_is_not_waited_for() {
        let (questions, (out, told)) = (Questions::default(), mpsc::channel(4));
        assert_eq!(questions.ask(&out, "roots/list", None).await, None);
        drop(told);
        assert_eq!(questions.ask(&out, "roots/list", None).await, None);
        assert!(questions.0.open.is_empty());
    }
}
