//! Views that show a few tools in place of all they have, and what is found in them.
//! What those few do for agents is in the doors.

use std::sync::Arc;

use conductor_config::{ExportStyle, Patterns, ViewMode, ViewSpec};

use super::catalog::{Catalog, View};
use super::fronts::FrontTool;
use super::merge::{merge, merge_after};
use super::tests_views::{FORM, shown, slices};
use crate::model::{ListKind, Scope};

fn catalog(words: &str, spec: ViewSpec) -> Catalog {
    let mut settings = crate::tests::catalog();
    settings.views.insert("part".to_owned(), spec);
    merge(&slices(words), &settings)
}

fn part(catalog: &Catalog) -> Arc<View> {
    Arc::clone(catalog.view(&Scope::View("part".into())).unwrap())
}

#[track_caller]
fn check(view: &View, query: &str, expected: &str) {
    let found: Vec<&str> = view.search(query).iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(found.join(" "), expected, "{query}");
}

#[test]
fn tools_are_found_by_their_words_and_names_count_most() {
    let catalog = catalog("git:list_commits,list_files,commit mail:send,list", ViewSpec::default());
    let view = part(&catalog);
    check(&view, "commits", "git.commit git.list_commits");
    check(&view, "List Files", "git.list_files mail.list git.list_commits");
    check(&view, "mail send", "mail.send mail.list");
    check(&view, "nothing like it", "");
    check(&view, "", "");
}

#[test]
fn nothing_is_found_that_the_view_does_not_show() {
    let tools = Some(Patterns::read(["git.list_*"]).unwrap());
    let mode = ViewMode::Search;
    let catalog = catalog(
        "git:list_commits,commit mail:list",
        ViewSpec { tools, mode, ..ViewSpec::default() },
    );
    check(&part(&catalog), "list commit", "git.list_commits");
}

#[test]
fn few_tools_are_shown_in_place_of_all_and_the_list_never_changes() {
    for mode in [ViewMode::Search, ViewMode::Gateway] {
        let of = |words| part(&catalog(words, ViewSpec { mode, ..ViewSpec::default() }));
        let (view, other) = (of("a:x,y"), of("a:x b:z"));
        let page = view.page(ListKind::Tools, None, 1, FORM).unwrap();
        let names: Vec<&str> = FrontTool::of(mode).iter().map(|tool| tool.name()).collect();
        assert_eq!(
            (shown(&page.entries), page.next_cursor),
            (names.iter().map(|name| (*name).to_owned()).collect(), None)
        );
        assert!(names.iter().all(|name| view.front_tool(name).is_some()));
        assert!(view.page(ListKind::Tools, Some("x"), 1, FORM).is_err());
        assert_eq!(view.digests(ExportStyle::Dot)[0], other.digests(ExportStyle::Dot)[0]);
        assert!(view.tool("a.x").is_some() && view.tool("search_tools").is_none());
    }
    let plain = part(&catalog("a:x", ViewSpec::default()));
    assert!(plain.front_tool("search_tools").is_none());
    assert_eq!(shown(&plain.page(ListKind::Tools, None, 9, FORM).unwrap().entries), ["a.x"]);
}

#[test]
fn a_view_is_cut_and_read_again_only_where_its_tools_are_new() {
    let tools = Some(Patterns::read(["git.*"]).unwrap());
    let spec = ViewSpec { tools, mode: ViewMode::Search, ..ViewSpec::default() };
    let mut settings = crate::tests::catalog();
    settings.views.insert("part".to_owned(), spec);
    let mut known = slices("git:log,show mail:send");
    let first = merge(&known, &settings);
    check(&part(&first), "log", "git.log");
    assert!(part(&first).is_read());

    let again = merge_after(&first, &known, &settings);
    assert!(Arc::ptr_eq(&part(&first), &part(&again)), "nothing is new");
    // Another server's tools are others now: those of the view are not.
    let mail = slices("git:log mail:send,list");
    known.extend(mail.into_iter().filter(|(id, _)| id.name.as_ref() == "mail"));
    let beside = merge_after(&again, &known, &settings);
    assert!(Arc::ptr_eq(&part(&first), &part(&beside)), "nothing of the view is new");

    let git = slices("git:log,blame");
    known.extend(git);
    let changed = merge_after(&beside, &known, &settings);
    assert!(!part(&changed).is_read());
    check(&part(&changed), "blame", "git.blame");
    let mut other = settings.clone();
    other.views.entry("part".to_owned()).or_default().mode = ViewMode::Gateway;
    let shown = merge_after(&changed, &known, &other);
    assert_eq!(part(&shown).mode(), ViewMode::Gateway);
}
