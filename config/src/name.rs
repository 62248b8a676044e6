//! This file parses the names of servers and workspaces into types that cannot be wrong.
//! It does not know which servers exist, nor how a name joins with a tool's name.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The most characters a name has.
const LENGTH_MAX: usize = 64;

/// Names that fit the alphabet and are refused all the same, because programs that keep
/// names as keys of objects give them a meaning of their own.
const RESERVED: &[&str] = &["__proto__", "constructor", "prototype"];

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name has 1 to 64 characters of a-z, 0-9, _ and -; this one is empty")]
    Empty,
    /// More than 64 characters were given.
    #[error("a name has 1 to 64 characters of a-z, 0-9, _ and -; this one has {length}")]
    TooLong {
        /// How many characters there were.
        length: usize,
    },
    /// A character outside the alphabet.
    #[error("a name has 1 to 64 characters of a-z, 0-9, _ and -; `{found}` is none of them")]
    Character {
        /// The first such character, escaped where it would not print.
        found: String,
    },
    /// One of the few names that mean something to other programs.
    #[error("`{name}` is a reserved name")]
    Reserved {
        /// The name.
        name: String,
    },
}

fn parse(text: &str) -> Result<Arc<str>, NameError> {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(NameError::Character { found: found.escape_debug().to_string() });
    }
    if text.len() > LENGTH_MAX {
        return Err(NameError::TooLong { length: text.len() });
    }
    if RESERVED.contains(&text) {
        return Err(NameError::Reserved { name: text.to_owned() });
    }
    Ok(Arc::from(text))
}

/// The nearest thing to `text` that is a name, to be offered as a cure; none if
/// nothing of it could stand in one.
#[must_use]
pub fn slug(text: &str) -> Option<String> {
    let mut slug = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_') => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(LENGTH_MAX);
    let slug = slug.trim_matches('-');
    parse(slug).is_ok().then(|| slug.to_owned())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                parse(text).map(Self)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name! {
    /// The name of a server: 1 to 64 characters of `a-z`, `0-9`, `_` and `-`.
    ServerName
}

name! {
    /// The name of a workspace: 1 to 64 characters of `a-z`, `0-9`, `_` and `-`.
    WorkspaceName
}

impl Default for WorkspaceName {
    /// The workspace `default`, which `/mcp` serves.
    fn default() -> Self {
        Self(Arc::from("default"))
    }
}

impl WorkspaceName {
    /// Whether this is the workspace `default`.
    #[must_use]
    pub fn is_default(&self) -> bool {
        &*self.0 == "default"
    }
}

/// What tells one server from all others: its workspace and its name in there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId {
    /// The workspace it belongs to.
    pub workspace: WorkspaceName,
    /// Its name, unique within the workspace.
    pub name: ServerName,
}

impl ServerId {
    /// A server of the workspace `default`.
    #[must_use]
    pub fn in_default(name: ServerName) -> Self {
        Self { workspace: WorkspaceName::default(), name }
    }
}

impl fmt::Display for ServerId {
    /// The name alone in the workspace `default`, else `workspace/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workspace.is_default() {
            self.name.fmt(f)
        } else {
            f.pad(&format!("{}/{}", self.workspace, self.name))
        }
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ServerId {
    type Err = NameError;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            Some((workspace, name)) => {
                Ok(Self { workspace: workspace.parse()?, name: name.parse()? })
            }
            None => Ok(Self::in_default(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = match text.parse::<ServerName>() {
            Ok(name) => format!("ok {name}"),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expected), "{text:?}: {got}");
    }

    #[test]
    fn letters_digits_underscore_and_hyphen_make_a_name() {
        check("git", "ok git");
        check("my_server-2", "ok my_server-2");
        check(&"a".repeat(64), "ok aaa");
    }

    #[test]
    fn a_wrong_name_is_told_the_rule() {
        check("", "this one is empty");
        check(&"a".repeat(65), "this one has 65");
        check("Git", "`G` is none of them");
        check("a.b", "`.` is none of them");
        check("..", "`.` is none of them");
        check("a b", "` ` is none of them");
        check("a\nb", r"`\n` is none of them");
        check("%s", "`%` is none of them");
        check("{}", "`{` is none of them");
        check("gït", "`ï` is none of them");
        check("a/b", "`/` is none of them");
    }

    #[test]
    fn names_that_other_programs_give_a_meaning_are_refused() {
        check("__proto__", "reserved");
        check("constructor", "reserved");
        check("prototype", "reserved");
    }

    #[test]
    fn a_slug_is_a_name_or_nothing() {
        let cases = [
            ("GitHub", Some("github")),
            ("my.server", Some("my-server")),
            ("Brave Search (web)", Some("brave-search-web")),
            ("__proto__", None),
            ("***", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(slug(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_id_names_its_workspace_unless_it_is_the_default() {
        for text in ["git", "team-a/git"] {
            assert_eq!(text.parse::<ServerId>().unwrap().to_string(), text);
        }
        assert_eq!("default/git".parse::<ServerId>().unwrap().to_string(), "git");
        assert!("a/b/c".parse::<ServerId>().is_err());
    }

    #[test]
    fn a_name_is_text_in_json_and_checked_when_read() {
        let name: ServerName = serde_json::from_str("\"git\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"git\"");
        assert!(serde_json::from_str::<ServerName>("\"a.b\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_slug_is_it_parses(text in ".{0,100}") {
            if let Some(slug) = slug(&text) {
                proptest::prop_assert!(slug.parse::<ServerName>().is_ok());
            }
        }
    }
}
