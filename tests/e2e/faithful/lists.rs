//! These tests list through the gateway what nobody would list.
//! They leave definitions that are changed on purpose to `explain`.

use std::collections::BTreeMap;

use conductor_e2e::wait;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Way, daemons, json_of, some, squeezed, ways};
use crate::world::SOON;

/// Entries of each list.
const ENTRIES: usize = 20;

/// A list, by its method and by the key of its entries.
const LISTS: [(&str, &str); 4] = [
    ("tools/list", "tools"),
    ("prompts/list", "prompts"),
    ("resources/list", "resources"),
    ("resources/templates/list", "resourceTemplates"),
];

/// What an entry is known by: how its server calls it, and how it is shown at merged doors.
fn names(key: &str, server: &str, at: usize) -> (String, String) {
    match key {
        "tools" | "prompts" => (format!("n{at:02}"), format!("{server}.n{at:02}")),
        "resources" => (format!("urn:mock:{at:02}"), format!("mcpgw://{server}/urn:mock:{at:02}")),
        _ => {
            (format!("note://main/{at:02}/{{id}}"), format!("note://{server}/main/{at:02}/{{id}}"))
        }
    }
}

/// The entry of this name, which says `any` wherever it can. A tool says how it is made into a task,
/// unless it is listed for newer clients.
fn entry(key: &str, name: &str, any: &str, modern: bool) -> String {
    let all = format!(
        r#""x-z":{any},"title":"T","icons":[{{"x":{any},"src":"https://mock.invalid/i.png","sizes":["48x48"]}}],"_meta":{{"x/y":{any}}}"#
    );
    let kept = format!(r#""audience":["user"],"priority":0.50,"x":{any}"#);
    match key {
        "tools" => {
            let schema = format!(
                r#"{{"x-w":{any},"type":"object","properties":{{"a":{{"maximum":123456789012345678901234567890,"type":"integer"}}}}}}"#
            );
            let task = if modern { "" } else { r#","execution":{"taskSupport":"optional"}"# };
            format!(
                r#"{{{all},"inputSchema":{schema},"name":"{name}","outputSchema":{schema}{task},"annotations":{{"readOnlyHint":true,"x":{any}}}}}"#
            )
        }
        "prompts" => format!(
            r#"{{{all},"arguments":[{{"x":{any},"name":"a","title":"A","required":true}}],"name":"{name}"}}"#
        ),
        "resources" => format!(
            r#"{{{all},"name":"n","size":18446744073709551616,"uri":"{name}","mimeType":"text/plain","annotations":{{{kept}}}}}"#
        ),
        _ => format!(r#"{{"uriTemplate":"{name}",{all},"name":"n","annotations":{{{kept}}}}}"#),
    }
}

#[derive(Deserialize)]
struct Answer {
    result: BTreeMap<String, Box<RawValue>>,
}

/// All entries of a list, page by page, without blanks.
async fn listed(way: &mut Way, method: &str, key: &str) -> Vec<String> {
    let (mut all, mut params) = (Vec::new(), json!({}));
    loop {
        let answer = way.door.asked(all.len(), method, params).await;
        let Answer { result } = serde_json::from_str(&answer).expect(&answer);
        let page: Vec<Box<RawValue>> = serde_json::from_str(result[key].get()).unwrap();
        all.extend(page.iter().map(|entry| squeezed(entry.get())));
        let Some(cursor) = result.get("nextCursor") else { return all };
        params = json!({ "cursor": serde_json::from_str::<String>(cursor.get()).unwrap() });
    }
}

#[tokio::test]
async fn entries_of_all_lists_reach_every_client_with_all_their_members() {
    let (mut runner, folder) = (TestRunner::deterministic(), tempfile::tempdir().unwrap());
    // What some clients could not decode is left out of lists, and what nobody sees out of texts.
    let number = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?";
    let piece = prop_oneof![
        "[a-zA-Z0-9.:/]{0,6}",
        Just("\u{e9}\u{1f600}".to_owned()),
        Just(r#"\u00e9\ud83d\ude00\/\""#.to_owned()),
    ];
    let any = json_of(number, piece);
    let any: Vec<String> = (0..ENTRIES).map(|_| some(&mut runner, &any)).collect();
    let entries = |key: &'static str, server: &'static str, merged: bool, modern: bool| {
        let any = any.iter().enumerate();
        any.map(move |(at, any)| {
            let (own, shown) = names(key, server, at);
            entry(key, if merged { &shown } else { &own }, any, modern)
        })
    };
    let text = |(method, key): (&str, &'static str)| {
        let all: Vec<String> = entries(key, "", false, false).collect();
        (method.to_owned(), json!(format!(r#""{key}":[{}]"#, all.join(" , "))))
    };
    let file = folder.path().join("listed");
    let texts: serde_json::Map<_, _> = LISTS.into_iter().map(text).collect();
    std::fs::write(&file, serde_json::Value::from(texts).to_string()).unwrap();
    let (daemon, _elsewhere) =
        daemons(&["--library", "--listed", file.to_str().unwrap()], "n00").await;
    for server in ["old", "new", "far-old", "far-new"] {
        for modern in [false, true] {
            // What is elsewhere comes through a door of this kind already.
            let without_tasks = modern || server == "far-new";
            for mut way in ways(&daemon, server, modern).await {
                for (method, key) in LISTS {
                    let wanted: Vec<String> = entries(key, server, way.merged, without_tasks)
                        .map(|entry| squeezed(&entry))
                        .collect();
                    // Lists of one server are read one by one.
                    let found = wait::until("the list", SOON, async || {
                        let mut found = listed(&mut way, method, key).await;
                        found.retain(|entry| wanted.contains(entry));
                        (found == wanted).then_some(())
                    });
                    if found.await.is_err() {
                        let found = listed(&mut way, method, key).await;
                        let lacks = wanted.iter().find(|entry| !found.contains(entry));
                        panic!("{method} of {} lacks {lacks:#?}: {found:#?}", way.name);
                    }
                }
            }
        }
    }
}
