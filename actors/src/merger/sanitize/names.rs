//! This file says which tool names are refused, whoever offers them.
//!
//! It leaves collisions and the names tools are shown under to the merge.

use std::collections::HashSet;

use super::namespace::squash;

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
    "bitbucket",
    "cloudflare",
    "conductor",
    "confluence",
    "discord",
    "docker",
    "dropbox",
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
    "slack",
    "snowflake",
    "sqlite",
    "stripe",
    "supabase",
    "tavily",
    "telegram",
    "twilio",
    "vercel",
    "whatsapp",
    "zapier",
];

/// Servers called by ordinary words. A tool's name may begin with those, `box.draw` or `time/now`;
/// only two lines after them say that a server's name stands there, as clients join the two.
const ORDINARY: &[&str] = &[
    "bash", "box", "browser", "exa", "fetch", "linear", "memory", "shell", "system", "teams",
    "terminal", "time", "zoom",
];

/// The well-known name that a tool's name begins with, as those that a gateway shows do.
fn borrowed(name: &str) -> Option<&'static str> {
    let (end, joined) = match name.find(['.', ':', '/']) {
        Some(end) => (end, false),
        None => (name.find("__")?, true),
    };
    let head = squash(name.get(..end)?);
    let ordinary = ORDINARY.iter().filter(|_| joined);
    WELL_KNOWN.iter().chain(ordinary).copied().find(|known| **known == *head)
}

/// Whether these are the tools of a gateway: it shows those of several well-known servers under
/// their names, and borrows none to mislead.
pub(super) fn are_relayed<'a>(tools: impl IntoIterator<Item = &'a str>) -> bool {
    let heads: HashSet<&str> = tools.into_iter().filter_map(borrowed).collect();
    heads.len() > 1
}

/// What no tool can be called, if `name` is that.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(lawful) {
        return Some("name.characters");
    }
    if name.split('/').any(|part| part == "..") {
        return Some("name.path");
    }
    RESERVED.contains(&&*name.to_ascii_lowercase()).then_some("name.reserved")
}

/// Whether `name` would read as the tool of a server that `server` (squashed) is not, as
/// `github.create_issue` does.
pub(super) fn misleads(name: &str, server: &str) -> bool {
    borrowed(name).is_some_and(|head| !server.contains(head))
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(name: &str, fault: Option<&str>) {
        assert_eq!(super::fault(name), fault, "{name}");
    }

    #[track_caller]
    fn borrows(names: &[&str], server: &str, expected: bool) {
        for name in names {
            assert_eq!(super::misleads(name, server), expected, "{name}");
        }
    }

    #[test]
    fn a_gateway_may_show_the_names_of_those_behind_it() {
        assert!(super::are_relayed(["github.create_issue", "slack__post", "own"]));
        assert!(!super::are_relayed(["github.create_issue", "github.close", "own"]));
    }

    #[test]
    fn usual_names_pass() {
        for name in ["read_file", "get-issue", "repos.list", "repos/list", "a", "_x", "getIssue2"] {
            check(name, None);
        }
    }

    #[test]
    fn names_that_mislead_are_told() {
        check("a b", Some("name.characters"));
        check("s\u{435}nd", Some("name.characters"));
        check("../etc", Some("name.path"));
        check("__proto__", Some("name.reserved"));
        borrows(
            &["github.create_issue", "slack__send", "filesystem/read", "time__now"],
            "files",
            true,
        );
        borrows(&["github.create_issue"], "mygithub", false);
    }

    #[test]
    fn ordinary_words_are_nobodys_name() {
        let ordinary = [
            "box.draw",
            "time.now",
            "memory/store",
            "browser.click",
            "shell.run",
            "system:info",
            "zoom.in",
        ];
        borrows(&ordinary, "files", false);
    }
}
