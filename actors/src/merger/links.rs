//! This file gives the addresses in what a server answered the form they are shown under.
//!
//! Pure. Only members that hold an address are touched, never a text. It leaves to others to see from its
//! words that an answer has none, which then need not be taken apart.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::addresses;
use crate::wire::{CallKind, Members, Outcome, TaskVerb, json_string};

/// `outcome` of a request of this kind with addresses that lead back to `server`; `None` if there
/// are none in it.
pub(crate) fn with_public_addresses(
    kind: CallKind,
    server: &str,
    outcome: &Outcome,
) -> Option<Outcome> {
    match outcome {
        Outcome::Error(error) => in_error(server, error).map(Outcome::Error),
        Outcome::Result(result) => {
            let block = |block: &Bytes| in_block(server, block);
            let changed = match kind {
                CallKind::Tool | CallKind::Task(TaskVerb::Result) => {
                    in_member(result, "content", |list| in_list(list, block))
                }
                CallKind::Task(TaskVerb::Get) => in_member(result, "result", |result| {
                    in_member(result, "content", |list| in_list(list, block))
                }),
                CallKind::Prompt => in_member(result, "messages", |messages| {
                    let content =
                        |content: &Bytes| in_list(content, block).or_else(|| block(content));
                    in_list(messages, |message| in_member(message, "content", content))
                }),
                CallKind::Resource => in_member(result, "contents", |contents| {
                    in_list(contents, |content| in_member(content, "uri", |uri| shown(server, uri)))
                }),
                CallKind::PromptArgument
                | CallKind::TemplateVariable
                | CallKind::Extension
                | CallKind::Notice
                | CallKind::Task(TaskVerb::Update | TaskVerb::Cancel) => None,
            };
            changed.map(Outcome::Result)
        }
    }
}

/// A block of content: a link to a resource, or a whole one.
fn in_block(server: &str, block: &Bytes) -> Option<Bytes> {
    let kind = Members::read(block).ok()?.text("type")?;
    let uri = |uri: &Bytes| shown(server, uri);
    match &*kind {
        "resource_link" => in_member(block, "uri", uri),
        "resource" => in_member(block, "resource", |inner| in_member(inner, "uri", uri)),
        _ => None,
    }
}

fn in_error(server: &str, error: &Bytes) -> Option<Bytes> {
    in_member(error, "data", |data| in_member(data, "uri", |uri| shown(server, uri)))
}

/// A JSON string with an address, in the form it is shown under.
fn shown(server: &str, uri: &Bytes) -> Option<Bytes> {
    let own: String = serde_json::from_slice(uri).ok()?;
    Some(json_string(&addresses::public(server, &own)))
}

/// `object` with what `change` makes of its member `key`, if it makes something of it.
fn in_member(object: &Bytes, key: &str, change: impl Fn(&Bytes) -> Option<Bytes>) -> Option<Bytes> {
    let mut members = Members::read(object).ok()?;
    let changed = change(members.get(key)?)?;
    members.set(key, changed);
    Some(members.to_json())
}

/// `list` with what `change` makes of its items, if it makes something of any.
fn in_list(list: &Bytes, change: impl Fn(&Bytes) -> Option<Bytes>) -> Option<Bytes> {
    let items: Vec<&RawValue> = serde_json::from_slice(list).ok()?;
    let mut out = Vec::with_capacity(list.len() + 64);
    let mut changed = false;
    for (at, item) in items.into_iter().enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        let item = list.slice_ref(item.get().as_bytes());
        let new = change(&item);
        changed |= new.is_some();
        out.extend_from_slice(&new.unwrap_or(item));
    }
    out.push(b']');
    changed.then(|| Bytes::from(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty expectation: nothing is changed.
    #[track_caller]
    fn check(kind: CallKind, result: &str, expected: &str) {
        let outcome = Outcome::Result(Bytes::copy_from_slice(result.as_bytes()));
        let found = match with_public_addresses(kind, "git", &outcome) {
            Some(Outcome::Result(found)) => String::from_utf8(found.to_vec()).unwrap(),
            Some(Outcome::Error(_)) => "an error".to_owned(),
            None => String::new(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn links_and_embedded_resources_in_results_of_tools_lead_back() {
        check(
            CallKind::Tool,
            r#"{"content":[{"type":"text","text":"\"uri\" 1.0"},{"uri":"db://a","type":"resource_link","n":1.0},{"type":"resource","resource":{"uri":"urn:a","text":"db://a"}}],"structuredContent":{"uri":"db://a"},"isError":false}"#,
            r#"{"content":[{"type":"text","text":"\"uri\" 1.0"},{"uri":"db://git/a","type":"resource_link","n":1.0},{"type":"resource","resource":{"uri":"mcpgw://git/urn:a","text":"db://a"}}],"structuredContent":{"uri":"db://a"},"isError":false}"#,
        );
    }

    #[test]
    fn contents_and_messages_name_addresses_too() {
        check(
            CallKind::Resource,
            r#"{"contents":[{"uri":"file:///a","text":"x"},{"uri":"https://a/b","blob":""}],"ttlMs":5}"#,
            r#"{"contents":[{"uri":"file://git/a","text":"x"},{"uri":"https://a/b","blob":""}],"ttlMs":5}"#,
        );
        check(
            CallKind::Prompt,
            r#"{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"db://a","text":""}}},{"role":"user","content":[{"type":"resource_link","uri":"db://b","name":"b"}]}]}"#,
            r#"{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"db://git/a","text":""}}},{"role":"user","content":[{"type":"resource_link","uri":"db://git/b","name":"b"}]}]}"#,
        );
    }

    #[test]
    fn what_a_task_came_to_leads_back_as_well() {
        let content = r#"{"content":[{"uri":"db://a","type":"resource_link"}]}"#;
        let shown = r#"{"content":[{"uri":"db://git/a","type":"resource_link"}]}"#;
        check(CallKind::Task(TaskVerb::Result), content, shown);
        check(
            CallKind::Task(TaskVerb::Get),
            &format!(r#"{{"status":"completed","result":{content}}}"#),
            &format!(r#"{{"status":"completed","result":{shown}}}"#),
        );
        check(CallKind::Task(TaskVerb::Cancel), content, "");
    }

    #[test]
    fn an_error_names_the_address_as_it_was_asked_for() {
        let error =
            Outcome::Error(r#"{"code":-32002,"message":"x","data":{"uri":"db://a"}}"#.into());
        let found = with_public_addresses(CallKind::Resource, "git", &error);
        let expected = r#"{"code":-32002,"message":"x","data":{"uri":"db://git/a"}}"#;
        assert_eq!(found, Some(Outcome::Error(expected.into())));
    }

    #[test]
    fn what_holds_no_address_is_left_alone() {
        for result in [
            r#"{"content":[{"type":"text","text":"db://a"}]}"#,
            r#"{"content":[{"type":"text","uri":"db://a"}]}"#,
            r#"{"content":[],"structuredContent":{"uri":"db://a"}}"#,
            r#"{"content":"\"uri\""}"#,
            r#"{"content":[{"type":"resource_link","uri":7}]}"#,
            r#""uri""#,
            r#"{"content":[{"uri":"db://a","uri":"db://b","type":"resource_link"}]}"#,
        ] {
            check(CallKind::Tool, result, "");
        }
        check(CallKind::PromptArgument, r#"{"completion":{"values":["x"],"uri":"db://a"}}"#, "");
    }
}
