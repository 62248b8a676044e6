//! This file is HTTP/1.1 for tests: one connection, one exchange at a time, bodies as JSON or as events.
//! It leaves what MCP says over it to `client.rs`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustix::thread::Uid;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Where a daemon is reached.
#[derive(Debug, Clone)]
pub enum Place {
    /// Over TCP.
    Address(SocketAddr),
    /// At a Unix socket.
    Socket(PathBuf),
    /// There as another user. Only root can be everybody.
    SocketAs(PathBuf, u32),
}

/// Whether this process may be several users. Says so if not: what needs them is left out then.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
pub fn can_be_everybody() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: only root can be two users");
    }
    is_root
}

/// Connects to a Unix socket as this user.
///
/// # Errors
///
/// When nobody listens there, or this process may not be that user.
pub fn connect_as(socket: &Path, uid: u32) -> Result<UnixStream> {
    let socket = socket.to_owned();
    // The user of a thread of its own, which ends with the connection made.
    let connected = std::thread::spawn(move || -> Result<_> {
        let uid = Uid::from_raw(uid);
        rustix::thread::set_thread_res_uid(uid, uid, uid).context("failed to be that user")?;
        std::os::unix::net::UnixStream::connect(socket).context("failed to connect")
    });
    let stream = connected.join().map_err(|_| anyhow!("the thread panicked"))??;
    stream.set_nonblocking(true)?;
    Ok(UnixStream::from_std(stream)?)
}

impl From<SocketAddr> for Place {
    fn from(addr: SocketAddr) -> Self {
        Self::Address(addr)
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Socket(path.to_owned())
    }
}

/// One connection to a daemon.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn open(place: impl Into<Place>) -> Result<Self> {
        match place.into() {
            Place::Address(addr) => {
                let stream = TcpStream::connect(addr).await.context("failed to connect")?;
                stream.set_nodelay(true)?;
                Self::on(stream, addr.to_string()).await
            }
            Place::Socket(path) => {
                let stream = UnixStream::connect(path).await.context("failed to connect")?;
                Self::on(stream, "localhost".to_owned()).await
            }
            Place::SocketAs(path, uid) => {
                Self::on(connect_as(&path, uid)?, "localhost".to_owned()).await
            }
        }
    }

    async fn on<S>(stream: S, host: String) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender, or with an error that the sender tells as well.
        tokio::spawn(connection);
        Ok(Self { sender, host })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// When the connection is lost, or a header is none.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", &self.host);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into()))?;
        self.sender.ready().await.context("the connection was closed")?;
        let answer = self.sender.send_request(request).await.context("no answer")?;
        let (head, body) = answer.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, events: Events::new(body) })
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    events: Events,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the body is a stream of events.
    pub fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// When the connection is lost in it.
    pub async fn bytes(self) -> Result<Bytes> {
        let rest = self.events.body.collect().await.context("the body broke off")?.to_bytes();
        let mut all = self.events.buffer;
        all.extend_from_slice(&rest);
        Ok(all.freeze())
    }

    /// The next event of the stream, whatever it says. Nothing at the end.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub async fn event(&mut self) -> Result<Option<Event>> {
        self.events.event().await
    }

    /// The next message: of the stream, or the one JSON text. Nothing at the end.
    ///
    /// # Errors
    ///
    /// When the connection is lost, or the text is no JSON.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        if self.is_stream() {
            return self.events.next().await;
        }
        let text = self.events.all().await?;
        if text.is_empty() {
            return Ok(None);
        }
        let value = serde_json::from_slice(&text)
            .with_context(|| format!("no JSON: {}", String::from_utf8_lossy(&text)))?;
        Ok(Some(value))
    }
}

/// One event of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is called, to go on from it.
    pub id: Option<String>,
    /// How many milliseconds to wait before that.
    pub retry: Option<String>,
    /// What it says.
    pub data: String,
}

impl Event {
    /// Reads the lines of an event; comments are left out.
    fn read(text: &str) -> Self {
        let field = |name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>()
        };
        let last = |name: &str| field(name).last().map(|value| (*value).to_owned());
        Self { id: last("id"), retry: last("retry"), data: field("data").join("\n") }
    }
}

/// The events of a body, whole ones only.
#[derive(Debug)]
struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new() }
    }

    async fn all(&mut self) -> Result<Bytes> {
        while self.read().await? {}
        Ok(self.buffer.split().freeze())
    }

    /// Reads one frame more; false at the end.
    async fn read(&mut self) -> Result<bool> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(mut data) = frame.context("the body broke off")?.into_data() {
                let size = data.remaining();
                self.buffer.extend_from_slice(&data.copy_to_bytes(size));
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn event(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = take_event(&mut self.buffer) {
                return Ok(Some(Event::read(&event)));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Value>> {
        while let Some(Event { data, .. }) = self.event().await? {
            if !data.is_empty() {
                let value = serde_json::from_str(&data)
                    .with_context(|| format!("no JSON in an event: {data}"))?;
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// Cuts the first whole event off the buffer.
fn take_event(buffer: &mut BytesMut) -> Option<String> {
    let (at, size) = [&b"\n\n"[..], b"\r\n\r\n"]
        .iter()
        .filter_map(|end| {
            Some((buffer.windows(end.len()).position(|part| part == *end)?, end.len()))
        })
        .min()?;
    let event = buffer.split_to(at);
    buffer.advance(size);
    Some(String::from_utf8_lossy(&event).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut buffer = BytesMut::from(text.as_bytes());
        let mut found = Vec::new();
        while let Some(event) = take_event(&mut buffer) {
            found.push(Event::read(&event).data);
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn reads_whole_events_only() {
        check("data: 1\n\nid: 7\ndata: 2\n\ndata: 3\n", &["1", "2"]);
    }

    #[test]
    fn comments_are_empty_and_lines_are_joined() {
        check(": keep\r\n\r\ndata:a\r\ndata: b\r\n\r\n", &["", "a\nb"]);
    }
}
