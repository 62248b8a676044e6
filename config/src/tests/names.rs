//! This file holds the tests of names and of what other programs' files call things.

use std::time::Duration;

use super::{folder, loaded, only, refused};
use crate::{Config, Patterns, RemoteKind, Transport, load};

#[test]
fn s45_a_wrong_name_is_refused_with_the_rule_and_a_cure() {
    let named = |name: &str| format!(r#"{{"mcpServers": {{"{name}": {{"command": "x"}}}}}}"#);
    for (name, expected) in [
        ("Git Hub", r#"mcpServers."Git Hub": a name has 1 to 64 … call it `git-hub`"#),
        ("a.b", r#"mcpServers."a.b": a name has … `.` is none of them; call it `a-b`"#),
        ("", r#"mcpServers."": a name has … this one is empty"#),
        ("__proto__", "mcpServers.__proto__: `__proto__` is a reserved name"),
        ("..", r#"mcpServers."..": a name has"#),
        ("%s", r#"mcpServers."%s": a name has"#),
        ("{}", r#"mcpServers."{}": a name has"#),
    ] {
        refused("a.json", &named(name), &[expected]);
    }
    refused(
        "a.toml",
        "[mcpServers.a]\ncommand = 'x'\nworkspace = 'A'",
        &["mcpServers.a.workspace: a name has"],
    );
}

#[test]
fn a_separator_must_not_stand_in_a_name() {
    refused(
        "a.toml",
        "[catalog]\nseparator = '-'\n[mcpServers.my-server]\ncommand = 'x'",
        &["mcpServers.my-server: the name does not go with catalog.separator \"-\""],
    );
    for name in ["a__b", "a_"] {
        let text = format!("[catalog]\nseparator = '__'\n[mcpServers.{name}]\ncommand = 'x'");
        refused("a.toml", &text, &[&format!("mcpServers.{name}: the name does not go")]);
    }
    loaded("a.toml", "[catalog]\nseparator = '__'\n[mcpServers.a_b]\ncommand = 'x'");
}

fn warnings(config: &Config) -> Vec<&str> {
    config.warnings.iter().map(String::as_str).collect()
}

#[test]
fn a_clients_own_keys_are_accepted_with_a_warning() {
    let config = loaded(
        ".mcp.json",
        r#"{"$schema": "x", "inputs": [], "mcpServers": {"git": {
            "command": "x", "autoApprove": ["a"], "alwaysAllow": [], "gallery": true, "note": "n"
        }}}"#,
    );
    let keys: Vec<&str> = warnings(&config).iter().map(|w| w.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        keys,
        [
            "$schema".to_owned().as_str(),
            "inputs",
            "mcpServers.git.alwaysAllow",
            "mcpServers.git.autoApprove",
            "mcpServers.git.gallery",
            "mcpServers.git.note"
        ]
        .map(|key| if key == "$schema" { "\"$schema\"" } else { key })
    );
}

#[test]
fn what_clients_call_our_keys_is_understood() {
    let entry = |lines: &str| {
        only(&loaded("a.json", &format!(r#"{{"mcpServers": {{"a": {{{lines}}}}}}}"#)))
    };
    for key in ["url", "serverUrl", "httpUrl"] {
        let spec = entry(&format!(r#""{key}": "http://h.example""#));
        let Transport::Remote(remote) = &spec.transport else { panic!("not remote") };
        assert_eq!((remote.kind, remote.url.as_str()), (RemoteKind::Http, "http://h.example"));
    }
    let spec =
        entry(r#""command": "x", "transport": "stdio", "tools": ["*"], "disabledTools": ["b"]"#);
    let patterns = |text: &str| Patterns::read([text]).unwrap();
    assert_eq!((&spec.include_tools, &spec.exclude_tools), (&Patterns::NONE, &patterns("b")));
    assert_eq!(entry(r#""command": "x", "tools": ["a"]"#).include_tools, patterns("a"));
    refused(
        "a.json",
        r#"{"mcpServers": {"a": {"command": "x", "tools": ["a"], "includeTools": ["a"]}}}"#,
        &["mcpServers.a.tools: means the same as `includeTools`"],
    );
    refused(
        "a.json",
        r#"{"mcpServers": {"a": {"url": "http://h.example", "httpUrl": "http://h.example"}}}"#,
        &["mcpServers.a: has both `url` and `httpUrl`"],
    );
}

#[test]
fn a_bare_timeout_counts_in_the_unit_of_its_client() {
    let text = r#"{"mcpServers": {"a": {"command": "x", "timeout": 120}}}"#;
    for (file, expected, warned) in [
        (".mcp.json", Duration::from_millis(120), 0),
        ("claude_desktop_config.json", Duration::from_millis(120), 0),
        ("cline_mcp_settings.json", Duration::from_secs(120), 0),
        ("mine.json", Duration::from_secs(60), 1),
    ] {
        let config = loaded(file, text);
        assert_eq!(only(&config).timeout, expected, "{file}");
        assert_eq!(config.warnings.len(), warned, "{file}: {:?}", config.warnings);
    }
}

#[test]
fn only_the_servers_are_taken_of_a_programs_whole_settings() {
    let config = loaded(
        "claude_desktop_config.json",
        r#"{"globalShortcut": "x", "listen": 1, "mcpServers": {"a": {"command": "x"}}}"#,
    );
    assert_eq!(
        warnings(&config),
        ["claude_desktop_config.json: 2 settings of its program ignored"]
    );
    assert_eq!(config.servers.len(), 1);
}

#[test]
fn a_table_called_servers_is_understood_in_json_only() {
    let config = loaded("mcp.json", r#"{"servers": {"a": {"type": "stdio", "command": "x"}}}"#);
    assert!(config.servers_declared && config.servers.len() == 1);
    refused(
        "a.toml",
        "[servers.a]\ncommand = 'x'",
        &["servers: unknown key … called `mcpServers`"],
    );
    refused(
        "mcp.json",
        r#"{"servers": {}, "mcpServers": {}}"#,
        &["servers: unknown key … called `mcpServers`"],
    );
}

#[test]
fn nulls_are_values_that_are_not_set() {
    let config = loaded(
        "a.json",
        r#"{"listen": {"maxBody": null}, "log": null, "mcpServers": {
            "a": {"command": "x", "args": null, "url": null, "env": {"A": null}, "timeout": null}
        }}"#,
    );
    assert_eq!(config.listen.max_body, 4 << 20);
    assert_eq!(only(&config).timeout, Duration::from_secs(60));
}

#[test]
fn two_sockets_never_share_a_path() {
    refused(
        "a.toml",
        "[mcpServers.a]\ncommand = 'x'\nsocket = '/s'\n[mcpServers.b]\ncommand = 'x'\nsocket = '/s'",
        &["mcpServers.b.socket: /s is already the socket of mcpServers.a"],
    );
    refused(
        "a.toml",
        "[listen]\nunix = '/s'\n[mcpServers.a]\ncommand = 'x'\nsocket = '/s'",
        &["mcpServers.a.socket: /s is already the socket of listen.unix"],
    );
    let long = "x".repeat(120);
    refused(
        "a.toml",
        &format!("[mcpServers.a]\ncommand = 'x'\nsocket = '/{long}'"),
        &["mcpServers.a.socket: a socket's path has at most 107 bytes"],
    );
}

#[test]
fn a_socket_stands_in_the_state_directory_by_default() {
    let (_dir, mut request) = folder(&[(
        "a.toml",
        "[mcpServers.a]\ncommand = 'x'\n[mcpServers.b]\ncommand = 'x'\nworkspace = 'team'",
    )]);
    request.env.insert("XDG_STATE_HOME".to_owned(), "/state".to_owned());
    let config = load(&request).unwrap();
    let sockets: Vec<String> =
        config.servers.values().map(|spec| spec.socket.display().to_string()).collect();
    assert_eq!(
        sockets,
        ["/state/conductor/servers/a.sock", "/state/conductor/servers/team/b.sock"]
    );
    request.overrides.state_dir = Some(format!("/{}", "x".repeat(120)).into());
    let warnings = load(&request).unwrap().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("cannot be opened"), "{warnings:?}");
}
