//! This file takes JSON-RPC batches apart and puts their answers together (MCP 2025-03-26 only).
//!
//! Pure. It leaves serving the members to the doors.

use bytes::Bytes;
use conductor_actors::wire::{Malformed, Message, parse};
use serde_json::value::RawValue;

use super::reply::Refusal;

/// The most members of one batch.
pub(super) const MEMBERS_MAX: usize = 256;

/// The only revision that has batches.
pub(super) const VERSION: &str = "2025-03-26";

/// Whether this body is an array rather than a message.
pub(super) fn is_batch(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}

/// The members of a batch, each read by itself.
///
/// # Errors
/// If it is no batch at all: not JSON, empty, or too long.
pub(super) fn split(body: &Bytes) -> Result<Vec<Result<Message, Malformed>>, Refusal> {
    let members: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        Refusal::Unreadable { reason: format!("not well-formed JSON: {error}") }
    })?;
    if members.is_empty() || members.len() > MEMBERS_MAX {
        let reason = format!("a batch has 1 to {MEMBERS_MAX} messages, not {}", members.len());
        return Err(Refusal::NotAMessage { reason });
    }
    let part = |member: &RawValue| parse(&body.slice_ref(member.get().as_bytes()));
    Ok(members.into_iter().map(part).collect())
}

/// The refusal of a batch where there can be none.
pub(super) fn refused() -> Refusal {
    Refusal::NotAMessage { reason: "send one message at a time, not a batch".to_owned() }
}

/// One array of answers; `None` if there are none.
pub(super) fn join(answers: &[Bytes]) -> Option<Bytes> {
    let (first, others) = answers.split_first()?;
    let mut out =
        Vec::with_capacity(answers.iter().map(|answer| answer.len() + 1).sum::<usize>() + 1);
    out.push(b'[');
    out.extend_from_slice(first);
    for answer in others {
        out.push(b',');
        out.extend_from_slice(answer);
    }
    out.push(b']');
    Some(Bytes::from(out))
}

/// The refusal of bytes that are no message.
pub(super) fn malformed(error: &Malformed) -> Refusal {
    match error {
        Malformed::Syntax(_) => Refusal::Unreadable { reason: error.to_string() },
        Malformed::Shape { .. } => Refusal::NotAMessage { reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &'static str, expected: &str) {
        let found = match split(&Bytes::from_static(body.as_bytes())) {
            Err(refusal) => format!("{refusal:?}"),
            Ok(members) => {
                let kind = |member: &Result<Message, Malformed>| match member {
                    Ok(Message::Request(_)) => "request",
                    Ok(Message::Notification(_)) => "notification",
                    Ok(Message::Response(_)) => "response",
                    Err(_) => "malformed",
                };
                members.iter().map(kind).collect::<Vec<_>>().join(" ")
            }
        };
        assert!(found.contains(expected), "{body}: {found}");
    }

    #[test]
    fn each_member_is_read_by_itself() {
        check(
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}, {"jsonrpc":"2.0","method":"x"}, 7]"#,
            "request notification malformed",
        );
    }

    #[test]
    fn what_is_no_batch_is_refused_whole() {
        check("[]", "NotAMessage");
        check("[1", "Unreadable");
        let long: &'static str = format!("[{}0]", "0,".repeat(MEMBERS_MAX)).leak();
        check(long, "NotAMessage");
    }

    #[test]
    fn answers_are_joined_if_there_are_any() {
        assert_eq!(join(&[]), None);
        assert_eq!(join(&["1".into(), "2".into()]).unwrap(), "[1,2]");
    }
}
