//! This file says what has to hold whatever a server lists: what fuzzers look for a breach of.
//!
//! It leaves making lists up to them, and what a certain text becomes to the other tests.

use bytes::Bytes;
use serde_json::{Value, json};

use super::walk::is_blank;
use super::{Judged, JudgedEntry, Own, Policy, Verdict, sanitize, sanitize_entry};
use crate::model::ListKind;
use crate::server::Listing;
use crate::visible;
use crate::wire::Members;

/// Judges what `data` makes up: a text in every place of a tool, or the answer of a server byte by
/// byte. Panics if a promise is broken.
pub(crate) fn hold(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let (kind, answer) = match first % 4 {
        0 => (ListKind::Tools, tool(&String::from_utf8_lossy(rest))),
        1 => (ListKind::Prompts, Bytes::copy_from_slice(rest)),
        _ => (ListKind::Tools, Bytes::copy_from_slice(rest)),
    };
    let mut listing = Listing::new(kind);
    if listing.read_page(&answer).is_err() {
        return;
    }
    let judge = || Judged::by(&Policy::default(), "server", &listing);
    let own = Own::new("server", listing.entries.iter().map(|entry| entry.name.as_str()));
    let again = |shown: &Members| match kind {
        ListKind::Tools => sanitize(shown, &own, &Policy::default()),
        ListKind::Prompts | ListKind::Resources | ListKind::Templates => {
            sanitize_entry(shown, &Policy::default())
        }
    };
    for (one, other) in judge().entries.iter().zip(&judge().entries) {
        assert_eq!(told(one), told(other), "one list has one verdict");
        let verdict = one.verdict(false);
        let source = listing.entries.iter().find(|entry| entry.name == one.name);
        let before = source.map(|entry| entry.definition.to_json());
        assert!(verdict.changed || Some(verdict.definition.to_json()) == before, "{one:?}");
        if verdict.held.is_none() {
            let again = again(&verdict.definition);
            assert!(!again.changed && again.held.is_none(), "{:?}", again.findings);
            let shown = serde_json::from_slice(&verdict.definition.to_json());
            assert!(shown.is_ok_and(|shown| nothing_is_hidden(&shown)), "{one:?}");
        }
    }
}

/// A list of one tool that says `text` wherever a tool can say something.
fn tool(text: &str) -> Bytes {
    let tool = json!({
        "name": "a",
        "title": text,
        "description": text,
        "inputSchema": {
            "type": "object",
            "properties": { "a": { "description": text, "enum": [text] }, text: { "pattern": text } },
        },
        "annotations": { "title": text },
        "_meta": { "a": text, text: [text] },
        "x-note": text,
    });
    Bytes::from(json!({ "tools": [tool] }).to_string())
}

/// What can be compared of two verdicts.
fn told(entry: &JudgedEntry) -> Vec<(Bytes, String)> {
    let told = |verdict: &Verdict| {
        (verdict.definition.to_json(), format!("{:?} {:?}", verdict.held, verdict.findings))
    };
    vec![told(entry.verdict(false)), told(entry.verdict(true))]
}

fn nothing_is_hidden(shown: &Value) -> bool {
    let clean = |text: &str| {
        let cleaned = visible::clean(text);
        is_blank(text) || cleaned.stripped.is_none() && cleaned.hostile.is_none()
    };
    match shown {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => clean(text),
        Value::Array(items) => items.iter().all(nothing_is_hidden),
        Value::Object(members) => {
            members.iter().all(|(key, value)| clean(key) && nothing_is_hidden(value))
        }
    }
}
