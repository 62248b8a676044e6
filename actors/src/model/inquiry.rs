//! This file describes what a server asks of whoever called it while the call is under way.
//!
//! It leaves bringing the question to a client to the doors, and the answer to the server's pipe.

use std::fmt;

use bytes::Bytes;
use conductor_config::ServerId;
use tokio::sync::mpsc;

use crate::wire::{Abilities, Outcome};

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
}

/// Takes a client's answer back to the server, or word that there is none.
pub(crate) type Respond = Box<dyn FnOnce(Option<Outcome>) + Send + Sync>;

/// One question of a server. Dropping it tells the server that there will be no answer.
pub struct Inquiry {
    /// Who asks.
    pub server: ServerId,
    /// For what.
    pub kind: InquiryKind,
    /// Its raw parameters.
    pub params: Option<Bytes>,
    respond: Option<Respond>,
}

impl Inquiry {
    pub(crate) fn new(
        server: ServerId,
        kind: InquiryKind,
        params: Option<Bytes>,
        respond: Respond,
    ) -> Self {
        Self { server, kind, params, respond: Some(respond) }
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
    /// Takes them; those that find no room are refused.
    pub sink: mpsc::Sender<Inquiry>,
    /// What the caller can be asked for.
    pub abilities: Abilities,
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn inquiry() -> (Inquiry, oneshot::Receiver<Option<Outcome>>) {
        let (sender, receiver) = oneshot::channel();
        let respond = Box::new(|outcome| drop(sender.send(outcome)));
        let server = "a".parse().unwrap();
        (Inquiry::new(server, InquiryKind::Roots, None, respond), receiver)
    }

    #[test]
    fn an_answer_reaches_the_server_once() {
        let (inquiry, mut heard) = inquiry();
        inquiry.answer(Outcome::Result("{}".into()));
        assert_eq!(heard.try_recv().unwrap(), Some(Outcome::Result("{}".into())));
    }

    #[test]
    fn a_question_that_is_dropped_has_no_answer() {
        let (inquiry, mut heard) = inquiry();
        drop(inquiry);
        assert_eq!(heard.try_recv().unwrap(), None);
    }

    #[test]
    fn each_kind_is_known_by_its_method() {
        for kind in [InquiryKind::Elicitation, InquiryKind::Sampling, InquiryKind::Roots] {
            assert_eq!(InquiryKind::of(kind.method()), Some(kind));
        }
        assert_eq!(InquiryKind::of("ping"), None);
    }
}
