//! This file holds the tests of where settings come from and which of them win.

use std::path::PathBuf;

use super::{folder, only, stdio, variables};
use crate::{LoadRequest, LogFormat, Overrides, load, load_state};

#[test]
fn later_files_win_key_by_key() {
    let (dir, request) = folder(&[
        (
            "a.toml",
            "[catalog]\nttl = '1m'\npageSize = 5\n[mcpServers.git]\ncommand = 'x'\nargs = ['1']",
        ),
        ("b.json", r#"{"catalog": {"ttl": "2m"}, "mcpServers": {"git": {"args": ["2"]}}}"#),
        ("c.yaml", "mcpServers:\n  git:\n    required: true\n"),
    ]);
    let config = load(&request).unwrap();
    assert_eq!((config.catalog.ttl.as_secs(), config.catalog.page_size), (120, 5));
    let spec = only(&config);
    assert_eq!((stdio(&spec).args.as_slice(), spec.required), (&["2".to_owned()][..], true));
    let paths = ["a.toml", "b.json", "c.yaml"].map(|name| dir.path().join(name));
    assert_eq!(config.sources, paths);
}

#[test]
fn the_environment_wins_over_files_and_flags_over_both() {
    let (_dir, mut request) = folder(&[(
        "a.toml",
        "[listen]\nhttp = '127.0.0.1:1'\n[log]\nformat = 'text'\n[mcpServers.my-git]\ncommand = 'x'",
    )]);
    request.env.extend(variables(&[
        ("CONDUCTOR_LISTEN__HTTP", "127.0.0.1:2"),
        ("CONDUCTOR_CATALOG__PAGE_SIZE", "7"),
        ("CONDUCTOR_MCP_SERVERS__MY_GIT__REQUIRED", "true"),
        ("CONDUCTOR_MCP_SERVERS__MY_GIT__HEARTBEAT__MISSES", "4"),
        ("CONDUCTOR_MCP_SERVERS__MY_GIT__ENV__Token", "12345"),
        ("CONDUCTOR_EXE", "/x"),
    ]));
    let config = load(&request).unwrap();
    assert_eq!(config.listen.http, Some("127.0.0.1:2".parse().unwrap()));
    assert_eq!(config.catalog.page_size, 7);
    let spec = only(&config);
    assert_eq!((spec.required, spec.heartbeat.misses), (true, 4));
    assert_eq!(stdio(&spec).env["Token"].expose(), "12345");

    request.overrides = Overrides {
        listen: Some("127.0.0.1:3".parse().unwrap()),
        state_dir: Some(PathBuf::from("/${x}")),
        log_format: Some(LogFormat::Json),
    };
    let config = load(&request).unwrap();
    assert_eq!(config.listen.http, Some("127.0.0.1:3".parse().unwrap()));
    assert_eq!(config.state.dir, PathBuf::from("/${x}"));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn the_state_directory_is_found_in_settings_that_are_wrong_elsewhere() {
    let text = "oops = 1\n[state]\ndir = '/s'\n[mcpServers.git]\ncommand = '${UNSET}'";
    let (_dir, mut request) = folder(&[("a.toml", text)]);
    assert!(load(&request).is_err());
    assert_eq!(load_state(&request).unwrap().dir, PathBuf::from("/s"));

    request.env.extend(variables(&[("CONDUCTOR_STATE__DIR", "${UNSET}")]));
    let error = load_state(&request).unwrap_err().to_string();
    assert!(error.contains("state.dir") && error.contains("UNSET"), "{error}");
}

/// The settings with this variable and these files have this problem.
#[track_caller]
fn wrong(variable: (&str, &str), expected: &str) {
    let (_dir, mut request) = folder(&[("a.toml", "[mcpServers.git]\ncommand = 'x'")]);
    request.env.extend(variables(&[variable]));
    let error = load(&request).unwrap_err().to_string();
    assert_eq!(error, expected);
}

#[test]
fn a_problem_names_the_variable_it_comes_from() {
    wrong(
        ("CONDUCTOR_CATALOG__TTL", "5"),
        "environment variable CONDUCTOR_CATALOG__TTL: catalog.ttl: a duration needs a unit: write \
         \"5ms\", \"5s\", \"5m\" or \"5h\", got \"5\"",
    );
    wrong(
        ("CONDUCTOR_CATALOG__TLT", "5m"),
        "environment variable CONDUCTOR_CATALOG__TLT: catalog.tlt: unknown key; did you mean `ttl`?",
    );
    wrong(
        ("CONDUCTOR_MCPSERVERS__GIT__ARGS", "a b"),
        "environment variable CONDUCTOR_MCPSERVERS__GIT__ARGS: mcpServers.git.args: must be a list, \
         got text",
    );
}

#[test]
fn a_flag_for_an_open_address_is_refused_too() {
    let (_dir, mut request) = folder(&[("a.toml", "")]);
    request.overrides.listen = Some("0.0.0.0:8722".parse().unwrap());
    let error = load(&request).unwrap_err().to_string();
    assert!(error.starts_with("flag --listen: listen.http: 0.0.0.0 is not a loopback"), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_all_named() {
    let (dir, mut request) = folder(&[("a.conf", "x"), ("b.json", "{"), ("c.toml", "")]);
    std::fs::create_dir(dir.path().join("d.toml")).unwrap();
    std::fs::write(dir.path().join("e.toml"), [0xff, 0xfe]).unwrap();
    request.files.extend(["d.toml", "e.toml", "none.toml"].map(PathBuf::from));
    let error = load(&request).unwrap_err();
    let told: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told[0].starts_with("a.conf: is in no known format"), "{}", told[0]);
    assert_eq!(
        told[1],
        "b.json: is not valid JSON: EOF while parsing an object (line 1, column 1)"
    );
    assert!(told[2].starts_with("d.toml: cannot be read"), "{}", told[2]);
    assert_eq!(told[3], "e.toml: is not UTF-8 text");
    assert_eq!(told[4], "none.toml: does not exist");
}

#[test]
fn without_any_file_there_are_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let request = LoadRequest {
        env: variables(&[("HOME", folder.path().to_str().unwrap())]),
        cwd: folder.path().to_path_buf(),
        ..LoadRequest::default()
    };
    let config = load(&request).unwrap();
    assert!(config.servers.is_empty() && !config.servers_declared && config.sources.is_empty());
    assert_eq!(config.state.dir, folder.path().join(".local/state/conductor"));
}

#[test]
fn no_secret_is_told_in_settings_or_problems() {
    let (_dir, request) = folder(&[(
        "a.toml",
        "[mcpServers.a]\ncommand = 'x'\nargs = ['${TOKEN}']\nenv = {A = '${TOKEN}'}\n\
         [mcpServers.b]\nurl = 'https://h.example/?k=${TOKEN}'\nheaders = {A = '${TOKEN}'}",
    )]);
    assert!(!format!("{:?}", load(&request).unwrap()).contains("s3cret"));
    let (_dir, request) = folder(&[(
        "a.toml",
        "[mcpServers.a]\nurl = 'https://h.example:${TOKEN}'\nheaders = {A = \"${TOKEN}\\n\"}\n\
         [mcpServers.b]\nurl = '${TOKEN}'",
    )]);
    let error = load(&request).unwrap_err();
    assert_eq!(error.problems.len(), 3);
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn a35_encrypted_values_are_decrypted_where_the_state_is_and_told_by_their_key_if_not() {
    let text = "[state]\ndir = '/state'\n[mcpServers.a]\ncommand = 'x'\n\
                env = {A = 'encrypted:good', B = 'plain'}\n\
                [mcpServers.b]\nurl = 'https://h.example'\nheaders = {A = 'encrypted:bad'}\n\
                [mcpServers.c]\ncommand = 'x'\nenabled = false\nenv = {A = 'encrypted:bad'}";
    let (_dir, mut request) = folder(&[("a.toml", text)]);
    request.decrypter = crate::Decrypter::new(|dir, token| match token {
        "good" => Ok(format!("from {}", dir.display())),
        _ => Err("it is bad".to_owned()),
    });
    let error = load(&request).unwrap_err();
    let told: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["a.toml: mcpServers.b.headers.A: cannot be decrypted: it is bad"]);
    let text = text.replace("{A = 'encrypted:bad'}\n[mcp", "{}\n[mcp");
    std::fs::write(request.cwd.join("a.toml"), text).unwrap();
    let config = load(&request).unwrap();
    let spec = &config.servers[&"a".parse().unwrap()];
    let crate::Transport::Stdio(stdio) = &spec.transport else { panic!("not a program") };
    assert_eq!((stdio.env["A"].expose(), stdio.env["B"].expose()), ("from /state", "plain"));
}
