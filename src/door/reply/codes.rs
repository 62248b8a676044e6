//! This file is the table of error codes: number, stable word, HTTP status.
//!
//! It leaves choosing one to `refusal` and explaining them to `docs/errors.md`.

/// One kind of JSON-RPC error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    /// The member `code`.
    pub(super) number: i64,
    /// The member `data.reason`.
    pub(super) reason: &'static str,
    /// The HTTP status that goes with it.
    pub(super) status: u16,
}

const fn code(number: i64, reason: &'static str, status: u16) -> Code {
    Code { number, reason, status }
}

pub(super) const PARSE_ERROR: Code = code(-32700, "parse_error", 400);
pub(super) const INVALID_REQUEST: Code = code(-32600, "invalid_request", 400);
/// Of a modern request; a legacy one gets status 200.
pub(super) const UNKNOWN_METHOD: Code = code(-32601, "unknown_method", 404);
pub(super) const INVALID_PARAMS: Code = code(-32602, "invalid_params", 200);
pub(super) const UNKNOWN_TOOL: Code = code(-32602, "unknown_tool", 200);
pub(super) const UNKNOWN_PROMPT: Code = code(-32602, "unknown_prompt", 200);
pub(super) const UNKNOWN_TASK: Code = code(-32602, "unknown_task", 200);
pub(super) const UNKNOWN_RESOURCE: Code = code(-32602, "unknown_resource", 200);
/// The same in revisions with a handshake.
pub(super) const LEGACY_UNKNOWN_RESOURCE: Code = code(-32002, "unknown_resource", 200);
pub(super) const AMBIGUOUS_ADDRESS: Code = code(-32602, "ambiguous_address", 200);
pub(super) const SERVER_UNAVAILABLE: Code = code(-31001, "server_unavailable", 200);
pub(super) const SERVER_THROTTLED: Code = code(-31001, "server_throttled", 200);
pub(super) const HTTP_STATUS: Code = code(-31001, "http_status", 200);
pub(super) const SHUTTING_DOWN: Code = code(-31001, "shutting_down", 200);
pub(super) const CONNECTION_LOST: Code = code(-31002, "connection_lost", 200);
pub(super) const TIMEOUT: Code = code(-31003, "timeout", 200);
pub(super) const RATE_LIMITED: Code = code(-31005, "rate_limited", 200);
/// Of calls; nothing of the connection.
pub(super) const BUSY: Code = code(-31007, "overloaded", 200);
pub(super) const BAD_ANSWER: Code = code(-32603, "bad_answer", 200);
pub(super) const NO_INPUT: Code = code(-32603, "no_input", 200);
pub(super) const INPUT_EXPIRED: Code = code(-32602, "input_expired", 200);
pub(super) const FOREIGN_RESULT: Code = code(-32603, "foreign_result", 200);
pub(super) const INCOMPLETE_META: Code = code(-32602, "incomplete_meta", 400);
pub(super) const INTERNAL: Code = code(-32603, "internal", 200);
pub(super) const HEADER_MISMATCH: Code = code(-32020, "header_mismatch", 400);
pub(super) const MISSING_CAPABILITY: Code = code(-32021, "missing_capability", 400);
pub(super) const UNSUPPORTED_VERSION: Code = code(-32022, "unsupported_version", 400);
pub(super) const OVERLOADED: Code = code(-31007, "overloaded", 503);
pub(super) const CANCELLED: Code = code(-31008, "cancelled", 200);
pub(super) const SESSION_REQUIRED: Code = code(-31010, "session_required", 400);
pub(super) const SESSION_UNKNOWN: Code = code(-31011, "session_unknown", 404);
pub(super) const SESSIONS_EXHAUSTED: Code = code(-31012, "sessions_exhausted", 503);
pub(super) const NOT_ALLOWED: Code = code(-31013, "not_allowed", 403);
pub(super) const NO_ROOM: Code = code(-31014, "no_room", 503);

/// All of them.
#[cfg(test)]
pub(super) const ALL: [Code; 34] = [
    PARSE_ERROR,
    INVALID_REQUEST,
    UNKNOWN_METHOD,
    INVALID_PARAMS,
    UNKNOWN_TOOL,
    UNKNOWN_PROMPT,
    UNKNOWN_TASK,
    UNKNOWN_RESOURCE,
    LEGACY_UNKNOWN_RESOURCE,
    AMBIGUOUS_ADDRESS,
    SERVER_UNAVAILABLE,
    SERVER_THROTTLED,
    HTTP_STATUS,
    SHUTTING_DOWN,
    CONNECTION_LOST,
    TIMEOUT,
    RATE_LIMITED,
    BUSY,
    BAD_ANSWER,
    FOREIGN_RESULT,
    NO_INPUT,
    INPUT_EXPIRED,
    INCOMPLETE_META,
    INTERNAL,
    HEADER_MISMATCH,
    MISSING_CAPABILITY,
    UNSUPPORTED_VERSION,
    OVERLOADED,
    CANCELLED,
    SESSION_REQUIRED,
    SESSION_UNKNOWN,
    SESSIONS_EXHAUSTED,
    NOT_ALLOWED,
    NO_ROOM,
];
