//! This file reads a list of a server, entry by entry, so that a bad one costs only itself.
//!
//! It leaves cleaning and naming what is listed to the merger.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::time::Instant;

use super::downstream::{AskError, Lane};
use crate::model::ListKind;
use crate::wire::{Hop, Marks, Members, Outcome, Text};

/// Pages read of one list.
const PAGES: usize = 1_000;
/// Entries taken from one list.
const ENTRIES: usize = 10_000;
/// Longest name of a tool (MCP 2026-07-28, server/tools, Tool Names), and of a prompt.
const NAME: usize = 128;
/// Longest address.
const ADDRESS: usize = 2048;

/// An entry as its server defines it.
#[derive(Debug, Clone)]
pub(crate) struct RawEntry {
    /// The server's name for it; the address of a resource, a template itself.
    pub(crate) name: Text,
    /// The definition's members, in order and raw.
    pub(crate) definition: Members,
}

/// An entry of a list that cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// In which list it is.
    pub kind: ListKind,
    /// Its name or address, or its place in the list where it has none.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// One list of a server.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) kind: ListKind,
    pub(crate) entries: Vec<RawEntry>,
    pub(crate) rejected: Vec<Rejected>,
    /// How long the server says the list holds, in milliseconds.
    pub(crate) ttl_ms: Option<u64>,
    /// The names of `entries`.
    known: HashSet<Text>,
    /// Whether a tool must not be used that marks arguments wrongly: a rule of modern revisions.
    strict: bool,
}

/// Why a list could not be read.
#[derive(Debug, Error)]
pub(crate) enum ListError {
    /// The server brought no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It answered with an error.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Its answer is no list.
    #[error("the answer is not such a list: {0}")]
    Shape(String),
}

#[derive(Deserialize)]
struct Fault<'a> {
    code: i64,
    #[serde(borrow, default)]
    message: std::borrow::Cow<'a, str>,
}

/// JSON-RPC's "method not found": a server without such a list.
const NO_SUCH_METHOD: i64 = -32601;

/// Reads the whole list within `limit`.
pub(crate) async fn read_list(
    lane: &Lane,
    kind: ListKind,
    limit: Duration,
) -> Result<Listing, ListError> {
    let deadline = Instant::now() + limit;
    let mut listing = Listing { strict: lane.hop() == Hop::Modern, ..Listing::new(kind) };
    let mut members = Bytes::new();
    let mut seen = HashSet::new();
    for _ in 0..PAGES {
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = lane.ask(kind.method(), members.clone(), left).await?;
        let result = match answer.outcome {
            Outcome::Result(result) => result,
            Outcome::Error(error) => return refused(&error).map(|()| listing),
        };
        let Some(cursor) = listing.read_page(&result)? else { return Ok(listing) };
        if listing.entries.len() >= ENTRIES {
            break;
        }
        if !seen.insert(cursor.clone()) {
            listing.reject("the list's end", "the server gave the same cursor twice");
            return Ok(listing);
        }
        members = [&b"\"cursor\":"[..], &cursor].concat().into();
    }
    let (entries, noun) = (listing.entries.len(), kind.noun());
    let reason = format!("cut after {entries} {noun}s and {PAGES} pages at most");
    listing.reject("the list's end", &reason);
    Ok(listing)
}

fn refused(error: &Bytes) -> Result<(), ListError> {
    match serde_json::from_slice::<Fault<'_>>(error) {
        Ok(fault) if fault.code == NO_SUCH_METHOD => Ok(()),
        Ok(fault) => Err(ListError::Refused(fault.message.into_owned())),
        Err(_) => Err(ListError::Refused("with an unreadable error".to_owned())),
    }
}

impl Listing {
    /// A list with nothing in it.
    pub(crate) fn new(kind: ListKind) -> Self {
        let (entries, rejected, known) = (Vec::new(), Vec::new(), HashSet::new());
        Self { kind, entries, rejected, ttl_ms: None, known, strict: false }
    }

    /// Adds the entries of one page; returns the raw cursor of the next one.
    pub(crate) fn read_page(&mut self, result: &Bytes) -> Result<Option<Bytes>, ListError> {
        let shape = |error: String| ListError::Shape(error);
        let page = Members::read(result).map_err(|error| shape(error.to_string()))?;
        let key = self.kind.key();
        let entries = page.get(key).ok_or_else(|| shape(format!("no `{key}`")))?;
        let entries: Vec<&RawValue> =
            serde_json::from_slice(entries).map_err(|error| shape(error.to_string()))?;
        for raw in entries {
            self.add(result.slice_ref(raw.get().as_bytes()));
        }
        let ttl = page.get("ttlMs").and_then(|raw| serde_json::from_slice::<i64>(raw).ok());
        if let Some(ttl) = ttl {
            let ttl = u64::try_from(ttl).unwrap_or(0);
            self.ttl_ms = Some(self.ttl_ms.map_or(ttl, |least| least.min(ttl)));
        }
        Ok(page.get("nextCursor").filter(|raw| raw.first() == Some(&b'"')).cloned())
    }

    fn add(&mut self, raw: Bytes) {
        let place = self.entries.len() + self.rejected.len();
        match read_entry(self.kind, raw, self.strict) {
            Ok(entry) if self.known.contains(&entry.name) => {
                self.reject(&entry.name, "the server lists this name twice");
            }
            Ok(entry) => {
                self.known.insert(entry.name.clone());
                self.entries.push(entry);
            }
            Err((name, reason)) => {
                let name = name.map_or_else(|| format!("number {place}"), |name| name.to_string());
                self.reject(&name, &reason);
            }
        }
    }

    fn reject(&mut self, name: &str, reason: &str) {
        let (kind, name, reason) = (self.kind, name.to_owned(), reason.to_owned());
        self.rejected.push(Rejected { kind, name, reason });
    }
}

/// Reads one definition, as far as it must be right for a client to take the list it is in.
fn read_entry(
    kind: ListKind,
    raw: Bytes,
    strict: bool,
) -> Result<RawEntry, (Option<Text>, String)> {
    let definition = Members::read(&raw).map_err(|error| (None, error.to_string()))?;
    let key = match kind {
        ListKind::Tools | ListKind::Prompts => "name",
        ListKind::Resources => "uri",
        ListKind::Templates => "uriTemplate",
    };
    let name = definition.text(key).ok_or_else(|| (None, format!("no string `{key}`")))?;
    let fault = match kind {
        ListKind::Tools => tool_fault(&name, &definition),
        ListKind::Prompts => prompt_fault(&name, &definition),
        ListKind::Resources | ListKind::Templates => address_fault(&name, &definition),
    };
    if let Some(fault) = fault {
        return Err((Some(name), fault.to_owned()));
    }
    // Clients decode the list into values, with a limit to nesting and real Unicode text only.
    let value = match serde_json::from_slice::<serde_json::Value>(&raw) {
        Ok(value) => value,
        Err(error) => return Err((Some(name), error.to_string())),
    };
    if kind == ListKind::Tools
        && strict
        && let Some(Err(error)) = value.get("inputSchema").map(Marks::of)
    {
        return Err((Some(name), error.to_string()));
    }
    Ok(RawEntry { name, definition })
}

fn tool_fault(name: &str, definition: &Members) -> Option<&'static str> {
    if name.is_empty() || name.len() > NAME {
        return Some("the name must have 1 to 128 bytes");
    }
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("the name may hold visible ASCII characters only");
    }
    match definition.get("inputSchema").map(|schema| schema.first()) {
        Some(Some(b'{')) => None,
        Some(_) => Some("`inputSchema` must be an object"),
        None => Some("no `inputSchema`"),
    }
}

/// Names of prompts have no rule of their own; what people are to type can be any text.
fn prompt_fault(name: &str, definition: &Members) -> Option<&'static str> {
    if name.is_empty() || name.len() > NAME {
        return Some("the name must have 1 to 128 bytes");
    }
    if name.chars().any(char::is_control) {
        return Some("the name may hold no control characters");
    }
    match definition.get("arguments").map(|arguments| &arguments[..]) {
        None | Some(b"null" | [b'[', ..]) => None,
        Some(_) => Some("`arguments` must be a list"),
    }
}

fn address_fault(address: &str, definition: &Members) -> Option<&'static str> {
    if address.is_empty() || address.len() > ADDRESS {
        return Some("the address must have 1 to 2048 bytes");
    }
    if address.chars().any(char::is_control) {
        return Some("the address may hold no control characters");
    }
    definition.text("name").is_none().then_some("no string `name`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tools: &str, listed: &[&str], rejected: &[&str]) {
        let page = format!(r#"{{"tools":[{tools}],"nextCursor":""}}"#);
        let mut listing = Listing::new(ListKind::Tools);
        let cursor = listing.read_page(&Bytes::from(page)).unwrap();
        assert_eq!(cursor.unwrap(), "\"\"", "an empty cursor is not the end");
        let names: Vec<_> = listing.entries.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, listed);
        let refused: Vec<_> = listing.rejected.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(refused, rejected, "{:?}", listing.rejected);
    }

    fn tool(name: &str) -> String {
        format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}},"x-unknown":[1.0]}}"#)
    }

    #[test]
    fn healthy_tools_keep_every_member() {
        let mut listing = Listing::new(ListKind::Tools);
        let page = Bytes::from(format!(r#"{{"tools":[{}],"ttlMs":-5}}"#, tool("a")));
        assert_eq!(listing.read_page(&page).unwrap(), None);
        assert_eq!(listing.entries[0].definition.get("x-unknown").unwrap(), "[1.0]");
        assert_eq!(listing.ttl_ms, Some(0));
    }

    #[test]
    fn a_bad_tool_costs_only_itself() {
        let deep = format!(
            r#"{{"name":"deep","inputSchema":{{"a":{}1{}}}}}"#,
            "[".repeat(400),
            "]".repeat(400)
        );
        let bad = [
            r#"{"inputSchema":{}}"#,
            r#"{"name":"no_schema"}"#,
            r#"{"name":"null_schema","inputSchema":null}"#,
            r#"{"name":"list_schema","inputSchema":[]}"#,
            r#"{"name":"lone","inputSchema":{},"description":"\ud83d"}"#,
            r#"{"name":"two words","inputSchema":{}}"#,
            r#""text""#,
            &deep,
        ];
        let tools = format!("{},{},{}", tool("a"), bad.join(","), tool("b"));
        check(
            &tools,
            &["a", "b"],
            &[
                "number 1",
                "no_schema",
                "null_schema",
                "list_schema",
                "lone",
                "two words",
                "number 7",
                "deep",
            ],
        );
    }

    #[test]
    fn a_modern_servers_tool_with_a_wrong_mark_is_left_out() {
        let tool = |name: &str, mark: &str| {
            let property = format!(r#"{{"type":"string","x-mcp-header":{mark}}}"#);
            let schema = format!(r#"{{"type":"object","properties":{{"a":{property}}}}}"#);
            format!(r#"{{"name":"{name}","inputSchema":{schema}}}"#)
        };
        let tools = [tool("right", r#""A""#), tool("wrong", r#""A B""#)].join(",");
        let page = Bytes::from(format!(r#"{{"tools":[{tools}]}}"#));
        for (strict, listed) in [(true, 1), (false, 2)] {
            let mut listing = Listing { strict, ..Listing::new(ListKind::Tools) };
            listing.read_page(&page).unwrap();
            assert_eq!(listing.entries.len(), listed);
            for rejected in &listing.rejected {
                assert_eq!(rejected.name, "wrong");
                assert_eq!(rejected.reason, "`x-mcp-header` of `a` names no header");
            }
        }
    }

    #[test]
    fn a_name_listed_twice_counts_once() {
        check(&format!("{},{}", tool("a"), tool("a")), &["a"], &["a"]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for result in ["{}", r#"{"tools":{}}"#, "[]", r#"{"tools":null}"#] {
            let page = Bytes::copy_from_slice(result.as_bytes());
            assert!(Listing::new(ListKind::Tools).read_page(&page).is_err(), "{result}");
        }
    }

    /// What is listed of `entries`, and the reasons of the rest.
    #[track_caller]
    fn check_other(kind: ListKind, entries: &[&str], listed: &[&str], reasons: &[&str]) {
        let page = format!(r#"{{"{}":[{}]}}"#, kind.key(), entries.join(","));
        let mut listing = Listing::new(kind);
        listing.read_page(&Bytes::from(page)).unwrap();
        let names: Vec<_> = listing.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, listed);
        let found: Vec<_> = listing.rejected.iter().map(|entry| entry.reason.as_str()).collect();
        assert_eq!(found, reasons);
    }

    #[test]
    fn a_bad_prompt_costs_only_itself() {
        check_other(
            ListKind::Prompts,
            &[
                r#"{"name":"one"}"#,
                r#"{"title":"nameless"}"#,
                r#"{"name":"two words é","arguments":[{"name":"a"}]}"#,
                r#"{"name":"bell\u0007"}"#,
                r#"{"name":"odd","arguments":{}}"#,
                r#"{"name":"one"}"#,
            ],
            &["one", "two words é"],
            &[
                "no string `name`",
                "the name may hold no control characters",
                "`arguments` must be a list",
                "the server lists this name twice",
            ],
        );
    }

    #[test]
    fn a_bad_resource_or_template_costs_only_itself() {
        check_other(
            ListKind::Resources,
            &[
                r#"{"uri":"a://b","name":"b","size":1}"#,
                r#"{"uri":"a://c"}"#,
                r#"{"uri":"a://\n","name":"x"}"#,
                r#"{"name":"x"}"#,
                r#"{"uri":"","name":"x"}"#,
            ],
            &["a://b"],
            &[
                "no string `name`",
                "the address may hold no control characters",
                "no string `uri`",
                "the address must have 1 to 2048 bytes",
            ],
        );
        check_other(
            ListKind::Templates,
            &[r#"{"uriTemplate":"a://{b}","name":"b"}"#, r#"{"uri":"a://b","name":"b"}"#],
            &["a://{b}"],
            &["no string `uriTemplate`"],
        );
    }
}
