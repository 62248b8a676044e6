//! This file holds the tests of comparing two sets of servers.

use super::loaded;
use crate::diff::compare;

/// From one set of servers to another, as `name verdict` in the order of names.
#[track_caller]
fn check(old: &str, new: &str, expected: &str) {
    let servers = |text: &str| loaded("a.toml", text).servers;
    let changes = compare(&servers(old), &servers(new));
    let told: Vec<String> =
        changes.iter().map(|(id, change)| format!("{id} {}", change.as_str())).collect();
    assert_eq!(told.join(", "), expected);
}

const A: &str = "[mcpServers.a]\ncommand = 'x'\n";
const B: &str = "[mcpServers.b]\nurl = 'http://h.example'\n";

#[test]
fn servers_come_stay_and_go() {
    check("", A, "a add");
    check(A, "", "a remove");
    check(&[A, B].concat(), &[B, A].concat(), "a keep, b keep");
    check(A, B, "a remove, b add");
    check("", "", "");
}

#[test]
fn disabling_removes_and_enabling_adds() {
    let off = [A, "enabled = false\n"].concat();
    check(A, &off, "a remove");
    check(&off, A, "a add");
    check(&off, &off, "");
    check("", &off, "");
}

#[test]
fn another_workspace_is_another_server() {
    check(A, &[A, "workspace = 'w'\n"].concat(), "a remove, w/a add");
}

#[test]
fn what_the_process_was_started_with_restarts_it_and_the_rest_does_not() {
    for (line, expected) in [
        ("args = ['1']", "a restart"),
        ("env = {A = '1'}", "a restart"),
        ("cwd = '/'", "a restart"),
        ("protocol = 'legacy'", "a restart"),
        ("maxLine = '1MiB'", "a restart"),
        ("limits = {openFiles = 99}", "a restart"),
        ("isolation = 'perCall'", "a restart"),
        ("instances = {max = 3}", "a retune"),
        ("timeout = '1s'", "a retune"),
        ("restartAbove = {memory = '1GiB'}", "a retune"),
        ("description = 'd'", "a retune"),
        ("excludeTools = ['t']", "a retune"),
        ("required = true", "a retune"),
        ("heartbeat = {misses = 9}", "a retune"),
        ("maxInFlight = 1", "a retune"),
        ("args = []", "a keep"),
        ("type = 'stdio'", "a keep"),
        ("enabled = true", "a keep"),
    ] {
        check(A, &[A, line].concat(), expected);
    }
}

#[test]
fn a_changed_default_reaches_the_servers_that_do_not_say_otherwise() {
    let own = "[mcpServers.b]\ncommand = 'x'\ntimeout = '9s'\n";
    let changed = "[defaults]\ntimeout = '8s'\n";
    check(&[A, own].concat(), &[changed, A, own].concat(), "a retune, b keep");
}
