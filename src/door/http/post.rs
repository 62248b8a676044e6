//! This file serves POST: one message, or a batch, comes in and is answered.
//!
//! It leaves batches to `many` and the answers themselves to `service`.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use conductor_actors::Scope;
use conductor_actors::wire::{self, Hop, Id, Message, Notification, is_of_extension, one_line};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Body;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::going_on::GoingOn;
use super::negotiation::{Accepts, is_json};
use super::replay::Reader;
use super::sessions::{Busy, Session, taken_back};
use super::{Door, body, events, many, respond};
use crate::door::asked::Asked;
use crate::door::batch;
use crate::door::classify::{self, Method};
use crate::door::dialogue::Client;
use crate::door::era::Era;
use crate::door::listen::{self, Filter};
use crate::door::mirrored::Mirrored;
use crate::door::reply::{Answer, Problem, Refusal, refuse};
use crate::door::service::{Job, Peer, Service, negotiate};
use crate::door::stream::{cancelled_id, id_of};

/// An answer that takes longer than this comes as an event, so that it is not lost with the
/// connection.
const LONG: Duration = Duration::from_secs(1);

/// One POST, its body read.
pub(super) struct Post<'a> {
    pub(super) door: &'a Door,
    pub(super) scope: Scope,
    pub(super) headers: HeaderMap,
    pub(super) accepts: Accepts,
    /// What answers it, outside any session.
    pub(super) service: Service,
}

/// Serves one POST.
pub(super) async fn post<B>(door: &Door, scope: Scope, request: Request<B>) -> Response
where
    B: Body<Data = Bytes> + Unpin,
{
    let (parts, body) = request.into_parts();
    if !is_json(&parts.headers) {
        return respond::problem(Problem::UnsupportedMediaType);
    }
    let accepts = Accepts::of(&parts.headers);
    if !accepts.json && !accepts.events {
        return respond::problem(Problem::NotAcceptable);
    }
    let settings = &door.settings;
    let body = match body::read(body, settings.max_body, settings.body_timeout).await {
        Ok(body) if wire::has_broken_text(&body) => {
            let reason = "a text with a raw line end in it".to_owned();
            return respond::json(refuse(None, &Refusal::Unreadable { reason }));
        }
        Ok(body) => one_line(body),
        Err(problem) => return respond::problem(problem),
    };
    let service = door.service(scope.clone());
    Post { door, scope, headers: parts.headers, accepts, service }.serve(body).await
}

impl Post<'_> {
    async fn serve(&self, body: Bytes) -> Response {
        if batch::is_batch(&body) {
            return many::serve(self, &body).await;
        }
        match wire::parse(&body) {
            Ok(Message::Request(request)) => {
                let id = request.id.clone();
                match self.request(request).await {
                    Ok(response) => response,
                    Err(refusal) => respond::json(refuse(Some(&id), &refusal)),
                }
            }
            Ok(Message::Notification(told)) => match self.notification(&told) {
                Ok(()) => respond::empty(StatusCode::ACCEPTED),
                Err(refusal) => respond::refusal(&refusal),
            },
            Ok(Message::Response(response)) => match self.response(response) {
                Ok(()) => respond::empty(StatusCode::ACCEPTED),
                Err(refusal) => respond::refusal(&refusal),
            },
            Err(error) => respond::json(refuse(id_of(&error), &batch::malformed(&error))),
        }
    }

    /// What is shown in a session.
    pub(super) fn service_in(&self, session: &Session) -> Service {
        self.service.clone().greeted(&session.client).hearing(Arc::clone(&session.hearing))
    }

    /// The session it belongs to.
    pub(super) fn session(&self) -> Result<Busy, Refusal> {
        self.door.sessions.find(&self.headers, &self.door.owner(&self.scope))
    }

    async fn request(&self, request: wire::Request) -> Result<Response, Refusal> {
        let asked = Asked::of(&request)?;
        let mirrored = Mirrored::of(&self.headers);
        let era = classify::era_of(&request.method, &asked, Some(&mirrored))?;
        match era {
            Era::Modern => {
                let method = self.service.method_of(&request.method, era)?;
                if let Asked::Call(params) = &asked
                    && let Some(marks) = self.service.marks(&asked)
                {
                    classify::arguments_agree(&self.headers, &marks, params.arguments())?;
                }
                self.modern(Job { request, asked, era, method }).await
            }
            Era::Legacy if &*request.method == "initialize" => {
                let job = Job { request, asked, era, method: Method::Initialize };
                self.initialize(job).await
            }
            Era::Legacy => {
                let session = self.session()?;
                let method = self.service.method_of(&request.method, era)?;
                Ok(self.legacy(Job { request, asked, era, method }, session).await)
            }
        }
    }

    async fn modern(&self, job: Job) -> Result<Response, Refusal> {
        if job.method == Method::Listen {
            return self.listen(job);
        }
        if self.wants_events(&job) {
            let (out, waiting) = events::channel();
            let service = self.service.clone();
            tokio::spawn(async move {
                let peer = Peer { out: Some(&out), ..Peer::default() };
                // The client closes the stream to take the request back.
                tokio::select! {
                    answer = service.answer(job, &peer) => {
                        drop(out.send(answer.into_body()).await);
                    }
                    () = out.closed() => {}
                }
            });
            return Ok(events::response(waiting));
        }
        if self.may_notice(&job) {
            return Ok(self.noticed(job).await);
        }
        // A client that goes away drops this future, and with it the call.
        Ok(respond::json(self.service.answer(job, &Peer::default()).await))
    }

    /// Answers with one JSON text and its own status, unless the server says something before: then
    /// with a stream.
    async fn noticed(&self, job: Job) -> Response {
        let (out, mut waiting) = events::channel();
        let (done, mut answer) = oneshot::channel();
        let service = self.service.clone();
        tokio::spawn(async move {
            let peer = Peer { out: Some(&out), ..Peer::default() };
            // A client that goes away takes the request back.
            tokio::select! {
                answer = service.answer(job, &peer) => drop(done.send(answer)),
                () = out.closed() => {}
            }
        });
        tokio::select! {
            biased;
            Some(first) = waiting.recv() => events::until(first, waiting, answer),
            answer = &mut answer => {
                respond::json(answer.unwrap_or_else(|_| refuse(None, &Refusal::Internal)))
            }
        }
    }

    fn listen(&self, job: Job) -> Result<Response, Refusal> {
        let filter = Filter::read(&job.asked)?;
        if !self.accepts.events {
            return Ok(respond::problem(Problem::NotAcceptable));
        }
        let (out, waiting) = events::channel();
        let (service, closing) = (self.service.clone(), self.door.shutdown.clone());
        tokio::spawn(async move {
            listen::serve(&service, &job.request.id, filter, &out, &closing).await;
        });
        Ok(events::response(waiting))
    }

    async fn initialize(&self, job: Job) -> Result<Response, Refusal> {
        let client = match &job.asked {
            Asked::Other { params, .. } => Client::greeted(params, negotiate(params)),
            Asked::Broken { reason, .. } => {
                return Err(Refusal::BadParams { reason: reason.clone() });
            }
            Asked::Call(_) => return Err(Refusal::Internal),
        };
        let service = self.service.clone().greeted(&client);
        let (session, id) = self.door.sessions.open(self.door.owner(&self.scope), client).await?;
        service.catch_up(&session.seen);
        let answer =
            service.answer(job, &Peer { seen: Some(&session.seen), ..Peer::default() }).await;
        Ok(respond::with_session(self.one(answer), &id))
    }

    async fn legacy(&self, job: Job, session: Busy) -> Response {
        let replay = Arc::clone(&session.replay);
        let service = self.service_in(&session);
        if self.wants_events(&job) {
            let (out, waiting) = events::channel();
            tokio::spawn(async move {
                let answer = in_session(&service, job, &session, Some(&out)).await;
                // A request that was taken back gets no answer (basic/utilities/cancellation).
                if let Ok(answer) = answer {
                    let _ = out.send(answer.into_body()).await;
                }
            });
            return carried(replay.carry(None, waiting, None));
        }
        if self.may_tell(&job) {
            return self.deferred(job, session).await;
        }
        let id = job.request.id.clone();
        // A legacy client that goes away has not taken its request back: the call goes on.
        let work = async move { in_session(&service, job, &session, None).await };
        let answer = GoingOn::new(work).await;
        self.one(answer.unwrap_or_else(|refusal| refuse(Some(&id), &refusal)))
    }

    /// Answers with one JSON text, unless the server says something to the client before, or the
    /// answer takes long: then with a stream, which can be taken up again if it breaks.
    async fn deferred(&self, job: Job, session: Busy) -> Response {
        let replay = Arc::clone(&session.replay);
        let id = job.request.id.clone();
        let service = self.service_in(&session);
        let (out, mut waiting) = events::channel();
        let (done, answer) = oneshot::channel();
        let mut work = GoingOn::new(async move {
            let answer = in_session(&service, job, &session, Some(&out)).await;
            let _ = done.send(answer.unwrap_or_else(|refusal| refuse(Some(&id), &refusal)));
        });
        let first = tokio::select! {
            biased;
            Some(first) = waiting.recv() => Some(first),
            () = &mut work => match waiting.try_recv() {
                Ok(first) => Some(first), // said in the same breath as the answer
                Err(_) => {
                    let answer = answer.await;
                    return self.one(answer.unwrap_or_else(|_| refuse(None, &Refusal::Internal)));
                }
            },
            () = sleep(LONG), if replay.has_ids() => None,
        };
        carried(replay.carry(first, waiting, Some(answer)))
    }

    /// Whether the server may ask the client something during this call, or log.
    fn may_tell(&self, job: &Job) -> bool {
        self.accepts.events && matches!(job.method, Method::Call | Method::Extension)
    }

    /// Whether something may come before the answer that this client could read.
    fn wants_events(&self, job: &Job) -> bool {
        let meta = job.asked.meta();
        let wanted =
            meta.progress_token.is_some() || (job.era == Era::Modern && meta.log_level.is_some());
        let tells = job.method == Method::Call && wanted;
        self.accepts.events && (tells || !self.accepts.json)
    }

    /// Whether a newer server may say something that an extension knows before it answers.
    fn may_notice(&self, job: &Job) -> bool {
        self.may_tell(job) && self.service.knows_extensions(Hop::Modern)
    }

    /// One answer in the form that the client takes, and likes better if it takes both.
    pub(super) fn one(&self, answer: Answer) -> Response {
        if !self.accepts.rather_events || answer.status != 200 {
            return respond::json(answer);
        }
        let (out, waiting) = events::channel();
        let _ = out.try_send(answer.into_body());
        events::response(waiting)
    }

    fn notification(&self, told: &Notification) -> Result<(), Refusal> {
        let mirrored = Mirrored::of(&self.headers);
        if classify::header_is_modern(&mirrored) {
            // Modern requests over HTTP are taken back by closing them; there is nothing to do.
            if is_of_extension(&told.method) {
                classify::method_agrees(&mirrored, &told.method)?;
                tokio::spawn(self.service.notify(told, Hop::Modern));
            }
            return Ok(());
        }
        let session = self.session()?;
        self.note(told, &session);
        Ok(())
    }

    /// Acts on a notification.
    pub(super) fn note(&self, told: &Notification, session: &Busy) {
        if &*told.method == "notifications/cancelled"
            && let Some(id) = told.params.as_ref().and_then(cancelled_id)
        {
            session.cancel(id);
        }
        if is_of_extension(&told.method) {
            tokio::spawn(self.service_in(session).notify(told, Hop::Legacy));
        }
    }

    fn response(&self, response: wire::Response) -> Result<(), Refusal> {
        if classify::header_is_modern(&Mirrored::of(&self.headers)) {
            let reason = "a client of this revision sends no responses".to_owned();
            return Err(Refusal::NotAMessage { reason });
        }
        let session = self.session()?;
        session.client.on_response(response);
        Ok(())
    }
}

/// A stream of a session as a response.
fn carried(reader: Option<Reader>) -> Response {
    reader.map_or_else(|| respond::refusal(&Refusal::Internal), events::opened)
}

/// Answers a request of a session, unless it is taken back before.
pub(super) async fn in_session(
    service: &Service,
    job: Job,
    session: &Busy,
    out: Option<&mpsc::Sender<Bytes>>,
) -> Result<Answer, Refusal> {
    let (id, method): (Id, Method) = (job.request.id.clone(), job.method);
    let peer = Peer { seen: Some(&session.seen), out, client: Some(&session.client) };
    let cancelled = taken_back(session.cancellations(), &id, &session.ended);
    tokio::select! {
        biased;
        answer = service.answer(job, &peer) => {
            if matches!(method, Method::SetLevel | Method::Subscribe | Method::Unsubscribe) {
                session.keep().await;
            }
            Ok(answer)
        }
        () = cancelled => Err(Refusal::Cancelled),
    }
}
