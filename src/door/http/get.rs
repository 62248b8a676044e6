//! This file serves GET and DELETE of legacy sessions: what is said unasked, and the end.
//!
//! It leaves finding sessions to `sessions`.

use std::sync::Arc;

use axum::response::Response;
use conductor_actors::Scope;
use http::{HeaderMap, StatusCode};

use super::negotiation::Accepts;
use super::sessions::Busy;
use super::{Door, events, respond};
use crate::door::hearing;
use crate::door::listen::list_changed;
use crate::door::reply::{Problem, Refusal, SessionFault};

/// Opens the session's stream of news.
pub(super) fn get(door: &Door, scope: Scope, headers: &HeaderMap) -> Response {
    let session = match door.sessions.find(headers, &scope) {
        Ok(session) => session,
        Err(refusal) => return nothing_here(&refusal),
    };
    if !Accepts::of(headers).events {
        return respond::problem(Problem::NotAcceptable);
    }
    if !session.take_stream() {
        return respond::problem(Problem::StreamTaken);
    }
    let stream = Stream(session);
    let (out, waiting) = events::channel();
    let service = door.service(scope).hearing(Arc::clone(&stream.0.hearing));
    let mut changes = service.changes(stream.0.seen.clone());
    let shutdown = door.shutdown.clone();
    tokio::spawn(async move {
        let (mut live, mut inbox) = (true, service.hear().await);
        loop {
            tokio::select! {
                biased;
                () = out.closed() => return,
                () = stream.0.ended.cancelled() => return,
                () = shutdown.cancelled() => return,
                line = hearing::next(&mut inbox) => {
                    if out.send(line).await.is_err() {
                        return;
                    }
                }
                news = changes.next(), if live => {
                    live = news.is_some();
                    for line in list_changed(news.unwrap_or_default()) {
                        if out.send(line).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    });
    events::response(waiting)
}

/// Ends a session.
pub(super) async fn delete(door: &Door, scope: &Scope, headers: &HeaderMap) -> Response {
    match door.sessions.find(headers, scope) {
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

/// The one stream of a session, given back when dropped.
struct Stream(Busy);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.release_stream();
    }
}
