//! This file turns requests that are refused into JSON-RPC errors.
//!
//! It leaves calls that were made and failed to `failure`: those are results.

use bytes::Bytes;
use conductor_actors::wire::{CallKind, Id, LEGACY_LATEST, MODERN, Members, Rope, write_error};
use serde_json::{Value, json};

use super::codes::{self, Code};
use super::words::printable;
use crate::door::era::Era;

/// A response, ready to be sent.
#[derive(Debug, Clone)]
pub(in crate::door) struct Answer {
    /// One JSON-RPC message, or one array of them, on one line.
    body: Rope,
    /// The HTTP status that goes with it.
    pub(in crate::door) status: u16,
}

impl Answer {
    /// A response to a request that was served.
    pub(in crate::door) fn ok(body: impl Into<Rope>) -> Self {
        Self { body: body.into(), status: 200 }
    }

    /// Its message as it is.
    pub(in crate::door) fn into_rope(self) -> Rope {
        self.body
    }

    /// Its message as one.
    pub(in crate::door) fn into_body(self) -> Bytes {
        self.body.into_bytes()
    }

    /// What a server says to a method of an extension. That it has no such method, newer clients see in
    /// the status as well (2026-07-28, Streamable HTTP).
    pub(in crate::door) fn of_extension(body: Rope, era: Era) -> Self {
        let body = body.into_bytes();
        let unknown = codes::UNKNOWN_METHOD;
        let error =
            Members::read(&body).ok().and_then(|body| Members::read(body.get("error")?).ok());
        let code = error.as_ref().and_then(|error| error.get("code"));
        let is_unknown = code.is_some_and(|code| *code == unknown.number.to_string());
        match is_unknown && era == Era::Modern {
            true => Self { body: body.into(), status: unknown.status },
            false => Self::ok(body),
        }
    }
}

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::door) enum Refusal {
    /// Not JSON.
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// JSON, but nothing that may be sent here.
    NotAMessage {
        /// What is wrong.
        reason: String,
    },
    /// No such method.
    UnknownMethod {
        /// Its name.
        method: String,
        /// By which rules it was asked for.
        era: Era,
    },
    /// Parameters that cannot be used.
    BadParams {
        /// What is wrong.
        reason: String,
    },
    /// No such thing, or none that the caller may see.
    Unknown {
        /// What was asked for.
        kind: CallKind,
        /// Its name or address.
        name: String,
        /// By which rules it was asked for.
        era: Era,
    },
    /// Several servers have something at this address.
    Ambiguous {
        /// The address.
        name: String,
        /// Addresses that tell them apart.
        candidates: Vec<String>,
    },
    /// A modern request that does not describe itself.
    EnvelopeIncomplete {
        /// What is missing.
        what: String,
    },
    /// Headers and body say different things.
    HeaderMismatch {
        /// Which.
        what: String,
    },
    /// The server needs more of the client than the request says it can do.
    MissingCapability {
        /// What, as members of the client's capabilities.
        required: Value,
    },
    /// A revision that is not spoken here.
    UnsupportedVersion {
        /// Which.
        requested: String,
        /// By which rules the request was made.
        era: Era,
    },
    /// Something about the session.
    Session(SessionFault),
    /// What the client brings back is not, or no longer, what it was given.
    InputExpired,
    /// Too much is under way.
    Overloaded {
        /// The limit that was met.
        limit: usize,
    },
    /// This user may not come in here.
    NotAllowed {
        /// Their id.
        uid: u32,
    },
    /// There are as many connections as there can be.
    NoRoom {
        /// The limit that was met.
        limit: usize,
    },
    /// The caller has taken the request back.
    Cancelled,
    /// A fault of this program.
    Internal,
}

/// What is wrong with the session of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum SessionFault {
    /// None was named.
    Required,
    /// It is none of ours, or none any more.
    Unknown,
    /// There can be no further one.
    Exhausted {
        /// The most there can be.
        limit: usize,
    },
}

impl Refusal {
    fn code(&self) -> Code {
        match self {
            Self::Unreadable { .. } => codes::PARSE_ERROR,
            Self::NotAMessage { .. } => codes::INVALID_REQUEST,
            Self::UnknownMethod { era: Era::Modern, .. } => codes::UNKNOWN_METHOD,
            Self::UnknownMethod { era: Era::Legacy, .. } => {
                Code { status: 200, ..codes::UNKNOWN_METHOD }
            }
            Self::BadParams { .. } => codes::INVALID_PARAMS,
            Self::Unknown { kind, era, .. } => match (kind, era) {
                (CallKind::Tool, _) => codes::UNKNOWN_TOOL,
                (CallKind::Task(_), _) => codes::UNKNOWN_TASK,
                (CallKind::Extension | CallKind::Notice, _) => codes::UNKNOWN_METHOD,
                (CallKind::Prompt | CallKind::PromptArgument, _) => codes::UNKNOWN_PROMPT,
                (CallKind::Resource, Era::Legacy) => codes::LEGACY_UNKNOWN_RESOURCE,
                (CallKind::Resource | CallKind::TemplateVariable, _) => codes::UNKNOWN_RESOURCE,
            },
            Self::Ambiguous { .. } => codes::AMBIGUOUS_ADDRESS,
            Self::EnvelopeIncomplete { .. } => codes::INCOMPLETE_META,
            Self::HeaderMismatch { .. } => codes::HEADER_MISMATCH,
            Self::MissingCapability { .. } => codes::MISSING_CAPABILITY,
            Self::UnsupportedVersion { .. } => codes::UNSUPPORTED_VERSION,
            Self::Session(SessionFault::Required) => codes::SESSION_REQUIRED,
            Self::Session(SessionFault::Unknown) => codes::SESSION_UNKNOWN,
            Self::Session(SessionFault::Exhausted { .. }) => codes::SESSIONS_EXHAUSTED,
            Self::InputExpired => codes::INPUT_EXPIRED,
            Self::Overloaded { .. } => codes::OVERLOADED,
            Self::NotAllowed { .. } => codes::NOT_ALLOWED,
            Self::NoRoom { .. } => codes::NO_ROOM,
            Self::Cancelled => codes::CANCELLED,
            Self::Internal => codes::INTERNAL,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Unreadable { reason } | Self::NotAMessage { reason } => printable(reason),
            Self::BadParams { reason } => printable(reason),
            Self::UnknownMethod { method, .. } => format!("unknown method `{}`", printable(method)),
            Self::Unknown { kind, name, .. } => {
                format!("unknown {} `{}`", kind.noun(), printable(name))
            }
            Self::Ambiguous { name, .. } => {
                let name = printable(name);
                format!("several servers have a resource `{name}`: read one of `data.candidates`")
            }
            Self::EnvelopeIncomplete { what } | Self::HeaderMismatch { what } => what.clone(),
            Self::MissingCapability { .. } => {
                "the server needs a capability that the client does not declare".to_owned()
            }
            Self::UnsupportedVersion { .. } => "unsupported protocol version".to_owned(),
            Self::Session(SessionFault::Required) => {
                "header Mcp-Session-Id is missing: begin with initialize".to_owned()
            }
            Self::Session(SessionFault::Unknown) => {
                "no such session: begin a new one with initialize".to_owned()
            }
            Self::Session(SessionFault::Exhausted { limit }) => {
                format!("there are {limit} sessions, the most there can be; end one or wait")
            }
            Self::InputExpired => {
                "the input comes too late or belongs to another request: make the request again \
                 without it; what it was for may have been done in part"
                    .to_owned()
            }
            Self::Overloaded { limit } => {
                format!("{limit} requests are under way, the most there can be; wait for one")
            }
            Self::NotAllowed { uid } => format!("user {uid} is not allowed at this socket"),
            Self::NoRoom { limit } => {
                format!("there are {limit} connections, the most there can be; wait for one to end")
            }
            Self::Cancelled => "the request was cancelled".to_owned(),
            Self::Internal => "internal error".to_owned(),
        }
    }

    fn data(&self) -> Value {
        let reason = self.code().reason;
        match self {
            Self::MissingCapability { required } => {
                json!({ "reason": reason, "requiredCapabilities": required })
            }
            Self::UnsupportedVersion { requested, era } => {
                let supported: &[&str] = match era {
                    // What `server/discover` says; the others are spoken after a handshake only.
                    Era::Modern => &[MODERN],
                    Era::Legacy => &[LEGACY_LATEST, "2025-06-18", "2025-03-26", "2024-11-05"],
                };
                let requested = printable(requested);
                json!({ "reason": reason, "supported": supported, "requested": requested })
            }
            Self::Unknown { kind: CallKind::Resource, name, .. } => {
                json!({ "reason": reason, "uri": name })
            }
            Self::Ambiguous { name, candidates } => {
                json!({ "reason": reason, "uri": name, "candidates": candidates })
            }
            Self::Overloaded { .. } => json!({ "reason": reason, "retryAfterMs": 100 }),
            Self::NoRoom { .. } => json!({ "reason": reason, "retryAfterMs": 1_000 }),
            Self::Session(SessionFault::Exhausted { .. }) => {
                json!({ "reason": reason, "retryAfterMs": 10_000 })
            }
            _ => json!({ "reason": reason }),
        }
    }
}

/// The response to a request that is refused; without an id where it could not be read.
pub(in crate::door) fn refuse(id: Option<&Id>, refusal: &Refusal) -> Answer {
    let code = refusal.code();
    tracing::debug!(reason = code.reason, error = refusal.message(), "request refused");
    let error = error_object(code, &refusal.message(), &refusal.data());
    let mut body = Vec::with_capacity(error.len() + 64);
    write_error(&mut body, id, error.as_bytes());
    Answer { body: Bytes::from(body).into(), status: code.status }
}

/// The member `error` of a response.
pub(super) fn error_object(code: Code, message: &str, data: &Value) -> String {
    json!({ "code": code.number, "message": message, "data": data }).to_string()
}
