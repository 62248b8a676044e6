//! The ruling on what follows an end, as tables of ends and verdicts.
//! What the supervisor does about a verdict is not its subject.

use std::time::Duration;

use conductor_config::{Backoff, RestartPolicy, Restarts, ServerSpec};
use proptest::prelude::*;
use tokio::time::Instant;

use super::restart::{History, Verdict};
use crate::model::Cause;

/// At most 3 restarts in 100 s, waits of 1 to 8 s, stable after 60 s, tried again after 600 s.
fn spec(restart: RestartPolicy) -> ServerSpec {
    ServerSpec {
        restart,
        restarts: Restarts { max: 3, window: Duration::from_secs(100) },
        backoff: Backoff { min: Duration::from_secs(1), max: Duration::from_secs(8) },
        ..crate::tests::spec("a")
    }
}

fn cause(word: &str) -> Cause {
    match word {
        "exit0" => Cause::Exited(0),
        "exit1" => Cause::Exited(1),
        "sig9" => Cause::Signalled(9),
        "spawn" => Cause::Spawn("no such program".into()),
        "shortage" => Cause::Shortage("too many open files".into()),
        "handshake" => Cause::Handshake("refused".into()),
        "timeout" => Cause::StartTimeout(Duration::from_secs(60)),
        "output" => Cause::OutputClosed,
        "silent" => Cause::Silent(Duration::from_secs(60)),
        "denied" => Cause::Denied("HTTP 401".into()),
        "throttled" => Cause::Throttled(Duration::from_secs(30)),
        "unreachable" => Cause::Unreachable("connection refused".into()),
        "actor" => Cause::Actor("it panicked".into()),
        other => panic!("{other} is no cause"),
    }
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::RestartAfter(wait) => format!("+{}", wait.as_secs_f64()),
        Verdict::GiveUp(wait) => format!("give-up+{}", wait.as_secs_f64()),
        Verdict::Rest => "rest".to_owned(),
        Verdict::Fail => "fail".to_owned(),
    }
}

/// Each word of `ends` is `SECOND:CAUSE`, and `:READY` for how many seconds calls were taken.
fn run(spec: &ServerSpec, chance: f64, ends: &str) -> String {
    let start = Instant::now();
    let mut history = History::default();
    let rule = |end: &str| {
        let parts: Vec<&str> = end.split(':').collect();
        let seconds = |text: &str| Duration::from_secs_f64(text.parse().unwrap());
        let ready = parts.get(2).map(|ready| seconds(ready));
        let now = start + seconds(parts[0]);
        word(history.on_end(now, &cause(parts[1]), ready, spec, chance))
    };
    ends.split(' ').map(rule).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(ends: &str, verdicts: &str) {
    assert_eq!(run(&spec(RestartPolicy::OnFailure), 1.0, ends), verdicts, "{ends}");
}

#[test]
fn the_policy_decides_by_the_kind_of_end() {
    let table = [
        ("exit0", ["rest", "+1", "rest"]),
        ("exit1", ["+1", "+1", "fail"]),
        ("sig9", ["+1", "+1", "fail"]),
        ("handshake", ["+1", "+1", "fail"]),
        ("timeout", ["+1", "+1", "fail"]),
        ("output", ["+1", "+1", "fail"]),
        ("silent", ["+1", "+1", "fail"]),
        ("actor", ["+1", "+1", "fail"]),
        ("spawn", ["+20", "+20", "fail"]),
        ("shortage", ["+1", "+1", "+1"]),
        ("unreachable", ["+1", "+1", "fail"]),
        ("denied", ["+20", "+20", "fail"]),
        ("throttled", ["+30", "+30", "fail"]),
    ];
    for (cause, verdicts) in table {
        let policies = [RestartPolicy::OnFailure, RestartPolicy::Always, RestartPolicy::Never];
        let found = policies.map(|policy| run(&spec(policy), 1.0, &format!("0:{cause}")));
        assert_eq!(found, verdicts, "{cause}");
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_is_asked_again_when_it_said_and_never_given_up() {
    check("0:throttled 30:throttled 60:throttled 90:throttled 120:exit1", "+30 +30 +30 +30 +1");
}

#[test]
fn a_machine_without_room_costs_a_server_nothing_but_time() {
    check("0:shortage 1:shortage 2:shortage 3:shortage 4:shortage 5:exit1", "+1 +1 +1 +1 +1 +1");
}

#[test]
fn waits_double_up_to_the_cap() {
    let mut patient = spec(RestartPolicy::OnFailure);
    patient.restarts.max = 100;
    let ends = "0:exit1 2:exit1 5:sig9 10:exit1 20:exit1 30:exit1";
    assert_eq!(run(&patient, 1.0, ends), "+1 +2 +4 +8 +8 +8");
}

#[test]
fn chance_spreads_waits_between_half_and_all() {
    let spec = spec(RestartPolicy::OnFailure);
    for (chance, verdicts) in [
        (0.0, "+0.5 +1 +2 give-up+300"),
        (0.5, "+0.75 +1.5 +3 give-up+450"),
        (1.0, "+1 +2 +4 give-up+600"),
        (-7.0, "+0.5 +1 +2 give-up+300"),
        (7.0, "+1 +2 +4 give-up+600"),
    ] {
        assert_eq!(run(&spec, chance, "0:exit1 2:exit1 5:exit1 10:exit1"), verdicts, "{chance}");
    }
}

#[test]
fn a_stable_run_is_followed_by_the_next_at_once_and_the_wait_begins_anew() {
    check("0:exit1 2:exit1 150:exit1:60 151:exit1 153:exit1", "+1 +2 +0 +1 +2");
    check("0:exit1 2:exit1 150:exit1:59", "+1 +2 +4");
}

#[test]
fn a_short_run_that_took_calls_does_not_count_as_stable() {
    check("0:exit1 10:exit1:5 20:exit1:5 30:exit1:5", "+1 +2 +4 give-up+600");
}

#[test]
fn the_first_end_of_one_that_took_calls_is_followed_by_the_next_life_at_once() {
    check("0:sig9:5 10:exit1:5 20:exit1:5 30:exit1:5", "+0 +1 +2 give-up+600");
    check("0:sig9:5 10:exit1:59 150:exit1:59", "+0 +1 +2");
    check("0:spawn 20:exit1:5", "+20 +2");
}

#[test]
fn too_many_restarts_within_the_window_are_given_up_stable_or_not() {
    check("0:exit1 2:exit1 5:exit1 99:exit1", "+1 +2 +4 give-up+600");
    check("0:exit1 2:exit1 5:exit1 100:exit1", "+1 +2 +4 give-up+600");
    check("0:exit1 2:exit1 5:exit1 101:exit1", "+1 +2 +4 +8");
    check("0:exit1:61 10:exit1:61 20:exit1:61 30:exit1:61", "+0 +0 +0 give-up+600");
}

#[test]
fn one_that_was_given_up_stays_so_until_a_try_was_stable() {
    let given_up = "0:exit1 2:exit1 5:exit1 9:exit1";
    let verdicts = "+1 +2 +4 give-up+600";
    check(
        &format!("{given_up} 609:exit1 1300:exit1:59"),
        &format!("{verdicts} give-up+600 give-up+600"),
    );
    check(&format!("{given_up} 700:exit1:60 701:exit1"), &format!("{verdicts} +0 +1"));
    check(&format!("{given_up} 609:spawn"), &format!("{verdicts} give-up+600"));
}

#[test]
fn a_clean_exit_of_one_that_was_given_up_is_still_no_failure() {
    check("0:exit1 2:exit1 5:exit1 9:exit1 609:exit0", "+1 +2 +4 give-up+600 rest");
}

#[test]
fn a_limit_of_none_gives_up_at_the_first_failure() {
    let mut strict = spec(RestartPolicy::OnFailure);
    strict.restarts.max = 0;
    assert_eq!(run(&strict, 1.0, "0:exit1"), "give-up+600");
}

#[test]
fn a_program_that_cannot_be_started_is_tried_ever_more_rarely_and_never_given_up() {
    let ends = "0:spawn 20:spawn 60:spawn 140:spawn 300:spawn 620:spawn 1220:spawn 1820:spawn";
    check(ends, "+20 +40 +80 +160 +320 +600 +600 +600");
}

proptest! {
    #[test]
    fn a_program_that_cannot_be_started_is_tried_three_times_in_the_first_minute_at_most(
        chance in 0.0..1.0_f64,
        failing in 0_u64..1000,
    ) {
        let spec = spec(RestartPolicy::Always);
        let start = Instant::now();
        let (mut history, mut now, mut tries) = (History::default(), start, 0);
        while now < start + Duration::from_secs(60) {
            tries += 1;
            now += Duration::from_millis(failing);
            match history.on_end(now, &cause("spawn"), None, &spec, chance) {
                Verdict::RestartAfter(wait) => now += wait,
                verdict => prop_assert!(false, "{verdict:?}"),
            }
        }
        prop_assert!(tries <= 3, "{tries} tries");
    }

    #[test]
    fn no_window_holds_more_restarts_than_the_limit_apart_from_single_tries_of_those_given_up(
        lives in proptest::collection::vec((0_u64..150_000, any::<bool>()), 1..80),
        chances in proptest::collection::vec(0.0..1.0_f64, 80),
        max in 0_u32..6,
    ) {
        let mut spec = spec(RestartPolicy::OnFailure);
        spec.restarts.max = max;
        let (mut history, mut now) = (History::default(), Instant::now());
        let mut restarts: Vec<Instant> = Vec::new();
        for ((lived, ready), chance) in lives.into_iter().zip(chances) {
            let lived = Duration::from_millis(lived);
            now += lived;
            let verdict = history.on_end(now, &cause("exit1"), ready.then_some(lived), &spec, chance);
            match verdict {
                Verdict::RestartAfter(wait) => {
                    restarts.push(now);
                    let recent = restarts.iter().filter(|at| now - **at <= spec.restarts.window);
                    prop_assert!(recent.count() <= max as usize);
                    prop_assert!(wait <= spec.backoff.max);
                    now += wait;
                }
                Verdict::GiveUp(wait) => {
                    prop_assert!(wait >= spec.retry_failed / 2 && wait <= spec.retry_failed);
                    now += wait;
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
