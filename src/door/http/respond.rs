//! This file builds HTTP responses.
//!
//! It leaves statuses and words to `reply`, and headers for web pages to `gate`.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

use super::pieces;
use crate::door::reply::{Answer, Problem, Refusal, refuse};

/// The header that names a session.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// A JSON-RPC answer.
pub(super) fn json(answer: Answer) -> Response {
    let busy = answer.status == 503;
    let status = answer.status;
    let mut response = document(status, "application/json", pieces::body(answer.into_rope()));
    if busy {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// A refusal of something that has no id.
pub(super) fn refusal(refusal: &Refusal) -> Response {
    json(refuse(None, refusal))
}

/// A refusal of the HTTP request as such.
pub(super) fn problem(problem: Problem) -> Response {
    document(problem.status(), "application/problem+json", problem.document().into())
}

/// A refusal that says what would be allowed.
pub(super) fn not_allowed(allowed: &'static str) -> Response {
    let mut response = problem(Problem::MethodNotAllowed);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A response without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    harden(&mut response);
    response
}

/// A response with a body of a type.
pub(super) fn document(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    harden(&mut response);
    response
}

/// A stream of events.
pub(super) fn events(body: Body) -> Response {
    let mut response = document(200, "text/event-stream", body);
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Names the session that a handshake has made.
pub(super) fn with_session(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(id.as_bytes())) {
        response.headers_mut().insert(SESSION, id);
    }
    response
}

/// Marks a response as one that is neither guessed at nor kept.
pub(super) fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
