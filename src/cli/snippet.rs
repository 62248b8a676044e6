//! This file writes the entry by which a client reaches an endpoint, in the client's own format.
//!
//! Pure; finding the endpoint is left to the command.

use std::net::SocketAddr;

use conductor_config::ServerId;
use serde_json::json;

use super::args::ClientKind;

/// The URL of the daemon at `address`, of all servers or of one.
pub(super) fn url(address: SocketAddr, server: Option<&ServerId>) -> String {
    let path = match server {
        None => "mcp".to_owned(),
        Some(id) if id.workspace.is_default() => format!("servers/{}/mcp", id.name),
        Some(id) => format!("workspaces/{}/servers/{}/mcp", id.workspace, id.name),
    };
    format!("http://{}/{path}", reachable(address))
}

/// Where a client on this machine reaches `address`, which may be all interfaces.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

/// The entry `name` for `url`, ready to be saved.
pub(super) fn entry(client: ClientKind, name: &str, url: &str) -> String {
    let value = match client {
        ClientKind::Claude => json!({"mcpServers": {name: {"type": "http", "url": url}}}),
        ClientKind::Cursor => json!({"mcpServers": {name: {"url": url}}}),
        ClientKind::Vscode => json!({"servers": {name: {"type": "http", "url": url}}}),
        ClientKind::Gemini => json!({"mcpServers": {name: {"httpUrl": url}}}),
        // Names and URLs hold nothing that TOML would want escaped.
        ClientKind::Codex => return format!("[mcp_servers.{name}]\nurl = \"{url}\""),
    };
    format!("{value:#}")
}

/// Where the entry belongs.
pub(super) fn place(client: ClientKind) -> &'static str {
    match client {
        ClientKind::Claude => ".mcp.json in the project (or: claude mcp add --transport http …)",
        ClientKind::Cursor => "~/.cursor/mcp.json, or .cursor/mcp.json in the project",
        ClientKind::Vscode => ".vscode/mcp.json in the project",
        ClientKind::Codex => "~/.codex/config.toml",
        ClientKind::Gemini => "~/.gemini/settings.json, or .gemini/settings.json in the project",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(client: ClientKind, expected: &str) {
        let entry = entry(client, "conductor", "http://127.0.0.1:8722/mcp");
        let read = serde_json::from_str::<serde_json::Value>(&entry);
        assert_eq!(read.map_or(entry, |value| value.to_string()), expected);
    }

    #[test]
    fn each_client_gets_its_own_form() {
        check(
            ClientKind::Claude,
            r#"{"mcpServers":{"conductor":{"type":"http","url":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(
            ClientKind::Cursor,
            r#"{"mcpServers":{"conductor":{"url":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(
            ClientKind::Vscode,
            r#"{"servers":{"conductor":{"type":"http","url":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(
            ClientKind::Gemini,
            r#"{"mcpServers":{"conductor":{"httpUrl":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(ClientKind::Codex, "[mcp_servers.conductor]\nurl = \"http://127.0.0.1:8722/mcp\"");
    }

    #[test]
    fn the_url_names_server_and_workspace() {
        let at = |address: &str, server: Option<&str>| {
            let server = server.map(|server| server.parse::<ServerId>().unwrap());
            url(address.parse().unwrap(), server.as_ref())
        };
        assert_eq!(at("127.0.0.1:8722", None), "http://127.0.0.1:8722/mcp");
        assert_eq!(at("[::1]:80", Some("git")), "http://[::1]:80/servers/git/mcp");
        assert_eq!(
            at("0.0.0.0:1", Some("team-a/git")),
            "http://127.0.0.1:1/workspaces/team-a/servers/git/mcp"
        );
    }
}
