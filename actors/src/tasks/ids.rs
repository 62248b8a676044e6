//! This file puts the ids that callers are shown into what servers answer about tasks.
//!
//! Pure. Only members that hold an id are touched. It leaves to others to see from its words that an answer
//! has none, which then need not be taken apart.

use bytes::Bytes;

use crate::wire::{CallKind, Hop, Members, RELATED_TASK, TaskVerb, json_string};

/// An answer with ids as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The result.
    pub(crate) result: Bytes,
    /// The server's own id of the task that was made, if one was.
    pub(crate) made: Option<String>,
}

/// `result` of a request of this kind, by a server spoken to as `hop`, with ids as `shown` shows
/// them; `None` if there are none in it. `asked` if the call was to become a task.
///
/// # Errors
/// If one cannot be shown.
pub(crate) fn with_shown_ids(
    kind: CallKind,
    hop: Hop,
    asked: bool,
    result: &Bytes,
    shown: impl Fn(&str) -> Option<String>,
) -> Result<Option<Shown>, String> {
    let Ok(mut members) = Members::read(result) else { return Ok(None) };
    let mut change = Change { shown, changed: false };
    let mut made = None;
    match (kind, hop) {
        (CallKind::Tool, Hop::Legacy) if asked => {
            if let Some(Ok(mut task)) = members.get("task").map(Members::read) {
                made = change.id(&mut task)?;
                members.set("task", task.to_json());
            }
        }
        (CallKind::Tool, Hop::Modern) if members.text("resultType").as_deref() == Some("task") => {
            made = change.id(&mut members)?;
        }
        (CallKind::Task(verb), _) => {
            change.id(&mut members)?;
            // The specification says so, and two of its examples do not.
            let is_task = members.text("resultType").as_deref() == Some("task");
            if verb == TaskVerb::Get && hop == Hop::Modern && is_task {
                members.set("resultType", Bytes::from_static(br#""complete""#));
            }
        }
        _ => {}
    }
    change.related(&mut members)?;
    Ok(change.changed.then(|| Shown { result: members.to_json(), made }))
}

/// What becomes of ids.
struct Change<F> {
    shown: F,
    changed: bool,
}

impl<F: Fn(&str) -> Option<String>> Change<F> {
    /// Changes the member `taskId`, if there is one; returns what it was.
    fn id(&mut self, members: &mut Members) -> Result<Option<String>, String> {
        let Some(own) = members.text("taskId") else { return Ok(None) };
        let shown = (self.shown)(&own).ok_or("the id of its task is too long")?;
        members.set("taskId", json_string(&shown));
        self.changed = true;
        Ok(Some(own.to_string()))
    }

    /// Changes the id in `_meta`.
    fn related(&mut self, members: &mut Members) -> Result<(), String> {
        let Some(Ok(mut meta)) = members.get("_meta").map(Members::read) else { return Ok(()) };
        let Some(Ok(mut related)) = meta.get(RELATED_TASK).map(Members::read) else {
            return Ok(());
        };
        if self.id(&mut related)?.is_some() {
            meta.set(RELATED_TASK, related.to_json());
            members.set("_meta", meta.to_json());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty expectation: nothing is changed.
    #[track_caller]
    fn check(kind: CallKind, hop: Hop, result: &str, expected: &str, made: Option<&str>) {
        let result = Bytes::copy_from_slice(result.as_bytes());
        let asked = hop == Hop::Legacy;
        let found = with_shown_ids(kind, hop, asked, &result, |own| Some(format!("*{own}*")));
        let found = found.unwrap();
        let text = found.as_ref().map(|found| String::from_utf8(found.result.to_vec()).unwrap());
        assert_eq!(text.unwrap_or_default(), expected);
        assert_eq!(found.and_then(|found| found.made).as_deref(), made);
    }

    #[test]
    fn a_task_that_was_made_is_shown_and_noted() {
        check(
            CallKind::Tool,
            Hop::Legacy,
            r#"{"task":{"taskId":"7","status":"working","ttl":1.0},"x":1.0}"#,
            r#"{"task":{"taskId":"*7*","status":"working","ttl":1.0},"x":1.0}"#,
            Some("7"),
        );
        check(
            CallKind::Tool,
            Hop::Modern,
            r#"{"resultType":"task","taskId":"7","status":"working"}"#,
            r#"{"resultType":"task","taskId":"*7*","status":"working"}"#,
            Some("7"),
        );
    }

    #[test]
    fn what_is_said_of_a_task_names_it() {
        let verbs = [TaskVerb::Get, TaskVerb::Cancel, TaskVerb::Update];
        for kind in verbs.map(CallKind::Task) {
            let (task, shown) = (r#"{"taskId":"7","a":[1.0]}"#, r#"{"taskId":"*7*","a":[1.0]}"#);
            check(kind, Hop::Legacy, task, shown, None);
            check(kind, Hop::Modern, task, shown, None);
        }
        check(
            CallKind::Task(TaskVerb::Get),
            Hop::Modern,
            r#"{"resultType":"task","taskId":"7"}"#,
            r#"{"resultType":"complete","taskId":"*7*"}"#,
            None,
        );
        check(
            CallKind::Task(TaskVerb::Result),
            Hop::Legacy,
            r#"{"content":[],"_meta":{"a":1.0,"io.modelcontextprotocol/related-task":{"taskId":"7"}}}"#,
            r#"{"content":[],"_meta":{"a":1.0,"io.modelcontextprotocol/related-task":{"taskId":"*7*"}}}"#,
            None,
        );
    }

    #[test]
    fn an_id_that_is_none_of_the_protocol_is_left_alone() {
        for result in [
            r#"{"content":[],"structuredContent":{"taskId":"7"}}"#,
            r#"{"taskId":"7","content":[]}"#,
            r#"{"content":[{"type":"text","text":"\"taskId\""}]}"#,
            r#"{"task":7,"taskId":"7"}"#,
            r#""taskId""#,
        ] {
            check(CallKind::Tool, Hop::Legacy, result, "", None);
            check(CallKind::Tool, Hop::Modern, result, "", None);
            check(CallKind::Prompt, Hop::Legacy, result, "", None);
        }
    }

    #[test]
    fn a_call_that_was_to_answer_made_no_task() {
        let result = Bytes::from_static(br#"{"task":{"taskId":"7"},"content":[]}"#);
        let found = with_shown_ids(CallKind::Tool, Hop::Legacy, false, &result, |_| unreachable!());
        assert_eq!(found, Ok(None));
    }

    #[test]
    fn what_belongs_to_a_task_names_it_whether_or_not_the_call_was_to_become_one() {
        let result =
            r#"{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"7"}}}"#;
        let expected = result.replace("\"7\"", "\"*7*\"");
        for asked in [true, false] {
            let result = Bytes::from_static(result.as_bytes());
            let shown = |own: &str| Some(format!("*{own}*"));
            let found = with_shown_ids(CallKind::Tool, Hop::Legacy, asked, &result, shown);
            assert_eq!(found, Ok(Some(Shown { result: expected.clone().into(), made: None })));
        }
    }

    #[test]
    fn an_id_that_cannot_be_shown_is_an_error() {
        let result = Bytes::from_static(br#"{"resultType":"task","taskId":"7"}"#);
        let found = with_shown_ids(CallKind::Tool, Hop::Modern, false, &result, |_| None);
        assert_eq!(found, Err("the id of its task is too long".to_owned()));
    }
}
