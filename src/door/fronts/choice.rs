//! This file chooses which of a server's tools `get_server_tools` shows.
//!
//! Pure. It leaves where the tools come from to `lookup`.

use std::collections::BTreeSet;

use conductor_config::Pattern;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Arguments of `get_server_tools`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    /// The server's name.
    pub(super) server: String,
    /// Names with commas between them; all tools if there is none in it.
    names: Option<String>,
    /// What names are to match.
    pattern: Option<String>,
    /// How long the definitions may be together, in tokens.
    max_schema_tokens: Option<u64>,
}

/// A tool as it is shown here: under its server's name for it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) description: Option<String>,
    #[serde(rename = "inputSchema")]
    pub(super) schema: Box<RawValue>,
}

impl Tool {
    /// About as many tokens as a model reads for it.
    fn tokens(&self) -> u64 {
        let description = self.description.as_ref().map_or(0, |text| text.chars().count());
        let characters =
            self.name.chars().count() + description + self.schema.get().chars().count();
        u64::try_from(characters / 4).unwrap_or(u64::MAX).max(1)
    }
}

/// The tools that are shown.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) tools: Vec<Tool>,
    /// How many tokens they are, if somebody counts.
    pub(super) tokens: Option<u64>,
}

impl Choice {
    /// The tools asked for, in the server's order: those named, of these those that match, of these as
    /// many as fit; the first that does not fit is the end.
    pub(super) fn of(&self, tools: impl Iterator<Item = Tool>) -> Result<Chosen, String> {
        let names: BTreeSet<&str> = self.names.iter().flat_map(|names| names.split(',')).collect();
        let names: BTreeSet<&str> = names.into_iter().map(str::trim).collect();
        let names: BTreeSet<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let pattern = self.pattern.as_ref().map(|text| text.parse::<Pattern>());
        let pattern = pattern.transpose().map_err(|error| format!("`pattern`: {error}"))?;
        let is_asked = |tool: &Tool| {
            (names.is_empty() || names.contains(tool.name.as_str()))
                && pattern.as_ref().is_none_or(|pattern| pattern.matches(&tool.name))
        };
        let mut used = 0;
        let fits = |tool: &Tool| {
            used += tool.tokens();
            let fits = self.max_schema_tokens.is_none_or(|most| used <= most);
            if !fits {
                used -= tool.tokens();
            }
            fits
        };
        let tools = tools.filter(is_asked).take_while(fits).collect();
        Ok(Chosen { tools, tokens: self.max_schema_tokens.map(|_| used) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tools of 2, 4, 1 and 2 tokens.
    fn tools() -> impl Iterator<Item = Tool> {
        [("read_a", ""), ("read_b", "says it all"), ("w", ""), ("write", "so")].into_iter().map(
            |(name, description)| Tool {
                name: name.to_owned(),
                description: Some(description.to_owned()),
                schema: RawValue::from_string("{}".to_owned()).unwrap(),
            },
        )
    }

    #[track_caller]
    fn check(choice: serde_json::Value, expected: Result<(&str, Option<u64>), &str>) {
        let mut choice = choice;
        choice["server"] = "s".into();
        let choice: Choice = serde_json::from_value(choice).unwrap();
        let found = choice.of(tools()).map(|chosen| {
            let names: Vec<String> = chosen.tools.into_iter().map(|tool| tool.name).collect();
            (names.join(" "), chosen.tokens)
        });
        let found = found.as_ref().map(|(names, tokens)| (names.as_str(), *tokens));
        match (found, expected) {
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, expected) => assert_eq!(found.ok(), expected.ok(), "{choice:?}"),
        }
    }

    #[test]
    fn names_go_before_the_pattern_and_that_before_the_budget() {
        use serde_json::json;
        let all = "read_a read_b w write";
        check(json!({}), Ok((all, None)));
        check(json!({ "names": " write , read_a,nothing" }), Ok(("read_a write", None)));
        check(json!({ "names": "" }), Ok((all, None)));
        check(json!({ "names": " , " }), Ok((all, None)));
        check(json!({ "pattern": "read_*" }), Ok(("read_a read_b", None)));
        check(json!({ "pattern": "read_[!a]" }), Ok(("read_b", None)));
        check(json!({ "names": "read_a,w", "pattern": "read_*" }), Ok(("read_a", None)));
        check(json!({ "pattern": "[" }), Err("`pattern`: the `[`"));
        check(json!({ "max_schema_tokens": 0 }), Ok(("", Some(0))));
        check(json!({ "max_schema_tokens": 5 }), Ok(("read_a", Some(2))));
        check(json!({ "max_schema_tokens": 7 }), Ok(("read_a read_b w", Some(7))));
        check(json!({ "max_schema_tokens": 100 }), Ok((all, Some(9))));
    }
}
