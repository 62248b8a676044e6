//! Whether a delegator's call may go ahead now: known, not too many at once, not too often.
//! No clock and no messages; a call that is refused leaves no trace in any count.

use std::collections::HashMap;
use std::time::Duration;

use super::in_flight::{InFlight, Permit};
use super::quota::{Denied, QuotaTable};
use super::saved::{Saved, Tats};
use super::{Cost, DelegatorId, Limits, Rate, Refusal};

/// Delegators whose use is remembered at the same time.
const DELEGATORS_MAX: usize = 100_000;

pub(super) struct Gate {
    limits: Limits,
    quotas: QuotaTable<DelegatorId>,
    in_flight: HashMap<DelegatorId, InFlight>,
}

/// The same moment on two clocks, both in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Since this run began; never goes back.
    pub(super) running: u64,
    /// Since 1970; may be set back between two runs.
    pub(super) wall: u64,
}

impl Gate {
    /// A gate that takes up what the last run left.
    pub(super) fn new(limits: Limits, saved: Saved, now: Now) -> Self {
        let mut quotas = QuotaTable::new(DELEGATORS_MAX);
        match saved {
            Saved::Nothing => {}
            Saved::Tats(Tats(tats)) => {
                for (delegator, tat) in tats {
                    if let Some(limit) = limits.of(&delegator) {
                        let ahead = tat.saturating_sub(now.wall);
                        quotas.import(delegator, ahead, limit.rate, now.running);
                    }
                }
            }
            Saved::Unreadable => {
                let known = limits.per_delegator.iter().map(|(id, limit)| (id.clone(), limit.rate));
                quotas.start_empty(known, now.running);
            }
        }
        Self { limits, quotas, in_flight: HashMap::new() }
    }

    /// There are limits for this delegator.
    pub(super) fn knows(&self, delegator: &DelegatorId) -> bool {
        self.limits.of(delegator).is_some()
    }

    /// Lets a call through and charges it, or neither. `now` as in [`Now::running`].
    pub(super) fn admit(
        &mut self,
        delegator: &DelegatorId,
        cost: Cost,
        now: u64,
    ) -> Result<Permit, Refusal> {
        let limit = self.limits.of(delegator).ok_or(Refusal::UnknownDelegator)?;
        if !self.in_flight.contains_key(delegator) && self.in_flight.len() >= DELEGATORS_MAX {
            return Err(Refusal::Unavailable);
        }
        let places = self.in_flight.entry(delegator.clone()).or_default();
        let max = limit.max_in_flight;
        // Taken first: it comes back by itself if the charge is refused.
        let permit = places.take(max).ok_or(Refusal::TooManyInFlight { limit: max })?;
        match self.quotas.charge(delegator, limit.rate, now, cost) {
            Ok(_remaining) => Ok(permit),
            Err(Denied::Wait { nanos }) => {
                Err(Refusal::RateLimited { retry_after: Duration::from_nanos(nanos) })
            }
            Err(Denied::Never) => Err(Refusal::NeverAllowed),
            Err(Denied::TableFull) => Err(Refusal::Unavailable),
        }
    }

    /// Applies new limits from the next call on; what was used stays used.
    pub(super) fn set_limits(&mut self, limits: Limits, now: u64) {
        let rate_of = |delegator: &DelegatorId| -> Option<Rate> {
            limits.of(delegator).map(|limit| limit.rate)
        };
        self.quotas.change_rates(now, rate_of);
        self.limits = limits;
    }

    /// Forgets delegators about whom there is nothing to remember.
    pub(super) fn sweep(&mut self, now: u64) {
        self.quotas.sweep(now);
        self.in_flight.retain(|_, places| !places.is_idle());
    }

    /// What the next run needs to know.
    pub(super) fn save(&self, now: Now) -> Tats {
        let tats = self.quotas.export(now.running);
        Tats(tats.map(|(id, ahead)| (id.clone(), now.wall.saturating_add(ahead))).collect())
    }
}
