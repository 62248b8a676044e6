//! This file judges one file at a time: shape, names, words.
//! It leaves what may be used where to `places`, and texts for people to `documents`.

use super::source::{Finding, Source, has_word};

/// Lines of one file, its tests included.
const LINES: usize = 500;
/// Variants of one enum of messages or errors.
const VARIANTS: usize = 10;
/// Names that say nothing.
const EMPTY_NAMES: [&str; 8] =
    ["common", "helper", "helpers", "manager", "misc", "util", "utils", "stuff"];

/// A Rust file begins with what it does.
pub(super) fn header(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.text.starts_with("//! ") {
        return Vec::new();
    }
    let cure = "begin the file with `//!`: a sentence on what it does, one on what it leaves";
    vec![source.finding(1, cure)]
}

/// A Rust file has an end.
pub(super) fn length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if !source.is_rust() || lines <= LINES {
        return Vec::new();
    }
    vec![source.finding(lines, format!("{lines} lines, the most is {LINES}: split the file"))]
}

/// Files and modules are called by what they are about.
pub(super) fn names(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let cure = |name: &str| format!("`{name}` says nothing: name it by what is in it");
    let parts = source.path.split('/').map(|part| part.trim_end_matches(".rs"));
    let mut found: Vec<_> = parts
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| source.finding(1, cure(part)))
        .collect();
    for (at, line) in source.code() {
        let words: Vec<&str> = line.split([' ', ';', '{']).collect();
        let module = words.iter().position(|word| *word == "mod").map(|at| words[at + 1]);
        if let Some(name) = module.filter(|name| EMPTY_NAMES.contains(name)) {
            found.push(source.finding(at, cure(name)));
        }
    }
    found
}

/// No tabs, no blanks at the end of lines, one line feed at the end of the file.
pub(super) fn blanks(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, line) in source.lines() {
        if line.contains('\t') {
            found.push(source.finding(at, "a tab: use blanks, in a string `\\t`"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            found.push(source.finding(at, "remove the blanks at the end of the line"));
        }
    }
    if !source.text.is_empty() && (!source.text.ends_with('\n') || source.text.ends_with("\n\n")) {
        found.push(source.finding(source.text.lines().count(), "end the file with one line feed"));
    }
    found
}

/// Nothing is left for later, and nothing tells of the place where it was written.
pub(super) fn words(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let macros = [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!")];
    let private = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/t", "mp/bash")];
    let registry = [
        concat!("index", "-url"),
        concat!("trusted", "-host"),
        concat!("replace", "-with"),
        concat!("\"reso", "lved\":"),
    ];
    let allow = concat!("[al", "low(");
    for (at, line) in source.lines() {
        let mut push = |cure: &str| found.push(source.finding(at, cure));
        if unfinished.iter().any(|word| has_word(line, word)) {
            push("do it, or say in the document what is missing; leave no note");
        }
        if source.is_rust() && !source.is_test() && macros.iter().any(|word| has_word(line, word)) {
            push("write it: a placeholder is not done");
        }
        if private.iter().any(|path| line.contains(path)) {
            push("a path of one machine: use one relative to the project");
        }
        if registry.iter().any(|word| line.contains(word)) {
            push("packages come from wherever the machine is told to get them: name no registry");
        }
        if source.is_rust() && line.contains(allow) {
            push("use `#[expect(lint, reason = \"…\")]`, which complains when it is not needed");
        }
        if source.is_rust() && line.contains(concat!("fn ", "test_")) {
            push("name the test by what it finds to be true");
        }
        if names_a_ticket(line) {
            push("say what matters here: readers have the project, not its tracker");
        }
    }
    found
}

/// Whether a line leans on a numbered entry of some tracker.
fn names_a_ticket(line: &str) -> bool {
    let lower = line.to_lowercase();
    lower.match_indices("issue ").any(|(at, word)| {
        let rest = lower[at + word.len()..].trim_start_matches('#');
        rest.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// An enum of messages or errors stays small enough to be known by heart.
pub(super) fn variants(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let code = source.code();
    let mut found = Vec::new();
    for (start, (at, line)) in code.iter().enumerate() {
        let Some(name) = enum_name(line) else { continue };
        if name != "Message" && !name.ends_with("Error") {
            continue;
        }
        let body: Vec<&str> = code[start..].iter().map(|(_, line)| *line).collect();
        let count = count_variants(&body.join("\n"));
        if count > VARIANTS {
            let cure = format!("`{name}` has {count} variants, the most is {VARIANTS}: split it");
            found.push(source.finding(*at, cure));
        }
    }
    found
}

fn enum_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "enum");
    words.next()?;
    words.next().map(|name| name.split(['<', '{']).next().unwrap_or(name))
}

/// Counts the variants of the enum that `code` begins with.
fn count_variants(code: &str) -> usize {
    let Some(start) = code.find('{') else { return 0 };
    let (mut depth, mut count, mut inside) = (0_usize, 0, false);
    let (mut quoted, mut before) = (false, ' ');
    for c in code[start..].chars() {
        if c == '"' && before != '\\' {
            quoted = !quoted;
        }
        before = c;
        if quoted {
            continue;
        }
        match c {
            '{' | '(' | '[' | '<' => depth += 1,
            '}' | ')' | ']' | '>' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => inside = false,
            c if depth == 1 && !inside && c.is_ascii_uppercase() => {
                inside = true;
                count += 1;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    count
}
