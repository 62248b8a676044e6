//! This file reads JSON as clients write it: with comments, commas too many, keys without quotes, texts
//! in single ones and a mark of its encoding; and TOML.
//!
//! It leaves what is in it to `tables`.

use std::path::Path;

use serde_json::Value;

use super::ImportError;

/// The whole file.
pub(super) fn read(text: &str, path: &Path) -> Result<Value, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let unreadable = |error: String| ImportError::Unreadable(error);
    if path.extension().is_some_and(|ending| ending == "toml") {
        return toml::from_str(text).map_err(|error| unreadable(error.message().to_owned()));
    }
    match serde_json::from_str(&plain(text)) {
        Ok(value) => Ok(value),
        Err(error) => toml::from_str(text).map_err(|_| unreadable(error.to_string())),
    }
}

/// The same text as JSON has it: without comments and commas before a closing bracket, keys and texts
/// in double quotes. Lines stay where they are, so that errors name the right ones.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let end = string_end(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if c == '\'' {
            let end = string_end(rest);
            out.push_str(&requoted(&rest[..end]));
            rest = &rest[end..];
        } else if let Some(key) = bare_key(rest) {
            out.push_str(&format!("{key:?}"));
            rest = &rest[key.len()..];
        } else if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if rest.starts_with("/*") {
            let end = rest[2..].find("*/").map_or(rest.len(), |at| at + 4);
            out.extend(rest[..end].chars().filter(|c| *c == '\n'));
            rest = &rest[end..];
        } else {
            if matches!(c, ']' | '}') {
                drop_comma(&mut out);
            }
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// The word that `text` begins with, if it is a key: a colon follows.
fn bare_key(text: &str) -> Option<&str> {
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$');
    let goes_on = |c: char| begins(c) || c.is_ascii_digit();
    if !text.starts_with(begins) {
        return None;
    }
    let (word, behind) = text.split_at(text.find(|c| !goes_on(c)).unwrap_or(text.len()));
    behind.trim_start().starts_with(':').then_some(word)
}

/// A text in single quotes as one in double ones.
fn requoted(text: &str) -> String {
    let inner = text.trim_start_matches('\'');
    let inner = inner.strip_suffix('\'').unwrap_or(inner);
    format!("\"{}\"", inner.replace("\\'", "'").replace('"', "\\\""))
}

/// Where the text in quotation marks ends that `text` begins with.
fn string_end(text: &str) -> usize {
    let quote = text.bytes().next().unwrap_or(b'"');
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            byte if byte == quote && !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Takes the last comma away if nothing but blanks follows it.
fn drop_comma(out: &mut String) {
    let end = out.trim_end().len();
    if out[..end].ends_with(',') {
        out.replace_range(end - 1..end, "");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(read(text, Path::new("x.json")), Ok(expected), "{text}");
    }

    #[test]
    fn comments_and_commas_too_many_are_passed_over() {
        check("\u{feff}{\"a\": [1, 2, ], // \"b\": 1,\n }", json!({"a": [1, 2]}));
        check(
            "{/* a, \" */ \"a\": \"// no /* comment */, }\",\n}",
            json!({"a": "// no /* comment */, }"}),
        );
        check(r#"{"a": "\\", "b": "\",]"}"#, json!({"a": "\\", "b": "\",]"}));
        check("a = 1", json!({"a": 1}));
    }

    #[test]
    fn keys_without_quotes_and_texts_in_single_ones_are_read() {
        check(
            "{servers: {'a-b': {command: 'x', args: ['it\\'s', 'say \"hi\"', \"don't\"], $on: true}}}",
            json!({"servers": {"a-b": {
                "command": "x", "args": ["it's", "say \"hi\"", "don't"], "$on": true,
            }}}),
        );
        check(r#"{"a": "b: c", "d": null}"#, json!({"a": "b: c", "d": null}));
    }

    #[test]
    fn what_is_neither_is_told_with_its_place() {
        let error = read("{\n\"a\": /* x\n */ }", Path::new("x.json")).unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
