//! This file holds the tests of the requirements by their number: what a configuration
//! may look like, and what a person is told if it does not.

use super::{loaded, only, refused, server, stdio};
use crate::{
    Transport,
    diff::{Change, change},
};

#[test]
fn p06_the_shape_that_clients_use_is_accepted() {
    let config = loaded(
        ".mcp.json",
        r#"{"mcpServers": {"git": {
            "command": "uvx", "args": ["mcp-server-git"], "env": {"A": "1"}
        }}}"#,
    );
    let spec = only(&config);
    let stdio = stdio(&spec);
    assert_eq!(
        (stdio.program.as_str(), stdio.args.as_slice()),
        ("uvx", &["mcp-server-git".into()][..])
    );
    assert_eq!(stdio.env["A"].expose(), "1");
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn p07_a_document_that_is_not_an_object_is_told_what_it_is() {
    refused("a.json", "[]", &["MCP configuration must be an object, got array"]);
    refused("a.json", "true", &["MCP configuration must be an object, got true or false"]);
    refused("a.yaml", "text", &["MCP configuration must be an object, got text"]);
}

#[test]
fn p08_missing_servers_are_none_and_a_reload_can_tell() {
    for (file, text, declared) in [
        ("a.json", "{}", false),
        ("a.toml", "", false),
        ("a.json", r#"{"mcpServers": {}}"#, true),
        ("a.toml", "[mcpServers]", true),
        ("a.yaml", "mcpServers: {}", true),
    ] {
        let config = loaded(file, text);
        assert!(config.servers.is_empty(), "{text}");
        assert_eq!(config.servers_declared, declared, "{text}");
    }
}

#[test]
fn p09_servers_that_are_not_an_object_are_told_what_they_are() {
    for (value, kind) in [("[]", "array"), ("\"x\"", "text"), ("1", "number"), ("null", "null")] {
        let expected = format!("mcpServers: must be an object, got {kind}");
        refused("a.json", &format!(r#"{{"mcpServers": {value}}}"#), &[&expected]);
    }
    refused(
        "a.json",
        r#"{"mcpServers": {"git": [], "time": null}}"#,
        &[
            "mcpServers.git: must be an object, got array",
            "mcpServers.time: must be an object, got null",
        ],
    );
}

/// A faulty entry is `{…}` of the server `git`.
#[track_caller]
fn entry(lines: &str, expected: &[&str]) {
    refused("a.json", &format!(r#"{{"mcpServers": {{"git": {{{lines}}}}}}}"#), expected);
}

#[test]
fn p14_an_entry_with_neither_command_nor_url_names_both_choices() {
    entry("", &["mcpServers.git: has neither … `command` … `url`"]);
    entry(
        r#""args": ["x"], "type": "stdio""#,
        &["mcpServers.git: has neither … `command` … `url`"],
    );
}

#[test]
fn p15_an_entry_with_both_command_and_url_is_refused() {
    entry(
        r#""command": "x", "url": "http://host.example""#,
        &["mcpServers.git: has both `command` and `url` … not both"],
    );
    entry(
        r#""command": "x", "serverUrl": "http://host.example""#,
        &["mcpServers.git: has both `command` and `serverUrl`"],
    );
}

#[test]
fn p16_command_is_text_or_a_list_of_texts() {
    entry(r#""command": 1"#, &["mcpServers.git.command: must be text or a list, got number"]);
    entry(
        r#""command": {"a": 1}"#,
        &["mcpServers.git.command: must be text or a list, got object"],
    );
    entry(r#""command": """#, &["mcpServers.git.command: must name a program"]);
    entry(r#""command": "  ", "args": []"#, &["mcpServers.git.command: must name a program"]);
    entry(r#""command": []"#, &["mcpServers.git.command: must name a program"]);
    entry(r#""command": ["x", 1]"#, &["mcpServers.git.command[1]: must be text … in quotes"]);
}

#[test]
fn p17_args_is_a_list_of_texts_and_may_be_left_out() {
    entry(r#""command": "x", "args": "y""#, &["mcpServers.git.args: must be a list, got text"]);
    entry(r#""command": "x", "args": {}"#, &["mcpServers.git.args: must be a list, got object"]);
    entry(
        r#""command": "x", "args": ["a", 8080, true]"#,
        &["mcpServers.git.args[1]: must be text … number", "mcpServers.git.args[2]: must be text"],
    );
    assert!(stdio(&server("command = 'x'")).args.is_empty());
}

#[test]
fn p18_env_is_an_object_of_texts_and_may_be_left_out() {
    entry(r#""command": "x", "env": []"#, &["mcpServers.git.env: must be an object, got array"]);
    entry(
        r#""command": "x", "env": {"PORT": 8080}"#,
        &["mcpServers.git.env.PORT: must be text (put it in quotes), got number"],
    );
    entry(r#""command": "x", "env": {"A=B": "1"}"#, &["mcpServers.git.env.A: a variable's name"]);
    assert!(stdio(&server("command = 'x'")).env.is_empty());
}

#[test]
fn p19_the_rest_of_an_entry_reaches_the_transport() {
    let spec = server("command = 'x'\ncwd = '/srv'\nenv = {A = '1'}");
    assert_eq!(stdio(&spec).cwd.as_deref(), Some(std::path::Path::new("/srv")));
}

#[test]
fn p20_url_is_the_text_of_an_http_url() {
    entry(r#""url": 1"#, &["mcpServers.git.url: must be text"]);
    entry(r#""url": "host.example""#, &["mcpServers.git.url: must be a URL … without a scheme"]);
    entry(
        r#""url": "ws://host.example""#,
        &["mcpServers.git.url: must be a URL … \"ws\" is neither"],
    );
}

#[test]
fn p21_headers_is_an_object_of_texts_and_may_be_left_out() {
    let with = |headers: &str| format!(r#""url": "http://host.example", "headers": {headers}"#);
    entry(&with("[]"), &["mcpServers.git.headers: must be an object, got array"]);
    entry(&with(r#"{"X-A": 1}"#), &["mcpServers.git.headers.X-A: must be text"]);
    entry(&with(r#"{"X A": "1"}"#), &["mcpServers.git.headers.X: is not the name of a header"]);
    entry(
        &with(r#"{"X-A": "1\n2"}"#),
        &["mcpServers.git.headers.X-A: a header's value must be one line"],
    );
    entry(
        &with(r#"{"X-A": "1", "x-a": "2"}"#),
        &["mcpServers.git.headers.x-a: is the same header twice"],
    );
    let Transport::Remote(remote) = &server("url = 'http://host.example'").transport else {
        panic!("not remote");
    };
    assert!(remote.headers.is_empty());
}

#[test]
fn p23_p24_headers_are_kept_as_written() {
    let spec = server(
        "url = 'http://host.example'\nheaders = {authorization = 'Bearer x', X-B = '${TOKEN}'}",
    );
    let Transport::Remote(remote) = &spec.transport else { panic!("not remote") };
    assert!(remote.has_authorization());
    assert_eq!(remote.headers["authorization"].expose(), "Bearer x");
    assert_eq!(remote.headers["X-B"].expose(), "s3cret");
}

#[test]
fn p48_servers_are_compared_deeply_and_the_order_of_keys_does_not_count() {
    let base = server("command = 'x'\nargs = ['1', '2']\nenv = {A = '1', B = '2'}");
    for (lines, expected) in [
        ("env = {B = '2', A = '1'}\nargs = ['1', '2']\ncommand = 'x'", Change::Keep),
        ("command = ['x', '1', '2']\nenv = {A = '1', B = '2'}", Change::Keep),
        ("command = 'x'\nargs = ['1', '3']\nenv = {A = '1', B = '2'}", Change::Restart),
        ("command = 'x'\nargs = ['1', '2']\nenv = {A = '1', B = '3'}", Change::Restart),
        (
            "command = 'x'\nargs = ['1', '2']\nenv = {A = '1', B = '2'}\ntimeout = '1s'",
            Change::Retune,
        ),
        (
            "command = 'x'\nargs = ['1', '2']\nenv = {A = '1', B = '2'}\nmaxLine = '1MiB'",
            Change::Restart,
        ),
    ] {
        assert_eq!(change(&base, &server(lines)), expected, "{lines}");
    }
}

#[test]
fn p66_variables_are_replaced_in_every_text_of_a_transport() {
    let spec = server(
        "command = '/bin/${TOKEN}'\nargs = ['${BLANKS}', '${NONE:-d}', '${env:TOKEN}', '$${TOKEN}']\n\
         env = {A = '${TOKEN}'}\ncwd = '/srv/${TOKEN}'",
    );
    let stdio = stdio(&spec);
    assert_eq!(stdio.program, "/bin/s3cret");
    assert_eq!(stdio.args, ["a b", "d", "s3cret", "${TOKEN}"]);
    assert_eq!(stdio.env["A"].expose(), "s3cret");
    assert_eq!(stdio.cwd.as_deref(), Some(std::path::Path::new("/srv/s3cret")));
    let spec = server("url = 'https://${TOKEN}.example/'\nheaders = {A = '${TOKEN}'}");
    let Transport::Remote(remote) = &spec.transport else { panic!("not remote") };
    assert_eq!(
        (remote.url.as_str(), remote.headers["A"].expose()),
        ("https://s3cret.example/", "s3cret")
    );
}

#[test]
fn p66_an_unset_variable_is_named_with_its_key() {
    entry(
        r#""command": "x", "args": ["-k", "${NO_KEY}"], "env": {"A": "${NO_TOKEN}"}"#,
        &[
            "mcpServers.git.env.A: the environment variable NO_TOKEN is not set",
            "mcpServers.git.args[1]: the environment variable NO_KEY is not set",
        ],
    );
    entry(
        r#""url": "${NO_URL}", "headers": {"A": "${NO_TOKEN}"}"#,
        &[
            "mcpServers.git.headers.A: the environment",
            "mcpServers.git.url: the environment variable NO_URL",
        ],
    );
}

#[test]
fn m44_an_unknown_key_is_an_error_with_the_nearest_known_one() {
    entry(
        r#""comand": "x", "command": "x""#,
        &["mcpServers.git.comand: unknown key; did you mean `command`?"],
    );
    refused("a.toml", "[listen]\nhtpp = 'x'", &["listen.htpp: unknown key; did you mean `http`?"]);
    refused("a.toml", "[lissten]", &["lissten: unknown key; did you mean `listen`?"]);
    refused(
        "a.toml",
        "[defaults.heartbeat]\nquux = 1",
        &["defaults.heartbeat.quux: unknown key; the keys here are interval, timeout, misses"],
    );
    refused("a.toml", "[defaults]\ncommand = 'x'", &["defaults.command: unknown key"]);
    refused("a.toml", "[mcp_servers.git]", &["mcp_servers: unknown key … called `mcpServers`"]);
}
