//! This file draws chance, for the actors that hand it to what decides.
//!
//! It leaves secrets to the folders that make them: this is for spreading things in time.

use std::hash::{BuildHasher, RandomState};

/// A number from 0 to 1 that nobody can foresee.
pub(crate) fn chance() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}
