//! This file finds the servers in a client's settings, and which of them it would start.
//!
//! It leaves what is in an entry to `entry`.

use serde_json::{Map, Value, json};

use super::report::{Fate, Report};
use super::{ImportError, Source};

/// Where clients keep their servers, the surer places first.
const TABLES: &[&[&str]] = &[
    &["mcpServers"],
    &["context_servers"],
    &["mcp_servers"],
    &["servers"],
    &["mcp", "servers"],
    &["mcp"],
];

/// A server by its name.
type Found = Vec<(String, Map<String, Value>)>;

/// The servers in `whole`, in the order of their names.
pub(super) fn servers(
    whole: Value,
    source: Source,
    project: Option<&str>,
    report: &mut Report,
) -> Result<Found, ImportError> {
    let tables = TABLES.iter().filter_map(|path| at(&whole, path));
    let mut found: Found = Vec::new();
    let mut any = false;
    if let Some(table) = tables.into_iter().find(|table| is_table(table)) {
        any = true;
        found.extend(entries(table, report));
    }
    if let Some(Value::Object(projects)) = whole.get("projects") {
        any |= of_projects(projects, project, &mut found, report);
    }
    if source == Source::Gemini
        && let Some(rules) = whole.get("mcp")
    {
        choose(rules, &mut found);
    }
    for key in ["inputs", "mcpProxy", "serverDefaults"] {
        if whole.get(key).is_some() {
            report.note("", key, Fate::Dropped, "is the client's own");
        }
    }
    if any { Ok(found) } else { Err(ImportError::NoServers) }
}

fn at<'a>(whole: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(whole, |value, key| value.get(key))
}

/// Whether something holds servers: an object of objects, or a list of objects with names.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.values().all(Value::is_object),
        Value::Array(items) => items.iter().all(|item| item.get("name").is_some()),
        _ => false,
    }
}

fn entries(table: &Value, report: &mut Report) -> Found {
    let one = |name: &str, entry: &Value| match entry {
        Value::Object(entry) => Some((name.to_owned(), entry.clone())),
        _ => None,
    };
    match table {
        Value::Object(members) => {
            members.iter().filter_map(|(name, entry)| one(name, entry)).collect()
        }
        Value::Array(items) => {
            let named = items.iter().filter_map(|item| {
                let name = item.get("name").and_then(Value::as_str);
                if name.is_none() {
                    report.note("", "", Fate::Lost, "a server has no name");
                }
                one(name?, item)
            });
            named.collect()
        }
        _ => Vec::new(),
    }
}

/// Servers that a client starts in one folder alone; returns whether there are any.
fn of_projects(
    projects: &Map<String, Value>,
    wanted: Option<&str>,
    found: &mut Found,
    report: &mut Report,
) -> bool {
    let mut any = false;
    for (folder, settings) in projects {
        let Some(table) = settings.get("mcpServers").filter(|table| is_table(table)) else {
            continue;
        };
        let mut servers = entries(table, report);
        if servers.is_empty() {
            continue;
        }
        any = true;
        if wanted != Some(folder.as_str()) {
            let what = format!("{} servers of this project alone: see --project", servers.len());
            report.note("", folder, Fate::Lost, what);
            continue;
        }
        for (_, entry) in &mut servers {
            entry.entry("cwd").or_insert_with(|| json!(folder));
        }
        found.extend(servers);
    }
    any
}

/// What Gemini CLI says beside the table about which servers it starts.
fn choose(rules: &Value, found: &mut Found) {
    let names = |key: &str| -> Option<Vec<&str>> {
        let list = rules.get(key)?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).collect())
    };
    let (allowed, excluded) = (names("allowed"), names("excluded"));
    for (name, entry) in found {
        let named =
            |list: &Option<Vec<&str>>| list.as_ref().map(|list| list.contains(&name.as_str()));
        if named(&allowed) == Some(false) || named(&excluded) == Some(true) {
            entry.insert("enabled".to_owned(), json!(false));
        }
    }
}
