//! This file turns the limits in the settings into those that the delegation actor keeps.
//!
//! It leaves keeping them to that actor.

use std::collections::BTreeMap;

use conductor_config::{DelegationSettings, DelegatorLimit};

use super::StartError;
use crate::delegation::{self, Limit, Limits, Rate};

/// The settings' limits in the form that the delegation actor keeps them.
pub(super) fn limits(settings: &DelegationSettings) -> Result<Limits, StartError> {
    let mut per_delegator = BTreeMap::new();
    for (name, settings) in &settings.delegators {
        let wrong = |reason: String| StartError::Limit { delegator: name.clone(), reason };
        let delegator = name.parse().map_err(|error| wrong(format!("{error}")))?;
        per_delegator.insert(delegator, limit(name, settings)?);
    }
    let default = Some(limit("everybody else", &settings.default_limit)?);
    Ok(Limits { per_delegator, default })
}

fn limit(delegator: &str, settings: &DelegatorLimit) -> Result<Limit, StartError> {
    let wrong = |error: delegation::RateError| StartError::Limit {
        delegator: delegator.to_owned(),
        reason: error.to_string(),
    };
    let rate = Rate::per(settings.rate.count, settings.rate.per, settings.burst).map_err(wrong)?;
    let max_in_flight = u32::try_from(settings.max_in_flight).unwrap_or(u32::MAX);
    Ok(Limit { rate, max_in_flight })
}
