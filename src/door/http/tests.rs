//! This file speaks with the HTTP door over a socket, as clients and others would.
//!
//! Requests are written by hand: some of them no library would send.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::door::fixture::{Fixture, META, SOON};

mod checks;
mod hostile;
mod legacy;
mod modern;

/// A door that is open.
struct Open {
    addr: SocketAddr,
    shutdown: CancellationToken,
    door: JoinHandle<std::io::Result<()>>,
    fixture: Fixture,
}

impl Open {
    async fn new(fixture: Fixture) -> Self {
        Self::with(fixture, |_| {}).await
    }

    async fn with_server() -> Self {
        Self::new(Fixture::with_server().await).await
    }

    async fn with(fixture: Fixture, change: impl FnOnce(&mut Listen)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut settings = fixture.system.config().listen.clone();
        change(&mut settings);
        let system = (fixture.system.clone(), None);
        let serving = serve(listener, system, settings, shutdown.clone());
        let door = tokio::spawn(serving);
        Self { addr, shutdown, door, fixture }
    }

    /// A connection on which these bytes were sent.
    async fn raw(&self, bytes: &[u8]) -> Wire {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Wire { stream, read: Vec::new() }
    }

    /// A connection on which a request was sent that has a `Host`.
    async fn send(&self, head: &str, headers: &[&str], body: &str) -> Wire {
        let mut text = format!("{head} HTTP/1.1\r\nHost: {}\r\n", self.addr);
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(format!("{text}\r\n{body}").as_bytes()).await
    }

    /// POSTs a message with the headers that every client sends, and more.
    async fn post(&self, path: &str, headers: &[&str], body: &str) -> Wire {
        let mut all =
            vec!["Content-Type: application/json", "Accept: application/json, text/event-stream"];
        all.extend(headers);
        self.send(&format!("POST {path}"), &all, body).await
    }

    /// Opens a legacy session and returns its header.
    async fn session(&self, version: &str) -> String {
        let hello = ask("0", "initialize", &format!(r#""protocolVersion":"{version}""#));
        let answer = self.post("/mcp", &[], &hello).await.response().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        format!("Mcp-Session-Id: {}", answer.header("mcp-session-id").unwrap())
    }
}

/// One connection.
struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// One response.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Wire {
    /// Reads until what has come satisfies `enough`.
    async fn until<T>(&mut self, mut enough: impl FnMut(&str) -> Option<T>) -> T {
        let reading = async {
            loop {
                if let Some(found) = enough(&String::from_utf8_lossy(&self.read)) {
                    return found;
                }
                let count = self.stream.read_buf(&mut self.read).await.unwrap_or(0);
                let read = String::from_utf8_lossy(&self.read);
                assert!(count > 0, "the connection ended after {read}");
            }
        };
        timeout(SOON, reading).await.unwrap()
    }

    /// Reads until `text` has come.
    async fn hear(&mut self, text: &str) -> String {
        self.until(|read| read.contains(text).then(|| read.to_owned())).await
    }

    /// Reads one response that has a length.
    async fn response(&mut self) -> Answer {
        let (answer, length) = self.until(parse).await;
        self.read.drain(..length);
        answer
    }

    /// Reads the head of a response.
    async fn status(&mut self) -> u16 {
        self.until(|read| read.split_once("\r\n\r\n").map(|(head, _)| status(head))).await
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A response at the start of `read`, and its whole length.
fn parse(read: &str) -> Option<(Answer, usize)> {
    let (head, rest) = read.split_once("\r\n\r\n")?;
    let mut answer = Answer { status: status(head), head: head.to_owned(), body: String::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    answer.body = rest.get(..length)?.to_owned();
    Some((answer, head.len() + 4 + length))
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

fn ask(id: &str, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#)
}

fn call(id: &str, tool: &str, more: &str) -> String {
    ask(id, "tools/call", &format!(r#""name":"{tool}"{more}"#))
}

/// The headers of a modern request.
const MODERN: &str = "MCP-Protocol-Version: 2026-07-28";
