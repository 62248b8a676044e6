//! This file passes errors that a server answered with on to the caller.
//!
//! Most leave as they came. Those whose codes mean something between two neighbours only, or that
//! the caller's revision does not know, are told in other words (MCP 2026-07-28, basic/index).

use bytes::Bytes;
use conductor_actors::wire::{Id, Members, write_error};
use serde_json::json;

use super::codes::{self, Code};
use super::refusal::error_object;
use crate::door::era::Era;

/// Between two neighbours: header mismatch, missing capability, unsupported version.
const HOP_LOCAL: [i64; 3] = [-32020, -32021, -32022];
/// Resource not found, in revisions with a handshake.
const LEGACY_NOT_FOUND: i64 = -32002;
/// An address has to be visited first, in revisions with a handshake.
const LEGACY_URL_REQUIRED: i64 = -32042;

/// The response that carries `error`, an error object of a server.
pub(in crate::door) fn relayed_error(id: &Id, error: &Bytes, era: Era) -> Bytes {
    let translated = code_of(error).and_then(|code| translation(code, era));
    let mut body = Vec::with_capacity(error.len() + 64);
    match translated {
        None => write_error(&mut body, Some(id), error),
        Some((code, message)) => {
            let data = json!({ "reason": code.reason });
            let error = error_object(code, message, &data);
            write_error(&mut body, Some(id), error.as_bytes());
        }
    }
    Bytes::from(body)
}

fn code_of(error: &Bytes) -> Option<i64> {
    let members = Members::read(error).ok()?;
    serde_json::from_slice(members.get("code")?).ok()
}

fn translation(code: i64, era: Era) -> Option<(Code, &'static str)> {
    if HOP_LOCAL.contains(&code) {
        return Some((
            codes::INTERNAL,
            "gateway and server did not agree on how to make this request",
        ));
    }
    match (code, era) {
        (LEGACY_NOT_FOUND, Era::Modern) => Some((codes::INVALID_PARAMS, "resource not found")),
        (LEGACY_URL_REQUIRED, Era::Modern) => Some((
            codes::INTERNAL,
            "the server asks for an address to be visited first, which cannot be passed on",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &'static str, era: Era, expected: &str) {
        let body = relayed_error(&Id::from_number(1), &Bytes::from_static(error.as_bytes()), era);
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(expected), "{error}: {body}");
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

    #[test]
    fn codes_that_a_modern_caller_must_not_see_are_translated() {
        check(r#"{"code":-32002,"message":"x"}"#, Era::Modern, r#""code":-32602"#);
        check(r#"{"code":-32002,"message":"x"}"#, Era::Legacy, r#""code":-32002"#);
        check(r#"{"code":-32042,"message":"x"}"#, Era::Modern, r#""code":-32603"#);
        check(r#"{"code":-32042,"message":"x"}"#, Era::Legacy, r#""code":-32042"#);
    }
}
