//! What each delegator is allowed, as plain values.
//! Counting against it is done in `gate.rs`.

use std::collections::BTreeMap;

use super::{DelegatorId, Rate};

/// What one delegator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How often it may call.
    pub rate: Rate,
    /// How many of its calls may run at once; 0 means none.
    pub max_in_flight: u32,
}

/// What all delegators may do. The default knows nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Those with limits of their own.
    pub per_delegator: BTreeMap<DelegatorId, Limit>,
    /// For each of the others; `None` if nobody else is known.
    pub default: Option<Limit>,
}

impl Limits {
    /// What this delegator may do; `None` if it is unknown.
    pub fn of(&self, delegator: &DelegatorId) -> Option<Limit> {
        self.per_delegator.get(delegator).copied().or(self.default)
    }
}
