//! This file reads how a server is reached: the program to run or the URL to call.
//! It does not start or call anything; of the disk it reads only files of secrets.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use figment::value::Value;

use crate::{
    Reach, RemoteKind, RemoteSpec, Secret, StdioSpec, Transport,
    document::kind,
    env_file,
    nearest::nearest,
    reader::{Node, Table},
    words,
};

/// Reads either `command` and what goes with it, or `url` and what goes with it.
pub(crate) fn read(entry: &Table<'_>) -> Option<Transport> {
    let wanted = declared(entry);
    let urls: Vec<(&str, Node<'_>)> = ["url", "serverUrl", "httpUrl"]
        .into_iter()
        .filter_map(|key| entry.get(key).map(|node| (key, node)))
        .collect();
    let choices = "`command` (a program to run) or `url` (a server elsewhere)";
    match (entry.get("command"), urls.as_slice()) {
        (None, []) => entry.node.fail(format!("has neither; a server needs {choices}")),
        (Some(_), [(key, _), ..]) => entry
            .node
            .fail(format!("has both `command` and `{key}`; a server has {choices}, not both")),
        (None, [(first, _), (second, _), ..]) => {
            entry.node.fail(format!("has both `{first}` and `{second}`; keep `url`"))
        }
        (Some(command), []) => {
            let spec = stdio(entry, &command);
            match wanted {
                Some(Declared::Remote(_)) => {
                    entry.node.fail("has a `command`, so its `type` must be \"stdio\"")
                }
                _ => spec.map(Transport::Stdio),
            }
        }
        (None, [(key, url)]) => {
            let sse = *key == "url" && matches!(wanted, Some(Declared::Remote(RemoteKind::Sse)));
            let kind = if sse { RemoteKind::Sse } else { RemoteKind::Http };
            let spec = remote(entry, url, kind);
            match wanted {
                Some(Declared::Stdio) => {
                    entry.node.fail("has a `url`, so its `type` must be \"http\" or \"sse\"")
                }
                _ => spec.map(Transport::Remote),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Declared {
    Stdio,
    Remote(RemoteKind),
}

/// The words clients write as `type`.
const TYPES: &[(&str, Declared)] = &[
    ("stdio", Declared::Stdio),
    ("http", Declared::Remote(RemoteKind::Http)),
    ("sse", Declared::Remote(RemoteKind::Sse)),
    ("local", Declared::Stdio),
    ("remote", Declared::Remote(RemoteKind::Http)),
    ("streamable-http", Declared::Remote(RemoteKind::Http)),
    ("streamableHttp", Declared::Remote(RemoteKind::Http)),
    ("streamable_http", Declared::Remote(RemoteKind::Http)),
];

/// What `type` says, or `transport`, as some clients call it.
fn declared(entry: &Table<'_>) -> Option<Declared> {
    if let (Some(_), Some(node)) = (entry.get("type"), entry.get("transport")) {
        return node.fail("means the same as `type`; keep that one");
    }
    let node = entry.get("type").or_else(|| entry.get("transport"))?;
    let text = node.text()?;
    if let Some((_, declared)) = TYPES.iter().find(|(word, _)| *word == text) {
        return Some(*declared);
    }
    let words: Vec<&str> = TYPES.iter().map(|(word, _)| *word).collect();
    let hint = nearest(text, &words).map(|word| format!("; did you mean \"{word}\"?"));
    let hint = hint.unwrap_or_default();
    node.fail(format!("must be \"stdio\", \"http\" or \"sse\", got {text:?}{hint}"))
}

fn stdio(entry: &Table<'_>, command: &Node<'_>) -> Option<StdioSpec> {
    if let Some(headers) = entry.get("headers") {
        headers.note("headers go with a `url`, not with a `command`");
    }
    let cwd = entry.get("cwd").map(|node| node.path());
    let env = environment(entry);
    let (program, args) = command_line(entry, command)?;
    let cwd = cwd.unwrap_or_default();
    let program = located(command, program, cwd.as_deref())?;
    Some(StdioSpec { program, args, env, cwd })
}

/// The program and its arguments, however they are written.
fn command_line(entry: &Table<'_>, command: &Node<'_>) -> Option<(String, Vec<String>)> {
    let args = entry.get("args");
    let given: Vec<String> = match &args {
        Some(_) => entry.texts("args")?.iter().filter_map(Node::expanded).collect(),
        None => Vec::new(),
    };
    let mut words = match command.value {
        Value::Array(..) if !given.is_empty() => {
            return command.fail("is a list, so it has the arguments in it; leave out `args`");
        }
        Value::Array(..) => {
            let nodes = entry.texts("command")?;
            nodes.iter().filter_map(Node::expanded).collect::<Vec<_>>()
        }
        Value::String(..) if args.is_none() => split(command)?,
        Value::String(..) => vec![command.expanded()?],
        _ => return command.fail(format!("must be text or a list, got {}", kind(command.value))),
    };
    if words.first().is_none_or(|program| program.trim().is_empty()) && !command.lenient {
        return command.fail("must name a program, got nothing");
    }
    let program = if words.is_empty() { String::new() } else { words.remove(0) };
    words.extend(given);
    Some((program, words))
}

/// Splits first and expands then, so that a value with blanks stays one argument.
fn split(command: &Node<'_>) -> Option<Vec<String>> {
    let words = match words::split(command.text()?) {
        Ok(words) => words,
        Err(error) => return command.fail(error.to_string()),
    };
    let expanded = words.into_iter().map(|word| {
        let value = Value::String(command.value.tag(), word);
        Node { value: &value, ..command.clone() }.expanded()
    });
    expanded.collect()
}

/// A name is left to `PATH`; a relative path starts at `cwd`, else at the settings file.
fn located(command: &Node<'_>, program: String, cwd: Option<&Path>) -> Option<String> {
    if !program.contains('/') && program != "~" {
        return Some(program);
    }
    let folder = cwd.map_or_else(|| command.base(), Path::to_path_buf);
    folder.join(command.home(&program)?).into_os_string().into_string().ok()
}

/// The variables of `envFile`, and those of `env` over them.
fn environment(entry: &Table<'_>) -> BTreeMap<String, Secret> {
    let mut env = BTreeMap::new();
    if let Some(node) = entry.get("envFile") {
        env.extend(env_from_file(&node).unwrap_or_default());
    }
    for (name, node) in entry.get("env").and_then(|node| node.entries()).unwrap_or_default() {
        if name.is_empty() || name.contains(['=', '\0']) {
            // Behind the `=` there may be a secret.
            named(&node, name, |c| !matches!(c, '=' | '\0'))
                .note("a variable's name is not empty and has no `=` in it");
        }
        if !matches!(node.value, Value::Empty(..)) {
            env.extend(secret(&node).map(|value| (name.to_owned(), value)));
        }
    }
    env
}

fn env_from_file(node: &Node<'_>) -> Option<BTreeMap<String, Secret>> {
    let text = contents(node, &node.path()?)?;
    match env_file::parse(&text) {
        Ok(pairs) if pairs.iter().any(|(_, value)| value.contains('\0')) => {
            node.fail("the file has a NUL character in it")
        }
        Ok(pairs) => Some(pairs.into_iter().map(|(k, v)| (k, Secret::new(v))).collect()),
        Err(error) => node.fail(format!("{error} in this file")),
    }
}

fn contents(node: &Node<'_>, path: &PathBuf) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            node.cx.secret_files.borrow_mut().insert(path.clone());
            Some(text)
        }
        Err(_) if node.lenient => None,
        Err(error) => node.fail(format!("cannot read {}: {error}", path.display())),
    }
}

/// A value to be kept secret: a text, or `{file = "path"}` for the text in a file.
fn secret(node: &Node<'_>) -> Option<Secret> {
    let text = match node.value {
        Value::Dict(..) => {
            let entries = node.entries()?;
            let [("file", file)] = entries.as_slice() else {
                return node.fail("must be text or {file = \"path\"}, got another object");
            };
            let text = contents(file, &file.path()?)?;
            text.strip_suffix('\n')
                .map_or(text.as_str(), |text| text.trim_end_matches('\r'))
                .to_owned()
        }
        _ => node.expanded()?,
    };
    if text.contains('\0') {
        return node.fail("must not contain a NUL character");
    }
    match node.cx.decrypted(text.trim_end()) {
        None => Some(Secret::new(text)),
        Some(Ok(text)) if text.contains('\0') => node.fail("must not contain a NUL character"),
        Some(Ok(text)) => Some(Secret::new(text)),
        Some(Err(_)) if node.lenient => None,
        Some(Err(error)) => node.fail(format!("cannot be decrypted: {error}")),
    }
}

fn remote(entry: &Table<'_>, url: &Node<'_>, kind: RemoteKind) -> Option<RemoteSpec> {
    for key in ["args", "env", "envFile", "cwd"] {
        if let Some(node) = entry.get(key) {
            node.warn("goes with a `command` and has no effect with a `url`");
        }
    }
    let headers = headers(entry);
    let text = url.expanded()?;
    if !url.lenient {
        url_fault(&text).map_or(Some(()), |fault| url.fail(fault))?;
    }
    Some(RemoteSpec { kind, url: text, headers, reach: Reach::Anywhere })
}

/// The same key, shown as far as its `name` has such characters only.
fn named<'a>(node: &Node<'a>, name: &str, fits: impl Fn(char) -> bool) -> Node<'a> {
    let shown: String = name.chars().take_while(|c| fits(*c)).collect();
    // Such a key stands in quotes.
    let before = node.path.strip_suffix(&format!("{name:?}")).unwrap_or_default();
    Node { path: format!("{before}{shown}"), ..node.clone() }
}

/// What is wrong with a URL, if anything. Never shows it: there may be a token in it.
fn url_fault(url: &str) -> Option<String> {
    let wanted = "must be a URL such as \"https://host.example/mcp\"";
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some(format!("{wanted}, got text without a scheme"));
    };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some(format!("{wanted}; the scheme {scheme:?} is neither http nor https"));
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some(format!("{wanted}, without blanks"));
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (host, None),
    };
    if host.is_empty() {
        return Some(format!("{wanted}, got none with a host"));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Some(format!("{wanted}; its port is not a number from 0 to 65535"));
    }
    None
}

/// Headers that the transport sets by itself on every request.
const OWN_HEADERS: &[&str] = &[
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "transfer-encoding",
];

fn headers(entry: &Table<'_>) -> BTreeMap<String, Secret> {
    let mut headers: BTreeMap<String, Secret> = BTreeMap::new();
    for (name, node) in entry.get("headers").and_then(|node| node.entries()).unwrap_or_default() {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            // `Authorization: Bearer …` is one way to get it wrong.
            named(&node, name, token).note("is not the name of a header");
        } else if headers.keys().any(|other| other.eq_ignore_ascii_case(name)) {
            node.note("is the same header twice, in another case");
        } else if matches!(node.value, Value::Empty(..)) {
        } else if let Some(value) = secret(&node) {
            let printable = |c: char| c == '\t' || !c.is_control();
            if !value.expose().chars().all(printable) {
                node.note("a header's value must be one line");
            } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                node.warn("is set by the connection itself, without effect here");
            } else {
                headers.insert(name.to_owned(), value);
            }
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_a_port_that_exists() {
        for (url, expected) in [
            ("https://host.example/mcp", None),
            ("HTTP://127.0.0.1:8080", None),
            ("http://[::1]:8080/mcp?x=1", None),
            ("http://[::1]", None),
            ("https://me:pw@host.example/mcp", None),
            ("host.example/mcp", Some("without a scheme")),
            ("ftp://host.example", Some("\"ftp\" is neither http nor https")),
            ("https://", Some("with a host")),
            ("https:///mcp", Some("with a host")),
            ("https://:80", Some("with a host")),
            ("https://host.example:99999", Some("its port")),
            ("https://host.example:x/", Some("its port")),
            ("https://host example", Some("without blanks")),
        ] {
            let fault = url_fault(url);
            assert_eq!(fault.is_some(), expected.is_some(), "{url}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(expected.unwrap_or_default()), "{url}");
        }
    }
}
