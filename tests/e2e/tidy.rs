//! These tests hold the project to its house rules, each with the place and the cure.
//! They leave what compiler, clippy and rustfmt see to them.

mod documents;
mod places;
mod rows;
mod rules;
mod samples;
mod source;

use source::{Finding, Source};

/// Applies a rule to every file of the project.
#[track_caller]
fn hold(rule: impl Fn(&Source) -> Vec<Finding>) {
    let sources = source::all();
    assert!(sources.len() > 50, "only {} files found: the walk is broken", sources.len());
    nothing(&sources.iter().flat_map(rule).collect::<Vec<_>>());
}

#[track_caller]
fn nothing(found: &[impl std::fmt::Display]) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} to mend:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn every_file_begins_with_what_it_does() {
    hold(rules::header);
}

#[test]
fn files_are_short() {
    hold(rules::length);
}

#[test]
fn files_and_modules_have_telling_names() {
    hold(rules::names);
}

#[test]
fn there_are_no_stray_blanks() {
    hold(rules::blanks);
}

#[test]
fn nothing_is_left_for_later_or_tells_of_the_workshop() {
    hold(rules::words);
}

#[test]
fn enums_of_messages_and_errors_are_small() {
    hold(rules::variants);
}

#[test]
fn everything_is_used_in_its_place_only() {
    hold(places::bans);
}

#[test]
fn error_numbers_stand_in_one_folder() {
    hold(places::codes);
    nothing(&places::idle_codes(&source::all()));
}

#[test]
fn the_tables_of_these_rules_name_what_exists() {
    let sources = source::all();
    let paths: Vec<&str> = sources.iter().map(|source| source.path.as_str()).collect();
    nothing(&places::ghosts(&paths));
}

#[test]
fn references_lead_somewhere() {
    let root = source::root();
    hold(|source| documents::links(source, |path| root.join(path).exists()));
}

#[test]
fn decisions_say_why_and_what_was_refused() {
    hold(documents::decision);
}

#[test]
fn every_row_of_the_pool_has_its_test() {
    let sources = source::all();
    let table = sources.iter().find(|source| source.path == "docs/pool.md");
    nothing(&rows::rows(table.expect("docs/pool.md is there"), &sources));
}

#[test]
fn manifests_take_the_lints_and_pin_what_must_be() {
    hold(documents::manifest);
}
