//! This file serves `subscriptions/listen`: an acknowledgement, then news until either side ends it.
//!
//! It leaves carrying the messages to the doors.

use bytes::Bytes;
use conductor_actors::wire::{Id, Members, write_notification, write_result};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use super::reply::Refusal;
use super::seen::{News, Seen};
use super::service::Service;

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What a listener wants to hear and may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filter(News);

impl Filter {
    /// What the parameters ask for, as far as there is such news here.
    ///
    /// # Errors
    /// If they ask for nothing in particular.
    pub(super) fn read(asked: &Asked) -> Result<Self, Refusal> {
        let bad = |reason: &str| Refusal::BadParams { reason: reason.to_owned() };
        let params = match asked {
            Asked::Other { params, .. } => params,
            Asked::Broken { reason, .. } => return Err(bad(reason)),
            Asked::Call(_) => return Err(Refusal::Internal),
        };
        let wanted = params.get("notifications").and_then(|raw| Members::read(raw).ok());
        let wanted = wanted.ok_or_else(|| bad("params.notifications must be an object"))?;
        let wants = |key| wanted.get(key).is_some_and(|raw| raw == "true");
        Ok(Self(News {
            tools: wants("toolsListChanged"),
            prompts: wants("promptsListChanged"),
            resources: wants("resourcesListChanged"),
        }))
    }
}

impl Filter {
    /// What is told of it here: all of it.
    fn honoured(self) -> Value {
        let mut honoured = serde_json::Map::new();
        let wishes = [
            (self.0.tools, "toolsListChanged"),
            (self.0.prompts, "promptsListChanged"),
            (self.0.resources, "resourcesListChanged"),
        ];
        for (_, key) in wishes.into_iter().filter(|(wanted, _)| *wanted) {
            honoured.insert(key.to_owned(), Value::Bool(true));
        }
        Value::Object(honoured)
    }
}

/// Serves one listener until `closing`, then ends in order; or until `out` is closed.
pub(super) async fn serve(
    service: &Service,
    id: &Id,
    filter: Filter,
    out: &mpsc::Sender<Bytes>,
    closing: &CancellationToken,
) {
    let seen = Seen::default();
    service.catch_up(&seen);
    let mut changes = service.changes(seen);
    let subscription: Value = serde_json::from_slice(id.as_json()).unwrap_or_default();
    let meta = json!({ SUBSCRIPTION: subscription });
    let params = json!({ "_meta": meta, "notifications": filter.honoured() });
    let mut next = vec![notification("notifications/subscriptions/acknowledged", &params)];
    let mut live = filter.0 != News::default();
    loop {
        for line in next.drain(..) {
            if out.send(line).await.is_err() {
                return;
            }
        }
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => {
                    let result = json!({ "resultType": "complete", "_meta": meta }).to_string();
                    let mut line = Vec::new();
                    write_result(&mut line, id, result.as_bytes());
                    let _ = out.send(Bytes::from(line)).await;
                    return;
                }
                () = out.closed() => return,
                news = changes.next(), if live => {
                    let told = news.map(|news| news.wanted(filter.0));
                    live = told.is_some();
                    let params = json!({ "_meta": meta });
                    let told = told.unwrap_or_default();
                    next.extend(told.methods().map(|method| notification(method, &params)));
                    if !next.is_empty() {
                        break;
                    }
                }
            }
        }
    }
}

/// The news for a legacy peer.
pub(super) fn list_changed(news: News) -> impl Iterator<Item = Bytes> {
    news.methods().map(|method| {
        let mut line = Vec::new();
        write_notification(&mut line, method, None);
        Bytes::from(line)
    })
}

fn notification(method: &str, params: &Value) -> Bytes {
    let mut line = Vec::new();
    write_notification(&mut line, method, Some(params.to_string().as_bytes()));
    Bytes::from(line)
}
