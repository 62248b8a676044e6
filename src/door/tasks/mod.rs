//! This folder serves tasks: calls that are answered with a task, and followed up by its id.
//!
//! Two designs of the protocol meet here. In revisions with a handshake the *client* asks for a task
//! (MCP 2025-11-25, basic/utilities/tasks); without one the *server* makes it, of a call whose caller
//! declared the extension. Between two of one kind everything is passed on, the ids under seal; a
//! client of the newer kind gets what a server of the older kind does as a task only, as if it were
//! an ordinary call (`following`). It leaves sealing ids to the running system.

mod following;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use conductor_actors::wire::{
    CallParams, Id, Members, Meta, Outcome, RELATED_TASK, TASKS, TaskVerb, Text, declares_tasks,
    notification,
};
use conductor_actors::{Call, TaskNews};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::reply::Refusal;
use super::service::{Service, bad_cursor, response};
pub(super) use following::call;

/// Tasks on one page.
const PAGE: usize = 50;
/// How many servers are asked at once how their tasks stand.
const PARALLEL: usize = 8;
/// How long a server may take to say so.
const LIMIT: Duration = Duration::from_secs(10);
/// What a cursor begins with.
const MARK: &str = "k1\n";

/// Whether a request says that its caller can follow tasks.
pub(super) fn are_declared(meta: &Meta) -> bool {
    meta.client_capabilities.as_ref().is_some_and(declares_tasks)
}

/// Refuses what only those may ask for who declare the extension.
pub(super) fn must_declare(meta: &Meta) -> Result<(), Refusal> {
    match are_declared(meta) {
        true => Ok(()),
        false => {
            let required = json!({ "extensions": { TASKS: {} } });
            Err(Refusal::MissingCapability { required })
        }
    }
}

/// The id of the task that a result of a server with a handshake says it made.
pub(super) fn made(result: &Bytes) -> Option<Text> {
    Members::read(&Members::read(result).ok()?.take("task")?).ok()?.text("taskId")
}

/// An object that says in its `_meta` to which task it belongs.
pub(super) fn with_related(object: &Bytes, task: &str) -> Bytes {
    let Ok(mut members) = Members::read(object) else { return object.clone() };
    let meta = members.get("_meta").and_then(|meta| Members::read(meta).ok());
    let mut meta = meta.unwrap_or_default();
    meta.set(RELATED_TASK, json!({ "taskId": task }).to_string().into());
    members.set("_meta", meta.to_json());
    members.to_json()
}

/// Serves `tasks/list`: the caller's tasks at this door, each as its server says it stands. Servers
/// are asked one task at a time, for their own lists name the tasks of all callers.
pub(super) async fn list(service: &Service, id: &Id, params: &Members) -> Result<Bytes, Refusal> {
    let after = match params.get("cursor").map(|raw| &raw[..]) {
        None | Some(b"null") => 0,
        Some(_) => {
            params.text("cursor").and_then(|cursor| decode(&cursor)).ok_or_else(bad_cursor)?
        }
    };
    let (system, scope, caller) = (service.system(), service.scope(), service.caller());
    let seat = service.seat();
    let mut held = system.tasks((scope, caller, seat.as_ref()), after, PAGE + 1).await;
    let more = held.len() > PAGE;
    held.truncate(PAGE);
    let last = held.last().map(|(number, _)| *number).filter(|_| more);
    let asked = held.into_iter().map(|(number, shown)| async move {
        let params = Box::new(CallParams::of_task(TaskVerb::Get, Text::from(&*shown)));
        let deadline = Some(Instant::now() + LIMIT);
        let call = Call { deadline, seat: service.seat(), ..Call::new(params) };
        match system.call(scope, caller.clone(), call).await.map(|answer| answer.outcome) {
            Ok(Outcome::Result(task)) => Some(task),
            Ok(Outcome::Error(_)) => {
                system.forget_task(scope, caller, number).await;
                None
            }
            // A server that is not there now may know it later.
            Err(_) => None,
        }
    });
    let tasks: Vec<Option<Bytes>> = stream::iter(asked).buffered(PARALLEL).collect().await;
    let mut result = br#"{"tasks":["#.to_vec();
    for (at, task) in tasks.into_iter().flatten().enumerate() {
        if at > 0 {
            result.push(b',');
        }
        result.extend_from_slice(&task);
    }
    result.push(b']');
    if let Some(last) = last {
        result.extend_from_slice(format!(r#","nextCursor":"{}""#, encode(last)).as_bytes());
    }
    result.push(b'}');
    Ok(response(id, &result))
}

fn encode(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARK}{number}"))
}

fn decode(cursor: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix(MARK)?.parse().ok()
}

/// News of a task, for a peer with a handshake that knows it as `shown`.
pub(super) fn told(shown: &str, news: &TaskNews) -> Bytes {
    let id = || Bytes::from(json!(shown).to_string());
    let (method, params) = match news {
        TaskNews::Status(status) => {
            let mut params = Members::read(status).unwrap_or_default();
            params.set("taskId", id());
            ("notifications/tasks/status", params)
        }
        TaskNews::Progress(progress) => {
            let mut params = Members::read(progress).unwrap_or_default();
            let meta = json!({ RELATED_TASK: { "taskId": shown } });
            params.set("_meta", meta.to_string().into());
            ("notifications/progress", params)
        }
    };
    notification(method, Some(&params.to_json()))
}

#[cfg(test)]
mod tests {
    use conductor_actors::wire::related_task;

    use super::*;

    #[test]
    fn a_cursor_is_what_was_given_out() {
        assert_eq!(decode(&encode(7)), Some(7));
        for wrong in ["", "7", "azE", "t1.", &URL_SAFE_NO_PAD.encode("t1\n7")] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_older_server_says_in_a_member_that_it_made_a_task() {
        let made = |result: &'static str| made(&Bytes::from_static(result.as_bytes()));
        assert_eq!(made(r#"{"task":{"taskId":"t"}}"#), Some(Text::from("t")));
        assert_eq!(made(r#"{"taskId":"t"}"#), None);
    }

    #[test]
    fn what_belongs_to_a_task_says_so() {
        let object = with_related(&Bytes::from_static(br#"{"a":1.0}"#), "t");
        let related = r#"{"io.modelcontextprotocol/related-task":{"taskId":"t"}}"#;
        assert_eq!(object, format!(r#"{{"a":1.0,"_meta":{related}}}"#));
        assert_eq!(related_task(&object), Some(Text::from("t")));
        assert_eq!(related_task(&Bytes::from_static(br#"{"_meta":{}}"#)), None);
    }

    #[test]
    fn news_of_a_task_carry_the_id_that_is_shown() {
        assert_eq!(
            told("t1.x", &TaskNews::Status(r#"{"status":"working","ttl":1.0}"#.into())),
            r#"{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"status":"working","ttl":1.0,"taskId":"t1.x"}}"#
        );
        assert_eq!(
            told("t1.x", &TaskNews::Progress(r#"{"progressToken":1,"progress":2}"#.into())),
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":2,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t1.x"}}}}"#
        );
    }

    #[test]
    fn the_extension_must_be_declared_in_the_request() {
        let meta = |capabilities: &str| {
            let meta =
                format!(r#"{{"io.modelcontextprotocol/clientCapabilities":{capabilities}}}"#);
            Meta::read(&Bytes::from(meta)).unwrap()
        };
        let declared = format!(r#"{{"extensions":{{"{TASKS}":{{}}}}}}"#);
        assert_eq!(must_declare(&meta(&declared)), Ok(()));
        let required = json!({ "extensions": { TASKS: {} } });
        assert_eq!(must_declare(&meta("{}")), Err(Refusal::MissingCapability { required }));
    }
}
