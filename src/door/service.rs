//! This file is the MCP server behind all doors: it answers one request at a time.
//!
//! It leaves connections, sessions and streams to the doors, and the choice of era to `classify`.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use conductor_actors::wire::{
    CallKind, CallParams, Hop, Id, LEGACY_LATEST, LogLevel, Marks, Members, Notification, Request,
    Rope, is_of_extension, response_of, write_json_string,
};
use conductor_actors::{
    Caller, Catalog, Form, Inbox, List, ListKind, ListState, Listener, LocalCaller, Scope, Seat,
    System,
};
use conductor_config::{ExportStyle, ServerId, ViewMode};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use super::asked::Asked;
use super::classify::{Method, may_be_of_extension, method_of};
use super::dialogue::{Client, Parking};
use super::era::Era;
use super::greeting;
use super::hearing::Hearing;
use super::reply::{Answer, Refusal, refuse};
use super::seen::{Changes, Seen};
use super::tasks;

/// How long a list waits for servers that are coming up for the first time.
const FIRST_LIST: Duration = Duration::from_secs(10);
/// A list is good for this long at most (MCP 2026-07-28, server/utilities/caching).
pub(super) const TTL_MAX: Duration = Duration::from_secs(300);
/// An incomplete list is good for this long.
const TTL_INCOMPLETE: Duration = Duration::from_secs(1);

/// What one door shows, and on whose behalf it calls. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    system: System,
    scope: Scope,
    /// The key of the door's settings.
    door: Arc<str>,
    /// What the peer called itself in a handshake, if it did.
    client: Option<Arc<str>>,
    caller: Caller,
    parking: Parking,
    /// When the first list was asked for, where lists then wait for all servers.
    awaits_all: Option<Arc<OnceLock<Instant>>>,
    /// What the peer hears beside answers, where requests of a peer belong together.
    hearing: Option<Arc<Hearing>>,
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

/// Who made a request, as far as the answer depends on it.
#[derive(Clone, Copy, Default)]
pub(super) struct Peer<'a> {
    /// Which lists it has seen.
    pub(super) seen: Option<&'a Seen>,
    /// Takes messages that come before the answer, ready to be sent. Progress is dropped where it is
    /// full.
    pub(super) out: Option<&'a mpsc::Sender<Bytes>>,
    /// Whom a server can ask something, if there was a handshake.
    pub(super) client: Option<&'a Client>,
}

impl Service {
    /// A service that shows `scope` to `caller` at the door whose settings have this key. Calls that
    /// wait for their clients do so in `parking`.
    pub fn new(
        system: System,
        (door, scope): (Arc<str>, Scope),
        caller: LocalCaller,
        parking: Parking,
    ) -> Self {
        let (client, caller) = (None, Caller::Local(caller));
        Self { system, scope, door, client, caller, parking, awaits_all: None, hearing: None }
    }

    pub(super) fn system(&self) -> &System {
        &self.system
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) fn parking(&self) -> &Parking {
        &self.parking
    }

    /// The same, but its lists wait until every server has come up or failed, up to ten seconds
    /// after the first was asked for: for an agent that lists once and whose start started the
    /// servers.
    #[must_use]
    pub fn awaiting_all(self) -> Self {
        Self { awaits_all: Some(Arc::default()), ..self }
    }

    /// The same for a peer that introduced itself like this.
    pub(super) fn greeted(self, client: &Client) -> Self {
        Self { client: client.name.clone(), ..self }
    }

    /// How names are written for the peer.
    pub(super) fn style(&self, catalog: &Catalog) -> ExportStyle {
        catalog.export_style(&self.scope, &self.door, self.client.as_deref())
    }

    /// The digests of the lists that the peer would see now; 0 where there is nothing to see.
    pub(super) fn digests(&self) -> [u64; 4] {
        let catalog = self.system.catalog().current();
        let style = self.style(&catalog);
        catalog.view(&self.scope).map_or([0; 4], |view| view.digests(style))
    }

    /// The same for the peer that hears this beside answers.
    pub(super) fn hearing(self, hearing: Arc<Hearing>) -> Self {
        Self { hearing: Some(hearing), ..self }
    }

    /// The session that requests of the peer belong to, if they do.
    pub(super) fn seat(&self) -> Option<Seat> {
        self.hearing.as_ref().map(|hearing| hearing.seat(&self.system).clone())
    }

    /// Somebody who listens on behalf of this service's caller.
    pub(super) async fn listener(&self, logs: bool) -> Listener {
        let seat = self.seat();
        Listener::join(&self.system, &self.scope, &self.caller, seat.as_ref(), logs).await
    }

    /// Whether some server here may log.
    pub(super) fn logs(&self) -> bool {
        self.system.catalog().current().logs(&self.scope)
    }

    /// Whether some server here may make tasks of calls in the way of these rules.
    pub(super) fn makes_tasks(&self, era: Era) -> bool {
        self.system.catalog().current().makes_tasks(&self.scope, era.hop())
    }

    /// What a method means here; one of an extension is the server's whose own door this is, if both
    /// speak revisions of one kind and the server declares any.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn method_of(&self, name: &str, era: Era) -> Result<Method, Refusal> {
        method_of(name, era).or_else(|refusal| {
            match self.knows_extensions(era.hop()) && may_be_of_extension(name) {
                true => Ok(Method::Extension),
                false => Err(refusal),
            }
        })
    }

    /// Whether this is the own door of a server that declares extensions, to clients of this kind.
    pub(super) fn knows_extensions(&self, hop: Hop) -> bool {
        if !matches!(self.scope, Scope::Server(_)) {
            return false;
        }
        let catalog = self.system.catalog().current();
        catalog.extensions(&self.scope).is_some_and(|it| it.hop == hop)
    }

    /// Brings a notification of an extension to the server whose own door this is. Nobody hears what
    /// came of it.
    pub(super) fn notify(&self, told: &Notification, hop: Hop) -> impl Future<Output = ()> + use<> {
        let known = is_of_extension(&told.method) && self.knows_extensions(hop);
        let params =
            known.then(|| CallParams::of_notice(told.method.clone(), told.params.as_ref()));
        let service = self.clone();
        async move {
            let Some(Ok(params)) = params else { return };
            let (scope, caller, seat) = (&service.scope, service.caller.clone(), service.seat());
            if let Err(error) = service.system.notify(scope, caller, seat, params).await {
                debug!(%error, "notification of a client was not brought to its server");
            }
        }
    }

    /// From now on the peer hears how a task goes that it was shown under this id.
    pub(super) async fn hear_of_task(&self, shown: &str) {
        if let Some(hearing) = &self.hearing {
            hearing.hear_of_task(self, shown).await;
        }
    }

    /// From now on the peer hears of the ends of these visits, to which `server` has asked it.
    pub(super) async fn await_visits(&self, server: &ServerId, visits: Vec<Arc<str>>) {
        if let Some(hearing) = self.hearing.as_ref().filter(|_| !visits.is_empty()) {
            hearing.await_visits(self, server, visits).await;
        }
    }

    /// Where the peer hears from now on.
    pub(super) async fn hear(&self) -> Option<Inbox> {
        match &self.hearing {
            Some(hearing) => Some(hearing.hear(self).await),
            None => None,
        }
    }

    /// Changes of the lists beyond what `seen` says.
    pub(super) fn changes(&self, seen: Seen) -> Changes {
        Changes::new(self.clone(), seen)
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
        seen.catch_up(self.digests());
    }

    /// Answers a request, whatever happens. Dropping the future takes a call back.
    pub(super) async fn answer(&self, job: Job, peer: &Peer<'_>) -> Answer {
        let (id, method, era) = (job.request.id.clone(), job.method, job.era);
        let answered = AssertUnwindSafe(self.try_answer(job, peer)).catch_unwind().await;
        match answered {
            Ok(Ok(body)) if method == Method::Extension => Answer::of_extension(body, era),
            Ok(Ok(body)) => Answer::ok(body),
            Ok(Err(refusal)) => refuse(Some(&id), &refusal),
            Err(_) => refuse(Some(&id), &Refusal::Internal),
        }
    }

    async fn try_answer(&self, job: Job, peer: &Peer<'_>) -> Result<Rope, Refusal> {
        let Job { request, asked, era, method } = job;
        let result = match (method, asked) {
            (Method::Ping, _) => "{}".to_owned(),
            (_, Asked::Broken { reason, .. }) => return Err(Refusal::BadParams { reason }),
            (Method::Call, Asked::Call(params)) => {
                return self.call(&request.id, params, era, peer).await;
            }
            (Method::Extension, Asked::Other { params, meta }) => {
                let params = CallParams::of_extension(request.method.clone(), params, *meta);
                return self.call(&request.id, Box::new(params), era, peer).await;
            }
            (Method::List(kind), Asked::Other { params, .. }) => {
                let list = self.list(kind, &request.id, &params, era, peer.seen).await;
                return list.map(Rope::from);
            }
            (Method::Initialize, Asked::Other { params, .. }) => {
                greeting::initialize(&self.system, &self.scope, negotiate(&params))
            }
            (Method::Discover, _) => greeting::discover(&self.system, &self.scope),
            (Method::Tasks, Asked::Other { params, .. }) => {
                return tasks::list(self, &request.id, &params).await.map(Rope::from);
            }
            (Method::SetLevel | Method::Subscribe | Method::Unsubscribe, asked) => {
                return self.listen_to(method, &request.id, asked).await.map(Rope::from);
            }
            // Listening is answered by the doors, calls are read as such.
            (
                Method::Listen
                | Method::Tasks
                | Method::Call
                | Method::Extension
                | Method::List(_)
                | Method::Initialize,
                _,
            ) => {
                return Err(Refusal::Internal);
            }
        };
        Ok(response(&request.id, result.as_bytes()).into())
    }

    /// Serves what a peer with a handshake asks to hear, or to hear no more.
    async fn listen_to(&self, method: Method, id: &Id, asked: Asked) -> Result<Bytes, Refusal> {
        let (Some(hearing), Asked::Other { params, .. }) = (&self.hearing, asked) else {
            return Err(Refusal::Internal);
        };
        match method {
            Method::SetLevel => hearing.set_level(self, &params).await?,
            Method::Subscribe => {
                if let Some(answer) = hearing.subscribe(self, id, &params).await? {
                    return Ok(answer);
                }
            }
            _ => hearing.unsubscribe(self, &params).await?,
        }
        Ok(response(id, b"{}"))
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
        if !self.is_fronted(kind) {
            self.await_list(kind).await;
        }
        let catalog = self.system.catalog().current();
        let (view, style) = (catalog.view(&self.scope), self.style(&catalog));
        let config = self.system.config();
        let size = config.catalog.page_size;
        let (entries, next) = match view {
            Some(view) => {
                let form = Form { hop: era.hop(), style };
                let page = view.page(kind, cursor.as_deref(), size, form);
                let page = page.map_err(|_| bad_cursor())?;
                (page.entries, page.next_cursor)
            }
            None => (Bytes::from_static(b"[]"), None),
        };
        if let Some(seen) = seen {
            seen.update(kind, view.map_or(0, |view| view.digest(kind, style)));
        }
        let head = format!("{{\"{}\":", kind.key());
        let mut rest = Vec::with_capacity(128);
        if let Some(next) = next {
            rest.extend_from_slice(b",\"nextCursor\":");
            write_json_string(&mut rest, &next);
        }
        if era == Era::Modern {
            let incomplete = view.is_some_and(|view| is_incomplete(view.list(kind)));
            let incomplete = incomplete && !self.is_fronted(kind);
            let most = if incomplete { TTL_INCOMPLETE } else { TTL_MAX };
            let ttl = millis(config.catalog.ttl.min(most));
            let hints = format!(r#","resultType":"complete","ttlMs":{ttl},"cacheScope":"private""#);
            rest.extend_from_slice(hints.as_bytes());
        }
        rest.push(b'}');
        Ok(response_of(id, &[head.as_bytes(), &entries, &rest]))
    }

    /// Whether a few tools are shown in place of this list.
    fn is_fronted(&self, kind: ListKind) -> bool {
        let catalog = self.system.catalog().current();
        let mode = catalog.view(&self.scope).map(|view| view.mode());
        kind == ListKind::Tools && mode.is_some_and(|mode| mode != ViewMode::List)
    }

    /// Waits while a list would say nothing yet.
    pub(super) async fn await_list(&self, kind: ListKind) {
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

    /// From which level on the caller of a request wants to be told what is logged about it; what it
    /// has named is named to the server as well. Modern ones say so with each request or are told
    /// nothing (MCP 2026-07-28, server/utilities/logging).
    pub(super) fn level(
        &self,
        params: &mut CallParams,
        era: Era,
        can_tell: bool,
    ) -> Result<Option<LogLevel>, Refusal> {
        let named = match (era, params.meta.log_level.take()) {
            (Era::Legacy, _) => self.hearing.as_ref().and_then(|hearing| hearing.named_level()),
            (Era::Modern, None) => None,
            (Era::Modern, Some(raw)) => {
                let text: Option<String> = serde_json::from_slice(&raw).ok();
                let level = text.and_then(|text| text.parse().ok());
                let reason =
                    || "params._meta io.modelcontextprotocol/logLevel is no level".to_owned();
                Some(level.ok_or_else(|| Refusal::BadParams { reason: reason() })?)
            }
        };
        if !can_tell {
            return Ok(None);
        }
        params.meta.log_level = named.map(|level| Bytes::from(format!("\"{level}\"")));
        let unsaid = self.hearing.as_ref().filter(|_| era == Era::Legacy);
        Ok(named.or(unsaid.map(|hearing| hearing.level())))
    }
}

/// The version to go on with: the client's, if it opens with `initialize` and is known here.
pub(super) fn negotiate(params: &Members) -> &'static str {
    let asked = params.text("protocolVersion");
    asked.and_then(|asked| legacy_version(&asked)).unwrap_or(LEGACY_LATEST)
}

/// The version of that name, if it opens with `initialize` and is known here.
pub(super) fn legacy_version(name: &str) -> Option<&'static str> {
    const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY_LATEST];
    LEGACY.into_iter().find(|version| *version == name)
}

pub(super) fn bad_cursor() -> Refusal {
    Refusal::BadParams { reason: "the cursor is not one of this list".to_owned() }
}

fn is_incomplete(list: &List) -> bool {
    list.servers().values().any(|state| *state == ListState::Awaited)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn response(id: &Id, result: &[u8]) -> Bytes {
    response_of(id, &[result])
}
