//! This file carries a server's result over to the kind of revision that its caller speaks.
//!
//! Pure. Where both speak an older kind not a byte is looked at. It leaves errors to `reply`.

use bytes::Bytes;
use conductor_actors::wire::{CallKind, Hop, Id, Members, Word, response_of};
use thiserror::Error;

/// The rules by which one request is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Revisions up to 2025-11-25: a handshake, then requests that do not describe themselves.
    Legacy,
    /// Revisions from 2026-07-28: every request describes itself.
    Modern,
}

impl Era {
    /// The same of the way to a server.
    pub(super) fn hop(self) -> Hop {
        match self {
            Self::Legacy => Hop::Legacy,
            Self::Modern => Hop::Modern,
        }
    }
}

/// A kind of result that revisions with a handshake have no words for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("result type {0} cannot be passed on to a client of this revision")]
pub(super) struct ForeignResult(pub(super) String);

/// What every result says, and that of a resource as well whose server cannot say how long it holds.
static ADDED: [(Word, &str); 3] = [
    (Word::new(r#""resultType""#), r#""complete""#),
    (Word::new(r#""ttlMs""#), "0"),
    (Word::new(r#""cacheScope""#), r#""private""#),
];

/// What is changed for a caller of an older revision.
static NEWER: [Word; 4] = [
    Word::new(r#""resultType""#),
    Word::new(r#""ttlMs""#),
    Word::new(r#""cacheScope""#),
    Word::new(r#""structuredContent""#),
];

/// The types of results that a newer caller knows. Those that ask for input never come here.
const KNOWN: [&[u8]; 2] = [br#""complete""#, br#""task""#];

/// Hints that only mean something to a modern caller.
const HINTS: [&str; 2] = ["ttlMs", "cacheScope"];

/// The response that carries `result`, which came from a server spoken to as `from`, for a request
/// of this kind. `extends` if the caller may know more types of results than its revision does.
pub(super) fn response(
    id: &Id,
    (kind, extends): (CallKind, bool),
    result: &Bytes,
    from: Hop,
    to: Era,
) -> Result<Bytes, ForeignResult> {
    let carried = match (from, to) {
        (Hop::Legacy, Era::Legacy) => None,
        (Hop::Modern, Era::Modern) if extends || kind == CallKind::Extension => None,
        (Hop::Modern, Era::Modern) => completed(result, kind)?,
        (Hop::Legacy, Era::Modern) => typed(result, kind),
        (Hop::Modern, Era::Legacy) => untyped(result)?,
    };
    let Carried { head, rest } = carried.unwrap_or_else(|| Carried::as_it_is(result.clone()));
    Ok(response_of(id, &[&head, &rest]))
}

/// A result for the caller: what was put before it, and what there was. A long one is copied once, into
/// the response.
struct Carried {
    head: Vec<u8>,
    rest: Bytes,
}

impl Carried {
    fn as_it_is(rest: Bytes) -> Self {
        Self { head: Vec::new(), rest }
    }

    /// A result of these members and of `rest`, which lacks its first brace.
    fn with<'a>(added: impl Iterator<Item = &'a (Word, &'a str)>, rest: Bytes) -> Self {
        let mut head = Vec::with_capacity(64);
        for (key, value) in added {
            head.push(if head.is_empty() { b'{' } else { b',' });
            head.extend_from_slice(key.text().as_bytes());
            head.push(b':');
            head.extend_from_slice(value.as_bytes());
        }
        match rest.trim_ascii_start().first() {
            _ if head.is_empty() => head.push(b'{'),
            Some(b'}') => {}
            _ => head.push(b','),
        }
        Self { head, rest }
    }

    /// The result that has these members and those it lacks.
    fn with_missing(members: &Members, kind: CallKind) -> Self {
        let is_missing = |(key, _): &&(Word, &str)| members.get(bare(key)).is_none();
        let missing = needed(kind).iter().filter(is_missing);
        Self::with(missing, members.to_json().slice(1..))
    }
}

/// The members that a result of this kind has to have.
fn needed(kind: CallKind) -> &'static [(Word, &'static str)] {
    if kind == CallKind::Resource { &ADDED } else { &ADDED[..1] }
}

/// `result` with a result type, if it is an object. What an older server says under that name is no
/// type: it knows of none.
fn typed(result: &Bytes, kind: CallKind) -> Option<Carried> {
    if !result.starts_with(b"{") {
        return None;
    }
    // Taken apart only if one of them may be in it.
    if !needed(kind).iter().any(|(key, _)| key.is_in(result)) {
        return Some(Carried::with(needed(kind).iter(), result.slice(1..)));
    }
    let mut members = Members::read(result).ok()?;
    members.take("resultType");
    Some(Carried::with_missing(&members, kind))
}

/// `result` of a server of the same kind, which has to say what it is (MCP 2026-07-28, basic/index,
/// `resultType`): one that does not is complete, and one that says what nobody knows is none.
fn completed(result: &Bytes, kind: CallKind) -> Result<Option<Carried>, ForeignResult> {
    let says_all = needed(kind).iter().all(|(key, _)| key.is_in(result));
    let mut types = ADDED[0].0.places(result);
    let is_complete = |at: usize| result[at..].starts_with(br#""resultType":"complete""#);
    if says_all && types.next().is_some_and(is_complete) && types.next().is_none() {
        return Ok(None);
    }
    let Ok(members) = Members::read(result) else { return Ok(None) };
    match members.get("resultType") {
        Some(said) if !KNOWN.contains(&&said[..]) => {
            Err(ForeignResult(String::from_utf8_lossy(said).into_owned()))
        }
        _ if needed(kind).iter().all(|(key, _)| members.get(bare(key)).is_some()) => Ok(None),
        _ => Ok(Some(Carried::with_missing(&members, kind))),
    }
}

fn bare(key: &Word) -> &'static str {
    key.text().trim_matches('"')
}

/// `result` without what only modern callers understand, if there is any of it.
fn untyped(result: &Bytes) -> Result<Option<Carried>, ForeignResult> {
    if !NEWER.iter().any(|key| key.is_in(result)) {
        return Ok(None);
    }
    let Ok(mut members) = Members::read(result) else { return Ok(None) };
    if let Some(kind) = members.take("resultType")
        && kind != "\"complete\""
    {
        return Err(ForeignResult(String::from_utf8_lossy(&kind).into_owned()));
    }
    for hint in HINTS {
        members.take(hint);
    }
    // There, it is an object (MCP 2025-11-25, server/tools, Structured Content).
    if let Some(value) = members.get("structuredContent").filter(|it| it.first() != Some(&b'{')) {
        let wrapped = Members::from_iter([("result", value.clone())]).to_json();
        members.set("structuredContent", wrapped);
    }
    Ok(Some(Carried::as_it_is(members.to_json())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(result: &'static str, from: Hop, to: Era, expected: &str) {
        let id = Id::from_number(1);
        let result = Bytes::from_static(result.as_bytes());
        let found = match response(&id, (CallKind::Tool, false), &result, from, to) {
            Ok(found) => String::from_utf8(found.to_vec()).unwrap(),
            Err(error) => error.to_string(),
        };
        let expected = match expected.strip_prefix("! ") {
            Some(refusal) => refusal.to_owned(),
            None => format!(r#"{{"jsonrpc":"2.0","id":1,"result":{expected}}}"#),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_touched_between_peers_of_one_kind() {
        for odd in [r#"{ "resultType" : "task" , "ttlMs":1 }"#, "7", r#"{"a":1,"a":2}"#] {
            check(odd, Hop::Modern, Era::Modern, odd);
            check(odd, Hop::Legacy, Era::Legacy, odd);
        }
    }

    #[test]
    fn a_newer_servers_result_says_what_it_is_or_is_none() {
        let newer = |result, expected| check(result, Hop::Modern, Era::Modern, expected);
        for whole in [
            r#"{"content":[],"resultType":"complete"}"#,
            r#"{"resultType" : "complete","x":{"resultType":"foo"}}"#,
            r#"{"resultType":"task"}"#,
        ] {
            newer(whole, whole);
        }
        newer(r#"{"content":[1.0]}"#, r#"{"resultType":"complete","content":[1.0]}"#);
        newer(
            r#"{"structuredContent":{"resultType":"complete"}}"#,
            r#"{"structuredContent":{"resultType":"complete"}}"#,
        );
        newer("{}", r#"{"resultType":"complete"}"#);
        let foreign = "! result type \"foo\" cannot be passed on to a client of this revision";
        newer(r#"{"resultType":"foo"}"#, foreign);
        let known = |kind, extends, result: &'static str| {
            let (id, result) = (Id::from_number(1), Bytes::from_static(result.as_bytes()));
            let found = response(&id, (kind, extends), &result, Hop::Modern, Era::Modern);
            found.map(|found| String::from_utf8(found.to_vec()).unwrap())
        };
        let foo = r#"{"resultType":"foo"}"#;
        let whole = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{foo}}}"#);
        assert_eq!(known(CallKind::Tool, true, foo), Ok(whole.clone()));
        assert_eq!(known(CallKind::Extension, false, foo), Ok(whole));
        let read = known(CallKind::Resource, false, r#"{"resultType":"complete","ttlMs":5}"#);
        let expected = r#"{"cacheScope":"private","resultType":"complete","ttlMs":5}"#;
        assert_eq!(read, Ok(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{expected}}}"#)));
    }

    #[test]
    fn structured_content_is_an_object_for_an_older_caller() {
        for (value, expected) in [
            ("[1.0]", r#"{"result":[1.0]}"#),
            ("7", r#"{"result":7}"#),
            (r#"{"a":1.0}"#, r#"{"a":1.0}"#),
        ] {
            let of = |value: &str| -> &'static str {
                format!(r#"{{"structuredContent":{value},"content":[]}}"#).leak()
            };
            check(of(value), Hop::Modern, Era::Legacy, of(expected));
            check(of(value), Hop::Legacy, Era::Legacy, of(value));
        }
    }

    #[test]
    fn a_modern_caller_gets_a_result_type() {
        let cases = [
            (r#"{"content":[]}"#, r#"{"resultType":"complete","content":[]}"#),
            ("{ }", r#"{"resultType":"complete" }"#),
            (
                r#"{"content":[{"resultType":1}]}"#,
                r#"{"resultType":"complete","content":[{"resultType":1}]}"#,
            ),
            (r#"{"resultType":"complete"}"#, r#"{"resultType":"complete"}"#),
            (r#"{"n":1.0,"resultType":"input_required"}"#, r#"{"resultType":"complete","n":1.0}"#),
            ("null", "null"),
        ];
        for (result, expected) in cases {
            check(result, Hop::Legacy, Era::Modern, expected);
        }
    }

    #[test]
    fn a_modern_caller_is_told_how_long_a_resource_holds() {
        let id = Id::from_number(1);
        for (result, expected) in [
            (
                r#"{"contents":[]}"#,
                r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[]}"#,
            ),
            (
                r#"{"contents":[],"ttlMs":9}"#,
                r#"{"resultType":"complete","cacheScope":"private","contents":[],"ttlMs":9}"#,
            ),
            (
                r#"{"contents":[{"ttlMs":9}]}"#,
                r#"{"resultType":"complete","ttlMs":0,"cacheScope":"private","contents":[{"ttlMs":9}]}"#,
            ),
        ] {
            let result = Bytes::from_static(result.as_bytes());
            let kind = (CallKind::Resource, false);
            let found = response(&id, kind, &result, Hop::Legacy, Era::Modern);
            let expected = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{expected}}}"#);
            assert_eq!(found.unwrap(), expected);
        }
    }

    #[test]
    fn a_legacy_caller_gets_none() {
        let cases = [
            (r#"{"content":[]}"#, r#"{"content":[]}"#),
            (r#"{"resultType":"complete","content":[1.0]}"#, r#"{"content":[1.0]}"#),
            (r#"{"a":{"ttlMs":1},"ttlMs":5,"cacheScope":"public"}"#, r#"{"a":{"ttlMs":1}}"#),
        ];
        for (result, expected) in cases {
            check(result, Hop::Modern, Era::Legacy, expected);
        }
    }

    #[test]
    fn a_result_without_words_in_the_callers_revision_is_refused() {
        check(
            r#"{"resultType":"input_required","inputRequests":{}}"#,
            Hop::Modern,
            Era::Legacy,
            "! result type \"input_required\" cannot be passed on to a client of this revision",
        );
    }
}
