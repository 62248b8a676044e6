//! This file checks the ladder that decides by which rules a request is served.

use conductor_actors::wire::{Message, parse};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::door::reply::refuse;

const MODERN: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}"#;

fn verdict(method: &str, params: &str, headers: Option<&str>) -> String {
    let json = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let Ok(Message::Request(request)) = parse(&json.into()) else { panic!("no request") };
    let mut map = HeaderMap::new();
    for line in headers.unwrap_or_default().split("; ").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once('=').unwrap();
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    let mirrored = headers.map(|_| Mirrored::of(&map));
    let asked = Asked::read(&request);
    let era = era_of(method, &asked, mirrored.as_ref());
    match era.and_then(|era| Ok((era, method_of(method, era)?))) {
        Ok((era, method)) => format!("{era:?} {method:?}"),
        Err(refusal) => {
            let answer = refuse(None, &refusal);
            let status = answer.status;
            let body: serde_json::Value = serde_json::from_slice(&answer.into_body()).unwrap();
            format!("{status} {}", body["error"]["code"])
        }
    }
}

/// Over HTTP, with these headers.
#[track_caller]
fn check(method: &str, meta: &str, headers: &str, expected: &str) {
    check_params(method, &format!(r#"{{"name":"a.b","_meta":{{{meta}}}}}"#), headers, expected);
}

#[track_caller]
fn check_params(method: &str, params: &str, headers: &str, expected: &str) {
    assert_eq!(verdict(method, params, Some(headers)), expected, "{method} {params} {headers}");
}

/// Over a stream.
#[track_caller]
fn check_stream(method: &str, meta: &str, expected: &str) {
    let params = format!(r#"{{"name":"a.b","_meta":{{{meta}}}}}"#);
    assert_eq!(verdict(method, &params, None), expected, "{method} {meta}");
}

const H: &str = "mcp-protocol-version=2026-07-28; mcp-method=";

#[test]
fn requests_without_an_envelope_are_legacy() {
    check("tools/list", "", "", "Legacy List(Tools)");
    check("tools/call", r#""progressToken":1"#, "", "Legacy Call");
    check("initialize", "", "", "Legacy Initialize");
    check("ping", "", "mcp-protocol-version=2025-06-18", "Legacy Ping");
    check("ping", "", "mcp-protocol-version=2024-11-05", "Legacy Ping");
    check_params("tools/list", "null", "", "Legacy List(Tools)");
    check_stream("tools/call", "", "Legacy Call");
    check_stream("resources/list", "", "Legacy List(Resources)");
}

#[test]
fn legacy_requests_need_not_mirror_anything() {
    check("tools/list", "", "mcp-method=other; mcp-name=x", "Legacy List(Tools)");
}

#[test]
fn a_method_of_older_revisions_is_unknown_whatever_it_mirrors() {
    let params = format!(r#"{{"taskId":"t","_meta":{{{MODERN}}}}}"#);
    for headers in ["tasks/result", "tasks/result; mcp-name=t"] {
        check_params("tasks/result", &params, &format!("{H}{headers}"), "404 -32601");
    }
    check_params("tasks/get", &params, &format!("{H}tasks/get"), "400 -32020");
}

#[test]
fn a_complete_envelope_makes_a_request_modern() {
    check("tools/list", MODERN, &format!("{H}tools/list"), "Modern List(Tools)");
    check("tools/call", MODERN, &format!("{H}tools/call; mcp-name=a.b"), "Modern Call");
    let coded = "=?base64?YS5i?=";
    check("tools/call", MODERN, &format!("{H}tools/call; mcp-name={coded}"), "Modern Call");
    check_stream("server/discover", MODERN, "Modern Discover");
    check_stream("subscriptions/listen", MODERN, "Modern Listen");
}

#[test]
fn an_incomplete_envelope_is_refused() {
    let version = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    let number = r#""io.modelcontextprotocol/protocolVersion":7,"io.modelcontextprotocol/clientCapabilities":{}"#;
    let list = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]"#;
    let info = format!(r#"{MODERN},"io.modelcontextprotocol/clientInfo":"agent""#);
    for meta in [version, number, list, &info] {
        check("tools/list", meta, &format!("{H}tools/list"), "400 -32602");
        check_stream("tools/list", meta, "400 -32602");
    }
    check("tools/list", "", &format!("{H}tools/list"), "400 -32602");
}

#[test]
fn headers_must_say_what_the_body_says() {
    check("tools/list", MODERN, "", "400 -32020");
    check("tools/list", MODERN, "mcp-protocol-version=2026-07-28", "400 -32020");
    let old = "mcp-protocol-version=2025-11-25; mcp-method=tools/list";
    check("tools/list", MODERN, old, "400 -32020");
    check("tools/list", MODERN, &format!("{H}tools/call"), "400 -32020");
    check("tools/list", MODERN, &format!("{H}Tools/List"), "400 -32020");
    check("tools/list", MODERN, &format!("{H}tools/list; mcp-method=tools/list"), "400 -32020");
    check("tools/call", MODERN, &format!("{H}tools/call"), "400 -32020");
    check("tools/call", MODERN, &format!("{H}tools/call; mcp-name=a.c"), "400 -32020");
    let coded = "=?base64?YS5j?=";
    check("tools/call", MODERN, &format!("{H}tools/call; mcp-name={coded}"), "400 -32020");
}

#[test]
fn headers_are_checked_before_the_version_and_that_before_the_method() {
    let future = MODERN.replace("2026-07-28", "2099-01-01");
    check("tools/list", &future, &format!("{H}tools/list"), "400 -32020");
    let h = "mcp-protocol-version=2099-01-01; mcp-method=";
    check("tools/list", &future, &format!("{h}tools/list"), "400 -32022");
    check("no/such", &future, &format!("{h}no/such"), "400 -32022");
    check("no/such", MODERN, &format!("{H}no/such"), "404 -32601");
    check_stream("tools/list", &future, "400 -32022");
}

#[test]
fn a_version_that_nobody_knows_is_refused_without_an_envelope_too() {
    check("tools/list", "", "mcp-protocol-version=1.0", "400 -32022");
    let twice = "mcp-protocol-version=2025-11-25; mcp-protocol-version=2025-11-25";
    check("tools/list", "", twice, "400 -32020");
}

#[test]
fn initialize_is_legacy_unless_it_claims_to_be_modern() {
    check("initialize", "", &format!("{H}initialize"), "400 -32020");
    check("initialize", MODERN, &format!("{H}initialize"), "404 -32601");
    let half = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    check("initialize", half, "", "Legacy Initialize");
    check_stream("initialize", "", "Legacy Initialize");
}

#[test]
fn each_era_has_its_own_methods() {
    for method in ["ping", "initialize", "logging/setLevel", "resources/subscribe"] {
        check_stream(method, MODERN, "404 -32601");
    }
    for method in ["prompts/get", "resources/read", "completion/complete"] {
        check_stream(method, MODERN, "Modern Call");
        check_stream(method, "", "Legacy Call");
    }
    for method in ["server/discover", "subscriptions/listen", "x"] {
        check_stream(method, "", "200 -32601");
    }
    check_stream("logging/setLevel", "", "Legacy SetLevel");
    check_stream("resources/subscribe", "", "Legacy Subscribe");
    check_stream("resources/unsubscribe", "", "Legacy Unsubscribe");
}

#[test]
fn broken_parameters_do_not_hide_the_era() {
    let broken = format!(r#"{{"name":7,"_meta":{{{MODERN}}}}}"#);
    check_params("tools/call", &broken, &format!("{H}tools/call"), "Modern Call");
    check_params("tools/call", "[]", &format!("{H}tools/call"), "400 -32602");
}

#[track_caller]
fn check_repeated(arguments: &'static str, headers: &[(&'static str, &'static str)], agree: bool) {
    let schema = serde_json::json!({ "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "level": { "type": "integer", "x-mcp-header": "Level" },
    } });
    let marks = Marks::of(&schema).unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let found = arguments_agree(&map, &marks, Some(&Bytes::from_static(arguments.as_bytes())));
    assert_eq!(found.is_ok(), agree, "{arguments} {headers:?}");
    if let Err(refusal) = found {
        let answer = refuse(None, &refusal);
        let status = answer.status;
        let body: serde_json::Value = serde_json::from_slice(&answer.into_body()).unwrap();
        assert_eq!((status, &body["error"]["code"]), (400, &serde_json::json!(-32020)));
    }
}

#[test]
fn marked_arguments_are_repeated_in_headers_exactly() {
    let (region, level) = ("mcp-param-region", "mcp-param-level");
    check_repeated(r#"{"region":"eu","level":7}"#, &[(region, "eu"), (level, "7")], true);
    check_repeated(r#"{"region":"\u00e9"}"#, &[(region, "=?base64?w6k=?=")], true);
    check_repeated(r#"{"region":null}"#, &[], true);
    check_repeated("{}", &[("mcp-param-other", "x")], true);
    check_repeated(r#"{"region":"eu"}"#, &[], false);
    check_repeated(r#"{"region":"eu"}"#, &[(region, "us")], false);
    check_repeated(r#"{"region":"eu"}"#, &[(region, "EU")], false);
    check_repeated(r#"{"region":"eu"}"#, &[(region, "eu"), (region, "eu")], false);
    check_repeated(r#"{"region":"\u00e9"}"#, &[(region, "=?base64?w6k?=")], false);
    check_repeated(r#"{"region":"\u00e9"}"#, &[(region, "=?base64?w6*=?=")], false);
    check_repeated(r#"{"level":7}"#, &[(level, "8")], false);
    check_repeated("{}", &[(region, "eu")], false);
    check_repeated(r#"{"region":null}"#, &[(region, "null")], false);
}

#[test]
fn a_method_that_a_revision_knows_is_of_no_extension() {
    for (name, expected) in [
        ("x/do", true),
        ("do", true),
        ("com.example/do", true),
        ("tools/call", false),
        // The skills extension has one that begins like this (SEP-2640).
        ("resources/directory/read", true),
        ("resources/templates/list", false),
        ("tasks/result", false),
        ("ping", false),
        ("initialize", false),
        ("sampling/createMessage", false),
        ("notifications/x", false),
        ("", false),
        ("x y", false),
        ("x\u{e9}", false),
    ] {
        assert_eq!(may_be_of_extension(name), expected, "{name}");
    }
    assert!(!may_be_of_extension(&"x".repeat(129)));
}
