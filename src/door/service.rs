//! This file is the MCP server behind all doors: it answers one request at a time.
//!
//! It leaves connections, sessions and streams to the doors, and the choice of era to `classify`.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{
    CallKind, CallParams, Id, LEGACY_LATEST, Marks, Members, Outcome, Request, is_known_version,
    is_modern_version, write_json_string, write_notification, write_result,
};
use conductor_actors::{
    Answer as Answered, Call, CallError, Caller, List, ListKind, ListState, LocalCaller, Scope,
    System,
};
use conductor_config::{ServerId, Transport};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::asked::Asked;
use super::classify::Method;
use super::era::{self, Era};
use super::greeting;
use super::reply::{Answer, Refusal, failed_call, foreign_result, refuse, relayed_error};
use super::seen::{Changes, Seen, digests};

/// How long a list waits for servers that are coming up for the first time.
const FIRST_LIST: Duration = Duration::from_secs(10);
/// A list is good for this long at most (MCP 2026-07-28, server/utilities/caching).
pub(super) const TTL_MAX: Duration = Duration::from_secs(300);
/// An incomplete list is good for this long.
const TTL_INCOMPLETE: Duration = Duration::from_secs(1);
/// Progress of one call that waits for a slow reader; more is dropped.
const PROGRESS_WAITING: usize = 16;

/// What one door shows, and on whose behalf it calls. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    system: System,
    scope: Scope,
    caller: Caller,
    /// When the first list was asked for, where lists then wait for all servers.
    awaits_all: Option<Arc<OnceLock<Instant>>>,
}

/// One request that has been classified.
pub(super) struct Job {
    /// As it came.
    pub(super) request: Request,
    /// Its parameters.
    pub(super) asked: Asked,
    /// By which rules it is served.
    pub(super) era: Era,
    /// What it is.
    pub(super) method: Method,
}

impl Service {
    /// A service that shows `scope`. Log lines show its caller as `label`.
    pub fn new(system: System, scope: Scope, label: &str) -> Self {
        let caller = Caller::Local(LocalCaller::new(label));
        Self { system, scope, caller, awaits_all: None }
    }

    /// The same, but its lists wait until every server has come up or failed, up to ten seconds
    /// after the first was asked for: for an agent that lists once and whose start started the
    /// servers.
    #[must_use]
    pub fn awaiting_all(self) -> Self {
        Self { awaits_all: Some(Arc::default()), ..self }
    }

    /// Changes of the lists beyond what `seen` says.
    pub(super) fn changes(&self, seen: Seen) -> Changes {
        Changes::new(self.system.catalog().clone(), self.scope.clone(), seen)
    }

    /// The arguments of the tool that is called which headers repeat.
    pub(super) fn marks(&self, asked: &Asked) -> Option<Arc<Marks>> {
        let Asked::Call(params) = asked else { return None };
        let catalog = self.system.catalog().current();
        let view = catalog.view(&self.scope).filter(|_| params.kind == CallKind::Tool)?;
        view.marks(&params.name).cloned()
    }

    /// Notes that a peer knows the lists as they are now.
    pub(super) fn catch_up(&self, seen: &Seen) {
        seen.catch_up(digests(self.system.catalog(), &self.scope));
    }

    /// Answers a request, whatever happens. Progress goes to `progress`, as notifications ready to
    /// be sent, and is dropped where that is full. Dropping the future takes a call back.
    pub(super) async fn answer(
        &self,
        job: Job,
        seen: Option<&Seen>,
        progress: Option<&mpsc::Sender<Bytes>>,
    ) -> Answer {
        let id = job.request.id.clone();
        let answered = AssertUnwindSafe(self.try_answer(job, seen, progress)).catch_unwind().await;
        match answered {
            Ok(Ok(body)) => Answer::ok(body),
            Ok(Err(refusal)) => refuse(Some(&id), &refusal),
            Err(_) => refuse(Some(&id), &Refusal::Internal),
        }
    }

    async fn try_answer(
        &self,
        job: Job,
        seen: Option<&Seen>,
        progress: Option<&mpsc::Sender<Bytes>>,
    ) -> Result<Bytes, Refusal> {
        let Job { request, asked, era, method } = job;
        let result = match (method, asked) {
            (Method::Ping, _) => "{}".to_owned(),
            (_, Asked::Broken { reason, .. }) => return Err(Refusal::BadParams { reason }),
            (Method::Call, Asked::Call(params)) => {
                return self.call(&request.id, params, era, progress).await;
            }
            (Method::List(kind), Asked::Other { params, .. }) => {
                return self.list(kind, &request.id, &params, era, seen).await;
            }
            (Method::Initialize, Asked::Other { params, .. }) => {
                greeting::initialize(&self.system, &self.scope, negotiate(&params))
            }
            (Method::Discover, _) => greeting::discover(&self.system, &self.scope),
            // Listening is answered by the doors, calls are read as such.
            (Method::Listen | Method::Call | Method::List(_) | Method::Initialize, _) => {
                return Err(Refusal::Internal);
            }
        };
        Ok(response(&request.id, result.as_bytes()))
    }

    async fn list(
        &self,
        kind: ListKind,
        id: &Id,
        params: &Members,
        era: Era,
        seen: Option<&Seen>,
    ) -> Result<Bytes, Refusal> {
        let cursor = match params.get("cursor").map(|raw| &raw[..]) {
            None | Some(b"null") => None,
            Some(_) => Some(params.text("cursor").ok_or_else(bad_cursor)?),
        };
        self.await_list(kind).await;
        let catalog = self.system.catalog().current();
        let list = catalog.view(&self.scope).map(|view| view.list(kind));
        let size = self.system.config().catalog.page_size;
        let (entries, next) = match list {
            Some(list) => {
                let page = list.page(cursor.as_deref(), size).map_err(|_| bad_cursor())?;
                (page.entries, page.next_cursor)
            }
            None => (Bytes::from_static(b"[]"), None),
        };
        if let Some(seen) = seen {
            seen.update(kind, list.map_or(0, List::digest));
        }
        let mut result = Vec::with_capacity(entries.len() + 128);
        result.extend_from_slice(format!("{{\"{}\":", kind.key()).as_bytes());
        result.extend_from_slice(&entries);
        if let Some(next) = next {
            result.extend_from_slice(b",\"nextCursor\":");
            write_json_string(&mut result, &next);
        }
        if era == Era::Modern {
            let ttl = if list.is_some_and(is_incomplete) { TTL_INCOMPLETE } else { TTL_MAX };
            let ttl = millis(self.ttl().min(ttl));
            let hints = format!(r#","resultType":"complete","ttlMs":{ttl},"cacheScope":"private""#);
            result.extend_from_slice(hints.as_bytes());
        }
        result.push(b'}');
        Ok(response(id, &result))
    }

    /// Waits while a list would say nothing yet.
    async fn await_list(&self, kind: ListKind) {
        let catalog = self.system.catalog();
        let first = self.awaits_all.as_ref().map(|begun| {
            let begun = begun.get_or_init(Instant::now);
            FIRST_LIST.saturating_sub(begun.elapsed())
        });
        match first.filter(|left| !left.is_zero()) {
            Some(left) => catalog.settled(&self.scope, kind, left).await,
            None => catalog.any(&self.scope, kind, FIRST_LIST).await,
        }
    }

    fn ttl(&self) -> Duration {
        self.system.catalog().ttl().min(TTL_MAX)
    }

    async fn call(
        &self,
        id: &Id,
        params: Box<CallParams>,
        era: Era,
        progress: Option<&mpsc::Sender<Bytes>>,
    ) -> Result<Bytes, Refusal> {
        let kind = params.kind;
        let wanted = progress.filter(|_| params.meta.progress_token.is_some());
        let outcome = match wanted {
            Some(out) => self.call_with_progress(params, out).await,
            None => self.run(params, None).await,
        };
        match outcome {
            Ok(Answered { outcome: Outcome::Result(result), hop }) => {
                Ok(era::response(id, kind, &result, hop, era)
                    .unwrap_or_else(|error| foreign_result(id, kind, &error)))
            }
            Ok(Answered { outcome: Outcome::Error(error), .. }) => {
                Ok(relayed_error(id, kind, &error, era))
            }
            Err(CallError::Unknown { kind, name, candidates }) if candidates.is_empty() => {
                Err(Refusal::Unknown { kind, name: name.to_string(), era })
            }
            Err(CallError::Unknown { name, candidates, .. }) => {
                let candidates = candidates.iter().map(ToString::to_string).collect();
                Err(Refusal::Ambiguous { name: name.to_string(), candidates })
            }
            Err(error) => Ok(self.failed(id, kind, &error, era)),
        }
    }

    async fn run(
        &self,
        params: Box<CallParams>,
        progress: Option<mpsc::Sender<Bytes>>,
    ) -> Result<Answered, CallError> {
        let call = Call { params, deadline: None, progress, inquiries: None };
        self.system.call(&self.scope, self.caller.clone(), call).await
    }

    async fn call_with_progress(
        &self,
        params: Box<CallParams>,
        out: &mpsc::Sender<Bytes>,
    ) -> Result<Answered, CallError> {
        let (sink, mut told) = mpsc::channel(PROGRESS_WAITING);
        let forward = |params: Bytes| {
            let mut line = Vec::with_capacity(params.len() + 64);
            write_notification(&mut line, "notifications/progress", Some(&params));
            // A reader that is slow misses some steps, never an answer.
            let _ = out.try_send(Bytes::from(line));
        };
        let call = self.run(params, Some(sink));
        tokio::pin!(call);
        loop {
            tokio::select! {
                biased;
                Some(params) = told.recv() => forward(params),
                outcome = &mut call => {
                    while let Ok(params) = told.try_recv() {
                        forward(params);
                    }
                    return outcome;
                }
            }
        }
    }

    fn failed(&self, id: &Id, kind: CallKind, error: &CallError, era: Era) -> Bytes {
        let config = self.system.config();
        let spec = error.server().and_then(|server: &ServerId| config.servers.get(server));
        let secrets: Vec<&str> = match spec.map(|spec| &spec.transport) {
            Some(Transport::Stdio(stdio)) => {
                stdio.env.values().map(|value| value.expose()).collect()
            }
            Some(Transport::Remote(_)) | None => Vec::new(),
        };
        failed_call(id, kind, error, era, &secrets, Instant::now())
    }
}

/// The version to go on with: the client's, if it opens with `initialize` and is known here.
pub(super) fn negotiate(params: &Members) -> &'static str {
    const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY_LATEST];
    let asked = params.text("protocolVersion");
    let asked =
        asked.as_deref().filter(|version| is_known_version(version) && !is_modern_version(version));
    let known = asked.and_then(|asked| LEGACY.into_iter().find(|version| *version == asked));
    known.unwrap_or(LEGACY_LATEST)
}

fn bad_cursor() -> Refusal {
    Refusal::BadParams { reason: "the cursor is not one of this list".to_owned() }
}

fn is_incomplete(list: &List) -> bool {
    list.servers().values().any(|state| *state == ListState::Awaited)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn response(id: &Id, result: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(result.len() + 64);
    write_result(&mut body, id, result);
    Bytes::from(body)
}
