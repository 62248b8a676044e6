//! This file parses the text of one settings file, whatever its format.
//! It does not know which keys there are; it only insists that a key stands once.

use std::{fmt, path::Path};

use figment::{
    providers::{Format as _, Toml},
    value::{Dict, Empty, Tag, Value},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// How a settings file is written, told by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Toml,
    Json,
    Yaml,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Toml => "TOML",
            Self::Json => "JSON",
            Self::Yaml => "YAML",
        }
    }
}

/// What an object, array and so on is called in messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "number",
        Value::Empty(..) => "null",
        Value::Dict(..) => "object",
        Value::Array(..) => "array",
    }
}

/// A whole number that is not negative.
pub(crate) fn whole(value: &Value) -> Option<u64> {
    let Value::Num(_, number) = value else { return None };
    let signed = || number.to_i128().and_then(|number| u128::try_from(number).ok());
    number.to_u128().or_else(signed).and_then(|number| u64::try_from(number).ok())
}

/// Parses a whole file; the error is a sentence with line and column.
pub(crate) fn parse(text: &str, format: Format) -> Result<Dict, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = match format {
        Format::Toml => Toml::from_str::<Raw>(text).map_err(|error| {
            let place = error.span().map(|span| line_and_column(text, span.start));
            (error.message().to_owned(), place)
        }),
        Format::Json => serde_json::from_str::<Raw>(text).map_err(|error| {
            let place = (error.line() > 0).then(|| (error.line(), error.column()));
            (error.to_string(), place)
        }),
        Format::Yaml => serde_norway::from_str::<Raw>(text).map_err(|error| {
            let place = error.location().map(|place| (place.line(), place.column()));
            (error.to_string(), place)
        }),
    };
    match parsed {
        Ok(Raw(Value::Dict(_, dict))) => Ok(dict),
        Ok(Raw(Value::Empty(..))) if format == Format::Yaml => Ok(Dict::new()),
        Ok(Raw(other)) => Err(format!("MCP configuration must be an object, got {}", kind(&other))),
        Err((message, place)) => {
            let hint = place.and_then(|(line, _)| comment_hint(format, text, line));
            Err(sentence(format, &message, place) + hint.unwrap_or_default())
        }
    }
}

fn sentence(format: Format, message: &str, place: Option<(usize, usize)>) -> String {
    let message = message.lines().collect::<Vec<_>>().join(" ");
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
    let place = place.map(|(line, column)| format!(" (line {line}, column {column})"));
    format!("is not valid {}: {message}{}", format.as_str(), place.unwrap_or_default())
}

fn comment_hint(format: Format, text: &str, line: usize) -> Option<&'static str> {
    let line = text.lines().nth(line.checked_sub(1)?)?;
    let comment = format == Format::Json && (line.contains("//") || line.contains("/*"));
    comment.then_some("; JSON has no comments, TOML and YAML have")
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

/// A value as it stands in the file. Unlike the usual types it refuses a key that stands
/// twice: one of the two would be ignored without a word.
pub(crate) struct Raw(pub(crate) Value);

/// How the TOML parser hands over a date.
const TOML_DATE: &str = "$__toml_private_datetime";

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor).map(Raw)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Empty(Tag::Default, Empty::Unit))
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Raw(value)) = seq.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(Tag::Default, values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut dict = Dict::new();
        while let Some(Raw(key)) = map.next_key()? {
            let Some(key) = key.as_str().map(str::to_owned) else {
                return Err(A::Error::custom(format!("a key must be text, got {}", kind(&key))));
            };
            if dict.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` stands twice")));
            }
            let Raw(value) = map.next_value()?;
            if key == TOML_DATE {
                return Ok(value);
            }
            dict.insert(key, value);
        }
        Ok(Value::Dict(Tag::Default, dict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, text: &str, expected: &str) {
        let got = match parse(text, format) {
            Ok(dict) => format!("{dict:?}"),
            Err(message) => message,
        };
        assert!(got.contains(expected), "{text}: {got}");
    }

    #[test]
    fn p07_a_document_that_is_not_an_object_is_told_what_it_is() {
        check(Format::Json, "[]", "MCP configuration must be an object, got array");
        check(Format::Json, "\"x\"", "MCP configuration must be an object, got text");
        check(Format::Json, "null", "MCP configuration must be an object, got null");
        check(Format::Json, "1", "MCP configuration must be an object, got number");
        check(Format::Yaml, "- a", "MCP configuration must be an object, got array");
    }

    #[test]
    fn text_that_is_not_of_its_format_is_placed() {
        check(
            Format::Json,
            "{\n  \"a\": }",
            "is not valid JSON: expected value (line 2, column 8)",
        );
        check(Format::Toml, "a = 1\nb = = 2", "(line 2, column 5)");
        check(Format::Yaml, "a: 1\nb: [1", "is not valid YAML");
        check(Format::Yaml, "a: 1\nb: [1", "(line 3, column 1)");
        check(Format::Json, "{\n// a\n}", "(line 2, column 1); JSON has no comments");
        check(Format::Json, "", "is not valid JSON");
        check(Format::Json, "{} x", "trailing characters");
    }

    #[test]
    fn a_key_stands_once() {
        for (format, text) in
            [(Format::Json, r#"{"m": {"a": 1, "a": 2}}"#), (Format::Yaml, "m:\n  a: 1\n  a: 2")]
        {
            check(format, text, "the key `a` stands twice");
        }
        check(Format::Toml, "[m]\na = 1\na = 2", "duplicate key");
    }

    #[test]
    fn a_key_is_text() {
        check(Format::Yaml, "1: a", "a key must be text, got number");
    }

    #[test]
    fn an_empty_file_has_no_settings_where_the_format_allows_it() {
        check(Format::Toml, "", "{}");
        check(Format::Yaml, "", "{}");
        check(Format::Json, "\u{feff}{}", "{}");
    }

    #[test]
    fn the_ending_tells_the_format() {
        for (path, expected) in [
            ("a.toml", Some(Format::Toml)),
            (".mcp.json", Some(Format::Json)),
            ("a.yaml", Some(Format::Yaml)),
            ("a.yml", Some(Format::Yaml)),
            ("a.conf", None),
            ("a", None),
        ] {
            assert_eq!(Format::of(Path::new(path)), expected, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_it_down(text in ".{0,80}") {
            for format in [Format::Toml, Format::Json, Format::Yaml] {
                let _ = parse(&text, format);
            }
        }
    }
}
