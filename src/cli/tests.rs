//! This file tests the command line as a whole: what it takes, what its help says.
//!
//! It leaves what commands do to their own files and to the end-to-end tests.

use clap::{CommandFactory, Parser};

use super::args::{Cli, Command};

fn parsed(line: &str) -> Result<Command, String> {
    let args = std::iter::once("conductor").chain(line.split_whitespace());
    Cli::try_parse_from(args).map(|cli| cli.command).map_err(|error| error.to_string())
}

#[track_caller]
fn check(line: &str, expected: &str) {
    let got = parsed(line).map_or_else(|error| error, |command| format!("{command:?}"));
    assert!(got.contains(expected), "{line}: {got}");
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_commands_are_those_of_the_manual() {
    let command = Cli::command();
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<&str> = shown.map(clap::Command::get_name).collect();
    let expected = [
        "serve",
        "stdio",
        "check",
        "doctor",
        "status",
        "plan",
        "reload",
        "restart",
        "logs",
        "tools",
        "why",
        "pins",
        "import",
        "secrets",
        "state",
        "call",
        "client-config",
        "connect",
        "sample-server",
    ];
    assert_eq!(names, expected);
}

#[test]
fn every_command_teaches_with_an_example() {
    let mut cli = Cli::command();
    for command in cli.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let name = command.get_name().to_owned();
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example"), "{name} has no example");
        assert!(command.get_long_about().is_some(), "{name} is not explained");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.chars().count() <= 60 && !about.is_empty(), "{name}: {about}");
    }
}

#[test]
fn files_are_layered_in_the_order_given() {
    check("serve --config a.toml --config b.json -c c.yaml", r#"["a.toml", "b.json", "c.yaml"]"#);
    check("serve --listen [::1]:0 --log-format json", "listen: Some([::1]:0)");
}

#[test]
fn servers_are_named_with_their_workspace() {
    check("restart git", "name: git");
    check("restart team-a/git --timeout 1m30s", "timeout: 90s");
    check("logs team-a/git -f", "follow: true");
}

#[test]
fn what_is_wrong_is_told_with_the_rule() {
    check("restart Git", "`G` is none of them");
    check("serve --listen 8722", "invalid value '8722'");
    check("call x {} --timeout 5", "--timeout");
    check("client-config --for emacs", "[possible values: claude, cursor, vscode, codex, gemini,");
    check("reload now", "unexpected argument 'now'");
    check("connect", "<SERVER>");
    check("stdio --connect x --config y", "cannot be used with");
    check("join git", "unrecognized subcommand 'join'");
}

#[test]
fn arguments_of_a_call_may_be_left_out() {
    check("call sample.time", r#"arguments: "{}""#);
    check("call sample.time -", r#"arguments: "-""#);
}
