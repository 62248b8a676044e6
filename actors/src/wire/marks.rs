//! This file reads which arguments of a tool are repeated in headers, marked with `x-mcp-header`
//! (MCP 2026-07-28, basic/transports/streamable-http).
//!
//! Pure. It leaves to others to send such headers, and to look at those that came.

use bytes::Bytes;
use serde_json::Value;
use thiserror::Error;

/// Deepest argument that is looked for.
const DEPTH: usize = 16;
/// What marks such an argument in a schema.
const MARK: &str = "x-mcp-header";

/// The marked arguments of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks(Vec<Mark>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    path: Vec<String>,
    /// In small letters.
    header: String,
}

/// A mark that is not lawful.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadMark {
    /// It names no header.
    #[error("`x-mcp-header` of `{0}` names no header")]
    Header(String),
    /// It is on something that is no text, whole number, or truth value.
    #[error("`x-mcp-header` of `{0}`, which is no string, integer or boolean")]
    Type(String),
    /// Another argument has the same header.
    #[error("`x-mcp-header` names `{0}` twice")]
    Twice(String),
}

impl Marks {
    /// Whether there may be a mark somewhere in this JSON text.
    pub fn may_be_in(json: &[u8]) -> bool {
        memchr::memmem::find(json, MARK.as_bytes()).is_some()
    }

    /// The marks in a tool's `inputSchema`.
    ///
    /// # Errors
    /// If one of them is not lawful; clients must not use such a tool over HTTP.
    pub fn of(schema: &Value) -> Result<Self, BadMark> {
        let mut found = Self::default();
        found.collect(schema, &mut Vec::new())?;
        let mut headers: Vec<&str> = found.0.iter().map(|mark| mark.header.as_str()).collect();
        headers.sort_unstable();
        match headers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(BadMark::Twice(pair[0].to_owned())),
            None => Ok(found),
        }
    }

    /// Whether no argument is marked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The header of each marked argument, in small letters, and what it says for these arguments;
    /// `None` where the argument is not there, or `null`: then there must be no header.
    pub fn values(
        &self,
        arguments: Option<&Bytes>,
    ) -> impl Iterator<Item = (&str, Option<String>)> {
        let arguments = arguments.and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
        self.0.iter().map(move |mark| {
            let value = arguments.as_ref().and_then(|arguments| {
                mark.path.iter().try_fold(arguments, |value, key| value.get(key))
            });
            (mark.header.as_str(), value.and_then(primitive))
        })
    }

    fn collect(&mut self, schema: &Value, path: &mut Vec<String>) -> Result<(), BadMark> {
        let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(()) };
        if path.len() >= DEPTH {
            return Ok(());
        }
        for (key, schema) in properties {
            path.push(key.clone());
            if let Some(mark) = schema.get(MARK) {
                let name = mark.as_str().filter(|name| is_token(name));
                let name = name.ok_or_else(|| BadMark::Header(key.clone()))?;
                let header = format!("mcp-param-{}", name.to_ascii_lowercase());
                let kind = schema.get("type").and_then(Value::as_str);
                if !matches!(kind, Some("string" | "integer" | "boolean")) {
                    return Err(BadMark::Type(key.clone()));
                }
                self.0.push(Mark { path: path.clone(), header });
            }
            self.collect(schema, path)?;
            path.pop();
        }
        Ok(())
    }
}

/// Whether a header may be named so (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(sign)
}

/// A whole number however it was written, `42.0` or `4.2e1`, in digits alone: such are compared as numbers.
/// Beyond 2^53 there is no telling.
fn whole(number: &serde_json::Number) -> Option<String> {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    let value = number.as_f64().filter(|value| number.is_f64() && value.abs() <= SAFE)?;
    (value.fract() == 0.0).then(|| format!("{value:.0}"))
}

/// An argument as text; nothing for one that is `null` or has parts.
fn primitive(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(whole(number).unwrap_or_else(|| number.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(arguments: &str, expected: &[Option<&str>]) {
        let marks = Marks::of(&json!({ "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "deep": { "properties": { "n": { "type": "integer", "x-mcp-header": "N" } } },
            "plain": { "type": "string" },
        } }));
        let arguments = Bytes::copy_from_slice(arguments.as_bytes());
        let marks = marks.unwrap();
        let mut found: Vec<_> = marks.values(Some(&arguments)).collect();
        found.sort_unstable();
        let (headers, values): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        assert_eq!(headers, ["mcp-param-n", "mcp-param-region"]);
        let values: Vec<_> = values.iter().map(|value| value.as_deref()).collect();
        assert_eq!(values, expected, "{arguments:?}");
    }

    #[test]
    fn marked_arguments_are_found_by_their_path() {
        check(r#"{"region":"eu","deep":{"n":7},"plain":"p"}"#, &[Some("7"), Some("eu")]);
        check(r#"{"region":null,"deep":{"n":true}}"#, &[Some("true"), None]);
        check(r#"{"region":"4.0","deep":{"n":42.0}}"#, &[Some("42"), Some("4.0")]);
        check(r#"{"deep":{"n":-4.2e1}}"#, &[Some("-42"), None]);
        check(r#"{"deep":{"n":9007199254740993}}"#, &[Some("9007199254740993"), None]);
        check(r#"{"deep":{"n":1.5}}"#, &[Some("1.5"), None]);
        check(r#"{"region":{"a":1},"deep":[7]}"#, &[None, None]);
        check("7", &[None, None]);
    }

    #[test]
    fn a_mark_that_is_not_lawful_is_named() {
        let marked = |kind: &str, header: Value| json!({ "type": kind, "x-mcp-header": header });
        for (properties, expected) in [
            (json!({ "a": marked("string", json!("A B")) }), "of `a` names no header"),
            (json!({ "a": marked("string", json!("")) }), "of `a` names no header"),
            (json!({ "a": marked("string", json!("A:")) }), "of `a` names no header"),
            (json!({ "a": marked("string", json!(7)) }), "of `a` names no header"),
            (json!({ "a": marked("number", json!("A")) }), "of `a`, which is no string"),
            (json!({ "a": { "x-mcp-header": "A" } }), "of `a`, which is no string"),
            (
                json!({ "a": marked("string", json!("X")), "b": marked("boolean", json!("x")) }),
                "names `mcp-param-x` twice",
            ),
        ] {
            let error = Marks::of(&json!({ "properties": properties })).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Marks::of(&json!(true)).unwrap().is_empty());
    }
}
