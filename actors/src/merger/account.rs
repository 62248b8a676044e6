//! This file is the record of what became of each tool that a server lists, and why.
//!
//! It leaves deciding that to `merge`, and telling people to whoever asks.

use std::collections::BTreeMap;

use conductor_config::{ServerId, ServerSpec};

use super::sanitize::Finding;
use crate::wire::Text;

/// What became of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its server's name for it.
    pub tool: Text,
    /// Whether it is shown.
    pub visibility: Visibility,
    /// What was found in its definition, and what was done about it.
    pub findings: Vec<Finding>,
    /// Whether its description is that of the settings.
    pub described: bool,
}

/// Whether a tool is shown, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// It is, in the list of all servers under this name.
    Shown {
        /// The name.
        name: Text,
    },
    /// The settings hide it.
    Filtered(Filter),
    /// Something about it is wrong; in words.
    Rejected(String),
}

/// Which setting hides a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// There is `includeTools`, and none of its patterns matches.
    NotIncluded,
    /// This pattern of `excludeTools` matches.
    Excluded(String),
}

/// By server, in the order of its list.
pub(super) type Accounts = BTreeMap<ServerId, Vec<Account>>;

/// What the settings of a server say against showing a tool: they win that exclude.
pub(super) fn filter(spec: &ServerSpec, tool: &str) -> Option<Filter> {
    if let Some(pattern) = spec.exclude_tools.find(tool) {
        return Some(Filter::Excluded(pattern.to_string()));
    }
    let included = spec.include_tools.is_empty() || spec.include_tools.any(tool);
    (!included).then_some(Filter::NotIncluded)
}

#[cfg(test)]
mod tests {
    use conductor_config::Patterns;

    use super::*;

    #[track_caller]
    fn check(include: &[&str], exclude: &[&str], tool: &str, expected: Option<Filter>) {
        let patterns = |texts: &[&str]| Patterns::read(texts.iter().copied()).unwrap();
        let spec = ServerSpec {
            include_tools: patterns(include),
            exclude_tools: patterns(exclude),
            ..crate::tests::spec("a")
        };
        assert_eq!(filter(&spec, tool), expected, "{include:?} {exclude:?} {tool}");
    }

    #[test]
    fn what_excludes_wins_and_is_named() {
        let excluded = |pattern: &str| Some(Filter::Excluded(pattern.to_owned()));
        check(&[], &[], "read", None);
        check(&["read"], &[], "read", None);
        check(&["r*"], &[], "read", None);
        check(&["w*", "x"], &[], "read", Some(Filter::NotIncluded));
        check(&[], &["w*", "re?d"], "read", excluded("re?d"));
        check(&["read"], &["read"], "read", excluded("read"));
    }
}
