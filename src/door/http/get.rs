//! This file serves GET and DELETE of legacy sessions: what is said unasked, and the end.
//!
//! It leaves finding sessions to `sessions`.

use std::sync::Arc;

use axum::response::Response;
use conductor_actors::Scope;
use http::{HeaderMap, StatusCode};
use tokio_util::sync::CancellationToken;

use super::negotiation::Accepts;
use super::replay::NotKept;
use super::sessions::Session;
use super::{Door, events, respond};
use crate::door::herald::Unasked;
use crate::door::mirrored::Field;
use crate::door::reply::{Problem, Refusal, SessionFault};
use crate::door::service::Service;

/// Names the last event that a client has got.
const LAST_EVENT: &str = "last-event-id";

/// Opens the session's stream of news, or goes on with any stream of it.
pub(super) fn get(door: &Door, scope: Scope, headers: &HeaderMap) -> Response {
    let session = match door.sessions.find(headers, &door.owner(&scope)) {
        Ok(session) => session,
        Err(refusal) => return nothing_here(&refusal),
    };
    if !Accepts::of(headers).events {
        return respond::problem(Problem::NotAcceptable);
    }
    let replay = &session.replay;
    let after = Some(Field::of(headers, LAST_EVENT)).filter(|_| replay.has_ids());
    let (reader, resumed) = match after {
        None | Some(Field::Absent) => (replay.news().ok_or(Problem::StreamTaken), false),
        Some(Field::Value(id)) => {
            (replay.resume(id).map_err(|NotKept| Problem::EventUnknown), true)
        }
        Some(Field::Invalid) => (Err(Problem::EventUnknown), true),
    };
    let reader = match reader {
        Ok(reader) => reader,
        Err(problem) => return respond::problem(problem),
    };
    let closing = CancellationToken::new();
    if reader.is_of_news() {
        let service = door.service(scope).greeted(&session.client);
        let service = service.hearing(Arc::clone(&session.hearing));
        let (shutdown, missed) = (door.shutdown.clone(), reader.has_missed());
        let (session, closing) = (Arc::clone(&session), closing.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = closing.cancelled() => {}
                () = session.ended.cancelled() => {}
                () = shutdown.cancelled() => {}
                () = tell_news(&service, &session, missed) => {}
            }
            closing.cancel();
        });
    }
    match resumed {
        true => events::resumed(reader, closing, session),
        false => events::followed(reader, closing, session),
    }
}

/// Brings what is said unasked to the session's stream of news, for ever. `missed` if something of it
/// was told and lost.
async fn tell_news(service: &Service, session: &Session, missed: bool) {
    let mut unasked = Unasked::of(service, &session.seen).await;
    if missed {
        session.hearing.miss(service).await;
        session.seen.forget();
    }
    loop {
        session.replay.tell(unasked.next().await).await;
    }
}

/// Ends a session.
pub(super) async fn delete(door: &Door, scope: &Scope, headers: &HeaderMap) -> Response {
    match door.sessions.find(headers, &door.owner(scope)) {
        Ok(session) => {
            door.sessions.close(&session).await;
            respond::empty(StatusCode::NO_CONTENT)
        }
        Err(refusal) => nothing_here(&refusal),
    }
}

/// Without a session there is nothing to get or delete here.
fn nothing_here(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Session(SessionFault::Required) => respond::not_allowed("POST"),
        refusal => respond::refusal(refusal),
    }
}
