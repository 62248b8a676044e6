//! This file reads what a client sends and what it takes: `Content-Type` and `Accept`.
//!
//! Pure. Lenient where clients are: no `Accept` means anything.

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};

const JSON: &str = "application/json";
/// What official SDKs take, so that it is seldom taken apart.
const USUAL: &[u8] = b"application/json, text/event-stream";

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    /// One JSON document.
    pub(super) json: bool,
    /// A stream of events.
    pub(super) events: bool,
    /// Events rather than JSON: they weigh more, or as much and are named first.
    pub(super) rather_events: bool,
}

impl Accepts {
    /// Reads all `Accept` headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ACCEPT).iter();
        if let (Some(value), None) = (values.next(), values.next())
            && value.as_bytes() == USUAL
        {
            return Self { json: true, events: true, rather_events: false };
        }
        Self::read(headers)
    }

    fn read(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter();
        let ranges = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
        let ranges: Vec<(&str, f32)> = ranges.map(weighed).collect();
        if ranges.is_empty() {
            return Self { json: true, events: false, rather_events: false };
        }
        let json = best_of(&ranges, [JSON, "application/*", "*/*"]);
        let events = best_of(&ranges, ["text/event-stream", "text/*", "*/*"]);
        Self { json: json.is_some(), events: events.is_some(), rather_events: events > json }
    }
}

/// A range of media types and its weight (RFC 9110, section 12.4.2).
fn weighed(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
    (name, weight.unwrap_or(1.0))
}

/// The weight of the best range that is one of `names`, and its place; none that is refused (0).
fn best_of(ranges: &[(&str, f32)], names: [&str; 3]) -> Option<(f32, Reverse<usize>)> {
    let is = |range: &str| names.iter().any(|name| name.eq_ignore_ascii_case(range));
    let matching =
        ranges.iter().enumerate().filter(|(_, (range, weight))| is(range) && *weight > 0.0);
    let ranked = matching.map(|(place, (_, weight))| (*weight, Reverse(place)));
    ranked.reduce(|best, next| if next > best { next } else { best })
}

/// Whether the body is plain JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    plain && (kind == JSON || is_json_in_utf_8(kind))
}

fn is_json_in_utf_8(kind: &str) -> bool {
    let mut parts = kind.split(';').map(str::trim);
    let json = parts.next().unwrap_or_default().eq_ignore_ascii_case(JSON);
    let utf_8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    json && utf_8
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(accept: Option<&'static str>, expected: &str) {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        let Accepts { json, events, rather_events } = Accepts::of(&headers);
        let found = match (json, events, rather_events) {
            (true, true, false) => "json, events",
            (true, true, true) => "events, json",
            (true, false, false) => "json",
            (false, true, true) => "events",
            (false, false, false) => "nothing",
            odd => panic!("{odd:?} of {accept:?}"),
        };
        assert_eq!(found, expected, "{accept:?}");
    }

    #[test]
    fn clients_are_taken_at_their_word_and_leniently() {
        check(Some("application/json, text/event-stream"), "json, events");
        check(Some("text/event-stream;q=0.9,Application/JSON"), "json, events");
        check(Some("*/*"), "json, events");
        check(Some("application/json"), "json");
        check(Some("text/event-stream"), "events");
        check(Some("text/html"), "nothing");
        check(None, "json");
    }

    #[test]
    fn what_is_usual_means_what_it_says() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(str::from_utf8(USUAL).unwrap()));
        assert_eq!(Accepts::of(&headers), Accepts::read(&headers));
        // Beside another value it is one of several.
        headers.append(ACCEPT, HeaderValue::from_static("text/event-stream;q=0"));
        assert_eq!(Accepts::of(&headers), Accepts::read(&headers));
    }

    #[test]
    fn the_form_that_weighs_more_or_is_named_first_is_the_better_one() {
        check(Some("text/event-stream, application/json"), "events, json");
        check(Some("text/*, */*"), "events, json");
        check(Some("*/*, text/event-stream"), "json, events");
        check(Some("application/json; q=0.5, text/event-stream;q=0.8"), "events, json");
        check(Some("text/event-stream; q=half, application/json"), "events, json");
        check(Some("text/event-stream; q=0, application/json; q=0.1"), "json");
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
