//! This file turns `CONDUCTOR_` variables into layers of settings.
//! It does not read the environment of the process, nor check values.

use std::collections::BTreeMap;

use figment::value::{Dict, Tag, Value};

use crate::{
    document::Raw,
    keys::{ROOT, Shape},
    layer::Layer,
    nearest::folded,
};

const PREFIX: &str = "CONDUCTOR_";

/// A layer for each variable `CONDUCTOR_A__B…`. Others with the prefix, such as
/// `CONDUCTOR_CONFIG`, are no settings.
///
/// The parts name keys, whatever their case and with or without `_` between words:
/// `CONDUCTOR_CATALOG__EXPORT_STYLE` is `catalog.exportStyle`. A part that stands for a
/// name someone chose is first looked for in `known`, what the files say, where case
/// does not count and `_` stands for `-` too. True, false and numbers are written as
/// such, lists and objects as JSON.
pub(crate) fn layers(env: &BTreeMap<String, String>, known: &Dict) -> Vec<Layer> {
    let known = Value::Dict(Tag::Default, known.clone());
    let variables = env.iter().filter_map(|(name, text)| {
        let path = name.strip_prefix(PREFIX).filter(|path| path.contains("__"))?;
        let parts: Vec<&str> = path.split("__").collect();
        let Value::Dict(_, dict) = place(&parts, text, Shape::Table(ROOT), Some(&known)) else {
            return None;
        };
        Some(Layer { shown: format!("environment variable {name}"), file: None, dict })
    });
    variables.collect()
}

/// Wraps the text into one table for each part.
fn place(parts: &[&str], text: &str, shape: Shape, known: Option<&Value>) -> Value {
    let [first, rest @ ..] = parts else { return leaf(text, shape) };
    let (name, shape, rest) = match shape {
        Shape::Table(keys) => {
            let mut all = keys.iter().copied().flatten();
            match all.find(|key| folded(key.name) == folded(first)) {
                Some(key) => (key.name.to_owned(), key.shape, rest),
                None => (first.to_lowercase(), Shape::Text, rest),
            }
        }
        Shape::Each(keys) => {
            let (name, taken) = chosen(parts, known);
            (name.unwrap_or_else(|| first.to_lowercase()), Shape::Table(keys), &parts[taken..])
        }
        Shape::Texts => {
            let whole = parts.join("__");
            let name = matching(&whole, known).unwrap_or(whole);
            (name, Shape::Text, [].as_slice())
        }
        _ => (first.to_lowercase(), Shape::Text, rest),
    };
    let inner = known.and_then(Value::as_dict).and_then(|dict| dict.get(&name));
    let value = place(rest, text, shape, inner);
    Value::Dict(Tag::Default, Dict::from([(name, value)]))
}

/// The known name that the first parts spell, the longest first since a name may have
/// `__` in it, and how many parts that takes.
fn chosen(parts: &[&str], known: Option<&Value>) -> (Option<String>, usize) {
    let longest_first = (1..=parts.len()).rev();
    let found = longest_first
        .filter_map(|taken| Some((Some(matching(&parts[..taken].join("__"), known)?), taken)))
        .next();
    found.unwrap_or((None, 1))
}

fn matching(name: &str, known: Option<&Value>) -> Option<String> {
    let dict = known?.as_dict()?;
    let loose = |name: &str| name.to_lowercase().replace('-', "_");
    let exact = dict.keys().find(|key| *key == name);
    let lower = || dict.keys().find(|key| **key == name.to_lowercase());
    let any = || dict.keys().find(|key| loose(key) == loose(name));
    exact.or_else(lower).or_else(any).cloned()
}

fn leaf(text: &str, shape: Shape) -> Value {
    let json = |open: char| {
        let parsed = text.trim_start().starts_with(open).then(|| serde_json::from_str(text));
        parsed.and_then(Result::ok).map(|Raw(value)| value)
    };
    let typed = match shape {
        Shape::Flag => text.parse::<bool>().ok().map(Value::from),
        Shape::Count => text.parse::<u64>().ok().map(Value::from),
        Shape::List | Shape::Command => json('['),
        Shape::Table(_) | Shape::Each(_) | Shape::Texts => json('{'),
        Shape::Text => None,
    };
    typed.unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Format, parse};

    /// What the variable sets, given these files, as `path=value`.
    fn set(variable: &str, text: &str, files: &str) -> Option<String> {
        let known = parse(files, Format::Toml).unwrap();
        let env = BTreeMap::from([(variable.to_owned(), text.to_owned())]);
        let layer = layers(&env, &known).pop()?;
        let (mut path, mut value) = (Vec::new(), Value::Dict(Tag::Default, layer.dict));
        while let Value::Dict(_, dict) = &value {
            let Some((key, inner)) = dict.iter().next().filter(|_| dict.len() == 1) else { break };
            path.push(key.clone());
            value = inner.clone();
        }
        let value: serde_json::Value = value.deserialize().unwrap();
        Some(format!("{}={value}", path.join(".")))
    }

    #[track_caller]
    fn check(variable: &str, text: &str, expected: &str) {
        let files = "[mcpServers.git]\n[mcpServers.my-server.headers]\nX-Api-Key = ''\n\
                     [mcpServers.my_other]\n[mcpServers.a__b]";
        assert_eq!(set(variable, text, files).as_deref(), Some(expected), "{variable}");
    }

    #[test]
    fn parts_name_keys_whatever_their_case() {
        check("CONDUCTOR_CATALOG__EXPORT_STYLE", "safe", r#"catalog.exportStyle="safe""#);
        check("CONDUCTOR_CATALOG__EXPORTSTYLE", "safe", r#"catalog.exportStyle="safe""#);
        check("CONDUCTOR_catalog__exportStyle", "safe", r#"catalog.exportStyle="safe""#);
        check("CONDUCTOR_LISTEN__MAX_BODY", "1MiB", r#"listen.maxBody="1MiB""#);
    }

    #[test]
    fn names_are_found_in_the_files() {
        check("CONDUCTOR_MCP_SERVERS__GIT__URL", "x", r#"mcpServers.git.url="x""#);
        check("CONDUCTOR_MCPSERVERS__MY_SERVER__URL", "x", r#"mcpServers.my-server.url="x""#);
        check("CONDUCTOR_MCPSERVERS__MY_OTHER__URL", "x", r#"mcpServers.my_other.url="x""#);
        check("CONDUCTOR_MCPSERVERS__A__B__URL", "x", r#"mcpServers.a__b.url="x""#);
        check("CONDUCTOR_MCPSERVERS__NEW_ONE__URL", "x", r#"mcpServers.new_one.url="x""#);
        check(
            "CONDUCTOR_MCPSERVERS__MY_SERVER__HEADERS__X_API_KEY",
            "s",
            r#"mcpServers.my-server.headers.X-Api-Key="s""#,
        );
    }

    #[test]
    fn a_childs_variable_keeps_its_name() {
        check(
            "CONDUCTOR_MCPSERVERS__GIT__ENV__Token__X",
            "1",
            r#"mcpServers.git.env.Token__X="1""#,
        );
    }

    #[test]
    fn the_key_decides_what_the_text_means() {
        check("CONDUCTOR_CATALOG__PAGE_SIZE", "10", "catalog.pageSize=10");
        check("CONDUCTOR_CATALOG__PAGE_SIZE", "ten", r#"catalog.pageSize="ten""#);
        check("CONDUCTOR_MCPSERVERS__GIT__REQUIRED", "true", "mcpServers.git.required=true");
        check(
            "CONDUCTOR_MCPSERVERS__GIT__ARGS",
            r#"["1", "b"]"#,
            r#"mcpServers.git.args=["1","b"]"#,
        );
        check("CONDUCTOR_MCPSERVERS__GIT__ENV", r#"{"A": "1"}"#, r#"mcpServers.git.env.A="1""#);
        check("CONDUCTOR_MCPSERVERS__GIT__DESCRIPTION", "1", r#"mcpServers.git.description="1""#);
    }

    #[test]
    fn variables_without_two_underscores_are_no_settings() {
        for name in ["CONDUCTOR_CONFIG", "CONDUCTOR_EXE", "PATH", "OTHER__X"] {
            assert_eq!(set(name, "x", ""), None, "{name}");
        }
    }
}
