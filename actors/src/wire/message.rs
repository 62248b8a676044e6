//! This file recognises JSON-RPC 2.0 messages and takes their envelope apart.
//!
//! It leaves parameters, results and errors raw.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use thiserror::Error;

use super::text::{Lent, Text};
use super::{Id, Outcome};

/// One JSON-RPC message.
#[derive(Debug, Clone)]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is one.
    Response(Response),
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// As the sender wrote it.
    pub id: Id,
    /// The method's name.
    pub method: Text,
    /// Raw parameters; absent and `null` are the same.
    pub params: Option<Bytes>,
}

/// A notification.
#[derive(Debug, Clone)]
pub struct Notification {
    /// The method's name.
    pub method: Text,
    /// Raw parameters; absent and `null` are the same.
    pub params: Option<Bytes>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// `None` where the peer answered with id `null`: it could not read what it was asked.
    pub id: Option<Id>,
    /// What it says.
    pub outcome: Outcome,
}

/// Why bytes are not a JSON-RPC message.
#[derive(Debug, Error)]
pub enum Malformed {
    /// Not one well-formed JSON text (JSON-RPC: parse error).
    #[error("not well-formed JSON: {0}")]
    Syntax(String),
    /// JSON, but not a message (JSON-RPC: invalid request).
    #[error("not a JSON-RPC 2.0 message: {reason}")]
    Shape {
        /// What is wrong with it.
        reason: String,
        /// The id, where it could be read.
        id: Option<Id>,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Lent<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Lent<'a>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

/// Keeps a member that is there with the value `null` apart from one that is absent.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Reads one message. The parts of it share the buffer of `bytes`.
pub fn parse(bytes: &Bytes) -> Result<Message, Malformed> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| explain(&error))?;
    let raw = |part: &RawValue| bytes.slice_ref(part.get().as_bytes());
    let id = envelope.id.map(raw);
    let known = id.clone();
    let shape = move |reason: &str| Malformed::Shape {
        reason: reason.to_owned(),
        id: known.clone().and_then(Id::from_raw),
    };
    if envelope.jsonrpc.as_ref().is_none_or(|Lent(version)| version != "2.0") {
        return Err(shape("`jsonrpc` must be \"2.0\""));
    }
    if let Some(Lent(method)) = envelope.method {
        if envelope.result.is_some() || envelope.error.is_some() {
            return Err(shape("a message with `method` has no `result` or `error`"));
        }
        let method = Text::from_part(bytes, method);
        let params = envelope.params.map(raw);
        return match id {
            None => Ok(Message::Notification(Notification { method, params })),
            Some(token) => match Id::from_raw(token) {
                Some(id) => Ok(Message::Request(Request { id, method, params })),
                None => Err(shape("`id` must be a string or an integer")),
            },
        };
    }
    let outcome = match (envelope.result.map(raw), envelope.error.map(raw)) {
        (Some(result), None) => Outcome::Result(result),
        (None, Some(error)) => Outcome::Error(error),
        (Some(_), Some(_)) => return Err(shape("`result` and `error` exclude each other")),
        (None, None) => return Err(shape("no `method`, `result` or `error`")),
    };
    match id {
        Some(token) if token == "null" => Ok(Message::Response(Response { id: None, outcome })),
        None => Err(shape("a response needs an `id`")),
        Some(token) => match Id::from_raw(token) {
            Some(id) => Ok(Message::Response(Response { id: Some(id), outcome })),
            None => Err(shape("`id` must be a string or an integer")),
        },
    }
}

/// The same JSON without raw line ends, fit for a pipe where a line is a message. Inside a JSON
/// string a raw line end is not lawful, so only blanks between tokens change; without any, nothing
/// is copied.
pub fn one_line(json: Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', &json).is_none() {
        return json;
    }
    let blank = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
    json.iter().map(blank).collect()
}

fn explain(error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        Malformed::Shape { reason: error.to_string(), id: None }
    } else {
        Malformed::Syntax(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Message, Malformed> {
        parse(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let found = match read(json) {
            Ok(Message::Request(request)) => format!("request {} {}", request.id, request.method),
            Ok(Message::Notification(told)) => format!("notification {}", told.method),
            Ok(Message::Response(Response { id, outcome })) => {
                let kind = if matches!(outcome, Outcome::Result(_)) { "result" } else { "error" };
                format!("{kind} {}", id.map_or("null".to_owned(), |id| id.to_string()))
            }
            Err(Malformed::Syntax(_)) => "syntax".to_owned(),
            Err(Malformed::Shape { id, .. }) => {
                format!("shape {}", id.map_or("-".to_owned(), |id| id.to_string()))
            }
        };
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn messages_are_told_apart() {
        check(r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#, "request 0 ping");
        check(r#"{"method":"ping","id":"0","jsonrpc":"2.0","params":null}"#, "request \"0\" ping");
        check(r#"{"jsonrpc":"2.0","method":"x"}"#, "notification x");
        check(r#"{"jsonrpc":"2.0","id":7,"result":null}"#, "result 7");
        check(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, "error null");
    }

    #[test]
    fn odd_messages_are_refused_with_their_id_where_there_is_one() {
        check(r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#, "shape 1");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"x","result":1}"#, "shape 1");
        check(r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, "shape -");
        check(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, "shape -");
        check(r#"{"jsonrpc":"1.0","id":3,"method":"x"}"#, "shape 3");
        check(r#"{"id":3,"method":"x"}"#, "shape 3");
        check(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#, "shape -");
        check(r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "shape -");
        check(r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#, "shape -");
        check(r#"{"jsonrpc":"2.0","#, "syntax");
        check("hello", "syntax");
        check(r#"{"jsonrpc":"2.0","id":1,"Method":"x"}"#, "shape 1");
    }

    #[test]
    fn invalid_utf_8_is_refused() {
        let bytes = Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}");
        assert!(parse(&bytes).is_err());
    }
}
