//! This file is `conductor pins`: which tools are not as they were approved, how they differ, and
//! their approval.
//!
//! It leaves remembering to the daemon.

use std::collections::BTreeMap;

use conductor_config::ServerId;
use serde_json::Value;

use super::args::{PinsArgs, PinsCommand};
use super::load::client;
use super::out::Out;
use super::table::table;
use crate::admin::{Approval, Pending, PendingServer, PendingTool};
use crate::exit::{Exit, Failure};

pub(super) async fn run(args: &PinsArgs, out: Out) -> Result<Exit, Failure> {
    let client = client(&args.daemon)?;
    match &args.command {
        PinsCommand::List { json } => {
            let pending: Pending = client.get("/api/v1/aegis/pins").await?;
            if *json {
                out.json(&pending)?;
            } else if pending.servers.is_empty() {
                out.note("every tool is as it was approved");
            } else {
                out.data(&listed(&pending.servers))?;
            }
        }
        PinsCommand::Diff { server } => {
            let mut pending: Pending = client.get("/api/v1/aegis/pins").await?;
            let wanted = server.as_ref().map(ServerId::to_string);
            pending.servers.retain(|one| wanted.as_ref().is_none_or(|name| *name == one.server));
            if pending.servers.is_empty() {
                out.note("every tool is as it was approved");
            } else {
                out.data(&differences(&pending.servers))?;
            }
        }
        PinsCommand::Approve { server, tools } => {
            let path =
                format!("/api/v1/aegis/connections/{}/{}/pins", server.workspace, server.name);
            let _: Pending = client.post(&path, &Approval { tools: tools.clone() }).await?;
            let what = if tools.is_empty() { "all tools".to_owned() } else { tools.join(", ") };
            out.note(format_args!("approved: {what} of {server}"));
        }
    }
    Ok(Exit::Success)
}

fn listed(servers: &[PendingServer]) -> String {
    let rows: Vec<[String; 4]> = servers
        .iter()
        .flat_map(|one| {
            let held = if one.held { "held back" } else { "shown" };
            one.tools.iter().map(move |tool| {
                [one.server.clone(), tool.tool.clone(), tool.change.clone(), held.to_owned()]
            })
        })
        .collect();
    table(["SERVER", "TOOL", "CHANGE", "STATE"], &rows)
}

fn differences(servers: &[PendingServer]) -> String {
    let all = servers.iter().flat_map(|one| one.tools.iter().map(move |tool| (one, tool)));
    let lines = all.flat_map(|(one, tool)| {
        let head = match tool.change.as_str() {
            "launch" => "the same, but its server is started in another way",
            "new" => "new",
            _ => "changed",
        };
        let head = format!("{}: {}: {head}", one.server, tool.tool);
        [head].into_iter().chain(difference(tool))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is gone and what is new, a line a value, where it stands before it.
fn difference(tool: &PendingTool) -> Vec<String> {
    let parts = |text: &str| {
        let mut parts = BTreeMap::new();
        flatten(&serde_json::from_str(text).unwrap_or(Value::Null), String::new(), &mut parts);
        parts
    };
    let before = tool.before.as_deref().map(parts).unwrap_or_default();
    let after = parts(&tool.after);
    let mut lines = Vec::new();
    let mut places: Vec<&String> = before.keys().chain(after.keys()).collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        if before.get(place) != after.get(place) {
            let line = |sign: char, text: &String| format!("  {sign} {place}: {text}");
            lines.extend(before.get(place).map(|text| line('-', text)));
            lines.extend(after.get(place).map(|text| line('+', text)));
        }
    }
    lines
}

/// All values by their place; in texts, whatever nobody would see is spelled out.
fn flatten(value: &Value, place: String, into: &mut BTreeMap<String, String>) {
    let below = |key: &str| match place.as_str() {
        "" => key.to_owned(),
        place => format!("{place}/{key}"),
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, value)| flatten(value, below(key), into));
        }
        Value::Array(items) if !items.is_empty() => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, value)| flatten(value, below(&at.to_string()), into));
        }
        Value::String(text) => drop(into.insert(place, format!("{text:?}"))),
        other => drop(into.insert(place, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Option<&str>, after: &str, lines: &[&str]) {
        let tool = PendingTool {
            tool: "t".to_owned(),
            change: "changed".to_owned(),
            before: before.map(str::to_owned),
            after: after.to_owned(),
        };
        assert_eq!(difference(&tool), lines);
    }

    #[test]
    fn a_difference_is_shown_where_it_is_and_what_is_invisible_is_spelled_out() {
        check(
            Some(r#"{"description":"Formats.","a":1}"#),
            "{\"description\":\"Formats.\u{200b}\",\"a\":1}",
            &["  - description: \"Formats.\"", "  + description: \"Formats.\\u{200b}\""],
        );
        check(
            Some(r#"{"inputSchema":{"properties":{"q":{"type":"string"}}}}"#),
            r#"{"inputSchema":{"properties":{"q":{"type":"string"},"n":{}},"required":["q"]}}"#,
            &["  + inputSchema/properties/n: {}", "  + inputSchema/required/0: \"q\""],
        );
        check(None, r#"{"description":"x"}"#, &["  + description: \"x\""]);
    }
}
