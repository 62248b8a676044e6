//! This file holds the tests of one server's entry, as far as no requirement has a
//! number for it.

use std::{path::Path, time::Duration};

use super::{folder, loaded, only, refused, server, stdio};
use crate::{
    Instances, Isolation, Limits, Patterns, ProtocolMode, RemoteKind, RestartAbove, RestartPolicy,
    StartMode, Transport, load,
};

fn words(lines: &str) -> Vec<String> {
    let spec = server(lines);
    let stdio = stdio(&spec);
    [vec![stdio.program.clone()], stdio.args.clone()].concat()
}

#[test]
fn a_command_is_written_in_any_of_three_ways() {
    for (lines, expected) in [
        ("command = 'uvx'\nargs = ['a b']", &["uvx", "a b"][..]),
        ("command = ['uvx', 'a b']", &["uvx", "a b"]),
        ("command = ['uvx', 'a b']\nargs = []", &["uvx", "a b"]),
        ("command = 'uvx \"a b\" c'", &["uvx", "a b", "c"]),
        ("command = 'uvx ${BLANKS} ${NONE:-x y}'", &["uvx", "a b", "x y"]),
        ("command = '/opt/my server/run'\nargs = []", &["/opt/my server/run"]),
        ("command = '~/bin/run'", &["/home/me/bin/run"]),
    ] {
        assert_eq!(words(lines), expected, "{lines}");
    }
}

#[track_caller]
fn wrong(lines: &str, expected: &[&str]) {
    refused("a.toml", &format!("[mcpServers.git]\n{lines}"), expected);
}

#[test]
fn a_command_that_cannot_be_meant_is_refused() {
    wrong("command = ['a', 'b']\nargs = ['c']", &["mcpServers.git.command: is a list, so"]);
    wrong("command = 'a | b'", &["mcpServers.git.command: `|` needs a shell … [\"sh\", \"-c\""]);
    wrong("command = \"a 'b\"", &["mcpServers.git.command: the quote ' is not closed"]);
    wrong("command = \"a\\u0000b\"", &["mcpServers.git.command: must not contain a NUL"]);
    wrong("command = '${EMPTY:-}'", &["mcpServers.git.command: must name a program"]);
}

#[test]
fn a_relative_program_starts_at_its_folder_or_at_the_file() {
    let (dir, request) = folder(&[(
        "sub/a.toml",
        "[mcpServers.a]\ncommand = './run'\n[mcpServers.b]\ncommand = 'bin/run'\ncwd = 'there'\n\
         [mcpServers.c]\ncommand = 'run'\ncwd = '~/x'",
    )]);
    let config = load(&request).unwrap();
    let programs: Vec<String> =
        config.servers.values().map(|spec| stdio(spec).program.clone()).collect();
    let at = |path: &str| dir.path().join(path).display().to_string();
    assert_eq!(programs, [at("sub/./run"), at("sub/there/bin/run"), "run".to_owned()]);
    let cwd = config.servers.values().next_back().unwrap().clone();
    assert_eq!(stdio(&cwd).cwd.as_deref(), Some(Path::new("/home/me/x")));
}

#[test]
fn the_type_agrees_with_what_is_given() {
    wrong("command = 'x'\ntype = 'http'", &["mcpServers.git: has a `command`, so its `type`"]);
    wrong(
        "url = 'http://h.example'\ntype = 'stdio'",
        &["mcpServers.git: has a `url`, so its `type`"],
    );
    wrong(
        "command = 'x'\ntype = 'stdoi'",
        &["mcpServers.git.type: must be … did you mean \"stdio\"?"],
    );
    wrong(
        "command = 'x'\ntype = 'ws'",
        &["mcpServers.git.type: must be \"stdio\", \"http\" or \"sse\""],
    );
    wrong("command = 'x'\nheaders = {}", &["mcpServers.git.headers: headers go with a `url`"]);
    for (word, kind) in [
        ("http", RemoteKind::Http),
        ("streamable-http", RemoteKind::Http),
        ("streamableHttp", RemoteKind::Http),
        ("sse", RemoteKind::Sse),
    ] {
        let spec = server(&format!("url = 'http://h.example'\ntype = '{word}'"));
        let Transport::Remote(remote) = &spec.transport else { panic!("not remote") };
        assert_eq!(remote.kind, kind, "{word}");
    }
}

#[test]
fn enabled_and_disabled_mean_the_same_and_must_not_disagree() {
    for (lines, expected) in [
        ("", true),
        ("enabled = false", false),
        ("disabled = true", false),
        ("disabled = true\nenabled = false", false),
        ("disabled = false\nenabled = true", true),
    ] {
        assert_eq!(server(&format!("command = 'x'\n{lines}")).enabled, expected, "{lines}");
    }
    wrong(
        "command = 'x'\nenabled = true\ndisabled = true",
        &["mcpServers.git: enabled = true and"],
    );
    wrong(
        "command = 'x'\nenabled = 'yes'",
        &["mcpServers.git.enabled: must be true or false, got text"],
    );
}

#[test]
fn a_disabled_server_may_lack_what_it_needs_to_run() {
    let spec = server(
        "command = '${NO_COMMAND}'\nargs = ['${NO_KEY}']\nenvFile = 'missing'\ndisabled = true",
    );
    assert!(!spec.enabled);
    assert!(!server("url = '${NO_URL}'\ndisabled = true").enabled);
}

#[test]
fn variables_come_from_a_file_and_those_of_the_entry_win() {
    let (dir, mut request) = folder(&[
        ("sub/a.toml", "[mcpServers.git]\ncommand = 'x'\nenvFile = '.env'\nenv = {B = '3'}"),
        ("sub/.env", "A=1\nB=2\nC='${TOKEN}'\n"),
    ]);
    request.files.truncate(1);
    let spec = only(&load(&request).unwrap());
    let env = stdio(&spec).env.iter().map(|(k, v)| format!("{k}={}", v.expose()));
    assert_eq!(env.collect::<Vec<_>>(), ["A=1", "B=3", "C=${TOKEN}"]);
    std::fs::write(dir.path().join("sub/.env"), "A=1\nwrong\n").unwrap();
    let error = load(&request).unwrap_err().to_string();
    assert_eq!(error, "sub/a.toml: mcpServers.git.envFile: line 2 has no `=` in this file");
    std::fs::remove_file(dir.path().join("sub/.env")).unwrap();
    assert!(
        load(&request).unwrap_err().to_string().contains("mcpServers.git.envFile: cannot read")
    );
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own() {
    let (_dir, mut request) = folder(&[
        ("a.toml", "[mcpServers.git]\ncommand = 'x'\nenv = {A = {file = 'token'}}"),
        ("token", "s3cret\r\n"),
    ]);
    request.files.truncate(1);
    assert_eq!(stdio(&only(&load(&request).unwrap())).env["A"].expose(), "s3cret");
    wrong(
        "command = 'x'\nenv = {A = {file = 'none'}}",
        &["mcpServers.git.env.A.file: cannot read"],
    );
    wrong(
        "command = 'x'\nenv = {A = {path = 'x'}}",
        &["mcpServers.git.env.A: must be text or {file"],
    );
    wrong(
        "command = 'x'\nenv = {A = 'encrypted:gAAAA'}",
        &["mcpServers.git.env.A: cannot be decrypted: there is no key here"],
    );
}

#[test]
fn an_entry_says_only_what_differs_from_the_defaults() {
    let config = loaded(
        "a.toml",
        "[defaults]\ntimeout = '7s'\nheartbeat = {interval = '1s'}\n[mcpServers.git]\ncommand = 'x'\n\
         heartbeat = {misses = 9}\nstart = 'lazy'\nidleStop = '5m'\nrestart = 'never'\n\
         protocol = 'legacy'\nsocketMode = '0600'",
    );
    let spec = only(&config);
    assert_eq!(spec.timeout, Duration::from_secs(7));
    assert_eq!(spec.heartbeat.interval, Duration::from_secs(1));
    assert_eq!(spec.heartbeat.timeout, Duration::from_secs(5));
    assert_eq!(spec.heartbeat.misses, 9);
    assert_eq!((spec.start, spec.restart), (StartMode::Lazy, RestartPolicy::Never));
    assert_eq!((spec.protocol, spec.socket_mode), (ProtocolMode::Legacy, 0o600));
    assert_eq!(spec.idle_stop, Some(Duration::from_secs(300)));
    assert_eq!(spec.startup_timeout, config.defaults.startup_timeout);
}

#[test]
fn a_value_out_of_bounds_is_told_the_bounds() {
    wrong(
        "command = 'x'\ntimeout = 30",
        &["mcpServers.git.timeout: a duration needs a unit: write \"30ms\", \"30s\""],
    );
    wrong("command = 'x'\ntimeout = 'soon'", &["mcpServers.git.timeout: a duration is written as"]);
    wrong(
        "command = 'x'\ntimeout = '0s'",
        &["mcpServers.git.timeout: must be a duration from 1ms to 24h"],
    );
    wrong(
        "command = 'x'\nmaxInFlight = 0",
        &["mcpServers.git.maxInFlight: must be a whole number from 1"],
    );
    wrong(
        "command = 'x'\nmaxInFlight = -1",
        &["mcpServers.git.maxInFlight: must be a whole number"],
    );
    wrong(
        "command = 'x'\nmaxInFlight = 1.5",
        &["mcpServers.git.maxInFlight: must be a whole number"],
    );
    wrong(
        "command = 'x'\nmaxInFlight = '9'",
        &["mcpServers.git.maxInFlight: must be a whole number … got text"],
    );
    wrong(
        "command = 'x'\nmaxLine = '1B'",
        &["mcpServers.git.maxLine: must be a size from 1KiB to 1GiB"],
    );
    wrong("command = 'x'\nmaxLine = 16", &["mcpServers.git.maxLine: a size needs a unit"]);
    wrong(
        "command = 'x'\nheartbeat = {interval = '0s'}",
        &["mcpServers.git.heartbeat.interval: must be"],
    );
    wrong(
        "command = 'x'\nheartbeat = 5",
        &["mcpServers.git.heartbeat: must be an object, got number"],
    );
    wrong(
        "command = 'x'\nbackoff = {min = '2m'}",
        &["mcpServers.git.backoff: min (2m) must not be above max (1m)"],
    );
    wrong(
        "command = 'x'\nsocketMode = 432",
        &["mcpServers.git.socketMode: must be text (put it in quotes)"],
    );
    wrong("command = 'x'\nsocketMode = '9'", &["mcpServers.git.socketMode: must be an octal mode"]);
    wrong(
        "command = 'x'\nrestart = 'on_failure'",
        &["mcpServers.git.restart: must be one of … did you mean \"on-failure\"?"],
    );
}

#[test]
fn tools_are_described_by_the_settings() {
    let spec = server("command = 'x'\n[mcpServers.git.toolDescriptions]\nlog = ' Shows. '");
    assert_eq!(spec.tool_descriptions["log"], "Shows.");
    wrong(
        "command = 'x'\ntoolDescriptions = { log = ' ' }",
        &["mcpServers.git.toolDescriptions.log: must be what agents are to read"],
    );
}

#[test]
fn patterns_of_tools_are_kept_if_they_could_match() {
    let spec = server("command = 'x'\nincludeTools = ['a_*', '[!]x]']\nexcludeTools = ['b?']");
    assert_eq!(spec.include_tools, Patterns::read(["a_*", "[!]x]"]).unwrap());
    assert_eq!(spec.exclude_tools, Patterns::read(["b?"]).unwrap());
    wrong(
        "command = 'x'\nincludeTools = ['a[', '']",
        &[
            "mcpServers.git.includeTools[0]: the `[` at character 2 has no `]`",
            "mcpServers.git.includeTools[1]: must be a name",
        ],
    );
}

#[test]
fn all_faults_of_a_file_are_told_at_once() {
    refused(
        "a.toml",
        "[listen]\nhttp = 'x'\n[mcpServers.a]\ncomand = 'x'\n[mcpServers.b]\ncommand = 'x'\ntimeout = 3",
        &[
            "listen.http: must be an address",
            "mcpServers.a.comand: unknown key",
            "mcpServers.a: has neither",
            "mcpServers.b.timeout: a duration needs a unit",
        ],
    );
}

#[test]
fn limits_are_read_key_by_key() {
    let spec = server(
        "command = 'x'\nlimits = {openFiles = 256, addressSpace = '4GiB', cpuTime = '90s'}\n\
         restartAbove = {memory = '1GiB', cpu = 150}",
    );
    let limits = Limits {
        open_files: Some(256),
        processes: None,
        address_space: Some(4 << 30),
        cpu_time: Some(Duration::from_secs(90)),
        core_file: 0,
    };
    assert_eq!(spec.limits, limits);
    let lasting = Duration::from_secs(30);
    assert_eq!(spec.restart_above, RestartAbove { memory: Some(1 << 30), cpu: Some(150), lasting });
    let defaults = "[defaults]\nlimits = {processes = 99}\nrestartAbove = {memory = '2GiB'}\n\
                    [mcpServers.a]\ncommand = 'x'\nlimits = {coreFile = '1MiB'}\n\
                    restartAbove = {memory = 'off', for = '1s'}";
    let spec = only(&loaded("a.toml", defaults));
    assert_eq!((spec.limits.processes, spec.limits.core_file), (Some(99), 1 << 20));
    assert_eq!(
        spec.restart_above,
        RestartAbove { memory: None, cpu: None, lasting: Duration::from_secs(1) }
    );
}

#[test]
fn a_limit_that_cannot_be_meant_is_told() {
    let at = |key: &str| format!("mcpServers.git.limits.{key}");
    for (limits, expected) in [
        ("openFiles = 3", at("openFiles: must be a whole number from 16")),
        ("openFiles = '1k'", at("openFiles: must be a whole number from 16 … got text")),
        ("processes = 0", at("processes: must be a whole number from 1")),
        ("addressSpace = '1KiB'", at("addressSpace: must be a size from 1MiB to 1024GiB")),
        ("addressSpace = 5", at("addressSpace: a size needs a unit")),
        ("cpuTime = '500ms'", at("cpuTime: must be a duration from 1s to 24h")),
        ("coreFile = 'off'", at("coreFile: a size is written as")),
        ("memory = '1GiB'", at("memory: unknown key")),
    ] {
        wrong(&format!("command = 'x'\nlimits = {{{limits}}}"), &[&expected]);
    }
    wrong(
        "command = 'x'\nrestartAbove = {memory = '1kB', cpu = 0, for = '0s'}",
        &[
            "mcpServers.git.restartAbove.memory: must be a size from 1MiB",
            "mcpServers.git.restartAbove.cpu: must be a whole number from 1",
            "mcpServers.git.restartAbove.for: must be a duration from 1ms",
        ],
    );
}

#[test]
fn who_shares_a_process_is_read_and_how_many_there_may_be() {
    let spec = server("command = 'x'");
    let (max, idle) = (32, Duration::from_secs(600));
    assert_eq!((spec.isolation, spec.instances), (Isolation::Shared, Instances { max, idle }));
    let spec = server("url = 'http://h.example'\nisolation = 'perCall'\ninstances = {max = 3}");
    assert_eq!((spec.isolation, spec.instances), (Isolation::PerCall, Instances { max: 3, idle }));
    let defaults = "[defaults]\nisolation = 'perSession'\ninstances = {idle = '5s'}\n\
                    [mcpServers.a]\ncommand = 'x'";
    let (spec, idle) = (only(&loaded("a.toml", defaults)), Duration::from_secs(5));
    assert_eq!(spec.isolation, Isolation::PerSession);
    assert_eq!(spec.instances, Instances { max, idle });
    wrong(
        "command = 'x'\nisolation = 'per-call'\ninstances = {max = 0, idle = 'off', spare = 1}",
        &[
            "mcpServers.git.isolation: must be",
            "mcpServers.git.instances.spare: unknown key",
            "mcpServers.git.instances.max: must be a whole number from 1",
            "mcpServers.git.instances.idle: a duration is written as",
        ],
    );
}

#[test]
fn limits_of_a_server_elsewhere_are_warned_of() {
    let text = "[mcpServers.a]\nurl = 'http://h.example'\nlimits = {openFiles = 99}";
    let warnings = loaded("a.toml", text).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("mcpServers.a.limits: is about processes"), "{warnings:?}");
}
