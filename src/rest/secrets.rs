//! This file blots the values of a server's environment and headers out of what the server says.
//!
//! It knows those values only; what else may be secret it cannot tell.

use conductor_config::{Secret, ServerSpec, Transport};

/// Shorter values are no secrets; blotting them out would eat words.
const LENGTH_MIN: usize = 6;

/// The values that must not be shown.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Those in the settings of one server.
    pub(crate) fn of(spec: &ServerSpec) -> Self {
        let values = match &spec.transport {
            Transport::Stdio(stdio) => stdio.env.values(),
            Transport::Remote(remote) => remote.headers.values(),
        };
        Self::from_values(values.map(Secret::expose))
    }

    fn from_values<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut values: Vec<String> =
            values.filter(|value| value.len() >= LENGTH_MIN).map(str::to_owned).collect();
        // The longest first: one may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// `text` without any of them.
    pub(crate) fn blotted(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[redacted]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_vanish_from_what_is_said_and_short_ones_stay() {
        let secrets = Secrets::from_values(["hunter22", "true", "hunter22-and-more"].into_iter());
        assert_eq!(
            secrets.blotted("true: hunter22-and-more, hunter22"),
            "true: [redacted], [redacted]"
        );
    }
}
