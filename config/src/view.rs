//! This file says what a part of a workspace's tools is, and decides what belongs to it.
//! It does not know which tools there are.

use std::{collections::BTreeSet, fmt};

use crate::{
    ExportStyle, Pattern, Patterns, ServerName, WorkspaceName,
    spec::{Choice, choice},
};

choice! {
    /// How a view shows its tools.
    ViewMode {
        /// All of them in a list.
        List = "list",
        /// By three tools that search, describe and call them.
        Search = "search",
        /// By three tools that list servers, show a server's tools and run one.
        Gateway = "gateway",
    }
}

impl Default for ViewMode {
    /// As a list: what is no view of its own shows all that it has.
    fn default() -> Self {
        Self::List
    }
}

/// A part of the tools of one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ViewSpec {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// The servers shown; all of them if there is no list.
    pub servers: Option<BTreeSet<ServerName>>,
    /// Patterns of the tools shown, by their names in the merged list; all if there is no list.
    pub tools: Option<Patterns>,
    /// Patterns of the tools hidden, whatever else is said of them.
    pub exclude_tools: Patterns,
    /// How names are written in it; none means as elsewhere.
    pub export_style: Option<ExportStyle>,
    /// How it shows its tools.
    pub mode: ViewMode,
}

impl ViewSpec {
    /// Whether a tool belongs to it that `server` has and that the merged list calls `name`, with
    /// the separator as it is.
    #[must_use]
    pub fn shows(&self, server: &ServerName, name: &str) -> bool {
        self.shows_server(server)
            && !self.exclude_tools.any(name)
            && self.tools.as_ref().is_none_or(|patterns| patterns.any(name))
    }

    /// Whether patterns say which tools belong to it: they say nothing of prompts and resources.
    #[must_use]
    pub fn is_by_tool(&self) -> bool {
        self.tools.is_some() || self.exclude_tools.iter().next().is_some()
    }

    /// Whether any tool of `server` could belong to it, names being put together with `separator`.
    #[must_use]
    pub fn may_show(&self, server: &ServerName, separator: &str) -> bool {
        let prefix = format!("{server}{separator}");
        let could = |patterns: &Patterns| patterns.iter().any(|one| one.may_begin(&prefix));
        let all: Option<Pattern> = format!("{prefix}*").parse().ok();
        let is_hidden = |all: &Pattern| self.exclude_tools.iter().any(|one| all.is_within(one));
        self.shows_server(server)
            && !all.as_ref().is_some_and(is_hidden)
            && self.tools.as_ref().is_none_or(could)
    }

    fn shows_server(&self, server: &ServerName) -> bool {
        self.servers.as_ref().is_none_or(|servers| servers.contains(server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(servers: Option<&[&str]>, tools: Option<&[&str]>, shown: &[&str], hidden: &[&str]) {
        let spec = ViewSpec {
            workspace: WorkspaceName::default(),
            servers: servers.map(|names| names.iter().map(|name| name.parse().unwrap()).collect()),
            tools: tools.map(|tools| Patterns::read(tools.iter().copied()).unwrap()),
            ..ViewSpec::default()
        };
        for (names, expected) in [(shown, true), (hidden, false)] {
            for name in names {
                let server: ServerName = name.split('.').next().unwrap().parse().unwrap();
                assert_eq!(spec.shows(&server, name), expected, "{name}");
                assert!(!expected || spec.may_show(&server, "."), "{name}");
            }
        }
    }

    #[test]
    fn a_tool_is_shown_if_its_server_and_its_name_are() {
        check(None, None, &["git.log", "web.get"], &[]);
        check(Some(&["git"]), None, &["git.log"], &["web.get", "gitlab.log"]);
        check(None, Some(&["git.*", "web.get"]), &["git.log", "web.get"], &["web.post", "g.x"]);
        check(Some(&["git"]), Some(&["*.log"]), &["git.log"], &["web.log", "git.reset"]);
        check(Some(&[]), None, &[], &["git.log"]);
        check(None, Some(&[]), &[], &["git.log"]);
    }

    #[test]
    fn p68_hiding_wins_over_showing_and_alone_it_leaves_all_the_rest() {
        let check =
            |tools: Option<&[&str]>, hidden: &[&str], name: &str, expected: (bool, bool)| {
                let spec = ViewSpec {
                    tools: tools.map(|tools| Patterns::read(tools.iter().copied()).unwrap()),
                    exclude_tools: Patterns::read(hidden.iter().copied()).unwrap(),
                    ..ViewSpec::default()
                };
                let server: ServerName = name.split('.').next().unwrap().parse().unwrap();
                let found = (spec.shows(&server, name), spec.may_show(&server, "."));
                assert_eq!(found, expected, "{tools:?} but {hidden:?}: {name}");
                assert_eq!(spec.is_by_tool(), tools.is_some() || !hidden.is_empty());
            };
        let (shown, hidden, asleep) = ((true, true), (false, true), (false, false));
        check(None, &[], "git.log", shown);
        check(None, &["git.reset"], "git.log", shown);
        check(None, &["git.reset"], "git.reset", hidden);
        check(None, &["git.reset"], "git.Reset", shown);
        check(None, &["git.*"], "git.log", asleep);
        check(None, &["*"], "git.log", asleep);
        check(Some(&["git.*"]), &["git.reset"], "git.reset", hidden);
        check(Some(&["git.reset"]), &["git.*"], "git.reset", asleep);
        check(Some(&["git.reset"]), &["git.reset"], "git.reset", hidden);
        check(Some(&["git.*"]), &["*.res[de]t"], "git.reset", hidden);
        check(Some(&["git.*"]), &["web.*"], "git.reset", shown);
        check(Some(&["git.*"]), &["git.reset"], "web.get", asleep);
    }

    #[test]
    fn a_server_none_of_whose_tools_can_match_is_not_woken() {
        let spec = |tools: &[&str]| ViewSpec {
            tools: Some(Patterns::read(tools.iter().copied()).unwrap()),
            ..ViewSpec::default()
        };
        for (pattern, expected) in [
            ("git.*", true),
            ("git.log", true),
            ("g*", true),
            ("*", true),
            ("[g]it.log", true),
            ("git", false),
            ("gitlab.*", false),
            ("web.*", false),
        ] {
            let git: ServerName = "git".parse().unwrap();
            assert_eq!(spec(&[pattern]).may_show(&git, "."), expected, "{pattern}");
        }
    }
}
