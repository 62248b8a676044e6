//! The plan from what runs to what is wanted: as tables, and carried out on a model.
//! What each step does to a real server is not its subject.

use std::sync::Arc;
use std::time::Duration;

use conductor_config::{ServerSpec, Transport};
use proptest::prelude::*;

use super::reconcile::{Specs, Step, plan};

/// A word is a name, and signs behind it: `-` disabled, `!` another program, `~` another limit.
fn specs(words: &str) -> Specs {
    let spec = |word: &str| {
        let mut spec = crate::tests::spec(word.trim_end_matches(['-', '!', '~']));
        spec.enabled = !word.contains('-');
        if word.contains('!')
            && let Transport::Stdio(command) = &mut spec.transport
        {
            command.args.push("--other".to_owned());
        }
        if word.contains('~') {
            spec.timeout += Duration::from_secs(1);
        }
        (spec.id.clone(), Arc::new(spec))
    };
    words.split_whitespace().map(spec).collect()
}

fn word(step: &Step) -> String {
    let name = |spec: &Arc<ServerSpec>| spec.id.name.to_string();
    match step {
        Step::Remove(id) => format!("remove {}", id.name),
        Step::Rest(spec) => format!("rest {}", name(spec)),
        Step::Add(spec) => format!("add {}", name(spec)),
        Step::Replace(spec) => format!("replace {}", name(spec)),
        Step::Retune(spec) => format!("retune {}", name(spec)),
    }
}

#[track_caller]
fn check(running: &str, wanted: &str, steps: &str) {
    let found: Vec<String> = plan(&specs(running), &specs(wanted)).iter().map(word).collect();
    assert_eq!(found.join(", "), steps, "{running:?} to {wanted:?}");
}

#[test]
fn a_first_start_is_a_change_from_nothing() {
    check("", "a b", "add a, add b");
    check("", "", "");
}

#[test]
fn equal_settings_are_left_alone_in_whatever_order_they_are_written() {
    check("a b", "b a", "");
    check("a- b!", "b! a-", "");
}

#[test]
fn what_a_change_means_depends_on_what_changed() {
    check("a", "a!", "replace a");
    check("a", "a~", "retune a");
    check("a", "a!~", "replace a");
    check("a", "", "remove a");
}

#[test]
fn one_that_is_switched_off_stays_known_and_one_switched_on_starts() {
    check("a", "a-", "rest a");
    check("a-", "a", "add a");
    check("a-", "a-~", "rest a");
    check("", "a-", "rest a");
    check("a-", "", "remove a");
}

#[test]
fn what_goes_makes_room_before_anything_comes() {
    check("b c d e", "a b- c! d~", "remove e, rest b, add a, replace c, retune d");
}

/// Carries the steps out on a table.
fn carry_out(running: &mut Specs, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Remove(id) => drop(running.remove(&id)),
            Step::Rest(spec) | Step::Add(spec) | Step::Replace(spec) | Step::Retune(spec) => {
                running.insert(spec.id.clone(), spec);
            }
        }
    }
}

fn any_specs() -> impl Strategy<Value = Specs> {
    let word =
        ("[a-f]", prop_oneof![Just(""), Just("-"), Just("!"), Just("~"), Just("!~"), Just("-!")]);
    proptest::collection::vec(word, 0..8).prop_map(|words| {
        let words: Vec<String> = words.into_iter().map(|(name, signs)| name + signs).collect();
        specs(&words.join(" "))
    })
}

proptest! {
    #[test]
    fn the_plan_leads_to_what_is_wanted_and_then_there_is_nothing_left_to_do(
        running in any_specs(),
        wanted in any_specs(),
    ) {
        let mut table = running.clone();
        let steps = plan(&running, &wanted);
        let first_other = steps.iter().position(|step| !matches!(step, Step::Remove(_)));
        let last_removal = steps.iter().rposition(|step| matches!(step, Step::Remove(_)));
        if let (Some(other), Some(removal)) = (first_other, last_removal) {
            prop_assert!(removal < other);
        }
        carry_out(&mut table, steps);
        prop_assert_eq!(&table, &wanted);
        prop_assert_eq!(plan(&table, &wanted), Vec::new());
    }

    #[test]
    fn a_server_is_touched_once_and_only_if_something_about_it_changed(
        running in any_specs(),
        wanted in any_specs(),
    ) {
        let mut touched = std::collections::BTreeSet::new();
        for step in plan(&running, &wanted) {
            let id = match step {
                Step::Remove(id) => id,
                Step::Rest(spec) | Step::Add(spec) | Step::Replace(spec) | Step::Retune(spec) => {
                    spec.id.clone()
                }
            };
            prop_assert_ne!(running.get(&id), wanted.get(&id));
            prop_assert!(touched.insert(id));
        }
    }
}
