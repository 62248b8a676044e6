//! The styles of names side by side: whoever is shown one, every name leads to its own tool.
//! Who is shown which is for the settings to say; how a name is made is in `names.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use conductor_config::{CatalogSettings, ExportStyle, ServerId, ViewSpec};
use proptest::prelude::*;

use super::catalog::{Catalog, Resolution, View};
use super::list::Form;
use super::merge::merge;
use super::slice::Slice;
use super::tests_views::{leads, merged, shown, slice, slices};
use crate::model::{ListKind, Scope};
use crate::wire::{CallKind, Hop};

const STYLES: [ExportStyle; 2] = [ExportStyle::Dot, ExportStyle::Safe];

/// Settings by which both styles are shown to somebody.
fn mixed() -> CatalogSettings {
    let mut settings = crate::tests::catalog();
    settings.export_styles.clients.insert("cursor".to_owned(), ExportStyle::Safe);
    settings
}

/// The names on all pages of `size`, in this form.
fn names(view: &View, form: Form, size: usize) -> Vec<String> {
    let list = view.list(ListKind::Tools);
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = list.page(next.as_deref(), size, form).unwrap();
        found.extend(shown(&page.entries));
        match page.next_cursor {
            Some(cursor) => next = Some(cursor),
            None => return found,
        }
    }
}

fn check(catalog: &Catalog, style: ExportStyle, expected: &str) {
    for (hop, size) in [(Hop::Legacy, 100), (Hop::Modern, 100), (Hop::Modern, 1)] {
        let names = names(&merged(catalog), Form { hop, style }, size).join(" ");
        assert_eq!(names, expected, "{hop:?} {size}");
    }
}

#[test]
fn one_list_is_read_in_either_style() {
    let catalog = merge(&slices("a:x,x.y b:z"), &mixed());
    check(&catalog, ExportStyle::Dot, "a.x a.x.y b.z");
    check(&catalog, ExportStyle::Safe, "a__x a__x_y-7ace4eaa b__z");
}

#[test]
fn where_nobody_is_shown_another_style_none_is_kept() {
    let catalog = merge(&slices("a:x"), &crate::tests::catalog());
    check(&catalog, ExportStyle::Safe, "a.x");
}

#[test]
fn a_style_is_chosen_by_client_door_and_view() {
    let mut settings = mixed();
    let view = ViewSpec { export_style: Some(ExportStyle::Safe), ..ViewSpec::default() };
    settings.views.insert("safe".to_owned(), view);
    let catalog = merge(&slices("a:x"), &settings);
    let (all, part) = (Scope::Workspace("default".parse().unwrap()), Scope::View("safe".into()));
    let own = Scope::Server(crate::tests::id("a"));
    for (scope, client, expected) in [
        (&all, None, "a.x"),
        (&all, Some("cursor"), "a__x"),
        (&part, None, "a__x"),
        (&own, Some("cursor"), "x"),
    ] {
        let style = catalog.export_style(scope, "stdio", client);
        let names = names(catalog.view(scope).unwrap(), Form { hop: Hop::Legacy, style }, 100);
        assert_eq!(names, [expected], "{scope:?} {client:?}");
    }
}

#[test]
fn a_change_of_who_is_shown_which_style_is_a_change_that_clients_could_see() {
    let slices = slices("a:x");
    let (plain, mixed) = (merge(&slices, &crate::tests::catalog()), merge(&slices, &mixed()));
    assert!(!plain.looks_like(&mixed));
    let digest = |catalog, style| merged(catalog).digests(style)[0];
    assert_eq!(digest(&plain, ExportStyle::Dot), digest(&mixed, ExportStyle::Dot));
    assert_ne!(digest(&mixed, ExportStyle::Safe), digest(&mixed, ExportStyle::Dot));
}

#[test]
fn names_that_are_the_same_in_one_style_are_not_shown_twice_in_it() {
    let mut settings = mixed();
    settings.separator = "-".to_owned();
    // The safe name of the first is the true name of the second.
    let catalog = merge(&slices("a:b-c a__b:c"), &settings);
    check(&catalog, ExportStyle::Dot, "a-b-c");
    check(&catalog, ExportStyle::Safe, "a__b-c");
    assert_eq!(leads(&merged(&catalog), "a__b-c"), "b-c of a");
    let rejected = &catalog.rejected()[&crate::tests::id("a__b")];
    assert_eq!(rejected[0].reason, "another tool is already shown as `a__b-c`");
}

/// What each server of `tools` may be shown with: no twins in upper and lower case, no way upwards.
fn lawful(tools: &BTreeSet<(u8, String)>) -> BTreeMap<ServerId, Slice> {
    const SERVERS: [&str; 5] = ["a", "a_", "a__b", "a-b", "b"];
    let mut seen = BTreeSet::new();
    let lawful = |(server, tool): &&(u8, String)| {
        !tool.contains("..") && seen.insert((*server, tool.to_lowercase()))
    };
    let mut of: HashMap<u8, Vec<&str>> = HashMap::new();
    for (server, tool) in tools.iter().filter(lawful) {
        of.entry(*server).or_default().push(tool);
    }
    let slices = of.iter().map(|(server, tools)| {
        slice(crate::tests::spec(SERVERS[usize::from(*server) % SERVERS.len()]), tools)
    });
    slices.collect()
}

proptest! {
    #[test]
    fn s22_in_every_style_every_name_is_one_tools_and_leads_to_it(
        tools in proptest::collection::btree_set((0..5_u8, "[A-Ca-c_.-]{1,6}|[a-b_./-]{40,70}"), 1..40),
    ) {
        let slices = lawful(&tools);
        let view = merged(&merge(&slices, &mixed()));
        for style in STYLES {
            let names = names(&view, Form { hop: Hop::Modern, style }, 7);
            let distinct: BTreeSet<&String> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
            for (name, tool) in names.iter().zip(view.tools()) {
                prop_assert_eq!(view.resolve(CallKind::Tool, name), Resolution::Found(tool.target.clone()));
                let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                let fits = name.len() <= 60 && name.bytes().all(is_safe);
                prop_assert!(style == ExportStyle::Dot || fits, "{}", name);
            }
        }
    }

    #[test]
    fn the_name_of_a_tool_does_not_depend_on_what_else_there_is(
        tools in proptest::collection::btree_set((0..5_u8, "[a-c_.]{1,5}"), 2..20),
        keep in any::<u8>(),
    ) {
        let of = |tools: &BTreeSet<(u8, String)>| {
            let view = merged(&merge(&lawful(tools), &mixed()));
            let safe = names(&view, Form { hop: Hop::Legacy, style: ExportStyle::Safe }, 1000);
            let targets = view.tools().iter().map(|tool| {
                (tool.target.server.clone(), tool.target.name.to_string())
            });
            targets.zip(safe).collect::<BTreeMap<_, _>>()
        };
        let (all, only) = (of(&tools), keep % 5);
        let part = of(&tools.into_iter().filter(|(server, _)| *server != only).collect());
        for (tool, name) in &part {
            prop_assert_eq!(all.get(tool), Some(name));
        }
    }
}
