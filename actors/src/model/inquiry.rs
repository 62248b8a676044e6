//! This file describes what a server asks of whoever called it while the call is under way.
//!
//! It leaves bringing the question to a client to the doors, and the answer to the server's pipe.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use conductor_config::ServerId;
use tokio::sync::{mpsc, oneshot};

use crate::wire::{Abilities, Members, Outcome};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InquiryKind {
    /// `elicitation/create`: a person is to say something, or to visit an address.
    Elicitation,
    /// `sampling/createMessage`: a model is to answer.
    Sampling,
    /// `roots/list`: the folders that the client works in.
    Roots,
}

impl InquiryKind {
    /// The method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation/create",
            Self::Sampling => "sampling/createMessage",
            Self::Roots => "roots/list",
        }
    }

    /// The kind that `method` asks for.
    pub fn of(method: &str) -> Option<Self> {
        [Self::Elicitation, Self::Sampling, Self::Roots]
            .into_iter()
            .find(|kind| kind.method() == method)
    }

    /// What a client has to be able to do to be asked this; nothing if no client is.
    pub fn needs(self, params: Option<&Members>) -> Option<Abilities> {
        let has = |key: &str| params.is_some_and(|params| params.get(key).is_some());
        let none = Abilities::default();
        match self {
            Self::Elicitation => match params.and_then(|params| params.text("mode")).as_deref() {
                Some("url") => Some(Abilities { url: true, ..none }),
                Some("form") | None => Some(Abilities { form: true, ..none }),
                Some(_) => None,
            },
            Self::Sampling => {
                let sampling_tools = has("tools") || has("toolChoice");
                Some(Abilities { sampling: true, sampling_tools, ..none })
            }
            Self::Roots => Some(Abilities { roots: true, ..none }),
        }
    }
}

/// Takes a client's answer back to the server, or word that there is none.
pub(crate) type Respond = Box<dyn FnOnce(Option<Outcome>) + Send + Sync>;

/// An address that a person is to visit, as far as its end goes.
#[derive(Debug)]
pub struct Visit {
    /// What the server calls it.
    pub id: Arc<str>,
    /// Hears that the server has seen its end. Fails if nobody can tell that here.
    pub ended: oneshot::Receiver<()>,
}

/// The name of a visit that `server` calls `own`, where other servers are behind the same door: two of
/// them may call theirs the same.
pub fn shown_visit(server: &str, own: &str) -> String {
    // No name of a server has a colon in it.
    format!("{server}:{own}")
}

/// One question of a server. Dropping it tells the server that there will be no answer.
pub struct Inquiry {
    /// Who asks.
    pub server: ServerId,
    /// For what.
    pub kind: InquiryKind,
    /// Its raw parameters.
    pub params: Option<Bytes>,
    respond: Option<Respond>,
    withdrawn: oneshot::Receiver<()>,
    visit: Option<Visit>,
}

impl Inquiry {
    pub(crate) fn new(
        server: ServerId,
        kind: InquiryKind,
        params: Option<Bytes>,
        respond: Respond,
        withdrawn: oneshot::Receiver<()>,
    ) -> Self {
        Self { server, kind, params, respond: Some(respond), withdrawn, visit: None }
    }

    /// The same as a question that asks for this visit.
    pub(crate) fn for_visit(mut self, visit: Option<Visit>) -> Self {
        self.visit = visit;
        self
    }

    /// The visit that it asks for, once.
    pub fn take_visit(&mut self) -> Option<Visit> {
        self.visit.take()
    }

    /// Returns when the server has taken its question back; it wants no answer then, and gets none.
    pub async fn withdrawn(&mut self) {
        if (&mut self.withdrawn).await.is_err() {
            std::future::pending::<()>().await; // nobody is left who could
        }
        self.respond = None;
    }

    /// Whether the server has taken its question back.
    pub fn is_withdrawn(&mut self) -> bool {
        let withdrawn = self.withdrawn.try_recv().is_ok();
        if withdrawn {
            self.respond = None;
        }
        withdrawn
    }

    /// Answers it with what a client said: a result or an error.
    pub fn answer(mut self, outcome: Outcome) {
        self.respond_with(Some(outcome));
    }

    fn respond_with(&mut self, outcome: Option<Outcome>) {
        if let Some(respond) = self.respond.take() {
            respond(outcome);
        }
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        self.respond_with(None);
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").field("server", &self.server).field("kind", &self.kind).finish()
    }
}

/// Where the questions of a server go during one call.
#[derive(Debug, Clone)]
pub struct Inquiries {
    /// Takes them; those that find no room are refused. There is none where the caller can be asked
    /// for nothing.
    pub sink: Option<mpsc::Sender<Box<Inquiry>>>,
    /// What the caller can be asked for.
    pub abilities: Abilities,
    /// What the server wanted first that the caller cannot be asked for.
    pub lacked: Arc<OnceLock<Abilities>>,
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn inquiry() -> (Inquiry, oneshot::Receiver<Option<Outcome>>, oneshot::Sender<()>) {
        let (sender, receiver) = oneshot::channel();
        let respond = Box::new(|outcome| drop(sender.send(outcome)));
        let server = "a".parse().unwrap();
        let (withdraw, withdrawn) = oneshot::channel();
        let inquiry = Inquiry::new(server, InquiryKind::Roots, None, respond, withdrawn);
        (inquiry, receiver, withdraw)
    }

    #[test]
    fn an_answer_reaches_the_server_once() {
        let (inquiry, mut heard, _) = inquiry();
        inquiry.answer(Outcome::Result("{}".into()));
        assert_eq!(heard.try_recv().unwrap(), Some(Outcome::Result("{}".into())));
    }

    #[test]
    fn a_question_that_is_dropped_has_no_answer() {
        let (inquiry, mut heard, _) = inquiry();
        drop(inquiry);
        assert_eq!(heard.try_recv().unwrap(), None);
    }

    #[tokio::test]
    async fn a_question_that_was_taken_back_gets_no_word() {
        let (mut waited_for, mut heard, withdraw) = inquiry();
        withdraw.send(()).unwrap();
        waited_for.withdrawn().await;
        waited_for.answer(Outcome::Result("{}".into()));
        assert!(heard.try_recv().is_err());
        let (mut looked_at, mut heard, withdraw) = inquiry();
        assert!(!looked_at.is_withdrawn());
        withdraw.send(()).unwrap();
        assert!(looked_at.is_withdrawn());
        drop(looked_at);
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn each_kind_is_known_by_its_method() {
        for kind in [InquiryKind::Elicitation, InquiryKind::Sampling, InquiryKind::Roots] {
            assert_eq!(InquiryKind::of(kind.method()), Some(kind));
        }
        assert_eq!(InquiryKind::of("ping"), None);
    }
}
