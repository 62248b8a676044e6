//! This file carries a server's result over to the kind of revision that its caller speaks.
//!
//! Pure. Where both speak the same kind not a byte is looked at. It leaves errors to `reply`.

use bytes::Bytes;
use conductor_actors::wire::{CallKind, Hop, Id, Members, write_result};
use memchr::memmem;
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
const ADDED: [(&str, &str); 3] = [
    (r#""resultType""#, r#""complete""#),
    (r#""ttlMs""#, "0"),
    (r#""cacheScope""#, r#""private""#),
];

/// Hints that only mean something to a modern caller.
const HINTS: [&str; 2] = ["ttlMs", "cacheScope"];

/// The response that carries `result`, which came from a server spoken to as `from`, for a request
/// of this kind.
pub(super) fn response(
    id: &Id,
    kind: CallKind,
    result: &Bytes,
    from: Hop,
    to: Era,
) -> Result<Bytes, ForeignResult> {
    let mut out = Vec::with_capacity(result.len() + id.as_json().len() + 64);
    match (from, to) {
        (Hop::Legacy, Era::Legacy) | (Hop::Modern, Era::Modern) => {
            write_result(&mut out, id, result);
        }
        (Hop::Legacy, Era::Modern) => match typed(result, kind) {
            Some(typed) => write_result(&mut out, id, &typed),
            None => write_result(&mut out, id, result),
        },
        (Hop::Modern, Era::Legacy) => match untyped(result)? {
            Some(untyped) => write_result(&mut out, id, &untyped),
            None => write_result(&mut out, id, result),
        },
    }
    Ok(Bytes::from(out))
}

/// `result` with a result type, if it is an object. What an older server says under that name is no
/// type: it knows of none.
fn typed(result: &Bytes, kind: CallKind) -> Option<Vec<u8>> {
    let inner = result.strip_prefix(b"{")?;
    let added = if kind == CallKind::Resource { &ADDED[..] } else { &ADDED[..1] };
    // Taken apart only if one of them may be in it.
    let members = match added.iter().any(|(key, _)| memmem::find(result, key.as_bytes()).is_some())
    {
        true => {
            let mut members = Members::read(result).ok()?;
            members.take("resultType");
            Some(members)
        }
        false => None,
    };
    let whole = members.as_ref().map(Members::to_json);
    let rest = whole.as_ref().map_or(inner, |whole| &whole[1..]);
    let said = |key: &str| members.as_ref()?.get(key.trim_matches('"'));
    let mut out = Vec::with_capacity(rest.len() + 64);
    for (key, value) in added.iter().filter(|(key, _)| said(key).is_none()) {
        out.push(if out.is_empty() { b'{' } else { b',' });
        out.extend_from_slice(key.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    if rest.trim_ascii_start().first() != Some(&b'}') {
        out.push(b',');
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// `result` without what only modern callers understand, if there is any of it.
fn untyped(result: &Bytes) -> Result<Option<Vec<u8>>, ForeignResult> {
    let modern = ["\"resultType\"", "\"ttlMs\"", "\"cacheScope\""];
    if !modern.iter().any(|key| memmem::find(result, key.as_bytes()).is_some()) {
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
    let mut out = Vec::with_capacity(result.len());
    members.write(&mut out);
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(result: &'static str, from: Hop, to: Era, expected: &str) {
        let id = Id::from_number(1);
        let result = Bytes::from_static(result.as_bytes());
        let found = match response(&id, CallKind::Tool, &result, from, to) {
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
            let found = response(&id, CallKind::Resource, &result, Hop::Legacy, Era::Modern);
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
