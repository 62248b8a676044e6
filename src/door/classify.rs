//! This file decides by which rules a request is served, and whether it may be served at all.
//!
//! Pure: the order of its checks is that of MCP 2026-07-28, basic/versioning, and of the official
//! SDKs. It leaves sessions to the HTTP door.

use bytes::Bytes;
use conductor_actors::wire::{Marks, Text, is_known_version, is_modern_version};
use conductor_actors::{InquiryKind, ListKind};
use http::HeaderMap;

use super::asked::Asked;
use super::era::Era;
use super::mirrored::{Field, Mirrored};
use super::reply::Refusal;

/// Longest method of an extension.
const METHOD_MAX: usize = 128;

/// The methods that are served here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// `initialize`
    Initialize,
    /// `server/discover`
    Discover,
    /// `ping`
    Ping,
    /// A list; clients ask without looking at capabilities.
    List(ListKind),
    /// A request for one server: `tools/call`, `prompts/get`, `resources/read`,
    /// `completion/complete`, and what is asked about a task.
    Call,
    /// `tasks/list`
    Tasks,
    /// `subscriptions/listen`
    Listen,
    /// `resources/subscribe`
    Subscribe,
    /// `resources/unsubscribe`
    Unsubscribe,
    /// `logging/setLevel`
    SetLevel,
    /// A method of an extension, at the door of the server that declares one.
    Extension,
}

/// The method of this name in this era.
///
/// # Errors
/// If there is none.
pub(super) fn method_of(name: &str, era: Era) -> Result<Method, Refusal> {
    Ok(match (name, era) {
        ("tools/call" | "prompts/get" | "resources/read" | "completion/complete", _)
        | ("tasks/get" | "tasks/cancel", _)
        | ("tasks/result", Era::Legacy)
        | ("tasks/update", Era::Modern) => Method::Call,
        ("tasks/list", Era::Legacy) => Method::Tasks,
        ("tools/list", _) => Method::List(ListKind::Tools),
        ("prompts/list", _) => Method::List(ListKind::Prompts),
        ("resources/list", _) => Method::List(ListKind::Resources),
        ("resources/templates/list", _) => Method::List(ListKind::Templates),
        ("initialize", Era::Legacy) => Method::Initialize,
        ("ping", Era::Legacy) => Method::Ping,
        ("resources/subscribe", Era::Legacy) => Method::Subscribe,
        ("resources/unsubscribe", Era::Legacy) => Method::Unsubscribe,
        ("logging/setLevel", Era::Legacy) => Method::SetLevel,
        ("server/discover", Era::Modern) => Method::Discover,
        ("subscriptions/listen", Era::Modern) => Method::Listen,
        _ => return Err(Refusal::UnknownMethod { method: name.to_owned(), era }),
    })
}

/// Whether a method may be one of an extension: no revision knows it, neither of clients nor of servers.
pub(super) fn may_be_of_extension(name: &str) -> bool {
    let visible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let is_known = [Era::Legacy, Era::Modern].iter().any(|era| method_of(name, *era).is_ok())
        || InquiryKind::of(name).is_some();
    visible && name.len() <= METHOD_MAX && !is_known && !name.starts_with("notifications/")
}

/// The rules for a request. `mirrored` is given where it came over HTTP.
///
/// # Errors
/// If the request contradicts itself, or claims a revision without meeting its rules.
pub(super) fn era_of(
    method: &str,
    asked: &Asked,
    mirrored: Option<&Mirrored<'_>>,
) -> Result<Era, Refusal> {
    let meta = asked.meta();
    let Some(claimed) = &meta.protocol_version else {
        return without_envelope(method, mirrored);
    };
    let version = Text::of_json(claimed);
    let is_object = |raw: &[u8]| raw.first() == Some(&b'{');
    let complete = meta.client_capabilities.as_deref().is_some_and(is_object)
        && meta.client_info.as_deref().is_none_or(is_object);
    let Some(version) = version.filter(|_| complete) else {
        // `initialize` belongs to the old revisions unless it fully claims the new one.
        return match method {
            "initialize" => without_envelope(method, mirrored),
            _ => Err(incomplete()),
        };
    };
    if let Some(mirrored) = mirrored {
        agree("MCP-Protocol-Version", mirrored.version, &version)?;
        agree("Mcp-Method", mirrored.method, method)?;
        // A method that these revisions do not have (`tasks/result`) has no name to repeat.
        let known = method_of(method, Era::Modern).is_ok();
        if let Some(name) = asked.name().filter(|_| known) {
            agree("Mcp-Name", mirrored.name, &name)?;
        }
    }
    if !is_modern_version(&version) {
        let requested = version.to_string();
        return Err(Refusal::UnsupportedVersion { requested, era: Era::Modern });
    }
    Ok(Era::Modern)
}

fn without_envelope(method: &str, mirrored: Option<&Mirrored<'_>>) -> Result<Era, Refusal> {
    match mirrored.map_or(Field::Absent, |mirrored| mirrored.version) {
        Field::Absent => Ok(Era::Legacy),
        Field::Value(version) if is_modern_version(version) => Err(match method {
            "initialize" => Refusal::HeaderMismatch {
                what: "MCP-Protocol-Version names a revision without initialize".to_owned(),
            },
            _ => incomplete(),
        }),
        Field::Value(version) if is_known_version(version) => Ok(Era::Legacy),
        Field::Value(version) => {
            Err(Refusal::UnsupportedVersion { requested: version.to_owned(), era: Era::Legacy })
        }
        Field::Invalid => Err(Refusal::HeaderMismatch {
            what: "MCP-Protocol-Version must be there once, as text".to_owned(),
        }),
    }
}

/// Whether the headers of an HTTP request repeat the marked arguments of the tool that it calls.
///
/// # Errors
/// If one of them is missing, is not lawful, or says something else.
pub(super) fn arguments_agree(
    headers: &HeaderMap,
    marks: &Marks,
    arguments: Option<&Bytes>,
) -> Result<(), Refusal> {
    for (header, value) in marks.values(arguments) {
        let field = Field::of(headers, header);
        match value {
            Some(value) => agree(header, field, &value)?,
            None if matches!(field, Field::Absent) => {}
            None => {
                let what = format!("header {header} is there, and what it repeats is not");
                return Err(Refusal::HeaderMismatch { what });
            }
        }
    }
    Ok(())
}

/// Whether the headers of a notification repeat its method.
///
/// # Errors
/// If they do not.
pub(super) fn method_agrees(mirrored: &Mirrored<'_>, method: &str) -> Result<(), Refusal> {
    agree("Mcp-Method", mirrored.method, method)
}

/// Whether a message that is no request claims a modern revision: its header tells.
pub(super) fn header_is_modern(mirrored: &Mirrored<'_>) -> bool {
    mirrored.version.value().is_some_and(is_modern_version)
}

fn incomplete() -> Refusal {
    Refusal::EnvelopeIncomplete {
        what: "params._meta needs io.modelcontextprotocol/protocolVersion as a string and \
               io.modelcontextprotocol/clientCapabilities as an object"
            .to_owned(),
    }
}

fn agree(header: &str, field: Field<'_>, expected: &str) -> Result<(), Refusal> {
    if field.says(expected) {
        return Ok(());
    }
    let what = match field {
        Field::Absent => format!("header {header} is missing"),
        Field::Invalid => format!("header {header} must be there once, as text"),
        Field::Value(_) => format!("header {header} does not match the body"),
    };
    Err(Refusal::HeaderMismatch { what })
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
