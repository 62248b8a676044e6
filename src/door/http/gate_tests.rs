//! This file checks who is let in by name and by origin.

use super::*;

fn gate() -> Gate {
    let allowed =
        |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let hosts = allowed(&["gateway.example", "exact.example:9000"]);
    let origins = allowed(&["https://app.example"]);
    Gate::new("127.0.0.1:8722".parse().unwrap(), &hosts, &origins)
}

#[track_caller]
fn check(target: &str, hosts: &[&str], origins: &[&str], expected: u16) {
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, HeaderValue::from_str(host).unwrap());
    }
    for origin in origins {
        headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
    }
    let found = gate().check(&target.parse().unwrap(), &headers);
    let found = found.map_or_else(Problem::status, |_| 200);
    assert_eq!(found, expected, "{target} {hosts:?} {origins:?}");
}

#[test]
fn loopback_names_enter_with_the_bound_port_only() {
    for host in ["localhost:8722", "LOCALHOST:8722", "127.0.0.1:8722", "[::1]:8722"] {
        check("/mcp", &[host], &[], 200);
    }
    for host in [
        "localhost",
        "localhost:80",
        "localhost:87220",
        "127.0.0.1",
        "127.0.0.2:8722",
        "0.0.0.0:8722",
        "localhost.:8722",
        "localhost.evil.example:8722",
        "evil.example",
        "evil.example:8722",
        "localhost:8722@evil.example",
        "",
    ] {
        check("/mcp", &[host], &[], 403);
    }
}

#[test]
fn names_from_the_settings_enter() {
    check("/mcp", &["gateway.example"], &[], 200);
    check("/mcp", &["Gateway.Example:1234"], &[], 200);
    check("/mcp", &["exact.example:9000"], &[], 200);
    check("/mcp", &["exact.example"], &[], 403);
    check("/mcp", &["sub.gateway.example"], &[], 403);
    check("/mcp", &["gateway.example.evil.example"], &[], 403);
}

#[test]
fn one_host_is_needed_and_the_target_must_not_name_another() {
    check("/mcp", &[], &[], 400);
    check("/mcp", &["localhost:8722", "evil.example"], &[], 400);
    check("http://localhost:8722/mcp", &["localhost:8722"], &[], 200);
    check("http://evil.example/mcp", &["localhost:8722"], &[], 403);
    check("http://localhost:8722/mcp", &["evil.example"], &[], 403);
}

#[test]
fn pages_enter_from_allowed_origins_only() {
    let host = &["localhost:8722"];
    for origin in ["http://localhost:8722", "http://127.0.0.1:8722", "https://app.example"] {
        check("/mcp", host, &[origin], 200);
    }
    for origin in [
        "http://evil.example",
        "null",
        "",
        "http://localhost",
        "http://localhost:3000",
        "https://localhost:8722",
        "http://localhost.evil.example",
        "http://localhost:8722.evil.example",
        "http://evil.example:8722",
        "http://app.example",
        "https://app.example.evil.example",
        "https://app.example:444",
        "file://",
    ] {
        check("/mcp", host, &[origin], 403);
    }
    check("/mcp", host, &["https://app.example", "https://app.example"], 403);
}

#[test]
fn a_page_may_send_the_headers_of_the_protocol_and_of_tools() {
    let asked = HeaderValue::from_static("content-type, mcp-param-region, x-evil, Mcp-Param-a b");
    let allowed = allowed_headers(Some(&asked));
    assert_eq!(allowed.to_str().unwrap(), format!("{HEADERS}, mcp-param-region"));
    assert_eq!(allowed_headers(None).to_str().unwrap(), HEADERS);
}

#[test]
fn at_a_socket_loopback_names_enter_with_any_port_and_listed_pages_only() {
    let allowed = |value: &str| vec![value.to_owned()];
    let gate = Gate::of_socket(&allowed("gateway.example"), &allowed("https://app.example"));
    for (host, origin, expected) in [
        ("localhost", None, 200),
        ("LOCALHOST:8722", None, 200),
        ("127.0.0.1", None, 200),
        ("[::1]:1", None, 200),
        ("gateway.example:80", None, 200),
        ("localhost", Some("https://app.example"), 200),
        ("evil.example", None, 403),
        ("localhost.evil.example", None, 403),
        ("", None, 403),
        ("localhost", Some("http://localhost"), 403),
        ("localhost", Some("http://localhost:8722"), 403),
        ("localhost", Some("null"), 403),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        origin.map(|origin| headers.insert(ORIGIN, HeaderValue::from_static(origin)));
        let found = gate.check(&"/mcp".parse().unwrap(), &headers);
        let found = found.map_or_else(Problem::status, |_| 200);
        assert_eq!(found, expected, "{host} {origin:?}");
    }
}
