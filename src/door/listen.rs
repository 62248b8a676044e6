//! This file serves `subscriptions/listen`: an acknowledgement, then news until either side ends it.
//!
//! It leaves carrying the messages to the doors.

use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{Hop, Id, Members, Text, notification, write_result};
use conductor_actors::{Heard, Listener, TaskNews};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use super::reply::Refusal;
use super::seen::{News, Seen};
use super::service::Service;
use super::tasks;

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The most resources that one listener may name, and as many tasks.
const RESOURCES: usize = 1000;
/// How many of them are seen to at once.
const PARALLEL: usize = 32;
/// How long a server may take to agree before the listener is told without it.
const AGREEMENT: Duration = Duration::from_secs(5);

/// What a listener wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    lists: News,
    resources: Vec<String>,
    tasks: Vec<String>,
}

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
        let named = |key: &str| -> Result<Vec<String>, Refusal> {
            let Some(raw) = wanted.get(key) else { return Ok(Vec::new()) };
            let named: Vec<String> = serde_json::from_slice(raw).map_err(|_| {
                bad(&format!("params.notifications.{key} must be an array of strings"))
            })?;
            match named.len() > RESOURCES {
                true => Err(bad(&format!("a listener may name {RESOURCES} of {key}"))),
                false => Ok(named),
            }
        };
        let (resources, tasks) = (named("resourceSubscriptions")?, named("taskIds")?);
        if !tasks.is_empty() {
            tasks::must_declare(asked.meta())?;
        }
        let wants = |key| wanted.get(key).is_some_and(|raw| raw == "true");
        let lists = News {
            tools: wants("toolsListChanged"),
            prompts: wants("promptsListChanged"),
            resources: wants("resourcesListChanged"),
        };
        Ok(Self { lists, resources, tasks })
    }

    /// What is told of it here: all lists, and those resources of which their servers tell.
    async fn honoured(&self, listener: &Listener) -> Value {
        let mut honoured = serde_json::Map::new();
        let wishes = [
            (self.lists.tools, "toolsListChanged"),
            (self.lists.prompts, "promptsListChanged"),
            (self.lists.resources, "resourcesListChanged"),
        ];
        for (_, key) in wishes.into_iter().filter(|(wanted, _)| *wanted) {
            honoured.insert(key.to_owned(), Value::Bool(true));
        }
        let wanted = stream::iter(self.resources.clone());
        let agreed = wanted.map(|address| agreed(listener, address)).buffered(PARALLEL);
        let agreed: Vec<String> = agreed.filter_map(std::future::ready).collect().await;
        if !agreed.is_empty() {
            honoured.insert("resourceSubscriptions".to_owned(), json!(agreed));
        }
        let mut heard = Vec::new();
        for task in &self.tasks {
            if listener.hear_of_task(task, Hop::Modern).await {
                heard.push(task.as_str());
            }
        }
        if !heard.is_empty() {
            honoured.insert("taskIds".to_owned(), json!(heard));
        }
        Value::Object(honoured)
    }
}

/// A resource, if its server agrees to tell of it in time.
async fn agreed(listener: &Listener, address: String) -> Option<String> {
    let text = Text::from(address.as_str());
    match timeout(AGREEMENT, listener.subscribe(&text)).await {
        Ok(agreed) => agreed.is_ok().then_some(address),
        Err(_) => {
            listener.unsubscribe(&text).await;
            None
        }
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
    // Log messages never come here (MCP 2026-07-28, server/utilities/logging).
    let listener = service.listener(false).await;
    let honoured = tokio::select! {
        biased;
        () = out.closed() => return,
        honoured = filter.honoured(&listener) => honoured,
    };
    let mut inbox = listener.hear().await;
    let params = json!({ "_meta": meta, "notifications": honoured });
    let mut next = vec![with_params("notifications/subscriptions/acknowledged", &params)];
    let (mut live, mut hears) = (filter.lists != News::default(), true);
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
                heard = inbox.next(), if hears => {
                    hears = heard.is_some();
                    if let Some(line) = heard.and_then(|heard| told(heard, &meta)) {
                        next.push(line);
                        break;
                    }
                }
                news = changes.next(), if live => {
                    let told = news.map(|news| news.wanted(filter.lists));
                    live = told.is_some();
                    let params = json!({ "_meta": meta });
                    let told = told.unwrap_or_default();
                    next.extend(told.methods().map(|method| with_params(method, &params)));
                    if !next.is_empty() {
                        break;
                    }
                }
            }
        }
    }
}

/// What was heard, for the listener with this `_meta`.
fn told(heard: Heard, meta: &Value) -> Option<Bytes> {
    match heard {
        Heard::Updated(address) => {
            let params = json!({ "_meta": meta, "uri": &*address });
            Some(with_params("notifications/resources/updated", &params))
        }
        Heard::Task { shown, news: TaskNews::Status(status) } => {
            let mut params = Members::read(&status).ok()?;
            params.set("taskId", json!(&*shown).to_string().into());
            params.set("_meta", meta.to_string().into());
            Some(notification("notifications/tasks", Some(&params.to_json())))
        }
        // Visits have no name in that revision, and their ends no message.
        Heard::Task { .. } | Heard::Logged(_) | Heard::Visited(_) | Heard::Noticed(_) => None,
    }
}

/// The news for a legacy peer.
pub(super) fn list_changed(news: News) -> impl Iterator<Item = Bytes> {
    news.methods().map(|method| notification(method, None))
}

fn with_params(method: &str, params: &Value) -> Bytes {
    notification(method, Some(params.to_string().as_bytes()))
}
