//! This file checks the arguments of a call against the schema of its tool, as its server wrote it.
//!
//! It leaves which tools are checked to the settings. Nothing is ever fetched: a schema that points
//! elsewhere is one that cannot be used.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

use super::sanitize::unreadable;

/// Longest arguments that are checked, in bytes.
const LONGEST: usize = 1 << 20;
/// Levels of nesting of arguments that are checked.
const DEPTH: usize = 64;
/// Longest time for one check, the wait for a place and the first reading of the schema included.
const LIMIT: Duration = Duration::from_secs(1);
/// Checks of one tool at the same time. One that takes too long keeps its place until it ends.
const PLACES: usize = 4;
/// Steps back of a pattern on one text.
const BACKTRACKS: usize = 20_000;
/// Bytes of a compiled pattern.
const PATTERN: usize = 1 << 18;
/// Faults that are told.
const MOST: usize = 5;
/// Characters of one of them.
const LENGTH: usize = 300;

/// What stands for a value in what is said of it: it may be a secret.
const VALUE: &str = "the value";

/// The schema of one tool, read when the first call is to be checked.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// As the server wrote it.
    schema: Bytes,
    validator: OnceCell<Result<Arc<Validator>, String>>,
    places: Arc<Semaphore>,
}

impl Arguments {
    /// The arguments that `schema` describes.
    pub(super) fn new(schema: Bytes) -> Self {
        let places = Arc::new(Semaphore::new(PLACES));
        Self { schema, validator: OnceCell::new(), places }
    }

    /// Says what is wrong with `arguments`, place by place; those that cannot be checked are wrong.
    pub(crate) async fn faults(&self, arguments: Option<&Bytes>) -> Vec<String> {
        let arguments = arguments.cloned().unwrap_or_else(|| Bytes::from_static(b"{}"));
        if arguments.len() > LONGEST {
            return vec![format!("they are longer than {LONGEST} bytes")];
        }
        let checked = tokio::time::timeout(LIMIT, self.check(arguments)).await;
        checked.unwrap_or_else(|_| vec!["they could not be checked in time".to_owned()])
    }

    async fn check(&self, arguments: Bytes) -> Vec<String> {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return Vec::new() };
        let schema = self.schema.clone();
        let read = self.validator.get_or_init(async || {
            let compiled = tokio::task::spawn_blocking(move || compile(&schema));
            compiled.await.unwrap_or_else(|error| Err(error.to_string()))
        });
        let validator = match read.await {
            Ok(validator) => Arc::clone(validator),
            Err(why) => return vec![format!("the tool's schema cannot be used: {why}")],
        };
        let checked = tokio::task::spawn_blocking(move || {
            let faults = judge(&validator, &arguments);
            drop(place);
            faults
        });
        checked.await.unwrap_or_else(|error| vec![error.to_string()])
    }
}

fn compile(schema: &[u8]) -> Result<Arc<Validator>, String> {
    let schema: Value = serde_json::from_slice(schema).map_err(|error| error.to_string())?;
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN)
        .dfa_size_limit(PATTERN);
    let options = jsonschema::options().offline().with_pattern_options(patterns);
    let validator = options.build(&schema);
    validator.map(Arc::new).map_err(|error| cut(&error.masked_with(VALUE).to_string()))
}

fn judge(validator: &Validator, arguments: &[u8]) -> Vec<String> {
    // What a server would read one way and this program another must not pass.
    if let Some(why) = unreadable(arguments, DEPTH) {
        return vec![why];
    }
    let arguments: Value = match serde_json::from_slice(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return vec![error.to_string()],
    };
    let fault = |error: jsonschema::ValidationError<'_>| {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "/" } else { &place };
        cut(&format!("{place}: {}", error.masked_with(VALUE)))
    };
    validator.iter_errors(&arguments).take(MOST).map(fault).collect()
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(LENGTH).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with each of these arguments.
    async fn told(schema: &str, arguments: &[&str]) -> Vec<String> {
        let checked = Arguments::new(Bytes::from(schema.to_owned()));
        let mut told = Vec::new();
        for arguments in arguments {
            let arguments = Bytes::from((*arguments).to_owned());
            told.push(checked.faults(Some(&arguments)).await.join("; "));
        }
        told
    }

    const SEARCH: &str = r#"{"type":"object","required":["q"],"properties":{
        "q":{"type":"string"},"limit":{"type":"integer","maximum":50},
        "in":{"type":"array","items":{"enum":["a","b"]}}}}"#;

    #[tokio::test]
    async fn a_fault_is_told_with_its_place_and_without_the_value() {
        let faults = told(
            SEARCH,
            &[
                r#"{"q":"x","limit":50,"in":["a"]}"#,
                r#"{"q":"x","more":{"is":"lawful"}}"#,
                "{}",
                r#"{"q":"x","limit":51}"#,
                r#"{"q":"x","in":["a","s3cret"]}"#,
                r#"{"q":7,"limit":"s3cret"}"#,
            ],
        );
        assert_eq!(
            faults.await,
            [
                "",
                "",
                r#"/: "q" is a required property"#,
                "/limit: the value is greater than the maximum of 50",
                r#"/in/1: the value is not one of "a" or "b""#,
                r#"/limit: the value is not of type "integer"; /q: the value is not of type "string""#,
            ]
        );
        let none = Arguments::new(Bytes::from_static(SEARCH.as_bytes())).faults(None).await;
        assert_eq!(none, [r#"/: "q" is a required property"#]);
    }

    #[tokio::test]
    async fn what_two_readers_could_read_in_two_ways_does_not_pass() {
        let deep = format!("{{\"q\":\"x\",\"d\":{}1{}}}", "[".repeat(70), "]".repeat(70));
        let long = format!("{{\"q\":\"{}\"}}", "x".repeat(LONGEST));
        let faults = told(SEARCH, &[r#"{"q":"x","in":[{"a":1,"a":2}]}"#, &deep, &long]).await;
        assert_eq!(faults[0], "the same key twice in one object");
        assert_eq!(faults[1], "nested too deeply");
        assert_eq!(faults[2], "they are longer than 1048576 bytes");
    }

    #[tokio::test]
    async fn a_schema_that_lies_elsewhere_or_is_none_lets_nothing_pass() {
        for schema in [
            r#"{"$ref":"http://127.0.0.1:9/schema.json"}"#,
            r#"{"$ref":"file:///etc/hostname"}"#,
            r#"{"properties":{"a":{"pattern":"("}}}"#,
            r#"{"type":"nothing"}"#,
            "7",
        ] {
            let faults = told(schema, &["{}"]).await;
            assert!(
                faults[0].starts_with("the tool's schema cannot be used"),
                "{schema}: {faults:?}"
            );
        }
    }

    #[tokio::test]
    async fn hostile_patterns_and_loops_end_in_time() {
        let text = format!(r#"{{"a":"{}!"}}"#, "a".repeat(5_000));
        for schema in [
            r#"{"properties":{"a":{"pattern":"^(a+)+$"}}}"#,
            r#"{"properties":{"a":{"pattern":"^(?=(a+)+$)(a|aa)+$"}}}"#,
            r#"{"properties":{"a":{"pattern":"^(?:(a|a)*)*\\1$"}}}"#,
        ] {
            let begun = tokio::time::Instant::now();
            let faults = told(schema, &[&text]).await;
            assert!(!faults[0].is_empty(), "{schema}");
            assert!(begun.elapsed() < LIMIT * 3, "{schema}: {:?}", begun.elapsed());
        }
        let looping = [r##"{"$ref":"#"}"##, r##"{"allOf":[{"$ref":"#"}]}"##];
        for schema in looping {
            let _ended = told(schema, &[r#"{"a":{"a":1}}"#]).await;
        }
        let tree = r##"{"properties":{"child":{"$ref":"#"},"n":{"type":"integer"}}}"##;
        let faults = told(tree, &[r#"{"child":{"child":{"n":1.5}}}"#]).await;
        assert_eq!(faults, [r#"/child/child/n: the value is not of type "integer""#]);
    }
}
