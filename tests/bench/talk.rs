//! This file carries requests and answers over one connection: HTTP, a Unix socket, or two pipes.
//! It does as little as it can, since it shares the machine with what is measured.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use conductor_e2e::daemon::command;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Child;
use tokio::time::sleep;

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// An HTTP endpoint.
    Http {
        /// Its address.
        addr: SocketAddr,
        /// Its path.
        path: String,
    },
    /// A Unix socket, a message a line.
    Unix(PathBuf),
    /// A command that is started for each connection, a message a line.
    Command(Vec<String>),
}

/// One connection.
pub(crate) struct Talk {
    input: Pin<Box<dyn AsyncRead + Send>>,
    output: Pin<Box<dyn AsyncWrite + Send>>,
    framing: Framing,
    waiting: Vec<u8>,
    buffer: Vec<u8>,
    used: usize,
    child: Option<Child>,
}

enum Framing {
    Lines,
    Http {
        path: String,
        host: String,
        /// Header lines of one session each, taken in turn.
        sessions: Vec<String>,
        next: usize,
    },
}

/// Between two looks at whether a connection is still there.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(200);
/// Room for what is read, in bytes; more is made for long answers.
const ROOM: usize = 64 * 1024;
/// The end of a head.
const BLANK: &[u8] = b"\r\n\r\n";

impl Talk {
    /// Connects, without a word.
    pub(crate) async fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Http { addr, path } => {
                let stream = TcpStream::connect(addr).await.context("failed to connect")?;
                stream.set_nodelay(true)?;
                let (input, output) = stream.into_split();
                let framing = Framing::Http {
                    path: path.clone(),
                    host: addr.to_string(),
                    sessions: Vec::new(),
                    next: 0,
                };
                Ok(Self::on(input, output, framing))
            }
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await.context("failed to connect")?;
                let (input, output) = stream.into_split();
                Ok(Self::on(input, output, Framing::Lines))
            }
            Place::Command(words) => {
                let (program, args) = words.split_first().context("no command")?;
                let mut command = command(program);
                command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
                command.stderr(Stdio::null()).kill_on_drop(true);
                let mut child = command.spawn().context("failed to start a command")?;
                let input = child.stdout.take().context("no stdout")?;
                let output = child.stdin.take().context("no stdin")?;
                let talk = Self::on(input, output, Framing::Lines);
                Ok(Self { child: Some(child), ..talk })
            }
        }
    }

    fn on(
        input: impl AsyncRead + Send + 'static,
        output: impl AsyncWrite + Send + 'static,
        framing: Framing,
    ) -> Self {
        Self {
            input: Box::pin(input),
            output: Box::pin(output),
            framing,
            waiting: Vec::new(),
            buffer: Vec::with_capacity(ROOM),
            used: 0,
            child: None,
        }
    }

    /// The command's process.
    pub(crate) fn pid(&self) -> Option<i32> {
        i32::try_from(self.child.as_ref()?.id()?).ok()
    }

    /// Closes the command's input and waits for its end.
    pub(crate) async fn end(self) {
        drop(self.output);
        if let Some(mut child) = self.child {
            let limit = std::time::Duration::from_secs(10);
            let _ = tokio::time::timeout(limit, child.wait()).await; // killed with the handle
        }
    }

    /// Opens one more legacy session, or the only one where there are no sessions.
    pub(crate) async fn initialize(&mut self) -> Result<()> {
        let hello = concat!(
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":"#,
            r#"{"protocolVersion":"2025-11-25","capabilities":{},"#,
            r#""clientInfo":{"name":"bench","version":"1"}}}"#
        );
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        self.queue_with(hello, "");
        let (head, body) = self.exchange().await?;
        let answer: Value = serde_json::from_slice(&body).context("initialize")?;
        if answer.get("result").is_none() {
            bail!("initialize: {answer}");
        }
        let session = header(&head, "mcp-session-id")
            .map_or_else(String::new, |id| format!("mcp-session-id: {id}\r\n"));
        let session = format!("mcp-protocol-version: 2025-11-25\r\n{session}");
        self.queue_with(ready, &session);
        if let Framing::Http { sessions, .. } = &mut self.framing {
            sessions.push(session);
            self.exchange().await?;
        }
        self.flush().await
    }

    /// Speaks in the sessions of another connection.
    pub(crate) fn share(&mut self, other: &Self) {
        if let Framing::Http { sessions, .. } = &mut self.framing
            && let Framing::Http { sessions: theirs, .. } = &other.framing
        {
            sessions.clone_from(theirs);
        }
    }

    /// Puts one request into what is sent with the next `flush`.
    pub(crate) fn queue(&mut self, body: &str, method: &str, tool: &str, modern: bool) {
        let headers = match &mut self.framing {
            Framing::Lines => String::new(),
            Framing::Http { .. } if modern => {
                let name = if tool.is_empty() { "" } else { "mcp-name: " };
                let end = if tool.is_empty() { "" } else { "\r\n" };
                format!(
                    "mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n{name}{tool}{end}"
                )
            }
            Framing::Http { sessions, next, .. } => {
                *next += 1;
                sessions.get(*next % sessions.len().max(1)).cloned().unwrap_or_default()
            }
        };
        self.queue_with(body, &headers);
    }

    fn queue_with(&mut self, body: &str, headers: &str) {
        if let Framing::Http { path, host, .. } = &self.framing {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
                 accept: application/json, text/event-stream\r\n{headers}content-length: {}\r\n\r\n",
                body.len()
            );
            self.waiting.extend_from_slice(head.as_bytes());
            self.waiting.extend_from_slice(body.as_bytes());
        } else {
            self.waiting.extend_from_slice(body.as_bytes());
            self.waiting.push(b'\n');
        }
    }

    /// Sends what is queued.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.output.write_all(&self.waiting).await.context("failed to send")?;
        self.output.flush().await?;
        self.waiting.clear();
        Ok(())
    }

    /// Sends what is queued and takes the one answer: its head, where there is one, and its body.
    async fn exchange(&mut self) -> Result<(String, Vec<u8>)> {
        self.flush().await?;
        self.next().await
    }

    /// Reads nothing, and returns when the other side has closed the connection.
    pub(crate) async fn closed(&mut self) {
        // What is sent is nothing to it, until there is nobody to send it to.
        while self.output.write_all(b" ").await.is_ok() {
            sleep(PATIENCE).await;
        }
    }

    /// Whether an answer is here already. Over HTTP there is one at a time.
    pub(crate) fn has_more(&self) -> bool {
        matches!(self.framing, Framing::Lines) && self.buffer[self.used..].contains(&b'\n')
    }

    /// The next answer.
    pub(crate) async fn next(&mut self) -> Result<(String, Vec<u8>)> {
        if matches!(self.framing, Framing::Lines) {
            loop {
                let line = self.until(b"\n").await?;
                // News of a changed list is no answer.
                if !line.starts_with(br#"{"jsonrpc":"2.0","method":"#) {
                    return Ok((String::new(), line));
                }
            }
        }
        let head = String::from_utf8(self.until(BLANK).await?)?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        let body = if let Some(length) = header(&head, "content-length") {
            self.exactly(length.parse()?).await?
        } else if header(&head, "transfer-encoding") == Some("chunked") {
            self.chunks().await?
        } else {
            Vec::new()
        };
        if !status.starts_with('2') {
            bail!("status {status}: {}", String::from_utf8_lossy(&body));
        }
        if header(&head, "content-type").is_some_and(|it| it.starts_with("text/event-stream")) {
            let text = String::from_utf8(body)?;
            let last = text.lines().rev().find_map(|line| line.strip_prefix("data:"));
            let last = last.context("a stream without an answer")?.trim();
            return Ok((head, last.as_bytes().to_vec()));
        }
        Ok((head, body))
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let size = String::from_utf8(self.until(b"\r\n").await?)?;
            let size = usize::from_str_radix(size.trim(), 16).context("no size of a chunk")?;
            all.extend(self.exactly(size).await?);
            self.until(b"\r\n").await?;
            if size == 0 {
                return Ok(all);
            }
        }
    }

    /// Everything up to `end`, with it.
    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        let mut scanned = self.used;
        loop {
            let unread = &self.buffer[scanned..];
            if let Some(at) = unread.windows(end.len()).position(|part| part == end) {
                let to = scanned + at + end.len();
                let found = self.buffer[self.used..to].to_vec();
                self.used = to;
                return Ok(found);
            }
            scanned = self.buffer.len().saturating_sub(end.len() - 1).max(self.used);
            let moved = self.used;
            self.more().await?;
            if self.used == 0 {
                scanned -= moved;
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.buffer.len() - self.used < count {
            self.buffer.reserve(count);
            self.more().await?;
        }
        if self.used == 0 && self.buffer.len() == count {
            // A long answer is not copied.
            return Ok(std::mem::replace(&mut self.buffer, Vec::with_capacity(ROOM)));
        }
        let found = self.buffer[self.used..self.used + count].to_vec();
        self.used += count;
        Ok(found)
    }

    /// Reads once more, with what is used up taken out first.
    async fn more(&mut self) -> Result<()> {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.buffer.reserve(16 * 1024);
        let read = self.input.read_buf(&mut self.buffer).await.context("failed to read")?;
        if read == 0 {
            bail!("the connection was closed in the middle");
        }
        Ok(())
    }
}

/// The value of a header; `name` in small letters.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}
