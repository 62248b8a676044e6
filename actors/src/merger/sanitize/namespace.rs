//! This file knows which server has a tool of a name, to tell own from foreign.
//!
//! It leaves what is said about a foreign tool to the rules.

use std::collections::{HashMap, HashSet};

/// Names that mean something in the tool at hand.
#[derive(Debug, Clone)]
pub(super) struct Names<'a> {
    /// The tool's parameters, see [`squash`].
    pub(super) parameters: HashSet<String>,
    /// The server's tools, see [`squash`].
    pub(super) tools: &'a HashSet<String>,
    /// The text belongs to a parameter.
    pub(super) in_parameter: bool,
    /// Names that are not the server's own are known to be other servers'.
    pub(super) foreign: bool,
}

/// A name without its style: `list_all` and `listAll` are one.
pub(crate) fn squash(name: &str) -> String {
    let parts = name.chars().filter(char::is_ascii_alphanumeric);
    parts.map(|c| c.to_ascii_lowercase()).collect()
}

/// Whose a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    One(usize),
    Several,
}

/// The tools of all servers that are seen together, by squashed name (see `squash`).
#[derive(Debug, Default)]
pub(crate) struct Namespace<'a> {
    owners: HashMap<&'a str, Owner>,
}

impl<'a> Namespace<'a> {
    /// Adds a squashed name of a tool of the server with this number.
    pub(crate) fn add(&mut self, server: usize, squashed: &'a str) {
        let owner = self.owners.entry(squashed).or_insert(Owner::One(server));
        if *owner != Owner::One(server) {
            *owner = Owner::Several;
        }
    }

    /// Whether any of these names is a tool of another server than this one.
    pub(crate) fn any_foreign(&self, server: usize, mentions: &[String]) -> bool {
        let owner = |name: &String| self.owners.get(name.as_str());
        mentions.iter().filter_map(owner).any(|owner| *owner != Owner::One(server))
    }
}

#[cfg(test)]
mod tests {
    use super::super::squash;
    use super::*;

    #[test]
    fn own_names_are_not_foreign() {
        let mut namespace = Namespace::default();
        namespace.add(0, "sendmail");
        namespace.add(1, "readfile");
        let foreign = |server, name: &str| namespace.any_foreign(server, &[squash(name)]);
        assert!(foreign(1, "send_mail"));
        assert!(!foreign(0, "send_mail"));
        assert!(!foreign(0, "nobody_has_it"));
    }
}
