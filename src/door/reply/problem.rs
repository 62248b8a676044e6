//! This file words what is refused before any JSON-RPC message was read: RFC 9457 documents.
//!
//! It leaves deciding on a refusal to the HTTP door.

use serde_json::json;

/// Why an HTTP request is refused as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum Problem {
    /// No header `Host`, or several.
    HostMissing,
    /// A name that is not this daemon's.
    HostNotAllowed,
    /// A web page from elsewhere.
    OriginNotAllowed,
    /// Nothing is there.
    NotFound,
    /// Not this method, here.
    MethodNotAllowed,
    /// The client takes neither JSON nor events.
    NotAcceptable,
    /// The client's body came too slowly.
    BodyTimeout,
    /// The client's body ended before it was complete.
    BodyBroken,
    /// The client's body is too long.
    BodyTooLarge,
    /// The client's body is not plain JSON.
    UnsupportedMediaType,
    /// The session has a stream already.
    StreamTaken,
    /// The event to go on from is none of the session, or not kept any more.
    EventUnknown,
}

impl Problem {
    /// Its HTTP status.
    pub(in crate::door) fn status(self) -> u16 {
        self.row().0
    }

    /// The document.
    pub(in crate::door) fn document(self) -> String {
        let (status, reason, title) = self.row();
        json!({ "type": "about:blank", "title": title, "status": status, "reason": reason })
            .to_string()
    }

    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::HostMissing => (400, "host_missing", "one Host header is needed"),
            Self::HostNotAllowed => (403, "host_not_allowed", "this Host is not served here"),
            Self::OriginNotAllowed => (403, "origin_not_allowed", "this Origin is not allowed"),
            Self::NotFound => (404, "not_found", "nothing is here"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "not with this method"),
            Self::NotAcceptable => {
                (406, "not_acceptable", "accept application/json and text/event-stream")
            }
            Self::BodyTimeout => (408, "body_timeout", "the body did not arrive in time"),
            Self::BodyBroken => (400, "body_broken", "the body ended early"),
            Self::BodyTooLarge => (413, "body_too_large", "the body is too long"),
            Self::UnsupportedMediaType => {
                (415, "unsupported_media_type", "send application/json without a content coding")
            }
            Self::StreamTaken => (409, "stream_taken", "this session has an open stream already"),
            Self::EventUnknown => {
                (400, "event_unknown", "what came after this event is not kept, or was another's")
            }
        }
    }

    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 12] = [
        Self::HostMissing,
        Self::HostNotAllowed,
        Self::OriginNotAllowed,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::BodyTimeout,
        Self::BodyBroken,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::StreamTaken,
        Self::EventUnknown,
    ];

    /// The stable word and the status, for the test of the documentation.
    #[cfg(test)]
    pub(super) fn listed(self) -> (u16, &'static str) {
        (self.row().0, self.row().1)
    }
}
