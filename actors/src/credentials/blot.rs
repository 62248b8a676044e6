//! This file blots the secrets of one server out of texts: the values of its environment and headers,
//! and what opens a door in its URL, as they are and in the forms that programs write them in.
//!
//! It knows those only; what else may be secret it cannot tell.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use conductor_config::{Secret, ServerSpec, Transport};

/// Shorter values are no secrets; blotting them out would eat words.
const LENGTH_MIN: usize = 6;
/// What stands in place of a secret.
const BLOT: &str = "[redacted]";

/// The texts that must not be shown.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} secrets]", self.0.len())
    }
}

impl Secrets {
    /// Those in the settings of one server.
    #[must_use]
    pub fn of(spec: &ServerSpec) -> Self {
        match &spec.transport {
            Transport::Stdio(stdio) => stdio.env.values().map(Secret::expose).collect(),
            Transport::Remote(remote) => {
                let headers = remote.headers.values().map(Secret::expose);
                // As in `Bearer abc`.
                headers.flat_map(words).chain(in_url(&remote.url)).collect()
            }
        }
    }

    /// `text` without any of them.
    #[must_use]
    pub fn blotted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.iter().fold(Cow::Borrowed(text), |text, secret| match text.contains(&**secret) {
            true => Cow::Owned(text.replace(&**secret, BLOT)),
            false => text,
        })
    }
}

impl<'a> FromIterator<&'a str> for Secrets {
    /// These values, each in all its forms.
    fn from_iter<T: IntoIterator<Item = &'a str>>(values: T) -> Self {
        let mut found = BTreeSet::new();
        values.into_iter().for_each(|value| add(&mut found, value));
        let mut all: Vec<String> = found.into_iter().collect();
        // The longest first: one may be a part of another.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(all)
    }
}

/// A header's value, and the words behind its first, which may be that of a scheme.
fn words(value: &str) -> impl Iterator<Item = &str> {
    std::iter::once(value).chain(value.split_whitespace().skip(1))
}

/// Enters a secret: each of its lines, for a text is shown line by line, and each in all its forms.
fn add(found: &mut BTreeSet<String>, value: &str) {
    let whole = value.trim();
    for text in whole.lines().chain([whole]).map(str::trim) {
        if text.len() < LENGTH_MIN {
            continue;
        }
        let json = serde_json::to_string(text).unwrap_or_default();
        found.extend([
            text.to_owned(),
            json.trim_matches('"').to_owned(),
            percent_encoded(text),
            // Without the padding, of which there may be none.
            STANDARD_NO_PAD.encode(text),
            URL_SAFE_NO_PAD.encode(text),
        ]);
    }
}

/// The login in a URL, `user:password` or one word, if there is one.
#[must_use]
pub fn url_login(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    authority.rsplit_once('@').map(|(login, _)| login)
}

/// The login of a URL, and the values of its query.
fn in_url(url: &str) -> impl Iterator<Item = &str> {
    let login = url_login(url);
    let password = login.and_then(|login| login.split_once(':')).map(|(_, password)| password);
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    login.into_iter().chain(password).chain(values)
}

/// As it stands in a URL.
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Secrets {
        values.iter().copied().collect()
    }

    #[track_caller]
    fn check(values: &[&str], text: &str, expected: &str) {
        assert_eq!(of(values).blotted(text), expected);
    }

    #[test]
    fn values_vanish_from_what_is_said_and_short_ones_stay() {
        check(
            &["hunter22", "true", "hunter22-and-more"],
            "true: hunter22-and-more, hunter22",
            "true: [redacted], [redacted]",
        );
    }

    #[test]
    fn s32_a_value_vanishes_in_every_form_that_programs_write_it_in() {
        let value = "pa ss/w\"rd";
        check(&[value], "say pa ss/w\"rd", "say [redacted]");
        check(&[value], r#"{"a":"pa ss/w\"rd"}"#, r#"{"a":"[redacted]"}"#);
        check(&[value], "k=pa%20ss%2Fw%22rd&b", "k=[redacted]&b");
        check(&["hunter22"], "aHVudGVyMjI= aHVudGVyMjI", "[redacted]= [redacted]");
        check(&["-----BEGIN\nabcdefgh\n-----END"], "line abcdefgh", "line [redacted]");
    }

    #[test]
    fn s32_of_a_url_the_login_and_the_values_of_the_query_are_secret() {
        let found = |url| in_url(url).collect::<Vec<_>>();
        assert_eq!(found("https://me:s3cret@h/p?key=abc&x"), ["me:s3cret", "s3cret", "abc"]);
        assert_eq!(found("https://h.example/p#?"), [""; 0]);
        assert!(format!("{:?}", of(&["hunter22"])).ends_with("secrets]"));
    }
}
