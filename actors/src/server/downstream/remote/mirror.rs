//! This file writes the headers that repeat a part of a request's body, as a modern server wants
//! them (MCP 2026-07-28, basic/transports/streamable-http).
//!
//! Pure. It leaves sending them to others, and what legacy servers want too.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::server::downstream::lane::Body;
use crate::wire::{CallKind, Marks, Members, Text};

/// Which arguments of which tools are repeated in headers.
#[derive(Debug, Default)]
pub(super) struct Mirrors(HashMap<Text, Marks>);

impl Mirrors {
    /// Takes over what a page of `tools/list` says. A tool that says it wrongly has none.
    pub(super) fn learn(&self, page: &Bytes) -> Option<Self> {
        if !Marks::may_be_in(page) && self.0.is_empty() {
            return None;
        }
        let tools = Members::read(page).ok()?.take("tools")?;
        let tools: Vec<Value> = serde_json::from_slice(&tools).ok()?;
        let mut known = self.0.clone();
        for tool in &tools {
            let Some(name) = tool.get("name").and_then(Value::as_str) else { continue };
            match tool.get("inputSchema").map(Marks::of) {
                Some(Ok(marks)) if !marks.is_empty() => known.insert(Text::from(name), marks),
                Some(_) | None => known.remove(&Text::from(name)),
            };
        }
        Some(Self(known))
    }

    /// The headers for one request.
    pub(super) fn headers(&self, method: &'static str, body: &Body) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let own = body.extension().and_then(|method| encoded(method));
        headers.insert("mcp-method", own.unwrap_or(HeaderValue::from_static(method)));
        if let Some(name) = name(method, body).and_then(|name| encoded(&name)) {
            headers.insert("mcp-name", name);
        }
        if let Body::Call { name, params } = body
            && params.kind == CallKind::Tool
            && let Some(marks) = self.0.get(name)
        {
            for (header, value) in marks.values(params.arguments()) {
                let value = value.and_then(|text| encoded(&text));
                let name = HeaderName::from_bytes(header.as_bytes());
                headers.extend(name.ok().zip(value));
            }
        }
        headers
    }
}

/// What a request is about: a tool, a prompt, a resource or a task.
fn name(method: &str, body: &Body) -> Option<Text> {
    let members = match body {
        Body::Call { name, params } => {
            return params.kind.is_mirrored().then(|| name.clone());
        }
        Body::Members(members) => members,
    };
    let key = match method {
        "prompts/get" => "name",
        "resources/read" => "uri",
        _ => return None,
    };
    let object = [&b"{"[..], members, b"}"].concat();
    Members::read(&Bytes::from(object)).ok()?.text(key)
}

/// A header's value: the text, or its Base64 where a header could not carry it unchanged.
fn encoded(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain {
        return HeaderValue::from_str(text).ok();
    }
    HeaderValue::try_from(format!("=?base64?{}?=", STANDARD.encode(text))).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::CallParams;

    fn call(tool: &str, arguments: &Value) -> Body {
        let params = Bytes::from(json!({ "name": "x", "arguments": arguments }).to_string());
        let params = std::sync::Arc::new(CallParams::read(Some(&params)).unwrap());
        Body::Call { name: Text::from(tool), params }
    }

    #[track_caller]
    fn check(method: &'static str, body: &Body, expected: &[(&str, &str)]) {
        let schema = json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "deep": { "properties": { "n": { "type": "integer", "x-mcp-header": "N" } } },
            "plain": { "type": "string" },
        } });
        let page = json!({ "tools": [{ "name": "t", "inputSchema": schema }] }).to_string();
        let mirrors = Mirrors::default().learn(&Bytes::from(page)).unwrap();
        let headers = mirrors.headers(method, body);
        let mut found: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_call_names_its_method_its_tool_and_its_marked_arguments() {
        check(
            "tools/call",
            &call("t", &json!({ "region": "eu", "plain": "p", "deep": { "n": 7 } })),
            &[
                ("mcp-method", "tools/call"),
                ("mcp-name", "t"),
                ("mcp-param-n", "7"),
                ("mcp-param-region", "eu"),
            ],
        );
        check(
            "tools/call",
            &call("t", &json!({ "region": null })),
            &[("mcp-method", "tools/call"), ("mcp-name", "t")],
        );
        check(
            "tools/call",
            &call("other", &json!({ "region": "eu" })),
            &[("mcp-method", "tools/call"), ("mcp-name", "other")],
        );
    }

    #[test]
    fn other_requests_name_what_they_are_about() {
        let members = |text: &'static str| Body::Members(Bytes::from_static(text.as_bytes()));
        check("tools/list", &members(""), &[("mcp-method", "tools/list")]);
        for (method, text) in
            [("resources/read", r#""uri":"a://b""#), ("prompts/get", r#""x":1,"name":"a://b""#)]
        {
            check(method, &members(text), &[("mcp-method", method), ("mcp-name", "a://b")]);
        }
    }

    #[test]
    fn what_a_caller_asks_beside_tools_has_no_marked_arguments() {
        let body = |method: &str, params: &'static str| {
            let params = Bytes::from_static(params.as_bytes());
            let params = CallParams::of(method, Some(&params)).unwrap().unwrap();
            Body::Call { name: Text::from("t"), params: std::sync::Arc::new(params) }
        };
        let get = body("prompts/get", r#"{"name":"s.t","arguments":{"region":"eu"}}"#);
        check("prompts/get", &get, &[("mcp-method", "prompts/get"), ("mcp-name", "t")]);
        let task = body("tasks/get", r#"{"taskId":"sealed"}"#);
        check("tasks/get", &task, &[("mcp-method", "tasks/get"), ("mcp-name", "t")]);
        let reference = r#"{"ref":{"type":"ref/prompt","name":"s.t"}}"#;
        let complete = body("completion/complete", reference);
        check("completion/complete", &complete, &[("mcp-method", "completion/complete")]);
    }

    #[test]
    fn what_a_header_cannot_carry_is_sent_as_base64() {
        for (text, expected) in [
            ("a b", "a b"),
            ("", ""),
            ("\u{e9}", "=?base64?w6k=?="),
            (" a", "=?base64?IGE=?="),
            ("a\r\nX: y", "=?base64?YQ0KWDogeQ==?="),
            ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ] {
            assert_eq!(encoded(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_tool_that_marks_arguments_wrongly_has_no_marks_and_marks_can_go() {
        let page = |properties: Value| {
            let schema = json!({ "properties": properties });
            Bytes::from(json!({ "tools": [{ "name": "t", "inputSchema": schema }] }).to_string())
        };
        let right = page(json!({ "a": { "type": "string", "x-mcp-header": "A" } }));
        let learnt = Mirrors::default().learn(&right).unwrap();
        assert_eq!(learnt.0.len(), 1);
        for wrong in [json!({ "a": { "type": "string", "x-mcp-header": "A B" } }), json!({})] {
            assert!(learnt.learn(&page(wrong.clone())).unwrap().0.is_empty(), "{wrong}");
        }
        assert!(Mirrors::default().learn(&page(json!({}))).is_none(), "nothing to remember");
    }
}
