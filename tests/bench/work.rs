//! This file is what clients ask for: the text of each request, and whether its answer is right.
//! It leaves carrying them to `talk.rs`.

use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answers::{rows_of, text_of};

/// The metadata that each request of the modern revision carries.
const META: &str = concat!(
    r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{},"#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}"#
);

/// What a long answer is cut to before it is read, in bytes: enough for all of its number.
const SHORT: usize = 100;

/// One kind of request, made again and again.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Text that comes back.
    Echo {
        /// Bytes of it.
        bytes: usize,
    },
    /// Text of the server's own.
    Text {
        /// Bytes of it.
        bytes: usize,
    },
    /// Structured content.
    Rows {
        /// Bytes of it, about.
        bytes: usize,
    },
    /// The list of tools, in one page.
    List {
        /// How many there must be.
        tools: usize,
        /// The first answer that was found to be right; all others must be equal.
        right: Arc<OnceLock<String>>,
    },
}

impl Work {
    /// A list of so many tools.
    pub(crate) fn list(tools: usize) -> Self {
        Self::List { tools, right: Arc::new(OnceLock::new()) }
    }

    /// The method and the tool's bare name.
    pub(crate) fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Echo { .. } => ("tools/call", "echo"),
            Self::Text { .. } => ("tools/call", "text"),
            Self::Rows { .. } => ("tools/call", "rows"),
            Self::List { .. } => ("tools/list", ""),
        }
    }

    /// The request of this id by this client; `tool` is the name to call it by.
    pub(crate) fn request(&self, client: u32, id: u64, tool: &str, modern: bool) -> String {
        let meta = if modern { META } else { "" };
        let (method, _) = self.names();
        let params = match self {
            Self::Echo { bytes } => {
                let text = echo_text(*bytes, client, id);
                format!(r#"{{"name":"{tool}","arguments":{{"text":"{text}"}}{meta}}}"#)
            }
            Self::Text { bytes } | Self::Rows { bytes } => {
                let number = number_of(client, id);
                format!(
                    r#"{{"name":"{tool}","arguments":{{"bytes":{bytes},"number":{number}}}{meta}}}"#
                )
            }
            Self::List { .. } => format!("{{{}}}", meta.trim_start_matches(',')),
        };
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
    }

    /// Checks one answer; returns the id of the request that it belongs to.
    pub(crate) fn check(&self, client: u32, answer: &[u8]) -> Result<u64> {
        match self.shortened(answer) {
            Some((short, answer)) => short.check_all(client, &answer),
            None => self.check_all(client, answer),
        }
    }

    /// An answer of a long text or many rows, compared with what there must be, with a short one in place
    /// of that, and the work that has such answers. To compare is a tenth of the work of reading JSON; the
    /// machine is shared with what is measured.
    fn shortened(&self, answer: &[u8]) -> Option<(Self, Vec<u8>)> {
        let (mark, short) = match self {
            Self::Text { bytes } if *bytes > SHORT => ("\"text\":\"", Self::Text { bytes: SHORT }),
            Self::Rows { bytes } if *bytes > SHORT => ("{\"number\":", Self::Rows { bytes: SHORT }),
            _ => return None,
        };
        let behind = memchr::memmem::find(answer, mark.as_bytes())? + mark.len();
        let digits = answer[behind..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&answer[behind..behind + digits]).ok()?.parse().ok()?;
        let begin = match self {
            Self::Text { .. } => behind,
            _ => behind - mark.len(),
        };
        let rest = answer[begin..].strip_prefix(self.long_part(number).as_bytes())?;
        Some((short.clone(), [&answer[..begin], short.long_part(number).as_bytes(), rest].concat()))
    }

    /// The text or the rows of this number.
    fn long_part(&self, number: u64) -> String {
        match self {
            Self::Text { bytes } => text_of(*bytes, number),
            Self::Rows { bytes } => rows_of(*bytes, number),
            Self::Echo { .. } | Self::List { .. } => String::new(),
        }
    }

    /// The same for an answer that is read whole.
    fn check_all(&self, client: u32, answer: &[u8]) -> Result<u64> {
        let reply: Reply<'_> = serde_json::from_slice(answer).context("an answer is no JSON")?;
        let (Some(id), Some(result)) = (reply.id, reply.result) else {
            bail!("a call failed: {}", shown(answer));
        };
        let is_right = match self {
            Self::Echo { bytes } => is_text(result, &echo_text(*bytes, client, id))?,
            Self::Text { .. } => is_text(result, &self.long_part(number_of(client, id)))?,
            Self::Rows { .. } => {
                let found: Structured<'_> = serde_json::from_str(result.get())?;
                found.content.get() == self.long_part(number_of(client, id))
            }
            Self::List { tools, right } => match right.get() {
                Some(right) => result.get() == right,
                None => {
                    let list: Value = serde_json::from_str(result.get())?;
                    let is_right = list["tools"].as_array().is_some_and(|it| it.len() == *tools)
                        && list.get("nextCursor").is_none();
                    if is_right {
                        let _ = right.set(result.get().to_owned()); // another was as fast
                    }
                    is_right
                }
            },
        };
        if !is_right {
            bail!("request {id} of client {client} was answered wrongly: {}", shown(answer));
        }
        Ok(id)
    }
}

#[derive(Deserialize)]
struct Reply<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(borrow)]
    content: [Block<'a>; 1],
}

#[derive(Deserialize)]
struct Block<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(borrow, rename = "structuredContent")]
    content: &'a RawValue,
}

fn is_text(result: &RawValue, expected: &str) -> Result<bool> {
    let called: Called<'_> = serde_json::from_str(result.get())?;
    let [block] = called.content;
    Ok(block.text == expected)
}

/// No two calls have the same text, so that a mixed-up answer shows.
fn echo_text(bytes: usize, client: u32, id: u64) -> String {
    let mut text = format!("{client}:{id}:");
    text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len())));
    text
}

fn number_of(client: u32, id: u64) -> u64 {
    u64::from(client) * 1_000_000_000 + id
}

fn shown(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Answers;

    fn check(work: &Work) {
        let server = Answers::new(5);
        for modern in [false, true] {
            let asked = work.request(3, 7, work.names().1, modern);
            let answer = server.answer(asked.as_bytes()).unwrap();
            assert_eq!(work.check(3, answer.as_bytes()).unwrap(), 7, "{asked}");
            let other = work.check(4, answer.as_bytes());
            assert!(matches!(work, Work::List { .. }) || other.is_err(), "{asked}");
        }
    }

    #[test]
    fn right_answers_are_known_and_those_of_another_client_are_not() {
        check(&Work::Echo { bytes: 100 });
        check(&Work::Text { bytes: 1000 });
        check(&Work::Rows { bytes: 1000 });
    }

    #[test]
    fn a_long_answer_is_wrong_if_a_byte_of_it_is() {
        for (work, bytes) in [
            (Work::Text { bytes: 1000 }, ["jumps", "\"text\":", "\"id\":7", "}]"]),
            (Work::Rows { bytes: 1000 }, ["0.25", "\"structured", "\"id\":7", "}}"]),
        ] {
            let asked = work.request(1, 7, work.names().1, true);
            let answer = Answers::new(1).answer(asked.as_bytes()).unwrap();
            assert!(work.shortened(answer.as_bytes()).is_some());
            for part in bytes {
                let at = answer.find(part).unwrap();
                let mut wrong = answer.clone().into_bytes();
                wrong[at + 1] ^= 1;
                assert!(work.check(1, &wrong).is_err(), "{part}");
            }
        }
    }

    #[test]
    fn lists_must_be_whole_and_stay_the_same() {
        let work = Work::list(5);
        let answer = |tools: usize| {
            let asked = work.request(1, 1, "", false);
            Answers::new(tools).answer(asked.as_bytes()).unwrap()
        };
        assert!(work.check(1, answer(4).as_bytes()).is_err());
        assert!(work.check(1, answer(5).as_bytes()).is_ok());
        let renamed = answer(5).replace("tool_00004", "tool_00005");
        assert!(work.check(1, renamed.as_bytes()).is_err());
    }

    #[test]
    fn errors_are_no_answers() {
        let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#;
        assert!(Work::Echo { bytes: 10 }.check(1, error).is_err());
    }
}
