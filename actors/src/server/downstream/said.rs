//! This file reads what a server says unasked: log messages, updates of resources, and which of them
//! it agrees to tell.
//!
//! Pure. A server may fill these as it likes, so texts in them lose what nobody sees and have a limit
//! of length. It leaves to the desk whom they are for.

use std::sync::Arc;

use bytes::Bytes;

use super::desk::PREFIX;
use crate::model::{Callers, LogMessage, Notice, TaskNews};
use crate::visible::sanitize_text;
use crate::wire::{
    Id, LogLevel, Members, Notification, is_of_extension, notification, write_json_string,
};

/// Longest parameters of a log message that are passed on as they are, in bytes.
const LOG_MAX: usize = 16 * 1024;
/// So much of a longer one is shown.
const LOG_SHOWN: usize = 4 * 1024;
/// Longest name of a logger.
const LOGGER_MAX: usize = 256;
/// Longest address, in bytes.
const ADDRESS_MAX: usize = 8 * 1024;
/// What belongs to one hop only begins so in `_meta`.
const HOP_PREFIX: &str = "io.modelcontextprotocol/";

/// Something a server said that is for whoever wants to hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A resource was updated: its address there.
    Updated(Arc<str>),
    /// A log message that belongs to no call in particular.
    Logged(LogMessage),
    /// A notification of an extension that belongs to no call in particular.
    Noticed(Notice),
    /// The end of a visit that it asked for under this id; `heard` if a call was told.
    Visited { id: Arc<str>, heard: bool },
    /// Something about the task that it calls so.
    Task { own: Arc<str>, news: TaskNews },
    /// Of these resources it will tell, for as long as this request is under way.
    Acknowledged {
        /// The request.
        ticket: u64,
        /// Their addresses there.
        addresses: Vec<Arc<str>>,
    },
}

/// The address in the parameters of `notifications/resources/updated`.
pub(super) fn updated(params: &Bytes) -> Option<Arc<str>> {
    address(&Members::read(params).ok()?.text("uri")?)
}

/// How a task stands, by the parameters of a notification.
pub(super) fn status(params: &Bytes) -> Option<Said> {
    let mut params = Members::read(params).ok()?;
    let own = address(&params.text("taskId")?)?;
    params.0.retain(|member| !matches!(&*member.key, "taskId" | "_meta"));
    let news = TaskNews::Status(visible(&params.to_json()));
    Some(Said::Task { own, news })
}

/// How far a task is that a call was made into, whose caller has chosen `token`.
pub(super) fn progress(own: Arc<str>, mut params: Members, token: &Bytes) -> Said {
    params.set("progressToken", token.clone());
    params.take("_meta");
    Said::Task { own, news: TaskNews::Progress(params.to_json()) }
}

/// What a server calls the visit that it asks for, or whose end it tells of (MCP 2025-11-25,
/// client/elicitation).
pub(super) fn visit(params: &Bytes) -> Option<Arc<str>> {
    address(&Members::read(params).ok()?.text("elicitationId")?)
}

fn address(text: &str) -> Option<Arc<str>> {
    (text.len() <= ADDRESS_MAX && !text.contains(char::is_control)).then(|| text.into())
}

/// What `notifications/subscriptions/acknowledged` says.
pub(super) fn acknowledged(params: &Bytes) -> Option<Said> {
    let params = Members::read(params).ok()?;
    let meta = Members::read(params.get("_meta")?).ok()?;
    let id = meta.get("io.modelcontextprotocol/subscriptionId").cloned();
    let ticket = id.and_then(Id::from_raw)?.number_after(PREFIX)?;
    let wishes = Members::read(params.get("notifications")?).ok()?;
    let addresses = wishes.get("resourceSubscriptions");
    let addresses: Vec<String> = match addresses {
        Some(addresses) => serde_json::from_slice(addresses).ok()?,
        None => Vec::new(),
    };
    let addresses = addresses.iter().filter_map(|text| address(text)).collect();
    Some(Said::Acknowledged { ticket, addresses })
}

/// A notification that no revision knows as it is passed on: without what belongs to the hop it came
/// over. One that belongs to a request of ours is for nobody else.
pub(super) fn notice(told: &Notification) -> Option<Bytes> {
    if !is_of_extension(&told.method) {
        return None;
    }
    let mut params = told.params.as_ref().map(Members::read).transpose().ok()?;
    if let Some(params) = &mut params
        && let Some(meta) = params.get("_meta")
    {
        let mut meta = Members::read(meta).ok()?;
        if meta.get("io.modelcontextprotocol/subscriptionId").is_some() {
            return None;
        }
        meta.0.retain(|member| !member.key.starts_with(HOP_PREFIX));
        params.set("_meta", meta.to_json());
    }
    let params = params.map(|params| params.to_json());
    Some(notification(&told.method, params.as_deref()))
}

/// The level in the parameters of `notifications/message`.
pub(super) fn level(params: &Bytes) -> Option<LogLevel> {
    Members::read(params).ok()?.text("level")?.parse().ok()
}

/// A message of that level as it is passed on: with visible characters only, short enough, and
/// without what belongs to the hop it came over.
pub(super) fn logged(level: LogLevel, params: &Bytes) -> Option<Bytes> {
    let mut params = Members::read(params).ok()?;
    if let Some(meta) = params.take("_meta")
        && let Ok(mut meta) = Members::read(&meta)
    {
        meta.0.retain(|member| !member.key.starts_with(HOP_PREFIX));
        if !meta.0.is_empty() {
            params.set("_meta", meta.to_json());
        }
    }
    let whole = params.to_json();
    if whole.len() <= LOG_MAX {
        return Some(visible(&whole));
    }
    Some(shortened(level, &params))
}

/// A message of which only the beginning is told.
fn shortened(level: LogLevel, params: &Members) -> Bytes {
    let data = params.text("data");
    let shown = match &data {
        Some(text) => sanitize_text(text, LOG_SHOWN).into_owned(),
        None => {
            let bytes = params.get("data").map_or(0, Bytes::len);
            format!("[a log message with {bytes} bytes of data, left out]")
        }
    };
    let mut out = format!(r#"{{"level":"{level}""#).into_bytes();
    if let Some(logger) = params.text("logger") {
        out.extend_from_slice(br#","logger":"#);
        write_json_string(&mut out, &sanitize_text(&logger, LOGGER_MAX));
    }
    out.extend_from_slice(br#","data":"#);
    write_json_string(&mut out, &shown);
    out.push(b'}');
    Bytes::from(out)
}

/// `json` with visible characters only in its texts. What is no text stays as it was written.
fn visible(json: &Bytes) -> Bytes {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t') && *byte != b'\\';
    if json.iter().all(plain) {
        return json.clone();
    }
    let mut out = Vec::with_capacity(json.len());
    let mut rest: &[u8] = json;
    while let Some(begin) = memchr::memchr(b'"', rest) {
        let end = begin + text_end(&rest[begin..]);
        out.extend_from_slice(&rest[..begin]);
        match serde_json::from_slice::<String>(&rest[begin..end]) {
            Ok(text) => write_json_string(&mut out, &sanitize_text(&text, LOG_MAX)),
            // Cannot be: it was read as JSON before.
            Err(_) => out.extend_from_slice(b"\"\""),
        }
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    Bytes::from(out)
}

/// Where the JSON text ends that begins `json`.
fn text_end(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

/// A message that belongs to no call, if it may be of use to anybody.
pub(super) fn unattributed(level: LogLevel, params: &Bytes, callers: &Callers) -> Option<Said> {
    let params = logged(level, params)?;
    Some(Said::Logged(LogMessage { level, params, callers: callers.clone() }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(params: &str, expected: &str) {
        let params = Bytes::copy_from_slice(params.as_bytes());
        let found = level(&params).and_then(|level| logged(level, &params));
        let found = found.map(|found| String::from_utf8(found.to_vec()).unwrap());
        assert_eq!(found.as_deref().unwrap_or("nothing"), expected);
    }

    #[test]
    fn a_plain_message_is_passed_on_byte_by_byte() {
        let plain = r#"{"level":"info","logger":"db","data":{"n":1.0e2, "big":123456789012345678901234567890},"x":[1]}"#;
        check(plain, plain);
    }

    #[test]
    fn what_nobody_sees_is_taken_out_of_texts_and_of_nothing_else() {
        check(
            r#"{"level":"error","logger":"a\u001b[31mb","data":{"k\u0007":"a\u200bb \"q\" \\ é\n","n":1.0}}"#,
            r#"{"level":"error","logger":"ab","data":{"k":"ab \"q\" \\ é\n","n":1.0}}"#,
        );
    }

    #[test]
    fn what_belongs_to_the_hop_is_taken_out() {
        check(
            r#"{"level":"info","data":1,"_meta":{"io.modelcontextprotocol/subscriptionId":"c-1"}}"#,
            r#"{"level":"info","data":1}"#,
        );
        check(
            r#"{"level":"info","data":1,"_meta":{"io.modelcontextprotocol/x":1,"own":2}}"#,
            r#"{"level":"info","data":1,"_meta":{"own":2}}"#,
        );
    }

    #[test]
    fn a_message_without_a_level_is_none() {
        check(r#"{"data":"x"}"#, "nothing");
        check(r#"{"level":"loud","data":"x"}"#, "nothing");
        check("[]", "nothing");
    }

    #[test]
    fn a_long_message_is_cut() {
        let long = "x".repeat(LOG_MAX);
        let cut = format!("{} [cut]", "x".repeat(LOG_SHOWN));
        check(
            &json!({ "level": "info", "logger": "db", "data": long }).to_string(),
            &format!(r#"{{"level":"info","logger":"db","data":"{cut}"}}"#),
        );
        let params = format!(r#"{{"level":"info","data":["{long}"]}}"#);
        let text = format!("[a log message with {} bytes of data, left out]", long.len() + 4);
        check(&params, &format!(r#"{{"level":"info","data":"{text}"}}"#));
    }

    #[test]
    fn an_update_names_an_address() {
        let read = |json: &str| updated(&Bytes::copy_from_slice(json.as_bytes()));
        assert_eq!(read(r#"{"uri":"note://a"}"#).as_deref(), Some("note://a"));
        assert_eq!(read(r#"{"uri":"note://\n"}"#), None);
        assert_eq!(read(r#"{"uri":7}"#), None);
        let long = json!({ "uri": "x".repeat(ADDRESS_MAX + 1) }).to_string();
        assert_eq!(read(&long), None);
    }

    #[test]
    fn a_notification_that_no_revision_knows_is_one_of_an_extension() {
        let read = |method: &str, params: Option<&'static str>| {
            let params = params.map(|params| Bytes::from_static(params.as_bytes()));
            let line = notice(&Notification { method: method.into(), params });
            line.map(|line| String::from_utf8(line.to_vec()).unwrap())
        };
        let whole = |params: &str| {
            Some(format!(r#"{{"jsonrpc":"2.0","method":"notifications/x/y"{params}}}"#))
        };
        let method = "notifications/x/y";
        assert_eq!(read(method, None), whole(""));
        let params = r#"{"b":1e999,"a":"\u00e9","_meta":{"x/y":1.0}}"#;
        assert_eq!(read(method, Some(params)), whole(&format!(r#","params":{params}"#)));
        let hop = r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"},"x":1}}"#;
        assert_eq!(read(method, Some(hop)), whole(r#","params":{"_meta":{"x":1}}"#));
        let ours = r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"c-1"}}"#;
        assert_eq!(read(method, Some(ours)), None);
        assert_eq!(read(method, Some("[1]")), None);
        for known in ["notifications/initialized", "notifications/roots/list_changed", "ping", ""] {
            assert_eq!(read(known, None), None, "{known}");
        }
    }

    #[test]
    fn an_acknowledgement_says_for_which_request_it_is() {
        let read = |json: Value| acknowledged(&Bytes::from(json.to_string()));
        let meta = |id: &str| json!({ "io.modelcontextprotocol/subscriptionId": id });
        let wishes = json!({ "resourceSubscriptions": ["a:/b"], "toolsListChanged": true });
        let expected = Said::Acknowledged { ticket: 7, addresses: vec!["a:/b".into()] };
        assert_eq!(read(json!({ "_meta": meta("c-7"), "notifications": wishes })), Some(expected));
        let none = Said::Acknowledged { ticket: 7, addresses: Vec::new() };
        assert_eq!(read(json!({ "_meta": meta("c-7"), "notifications": {} })), Some(none));
        assert_eq!(read(json!({ "_meta": meta("x"), "notifications": {} })), None);
        assert_eq!(read(json!({ "notifications": {} })), None);
    }

    proptest! {
        #[test]
        fn whatever_is_logged_stays_json_and_loses_its_control_characters(
            data in proptest::collection::vec("\\PC*|[\\x00-\\x1f\"\\\\]{0,8}", 0..4),
        ) {
            let params = json!({ "level": "info", "data": { "list": data } });
            let found = logged(LogLevel::Info, &Bytes::from(params.to_string())).unwrap();
            let found: Value = serde_json::from_slice(&found).unwrap();
            let texts = found["data"]["list"].as_array().unwrap();
            prop_assert_eq!(texts.len(), data.len());
            for text in texts {
                let hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
                prop_assert!(!text.as_str().unwrap().contains(hidden));
            }
        }
    }
}
