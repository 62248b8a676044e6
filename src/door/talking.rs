//! This file talks with a client while its call is under way: progress, log messages, what the server
//! asks, and which visits have ended.
//!
//! It leaves making the call, and what follows from its end, to `calling`.

use bytes::Bytes;
use conductor_actors::wire::{CallKind, Members, Outcome, Text, notification, related_task};
use conductor_actors::{
    Answer as Answered, CallError, Inquiry, InquiryKind, Resolution, Scope, Target,
};
use conductor_config::ServerId;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::dialogue::{
    Client, Conversation, InputRequired, Step, Visits, for_legacy, names_of_visits,
    with_shown_visits,
};
use super::service::Service;
use super::tasks;

impl Service {
    /// Follows a call to its end; what its server asks goes to the client at once, or is refused where
    /// none can be asked.
    pub(super) async fn talk(
        &self,
        mut conversation: Conversation,
        rising: &mut Rising,
        client: Option<&Client>,
        out: &mpsc::Sender<Bytes>,
    ) -> Result<Answered, CallError> {
        let (mut asking, mut visits) = (FuturesUnordered::new(), Visits::told_to(out));
        let outcome = loop {
            tokio::select! {
                biased;
                step = conversation.next() => match step {
                    Step::Progress(params) if rising.lets(&params) => forward(out, &params),
                    Step::Progress(_) => {}
                    Step::Logged(line) | Step::Noticed(line) => drop(out.try_send(line)),
                    Step::Asked(mut inquiry) => {
                        if let Some(visit) = inquiry.take_visit() {
                            let label = self.label(&inquiry.server);
                            visits.follow(inquiry.server.clone(), label.as_deref(), visit);
                        }
                        let passed_on = client.map(|client| self.pass_on(inquiry, client, out));
                        asking.extend(passed_on.map(Box::pin));
                    }
                    Step::Over(outcome) => break outcome,
                },
                Some(()) = asking.next() => {}
                Some(()) = visits.next() => {}
            }
        };
        for (server, visit) in visits.left() {
            self.await_visits(&server, vec![visit]).await;
        }
        outcome
    }

    /// Asks the client what the server asks, and gives the server what it says; unless the server
    /// takes its question back before.
    async fn pass_on(&self, mut inquiry: Box<Inquiry>, client: &Client, out: &mpsc::Sender<Bytes>) {
        let label = self.label(&inquiry.server);
        let (kind, params) = (inquiry.kind, inquiry.params.as_ref());
        let related = params.and_then(|params| self.related_task(&inquiry.server, params));
        let params = for_legacy(kind, params, label.as_deref(), client.version, None);
        let params = params.map(|params| match &related {
            Some((shown, _)) => tasks::with_related(&params, shown),
            None => params,
        });
        let answered = tokio::select! {
            answered = client.questions.ask(out, kind.method(), params.as_ref()) => answered,
            () = inquiry.withdrawn() => None,
        };
        match (answered, related) {
            (Some(Outcome::Result(result)), Some((_, own))) => {
                inquiry.answer(Outcome::Result(tasks::with_related(&result, &own)));
            }
            (Some(outcome), _) => inquiry.answer(outcome),
            (None, _) => {}
        }
    }

    /// The task that a server's question belongs to: as it is shown, and as the server calls it.
    fn related_task(&self, server: &ServerId, params: &Bytes) -> Option<(String, String)> {
        let own = related_task(params)?;
        let target = Target { server: server.clone(), name: own.clone() };
        let shown = self.system().shown_task(self.scope(), self.caller(), &target)?;
        Some((shown, own.to_string()))
    }

    /// An error may want addresses visited before: the client hears when that is done. Returns the error
    /// as it is told.
    pub(super) async fn await_visits_of(&self, kind: CallKind, name: &Text, error: Bytes) -> Bytes {
        let visits = names_of_visits(&error);
        if visits.is_empty() {
            return error;
        }
        let Some(server) = self.server_of(kind, name) else { return error };
        self.await_visits(&server, visits).await;
        let label = self.label(&server);
        label.and_then(|label| with_shown_visits(&error, &label)).unwrap_or(error)
    }

    /// The server that such a request goes to.
    fn server_of(&self, kind: CallKind, name: &Text) -> Option<ServerId> {
        let catalog = self.system().catalog().current();
        match catalog.view(self.scope())?.resolve(kind, name) {
            Resolution::Found(target) => Some(target.server),
            _ => None,
        }
    }

    /// The name of that server, where a person could not know it otherwise.
    pub(super) fn label_of(&self, kind: CallKind, name: &Text) -> Option<String> {
        self.server_of(kind, name).and_then(|server| self.label(&server))
    }

    /// The server's name, where a person could not know it otherwise.
    pub(super) fn label(&self, server: &ServerId) -> Option<String> {
        let merged = !matches!(self.scope(), Scope::Server(_));
        merged.then(|| server.name.to_string())
    }
}

/// Asks the client all that a result asks for; returns the answers by the server's keys, or why there
/// are none.
pub(super) async fn ask_all(
    asks: &InputRequired,
    client: &Client,
    out: &mpsc::Sender<Bytes>,
) -> Result<Bytes, String> {
    let all = asks.requests.iter().map(|(key, kind, params)| async move {
        let fresh = client.questions.fresh_name();
        let params = for_legacy(*kind, params.as_ref(), None, client.version, Some(&fresh));
        match client.questions.ask(out, kind.method(), params.as_ref()).await {
            Some(Outcome::Result(result)) => Ok((&**key, result)),
            Some(Outcome::Error(error)) => Err(refused(*kind, &error)),
            None => Err(format!("the client did not answer `{}`", kind.method())),
        }
    });
    let answers = futures_util::future::try_join_all(all).await?;
    Ok(answers.into_iter().collect::<Members>().to_json())
}

/// Why there is no input: what the client said to a request.
fn refused(kind: InquiryKind, error: &Bytes) -> String {
    let message = Members::read(error).ok().and_then(|error| error.text("message"));
    let message = message.as_deref().unwrap_or("no reason given");
    format!("the client refused `{}`: {message}", kind.method())
}

/// How far a request is by what its client has been told: that only ever grows, though a server may be
/// asked several times for it (MCP 2026-07-28, basic/patterns/progress).
#[derive(Debug, Default)]
pub(super) struct Rising(Option<f64>);

impl Rising {
    /// Whether this progress is more than what was told; from then on it is what was told.
    fn lets(&mut self, params: &Bytes) -> bool {
        let params = Members::read(params).ok();
        let raw = params.as_ref().and_then(|params| params.get("progress"));
        let Some(now) = raw.and_then(|raw| serde_json::from_slice::<f64>(raw).ok()) else {
            return true; // it says nothing of the kind
        };
        let rises = self.0.is_none_or(|told| now > told);
        if rises {
            self.0 = Some(now);
        }
        rises
    }
}

/// Passes progress on. A reader that is slow misses some steps, never an answer.
fn forward(out: &mpsc::Sender<Bytes>, params: &[u8]) {
    let _ = out.try_send(notification("notifications/progress", Some(params)));
}

/// The same under the token of the present request, if it has one.
pub(super) fn tell(
    out: Option<&mpsc::Sender<Bytes>>,
    token: Option<&Bytes>,
    params: &Bytes,
    rising: &mut Rising,
) {
    let (Some(out), Some(token)) = (out, token) else { return };
    if !rising.lets(params) {
        return;
    }
    let Ok(mut params) = Members::read(params) else { return };
    params.set("progressToken", token.clone());
    forward(out, &params.to_json());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_only_ever_grows() {
        let mut rising = Rising::default();
        let told = ["1", "1.5", "1", "1.5", "2e0", "\"x\"", "0", "3"].map(|progress| {
            rising.lets(&Bytes::from(format!(r#"{{"progress":{progress},"total":9}}"#)))
        });
        assert_eq!(told, [true, true, false, false, true, true, false, true]);
    }
}
