//! This file walks over one JSON object once and tells its members: their keys, and their values as they
//! were written, and which known words are keys in them.
//!
//! Pure. It takes nothing that serde_json refuses, and leaves some things to it that it takes: keys with
//! escapes, deep nesting. What is wrong with a text, and where, serde_json says as well.

use super::specials::{self, FEW, MANY};
use super::words::Words;

/// Lists and objects in each other that are walked over, one bit each.
const LEVELS: u32 = 64;
/// All in one turn.
pub(super) const AT_ONCE: (usize, fn()) = (usize::MAX, || ());
/// Texts that may have escapes, and those that may not.
const ANY: bool = true;
const PLAIN: bool = false;

/// Calls `each` with key and raw value of every member of `json`, an object, in their order, and `pass` once in
/// every so many bytes. Returns the words that are keys in the values.
///
/// `None` if it cannot be told that `json` is well-formed and an object, if a key has an escape, or if
/// `each` says so; members may have been told by then.
pub(super) fn members<'a>(
    json: &'a str,
    (turn, pass): (usize, impl Fn()),
    mut each: impl FnMut(&'a str, &'a str) -> Option<()>,
) -> Option<Words> {
    let bytes = json.as_bytes();
    let mut words = Words::NONE;
    let mut at = expect(bytes, blanks(bytes, 0), b'{')?;
    at = blanks(bytes, at);
    if *bytes.get(at)? == b'}' {
        return is_end(bytes, at + 1).then_some(words);
    }
    let mut until = turn;
    loop {
        let end = text_end::<PLAIN>(bytes, at)?;
        let key = &json[at + 1..end - 1];
        let begin = blanks(bytes, expect(bytes, blanks(bytes, end), b':')?);
        let mut value = Value::at(begin, words);
        let end = loop {
            match value.end(bytes, until)? {
                Some(end) => break end,
                None => {
                    pass();
                    until += turn;
                }
            }
        };
        words = value.words;
        each(key, &json[begin..end])?;
        at = blanks(bytes, end);
        match bytes.get(at)? {
            b',' => at = blanks(bytes, at + 1),
            b'}' => return is_end(bytes, at + 1).then_some(words),
            _ => return None,
        }
    }
}

/// The text that `json` is, if it is one without escapes.
pub(super) fn plain_text(json: &str) -> Option<&str> {
    let is_whole = text_end::<PLAIN>(json.as_bytes(), 0)? == json.len();
    is_whole.then(|| &json[1..json.len() - 1])
}

/// A value that is walked over, maybe in turns.
struct Value {
    at: usize,
    /// A bit for each level that is open, the innermost lowest; it is set for an object.
    kinds: u64,
    depth: u32,
    /// Those that were met so far, here and before.
    words: Words,
}

impl Value {
    fn at(at: usize, words: Words) -> Self {
        Self { at, kinds: 0, depth: 0, words }
    }

    /// Where it ends; nothing yet if what is left begins at `until` or behind that.
    fn end(&mut self, json: &[u8], until: usize) -> Option<Option<usize>> {
        let Self { mut at, mut kinds, mut depth, mut words } = *self;
        loop {
            if at >= until {
                *self = Self { at, kinds, depth, words };
                return Some(None);
            }
            at = match json.get(at)? {
                b'"' => text_end::<ANY>(json, at)?,
                b'-' | b'0'..=b'9' => number_end(json, at)?,
                b't' => word_end(json, at, b"true")?,
                b'f' => word_end(json, at, b"false")?,
                b'n' => word_end(json, at, b"null")?,
                open @ (b'{' | b'[') => {
                    let is_object = *open == b'{';
                    at = blanks(json, at + 1);
                    let closing = if is_object { b'}' } else { b']' };
                    if *json.get(at)? == closing {
                        at + 1
                    } else {
                        depth += 1;
                        if depth == LEVELS {
                            return None;
                        }
                        kinds = kinds << 1 | u64::from(is_object);
                        at = if is_object { key_end(json, at, &mut words)? } else { at };
                        continue;
                    }
                }
                _ => return None,
            };
            // A value is over, and maybe what it is in.
            loop {
                if depth == 0 {
                    self.words = words;
                    return Some(Some(at));
                }
                at = blanks(json, at);
                match (json.get(at)?, kinds & 1) {
                    (b',', 1) => {
                        at = key_end(json, blanks(json, at + 1), &mut words)?;
                        break;
                    }
                    (b',', _) => {
                        at = blanks(json, at + 1);
                        break;
                    }
                    (b'}', 1) | (b']', 0) => {
                        at += 1;
                        kinds >>= 1;
                        depth -= 1;
                    }
                    _ => return None,
                }
            }
        }
    }
}

/// Where the value begins whose key begins at `at`; the key is noted if it is a known word.
fn key_end(json: &[u8], at: usize, words: &mut Words) -> Option<usize> {
    let end = text_end::<ANY>(json, at)?;
    words.note(&json[at + 1..end - 1]);
    Some(blanks(json, expect(json, blanks(json, end), b':')?))
}

/// Where the text ends whose quote is at `at`.
#[inline]
fn text_end<const ESCAPES: bool>(json: &[u8], at: usize) -> Option<usize> {
    let inside = expect(json, at, b'"')?;
    // Most texts are short, and they have no escapes.
    let Some(first) = json.get(inside..)?.first_chunk::<FEW>() else {
        return last_end::<ESCAPES>(json, inside);
    };
    let plain = specials::of_few(first).trailing_zeros() as usize;
    match first.get(plain) {
        Some(b'"') => Some(inside + plain + 1),
        _ => far_end::<ESCAPES>(json, inside),
    }
}

/// The same from any place inside a text.
#[inline(never)]
fn far_end<const ESCAPES: bool>(json: &[u8], mut begin: usize) -> Option<usize> {
    while let Some(block) = json.get(begin..)?.first_chunk::<MANY>() {
        let mut found = specials::of_many(block);
        let mut next = begin + MANY;
        while found != 0 {
            let at = found.trailing_zeros() as usize;
            match block[at] {
                b'"' => return Some(begin + at + 1),
                b'\\' if ESCAPES => {
                    let behind = escape_end(json, begin + at + 1)? - begin;
                    next = next.max(begin + behind);
                    found = if behind < MANY { found >> behind << behind } else { 0 };
                }
                _ => return None,
            }
        }
        begin = next;
    }
    last_end::<ESCAPES>(json, begin)
}

/// The same for what is left of a message.
#[inline(never)]
fn last_end<const ESCAPES: bool>(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' if ESCAPES => at = escape_end(json, at + 1)?,
            b'\\' | 0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Where the escape ends whose backslash is before `at`.
fn escape_end(json: &[u8], at: usize) -> Option<usize> {
    match json.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = json.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

/// Where the number ends that begins at `at` (RFC 8259, section 6).
#[inline]
fn number_end(json: &[u8], at: usize) -> Option<usize> {
    let at = at + usize::from(json.get(at) == Some(&b'-'));
    let mut at = match json.get(at)? {
        b'0' => at + 1,
        _ => digits_end(json, at)?,
    };
    if json.get(at) == Some(&b'.') {
        at = digits_end(json, at + 1)?;
    }
    if matches!(json.get(at), Some(b'e' | b'E')) {
        let signed = matches!(json.get(at + 1), Some(b'+' | b'-'));
        at = digits_end(json, at + 1 + usize::from(signed))?;
    }
    Some(at)
}

/// Where the digits end that begin at `at`; there is one at least.
#[inline]
fn digits_end(json: &[u8], at: usize) -> Option<usize> {
    let rest = json.get(at..)?;
    let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    (length > 0).then_some(at + length)
}

#[inline]
fn word_end(json: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    json[at..].starts_with(word).then_some(at + word.len())
}

/// Where the blanks end that begin at `at`, if there are any.
#[inline]
fn blanks(json: &[u8], mut at: usize) -> usize {
    while json
        .get(at)
        .is_some_and(|byte| *byte <= b' ' && matches!(byte, b' ' | b'\n' | b'\t' | b'\r'))
    {
        at += 1;
    }
    at
}

/// The place behind this byte, if it is at `at`.
fn expect(json: &[u8], at: usize, byte: u8) -> Option<usize> {
    (*json.get(at)? == byte).then_some(at + 1)
}

fn is_end(json: &[u8], at: usize) -> bool {
    blanks(json, at) == json.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::super::words::Word;
    use super::*;

    fn walked(json: &str) -> Option<Vec<(&str, &str)>> {
        let mut found = Vec::new();
        members(json, AT_ONCE, |key, value| {
            found.push((key, value));
            Some(())
        })?;
        Some(found)
    }

    #[track_caller]
    fn check(json: &str, expected: &[(&str, &str)]) {
        assert_eq!(walked(json).as_deref(), Some(expected), "{json}");
    }

    #[test]
    fn members_are_told_as_they_were_written() {
        check("{}", &[]);
        check(" {\n}\t", &[]);
        check(r#"{"a":1}"#, &[("a", "1")]);
        check(
            r#" { "a" : [ 1 , {"b":[]} ] , "":"}\"" ,"é":-0.5E+10, "n":null } "#,
            &[("a", r#"[ 1 , {"b":[]} ]"#), ("", r#""}\"""#), ("é", "-0.5E+10"), ("n", "null")],
        );
        let long = format!("\"{}\\u00e9{}\"", "x".repeat(300), "é".repeat(300));
        check(&format!(r#"{{"a":{long},"b":true}}"#), &[("a", &long), ("b", "true")]);
    }

    #[test]
    fn what_is_not_well_formed_is_not_taken() {
        for json in [
            "",
            "{",
            "{}}",
            "{} x",
            "[]",
            "7",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":+1}"#,
            r#"{"a":-}"#,
            r#"{"a":tru}"#,
            r#"{"a":nulll}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1}}"#,
            r#"{"a":{"b"]}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u00g0"}"#,
            r#"{"a":"\u00"#,
            "{\"a\":\"\n\"}",
            r#"{"a":"}"#,
            r#"{a:1}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a" 1}"#,
            r#"{"a":[1 2]}"#,
            "{\"a\":1}\u{a0}",
        ] {
            assert_eq!(walked(json), None, "{json}");
        }
    }

    #[test]
    fn texts_end_where_they_do_wherever_something_special_is() {
        for length in 0..3 * MANY {
            let before = "x".repeat(length);
            for escape in ["\\n", "\\\"", "\\\\", "\\u00e9", "\\\\\\\"\\u0022", "é", ""] {
                for behind in ["", "yyyyyyyyyyyyyyyyyyyy"] {
                    let text = format!("\"{before}{escape}{behind}\"");
                    check(&format!("{{\"a\":{text},\"b\":0}}"), &[("a", &text), ("b", "0")]);
                    check(&format!("{{\"a\":{text}}}"), &[("a", &text)]);
                }
            }
            for wrong in ["\u{1}", "\\x", "\n\u{e9}", "\\u00g0", "\\u00\"", "\\"] {
                let late = format!("{{\"a\":\"{before}{wrong}{}\"}}", "y".repeat(20));
                assert_eq!(walked(&late), None, "{late}");
                assert_eq!(walked(&late[..late.len() - 22]), None, "{late}");
            }
            assert_eq!(walked(&format!("{{\"a\":\"{before}")), None);
        }
    }

    #[test]
    fn keys_with_escapes_and_deep_values_are_left_to_others() {
        assert_eq!(walked(r#"{"\u0061":1}"#), None);
        let nested = |levels: usize| {
            walked(&format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels))).is_some()
        };
        assert!(nested(LEVELS as usize) && !nested(LEVELS as usize + 1));
    }

    #[test]
    fn a_text_is_plain_if_it_says_what_is_written() {
        assert_eq!(plain_text(r#""é""#), Some("é"));
        assert_eq!(plain_text(r#""""#), Some(""));
        for other in ["", "\"", "7", r#""a"b"#, r#""a\n""#, "\"\n\"", r#"a""#] {
            assert_eq!(plain_text(other), None, "{other}");
        }
    }

    /// The inside of a text that is longer than what is looked at piece by piece.
    const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123456789\
                        0123456789012345678901234567890123456789012345678901234567890123456789";

    /// What is near to JSON: its own words, one behind the other.
    fn near_json() -> impl Strategy<Value = String> {
        let words = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"b\":", "1", "-", "0", ".5", "e3",
            "true", "false", "null", " ", "\n", "\\u00e9", "é", "\u{1}", "{\"k\":", LONG,
            "\"x\\n\"", "[]", "{}",
        ];
        let text = proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..14);
        text.prop_map(|text| text.concat())
    }

    /// All known words, with how each is written.
    const WORDS: [(Word, &str); 6] = [
        (Word::Uri, "uri"),
        (Word::TaskId, "taskId"),
        (Word::ResultType, "resultType"),
        (Word::TtlMs, "ttlMs"),
        (Word::CacheScope, "cacheScope"),
        (Word::StructuredContent, "structuredContent"),
    ];

    /// Values with many words in them, and what is near to one.
    fn with_words() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let near = ["", "ur", "uris", "URI", "task\"", "structuredContents", LONG];
        let texts: Vec<&str> = WORDS.map(|(_, text)| text).into_iter().chain(near).collect();
        let texts = proptest::sample::select(texts);
        let text = texts.clone().prop_map(Value::from);
        text.prop_recursive(3, 12, 4, move |inner| {
            let object = proptest::collection::btree_map(texts.clone(), inner.clone(), 0..4);
            let object = object.prop_map(|it| it.into_iter().map(|(k, v)| (k.to_owned(), v)));
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(Value::from),
                object.prop_map(|members| Value::Object(members.collect())),
            ]
        })
    }

    fn times(word: &str, value: &serde_json::Value) -> usize {
        use serde_json::Value;
        match value {
            Value::Array(items) => items.iter().map(|item| times(word, item)).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| usize::from(key == word) + times(word, value))
                .sum(),
            _ => 0,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn words_are_noted_wherever_they_are_and_nothing_else(
            values in proptest::collection::vec(with_words(), 0..4),
            turn in 1_usize..40,
            is_pretty in any::<bool>(),
        ) {
            let object = values.iter().enumerate().map(|(at, value)| (at.to_string(), value.clone()));
            let object = serde_json::Value::Object(object.collect());
            let json = if is_pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                object.to_string()
            };
            let found = members(&json, (turn, || ()), |_, _| Some(())).unwrap();
            for (word, text) in WORDS {
                let times = times(text, &object);
                prop_assert_eq!(found.may_have(word), times > 0, "{}", text);
                prop_assert_eq!(found.may_have_again(word), times > 1, "{}", text);
            }
        }

        #[test]
        fn nothing_is_taken_that_another_reader_refuses_or_reads_otherwise(
            inside in near_json(),
            is_bare in any::<bool>(),
        ) {
            let json = if is_bare { inside } else { format!("{{\"z\":{inside}}}") };
            if let Some(found) = walked(&json) {
                let read: BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap();
                for (key, value) in &found {
                    // Of members of one name, that reader keeps the last.
                    let last = found.iter().rfind(|(other, _)| other == key).unwrap().1;
                    prop_assert_eq!(read[*key].get(), last);
                    prop_assert!(!value.is_empty());
                }
            }
        }

        #[test]
        fn all_is_taken_that_is_well_formed_and_plain(
            object in proptest::collection::btree_map("[a-zé ]{0,6}", super::super::tests::any_value(), 0..6),
            is_pretty in any::<bool>(),
        ) {
            let object = serde_json::Value::Object(object.into_iter().collect());
            let json = if is_pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                object.to_string()
            };
            let read: BTreeMap<String, &RawValue> = serde_json::from_str(&json).unwrap();
            let found = walked(&json).unwrap();
            let expected: Vec<_> = read.iter().map(|(key, value)| (&**key, value.get())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
