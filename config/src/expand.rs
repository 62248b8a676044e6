//! This file puts values of variables in place of `${VAR}`.
//! It does not know where variables come from, nor which settings are expanded.

use thiserror::Error;

/// Why a text could not be expanded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ExpandError {
    /// A variable without value and default.
    #[error(
        "the environment variable {name} is not set; set it, or write ${{{name}:-default}}, \
         or $${{{name}}} for the text itself"
    )]
    Unset { name: String },
    /// `${` without `}`.
    #[error("`${{` has no closing `}}`; write $${{ for the text itself")]
    Unclosed,
    /// Something between the braces that is no variable.
    #[error(
        "`${{{found}}}` is not ${{VAR}}, ${{VAR:-default}} or ${{env:VAR}}; \
         write $${{ for the text itself"
    )]
    Unknown { found: String },
    /// A question that a client would put to a person.
    #[error(
        "`${{{found}}}` is asked for by the client it comes from; \
         put the value into an environment variable and write ${{VAR}}"
    )]
    Input { found: String },
}

/// Expands `${VAR}`, `${VAR:-default}` (used if the variable is unset or empty) and
/// `${env:VAR}`; `$${` stands for `${`. Values are not expanded again.
pub(crate) fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ExpandError> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("${") {
        let (before, tail) = rest.split_at(at);
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = &tail[2..];
            continue;
        }
        out.push_str(before);
        let (inside, tail) = tail[2..].split_once('}').ok_or(ExpandError::Unclosed)?;
        out.push_str(&value(inside, lookup)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(inside: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let found = || inside.to_owned();
    if inside.starts_with("input:") {
        return Err(ExpandError::Input { found: found() });
    }
    let variable = inside.strip_prefix("env:").unwrap_or(inside);
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_well = name.starts_with(|c: char| is_name(c) && !c.is_ascii_digit());
    if !starts_well || !name.chars().all(is_name) || default.is_some_and(|d| d.contains("${")) {
        return Err(ExpandError::Unknown { found: found() });
    }
    match (lookup(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Unset { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let lookup = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "EMPTY" => Some(String::new()),
            "TRICK" => Some("${HOME}".to_owned()),
            _ => None,
        };
        let got = expand(text, &lookup).unwrap_or_else(|error| format!("error: {error}"));
        if expected.starts_with("error") {
            assert!(got.starts_with(expected), "{text}: {got}");
        } else {
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn a_variable_is_replaced_by_its_value() {
        check("${HOME}/x", "/home/me/x");
        check("${env:HOME}", "/home/me");
        check("a${HOME}b${HOME}", "a/home/meb/home/me");
        check("[${EMPTY}]", "[]");
        check("nothing", "nothing");
    }

    #[test]
    fn a_default_stands_in_for_unset_and_empty() {
        check("${NONE:-x y}", "x y");
        check("${NONE:-}", "");
        check("${env:NONE:-z}", "z");
        check("${EMPTY:-x}", "x");
        check("${HOME:-x}", "/home/me");
    }

    #[test]
    fn a_dollar_that_names_nothing_stays() {
        check("$HOME costs 5$ or $$", "$HOME costs 5$ or $$");
        check("$${HOME}", "${HOME}");
        check("pa$$word", "pa$$word");
    }

    #[test]
    fn values_are_not_expanded_again() {
        check("${TRICK}", "${HOME}");
    }

    #[test]
    fn what_cannot_be_expanded_is_named() {
        check("${NONE}", "error: the environment variable NONE is not set");
        check("${HOME", "error: `${` has no closing `}`");
        check("${cmd: id}", "error: `${cmd: id}` is not ${VAR}");
        check("${}", "error: `${}` is not ${VAR}");
        check("${1}", "error: `${1}` is not ${VAR}");
        check("${NONE:-${HOME}}", "error: `${NONE:-${HOME}` is not");
        check("${input:token}", "error: `${input:token}` is asked for");
    }

    proptest::proptest! {
        #[test]
        fn a_text_without_braces_is_left_alone(text in "[^{}]{0,40}") {
            proptest::prop_assert_eq!(expand(&text, &|_| None), Ok(text));
        }
    }
}
