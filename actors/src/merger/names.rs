//! This file gives tools the names they are shown under.
//!
//! Pure; the same name always comes out for the same tool, whatever other servers there are.

use conductor_config::{ExportStyle, ServerId};

/// What stands between server and tool in the safe style.
const SAFE_SEPARATOR: &str = "__";
/// Longest name in the safe style: what every model API takes.
const SAFE_MAX: usize = 60;
/// Hexadecimal digits that tell shortened names apart.
const HASH: usize = 8;

/// The name of `tool` of `server` in a merged list, and the other one it can be called by.
pub(super) fn exported(
    style: ExportStyle,
    separator: &str,
    server: &ServerId,
    tool: &str,
) -> (String, String) {
    let (canonical, safe) = (canonical(separator, server, tool), safe(server, tool));
    match style {
        ExportStyle::Dot => (canonical, safe),
        ExportStyle::Safe => (safe, canonical),
    }
}

/// The true name: server, separator, the server's own name. Settings speak of tools by it.
pub(super) fn canonical(separator: &str, server: &ServerId, tool: &str) -> String {
    format!("{}{separator}{tool}", server.name)
}

/// What `server` may call what is called `name` here, in either style; none if `name` is of another
/// server. A name with a hash in it is not led back.
pub(super) fn own_name<'a>(separator: &str, server: &ServerId, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(server.name.as_ref())?;
    rest.strip_prefix(separator).or_else(|| rest.strip_prefix(SAFE_SEPARATOR))
}

/// A name of `[A-Za-z0-9_-]`, at most 60 characters. Where the plain form would lose something or
/// could be read two ways, a hash of the true name makes it unique.
fn safe(server: &ServerId, tool: &str) -> String {
    let server = server.name.as_ref();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain = format!("{server}{SAFE_SEPARATOR}{tool}");
    let readable =
        !server.contains(SAFE_SEPARATOR) && !server.ends_with('_') && !tool.starts_with('_');
    let looks_hashed = plain.rsplit_once('-').is_some_and(|(_, end)| {
        end.len() == HASH && end.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if readable && !looks_hashed && plain.len() <= SAFE_MAX && plain.chars().all(is_safe) {
        return plain;
    }
    let digest =
        ring::digest::digest(&ring::digest::SHA256, format!("{server}\0{tool}").as_bytes());
    let hash: String =
        digest.as_ref().iter().take(HASH / 2).map(|byte| format!("{byte:02x}")).collect();
    let mapped = plain.chars().map(|c| if is_safe(c) { c } else { '_' });
    let head: String = mapped.take(SAFE_MAX - HASH - 1).collect();
    format!("{head}-{hash}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use conductor_config::{ServerName, WorkspaceName};
    use proptest::prelude::*;

    use super::*;

    fn server(name: &str) -> ServerId {
        let workspace: WorkspaceName = "default".parse().unwrap();
        ServerId { workspace, name: name.parse::<ServerName>().unwrap() }
    }

    #[track_caller]
    fn check(server_name: &str, tool: &str, dot: &str, safe: &str) {
        let id = server(server_name);
        let both = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(exported(ExportStyle::Dot, ".", &id, tool), both(dot, safe));
        assert_eq!(exported(ExportStyle::Safe, ".", &id, tool), both(safe, dot));
    }

    #[test]
    fn plain_names_stay_plain() {
        check("salesforce", "get_account", "salesforce.get_account", "salesforce__get_account");
    }

    #[test]
    fn what_the_safe_style_cannot_show_is_told_apart_by_a_hash() {
        for (one, other) in [("b.c", "b_c"), ("b/c", "b.c"), ("x", "_x")] {
            let shown = |tool| exported(ExportStyle::Safe, ".", &server("a"), tool).0;
            assert_ne!(shown(one), shown(other));
        }
        let long = "x".repeat(100);
        assert_eq!(exported(ExportStyle::Safe, ".", &server("a"), &long).0.len(), SAFE_MAX);
    }

    proptest! {
        #[test]
        fn safe_names_are_short_clean_and_never_shared(
            names in proptest::collection::hash_set(("[a-z0-9_-]{1,12}", "[A-Za-z0-9_./-]{1,70}"), 2..60),
        ) {
            let mut seen: HashMap<String, (String, String)> = HashMap::new();
            for (server_name, tool) in names {
                let Ok(name) = server_name.parse::<ServerName>() else { continue };
                let id = ServerId { workspace: "default".parse().unwrap(), name };
                let (safe, _) = exported(ExportStyle::Safe, ".", &id, &tool);
                prop_assert!(safe.len() <= SAFE_MAX);
                prop_assert!(safe.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
                let pair = (server_name, tool);
                if let Some(other) = seen.insert(safe.clone(), pair.clone()) {
                    prop_assert_eq!(other, pair, "{}", safe);
                }
            }
        }
    }
}
