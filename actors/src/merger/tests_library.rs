//! Prompts, resources and templates in the merged namespace, and when they are read.
//! The forms of addresses are tested beside `addresses.rs`, what all lists share with the tools.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conductor_config::{Patterns, ServerId, ViewSpec};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::catalog::{Catalog, Resolution, View};
use super::memory::Memory;
use super::merge::merge;
use super::slice::{Remembered, Slice};
use super::tests_views::FORM;
use super::{ListState, MergerActor};
use crate::model::{ListKind, Offers, Scope, ServerState};
use crate::server::Listing;
use crate::server::tests_peer::Peer;
use crate::store::{SqliteStore, StateDir, Store, WallClock};
use crate::wire::CallKind;

fn listing(kind: ListKind, entries: Value) -> Remembered {
    let mut listing = Listing::new(kind);
    listing.read_page(&Bytes::from(json!({ kind.key(): entries }).to_string())).unwrap();
    Remembered::List(listing)
}

/// A server with these prompts, resources and templates, by their names and addresses.
fn slice(server: &str, prompts: &[&str], resources: &[&str], templates: &[&str]) -> Slice {
    let named = |key: &str, names: &[&str]| -> Value {
        names.iter().map(|name| json!({ key: name, "name": name })).collect()
    };
    let lists = [
        listing(ListKind::Tools, json!([{ "name": "t", "inputSchema": {} }])),
        listing(ListKind::Prompts, named("name", prompts)),
        listing(ListKind::Resources, named("uri", resources)),
        listing(ListKind::Templates, named("uriTemplate", templates)),
    ];
    Slice::new(Arc::new(crate::tests::spec(server)), lists)
}

fn catalog(slices: impl IntoIterator<Item = Slice>) -> Catalog {
    let slices: BTreeMap<ServerId, Slice> =
        slices.into_iter().map(|slice| (slice.spec.id.clone(), slice)).collect();
    let mut settings = crate::tests::catalog();
    let servers = Some(["b".parse().unwrap()].into());
    settings.views.insert("one".to_owned(), ViewSpec { servers, ..ViewSpec::default() });
    let tools = Some(Patterns::read(["*"]).unwrap());
    settings.views.insert("tools".to_owned(), ViewSpec { tools, ..ViewSpec::default() });
    merge(&slices, &settings)
}

fn view(catalog: &Catalog, name: &str) -> Arc<View> {
    let scope = match name {
        "" => Scope::Workspace("default".parse().unwrap()),
        "one" | "tools" => Scope::View(name.into()),
        server => Scope::Server(crate::tests::id(server)),
    };
    Arc::clone(catalog.view(&scope).unwrap())
}

fn both() -> Catalog {
    catalog([
        slice("a", &["p"], &["db://x/1", "https://e.org/1", "urn:1"], &["https://e.org/i/{id}"]),
        slice("b", &["p"], &["db://x/1", "https://e.org/2"], &["db://x/{id}"]),
        Slice::new(Arc::new(crate::tests::spec("c")), ListKind::ALL.map(Remembered::Nothing)),
    ])
}

fn names(view: &View, kind: ListKind) -> String {
    let names: Vec<&str> =
        view.list(kind).entries().iter().map(|entry| entry.name.as_str()).collect();
    names.join(" ")
}

/// What an address leads to at the door `at`.
#[track_caller]
fn check(at: &str, kind: CallKind, name: &str, expected: &str) {
    let found = match view(&both(), at).resolve(kind, name) {
        Resolution::Found(target) => format!("{} of {}", target.name, target.server.name),
        Resolution::Awaited(server) => format!("await {}", server.name),
        Resolution::Ambiguous(names) => names.join(" or "),
        Resolution::Unknown => "unknown".to_owned(),
    };
    assert_eq!(found, expected, "{name} at {at}");
}

trait Join {
    fn join(&self, between: &str) -> String;
}

impl Join for Vec<crate::wire::Text> {
    fn join(&self, between: &str) -> String {
        self.iter().map(|text| text.to_string()).collect::<Vec<_>>().join(between)
    }
}

#[test]
fn prompts_are_named_like_tools_and_addresses_name_their_server() {
    let catalog = both();
    let all = view(&catalog, "");
    assert_eq!(names(&all, ListKind::Prompts), "a.p b.p");
    assert_eq!(
        names(&all, ListKind::Resources),
        "db://a/x/1 https://e.org/1 mcpgw://a/urn:1 db://b/x/1 https://e.org/2"
    );
    assert_eq!(names(&all, ListKind::Templates), "https://e.org/i/{id} db://b/x/{id}");
    let own = view(&catalog, "a");
    assert_eq!(names(&own, ListKind::Prompts), "p");
    assert_eq!(names(&own, ListKind::Resources), "db://x/1 https://e.org/1 urn:1");
    let one = &all.list(ListKind::Resources).entries()[0];
    assert_eq!(one.definition.json, r#"{"name":"db://x/1","uri":"db://a/x/1"}"#);
}

#[test]
fn an_address_leads_to_the_one_who_has_it() {
    let read = CallKind::Resource;
    check("", read, "db://a/x/1", "db://x/1 of a");
    check("", read, "db://a/never/listed", "db://never/listed of a");
    check("", read, "https://e.org/1", "https://e.org/1 of a");
    check("", read, "urn:1", "urn:1 of a");
    check("", read, "https://e.org/i/7", "https://e.org/i/7 of a");
    check("", read, "mcpgw://b/https://e.org/2", "https://e.org/2 of b");
    check("", read, "db://x/1", "db://a/x/1 or db://b/x/1");
    for nobodys in ["db://c/x", "db://d/x", "https://e.org/3", "text", ""] {
        check("", read, nobodys, "unknown");
    }
    check("one", read, "db://x/1", "db://x/1 of b");
    check("one", read, "db://a/x/1", "unknown");
    check("one", read, "https://e.org/i/7", "unknown");
    check("tools", read, "db://a/x/1", "unknown");
    check("a", read, "any:thing", "any:thing of a");
    check("c", read, "any:thing", "unknown");
}

#[test]
fn a_completion_leads_where_its_prompt_or_template_does() {
    check("", CallKind::PromptArgument, "a.p", "p of a");
    check("", CallKind::PromptArgument, "c.p", "unknown");
    check("", CallKind::TemplateVariable, "db://b/x/{id}", "db://x/{id} of b");
    check("", CallKind::TemplateVariable, "https://e.org/i/{id}", "https://e.org/i/{id} of a");
    check("b", CallKind::TemplateVariable, "db://x/{id}", "db://x/{id} of b");
    check("tools", CallKind::PromptArgument, "a.p", "unknown");
}

#[test]
fn what_a_client_may_fetch_is_wrapped_where_two_servers_list_it() {
    let same = ["https://e.org/1"];
    let catalog = catalog([slice("a", &[], &same, &[]), slice("b", &[], &same, &[])]);
    let all = view(&catalog, "");
    let wrapped = "mcpgw://a/https://e.org/1 mcpgw://b/https://e.org/1";
    assert_eq!(names(&all, ListKind::Resources), wrapped);
    let Resolution::Ambiguous(found) = all.resolve(CallKind::Resource, same[0]) else { panic!() };
    assert_eq!(found.join(" "), wrapped);
}

#[test]
fn what_views_and_servers_have_is_told() {
    let catalog = both();
    for (at, expected) in [("", true), ("a", true), ("c", false), ("one", true), ("tools", false)] {
        for kind in [ListKind::Prompts, ListKind::Resources, ListKind::Templates] {
            assert_eq!(view(&catalog, at).may_have(kind), expected, "{at} {kind:?}");
        }
    }
    assert_eq!(names(&view(&catalog, "tools"), ListKind::Tools), "a.t b.t");
}

#[test]
fn a_tool_names_its_app_as_it_is_shown() {
    let meta = json!({ "ui": { "resourceUri": "ui://app", "x": 1 }, "ui/resourceUri": "ui://app" });
    let tool = json!([{ "name": "t", "inputSchema": {}, "_meta": meta }]);
    let slice = Slice::new(Arc::new(crate::tests::spec("a")), [listing(ListKind::Tools, tool)]);
    let catalog = catalog([slice]);
    for (at, expected) in [("", "ui://a/app"), ("a", "ui://app")] {
        let view = view(&catalog, at);
        let shown: Value = serde_json::from_slice(&view.tools()[0].definition.json).unwrap();
        assert_eq!(shown["_meta"]["ui"], json!({ "resourceUri": expected, "x": 1 }));
        assert_eq!(shown["_meta"]["ui/resourceUri"], expected);
    }
}

#[test]
fn a_cursor_belongs_to_one_list() {
    let entries: Vec<String> = (0..3).map(|number| format!("db://x/{number}")).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let catalog = catalog([slice("a", &["p", "q", "r"], &entries, &[])]);
    let all = view(&catalog, "");
    let next = all.list(ListKind::Resources).page(None, 2, FORM).unwrap().next_cursor.unwrap();
    assert!(all.list(ListKind::Prompts).page(Some(&next), 2, FORM).is_err());
    let rest = all.list(ListKind::Resources).page(Some(&next), 2, FORM).unwrap();
    assert_eq!(rest.next_cursor, None);
    assert!(String::from_utf8(rest.entries.to_vec()).unwrap().contains("db://a/x/2"));
}

/// Answers the questions of a server that just came up, in whatever order; returns their methods.
async fn serve(peer: &mut Peer, count: usize) -> Vec<String> {
    let mut asked = Vec::new();
    for _ in 0..count {
        let request = timeout(Duration::from_secs(1000), peer.read()).await.expect("nobody asks");
        let method = request["method"].as_str().unwrap().to_owned();
        let list = match method.as_str() {
            "tools/list" => json!({ "tools": [] }),
            "prompts/list" => json!({ "prompts": [{ "name": "p" }] }),
            "resources/list" => json!({ "resources": [{ "uri": "db://x", "name": "x" }] }),
            _ => json!({ "resourceTemplates": [] }),
        };
        peer.answer(&request, &list.to_string()).await;
        asked.push(method);
    }
    peer.settle().await;
    asked.sort();
    asked
}

const ALL: [&str; 4] = ["prompts/list", "resources/list", "resources/templates/list", "tools/list"];

#[tokio::test(start_paused = true)]
async fn a_server_is_asked_for_what_it_says_it_has_and_again_when_that_changes() {
    let wake: crate::model::Wake = Arc::new(|_| {});
    let settings = crate::tests::catalog();
    let (merger, reader) = MergerActor::start(settings, wake, Memory::none()).await.unwrap();
    let mut peer = Peer::start();
    peer.lane = peer.lane.clone().offering(Offers { prompts: true, ..Offers::default() });
    let spec = Arc::new(crate::tests::spec("a"));
    merger.server_up(Arc::clone(&spec), peer.link("a", 1));
    assert_eq!(serve(&mut peer, 2).await, ["prompts/list", "tools/list"]);
    assert!(peer.reads_nothing().await);
    let states = |kind| {
        let view = view(&reader.current(), "");
        view.list(kind).servers().values().copied().collect::<Vec<_>>()
    };
    assert_eq!(names(&view(&reader.current(), ""), ListKind::Prompts), "a.p");
    assert_eq!(states(ListKind::Prompts), [ListState::Known]);
    assert_eq!(states(ListKind::Resources), [ListState::Absent]);
    for kind in ["prompts", "resources"] {
        let told =
            json!({ "jsonrpc": "2.0", "method": format!("notifications/{kind}/list_changed") });
        peer.say(&told.to_string()).await;
        assert_eq!(serve(&mut peer, 2).await, ["prompts/list", "tools/list"], "{kind}");
    }
    merger.server_down(spec.id.clone(), ServerState::Backoff, false);
    merger.sync().await;
    assert_eq!(names(&view(&reader.current(), ""), ListKind::Prompts), "a.p", "it may come back");
    // The next life has more.
    let every = Offers { prompts: true, resources: true, completions: true, ..Offers::default() };
    peer.lane = peer.lane.clone().offering(every);
    merger.server_up(spec, peer.link("a", 2));
    assert_eq!(serve(&mut peer, 4).await, ALL);
    assert_eq!(names(&view(&reader.current(), ""), ListKind::Resources), "db://a/x");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_costs_only_itself() {
    let wake: crate::model::Wake = Arc::new(|_| {});
    let settings = crate::tests::catalog();
    let (merger, reader) = MergerActor::start(settings, wake, Memory::none()).await.unwrap();
    let mut peer = Peer::start();
    peer.lane = peer.lane.clone().offering(Offers { prompts: true, ..Offers::default() });
    merger.server_up(Arc::new(crate::tests::spec("a")), peer.link("a", 1));
    for _ in 0..2 {
        let request = peer.read().await;
        let list = if request["method"] == "tools/list" {
            r#"{"tools":[{"name":"t","inputSchema":{}}]}"#
        } else {
            r#"{"prompts":7}"#
        };
        peer.answer(&request, list).await;
    }
    peer.settle().await;
    assert_eq!(names(&view(&reader.current(), ""), ListKind::Tools), "a.t");
    // It is asked for again after a while, the tools are not.
    assert_eq!(serve(&mut peer, 1).await, ["prompts/list"]);
    assert_eq!(names(&view(&reader.current(), ""), ListKind::Prompts), "a.p");
}

#[tokio::test]
async fn what_was_known_is_remembered_list_by_list() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = StateDir::claim(folder.path()).unwrap();
    let store = SqliteStore::open(&state_dir, WallClock::system()).await.unwrap();
    let kept: Arc<dyn Store> = Arc::new(store);
    let memory = Memory::load(Arc::clone(&kept)).await;
    let mut before = slice("a", &["p"], &["db://x/1"], &[]);
    before.parts.get_mut(ListKind::Templates).up(false);
    memory.keep(&before).unwrap().await;
    let mut memory = Memory::load(kept).await;
    let spec = crate::tests::spec("a");
    let after = Slice::new(Arc::new(spec.clone()), memory.recall(&spec));
    let states: Vec<ListState> = after.parts.iter().map(|(_, part)| part.state()).collect();
    let known = ListState::Known;
    assert_eq!(states, [known, known, known, ListState::Absent]);
    let catalog = catalog([after]);
    assert_eq!(names(&view(&catalog, ""), ListKind::Prompts), "a.p");
    assert_eq!(names(&view(&catalog, ""), ListKind::Resources), "db://a/x/1");
    assert_eq!(memory.recall(&crate::tests::spec("other")).len(), 0);
}
