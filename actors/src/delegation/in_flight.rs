//! Counts calls that run at once, without a lock: a place comes back when its permit is dropped.
//! How many places there are is told with every request for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The places of one delegator.
#[derive(Debug, Default)]
pub(super) struct InFlight(Arc<AtomicU32>);

/// One taken place; dropping it gives it back, wherever that happens.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicU32>);

impl InFlight {
    /// Takes a place unless `max` or more are taken.
    pub(super) fn take(&self, max: u32) -> Option<Permit> {
        let more = |taken| (taken < max).then_some(taken + 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
            .then(|| Permit(self.0.clone()))
    }

    /// No place is taken.
    pub(super) fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_place_comes_back_when_its_permit_is_dropped() {
        let places = InFlight::default();
        let first = places.take(2).unwrap();
        let _second = places.take(2).unwrap();
        assert!(places.take(2).is_none());
        drop(first);
        let _third = places.take(2).unwrap();
        assert!(places.take(2).is_none());
    }

    #[test]
    fn a_lowered_cap_lets_nobody_in_until_enough_have_left() {
        let places = InFlight::default();
        let mut taken: Vec<_> = (0..4).map_while(|_| places.take(4)).collect();
        assert_eq!(taken.len(), 4);
        while taken.len() >= 2 {
            assert!(places.take(2).is_none(), "{} of 2 taken", taken.len());
            taken.pop();
        }
        taken.extend(places.take(2));
        assert_eq!(taken.len(), 2);
        taken.clear();
        assert!(places.is_idle());
        assert!(places.take(0).is_none());
    }

    #[test]
    fn threads_never_hold_more_than_the_cap() {
        let (places, held) = (InFlight::default(), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let Some(_permit) = places.take(3) else { continue };
                        assert!(held.fetch_add(1, Ordering::SeqCst) < 3);
                        held.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(places.is_idle());
    }
}
