//! This file passes errors that a server answered with on to the caller.
//!
//! Most leave as they came. Those whose codes mean something between two neighbours only, or that
//! the caller's revision does not know, are told in other words (MCP 2026-07-28, basic/index).

use bytes::Bytes;
use conductor_actors::wire::{Abilities, CallKind, Id, Members, write_error};
use serde_json::{Value, json};

use super::codes::{self, Code};
use super::refusal::error_object;
use crate::door::era::Era;

/// Between two neighbours: header mismatch, missing capability, unsupported version.
const HOP_LOCAL: [i64; 3] = [-32020, -32021, -32022];
/// The second of them, in revisions without a handshake.
const MISSING_CAPABILITY: i64 = HOP_LOCAL[1];
/// Resource not found, in revisions with a handshake.
const LEGACY_NOT_FOUND: i64 = -32002;
/// The same in revisions without, where it names an address.
const MODERN_NOT_FOUND: i64 = -32602;
/// An address has to be visited first, in revisions with a handshake.
const LEGACY_URL_REQUIRED: i64 = -32042;

/// The response that carries `error`, an error object of a server, for a request of this kind.
pub(in crate::door) fn relayed_error(id: &Id, kind: CallKind, error: &Bytes, era: Era) -> Bytes {
    let mut body = Vec::with_capacity(error.len() + 64);
    match code_of(error).map(|code| translation(code, kind, error, era)) {
        None | Some(Translation::None) => write_error(&mut body, Some(id), error),
        Some(Translation::Code(code)) => write_error(&mut body, Some(id), &with_code(error, code)),
        Some(Translation::Words(message)) => {
            let data = json!({ "reason": codes::INTERNAL.reason });
            let error = error_object(codes::INTERNAL, message, &data);
            write_error(&mut body, Some(id), error.as_bytes());
        }
    }
    Bytes::from(body)
}

/// Whether an error of an older server says that an address has to be visited first.
pub(in crate::door) fn wants_visit(error: &Bytes) -> bool {
    code_of(error) == Some(LEGACY_URL_REQUIRED)
}

/// What `error` of a server says that it needs of the client, if the client has not declared that:
/// then it is the client's to know.
pub(in crate::door) fn lacking(error: &Bytes, declared: &Bytes) -> Option<Value> {
    let data = Members::read(error)
        .ok()?
        .take("data")
        .filter(|_| code_of(error) == Some(MISSING_CAPABILITY))?;
    let required = Members::read(&data).ok()?.take("requiredCapabilities")?;
    let required: Value = serde_json::from_slice(&required).ok().filter(Value::is_object)?;
    let declared: Value = serde_json::from_slice(declared).unwrap_or_default();
    (!holds(&declared, &required)).then_some(required)
}

/// The capabilities that a client has to declare to be asked for this.
pub(in crate::door) fn required(able: Abilities) -> Value {
    let mut required = json!({});
    if able.form {
        required["elicitation"]["form"] = json!({});
    }
    if able.url {
        required["elicitation"]["url"] = json!({});
    }
    if able.sampling {
        required["sampling"] = json!({});
    }
    if able.sampling_tools {
        required["sampling"]["tools"] = json!({});
    }
    if able.roots {
        required["roots"] = json!({});
    }
    required
}

/// Whether every member of `part` is in `whole` as well, to any depth.
fn holds(whole: &Value, part: &Value) -> bool {
    let Value::Object(part) = part else { return true };
    part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| holds(whole, part)))
}

/// Whether an error tells which address it is about.
fn names_address(error: &Bytes) -> bool {
    let data = Members::read(error).ok().and_then(|mut error| error.take("data"));
    let data = data.and_then(|data| Members::read(&data).ok());
    data.is_some_and(|data| data.text("uri").is_some())
}

fn code_of(error: &Bytes) -> Option<i64> {
    let members = Members::read(error).ok()?;
    serde_json::from_slice(members.get("code")?).ok()
}

/// What becomes of an error.
enum Translation {
    /// It leaves as it came.
    None,
    /// It has another code in the caller's revision, and says the same.
    Code(Code),
    /// It would mean something else there: these words instead.
    Words(&'static str),
}

fn translation(code: i64, kind: CallKind, error: &Bytes, era: Era) -> Translation {
    if HOP_LOCAL.contains(&code) {
        return Translation::Words("gateway and server did not agree on how to make this request");
    }
    match (code, era) {
        (MODERN_NOT_FOUND, Era::Legacy) if kind == CallKind::Resource && names_address(error) => {
            Translation::Code(codes::LEGACY_UNKNOWN_RESOURCE)
        }
        (LEGACY_NOT_FOUND, Era::Modern) => Translation::Code(codes::UNKNOWN_RESOURCE),
        (LEGACY_URL_REQUIRED, Era::Modern) => Translation::Words(
            "the server asks for an address to be visited first, which cannot be passed on",
        ),
        _ => Translation::None,
    }
}

/// `error` under another code, with all else that it says.
fn with_code(error: &Bytes, code: Code) -> Bytes {
    let Ok(mut members) = Members::read(error) else { return error.clone() };
    members.set("code", code.number.to_string().into());
    members.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &'static str, era: Era, expected: &str) {
        check_kind(CallKind::Tool, error, era, expected);
    }

    #[track_caller]
    fn check_kind(kind: CallKind, error: &'static str, era: Era, expected: &str) {
        let error = Bytes::from_static(error.as_bytes());
        let body = relayed_error(&Id::from_number(1), kind, &error, era);
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(expected), "{error:?}: {body}");
    }

    #[test]
    fn an_error_leaves_as_it_came() {
        for error in [
            r#"{"code":-32602,"message":"bad",  "data":{"n":1.0}}"#,
            r#"{"code":7}"#,
            r#"{"message":"no code"}"#,
            r#""odd""#,
        ] {
            check(error, Era::Legacy, &format!(r#""error":{error}}}"#));
            check(error, Era::Modern, &format!(r#""error":{error}}}"#));
        }
    }

    #[test]
    fn codes_between_neighbours_are_not_passed_on() {
        for code in HOP_LOCAL {
            let error: &'static str = format!(r#"{{"code":{code},"message":"x"}}"#).leak();
            check(error, Era::Legacy, r#""code":-32603"#);
            check(error, Era::Modern, r#""code":-32603"#);
        }
    }

    #[track_caller]
    fn check_lacking(code: i64, required: &str, declared: &'static str, told: bool) {
        let error = format!(
            r#"{{"code":{code},"message":"x","data":{{"requiredCapabilities":{required}}}}}"#
        );
        let declared = Bytes::from_static(declared.as_bytes());
        let found = lacking(&Bytes::from(error), &declared);
        let expected = told.then(|| serde_json::from_str(required).unwrap());
        assert_eq!(found, expected, "{code} {required} {declared:?}");
    }

    #[test]
    fn a_client_is_told_what_it_lacks_and_not_what_cannot_be_carried() {
        check_lacking(-32021, r#"{"sampling":{}}"#, "{}", true);
        check_lacking(-32021, r#"{"sampling":{}}"#, "7", true);
        check_lacking(-32021, r#"{"elicitation":{"url":{}}}"#, r#"{"elicitation":{}}"#, true);
        check_lacking(-32021, r#"{"sampling":{}}"#, r#"{"sampling":{}}"#, false);
        check_lacking(-32021, "7", "{}", false);
        check_lacking(-32020, r#"{"sampling":{}}"#, "{}", false);
    }

    #[test]
    fn a_resource_that_is_not_there_is_told_in_the_callers_words() {
        let modern = r#"{"code":-32602,"message":"x","data":{"uri":"a://b"}}"#;
        let legacy = r#"{"code":-32002,"message":"x","data":{"uri":"a://b"}}"#;
        for error in [modern, legacy] {
            check_kind(CallKind::Resource, error, Era::Legacy, r#""code":-32002"#);
            check_kind(CallKind::Resource, error, Era::Modern, r#""code":-32602"#);
            check_kind(CallKind::Resource, error, Era::Modern, r#""uri":"a://b""#);
            check_kind(CallKind::Resource, error, Era::Legacy, r#""uri":"a://b""#);
        }
        for (error, era, code) in [(modern, Era::Legacy, -32002), (legacy, Era::Modern, -32602)] {
            let kept =
                format!(r#""error":{{"code":{code},"message":"x","data":{{"uri":"a://b"}}}}}}"#);
            check_kind(CallKind::Resource, error, era, &kept);
        }
        let more = r#"{"x":1.0,"message":"gone","code":-32002,"data":[1e999]}"#;
        let kept = r#""error":{"x":1.0,"message":"gone","code":-32602,"data":[1e999]}}"#;
        check_kind(CallKind::Resource, more, Era::Modern, kept);
        check_kind(CallKind::Prompt, modern, Era::Legacy, r#""code":-32602"#);
        let other = r#"{"code":-32602,"message":"x"}"#;
        check_kind(CallKind::Resource, other, Era::Legacy, r#""code":-32602"#);
    }

    #[test]
    fn codes_that_a_modern_caller_must_not_see_are_translated() {
        check(r#"{"code":-32002,"message":"x"}"#, Era::Modern, r#""code":-32602"#);
        check(r#"{"code":-32002,"message":"x"}"#, Era::Legacy, r#""code":-32002"#);
        check(r#"{"code":-32042,"message":"x"}"#, Era::Modern, r#""code":-32603"#);
        check(r#"{"code":-32042,"message":"x"}"#, Era::Legacy, r#""code":-32042"#);
    }
}
