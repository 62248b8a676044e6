//! This file is what the measured server says: three tools with answers of any size, and a list.
//! It leaves moving messages to `echo.rs`.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const INFO: &str = r#"{"name":"bench-echo","version":"1"}"#;
/// The tools with a body behind them; the others of a long list echo.
const TOOLS: [(&str, &str, &str); 3] = [
    (
        "echo",
        "Returns the text.",
        r#"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}"#,
    ),
    (
        "text",
        "Returns so many bytes of text, the number in front.",
        r#"{"type":"object","properties":{"bytes":{"type":"integer"},"number":{"type":"integer"}},"required":["bytes","number"]}"#,
    ),
    (
        "rows",
        "Returns about so many bytes of structured content, the number in front.",
        r#"{"type":"object","properties":{"bytes":{"type":"integer"},"number":{"type":"integer"}},"required":["bytes","number"]}"#,
    ),
];
/// The schema of the tools that only make a list long.
const SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"text":{"type":"string","description":"What to return."},"#,
    r#""path":{"type":"string","description":"A file, from the top of the project."},"#,
    r#""limit":{"type":"integer","minimum":1,"maximum":1000,"default":100}},"required":["text"]}"#
);
/// What a schema of structured results would describe.
const ROW: &str = r#"{"id":17,"name":"a row of the table","score":0.25,"tags":["red","blue"],"open":true,"note":null},"#;

/// What is read of a message; the rest is skipped.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    name: &'a str,
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    bytes: usize,
    #[serde(default)]
    number: u64,
}

/// Answers messages, with a list of a fixed length.
#[derive(Debug)]
pub(crate) struct Answers {
    tools: String,
}

impl Answers {
    /// With at least the three tools that do something, and `tools` in all if that is more.
    pub(crate) fn new(tools: usize) -> Self {
        let mut list = String::from("[");
        for (name, text, schema) in TOOLS {
            push_tool(&mut list, name, text, schema);
        }
        for number in TOOLS.len()..tools {
            let (name, text) = (format!("tool_{number:05}"), format!("Tool {number} of a list."));
            push_tool(&mut list, &name, &text, SCHEMA);
        }
        list.push(']');
        Self { tools: list }
    }

    /// The answer to one message; none to a notification.
    pub(crate) fn answer(&self, line: &[u8]) -> Option<String> {
        let message: Message<'_> = serde_json::from_slice(line).ok()?;
        let id = message.id?.get();
        let params = message.params.map_or("{}", RawValue::get);
        let modern = params.contains("io.modelcontextprotocol/protocolVersion");
        let tail = if modern {
            format!(
                r#","resultType":"complete","_meta":{{"io.modelcontextprotocol/serverInfo":{INFO}}}"#
            )
        } else {
            String::new()
        };
        let hints = if modern { r#","ttlMs":300000,"cacheScope":"public""# } else { "" };
        let result = match message.method? {
            "tools/call" => called(&serde_json::from_str(params).ok()?, &tail),
            "tools/list" => format!(r#"{{"tools":{}{hints}{tail}}}"#, self.tools),
            "initialize" => {
                let asked: Value = serde_json::from_str(params).ok()?;
                let version = asked.get("protocolVersion").cloned().unwrap_or(json!("2025-11-25"));
                format!(
                    r#"{{"protocolVersion":{version},"capabilities":{{"tools":{{}}}},"serverInfo":{INFO}}}"#
                )
            }
            "server/discover" => format!(
                r#"{{"supportedVersions":["2026-07-28"],"capabilities":{{"tools":{{}}}}{hints}{tail}}}"#
            ),
            "ping" => "{}".to_owned(),
            _ => {
                let error = r#"{"code":-32601,"message":"Method not found"}"#;
                return Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#));
            }
        };
        Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#))
    }
}

fn push_tool(list: &mut String, name: &str, text: &str, schema: &str) {
    let comma = if list.len() > 1 { "," } else { "" };
    // Writing to a text cannot fail.
    let _ =
        write!(list, r#"{comma}{{"name":"{name}","description":"{text}","inputSchema":{schema}}}"#);
}

fn called(call: &CallParams<'_>, tail: &str) -> String {
    let (bytes, number) = call.arguments.as_ref().map_or((0, 0), |it| (it.bytes, it.number));
    match call.name {
        "text" => {
            let text = text_of(bytes, number);
            format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]{tail}}}"#)
        }
        "rows" => {
            let rows = rows_of(bytes, number);
            format!(
                r#"{{"content":[{{"type":"text","text":"see the rows"}}],"structuredContent":{rows}{tail}}}"#
            )
        }
        _ => {
            let text = call.arguments.as_ref().and_then(|given| given.text);
            let text = text.map_or("\"\"", RawValue::get);
            format!(r#"{{"content":[{{"type":"text","text":{text}}}]{tail}}}"#)
        }
    }
}

/// Text of `bytes` bytes that needs no escapes, other for each number.
pub(crate) fn text_of(bytes: usize, number: u64) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let _ = write!(text, "{number}:"); // writing to a text cannot fail
    while text.len() < bytes {
        text.push_str("The quick brown fox jumps over the lazy dog. ");
    }
    text.truncate(bytes.max(1));
    text
}

/// Structured content of about `bytes` bytes, other for each number.
pub(crate) fn rows_of(bytes: usize, number: u64) -> String {
    let count = (bytes / ROW.len()).max(1);
    let mut rows = String::with_capacity(count * ROW.len() + 64);
    let _ = write!(rows, r#"{{"number":{number},"rows":["#); // writing to a text cannot fail
    for _ in 0..count {
        rows.push_str(ROW);
    }
    rows.pop();
    rows.push_str("]}");
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Option<&str>) {
        assert_eq!(Answers::new(0).answer(message.as_bytes()).as_deref(), expected);
    }

    #[test]
    fn echoes_the_text_byte_for_byte() {
        check(
            r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"echo","arguments":{"text":"a\u00e9\n"}}}"#,
            Some(
                r#"{"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","text":"a\u00e9\n"}]}}"#,
            ),
        );
    }

    #[test]
    fn notifications_are_not_answered() {
        check(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, None);
    }

    #[test]
    fn unknown_methods_are_refused() {
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#,
            Some(
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#,
            ),
        );
    }

    #[test]
    fn answers_have_the_size_that_was_asked_for_and_the_number_in_them() {
        for bytes in [100, 10_000, 100_000] {
            assert_eq!(text_of(bytes, 42).len(), bytes);
            let rows = rows_of(bytes, 42);
            assert!(rows.len().abs_diff(bytes) < 150, "{} for {bytes}", rows.len());
            let rows: Value = serde_json::from_str(&rows).unwrap();
            assert_eq!(rows["number"], 42);
        }
    }

    #[test]
    fn the_list_is_as_long_as_was_asked_for() {
        for (asked, expected) in [(0, 3), (3, 3), (200, 200)] {
            let list = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
            let answer: Value =
                serde_json::from_str(&Answers::new(asked).answer(list).unwrap()).unwrap();
            assert_eq!(answer["result"]["tools"].as_array().unwrap().len(), expected);
        }
    }
}
