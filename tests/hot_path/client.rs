//! This file is a client that takes no memory while it calls: ready-made requests, one buffer.
//! It leaves counting to `counts.rs`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;

/// One connection that says the same again and again.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// A request as it is sent, and what must stand in each answer.
pub(crate) struct Wanted {
    bytes: Vec<u8>,
    part: Vec<u8>,
}

impl Wanted {
    /// A request of the revision with sessions, or of the one without.
    pub(crate) fn new(method: &str, mut params: serde_json::Value, session: Option<&str>) -> Self {
        let headers = match session {
            Some(session) => {
                format!("mcp-protocol-version: 2025-11-25\r\nmcp-session-id: {session}\r\n")
            }
            None => {
                conductor_e2e::client::modern_meta(&mut params, "2026-07-28");
                let name = params["name"]
                    .as_str()
                    .map_or(String::new(), |name| format!("mcp-name: {name}\r\n"));
                format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n{name}")
            }
        };
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        Self { bytes: post(&headers, &body), part: b"\"id\":7,\"result\":".to_vec() }
    }

    /// The same, and this must stand in each answer as well.
    pub(crate) fn answered_with(self, part: &str) -> Self {
        Self { part: part.as_bytes().to_vec(), ..self }
    }
}

fn post(headers: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: hot.path\r\ncontent-type: application/json\r\naccept: \
         application/json, text/event-stream\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Client {
    /// Connects; answers may have up to 4 MiB.
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: vec![0; 4 << 20], filled: 0 }
    }

    /// Opens a session and returns its id.
    pub(crate) fn initialize(&mut self) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "hot-path", "version": "1" },
        });
        let hello = json!({ "jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params });
        let (head, _) = self.exchange(&post("", &hello));
        let head = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
        id.unwrap().to_owned()
    }

    /// Calls, and checks the answer.
    pub(crate) fn call(&mut self, wanted: &Wanted) {
        let (head, end) = self.exchange(&wanted.bytes);
        let answer = &self.buffer[head..end];
        assert!(self.buffer.starts_with(b"HTTP/1.1 200"), "{}", shown(&self.buffer[..end]));
        assert!(memchr::memmem::find(answer, &wanted.part).is_some(), "{}", shown(answer));
    }

    /// Bytes of the last answer, head and all.
    pub(crate) fn answered(&self) -> usize {
        self.filled
    }

    /// Sends bytes and reads one answer; where its head and the whole end.
    fn exchange(&mut self, bytes: &[u8]) -> (usize, usize) {
        self.stream.write_all(bytes).unwrap();
        self.filled = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[self.filled..]).unwrap();
            assert!(count > 0, "the connection was closed");
            self.filled += count;
            let read = &self.buffer[..self.filled];
            let Some(head) = memchr::memmem::find(read, b"\r\n\r\n") else { continue };
            let end = head + 4 + length(&read[..head]);
            if read.len() >= end {
                return (head + 4, end);
            }
        }
    }
}

fn length(head: &[u8]) -> usize {
    let name = b"content-length: ";
    let Some(at) = memchr::memmem::find(head, name) else { return 0 };
    let digits = head[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).into_owned()
}
