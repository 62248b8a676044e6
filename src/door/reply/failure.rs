//! This file tells an agent, as a tool result that its model can read, why its call failed.
//!
//! The sentence is for the model; the same facts stand as data under [`FAILURE`] for programs.
//! It leaves unknown tools to `refusal`: those are protocol errors.

use bytes::Bytes;
use conductor_actors::wire::{Id, write_result};
use conductor_actors::{CallError, Cause, Downfall, Fate};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::words::{self, printable, wait};
use crate::door::era::{Era, ForeignResult};

/// The member of `_meta` that holds the facts.
pub(super) const FAILURE: &str = "io.github.mcp-conductor/failure";

/// Lines of stderr that are shown.
const TAIL: usize = 10;

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// Shorter values are no secrets; leaving them out would eat words.
const SECRET_MIN: usize = 6;

/// The response to a call that failed at `now`. Nothing of `secrets` is shown.
pub(in crate::door) fn failed_call(
    id: &Id,
    error: &CallError,
    era: Era,
    secrets: &[&str],
    now: Instant,
) -> Bytes {
    let retry = error.retry_after(now);
    let mut text = sentence(error);
    text.push_str(match error.fate() {
        Fate::NotSent => " The call was not sent: repeating it is safe.",
        Fate::OutcomeUnknown => " The call may or may not have taken effect.",
        Fate::Completed => " The call was carried out.",
    });
    if let Some(retry) = retry {
        text.push_str(&format!(" Try again in {}.", wait(retry)));
    }
    let mut facts = Map::new();
    facts.insert("reason".into(), error.reason().into());
    facts.insert("fate".into(), error.fate().as_str().into());
    if let Some(server) = error.server() {
        facts.insert("server".into(), server.to_string().into());
    }
    if let Some(downfall) = error.downfall() {
        facts.insert("cause".into(), cause(&downfall.cause));
        facts.insert("stderrTail".into(), tail(downfall, secrets).into());
    }
    if let Some(retry) = retry {
        facts.insert("retryAfterMs".into(), whole_millis(retry.as_millis()).into());
    }
    result(id, &text, facts, era)
}

/// The response to a call whose result has no words in the caller's revision.
pub(in crate::door) fn foreign_result(id: &Id, error: &ForeignResult) -> Bytes {
    let text = format!("The server asks for something that this client cannot give: {error}.");
    let mut facts = Map::new();
    facts.insert("reason".into(), "foreign_result".into());
    facts.insert("fate".into(), Fate::OutcomeUnknown.as_str().into());
    result(id, &printable(&text), facts, Era::Legacy)
}

fn sentence(error: &CallError) -> String {
    match error {
        CallError::UnknownTool { name } => format!("Unknown tool `{}`.", printable(name)),
        CallError::Unavailable { server, outage } => {
            let state = words::state(outage.state);
            match &outage.downfall {
                Some(end) => {
                    let cause = words::cause(&end.cause);
                    format!("Server `{server}` is unavailable: it {state} after it {cause}.")
                }
                None => format!("Server `{server}` is unavailable: it {state}."),
            }
        }
        CallError::Lost { server, downfall, .. } => {
            let cause = words::cause(&downfall.cause);
            format!("The connection to server `{server}` was lost during the call: it {cause}.")
        }
        CallError::DeadlineExceeded { server, limit, .. } => {
            format!("Server `{server}` did not answer within {}.", wait(*limit))
        }
        CallError::Busy { what, limit } => {
            let what = printable(what);
            format!("Too many calls at once: {what} has {limit} under way, the most it takes.")
        }
        CallError::BadAnswer { server, reason } => {
            let reason = printable(reason);
            format!("Server `{server}` gave an answer that cannot be used: {reason}.")
        }
        CallError::Throttled { server, .. } => {
            format!("Server `{server}` is asked too often and wants no requests for now.")
        }
        CallError::HttpStatus { server, status, reason } => {
            let reason = printable(reason);
            format!("Server `{server}` answered with HTTP status {status}: {reason}.")
        }
        CallError::RateLimited { .. } => "The rate limit is reached.".to_owned(),
        CallError::ShuttingDown => "The gateway is shutting down.".to_owned(),
    }
}

fn cause(cause: &Cause) -> Value {
    let (code, message) = (cause.code(), words::cause(cause));
    match cause {
        Cause::Exited(status) => json!({ "code": code, "message": message, "exitCode": status }),
        Cause::Signalled(number) => json!({ "code": code, "message": message, "signal": number }),
        Cause::Spawn(_)
        | Cause::Shortage(_)
        | Cause::Handshake(_)
        | Cause::StartTimeout(_)
        | Cause::OutputClosed
        | Cause::InputStuck
        | Cause::EndlessLine(_)
        | Cause::Silent(_)
        | Cause::Actor(_)
        | Cause::Unreachable(_)
        | Cause::Denied(_)
        | Cause::Throttled(_)
        | Cause::MemoryExceeded { .. }
        | Cause::Asked => json!({ "code": code, "message": message }),
    }
}

fn tail(downfall: &Downfall, secrets: &[&str]) -> Vec<Value> {
    let lines = &downfall.stderr_tail;
    let clean = |line: &std::sync::Arc<str>| {
        let mut line = line.to_string();
        for secret in secrets.iter().filter(|secret| secret.len() >= SECRET_MIN) {
            line = line.replace(secret, REDACTED);
        }
        Value::from(printable(&line))
    };
    lines[lines.len().saturating_sub(TAIL)..].iter().map(clean).collect()
}

fn whole_millis(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}

fn result(id: &Id, text: &str, facts: Map<String, Value>, era: Era) -> Bytes {
    let mut result = json!({
        "content": [{ "type": "text", "text": text }],
        "isError": true,
        "_meta": { FAILURE: facts },
    });
    if era == Era::Modern {
        result["resultType"] = "complete".into();
    }
    let mut body = Vec::new();
    write_result(&mut body, id, result.to_string().as_bytes());
    Bytes::from(body)
}
