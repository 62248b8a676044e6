//! This file writes messages around raw bodies.
//!
//! It leaves the choice of codes and texts to the doors.

use bytes::Bytes;

use super::{Id, Rope, write_json_string};

const RESULT: &[u8] = b",\"result\":";

/// What a response says: a result or an error object, raw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The value of `result`.
    Result(Bytes),
    /// The value of `error`.
    Error(Bytes),
}

/// Appends a response that carries `result`, a JSON text.
pub fn write_result(out: &mut Vec<u8>, id: &Id, result: &[u8]) {
    write_result_of(out, id, &[result]);
}

/// A response that carries a result, a JSON text of these parts. They are copied once.
#[must_use]
pub fn response_of(id: &Id, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + id.as_json().len() + 64);
    write_result_of(&mut out, id, parts);
    Bytes::from(out)
}

/// The same, the last part of which is long and is not copied.
#[must_use]
pub fn long_response(id: &Id, head: &[u8], long: Bytes) -> Rope {
    let mut begin = Vec::with_capacity(head.len() + id.as_json().len() + 64);
    write_head(&mut begin, Some(id));
    begin.extend_from_slice(RESULT);
    begin.extend_from_slice(head);
    Rope::new(begin.into(), long, Bytes::from_static(b"}"))
}

fn write_result_of(out: &mut Vec<u8>, id: &Id, parts: &[&[u8]]) {
    write_head(out, Some(id));
    out.extend_from_slice(RESULT);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.push(b'}');
}

/// Appends a response that carries `error`, a JSON object; without an id it is `null`.
pub fn write_error(out: &mut Vec<u8>, id: Option<&Id>, error: &[u8]) {
    write_head(out, id);
    out.extend_from_slice(b",\"error\":");
    out.extend_from_slice(error);
    out.push(b'}');
}

/// Appends a request; `params` is a JSON object.
pub fn write_request(out: &mut Vec<u8>, id: &Id, method: &str, params: Option<&[u8]>) {
    write_head(out, Some(id));
    out.push(b',');
    write_method(out, method, params);
}

/// A notification; `params` is a JSON object.
#[must_use]
pub fn notification(method: &str, params: Option<&[u8]>) -> Bytes {
    let mut out = Vec::with_capacity(method.len() + params.map_or(0, <[u8]>::len) + 64);
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
    write_method(&mut out, method, params);
    Bytes::from(out)
}

fn write_method(out: &mut Vec<u8>, method: &str, params: Option<&[u8]>) {
    out.extend_from_slice(b"\"method\":");
    write_json_string(out, method);
    if let Some(params) = params {
        out.extend_from_slice(b",\"params\":");
        out.extend_from_slice(params);
    }
    out.push(b'}');
}

fn write_head(out: &mut Vec<u8>, id: Option<&Id>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.map_or(b"null", Id::as_json));
}
