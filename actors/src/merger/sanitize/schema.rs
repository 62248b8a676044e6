//! This file says what is wrong with a schema, and what makes it harmless.
//!
//! It leaves the texts inside a schema to `walk`. It fetches nothing and resolves references only
//! inside the schema itself.

use std::collections::HashMap;

use super::tree::Node;

/// Keywords whose value is a schema.
pub(super) const ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "additionalItems",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
pub(super) const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value names schemas.
pub(super) const MAPS: &[&str] = &[
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
];

/// Headers that a parameter may not be mirrored into, by the end of their names.
const HEADERS_KEPT: &[&str] =
    &["authorization", "cookie", "host", "token", "key", "secret", "password"];

/// The rule that arguments are objects.
pub(super) const NO_OBJECT: &str = "schema.not_an_object";

/// Something wrong: the rule, where, and the text it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: &'static str,
    pub(super) path: String,
}

/// Everything wrong with `schema`, whose references may reach `most` subschemas.
pub(super) fn check(schema: &Node<'_>, most: u64) -> Vec<Fault> {
    let mut checker = Checker { root: schema, faults: Vec::new(), sizes: HashMap::new() };
    match schema.get("type") {
        None if matches!(schema, Node::Object(_)) => {}
        Some(kind) if kind.text() == Some("object") => {}
        Some(_) | None => checker.fault(NO_OBJECT, ""),
    }
    checker.schema(schema, &mut String::new());
    if checker.size(schema) > most {
        checker.fault("schema.bomb", "");
    }
    checker.faults
}

struct Checker<'a> {
    root: &'a Node<'a>,
    faults: Vec<Fault>,
    /// Of what references lead to; 0 while it is being counted.
    sizes: HashMap<&'a str, u64>,
}

impl<'a> Checker<'a> {
    fn fault(&mut self, rule: &'static str, path: &str) {
        self.faults.push(Fault { rule, path: path.to_owned() });
    }

    fn schema(&mut self, schema: &'a Node<'a>, path: &mut String) {
        let members = match schema {
            Node::Object(members) => members,
            Node::Plain("true" | "false") => return,
            Node::Plain(_) | Node::Text(_) | Node::List(_) => {
                return self.fault("schema.malformed", path);
            }
        };
        for (key, value) in members {
            let length = path.len();
            path.push('/');
            path.push_str(&key.text);
            self.member(&key.text, value, path);
            path.truncate(length);
        }
    }

    fn each(&mut self, name: &str, schema: &'a Node<'a>, path: &mut String) {
        let length = path.len();
        path.push('/');
        path.push_str(name);
        self.schema(schema, path);
        path.truncate(length);
    }

    fn member(&mut self, key: &str, value: &'a Node<'a>, path: &mut String) {
        match (key, value) {
            ("items" | "dependencies", Node::List(items)) => {
                for (at, item) in items.iter().enumerate() {
                    self.each(&at.to_string(), item, path);
                }
            }
            (key, value) if ONE.contains(&key) => self.schema(value, path),
            (key, Node::List(items)) if LISTS.contains(&key) => {
                for (at, item) in items.iter().enumerate() {
                    self.each(&at.to_string(), item, path);
                }
            }
            ("dependencies", Node::Object(members)) => {
                for (name, item) in members {
                    if !matches!(item, Node::List(_)) {
                        self.each(&name.text, item, path);
                    }
                }
            }
            (key, Node::Object(members)) if MAPS.contains(&key) => {
                for (name, item) in members {
                    self.each(&name.text, item, path);
                }
            }
            (key, _) if MAPS.contains(&key) || LISTS.contains(&key) => {
                self.fault("schema.malformed", path);
            }
            ("$ref" | "$dynamicRef" | "$recursiveRef", value) => self.reference(value, path),
            // Draft 3 wrote a boolean beside the property; clients pass over it.
            ("required", Node::Plain("true" | "false")) => {}
            ("required", value) if !is_names(value) => self.fault("schema.malformed", path),
            ("enum", value) if !matches!(value, Node::List(_)) => {
                self.fault("schema.malformed", path);
            }
            ("type", value) if !is_type(value) => self.fault("schema.malformed", path),
            ("pattern", value) if value.text().is_none() => self.fault("schema.malformed", path),
            ("pattern", value) if value.text().is_some_and(|text| text.contains("(?#")) => {
                self.fault("schema.pattern_comment", path);
            }
            ("format", value) if !value.text().is_some_and(is_format) => {
                self.fault("schema.format", path);
            }
            ("x-mcp-header", value) if !value.text().is_some_and(is_header) => {
                self.fault("schema.header", path);
            }
            _ => {}
        }
    }

    fn reference(&mut self, value: &'a Node<'a>, path: &str) {
        match value.text() {
            Some(target) if !target.starts_with('#') => self.fault("schema.remote_ref", path),
            Some(target) if target.starts_with("#/") && resolve(self.root, target).is_none() => {
                self.fault("schema.dangling_ref", path);
            }
            Some(_) => {}
            None => self.fault("schema.malformed", path),
        }
    }

    /// Subschemas reached from `node`, each reference followed.
    fn size(&mut self, node: &'a Node<'a>) -> u64 {
        match node {
            Node::Plain(_) | Node::Text(_) => 0,
            Node::List(items) => {
                items.iter().fold(0, |sum: u64, item| sum.saturating_add(self.size(item)))
            }
            Node::Object(members) => {
                let mut sum: u64 = 1;
                for (key, value) in members {
                    let more = match (&*key.text, value.text()) {
                        ("$ref", Some(target)) => self.size_of_target(target),
                        _ => self.size(value),
                    };
                    sum = sum.saturating_add(more);
                }
                sum
            }
        }
    }

    fn size_of_target(&mut self, target: &'a str) -> u64 {
        if let Some(size) = self.sizes.get(target) {
            return *size;
        }
        self.sizes.insert(target, 0);
        let size = resolve(self.root, target).map_or(0, |node| self.size(node));
        self.sizes.insert(target, size);
        size
    }
}

/// What a reference inside `root` leads to.
fn resolve<'a>(root: &'a Node<'a>, target: &str) -> Option<&'a Node<'a>> {
    let path = target.strip_prefix('#')?;
    path.split('/').skip(1).try_fold(root, |node, part| {
        let part =
            part.replace("~1", "/").replace("~0", "~").replace("%24", "$").replace("%20", " ");
        match node {
            Node::Object(_) => node.get(&part),
            Node::List(items) => items.get(part.parse::<usize>().ok()?),
            Node::Plain(_) | Node::Text(_) => None,
        }
    })
}

fn is_names(value: &Node<'_>) -> bool {
    matches!(value, Node::List(items) if items.iter().all(|item| item.text().is_some()))
}

fn is_type(value: &Node<'_>) -> bool {
    let known = |text: &str| {
        matches!(text, "object" | "array" | "string" | "number" | "integer" | "boolean" | "null")
    };
    match value {
        Node::Text(text) => known(&text.text),
        Node::List(items) => items.iter().all(|item| item.text().is_some_and(known)),
        Node::Plain(_) | Node::Object(_) => false,
    }
}

/// Formats are names, not sentences.
fn is_format(text: &str) -> bool {
    text.len() <= 64 && !text.contains([' ', '\t', '\n', ';', ','])
}

/// Whether a parameter may be mirrored into a header of this name.
fn is_header(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let lower = text.to_ascii_lowercase();
    !text.is_empty()
        && text.bytes().all(token)
        && !HEADERS_KEPT.iter().any(|kept| lower.ends_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, faults: &[&str]) {
        let node = Node::read(schema, 64).unwrap();
        let found: Vec<_> = super::check(&node, 1_000).iter().map(|fault| fault.rule).collect();
        assert_eq!(found, faults, "{schema}");
    }

    #[test]
    fn sound_schemas_have_no_fault() {
        check(r#"{"type":"object"}"#, &[]);
        check("{}", &[]);
        let tree = r##"{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},
            "$defs":{"n":{"type":["object","null"],"properties":{"next":{"$ref":"#/$defs/n"}}}},
            "required":["n"],"additionalProperties":false}"##;
        check(tree, &[]);
    }

    #[test]
    fn faults_are_named() {
        check(r#"{"type":"array"}"#, &["schema.not_an_object"]);
        check(r#"{"properties":[]}"#, &["schema.malformed"]);
        check(r#"{"properties":{"a":1}}"#, &["schema.malformed"]);
        check(r#"{"properties":{"a":{"type":"text"}}}"#, &["schema.malformed"]);
        check(r#"{"required":"a"}"#, &["schema.malformed"]);
        check(r#"{"properties":{"a":{"$ref":"https://a.invalid/b"}}}"#, &["schema.remote_ref"]);
        check(r#"{"properties":{"a":{"$ref":"b.json"}}}"#, &["schema.remote_ref"]);
        check(r##"{"properties":{"a":{"$ref":"#/$defs/no"}}}"##, &["schema.dangling_ref"]);
        check(r#"{"properties":{"a":{"format":"date, then more"}}}"#, &["schema.format"]);
        check(r#"{"properties":{"a":{"x-mcp-header":"A\r\nB: c"}}}"#, &["schema.header"]);
    }

    #[test]
    fn references_that_multiply_are_a_bomb() {
        let mut defs = r#""d0":{"type":"string"}"#.to_owned();
        for at in 1..40 {
            let before = at - 1;
            defs += &format!(
                r##","d{at}":{{"anyOf":[{{"$ref":"#/$defs/d{before}"}},{{"$ref":"#/$defs/d{before}"}}]}}"##
            );
        }
        let schema =
            format!(r##"{{"properties":{{"a":{{"$ref":"#/$defs/d39"}}}},"$defs":{{{defs}}}}}"##);
        check(&schema, &["schema.bomb"]);
    }
}
