//! This file keeps web pages from elsewhere out: it checks `Host` and `Origin` of every request.
//!
//! Pure. A browser lets any page send requests to this machine, and a name server can make any
//! name point here; both show in these headers (MCP, basic/transports, Security).

use std::net::SocketAddr;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HOST,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};

use super::respond;
use crate::door::reply::Problem;

/// What a page of an allowed origin may send.
const HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, \
                       Mcp-Name, Mcp-Session-Id, Last-Event-ID";
/// The prefix of headers that are named by tools.
const PARAMETER: &str = "mcp-param-";

/// The names under which this daemon may be spoken to.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    /// Loopback names with the port that is bound.
    own: Vec<String>,
    /// Whether they count with any port, and without: where there is none to be bound.
    any_port: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// A request that may enter.
#[derive(Debug)]
pub(super) struct Pass {
    /// The page it comes from, if a browser sent it.
    origin: Option<HeaderValue>,
}

impl Gate {
    /// A gate for what is bound to `bound`.
    pub(super) fn new(bound: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let port = bound.port();
        let mut own =
            vec![format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
        if bound.ip().is_loopback() {
            own.push(bound.to_string());
        }
        if port == 80 {
            own.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
        }
        Self { own, any_port: false, hosts: hosts.to_vec(), origins: origins.to_vec() }
    }

    /// A gate for a Unix socket. No browser gets to one, but a program may that passes requests
    /// on; so `Host` is a loopback name all the same, and no page is let in that is not listed.
    pub(super) fn of_socket(hosts: &[String], origins: &[String]) -> Self {
        Self { own: vec![], any_port: true, hosts: hosts.to_vec(), origins: origins.to_vec() }
    }

    /// Whether a request with this target and these headers may enter.
    ///
    /// # Errors
    /// If not: why.
    pub(super) fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<Pass, Problem> {
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Problem::HostMissing);
        };
        let host = host.to_str().map_err(|_| Problem::HostNotAllowed)?;
        let meant = target.authority().is_none_or(|authority| self.is_host(authority.as_str()));
        if !self.is_host(host) || !meant {
            return Err(Problem::HostNotAllowed);
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(Pass { origin: None }),
            // What starts programs is no page's business but our own, and that needs no leave.
            (Some(origin), None) if is_management(target) && self.is_own(origin) => {
                Ok(Pass { origin: None })
            }
            (Some(origin), None) if !is_management(target) && self.is_origin(origin) => {
                Ok(Pass { origin: Some(origin.clone()) })
            }
            (Some(_), _) => Err(Problem::OriginNotAllowed),
        }
    }

    fn is_host(&self, host: &str) -> bool {
        let bare = without_port(host);
        let loopback = ["localhost", "127.0.0.1", "[::1]"];
        (self.any_port && loopback.iter().any(|name| name.eq_ignore_ascii_case(bare)))
            || self.own.iter().any(|own| own.eq_ignore_ascii_case(host))
            || self.hosts.iter().any(|allowed| {
                allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(bare)
            })
    }

    fn is_origin(&self, origin: &HeaderValue) -> bool {
        let listed =
            |origin: &str| self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
        self.is_own(origin) || origin.to_str().is_ok_and(listed)
    }

    fn is_own(&self, origin: &HeaderValue) -> bool {
        let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        own.is_some_and(|host| self.own.iter().any(|own| own.eq_ignore_ascii_case(host)))
    }
}

/// Whether a request is for the REST API.
fn is_management(target: &Uri) -> bool {
    target.path().starts_with("/api/")
}

/// `name:80` and `[::1]:80` without the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// The answer to a request that may not enter.
pub(super) fn refused(problem: Problem) -> Response {
    tracing::debug!(status = problem.status(), "request refused at the gate");
    respond::problem(problem)
}

impl Pass {
    /// The answer to a browser that asks what it may send.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response> {
        if request.method() != Method::OPTIONS {
            return None;
        }
        let mut response = respond::empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        if self.origin.is_some() {
            let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asked));
            headers.insert(
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, POST, DELETE"),
            );
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        Some(self.finish(response))
    }

    /// The response with what a browser needs to hand it to its page.
    pub(super) fn finish(&self, mut response: Response<Body>) -> Response {
        if let Some(origin) = &self.origin {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("Mcp-Session-Id, WWW-Authenticate"),
            );
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        response
    }
}

/// The fixed headers, and those asked for that tools may name.
fn allowed_headers(asked: Option<&HeaderValue>) -> HeaderValue {
    let asked = asked.and_then(|asked| asked.to_str().ok()).unwrap_or_default();
    let is_parameter = |name: &&str| {
        let lower = name.to_ascii_lowercase();
        let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        lower
            .strip_prefix(PARAMETER)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(token))
    };
    let mut all = HEADERS.to_owned();
    for name in asked.split(',').map(str::trim).filter(is_parameter) {
        all.push_str(", ");
        all.push_str(name);
    }
    HeaderValue::try_from(all).unwrap_or(HeaderValue::from_static(HEADERS))
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
