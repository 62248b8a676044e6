//! This file remembers definitions as they were approved, and says which differ from that now.
//!
//! Pure: keeping pins on disk is left to `pin_book`, and what follows from a change to `merge`. What
//! is compared is the definition as the server wrote it, before anything is made harmless.

use std::collections::BTreeMap;
use std::sync::Arc;

use conductor_config::ServerId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use unicode_normalization::UnicodeNormalization;

use crate::wire::Members;

/// Members that change nothing about what a tool does or says to an agent.
const ASIDE: [&str; 3] = ["_meta", "icons", "name"];

/// A definition in its one canonical form, after RFC 8785: members sorted, text in NFC, numbers as
/// values; `required` as the set that it is.
pub(super) fn canonical(definition: &Members) -> String {
    let whole = serde_json::from_slice::<Value>(&definition.to_json()).unwrap_or_default();
    let mut whole = tidied(whole, None);
    if let Value::Object(members) = &mut whole {
        members.retain(|key, _| !ASIDE.contains(&key.as_str()));
    }
    whole.to_string()
}

fn tidied(value: Value, key: Option<&str>) -> Value {
    match value {
        Value::String(text) => Value::String(text.nfc().collect()),
        Value::Number(number) => Value::Number(plain(number)),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(|item| tidied(item, None)).collect();
            if key == Some("required") && items.iter().all(Value::is_string) {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                items.dedup();
            }
            Value::Array(items)
        }
        Value::Object(members) => {
            let tidied = |(key, value): (String, Value)| {
                let value = tidied(value, Some(&key));
                (key.nfc().collect::<String>(), value)
            };
            Value::Object(members.into_iter().map(tidied).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) => value,
    }
}

/// 1.0 is 1, as far as whole numbers are exact.
fn plain(number: Number) -> Number {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 => {
            let whole = (float.abs() <= EXACT).then(|| format!("{float:.0}").parse::<i64>().ok());
            whole.flatten().map_or(number, Number::from)
        }
        _ => number,
    }
}

/// A server's definitions as they were approved, by tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pins(BTreeMap<String, Pin>);

/// One definition as it was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pin {
    /// How the server was started, as a digest.
    launch: String,
    /// In canonical form.
    definition: String,
}

/// What a server is and lists now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Now {
    /// How it is started, as a digest.
    pub(super) launch: String,
    /// By tool: the canonical definition.
    pub(super) tools: BTreeMap<String, String>,
}

/// How something differs from what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PinChange {
    /// The tool was not there when the server's tools were approved.
    New,
    /// Its definition was another one.
    Changed,
    /// The server was started in another way.
    Launch,
}

impl PinChange {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Launch => "launch",
        }
    }
}

/// One tool that is not as it was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinDifference {
    /// The server's name for it.
    pub tool: String,
    /// In which way.
    pub change: PinChange,
    /// The approved definition as canonical JSON, if there is one.
    pub before: Option<String>,
    /// The definition now.
    pub after: String,
}

/// What of one server's tools is not as it was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapproved {
    /// Whose they are.
    pub server: ServerId,
    /// Whether they are held back until they are approved.
    pub held: bool,
    /// Tool by tool, in the order of their names.
    pub differences: Arc<[PinDifference]>,
}

impl Pins {
    /// Approves everything as it is now; approvals of tools that are gone are kept, so that one that
    /// comes back is no stranger. Returns whether that changes anything.
    pub(super) fn approve_all(&mut self, now: &Now) -> bool {
        let all: Vec<String> = self.differences(now).into_iter().map(|one| one.tool).collect();
        self.approve(now, &all);
        !all.is_empty()
    }

    /// Approves single tools; returns those that the server does not list.
    pub(super) fn approve(&mut self, now: &Now, tools: &[String]) -> Vec<String> {
        let mut unknown = Vec::new();
        for tool in tools {
            let Some(definition) = now.tools.get(tool).cloned() else {
                unknown.push(tool.clone());
                continue;
            };
            self.0.insert(tool.clone(), Pin { launch: now.launch.clone(), definition });
        }
        unknown
    }

    /// What differs from what was approved, in the order of names.
    pub(super) fn differences(&self, now: &Now) -> Vec<PinDifference> {
        let differs = |(tool, after): (&String, &String)| {
            let pin = self.0.get(tool);
            let change = match pin {
                None => PinChange::New,
                Some(pin) if pin.definition != *after => PinChange::Changed,
                Some(pin) if pin.launch != now.launch => PinChange::Launch,
                Some(_) => return None,
            };
            let before = pin.map(|pin| pin.definition.clone());
            Some(PinDifference { tool: tool.clone(), change, before, after: after.clone() })
        };
        now.tools.iter().filter_map(differs).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn form(json: &str) -> String {
        canonical(&Members::read(&Bytes::from(json.to_owned())).unwrap())
    }

    #[track_caller]
    fn check(before: &str, after: &str, same: bool) {
        assert_eq!(form(before) == form(after), same, "{before} against {after}");
    }

    #[test]
    fn what_says_the_same_is_the_same() {
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true);
        check(r#"{"x":{"maximum":1}}"#, r#"{"x":{"maximum":1.0}}"#, true);
        check(r#"{"x":1e3}"#, r#"{"x":1000}"#, true);
        check(r#"{"x":{"required":["b","a"]}}"#, r#"{"x":{"required":["a","b"]}}"#, true);
        check("{\"d\":\"\u{e9}\"}", "{\"d\":\"e\u{301}\"}", true);
        check(r#"{"d":"\u0041"}"#, r#"{"d":"A"}"#, true);
        check(r#"{"d":"x","_meta":{"a":1}}"#, r#"{"d":"x","_meta":{"b":1}}"#, true);
    }

    #[test]
    fn the_smallest_difference_is_one() {
        check(r#"{"d":"x"}"#, "{\"d\":\"x\u{200b}\"}", false);
        check(r#"{"d":"x"}"#, r#"{"d":"X"}"#, false);
        check(r#"{"d":1}"#, r#"{"d":"1"}"#, false);
        check(r#"{"d":["a","b"]}"#, r#"{"d":["b","a"]}"#, false);
        check(r#"{"x":9007199254740993}"#, r#"{"x":9007199254740992}"#, false);
        check(r#"{"x":1.5}"#, r#"{"x":1.25}"#, false);
        check(r#"{"inputSchema":{}}"#, r#"{"inputSchema":{},"outputSchema":{}}"#, false);
    }

    fn now(launch: &str, tools: &[(&str, &str)]) -> Now {
        let tools = tools.iter().map(|(name, form)| ((*name).to_owned(), (*form).to_owned()));
        Now { launch: launch.to_owned(), tools: tools.collect() }
    }

    fn changes(pins: &Pins, now: &Now) -> Vec<(String, PinChange)> {
        pins.differences(now).into_iter().map(|one| (one.tool, one.change)).collect()
    }

    #[test]
    fn changed_and_new_tools_are_told_and_gone_ones_are_remembered() {
        let mut pins = Pins::default();
        let first = now("npx x", &[("a", "1"), ("b", "2")]);
        pins.approve_all(&first);
        assert_eq!(changes(&pins, &first), []);
        let second = now("npx x", &[("a", "1!"), ("c", "3")]);
        let told = [("a".to_owned(), PinChange::Changed), ("c".to_owned(), PinChange::New)];
        assert_eq!(changes(&pins, &second), told);
        let unknown = pins.approve(&second, &["a".to_owned(), "zzz".to_owned()]);
        assert_eq!(unknown, ["zzz"]);
        assert_eq!(changes(&pins, &second), told[1..]);
        pins.approve_all(&second);
        assert_eq!(changes(&pins, &now("npx x", &[("a", "1!"), ("b", "2")])), []);
    }

    #[test]
    fn another_way_of_starting_is_a_change_of_every_tool() {
        let mut pins = Pins::default();
        pins.approve_all(&now("npx x@1", &[("a", "1")]));
        let later = now("npx x@2", &[("a", "1")]);
        assert_eq!(changes(&pins, &later), [("a".to_owned(), PinChange::Launch)]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-zé\u{301}]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]{1,2}|required", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_form_of_a_canonical_form_is_itself(value in value()) {
            let once = tidied(value, None);
            prop_assert_eq!(tidied(once.clone(), None), once);
        }
    }
}
