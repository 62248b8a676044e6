//! The rate rules by example and by property: printed vectors, windows, and a token bucket.
//! Whole delegators with all their limits are in `tests.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::quota::{Cost, Decision, Denied, QuotaTable, Rate, RateError};

const MS: u64 = 1_000_000;
const SECOND: Duration = Duration::from_secs(1);

fn per_second(count: u32, burst: u32) -> Rate {
    Rate::per(count, SECOND, burst).unwrap()
}

fn cost(units: u32) -> Cost {
    Cost::new(units).unwrap()
}

fn told(outcome: Result<u64, Denied>) -> String {
    match outcome {
        Ok(remaining) => format!("left{remaining}"),
        Err(Denied::Wait { nanos }) => format!("wait{}", Duration::from_nanos(nanos).as_millis()),
        Err(Denied::Never) => "never".to_owned(),
        Err(Denied::TableFull) => "full".to_owned(),
    }
}

/// Each step is `milliseconds[*cost]:outcome`; an outcome is `left` with the units
/// left, `wait` with milliseconds, or `never`.
fn check_from(table: &mut QuotaTable<&str>, rate: Rate, steps: &str) {
    for step in steps.split_whitespace() {
        let (call, expected) = step.split_once(':').unwrap();
        let (at, units) = call.split_once('*').unwrap_or((call, "1"));
        let now = at.parse::<u64>().unwrap() * MS;
        let outcome = table.charge(&"key", rate, now, cost(units.parse().unwrap()));
        assert_eq!(told(outcome), expected, "at {step} of {steps}");
    }
}

fn check(rate: Rate, steps: &str) {
    check_from(&mut QuotaTable::new(9), rate, steps);
}

#[test]
fn five_a_second_in_bursts_of_three() {
    check(
        per_second(5, 3),
        "0:left2 0:left1 0:left0 0:wait200 100:wait100 200:left0 200:wait200 400:left0 \
         1000:left2 1000:left1 1000:left0 1000:wait200 1001:wait199 1200:left0 \
         6200:left2 6200:left1 6200:left0 6200:wait200",
    );
}

#[test]
fn ten_a_second_one_at_a_time() {
    check(
        per_second(10, 1),
        "0:left0 0:wait100 0:wait100 0:wait100 100:left0 200:left0 200:wait100 400:left0 \
         1000:left0 1000:wait100 1000:wait100 1000:wait100 1001:wait99 1200:left0",
    );
}

#[test]
fn two_a_second_in_bursts_of_ten() {
    check(
        per_second(2, 10),
        "0:left9 0:left8 0:left7 0:left6 100:left5 200:left4 200:left3 400:left2 \
         1000:left3 1000:left2 1000:left1 1000:left0 1001:wait499 1200:wait300 \
         6200:left9 6200:left8 6200:left7 6200:left6 6200:left5 6200:left4 6200:left3 \
         6200:left2 6200:left1 6200:left0 6200:wait500",
    );
}

#[test]
fn a_call_that_costs_more_takes_more_or_can_never_go() {
    check(per_second(5, 3), "0*3:left0 0:wait200 0*4:never 200*2:wait200 400*2:left0");
    check(per_second(5, 3), "0*4294967295:never 0:left2");
}

#[test]
fn a_rate_of_zero_allows_nothing_and_no_rate_allows_all() {
    check(Rate::per(0, SECOND, 5).unwrap(), "0:never 999999:never");
    let everything = format!("0*4294967295:left{}", u64::MAX);
    check(Rate::UNLIMITED, &[everything.as_str(); 3].join(" "));
}

#[test]
fn a_burst_outlives_a_restart_if_it_was_kept() {
    let rate = per_second(5, 3);
    let mut before = QuotaTable::new(9);
    check_from(&mut before, rate, "0:left2 0:left1 0:left0");
    let kept: Vec<_> = before.export(50 * MS).map(|(key, ahead)| (*key, ahead)).collect();
    assert_eq!(kept, [("key", 550 * MS)]);

    let mut after = QuotaTable::new(9);
    after.import("key", 550 * MS, rate, 0);
    check_from(&mut after, rate, "0:wait150 150:left0");
    check(rate, "50:left2");
}

#[test]
fn what_was_lost_counts_as_used_up() {
    let rate = per_second(5, 3);
    let mut table = QuotaTable::new(9);
    table.start_empty([("known", rate)], 0);
    assert_eq!(table.len(), 1, "known keys are kept from now on");
    check_from(&mut table, rate, "0:wait200 199:wait1 200:left0 200:wait200 1200:left2");
}

#[test]
fn a_lower_rate_keeps_what_was_used() {
    let mut table = QuotaTable::new(9);
    check_from(&mut table, per_second(5, 3), "0:left2 0:left1 0:left0");
    let lower = per_second(1, 1);
    table.change_rates(50 * MS, |_| Some(lower));
    check_from(&mut table, lower, "50:wait550 600:left0");
}

#[test]
fn a_raised_rate_frees_a_key_from_the_old_wait() {
    let slow = Rate::per(1, 3600 * SECOND, 10).unwrap();
    let mut table = QuotaTable::new(9);
    check_from(&mut table, slow, "0*10:left0 0:wait3600000");
    table.change_rates(0, |_| Some(Rate::NEVER));
    check_from(&mut table, Rate::NEVER, "0:never");
    let fast = per_second(5, 3);
    table.change_rates(0, |_| Some(fast));
    check_from(&mut table, fast, "0:wait200 200:left0");
}

#[test]
fn a_kept_time_far_ahead_locks_nobody_out() {
    let rate = per_second(5, 3);
    let mut table = QuotaTable::new(9);
    table.import("key", u64::MAX, rate, 0);
    check_from(&mut table, rate, "0:wait200 200:left0");
}

#[test]
fn a_full_table_refuses_new_keys_and_keeps_the_old() {
    let rate = per_second(1, 2);
    let mut table = QuotaTable::new(2);
    let mut call = |key, at: u64| told(table.charge(&key, rate, at * 1000 * MS, Cost::ONE));
    assert_eq!([call("a", 0), call("b", 0), call("b", 0)], ["left1", "left1", "left0"]);
    assert_eq!([call("c", 0), call("a", 0), call("a", 0)], ["full", "left0", "wait1000"]);
    table.sweep(1999 * MS);
    assert_eq!(table.len(), 2);
    table.sweep(2000 * MS);
    assert_eq!(table.len(), 0);
    assert_eq!(told(table.charge(&"c", rate, 2000 * MS, Cost::ONE)), "left1");
}

#[test]
fn keys_without_a_rate_are_forgotten() {
    let mut table = QuotaTable::new(9);
    for key in ["stays", "goes"] {
        table.charge(&key, per_second(1, 1), 0, Cost::ONE).unwrap();
    }
    table.change_rates(0, |key| (*key == "stays").then_some(per_second(1, 1)));
    assert_eq!(table.export(0).map(|(key, _)| *key).collect::<Vec<_>>(), ["stays"]);
}

fn check_rate(count: u32, period: Duration, burst: u32, expected: Result<(), RateError>) {
    assert_eq!(Rate::per(count, period, burst).map(|_| ()), expected, "{count} {period:?} {burst}");
}

#[test]
fn a_rate_that_makes_no_sense_is_refused() {
    let year = 365 * 24 * 3600 * SECOND;
    check_rate(1, SECOND, 1, Ok(()));
    check_rate(u32::MAX, Duration::from_nanos(1), u32::MAX, Ok(()));
    check_rate(1, year, 100, Ok(()));
    check_rate(1, Duration::ZERO, 1, Err(RateError::NoPeriod));
    check_rate(1, SECOND, 0, Err(RateError::NoBurst));
    check_rate(1, year, 101, Err(RateError::TooSlow { burst: 101 }));
    check_rate(1, Duration::MAX, u32::MAX, Err(RateError::TooSlow { burst: u32::MAX }));
    check_rate(0, Duration::ZERO, 0, Ok(()));
}

/// A rate with its interval in nanoseconds and its burst.
fn rates() -> impl Strategy<Value = (Rate, u64, u64)> {
    (1..50_u32, 1..5_000_u64, 1..30_u32).prop_map(|(count, period, burst)| {
        let rate = Rate::per(count, Duration::from_nanos(period), burst).unwrap();
        (rate, period.div_ceil(u64::from(count)), u64::from(burst))
    })
}

/// Calls as time since the one before, and cost.
fn calls() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop::collection::vec((prop_oneof![Just(0), 0..300_u64, 0..20_000_u64], 1..8_u32), 1..80)
}

/// The same rule the other way round: a level that is filled by time and emptied by calls.
struct Bucket {
    level: u64,
    full: u64,
}

impl Bucket {
    fn take(&mut self, passed: u64, taken: u64) -> Result<u64, Option<u64>> {
        self.level = self.full.min(self.level + passed);
        if taken > self.full {
            return Err(None);
        }
        self.level.checked_sub(taken).ok_or(Some(taken.saturating_sub(self.level))).inspect(
            |left| {
                self.level = *left;
            },
        )
    }
}

proptest! {
    #[test]
    fn it_decides_like_a_token_bucket((rate, interval, burst) in rates(), calls in calls()) {
        let full = interval * burst;
        let (mut bucket, mut table, mut now) =
            (Bucket { level: full, full }, QuotaTable::new(1), 0);
        for (passed, units) in calls {
            now += passed;
            let expected = match bucket.take(passed, interval * u64::from(units)) {
                Ok(left) => Ok(left / interval),
                Err(Some(nanos)) => Err(Denied::Wait { nanos }),
                Err(None) => Err(Denied::Never),
            };
            prop_assert_eq!(table.charge(&(), rate, now, cost(units)), expected);
        }
    }

    #[test]
    fn no_window_admits_more_than_burst_and_rate(
        (rate, interval, burst) in rates(), calls in calls(),
    ) {
        let (mut table, mut now, mut admitted) = (QuotaTable::new(1), 0, Vec::new());
        for (passed, units) in calls {
            now += passed;
            if table.charge(&(), rate, now, cost(units)).is_ok() {
                admitted.push((now, u64::from(units)));
            }
        }
        for (index, (start, _)) in admitted.iter().enumerate() {
            let mut used = 0;
            for (end, units) in &admitted[index..] {
                used += units;
                prop_assert!(used <= burst + (end - start) / interval);
            }
        }
    }

    #[test]
    fn a_refused_call_changes_nothing((rate, ..) in rates(), calls in calls()) {
        let (mut with, mut without, mut now) = (QuotaTable::new(1), QuotaTable::new(1), 0);
        for (passed, units) in calls {
            now += passed;
            let outcome = with.charge(&(), rate, now, cost(units));
            if outcome.is_ok() {
                prop_assert_eq!(outcome, without.charge(&(), rate, now, cost(units)));
            }
            prop_assert!(with.export(0).eq(without.export(0)));
        }
    }

    #[test]
    fn the_wait_it_tells_is_exact(
        (rate, interval, burst) in rates(), ahead in 0..100_000_u64, now in 0..1_000_000_u64,
        units in 1..30_u32,
    ) {
        let tat = now + ahead.min(interval * burst);
        if let Decision::Wait { nanos } = rate.decide(tat, now, cost(units)) {
            let early = rate.decide(tat, now + nanos - 1, cost(units));
            prop_assert_eq!(early, Decision::Wait { nanos: 1 });
            let due = rate.decide(tat, now + nanos, cost(units));
            prop_assert!(matches!(due, Decision::Allowed { .. }), "{:?}", due);
        }
    }

    #[test]
    fn a_restart_changes_no_decision(
        (rate, ..) in rates(), before in calls(), after in calls(), down in 0..10_000_u64,
    ) {
        let (mut stays, mut now) = (QuotaTable::new(1), 0);
        for (passed, units) in before {
            now += passed;
            let _ = stays.charge(&(), rate, now, cost(units));
        }
        let mut restarted = QuotaTable::new(1);
        let kept: Vec<_> = stays.export(now).map(|(_, ahead)| ahead).collect();
        for ahead in kept {
            restarted.import((), ahead.saturating_sub(down), rate, 0);
        }
        let (origin, mut now) = (now + down, 0);
        for (passed, units) in after {
            now += passed;
            let expected = stays.charge(&(), rate, origin + now, cost(units));
            prop_assert_eq!(restarted.charge(&(), rate, now, cost(units)), expected);
        }
    }

    #[test]
    fn keys_are_independent_and_the_table_stays_bounded(
        (rate, ..) in rates(), calls in prop::collection::vec((0..6_u8, 0..300_u64), 1..80),
    ) {
        let (mut table, mut alone, mut now) = (QuotaTable::new(4), BTreeMap::new(), 0);
        for (key, passed) in calls {
            now += passed;
            let outcome = table.charge(&key, rate, now, Cost::ONE);
            prop_assert!(table.len() <= 4);
            if outcome != Err(Denied::TableFull) {
                let own = alone.entry(key).or_insert_with(|| QuotaTable::new(1));
                prop_assert_eq!(outcome, own.charge(&key, rate, now, Cost::ONE));
            }
        }
    }
}
