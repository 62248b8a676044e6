//! This file sends HTTP requests to one remote server over a pool of connections.
//!
//! It leaves what the requests and answers say to others, and so does it with time: whoever asks
//! sets a limit.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_config::{RemoteSpec, Secret};
use http::header::{AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;

use super::connector::{Connector, Trust};
use super::target::Target;

/// Redirections followed for one request.
const HOPS: usize = 3;
/// How long an unused connection is kept: less than the five seconds after which common servers
/// close theirs, since a call that meets a closing connection is lost and nobody knows how.
const IDLE: Duration = Duration::from_secs(4);
/// Unused connections kept.
const IDLE_MOST: usize = 32;
/// Bytes of the head of an answer, about.
const HEAD: usize = 64 * 1024;

/// Headers of an entry that would break the transport.
const RESERVED: [&str; 12] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Why a request brought no answer at all.
#[derive(Debug, Clone, Error)]
pub(super) enum TripError {
    /// There was no connection: not one byte of the request left.
    #[error("{0}")]
    Unreachable(Arc<str>),
    /// The connection broke; the request may have arrived.
    #[error("{0}")]
    Broken(Arc<str>),
    /// The server sends us somewhere else, where we do not go.
    #[error("it redirects, and {why}")]
    Astray { status: StatusCode, why: String },
}

/// Why a remote server cannot be asked.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct ClientError(String);

/// Speaks HTTP with one server, and sends it what the settings say is to be sent to it.
pub(super) struct Client {
    pool: legacy::Client<Connector, Full<Bytes>>,
    target: Target,
    headers: HeaderMap,
    is_authorized: bool,
}

impl Client {
    /// A client without a connection yet.
    pub(super) async fn new(spec: &RemoteSpec, trust: Trust) -> Result<Self, ClientError> {
        let target = Target::read(&spec.url).map_err(|error| ClientError(error.to_string()))?;
        let connector = Connector::new(trust, target.is_https(), spec.reach).await;
        let connector = connector.map_err(|error| ClientError(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("mcp-conductor/", env!("CARGO_PKG_VERSION"))),
        );
        for (name, value) in &spec.headers {
            let (name, value) = header(name, value)?;
            if !RESERVED.contains(&name.as_str()) {
                headers.insert(name, value);
            }
        }
        if let Some(login) = target.basic_authorization()
            && !headers.contains_key(AUTHORIZATION)
            && let Ok(mut login) = HeaderValue::try_from(login)
        {
            login.set_sensitive(true);
            headers.insert(AUTHORIZATION, login);
        }
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MOST)
            .http1_max_buf_size(HEAD)
            .build(connector);
        let is_authorized = headers.contains_key(AUTHORIZATION);
        Ok(Self { pool, target, headers, is_authorized })
    }

    /// The server's address.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether requests carry credentials.
    pub(super) fn is_authorized(&self) -> bool {
        self.is_authorized
    }

    /// Sends one request to `uri`, which is on the server, and gets the head of the answer. The
    /// request is sent again where the server says it has moved, if that is the same server.
    pub(super) async fn send(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Response<Incoming>, TripError> {
        let mut uri = uri.clone();
        for _ in 0..=HOPS {
            let mut request = Request::new(Full::new(body.clone()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = self.headers.clone();
            request.headers_mut().extend(headers.iter().map(|(k, v)| (k.clone(), v.clone())));
            let answer = self.pool.request(request).await.map_err(|error| explain(&error))?;
            let status = answer.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            let astray = |why: String| TripError::Astray { status, why };
            let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            let place = place.ok_or_else(|| astray("does not say where to".to_owned()))?;
            let next = self.target.join(&uri, place).map_err(|error| astray(error.to_string()))?;
            if !matches!(status.as_u16(), 307 | 308) {
                let code = status.as_u16();
                return Err(astray(format!("HTTP {code} lets no request be repeated elsewhere")));
            }
            uri = next;
        }
        let (status, why) = (StatusCode::LOOP_DETECTED, format!("more than {HOPS} times in a row"));
        Err(TripError::Astray { status, why })
    }
}

fn header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), ClientError> {
    let bad = || ClientError(format!("the header `{name}` cannot be sent as it is written"));
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    let mut value = HeaderValue::from_str(value.expose().trim()).map_err(|_| bad())?;
    value.set_sensitive(true);
    Ok((key, value))
}

fn explain(error: &legacy::Error) -> TripError {
    let reason = root(error).into();
    if error.is_connect() { TripError::Unreachable(reason) } else { TripError::Broken(reason) }
}

/// The words of the innermost cause, which is the one that says what happened.
pub(super) fn root(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
