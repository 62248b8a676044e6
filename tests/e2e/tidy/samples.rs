//! These tests show every rule something good and something bad: a rule that cannot fail is none.
//! They leave the project's own files alone.

use std::path::Path;

use super::documents::{decision, links, manifest};
use super::places::{CODES, bans, codes, ghosts, idle_codes};
use super::rules::{blanks, header, length, names, variants, words};
use super::source::{Finding, Source, has_word};

/// Compares the lines at which `rule` finds something in a file with those expected.
#[track_caller]
fn check(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str, expected: &[usize]) {
    let lines: Vec<usize> = rule(&Source::new(path, text))
        .iter()
        .map(|finding| {
            let shown = finding.to_string();
            let rest = shown.strip_prefix(path).and_then(|rest| rest.strip_prefix(':')).unwrap();
            let (line, cure) = rest.split_once(": ").unwrap();
            assert!(cure.len() > 10, "no cure: {shown}");
            line.parse().unwrap()
        })
        .collect();
    assert_eq!(lines, expected, "{path}:\n{text}");
}

#[test]
fn a_file_without_a_header_is_seen() {
    check(header, "src/a.rs", "use x;\n", &[1]);
    check(header, "src/a.rs", "//! This file is good.\n", &[]);
    check(header, "docs/a.md", "# Title\n", &[]);
}

#[test]
fn a_long_file_is_seen() {
    check(length, "src/a.rs", &"x\n".repeat(501), &[501]);
    check(length, "src/a.rs", &"x\n".repeat(500), &[]);
}

#[test]
fn a_name_that_says_nothing_is_seen() {
    check(names, "src/util.rs", "", &[1]);
    check(names, "src/common/mod.rs", "", &[1]);
    check(names, "src/a.rs", "\npub(crate) mod helper;\nmod misc {\n", &[2, 3]);
    check(names, "src/a.rs", "mod routes;\n// mod util;\n", &[]);
    check(names, "tests/src/helper.rs", "mod util;", &[]);
}

#[test]
fn stray_blanks_are_seen() {
    check(blanks, "docs/a.md", "a\tb\nc \nd\n", &[1, 2]);
    check(blanks, "docs/a.md", "a\r\nb", &[1, 2]);
    check(blanks, "docs/a.md", "a\n\n", &[2]);
    check(blanks, "docs/a.md", "a\n\nb\n", &[]);
}

#[test]
fn notes_placeholders_and_workshop_talk_are_seen() {
    for bad in [
        concat!("// TO", "DO: later"),
        concat!("x(todo", "!())"),
        concat!("dbg", "!(x)"),
        concat!("\"/wo", "rk/main\""),
        concat!("#[al", "low(dead_code)]"),
        concat!("fn ", "test_it() {}"),
        concat!("// see issue ", "#12"),
        concat!("// Issue ", "12 wants it"),
    ] {
        check(words, "src/a.rs", &format!("x\n{bad}\n"), &[2]);
    }
    check(words, "tests/a.json", &format!("{}: \"x\"", concat!("\"reso", "lved\"")), &[1]);
    check(words, "src/a.rs", "the issue is solved\nfn tests_run() {}\nlet todos = 1;\n", &[]);
}

#[test]
fn an_enum_that_grew_is_seen() {
    let body = |count: usize| -> String {
        let variant = |at| {
            format!(
                "    /// Says A, B.\n    #[error(\"a, {{b}}\")]\n    V{at} {{ x: R<A, B>, y: (C, D) }},\n"
            )
        };
        (0..count).map(variant).collect()
    };
    let text = |name: &str, count| format!("\npub enum {name} {{\n{}}}\n", body(count));
    check(variants, "src/a.rs", &text("Message", 11), &[2]);
    check(variants, "src/a.rs", &text("CallError", 11), &[2]);
    check(variants, "src/a.rs", &text("Message", 10), &[]);
    check(variants, "src/a.rs", &text("Word", 11), &[]);
}

#[test]
fn what_is_out_of_place_is_seen() {
    for (path, bad) in [
        ("config/src/a.rs", "use tokio::time;"),
        ("actors/src/a.rs", "use axum::Router;"),
        ("actors/src/model/a.rs", "use ractor::Actor;"),
        ("actors/src/merger/a.rs", "use crate::supervisor::X;"),
        ("actors/src/delegation/a.rs", "use crate::router::X;"),
        ("actors/src/router/a.rs", "use crate::merger::X;"),
        ("actors/src/router/routes.rs", "let now = Instant::now();"),
        ("actors/src/wire/id.rs", "tracing::debug!()"),
        ("actors/src/server/a.rs", "use crate::supervisor::X;"),
        ("src/cli/a.rs", "std::process::exit(1)"),
        ("src/door/a.rs", "use ractor::ActorRef;"),
        ("src/a.rs", "Command::new(\"sh\")"),
        ("src/a.rs", "mpsc::unbounded_channel()"),
    ] {
        check(bans, path, &format!("//! x\n{bad}\n"), &[2]);
        check(bans, path, &format!("// {bad}\nlet x = 1; // {bad}\n"), &[]);
        check(bans, path, &format!("#[cfg(test)]\nmod tests {{\n{bad}\n}}\n"), &[]);
    }
    check(bans, "src/main.rs", "std::process::exit(1)\n", &[]);
    check(bans, "actors/src/process/spawn.rs", "Command::new(x)\n", &[]);
    check(bans, "tests/src/a.rs", "Command::new(x)\n", &[]);
}

#[test]
fn error_numbers_out_of_place_are_seen() {
    check(codes, "src/door/http.rs", "x\n\"code\":-32600\n-31_001\n", &[2, 3]);
    check(codes, "src/door/reply/codes.rs", "-32600\n", &[]);
    check(codes, "src/a.rs", "-3260 -132600 -326000 -30000\n// -32600\n", &[]);
    let (place, number, _) = CODES[0];
    check(codes, place, number, &[]);
    check(codes, place, "-32000", &[1]);
}

#[test]
fn tables_that_name_what_is_gone_are_seen() {
    assert!(!ghosts(&["src/main.rs"]).is_empty());
    assert_eq!(idle_codes(&[]).len(), CODES.len());
    let codes: Vec<&str> = CODES.iter().map(|(_, code, _)| *code).collect();
    let codes = codes.join("\n");
    let all: Vec<Source> = CODES.iter().map(|(path, ..)| Source::new(path, &codes)).collect();
    assert!(idle_codes(&all).is_empty());
}

#[test]
fn references_to_nothing_are_seen() {
    let there = |path: &Path| path == Path::new("docs/errors.md");
    let rule = |source: &Source| links(source, there);
    check(rule, "README.md", "[a](docs/errors.md#x), `docs/gone.md`\n[b](src/x)\n", &[1, 2]);
    check(rule, "src/a.rs", "//! See docs/errors.md and errors.md.\n// other.md\n", &[2]);
    check(rule, "docs/a.md", "see `src/gone/` and `a/b.rs`\n`docs/errors.md`, `a/b`\n", &[1, 1]);
    check(rule, "docs/a.md", "[a](errors.md) [b](https://example.com/x.md) [c](#here)\n", &[]);
}

#[test]
fn a_decision_without_reasons_is_seen() {
    let good = "# T\n## Context\n## Decision\n## Refused\n## Consequences\n";
    check(decision, "docs/decisions/0001-a.md", good, &[]);
    check(decision, "docs/decisions/a.md", good, &[1]);
    check(decision, "docs/decisions/0001-a.md", "## Decision\n## Context\n", &[1, 1, 1]);
    check(decision, "docs/a.md", "", &[]);
}

#[test]
fn a_manifest_without_lints_or_pins_is_seen() {
    let lints = "[lints]\nworkspace = true\n";
    check(manifest, "a/Cargo.toml", "[package]\n", &[1]);
    check(manifest, "Cargo.toml", &format!("rmcp = {{ version = \"3\" }}\n{lints}"), &[1]);
    check(manifest, "Cargo.toml", &format!("rmcp = {{ version = \"=3.9.0\" }}\n{lints}"), &[]);
}

#[test]
fn words_are_whole() {
    assert!(has_word("use ractor::X", "ractor"));
    assert!(has_word("http::Uri", "http::"));
    assert!(!has_word("a_ractor_b", "ractor"));
    assert!(!has_word("Path::new", "Command::new"));
}
