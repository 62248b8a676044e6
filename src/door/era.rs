//! This file carries a server's result over to the kind of revision that its caller speaks.
//!
//! Pure. Where both speak an older kind not a byte is looked at. It leaves errors to `reply`.

use bytes::Bytes;
use conductor_actors::wire::{
    CallKind, Hop, Id, Members, Rope, Word, Words, long_response, response_of,
};
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
const ADDED: [Added; 3] = [
    Added { word: Word::ResultType, key: "resultType", value: r#""complete""# },
    Added { word: Word::TtlMs, key: "ttlMs", value: "0" },
    Added { word: Word::CacheScope, key: "cacheScope", value: r#""private""# },
];

/// A member that is added to a result that lacks it.
struct Added {
    word: Word,
    key: &'static str,
    value: &'static str,
}

/// What is changed for a caller of an older revision.
const NEWER: [Word; 4] = [Word::ResultType, Word::TtlMs, Word::CacheScope, Word::StructuredContent];

/// The types of results that a newer caller knows. Those that ask for input never come here.
const KNOWN: [&[u8]; 2] = [br#""complete""#, br#""task""#];

/// A result of so many bytes is not copied into its response. To send that in pieces takes as long as copying
/// a tenth of it.
const LONG: usize = 256 * 1024;

/// Hints that only mean something to a modern caller.
const HINTS: [&str; 2] = ["ttlMs", "cacheScope"];

/// The response that carries `result`, which has these words and came from a server spoken to as `from`, for
/// a request of this kind. `extends` if the caller may know more types of results than its revision does.
pub(super) fn response(
    id: &Id,
    (kind, extends): (CallKind, bool),
    (result, words): (&Bytes, Words),
    from: Hop,
    to: Era,
) -> Result<Rope, ForeignResult> {
    let carried = match (from, to) {
        (Hop::Legacy, Era::Legacy) => None,
        (Hop::Modern, Era::Modern) if extends || kind == CallKind::Extension => None,
        (Hop::Modern, Era::Modern) => completed((result, words), kind)?,
        (Hop::Legacy, Era::Modern) => typed((result, words), kind),
        (Hop::Modern, Era::Legacy) => untyped((result, words))?,
    };
    let Carried { head, rest } = carried.unwrap_or_else(|| Carried::as_it_is(result.clone()));
    Ok(match rest.len() {
        LONG.. => long_response(id, &head, rest),
        _ => response_of(id, &[&head, &rest]).into(),
    })
}

/// A result for the caller: what was put before it, and what there was.
struct Carried {
    head: Vec<u8>,
    rest: Bytes,
}

impl Carried {
    fn as_it_is(rest: Bytes) -> Self {
        Self { head: Vec::new(), rest }
    }

    /// A result of these members and of `rest`, which lacks its first brace.
    fn with<'a>(added: impl Iterator<Item = &'a Added>, rest: Bytes) -> Self {
        let mut head = Vec::with_capacity(64);
        for Added { key, value, .. } in added {
            head.extend_from_slice(if head.is_empty() { b"{\"" } else { b",\"" });
            head.extend_from_slice(key.as_bytes());
            head.extend_from_slice(b"\":");
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
        let is_missing = |added: &&Added| members.get(added.key).is_none();
        let missing = needed(kind).iter().filter(is_missing);
        Self::with(missing, members.to_json().slice(1..))
    }
}

/// The members that a result of this kind has to have.
fn needed(kind: CallKind) -> &'static [Added] {
    if kind == CallKind::Resource { &ADDED } else { &ADDED[..1] }
}

/// `result` with a result type, if it is an object. What an older server says under that name is no
/// type: it knows of none.
fn typed((result, words): (&Bytes, Words), kind: CallKind) -> Option<Carried> {
    if !result.starts_with(b"{") {
        return None;
    }
    // Taken apart only if one of them may be in it.
    if !needed(kind).iter().any(|added| words.may_have(added.word)) {
        return Some(Carried::with(needed(kind).iter(), result.slice(1..)));
    }
    let mut members = Members::read(result).ok()?;
    members.take("resultType");
    Some(Carried::with_missing(&members, kind))
}

/// `result` of a server of the same kind, which has to say what it is (MCP 2026-07-28, basic/index,
/// `resultType`): one that does not is complete, and one that says what nobody knows is none.
fn completed(
    (result, words): (&Bytes, Words),
    kind: CallKind,
) -> Result<Option<Carried>, ForeignResult> {
    let may_say_all = needed(kind).iter().all(|added| words.may_have(added.word));
    if may_say_all && says_complete((result, words)) {
        return Ok(None);
    }
    let Ok(members) = Members::read(result) else { return Ok(None) };
    match members.get("resultType") {
        Some(said) if !KNOWN.contains(&&said[..]) => {
            Err(ForeignResult(String::from_utf8_lossy(said).into_owned()))
        }
        _ if needed(kind).iter().all(|added| members.get(added.key).is_some()) => Ok(None),
        _ => Ok(Some(Carried::with_missing(&members, kind))),
    }
}

/// Whether the only type that a result speaks of is that of one that is complete. It is mostly its first or its
/// last member.
fn says_complete((result, words): (&Bytes, Words)) -> bool {
    const SAID: &[u8] = br#""resultType":"complete""#;
    if !words.may_have(Word::ResultType) || words.may_have_again(Word::ResultType) {
        return false;
    }
    let (begin, end) = (result.get(1..), result.len().checked_sub(1).map(|end| &result[..end]));
    begin.is_some_and(|begin| begin.starts_with(SAID))
        || end.is_some_and(|end| end.ends_with(SAID))
        || memchr::memmem::find(result, SAID).is_some()
}

/// Whether a newer server's result says that a task was made.
pub(super) fn is_task((result, words): (&Bytes, Words)) -> bool {
    let is_type = |it: Members| it.text("resultType").as_deref() == Some("task");
    may_be_no_end((result, words)) && Members::read(result).is_ok_and(is_type)
}

/// Whether a newer server's result may say that it is another than the one that was asked for.
pub(super) fn may_be_no_end((result, words): (&Bytes, Words)) -> bool {
    words.may_have(Word::ResultType) && !says_complete((result, words))
}

/// `result` without what only modern callers understand, if there is any of it.
fn untyped((result, words): (&Bytes, Words)) -> Result<Option<Carried>, ForeignResult> {
    if !NEWER.iter().any(|word| words.may_have(*word)) {
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
    use conductor_actors::wire::{Message, parse};

    use super::*;

    /// A result and its words, first those that it has, then as if nobody had looked.
    fn with_words(result: &'static str) -> [(Bytes, Words); 2] {
        let message = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let Ok(Message::Response(response)) = parse(&message.into()) else { unreachable!() };
        [response.words, Words::ANY].map(|words| (Bytes::from_static(result.as_bytes()), words))
    }

    /// The response, whatever is known of the words.
    #[track_caller]
    fn carried(about: (CallKind, bool), result: &'static str, from: Hop, to: Era) -> String {
        let [known, unknown] = with_words(result).map(|(result, words)| {
            match response(&Id::from_number(1), about, (&result, words), from, to) {
                Ok(found) => String::from_utf8(found.into_bytes().to_vec()).unwrap(),
                Err(error) => error.to_string(),
            }
        });
        // What was taken apart has no blanks any more.
        let bare = |text: &str| text.replace(' ', "");
        assert_eq!(bare(&known), bare(&unknown), "{result}");
        known
    }

    #[track_caller]
    fn check(result: &'static str, from: Hop, to: Era, expected: &str) {
        let found = carried((CallKind::Tool, false), result, from, to);
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
        newer("{}", r#"{"resultType":"complete"}"#);
        // Of a server that does not keep to its revision, one type further in passes for the result's own.
        let inner = r#"{"structuredContent":{"resultType":"complete"}}"#;
        let [(result, words), _] = with_words(inner);
        let kind = (CallKind::Tool, false);
        let found = response(&Id::from_number(1), kind, (&result, words), Hop::Modern, Era::Modern);
        let expected = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{inner}}}"#);
        assert_eq!(found.unwrap().into_bytes(), expected);
        let foreign = "! result type \"foo\" cannot be passed on to a client of this revision";
        newer(r#"{"resultType":"foo"}"#, foreign);
        let known = |kind, extends, result: &'static str| {
            carried((kind, extends), result, Hop::Modern, Era::Modern)
        };
        let foo = r#"{"resultType":"foo"}"#;
        let whole = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{foo}}}"#);
        assert_eq!(known(CallKind::Tool, true, foo), whole);
        assert_eq!(known(CallKind::Extension, false, foo), whole);
        let read = known(CallKind::Resource, false, r#"{"resultType":"complete","ttlMs":5}"#);
        let expected = r#"{"cacheScope":"private","resultType":"complete","ttlMs":5}"#;
        assert_eq!(read, format!(r#"{{"jsonrpc":"2.0","id":1,"result":{expected}}}"#));
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
            let found = carried((CallKind::Resource, false), result, Hop::Legacy, Era::Modern);
            assert_eq!(found, format!(r#"{{"jsonrpc":"2.0","id":1,"result":{expected}}}"#));
        }
    }

    #[test]
    fn a_task_is_told_from_other_results() {
        for (result, expected) in [
            (r#"{"resultType":"task","taskId":"t"}"#, true),
            (r#"{"x":{"resultType":"complete"},"resultType":"task"}"#, true),
            (r#"{"resultType":"complete","content":[{"type":"text","text":"task"}]}"#, false),
            (r#"{"a":[],"resultType":"complete","content":[]}"#, false),
            (r#"{"content":[],"resultType":"complete"}"#, false),
            (r#"{"structuredContent":{"resultType":"task"}}"#, false),
            ("7", false),
        ] {
            for (result, words) in with_words(result) {
                assert_eq!(is_task((&result, words)), expected, "{result:?} {words:?}");
            }
        }
    }

    #[test]
    fn a_long_result_is_not_copied() {
        let content = "x".repeat(LONG);
        let result = Bytes::from(format!(r#"{{"content":"{content}"}}"#));
        let respond = |to| {
            let about = ((CallKind::Tool, false), (&result, Words::NONE));
            response(&Id::from_number(1), about.0, about.1, Hop::Legacy, to).unwrap()
        };
        for (to, added, shared) in
            [(Era::Legacy, "{", 0), (Era::Modern, r#"{"resultType":"complete","#, 1)]
        {
            let pieces: Vec<Bytes> = respond(to).into_pieces().collect();
            assert_eq!(pieces[1].as_ptr(), result[shared..].as_ptr());
            let expected =
                format!(r#"{{"jsonrpc":"2.0","id":1,"result":{added}{}}}"#, text(&result[1..]));
            assert_eq!(text(&pieces.concat()), expected);
        }
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
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
