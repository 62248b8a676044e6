//! This file writes down what became of a reload, in the log and in the record that others may ask for.
//!
//! It leaves what stands there to `report`.

use std::path::PathBuf;
use std::sync::Arc;

use conductor_config::{Config, Problem};
use tracing::{error, info, warn};

use super::owner::{Owner, ReloadError, Trigger};
use super::plan::files;
use super::{History, LastFailure, Plan};

impl Owner {
    pub(super) fn note_failure(&self, error: &ReloadError, by: Trigger, at: String) {
        let by = by.as_str();
        let problems = match error {
            ReloadError::Settings(error) => error.problems.clone(),
            ReloadError::Gone | ReloadError::Broken => {
                let message = error.to_string();
                vec![Problem { file: files(&self.sources()), key: String::new(), message }]
            }
        };
        for problem in &problems {
            error!(%problem, by, "settings not taken over, those from before are in force");
        }
        self.record(|history| {
            history.attempts += 1;
            history.last_attempt = Some(at.clone());
            history.last_error = Some(LastFailure { at, by: by.to_owned(), problems });
        });
    }

    pub(super) fn note_success(&self, config: &Config, plan: &Plan, by: Trigger, at: String) {
        let (counts, by) = (plan.counts(), by.as_str());
        let active = config.servers.values().filter(|spec| spec.enabled).count();
        info!(
            by,
            active,
            added = ?plan.add,
            removed = ?plan.remove,
            restarted = ?plan.restart,
            retuned = ?plan.retune,
            kept = counts.keep,
            sections = ?plan.sections,
            "settings taken over"
        );
        if self.history.borrow().warnings != plan.warnings {
            for warning in &plan.warnings {
                warn!(%warning, "settings");
            }
        }
        self.record(|history| {
            history.attempts += 1;
            history.successes += 1;
            history.last_attempt = Some(at.clone());
            history.last_success = Some(at);
            history.last_error = None;
            history.warnings.clone_from(&plan.warnings);
            history.last_plan = Some(counts);
            history.sources.clone_from(&config.sources);
        });
    }

    fn sources(&self) -> Vec<PathBuf> {
        self.history.borrow().sources.clone()
    }

    pub(super) fn record(&self, change: impl FnOnce(&mut History)) {
        self.history.send_modify(|history| change(Arc::make_mut(history)));
    }
}
