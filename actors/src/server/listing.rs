//! This file reads a server's list of tools, one by one, so that a bad one costs only itself.
//!
//! It leaves cleaning and naming the tools to the merger.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::time::Instant;

use super::downstream::{AskError, Lane};
use crate::wire::{Members, Outcome, Text};

/// Pages read of one list.
const PAGES: usize = 1_000;
/// Tools taken from one server.
const TOOLS: usize = 10_000;
/// Longest tool name (MCP 2026-07-28, server/tools, Tool Names).
const NAME: usize = 128;

/// A tool as its server defines it.
#[derive(Debug, Clone)]
pub(crate) struct RawTool {
    /// The server's name for it.
    pub(crate) name: Text,
    /// The definition's members, in order and raw.
    pub(crate) definition: Members,
}

/// A tool that cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its name, or its place in the list where it has none.
    pub tool: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What a server offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) tools: Vec<RawTool>,
    pub(crate) rejected: Vec<Rejected>,
    /// How long the server says the list holds, in milliseconds.
    pub(crate) ttl_ms: Option<u64>,
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
    #[error("the answer is not a list of tools: {0}")]
    Shape(String),
}

#[derive(Deserialize)]
struct Fault<'a> {
    code: i64,
    #[serde(borrow, default)]
    message: std::borrow::Cow<'a, str>,
}

/// JSON-RPC's "method not found": a server without tools.
const NO_SUCH_METHOD: i64 = -32601;

/// Reads the whole list within `limit`.
pub(crate) async fn list_tools(lane: &Lane, limit: Duration) -> Result<Listing, ListError> {
    let deadline = Instant::now() + limit;
    let mut listing = Listing::default();
    let mut members = Bytes::new();
    let mut seen = HashSet::new();
    for _ in 0..PAGES {
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = lane.ask("tools/list", members.clone(), left).await?;
        let result = match answer.outcome {
            Outcome::Result(result) => result,
            Outcome::Error(error) => return refused(&error).map(|()| listing),
        };
        let Some(cursor) = read_page(&result, &mut listing)? else { return Ok(listing) };
        if listing.tools.len() >= TOOLS {
            break;
        }
        if !seen.insert(cursor.clone()) {
            listing.reject("the list's end", "the server gave the same cursor twice");
            return Ok(listing);
        }
        members = [&b"\"cursor\":"[..], &cursor].concat().into();
    }
    let tools = listing.tools.len();
    listing.reject("the list's end", &format!("cut after {tools} tools and {PAGES} pages at most"));
    Ok(listing)
}

fn refused(error: &Bytes) -> Result<(), ListError> {
    match serde_json::from_slice::<Fault<'_>>(error) {
        Ok(fault) if fault.code == NO_SUCH_METHOD => Ok(()),
        Ok(fault) => Err(ListError::Refused(fault.message.into_owned())),
        Err(_) => Err(ListError::Refused("with an unreadable error".to_owned())),
    }
}

/// Adds the tools of one page to `listing`; returns the raw cursor of the next one.
pub(crate) fn read_page(result: &Bytes, listing: &mut Listing) -> Result<Option<Bytes>, ListError> {
    let shape = |error: String| ListError::Shape(error);
    let page = Members::read(result).map_err(|error| shape(error.to_string()))?;
    let tools = page.get("tools").ok_or_else(|| shape("no `tools`".to_owned()))?;
    let tools: Vec<&RawValue> =
        serde_json::from_slice(tools).map_err(|error| shape(error.to_string()))?;
    for raw in tools {
        let place = listing.tools.len() + listing.rejected.len();
        match read_tool(result.slice_ref(raw.get().as_bytes())) {
            Ok(tool) if listing.tools.iter().any(|known| known.name == tool.name) => {
                listing.reject(&tool.name, "the server lists this name twice");
            }
            Ok(tool) => listing.tools.push(tool),
            Err((name, reason)) => {
                let name = name.map_or_else(|| format!("number {place}"), |name| name.to_string());
                listing.reject(&name, &reason);
            }
        }
    }
    let ttl = page.get("ttlMs").and_then(|raw| serde_json::from_slice::<i64>(raw).ok());
    if let Some(ttl) = ttl {
        let ttl = u64::try_from(ttl).unwrap_or(0);
        listing.ttl_ms = Some(listing.ttl_ms.map_or(ttl, |least| least.min(ttl)));
    }
    Ok(page.get("nextCursor").filter(|raw| raw.first() == Some(&b'"')).cloned())
}

impl Listing {
    fn reject(&mut self, tool: &str, reason: &str) {
        self.rejected.push(Rejected { tool: tool.to_owned(), reason: reason.to_owned() });
    }
}

/// Reads one definition, as far as it must be right for a client to take the list it is in.
fn read_tool(raw: Bytes) -> Result<RawTool, (Option<Text>, String)> {
    let definition = Members::read(&raw).map_err(|error| (None, error.to_string()))?;
    let name = definition.text("name").ok_or((None, "no string `name`".to_owned()))?;
    let named = |reason: &str| (Some(name.clone()), reason.to_owned());
    if name.is_empty() || name.len() > NAME {
        return Err(named("the name must have 1 to 128 bytes"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(named("the name may hold visible ASCII characters only"));
    }
    match definition.get("inputSchema").map(|schema| schema.first()) {
        Some(Some(b'{')) => {}
        Some(_) => return Err(named("`inputSchema` must be an object")),
        None => return Err(named("no `inputSchema`")),
    }
    // Clients decode the list into values, with a limit to nesting and real Unicode text only.
    if let Err(error) = serde_json::from_slice::<serde_json::Value>(&raw) {
        return Err(named(&error.to_string()));
    }
    Ok(RawTool { name, definition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tools: &str, listed: &[&str], rejected: &[&str]) {
        let page = format!(r#"{{"tools":[{tools}],"nextCursor":""}}"#);
        let mut listing = Listing::default();
        let cursor = read_page(&Bytes::from(page), &mut listing).unwrap();
        assert_eq!(cursor.unwrap(), "\"\"", "an empty cursor is not the end");
        let names: Vec<_> = listing.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, listed);
        let refused: Vec<_> = listing.rejected.iter().map(|tool| tool.tool.as_str()).collect();
        assert_eq!(refused, rejected, "{:?}", listing.rejected);
    }

    fn tool(name: &str) -> String {
        format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}},"x-unknown":[1.0]}}"#)
    }

    #[test]
    fn healthy_tools_keep_every_member() {
        let mut listing = Listing::default();
        let page = Bytes::from(format!(r#"{{"tools":[{}],"ttlMs":-5}}"#, tool("a")));
        assert_eq!(read_page(&page, &mut listing).unwrap(), None);
        assert_eq!(listing.tools[0].definition.get("x-unknown").unwrap(), "[1.0]");
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
    fn a_name_listed_twice_counts_once() {
        check(&format!("{},{}", tool("a"), tool("a")), &["a"], &["a"]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for result in ["{}", r#"{"tools":{}}"#, "[]", r#"{"tools":null}"#] {
            let page = Bytes::copy_from_slice(result.as_bytes());
            assert!(read_page(&page, &mut Listing::default()).is_err(), "{result}");
        }
    }
}
