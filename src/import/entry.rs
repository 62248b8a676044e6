//! This file turns one entry of a client's settings into one of ours, key by key.
//!
//! It leaves what texts hold to `values`.

use serde_json::{Map, Number, Value, json};

use super::report::Fate;
use super::values::Values;

type Entry = Map<String, Value>;

/// What a client was told to trust; that is no rule for others.
const TRUST: &[&str] = &[
    "autoApprove",
    "alwaysAllow",
    "trust",
    "approval_mode",
    "default_tools_approval_mode",
    "autoApproveTools",
];

/// The entry as ours; nothing if it cannot be one, which is told.
pub(super) fn convert(mut entry: Entry, values: &mut Values<'_>) -> Option<Entry> {
    entry.remove("name");
    let mut ours = Entry::new();
    options(&mut entry);
    match way(&mut entry, values)? {
        Way::Program => program(&mut entry, &mut ours, values)?,
        Way::Remote { url, sse } => {
            ours.insert("type".to_owned(), json!(if sse { "sse" } else { "http" }));
            ours.insert("url".to_owned(), json!(values.url(&url)?));
            headers(&mut entry, &mut ours, values)?;
        }
    }
    enabled(&mut entry, &mut ours, values)?;
    filters(&mut entry, &mut ours, values);
    times(&mut entry, &mut ours, values);
    for key in ["description", "required"] {
        if let Some(value) = entry.remove(key) {
            ours.insert(key.to_owned(), value);
        }
    }
    for key in entry.keys() {
        let what = if TRUST.contains(&key.as_str()) {
            "is trust that its client was given, and no rule for others"
        } else {
            "is its client's own"
        };
        values.note(key, Fate::Dropped, what);
    }
    Some(ours)
}

/// What stands one level further down in files of some proxies.
fn options(entry: &mut Entry) {
    if let Some(Value::Object(options)) = entry.remove("options") {
        for (key, value) in options {
            entry.entry(key).or_insert(value);
        }
    }
}

/// How a server is reached.
enum Way {
    Program,
    Remote { url: String, sse: bool },
}

fn way(entry: &mut Entry, values: &mut Values<'_>) -> Option<Way> {
    entry.remove("source");
    let kinds = ["type", "transport", "transportType", "protocol"];
    let kind = kinds.iter().filter_map(|key| text(entry.remove(*key)?)).next();
    let mut url = None;
    for key in ["httpUrl", "serverUrl", "url"] {
        if let Some(found) = entry.remove(key).and_then(text) {
            url = url.or(Some((key, found)));
        }
    }
    let kind = kind.map(|kind| kind.to_ascii_lowercase().replace(['-', '_'], ""));
    let remote = |values: &mut Values<'_>, sse: bool| {
        let Some((_, url)) = url.clone() else {
            values.note("url", Fate::Lost, "is missing: the server is left out");
            return None;
        };
        if sse {
            values.note("type", Fate::Changed, "is `sse`, the older way over HTTP");
        }
        Some(Way::Remote { url, sse })
    };
    match kind.as_deref() {
        Some("stdio" | "local") => Some(Way::Program),
        Some("http" | "streamablehttp" | "remote") => remote(values, false),
        Some("sse") => remote(values, true),
        Some(_) => {
            values.note(
                "type",
                Fate::Lost,
                "is a way that is not spoken here: the server is left out",
            );
            None
        }
        None if entry.contains_key("command") => Some(Way::Program),
        None => {
            let sse =
                values.source.url_is_sse() && url.as_ref().is_some_and(|(key, _)| *key == "url");
            remote(values, sse)
        }
    }
}

fn program(entry: &mut Entry, ours: &mut Entry, values: &mut Values<'_>) -> Option<()> {
    let mut args = Vec::new();
    let command = match entry.remove("command") {
        Some(Value::Object(mut inner)) => {
            for key in ["args", "env"] {
                if let Some(value) = inner.remove(key) {
                    entry.entry(key).or_insert(value);
                }
            }
            inner.remove("path").and_then(text)
        }
        Some(Value::Array(words)) => {
            let mut words = words.into_iter().filter_map(text);
            let first = words.next();
            args.extend(words);
            first
        }
        Some(other) => text(other),
        None => None,
    };
    let Some(command) = command else {
        values.note("command", Fate::Lost, "is missing: the server is left out");
        return None;
    };
    if let Some(Value::Array(more)) = entry.remove("args") {
        args.extend(more.into_iter().filter_map(text));
    }
    // One word with blanks and no arguments is split; with arguments it is a path with blanks.
    ours.insert("command".to_owned(), json!(values.text("command", &command)?));
    if !args.is_empty() {
        ours.insert("args".to_owned(), json!(values.arguments(&args)?));
    }
    variables(entry, ours, values)?;
    for key in ["cwd", "working_dir", "workingDirectory"] {
        if let Some(folder) = entry.remove(key).and_then(text) {
            ours.insert("cwd".to_owned(), json!(values.place("cwd", &folder)?));
        }
    }
    if let Some(file) = entry.remove("envFile").and_then(text) {
        ours.insert("envFile".to_owned(), json!(values.place("envFile", &file)?));
    }
    if !ours.contains_key("cwd")
        && std::iter::once(&command).chain(&args).any(|word| is_relative(word))
    {
        let folder = values.folder().display().to_string();
        values.note("cwd", Fate::Changed, format!("is {folder}: relative paths start there"));
        ours.insert("cwd".to_owned(), json!(folder));
    }
    Some(())
}

/// Whether a word is a path that starts at the working directory.
fn is_relative(word: &str) -> bool {
    word.starts_with("./") || word.starts_with("../")
}

fn variables(entry: &mut Entry, ours: &mut Entry, values: &mut Values<'_>) -> Option<()> {
    let mut env = Entry::new();
    for key in ["env", "environment"] {
        let Some(Value::Object(found)) = entry.remove(key) else { continue };
        for (name, value) in found {
            let place = format!("env.{name}");
            match text(value) {
                Some(value) => {
                    env.insert(name.clone(), kept(&place, &name, &value, values)?);
                }
                None => values.note(&place, Fate::Dropped, "has no value"),
            }
        }
    }
    if let Some(Value::Array(names)) = entry.remove("env_vars") {
        for name in names.into_iter().filter_map(text) {
            env.insert(name.clone(), json!(format!("${{{name}}}")));
        }
    }
    if !env.is_empty() {
        ours.insert("env".to_owned(), Value::Object(env));
    }
    Some(())
}

/// A value of a variable or header: a text, or the file that it is in.
fn kept(place: &str, name: &str, value: &str, values: &mut Values<'_>) -> Option<Value> {
    if let Some(file) = values.file(place, value) {
        return Some(json!({ "file": file }));
    }
    values.value(place, name, value, true).map(Value::from)
}

fn headers(entry: &mut Entry, ours: &mut Entry, values: &mut Values<'_>) -> Option<()> {
    let mut headers = Entry::new();
    for key in ["headers", "http_headers"] {
        let Some(Value::Object(found)) = entry.remove(key) else { continue };
        for (name, value) in found {
            let Some(value) = text(value) else { continue };
            let value = kept(&format!("headers.{name}"), &name, &value, values)?;
            headers.insert(name, value);
        }
    }
    if let Some(Value::Object(found)) = entry.remove("env_http_headers") {
        for (name, variable) in found {
            let Some(variable) = text(variable) else { continue };
            headers.insert(name, json!(format!("${{{variable}}}")));
        }
    }
    if let Some(variable) = entry.remove("bearer_token_env_var").and_then(text) {
        headers.insert("Authorization".to_owned(), json!(format!("Bearer ${{{variable}}}")));
    }
    for key in ["auth", "oauth", "headersHelper", "authProviderType", "scopes", "oauth_resource"] {
        if entry.remove(key).is_some() {
            values.note(key, Fate::Lost, "signs in, which has to be set up here anew");
        }
    }
    if !headers.is_empty() {
        ours.insert("headers".to_owned(), Value::Object(headers));
    }
    Some(())
}

fn enabled(entry: &mut Entry, ours: &mut Entry, values: &mut Values<'_>) -> Option<()> {
    let flag = |value: Value| value.as_bool();
    let on = entry.remove("enabled").and_then(flag);
    let off = entry.remove("disabled").and_then(flag);
    let aside = entry.remove("quarantined").and_then(flag) == Some(true);
    if let (Some(on), Some(off)) = (on, off)
        && on == off
    {
        let what = "is both on and off: the server is left out";
        values.note("enabled", Fate::Lost, what);
        return None;
    }
    let on = on.or(off.map(|off| !off)).unwrap_or(true) && !aside;
    if aside {
        values.note("quarantined", Fate::Changed, "is off here");
    }
    if !on {
        ours.insert("enabled".to_owned(), json!(false));
    }
    Some(())
}

fn filters(entry: &mut Entry, ours: &mut Entry, values: &mut Values<'_>) {
    let mut lists = [Vec::new(), Vec::new()];
    let keys = [
        &["includeTools", "enabled_tools", "allowedTools"][..],
        &["excludeTools", "disabled_tools", "disabledTools"],
    ];
    for (list, keys) in lists.iter_mut().zip(keys) {
        for key in keys {
            if let Some(Value::Array(names)) = entry.remove(*key) {
                list.extend(names.into_iter().filter_map(text));
            }
        }
    }
    let [include, exclude] = &mut lists;
    match entry.remove("tools") {
        Some(Value::Array(names)) => include.extend(names.into_iter().filter_map(text)),
        Some(Value::Object(tools)) => {
            for (name, tool) in tools {
                if tool.get("enabled") == Some(&json!(false)) {
                    exclude.push(name);
                } else {
                    values.note(&format!("tools.{name}"), Fate::Dropped, "is its client's own");
                }
            }
        }
        Some(_) | None => {}
    }
    if let Some(Value::Object(filter)) = entry.remove("toolFilter")
        && let Some(Value::Array(names)) = filter.get("list").cloned()
    {
        let blocks = filter.get("mode") == Some(&json!("block"));
        let list = if blocks { &mut *exclude } else { &mut *include };
        list.extend(names.into_iter().filter_map(text));
    }
    include.retain(|name| name != "*");
    for (key, list) in [("includeTools", include), ("excludeTools", exclude)] {
        if !list.is_empty() {
            ours.insert(key.to_owned(), json!(list));
        }
    }
}

/// Times: what a bare number counts is told by whose file it is, never by its size.
fn times(entry: &mut Entry, ours: &mut Entry, values: &mut Values<'_>) {
    let unit = values.source.timeout_unit();
    let known = [
        ("timeout", "timeout", unit),
        ("requestTimeout", "timeout", unit),
        ("tool_timeout_sec", "timeout", Some(1_000)),
        ("connectionTimeout", "startupTimeout", unit),
        ("startup_timeout_sec", "startupTimeout", Some(1_000)),
        ("startup_timeout_ms", "startupTimeout", Some(1)),
    ];
    for (key, own, unit) in known {
        let Some(value) = entry.remove(key) else { continue };
        let Some(number) = value.as_f64() else {
            ours.insert(own.to_owned(), value);
            continue;
        };
        match unit {
            Some(unit) => {
                let time = format!("{:.0}ms", number * f64::from(u32::try_from(unit).unwrap_or(1)));
                values.note(key, Fate::Changed, format!("is `{own}` of {time} now"));
                ours.insert(own.to_owned(), json!(time));
            }
            None => values.note(key, Fate::Lost, "is a number, and of what is not known"),
        }
    }
}

/// A text, or a number or a truth written as one.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(Number::to_string(&number)),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
