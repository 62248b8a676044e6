//! This file serves batches, for the one revision that has them (MCP 2025-03-26).
//!
//! It leaves single messages to `post`.

use axum::response::Response;
use bytes::Bytes;
use conductor_actors::wire::{self, Message};
use http::StatusCode;

use super::post::{Post, in_session};
use super::respond;
use super::sessions::Busy;
use crate::door::asked::Asked;
use crate::door::batch;
use crate::door::era::Era;
use crate::door::reply::{Answer, Refusal, refuse};
use crate::door::service::Job;
use crate::door::stream::id_of;

/// Serves one batch.
pub(super) async fn serve(post: &Post<'_>, body: &Bytes) -> Response {
    let session = match post.session() {
        Ok(session) if session.client.version == batch::VERSION => session,
        Ok(_) | Err(_) => return respond::refusal(&batch::refused()),
    };
    let (jobs, mut answers) = match sort(post, body, &session) {
        Ok(sorted) => sorted,
        Err(refusal) => return respond::refusal(&refusal),
    };
    let service = post.service_in(&session);
    // As with single requests, a client that goes away does not end the calls.
    let task = tokio::spawn(async move {
        let (service, session) = (&service, &session);
        let all = jobs.into_iter().map(|job| async move {
            let id = job.request.id.clone();
            let answer = in_session(service, job, session, None).await;
            answer.unwrap_or_else(|refusal| refuse(Some(&id), &refusal)).into_body()
        });
        futures_util::future::join_all(all).await
    });
    match task.await {
        Ok(answered) => answers.extend(answered),
        Err(_) => return respond::refusal(&Refusal::Internal),
    }
    match batch::join(&answers) {
        Some(body) => post.one(Answer::ok(body)),
        None => respond::empty(StatusCode::ACCEPTED),
    }
}

/// Acts on what wants no answer; gives the requests, and the answers to what cannot be served.
fn sort(post: &Post<'_>, body: &Bytes, session: &Busy) -> Result<(Vec<Job>, Vec<Bytes>), Refusal> {
    let (mut jobs, mut answers) = (Vec::new(), Vec::new());
    for member in batch::split(body)? {
        match member {
            Ok(Message::Request(request)) => {
                let id = request.id.clone();
                match job(post, request)? {
                    Ok(job) => jobs.push(job),
                    Err(refusal) => answers.push(refuse(Some(&id), &refusal).into_body()),
                }
            }
            Ok(Message::Notification(told)) => post.note(&told, session),
            Ok(Message::Response(response)) => session.client.on_response(response),
            Err(error) => {
                answers.push(refuse(id_of(&error), &batch::malformed(&error)).into_body());
            }
        }
    }
    Ok((jobs, answers))
}

/// One request of a batch. A modern one makes the whole batch unlawful.
fn job(post: &Post<'_>, request: wire::Request) -> Result<Result<Job, Refusal>, Refusal> {
    let asked = match Asked::of(&request) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if asked.meta().protocol_version.is_some() {
        return Err(batch::refused());
    }
    if &*request.method == "initialize" {
        let reason = "`initialize` must not be in a batch".to_owned();
        return Ok(Err(Refusal::NotAMessage { reason }));
    }
    let era = Era::Legacy;
    let method = post.service.method_of(&request.method, era);
    Ok(method.map(|method| Job { request, asked, era, method }))
}
