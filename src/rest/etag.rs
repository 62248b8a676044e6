//! This file reads and writes what tells versions of a registration apart (RFC 9110, 8.8.3, 13.1).
//!
//! It does not compare them: whoever changes the registration does, so that nothing comes between.

use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Problem, Refusal};
use crate::reload::Condition;

/// A version as the value of `ETag`.
pub(super) fn header(version: &str) -> Option<(http::HeaderName, HeaderValue)> {
    Some((ETAG, HeaderValue::try_from(format!("\"{version}\"")).ok()?))
}

/// What `If-Match` asks for.
///
/// # Errors
/// If it cannot be read.
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, Refusal> {
    let mut versions = Vec::new();
    let mut asked = false;
    for value in headers.get_all(IF_MATCH) {
        asked = true;
        let text = value.to_str().map_err(|_| unreadable())?;
        for tag in text.split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Condition::Any);
            }
            // A weak tag never matches here: it would not say that nothing was changed.
            if tag.starts_with("W/") {
                continue;
            }
            let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            versions.push(tag.ok_or_else(unreadable)?.to_owned());
        }
    }
    Ok(if asked { Condition::OneOf(versions) } else { Condition::Any })
}

fn unreadable() -> Refusal {
    let detail = "If-Match must be `*`, or the value of an ETag as it was given, with its quotes";
    Problem::refusal(StatusCode::BAD_REQUEST, "bad_request", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[&'static str], expected: Option<Condition>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_static(value));
        }
        assert_eq!(condition(&headers).ok(), expected, "{values:?}");
    }

    #[test]
    fn if_match_is_one_of_the_versions_or_anything() {
        let one_of = |versions: &[&str]| {
            Some(Condition::OneOf(versions.iter().map(|version| (*version).to_owned()).collect()))
        };
        check(&[], Some(Condition::Any));
        check(&["*"], Some(Condition::Any));
        check(&["\"a\""], one_of(&["a"]));
        check(&["\"a\", \"b\"", "\"c\""], one_of(&["a", "b", "c"]));
        check(&["W/\"a\""], one_of(&[]));
        check(&["a"], None);
        check(&[""], None);
        assert_eq!(header("x").unwrap().1, "\"x\"");
    }
}
