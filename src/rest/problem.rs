//! This file turns what can go wrong behind the REST API and the admin socket into problem documents
//! (RFC 9457).
//!
//! It decides codes and texts for people at the command line; what agents are told is up to the
//! doors.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use conductor_actors::{CallError, HttpRefusal, RestartError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::Secrets;

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem; ends in `reason`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for people.
    pub detail: String,
    /// A stable word for programs.
    pub reason: String,
    /// The server concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Whether a failed call may have had an effect: `not_sent`, `outcome_unknown`, `completed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// When trying again makes sense, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What the server concerned last wrote to stderr, oldest line first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stderr_tail: Vec<String>,
    /// What is wrong with settings, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>)]
    pub problems: Vec<conductor_config::Problem>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, reason: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:mcp-conductor:problem:{reason}"),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            reason: reason.to_owned(),
            server: None,
            fate: None,
            retry_after_ms: None,
            stderr_tail: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The same, ready to be returned as an error.
    pub(crate) fn refusal(
        status: StatusCode,
        reason: &str,
        detail: impl Into<String>,
    ) -> Box<Self> {
        Box::new(Self::new(status, reason, detail))
    }

    pub(crate) fn unknown_server(name: impl std::fmt::Display) -> Box<Self> {
        let problem = Self::new(
            StatusCode::NOT_FOUND,
            "unknown_server",
            format!("there is no server `{name}`"),
        );
        Box::new(Self { server: Some(name.to_string()), ..problem })
    }

    /// A call that failed, as of `now`. Nothing of `secrets` is shown.
    pub(crate) fn of_call(error: &CallError, secrets: &Secrets, now: Instant) -> Box<Self> {
        let status = match error {
            CallError::Unknown { .. } => StatusCode::NOT_FOUND,
            CallError::Unavailable { .. } | CallError::Busy { .. } | CallError::ShuttingDown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            CallError::Lost { .. }
            | CallError::BadAnswer { .. }
            | CallError::Refused { no: HttpRefusal::Status { .. }, .. } => StatusCode::BAD_GATEWAY,
            CallError::BadArguments { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            CallError::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
            CallError::RateLimited { .. }
            | CallError::Refused { no: HttpRefusal::Throttled { .. }, .. } => {
                StatusCode::TOO_MANY_REQUESTS
            }
        };
        let retry_after = error.retry_after(now).map(|after| after.as_millis());
        let blotted = |text: &str| secrets.blotted(text).into_owned();
        let tail = error.downfall().map(|downfall| downfall.stderr_tail.as_slice());
        Box::new(Self {
            server: error.server().map(ToString::to_string),
            fate: Some(error.fate().as_str().to_owned()),
            retry_after_ms: retry_after.and_then(|millis| u64::try_from(millis).ok()),
            stderr_tail: tail.unwrap_or_default().iter().map(|line| blotted(line)).collect(),
            ..Self::new(status, error.reason(), blotted(&error.to_string()))
        })
    }
}

impl From<RestartError> for Box<Problem> {
    fn from(error: RestartError) -> Self {
        match &error {
            RestartError::UnknownServer(server) => Problem::unknown_server(server),
            RestartError::Disabled(server) => Box::new(Problem {
                server: Some(server.to_string()),
                ..Problem::new(StatusCode::CONFLICT, "disabled", error.to_string())
            }),
            RestartError::Gone => Problem::refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                "shutting_down",
                error.to_string(),
            ),
        }
    }
}

impl IntoResponse for Box<Problem> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[tokio::test]
    async fn a_failed_call_says_what_is_known_of_its_effect() {
        let error = CallError::DeadlineExceeded {
            server: "git".parse().unwrap(),
            limit: Duration::from_secs(30),
            sent: true,
        };
        let problem =
            serde_json::to_value(Problem::of_call(&error, &Secrets::default(), Instant::now()))
                .unwrap();
        assert_eq!(
            problem,
            json!({
                "type": "urn:mcp-conductor:problem:timeout",
                "title": "Gateway Timeout",
                "status": 504,
                "detail": "server `git` did not answer within 30s",
                "reason": "timeout",
                "server": "git",
                "fate": "outcome_unknown",
            })
        );
    }

    #[test]
    fn the_manual_explains_every_reason_of_this_folder() {
        let manual = include_str!("../../docs/errors.md");
        let (_, section) =
            manual.split_once("\n## Refused by the REST API and the admin socket\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let explained = |reason: &str| section.contains(&format!("| `{reason}` |"));
        let sources = [
            include_str!("problem.rs"),
            include_str!("config.rs"),
            include_str!("connections.rs"),
            include_str!("etag.rs"),
            include_str!("mod.rs"),
            include_str!("page.rs"),
            include_str!("token.rs"),
            include_str!("../admin/routes.rs"),
        ]
        .map(|source| source.split("#[cfg(test)]").next().unwrap().split("StatusCode::").skip(1));
        let quoted = sources.into_iter().flatten().filter_map(|rest| rest.split('"').nth(1));
        let word = |text: &&str| text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
        let reasons: std::collections::BTreeSet<&str> = quoted.filter(word).collect();
        assert!(reasons.len() > 8, "{reasons:?}");
        for reason in reasons {
            assert!(explained(reason), "explain `{reason}` in docs/errors.md");
        }
    }

    #[test]
    fn an_unknown_server_is_not_found_and_a_disabled_one_in_conflict() {
        let server: conductor_config::ServerId = "git".parse().unwrap();
        let statuses = [
            (RestartError::UnknownServer(server.clone()), 404, "unknown_server"),
            (RestartError::Disabled(server), 409, "disabled"),
            (RestartError::Gone, 503, "shutting_down"),
        ];
        for (error, status, reason) in statuses {
            let problem = Box::<Problem>::from(error);
            assert_eq!((problem.status, problem.reason.as_str()), (status, reason));
        }
    }
}
