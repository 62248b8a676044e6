//! This file answers what is asked about settings: the record of reloads, what
//! one would do, and the wish for one.
//!
//! It leaves reading them and taking them over to `reload/`.

use std::error::Error as _;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use conductor_config::{ConfigError, ServerId};

use super::{Problem, Rest};
use crate::reload::{History, Plan, RegisterError, ReloadError, Trigger};

/// What became of the reloads so far.
#[utoipa::path(
    get,
    path = "/api/v1/aegis/config",
    operation_id = "get_config",
    summary = "What became of the reloads so far",
    responses((status = 200, description = "The record", body = History)),
)]
pub(super) async fn history(State(rest): State<Rest>) -> Json<History> {
    Json(History::clone(&rest.reloader.history()))
}

/// What a reload would change.
#[utoipa::path(
    get,
    path = "/api/v1/aegis/config/plan",
    operation_id = "plan_reload",
    summary = "What a reload would change",
    responses((status = 200, description = "What changes", body = Plan)),
)]
pub(super) async fn plan(State(rest): State<Rest>) -> Result<Json<Plan>, Box<Problem>> {
    Ok(Json(rest.reloader.plan().await?))
}

/// The same, for those who only know how to post.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/config/plan",
    operation_id = "try_reload",
    summary = "What a reload would change",
    responses((status = 200, description = "What changes", body = Plan)),
)]
pub(super) async fn try_plan(rest: State<Rest>) -> Result<Json<Plan>, Box<Problem>> {
    plan(rest).await
}

/// Answers when the servers concerned have been told.
#[utoipa::path(
    post,
    path = "/api/v1/aegis/config/reload",
    operation_id = "reload_config",
    summary = "Takes over the settings as they are now",
    responses((status = 200, description = "What changes", body = Plan)),
)]
pub(super) async fn reload(State(rest): State<Rest>) -> Result<Json<Plan>, Box<Problem>> {
    Ok(Json(rest.reloader.reload(Trigger::Command).await?))
}

impl From<ReloadError> for Box<Problem> {
    fn from(error: ReloadError) -> Self {
        let detail = error.to_string();
        match error {
            ReloadError::Settings(error) => error.into(),
            ReloadError::Gone => {
                Problem::refusal(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail)
            }
            ReloadError::Broken => {
                Problem::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
        }
    }
}

impl From<ConfigError> for Box<Problem> {
    fn from(error: ConfigError) -> Self {
        let detail = error.to_string();
        Box::new(Problem {
            problems: error.problems,
            ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_settings", detail)
        })
    }
}

impl From<RegisterError> for Box<Problem> {
    fn from(error: RegisterError) -> Self {
        let detail = error.to_string();
        let of = |id: &ServerId, status, reason| {
            let server = Some(id.to_string());
            Box::new(Problem { server, ..Problem::new(status, reason, detail.clone()) })
        };
        match error {
            RegisterError::Wrong(error) => error.into(),
            RegisterError::Unknown(id) => Problem::unknown_server(id),
            RegisterError::UnknownWorkspace(_) => {
                Problem::refusal(StatusCode::NOT_FOUND, "unknown_workspace", detail)
            }
            RegisterError::Taken { id, .. } => of(&id, StatusCode::CONFLICT, "name_taken"),
            RegisterError::InFile(id) => of(&id, StatusCode::CONFLICT, "read_only"),
            RegisterError::OtherVersion(id) => {
                of(&id, StatusCode::PRECONDITION_FAILED, "other_version")
            }
            RegisterError::NotKept(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                let detail = format!("{detail}{cause}");
                Problem::refusal(StatusCode::INSUFFICIENT_STORAGE, "not_kept", detail)
            }
            RegisterError::Gone => {
                Problem::refusal(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: ReloadError, status: u16, reason: &str, problems: usize) {
        let problem = Box::<Problem>::from(error);
        assert_eq!((problem.status, problem.reason.as_str()), (status, reason));
        assert_eq!(problem.problems.len(), problems);
    }

    #[test]
    fn settings_that_are_wrong_are_told_one_by_one() {
        let problem = |key: &str| conductor_config::Problem {
            file: "a.toml".into(),
            key: key.into(),
            message: "is wrong".into(),
        };
        let error = ConfigError { problems: vec![problem("a"), problem("b")] };
        check(ReloadError::Settings(error), 422, "bad_settings", 2);
        check(ReloadError::Gone, 503, "shutting_down", 0);
        check(ReloadError::Broken, 500, "internal", 0);
    }
}
