//! This file gives tests a running system with one small server, written for the shell.
//!
//! Tests only. The server says what a door's tests need; real servers are met end to end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conductor_actors::{ListKind, LocalCaller, Scope, System};
use conductor_config::{LoadRequest, load};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::service::Service;
use crate::door::dialogue::Parking;

/// How long a test waits for anything.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A server with the tools `echo`, `hang`, `count` (of cancelled calls), `steps`, `grow`, `die`.
const SERVER: &str = r#"
extra=''
cancelled=0
reply() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { reply "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
tool() { printf '{"name":"%s","inputSchema":{"type":"object"}}' "$1"; }
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/^[^[]*"id":\("[^"]*"\|[0-9]*\),"method".*/\1/p')
  case "$line" in
    *'"initialize"'*)
      reply '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"t","version":"1"}}' ;;
    *'"notifications/cancelled"'*) cancelled=$((cancelled + 1)) ;;
    *'"notifications/'*) ;;
    *'"ping"'*) reply '{}' ;;
    *'"tools/list"'*)
      reply "{\"tools\":[$(tool echo),$(tool hang),$(tool count),$(tool steps),$(tool grow),$(tool die)$extra]}" ;;
    *'"name":"echo"'*)
      args=$(printf '%s' "$line" | sed -n 's/.*"arguments":\({[^}]*}\).*/\1/p')
      reply "{\"content\":[],\"structuredContent\":$args}" ;;
    *'"name":"hang"'*) ;;
    *'"name":"count"'*) text "$cancelled" ;;
    *'"name":"steps"'*)
      token=$(printf '%s' "$line" | sed -n 's/.*"progressToken":\("[^"]*"\).*/\1/p')
      for n in 1 2 3; do
        [ -n "$token" ] && printf '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%s}}\n' "$token" "$n"
      done
      text done ;;
    *'"name":"grow"'*)
      extra=",$(tool more)"
      printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'
      text grown ;;
    *'"name":"die"'*) echo 'last words' >&2; exit 3 ;;
    *) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}\n' "$id" ;;
  esac
done
"#;

/// A running system; its state lasts as long as this.
pub(super) struct Fixture {
    pub(super) system: System,
    _state: TempDir,
}

impl Fixture {
    /// A system without servers.
    pub(super) async fn empty() -> Self {
        Self::start(json!({})).await
    }

    /// A system with the server `t`, its tools known.
    pub(super) async fn with_server() -> Self {
        let fixture = Self::start(json!({ "t": { "command": ["sh", "-c", SERVER] } })).await;
        fixture.system.catalog().settled(&everything(), ListKind::Tools, SOON).await;
        fixture
    }

    /// A system with these servers, with no time lost on waiting for them.
    pub(super) async fn start(servers: Value) -> Self {
        let state = TempDir::new().unwrap();
        let file = state.path().join("conductor.json");
        let settings = json!({
            "state": { "dir": state.path().join("state") },
            "mcpServers": servers,
        });
        std::fs::write(&file, settings.to_string()).unwrap();
        let request = LoadRequest {
            files: vec![file],
            cwd: state.path().to_owned(),
            ..LoadRequest::default()
        };
        let config = Arc::new(load(&request).unwrap());
        let path = std::env::var("PATH").unwrap();
        let environment = BTreeMap::from([("PATH".to_owned(), path)]);
        let system = System::start(config, environment).await.unwrap();
        Self { system, _state: state }
    }

    /// A service over everything.
    pub(super) fn service(&self) -> Service {
        let at = ("test".into(), everything());
        Service::new(self.system.clone(), at, LocalCaller::new("test"), Parking::new())
    }
}

/// The scope of `/mcp`.
pub(super) fn everything() -> Scope {
    Scope::Workspace(Default::default())
}

/// The `_meta` of a modern request, to stand in its parameters.
pub(super) const META: &str = concat!(
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{}}"#
);
