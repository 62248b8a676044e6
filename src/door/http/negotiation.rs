//! This file reads what a client sends and what it takes: `Content-Type` and `Accept`.
//!
//! Pure. Lenient where clients are: no `Accept` means anything.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    /// One JSON document.
    pub(super) json: bool,
    /// A stream of events.
    pub(super) events: bool,
}

impl Accepts {
    /// Reads all `Accept` headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accepts = Self { json: false, events: false };
        let mut any = false;
        for value in headers.get_all(ACCEPT) {
            any = true;
            for range in value.to_str().unwrap_or_default().split(',') {
                let range = range.split(';').next().unwrap_or_default().trim();
                let is = |name: &str| range.eq_ignore_ascii_case(name);
                accepts.json |= is("application/json") || is("application/*") || is("*/*");
                accepts.events |= is("text/event-stream") || is("text/*") || is("*/*");
            }
        }
        if any { accepts } else { Self { json: true, events: false } }
    }
}

/// Whether the body is plain JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let json = parts.next().unwrap_or_default().eq_ignore_ascii_case("application/json");
    let utf_8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    json && utf_8 && plain
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(accept: Option<&'static str>, json: bool, events: bool) {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        assert_eq!(Accepts::of(&headers), Accepts { json, events }, "{accept:?}");
    }

    #[test]
    fn clients_are_taken_at_their_word_and_leniently() {
        check(Some("application/json, text/event-stream"), true, true);
        check(Some("text/event-stream;q=0.9,Application/JSON"), true, true);
        check(Some("*/*"), true, true);
        check(Some("application/json"), true, false);
        check(Some("text/event-stream"), false, true);
        check(Some("text/html"), false, false);
        check(None, true, false);
    }

    #[test]
    fn only_plain_json_is_read() {
        let cases = [
            ("application/json", "", true),
            ("application/json; charset=UTF-8", "", true),
            ("Application/JSON;charset=\"utf-8\"", "identity", true),
            ("application/json; charset=latin1", "", false),
            ("text/plain", "", false),
            ("application/x-www-form-urlencoded", "", false),
            ("", "", false),
            ("application/json", "gzip", false),
        ];
        for (kind, coding, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            if !coding.is_empty() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            assert_eq!(is_json(&headers), expected, "{kind} {coding}");
        }
    }
}
