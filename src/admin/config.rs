//! This file answers what the admin interface is asked about settings: the record of reloads, what
//! one would do, and the wish for one.
//!
//! It leaves reading them and taking them over to `reload/`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{Admin, Problem};
use crate::reload::{History, Plan, ReloadError, Trigger};

/// What became of the reloads so far.
pub(super) async fn history(State(admin): State<Admin>) -> Json<History> {
    Json(History::clone(&admin.reloader.history()))
}

/// What a reload would change.
pub(super) async fn plan(State(admin): State<Admin>) -> Result<Json<Plan>, Box<Problem>> {
    Ok(Json(admin.reloader.plan().await?))
}

/// Answers when the servers concerned have been told.
pub(super) async fn reload(State(admin): State<Admin>) -> Result<Json<Plan>, Box<Problem>> {
    Ok(Json(admin.reloader.reload(Trigger::Command).await?))
}

impl From<ReloadError> for Box<Problem> {
    fn from(error: ReloadError) -> Self {
        let detail = error.to_string();
        match error {
            ReloadError::Settings(error) => Box::new(Problem {
                problems: error.problems,
                ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_settings", detail)
            }),
            ReloadError::Gone => {
                Problem::refusal(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail)
            }
            ReloadError::Broken => {
                Problem::refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use conductor_config::ConfigError;

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
