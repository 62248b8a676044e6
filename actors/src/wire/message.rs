//! This file recognises JSON-RPC 2.0 messages and takes their envelope apart.
//!
//! It leaves parameters, results and errors raw.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use thiserror::Error;

use super::text::{Lent, Text};
use super::walk;
use super::{Id, Outcome, Words};

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
    /// Which words are in that.
    pub words: Words,
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

/// The members of a message as they were written; those that may be `null` are left out if they are.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    jsonrpc: Option<Cow<'a, str>>,
    id: Option<&'a str>,
    method: Option<Cow<'a, str>>,
    params: Option<&'a str>,
    result: Option<&'a str>,
    error: Option<&'a str>,
    /// In any of them.
    words: Words,
}

impl<'a> Parts<'a> {
    fn read(message: &'a [u8], turns: (usize, impl Fn())) -> Result<Self, Malformed> {
        let walked = |message| Self::walked(message, turns);
        match std::str::from_utf8(message).ok().and_then(walked) {
            Some(parts) => Ok(parts),
            None => Self::deserialized(message),
        }
    }

    /// Reads any message; of one that is none, says why.
    fn deserialized(message: &'a [u8]) -> Result<Self, Malformed> {
        let envelope: Envelope<'a> =
            serde_json::from_slice(message).map_err(|error| explain(&error))?;
        Ok(Self {
            jsonrpc: envelope.jsonrpc.map(|Lent(text)| text),
            id: envelope.id.map(RawValue::get),
            method: envelope.method.map(|Lent(text)| text),
            params: envelope.params.map(RawValue::get),
            result: envelope.result.map(RawValue::get),
            error: envelope.error.map(RawValue::get),
            words: Words::ANY,
        })
    }

    /// Reads a message that is as messages usually are: no member twice, no escapes in names.
    fn walked(message: &'a str, turns: (usize, impl Fn())) -> Option<Self> {
        let [mut jsonrpc, mut id, mut method, mut params, mut result, mut error] = [None; 6];
        let words = walk::members(message, turns, |key, value| {
            let part = match key {
                "jsonrpc" => &mut jsonrpc,
                "id" => &mut id,
                "method" => &mut method,
                "params" => &mut params,
                "result" => &mut result,
                "error" => &mut error,
                _ => return Some(()),
            };
            part.replace(value).is_none().then_some(())
        })?;
        let text = |raw: Option<&'a str>| match raw {
            None | Some("null") => Some(None),
            Some(raw) => walk::plain_text(raw).map(|text| Some(Cow::Borrowed(text))),
        };
        Some(Self {
            jsonrpc: text(jsonrpc)?,
            id,
            method: text(method)?,
            params: params.filter(|raw| *raw != "null"),
            result,
            error,
            words,
        })
    }
}

/// The same for serde_json, which knows escapes and says what is wrong.
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
    parse_in_turns(bytes, walk::AT_ONCE)
}

/// The same, with something done once in every so many bytes.
pub(crate) fn parse_in_turns(
    bytes: &Bytes,
    turns: (usize, impl Fn()),
) -> Result<Message, Malformed> {
    let parts = Parts::read(bytes, turns)?;
    let words = parts.words;
    let raw = |part: &str| bytes.slice_ref(part.as_bytes());
    let id = parts.id.map(raw);
    let known = id.clone();
    let shape = move |reason: &str| Malformed::Shape {
        reason: reason.to_owned(),
        id: known.clone().and_then(Id::from_raw),
    };
    if parts.jsonrpc.as_ref().is_none_or(|version| version != "2.0") {
        return Err(shape("`jsonrpc` must be \"2.0\""));
    }
    if let Some(method) = parts.method {
        if parts.result.is_some() || parts.error.is_some() {
            return Err(shape("a message with `method` has no `result` or `error`"));
        }
        let method = Text::from_part(bytes, method);
        let params = parts.params.map(raw);
        return match id {
            None => Ok(Message::Notification(Notification { method, params })),
            Some(token) => match Id::from_raw(token) {
                Some(id) => Ok(Message::Request(Request { id, method, params })),
                None => Err(shape("`id` must be a string or an integer")),
            },
        };
    }
    let outcome = match (parts.result.map(raw), parts.error.map(raw)) {
        (Some(result), None) => Outcome::Result(result),
        (None, Some(error)) => Outcome::Error(error),
        (Some(_), Some(_)) => return Err(shape("`result` and `error` exclude each other")),
        (None, None) => return Err(shape("no `method`, `result` or `error`")),
    };
    match id {
        Some(token) if token == "null" => {
            Ok(Message::Response(Response { id: None, outcome, words }))
        }
        None => Err(shape("a response needs an `id`")),
        Some(token) => match Id::from_raw(token) {
            Some(id) => Ok(Message::Response(Response { id: Some(id), outcome, words })),
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
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn read(json: &str) -> Result<Message, Malformed> {
        parse(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let found = match read(json) {
            Ok(Message::Request(request)) => format!("request {} {}", request.id, request.method),
            Ok(Message::Notification(told)) => format!("notification {}", told.method),
            Ok(Message::Response(Response { id, outcome, .. })) => {
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

    /// A member of a message, or something that is near to one.
    fn near_member() -> impl Strategy<Value = String> {
        let keys =
            ["jsonrpc", "id", "method", "params", "result", "error", "other", "m\\u0065thod"];
        let values = [
            "\"2.0\"",
            "\"2\\u002e0\"",
            "1",
            "-7",
            "1.5",
            "null",
            "\"a/b\"",
            "\"\\n\"",
            "{}",
            "[1,{}]",
            "{\"a\" : [ ] }",
            "tru",
            "\"",
            "",
        ];
        let (keys, values) = (select(keys.to_vec()), select(values.to_vec()));
        let blank = select(vec!["", " ", "\n"]);
        (keys, values, blank)
            .prop_map(|(key, value, blank)| format!("\"{key}\"{blank}:{value}{blank}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn both_ways_to_read_a_message_come_to_the_same(
            members in proptest::collection::vec(near_member(), 0..5),
        ) {
            let json = format!("{{{}}}", members.join(","));
            if let Some(walked) = Parts::walked(&json, (3, || ())) {
                let walked = Parts { words: Words::ANY, ..walked };
                prop_assert_eq!(walked, Parts::deserialized(json.as_bytes()).unwrap());
            }
        }
    }

    #[test]
    fn invalid_utf_8_is_refused() {
        let bytes = Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"\xff\"}");
        assert!(parse(&bytes).is_err());
    }
}
