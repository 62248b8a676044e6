//! This file is how tests exchange bare lines with a Unix socket.
//! It leaves whole sessions to the harness.

use std::path::Path;

use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::world::SOON;

/// Where the own socket of a server is.
pub(crate) fn own_socket(daemon: &Daemon, server: &str) -> std::path::PathBuf {
    daemon.sandbox().state_dir().join("servers").join(format!("{server}.sock"))
}

/// Writes these lines, ends the input, and returns what comes back until the end.
pub(crate) async fn exchange(socket: &Path, lines: &[Value]) -> Vec<Value> {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    for line in lines {
        stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(SOON, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A request without a handshake.
pub(crate) fn bare(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// The names in an answer to `tools/list`.
pub(crate) fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}
