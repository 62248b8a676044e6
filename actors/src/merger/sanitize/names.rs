//! This file says which tool names are refused, whoever offers them.
//!
//! It leaves collisions and the names tools are shown under to the merge.

use std::collections::HashSet;

use super::shadow::squash;

/// Names that scripts take for something else.
const RESERVED: &[&str] = &[
    "__proto__",
    "constructor",
    "prototype",
    "hasownproperty",
    "tostring",
    "valueof",
    "__dirname",
];

/// Makers and kinds of servers that others borrow the name of.
const WELL_KNOWN: &[&str] = &[
    "airtable",
    "asana",
    "atlassian",
    "aws",
    "azure",
    "bash",
    "bitbucket",
    "box",
    "browser",
    "cloudflare",
    "conductor",
    "confluence",
    "discord",
    "docker",
    "dropbox",
    "exa",
    "fetch",
    "figma",
    "filesystem",
    "git",
    "github",
    "gitlab",
    "gmail",
    "google",
    "hubspot",
    "jira",
    "kubernetes",
    "linear",
    "memory",
    "mongodb",
    "mysql",
    "notion",
    "openai",
    "outlook",
    "paypal",
    "perplexity",
    "playwright",
    "postgres",
    "puppeteer",
    "redis",
    "salesforce",
    "sentry",
    "shell",
    "slack",
    "snowflake",
    "sqlite",
    "stripe",
    "supabase",
    "system",
    "tavily",
    "teams",
    "telegram",
    "terminal",
    "time",
    "twilio",
    "vercel",
    "whatsapp",
    "zapier",
    "zoom",
];

/// The well-known name that a tool's name begins with, as those that a gateway shows do.
fn borrowed(name: &str) -> Option<&'static str> {
    let end = name.find(['.', ':', '/']).or_else(|| name.find("__"))?;
    let head = squash(name.get(..end)?);
    WELL_KNOWN.iter().copied().find(|known| **known == *head)
}

/// Whether these are the tools of a gateway: it shows those of several well-known servers under
/// their names, and borrows none to mislead.
pub(super) fn are_relayed<'a>(tools: impl IntoIterator<Item = &'a str>) -> bool {
    let heads: HashSet<&str> = tools.into_iter().filter_map(borrowed).collect();
    heads.len() > 1
}

/// What is wrong with the name of a tool of `server` (squashed), if anything.
pub(super) fn fault(name: &str, server: &str, relayed: bool) -> Option<&'static str> {
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(lawful) {
        return Some("name.characters");
    }
    if name.split('/').any(|part| part == "..") {
        return Some("name.path");
    }
    if RESERVED.contains(&&*name.to_ascii_lowercase()) {
        return Some("name.reserved");
    }
    // `github.create_issue` of a server that is not github's would read as github's tool.
    let misleads = borrowed(name).is_some_and(|head| !relayed && !server.contains(head));
    misleads.then_some("name.borrowed_prefix")
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(name: &str, server: &str, fault: Option<&str>) {
        assert_eq!(super::fault(name, server, false), fault, "{name}");
    }

    #[test]
    fn a_gateway_may_show_the_names_of_those_behind_it() {
        assert!(super::are_relayed(["github.create_issue", "slack__post", "own"]));
        assert!(!super::are_relayed(["github.create_issue", "github.close", "own"]));
        assert_eq!(super::fault("github.create_issue", "files", true), None);
    }

    #[test]
    fn usual_names_pass() {
        for name in ["read_file", "get-issue", "repos.list", "repos/list", "a", "_x", "getIssue2"] {
            check(name, "files", None);
        }
        check("github.create_issue", "mygithub", None);
    }

    #[test]
    fn names_that_mislead_are_refused() {
        check("a b", "files", Some("name.characters"));
        check("s\u{435}nd", "files", Some("name.characters"));
        check("../etc", "files", Some("name.path"));
        check("__proto__", "files", Some("name.reserved"));
        check("github.create_issue", "files", Some("name.borrowed_prefix"));
        check("slack__send", "files", Some("name.borrowed_prefix"));
    }
}
