//! How often a key may do something: the generic cell rate algorithm in whole nanoseconds.
//! It knows no clock, no names and no other limits; `now` may count from any origin.
//!
//! All that is stored of a key is the time at which its bucket will be full again, its
//! TAT ("theoretical arrival time"). A key without a TAT, or with one that has passed,
//! has its whole burst. The decisions are those of a token bucket of the same rate and burst.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use thiserror::Error;

/// What one call takes from a quota: one unit or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(NonZeroU32);

impl Cost {
    /// One unit.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// That many units; `None` for 0, since a call that takes nothing is not limited.
    pub fn new(units: u32) -> Option<Self> {
        NonZeroU32::new(units).map(Self)
    }

    fn units(self) -> u64 {
        u64::from(self.0.get())
    }
}

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Never,
    Always,
    /// One unit every `interval` nanoseconds; `full` nanoseconds' worth fit the bucket.
    Spaced {
        interval: u64,
        full: u64,
    },
}

/// Why a rate is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RateError {
    /// The time in which the units come is nothing.
    #[error("the period of a rate is zero")]
    NoPeriod,
    /// A bucket that holds nothing admits nothing; a rate of 0 says so plainly.
    #[error("the burst of a rate is zero")]
    NoBurst,
    /// Refilling the bucket would take more than a hundred years.
    #[error("a burst of {burst} at this rate would take more than a hundred years to refill")]
    TooSlow {
        /// The burst asked for.
        burst: u32,
    },
}

impl Rate {
    /// Nothing is allowed.
    pub const NEVER: Self = Self(Kind::Never);
    /// Everything is allowed.
    pub const UNLIMITED: Self = Self(Kind::Always);

    /// `count` units in each `period`, up to `burst` of them at once; a count of 0 is
    /// [`Rate::NEVER`]. An interval that is no whole number of nanoseconds is rounded up.
    pub fn per(count: u32, period: Duration, burst: u32) -> Result<Self, RateError> {
        const FULL_MAX: u64 = 100 * 366 * 24 * 3600 * 1_000_000_000;
        if count == 0 {
            return Ok(Self::NEVER);
        }
        if period.is_zero() {
            return Err(RateError::NoPeriod);
        }
        if burst == 0 {
            return Err(RateError::NoBurst);
        }
        let interval = u64::try_from(period.as_nanos().div_ceil(u128::from(count))).ok();
        interval
            .and_then(|interval| Some((interval, interval.checked_mul(u64::from(burst))?)))
            .filter(|(_, full)| *full <= FULL_MAX)
            .map(|(interval, full)| Self(Kind::Spaced { interval, full }))
            .ok_or(RateError::TooSlow { burst })
    }

    /// Rules on a call at `now` of a key whose TAT is `tat`; both in nanoseconds.
    pub(super) fn decide(self, tat: u64, now: u64, cost: Cost) -> Decision {
        let (interval, full) = match self.0 {
            Kind::Never => return Decision::Never,
            Kind::Always => return Decision::Allowed { tat, remaining: u64::MAX },
            Kind::Spaced { interval, full } => (interval, full),
        };
        let Some(taken) = interval.checked_mul(cost.units()).filter(|taken| *taken <= full) else {
            return Decision::Never;
        };
        let next = tat.max(now).saturating_add(taken);
        let reach = now.saturating_add(full);
        match next.checked_sub(reach) {
            None | Some(0) => Decision::Allowed { tat: next, remaining: (reach - next) / interval },
            Some(wait) => Decision::Wait { nanos: wait },
        }
    }

    /// The TAT of an empty bucket. Rates that count nothing have none.
    fn empty(self, now: u64) -> Option<u64> {
        match self.0 {
            Kind::Never | Kind::Always => None,
            Kind::Spaced { full, .. } => Some(now.saturating_add(full)),
        }
    }
}

/// What comes of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It may go, and these are the new TAT and the units left for others right now.
    Allowed { tat: u64, remaining: u64 },
    /// It may not; the same call would be allowed after exactly this time.
    Wait { nanos: u64 },
    /// It costs more than the bucket ever holds.
    Never,
}

/// Why a call was not charged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied {
    Wait {
        nanos: u64,
    },
    Never,
    /// The table is full of keys that have used something; none is forgotten for a new one.
    TableFull,
}

/// The TATs of all keys that have used something.
#[derive(Debug)]
pub(super) struct QuotaTable<K> {
    tats: HashMap<K, u64>,
    keys_max: usize,
    /// When it was lost what the keys had used; those without a TAT count as empty at that time.
    emptied_at: Option<u64>,
}

impl<K: Clone + Eq + Hash> QuotaTable<K> {
    pub(super) fn new(keys_max: usize) -> Self {
        Self { tats: HashMap::new(), keys_max, emptied_at: None }
    }

    /// Charges a call at `now`, or leaves everything as it was. Tells the units left.
    pub(super) fn charge(
        &mut self,
        key: &K,
        rate: Rate,
        now: u64,
        cost: Cost,
    ) -> Result<u64, Denied> {
        let known = self.tats.get(key).copied();
        let unseen = || self.emptied_at.and_then(|at| rate.empty(at)).unwrap_or(0);
        match rate.decide(known.unwrap_or_else(unseen), now, cost) {
            Decision::Wait { nanos } => Err(Denied::Wait { nanos }),
            Decision::Never => Err(Denied::Never),
            Decision::Allowed { tat, remaining } => {
                if tat > now {
                    if known.is_none() && self.tats.len() >= self.keys_max {
                        return Err(Denied::TableFull);
                    }
                    self.tats.insert(key.clone(), tat);
                }
                Ok(remaining)
            }
        }
    }

    /// Applies changed rates: what was used stays used, but no key is worse off than
    /// with an empty bucket. Keys that no longer have a rate are forgotten.
    pub(super) fn change_rates(&mut self, now: u64, rate_of: impl Fn(&K) -> Option<Rate>) {
        self.tats.retain(|key, tat| match rate_of(key) {
            None => false,
            Some(rate) => {
                *tat = rate.empty(now).map_or(*tat, |empty| (*tat).min(empty));
                true
            }
        });
    }

    /// Forgets keys that have their whole burst again.
    pub(super) fn sweep(&mut self, now: u64) {
        self.tats.retain(|_, tat| *tat > now);
    }

    /// Every key that has used something, and in how many nanoseconds it will have it back.
    pub(super) fn export(&self, now: u64) -> impl Iterator<Item = (&K, u64)> {
        let ahead = move |(key, tat): (_, &u64)| Some((key, tat.checked_sub(now)?));
        self.tats.iter().filter_map(ahead).filter(|(_, ahead)| *ahead > 0)
    }

    /// Takes up what was exported earlier, with no key worse off than with an empty bucket.
    pub(super) fn import(&mut self, key: K, ahead: u64, rate: Rate, now: u64) {
        let tat = now.saturating_add(ahead);
        let tat = rate.empty(now).map_or(tat, |empty| tat.min(empty));
        if tat > now && self.tats.len() < self.keys_max {
            self.tats.insert(key, tat);
        }
    }

    /// For when it is not known what was used: all keys, known now or later, have
    /// nothing left at `now`.
    pub(super) fn start_empty(&mut self, known: impl IntoIterator<Item = (K, Rate)>, now: u64) {
        self.emptied_at = Some(now);
        for (key, rate) in known {
            self.import(key, u64::MAX, rate, now);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tats.len()
    }
}
