//! Hostile and merely odd clients against the running daemon, a test for each row and named after it.
//! What can be decided without a process is tested beside the code; `docs/protocol.md` says what holds.

mod bytes;
mod lists;
mod requests;
mod sharing;

use std::net::SocketAddr;

use conductor_e2e::daemon::Daemon;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{SOON, client};

/// What came back for bytes that were sent as they are.
#[derive(Debug)]
struct Raw {
    /// The status of each answer on the connection, in order.
    statuses: Vec<u16>,
    text: String,
}

impl Raw {
    /// The only status, or that of the first answer; 0 if the connection was closed without one.
    fn first(&self) -> u16 {
        self.statuses.first().copied().unwrap_or_default()
    }
}

/// Sends bytes on a connection of their own and reads until it is closed. With `end`, says that no
/// more will come.
async fn raw(addr: SocketAddr, bytes: &[u8], end: bool) -> Raw {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let sending = async {
        // The daemon may have answered and closed before it has all.
        let _ = write.write_all(bytes).await;
        if end {
            let _ = write.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    let reading = async {
        let _ = read.read_to_end(&mut answer).await;
    };
    let both = async {
        tokio::select! { () = reading => {}, () = sending => {} }
    };
    timeout(6 * SOON, both).await.expect("the connection is closed");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let statuses = text.split("HTTP/1.1 ").skip(1).filter_map(|it| it.get(..3)?.parse().ok());
    Raw { statuses: statuses.collect(), text }
}

/// A head of a POST to the merged door that closes the connection; these headers beside the usual.
fn head(addr: SocketAddr, more: &[&str]) -> Vec<u8> {
    let mut head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\n"
    );
    for header in more {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A whole POST of a body.
fn post(addr: SocketAddr, more: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut more = more.to_vec();
    more.push(&length);
    [head(addr, &more), body.to_vec()].concat()
}

/// A call of a tool as a client of the newer revision words it; `arguments` as they stand there.
fn call(tool: &str, arguments: &str) -> String {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},"_meta":{meta}}}}}"#
    )
}

/// Headers that belong to such a call.
const CALL: [&str; 2] = ["Mcp-Method: tools/call", "Mcp-Name: a.echo"];

/// Whether an ordinary call is answered.
async fn serves(daemon: &Daemon) {
    let reply = client(daemon).call("a.echo", json!({ "text": "still here" })).await.unwrap();
    assert_eq!(reply.text().unwrap(), "still here");
}

/// The only message in the body of an answer.
fn message(raw: &Raw) -> Value {
    let body = raw.text.split("\r\n\r\n").nth(1).unwrap_or_default();
    serde_json::from_str(body.trim()).unwrap_or_else(|_| panic!("{raw:?}"))
}
