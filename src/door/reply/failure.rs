//! This file tells an agent why its call failed: of a tool as a result that its model can read, of
//! anything else as an error.
//!
//! The sentence is for the model; the same facts stand as data for programs, in a result under
//! [`FAILURE`]. It leaves unknown tools to `refusal`: those are protocol errors.

use bytes::Bytes;
use conductor_actors::credentials::Secrets;
use conductor_actors::wire::{CallKind, Id, write_error, write_result};
use conductor_actors::{CallError, Cause, Downfall, Fate, HttpRefusal, Many};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::codes::{self, Code};
use super::refusal::error_object;
use super::words::{self, printable, wait};
use crate::door::era::{Era, ForeignResult};

/// The member of `_meta` that holds the facts.
pub(super) const FAILURE: &str = "io.github.mcp-conductor/failure";

/// Lines of stderr that are shown.
const TAIL: usize = 10;

/// The response to a call of this kind that failed at `now`. Nothing of `secrets` is shown.
pub(in crate::door) fn failed_call(
    id: &Id,
    kind: CallKind,
    error: &CallError,
    era: Era,
    secrets: &Secrets,
    now: Instant,
) -> Bytes {
    let (text, facts) = told(error, secrets, now);
    match kind {
        CallKind::Tool => result(id, &text, facts, era),
        _ => error_response(id, code(error), &text, facts),
    }
}

/// What is said of a failure, and the facts.
fn told(error: &CallError, secrets: &Secrets, now: Instant) -> (String, Map<String, Value>) {
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
    (text, facts)
}

/// The code of a failure that is told as an error.
fn code(error: &CallError) -> Code {
    match error {
        CallError::Unavailable { .. } => codes::SERVER_UNAVAILABLE,
        CallError::Lost { .. } => codes::CONNECTION_LOST,
        CallError::DeadlineExceeded { .. } => codes::TIMEOUT,
        CallError::Busy { .. } => codes::BUSY,
        CallError::BadAnswer { .. } => codes::BAD_ANSWER,
        CallError::Refused { no: HttpRefusal::Throttled { .. }, .. } => codes::SERVER_THROTTLED,
        CallError::Refused { no: HttpRefusal::Status { .. }, .. } => codes::HTTP_STATUS,
        CallError::RateLimited { .. } => codes::RATE_LIMITED,
        CallError::ShuttingDown => codes::SHUTTING_DOWN,
        // The first is a refusal, with codes of its own; the other is of tools alone.
        CallError::Unknown { .. } | CallError::BadArguments { .. } => codes::INVALID_PARAMS,
    }
}

fn error_response(id: &Id, code: Code, text: &str, facts: Map<String, Value>) -> Bytes {
    let mut body = Vec::new();
    let error = error_object(code, text, &Value::Object(facts));
    write_error(&mut body, Some(id), error.as_bytes());
    Bytes::from(body)
}

/// The response to a call whose result has no words in the caller's revision.
pub(in crate::door) fn foreign_result(id: &Id, kind: CallKind, error: &ForeignResult) -> Bytes {
    let text = format!("The server asks for something that this client cannot give: {error}.");
    let mut facts = Map::new();
    facts.insert("reason".into(), "foreign_result".into());
    facts.insert("fate".into(), Fate::OutcomeUnknown.as_str().into());
    match kind {
        CallKind::Tool => result(id, &printable(&text), facts, Era::Legacy),
        _ => error_response(id, codes::FOREIGN_RESULT, &printable(&text), facts),
    }
}

/// The response to a call whose server asked for something that it did not get.
pub(in crate::door) fn no_input(id: &Id, kind: CallKind, reason: &str) -> Bytes {
    let text = format!("The server asked for something and did not get it: {reason}.");
    let mut facts = Map::new();
    facts.insert("reason".into(), "no_input".into());
    facts.insert("fate".into(), Fate::OutcomeUnknown.as_str().into());
    match kind {
        CallKind::Tool => result(id, &printable(&text), facts, Era::Legacy),
        _ => error_response(id, codes::NO_INPUT, &printable(&text), facts),
    }
}

fn sentence(error: &CallError) -> String {
    match error {
        CallError::Unknown { kind, name, .. } => {
            format!("Unknown {} `{}`.", kind.noun(), printable(name))
        }
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
        CallError::Busy { what, many, limit } => {
            let what = printable(what);
            match many {
                Many::Calls => format!(
                    "Too many calls at once: {what} has {limit} under way, the most it takes."
                ),
                Many::Instances => format!(
                    "Too many callers at once: {what} runs apart for {limit} callers, the most it may."
                ),
            }
        }
        CallError::BadArguments { faults, .. } => {
            let faults: Vec<String> = faults.iter().map(|fault| printable(fault)).collect();
            format!("The arguments are not what the tool takes: {}.", faults.join("; "))
        }
        CallError::BadAnswer { server, reason } => {
            let reason = printable(reason);
            format!("Server `{server}` gave an answer that cannot be used: {reason}.")
        }
        CallError::Refused { server, no: HttpRefusal::Throttled { .. } } => {
            format!("Server `{server}` is asked too often and wants no requests for now.")
        }
        CallError::Refused { server, no: HttpRefusal::Status { status, reason } } => {
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
        | Cause::CpuExceeded { .. }
        | Cause::Asked => json!({ "code": code, "message": message }),
    }
}

fn tail(downfall: &Downfall, secrets: &Secrets) -> Vec<Value> {
    let lines = &downfall.stderr_tail;
    let clean = |line: &std::sync::Arc<str>| Value::from(printable(&secrets.blotted(line)));
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
