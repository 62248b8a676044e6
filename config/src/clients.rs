//! This file knows which keys other programs keep in the files they share with us, so
//! that the very file of a desktop client is a settings file here.
//! It does not read them: what is listed here has no effect.

use std::path::Path;

use figment::value::Dict;

/// Keys of a server entry that are a client's own business.
const ENTRY_KEYS: &[&str] = &[
    "$schema",
    "_comment",
    "alwaysAllow",
    "auth",
    "authProviderType",
    "autoApprove",
    "comment",
    "deferTools",
    "dev",
    "displayName",
    "gallery",
    "headersHelper",
    "icon",
    "name",
    "note",
    "notes",
    "oauth",
    "scopes",
    "tags",
    "targetAudience",
    "targetServiceAccount",
    "trust",
    "version",
    "watchPaths",
];

/// Keys beside `mcpServers` that are a client's own business.
const ROOT_KEYS: &[&str] = &["$schema", "_comment", "comment", "inputs"];

/// What clients call the table of servers that we call `mcpServers`.
pub(crate) const SERVER_TABLES: &[&str] =
    &["servers", "context_servers", "mcp_servers", "mcp", "mcpservers", "mcp-servers"];

/// Whether this key of a server entry is a client's own.
pub(crate) fn is_entry_key(name: &str) -> bool {
    ENTRY_KEYS.contains(&name)
}

/// A program whose settings file is known by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// What one stands for where the file has a bare number under `timeout`.
    pub(crate) timeout_millis: u64,
    /// Whether the file holds the whole program's settings beside the servers.
    whole: bool,
}

const FILES: &[(&str, Client)] = &[
    (".mcp.json", Client { timeout_millis: 1, whole: false }),
    (".claude.json", Client { timeout_millis: 1, whole: true }),
    ("claude_desktop_config.json", Client { timeout_millis: 1, whole: true }),
    ("cline_mcp_settings.json", Client { timeout_millis: 1_000, whole: false }),
    ("mcp_settings.json", Client { timeout_millis: 1_000, whole: false }),
    ("settings.json", Client { timeout_millis: 1, whole: true }),
];

/// The client that keeps its servers in a file of this name.
pub(crate) fn by_file(path: &Path) -> Option<Client> {
    let name = path.file_name()?.to_str()?;
    let known = FILES.iter().find(|(file, _)| name == *file || file_kind(name) == Some(*file));
    known.map(|(_, client)| *client)
}

/// `.mcp.json` for a name such as `desktop.mcp.json`.
fn file_kind(name: &str) -> Option<&str> {
    name.ends_with(".mcp.json").then_some(".mcp.json")
}

/// Whether a key beside `mcpServers` is a client's own.
pub(crate) fn is_root_key(name: &str) -> bool {
    ROOT_KEYS.contains(&name)
}

/// Turns a JSON file as clients write it into one of ours: of a file with a whole
/// program's settings only the servers are taken, and a table `servers` is taken for
/// `mcpServers` where there is none. Says how many keys were left out.
pub(crate) fn adopt(path: &Path, mut dict: Dict) -> (Dict, usize) {
    if path.extension().is_none_or(|ending| ending != "json") {
        return (dict, 0);
    }
    if !dict.contains_key("mcpServers")
        && let Some(servers) = dict.remove("servers")
    {
        dict.insert("mcpServers".to_owned(), servers);
    }
    let before = dict.len();
    if by_file(path).is_some_and(|client| client.whole) {
        dict.retain(|key, _| key == "mcpServers");
    }
    let left_out = before - dict.len();
    (dict, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn a_clients_key_is_never_one_of_ours() {
        for name in keys::names(keys::ENTRY) {
            assert!(!is_entry_key(name), "{name}");
        }
        for name in keys::names(keys::ROOT) {
            assert!(!is_root_key(name), "{name}");
        }
    }

    #[test]
    fn the_unit_of_a_timeout_depends_on_whose_file_it_is() {
        let millis = |path: &str| by_file(Path::new(path)).map(|client| client.timeout_millis);
        assert_eq!(millis("project/.mcp.json"), Some(1));
        assert_eq!(millis("desktop.mcp.json"), Some(1));
        assert_eq!(millis("storage/cline_mcp_settings.json"), Some(1_000));
        assert_eq!(millis("conductor.json"), None);
    }
}
