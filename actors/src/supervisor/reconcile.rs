//! This file finds out what has to happen so that what runs is what is wanted.
//!
//! Pure. The first start is the same question asked of an empty table.

use std::collections::BTreeMap;
use std::sync::Arc;

use conductor_config::diff::{Change, compare};
use conductor_config::{ServerId, ServerSpec};

pub(super) type Specs = BTreeMap<ServerId, Arc<ServerSpec>>;

/// One thing to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// The server is no longer wanted.
    Remove(ServerId),
    /// The server is known and is not to run.
    Rest(Arc<ServerSpec>),
    /// The server is to run and does not.
    Add(Arc<ServerSpec>),
    /// The server's next life must differ from the present one.
    Replace(Arc<ServerSpec>),
    /// The server takes its new settings as it runs.
    Retune(Arc<ServerSpec>),
}

/// The steps that lead from `running` to `wanted`, removals first, so that what they free (socket
/// paths, places in limits) is there for what comes.
pub(super) fn plan(running: &Specs, wanted: &Specs) -> Vec<Step> {
    let removed = running.keys().filter(|id| !wanted.contains_key(id));
    let mut steps: Vec<Step> = removed.cloned().map(Step::Remove).collect();
    let resting = wanted.iter().filter(|(id, spec)| !spec.enabled && running.get(id) != Some(spec));
    steps.extend(resting.map(|(_, spec)| Step::Rest(Arc::clone(spec))));
    for (id, change) in compare(running, wanted) {
        let Some(spec) = wanted.get(&id).filter(|spec| spec.enabled).map(Arc::clone) else {
            continue;
        };
        match change {
            Change::Add => steps.push(Step::Add(spec)),
            Change::Restart => steps.push(Step::Replace(spec)),
            Change::Retune => steps.push(Step::Retune(spec)),
            Change::Keep | Change::Remove => {}
        }
    }
    steps
}
