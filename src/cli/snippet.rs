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

/// How a client reaches an endpoint.
pub(super) enum Way<'a> {
    /// By HTTP, at this URL.
    Url(&'a str),
    /// By starting this program with these arguments.
    Command(&'a str, &'a [String]),
}

/// The entry `name`, ready to be saved.
pub(super) fn entry(client: ClientKind, name: &str, way: &Way<'_>) -> String {
    let table = match client {
        ClientKind::Claude
        | ClientKind::Cursor
        | ClientKind::Gemini
        | ClientKind::Windsurf
        | ClientKind::Cline => "mcpServers",
        ClientKind::Vscode => "servers",
        ClientKind::Opencode => "mcp",
        ClientKind::Zed => "context_servers",
        ClientKind::Codex => return codex(name, way),
    };
    let inner = match (way, client) {
        (Way::Url(url), ClientKind::Cursor | ClientKind::Zed) => json!({ "url": url }),
        (Way::Url(url), ClientKind::Windsurf) => json!({ "serverUrl": url }),
        (Way::Url(url), ClientKind::Cline) => json!({ "type": "streamableHttp", "url": url }),
        (Way::Url(url), ClientKind::Opencode) => {
            json!({ "type": "remote", "url": url, "enabled": true })
        }
        (Way::Url(url), ClientKind::Gemini) => json!({ "httpUrl": url }),
        (Way::Url(url), _) => json!({ "type": "http", "url": url }),
        (Way::Command(program, args), ClientKind::Opencode) => {
            let words: Vec<&str> =
                std::iter::once(*program).chain(args.iter().map(String::as_str)).collect();
            json!({ "type": "local", "command": words, "enabled": true })
        }
        (Way::Command(program, args), ClientKind::Zed) => {
            json!({ "source": "custom", "command": program, "args": args })
        }
        (Way::Command(program, args), ClientKind::Vscode) => {
            json!({ "type": "stdio", "command": program, "args": args })
        }
        (Way::Command(program, args), _) => json!({ "command": program, "args": args }),
    };
    format!("{:#}", json!({ table: { name: inner } }))
}

/// The entry as a table of TOML, whose texts and lists of texts are written as those of JSON.
fn codex(name: &str, way: &Way<'_>) -> String {
    match way {
        Way::Url(url) => format!("[mcp_servers.{name}]\nurl = {}", json!(url)),
        Way::Command(program, args) => {
            let (program, args) = (json!(program), json!(args));
            format!("[mcp_servers.{name}]\ncommand = {program}\nargs = {args}")
        }
    }
}

/// Where the entry belongs.
pub(super) fn place(client: ClientKind) -> &'static str {
    match client {
        ClientKind::Claude => ".mcp.json in the project (or: claude mcp add --transport http …)",
        ClientKind::Cursor => "~/.cursor/mcp.json, or .cursor/mcp.json in the project",
        ClientKind::Vscode => ".vscode/mcp.json in the project",
        ClientKind::Codex => "~/.codex/config.toml",
        ClientKind::Gemini => "~/.gemini/settings.json, or .gemini/settings.json in the project",
        ClientKind::Windsurf => "~/.codeium/windsurf/mcp_config.json",
        ClientKind::Cline => "cline_mcp_settings.json, or .roo/mcp.json in the project",
        ClientKind::Opencode => "opencode.json in the project, or ~/.config/opencode/opencode.json",
        ClientKind::Zed => "~/.config/zed/settings.json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(client: ClientKind, expected: &str) {
        let entry = entry(client, "conductor", &Way::Url("http://127.0.0.1:8722/mcp"));
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
        check(
            ClientKind::Windsurf,
            r#"{"mcpServers":{"conductor":{"serverUrl":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(
            ClientKind::Cline,
            r#"{"mcpServers":{"conductor":{"type":"streamableHttp","url":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(
            ClientKind::Opencode,
            r#"{"mcp":{"conductor":{"enabled":true,"type":"remote","url":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(
            ClientKind::Zed,
            r#"{"context_servers":{"conductor":{"url":"http://127.0.0.1:8722/mcp"}}}"#,
        );
        check(ClientKind::Codex, "[mcp_servers.conductor]\nurl = \"http://127.0.0.1:8722/mcp\"");
    }

    #[test]
    fn a_command_has_its_own_form_too() {
        let args = ["connect".to_owned(), "a \"b\"".to_owned()];
        let shown = |client| {
            let entry = entry(client, "git", &Way::Command("/bin/conductor", &args));
            let read = serde_json::from_str::<serde_json::Value>(&entry);
            read.map_or(entry, |value| value.to_string())
        };
        let plain =
            r#"{"mcpServers":{"git":{"args":["connect","a \"b\""],"command":"/bin/conductor"}}}"#;
        assert_eq!(shown(ClientKind::Claude), plain);
        assert_eq!(
            shown(ClientKind::Codex),
            "[mcp_servers.git]\ncommand = \"/bin/conductor\"\nargs = [\"connect\",\"a \\\"b\\\"\"]"
        );
        assert!(
            shown(ClientKind::Opencode)
                .contains(r#""command":["/bin/conductor","connect","a \"b\""]"#)
        );
        assert!(shown(ClientKind::Vscode).contains(r#""type":"stdio""#));
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
