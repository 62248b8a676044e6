//! This file stands in for a remote server: a few lines of HTTP/1.1 on loopback, for tests.
//! What it answers is up to the test; so is whether it answers at all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use conductor_config::{ProtocolMode, RemoteKind, RemoteSpec, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{Remote, RemoteParts, Trust, open_trusting};
use crate::model::{Cause, Ear, Principal};
use crate::server::downstream::lane::{Body, Ticket};
use crate::server::downstream::pending::{Ports, ProgressPort};
use crate::server::downstream::tests_peer::{Coming, brief};
use crate::wire::{CallParams, Text};

/// Longest message that the client under test accepts.
pub(super) const LIMIT: usize = 4096;
/// Longer than anything here takes.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) verb: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

impl Seen {
    /// The JSON-RPC method, or the HTTP method where there is no body.
    pub(super) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or(&self.verb)
    }

    /// The value of a header, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A result for this request.
    pub(super) fn result(&self, result: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.body["id"])
    }
}

/// What the server does about a request.
pub(super) enum Reply {
    /// Answers: status, headers of its own, body.
    Whole(u16, String, String),
    /// Answers with events, as they come through the channel; its end is the end of the stream.
    Events(mpsc::Receiver<String>),
    /// Writes this and closes the connection.
    Raw(String),
    /// Says nothing, and tells when the client has left.
    Hold(Option<oneshot::Sender<()>>),
}

impl Reply {
    pub(super) fn json(body: impl Into<String>) -> Self {
        Self::Whole(200, "content-type: application/json\r\n".into(), body.into())
    }

    pub(super) fn status(status: u16) -> Self {
        Self::Whole(status, String::new(), String::new())
    }

    /// A stream of these parts, ended in order.
    pub(super) fn events(parts: &[String]) -> Self {
        let (sender, events) = mpsc::channel(64);
        parts.iter().for_each(|part| sender.try_send(part.clone()).unwrap());
        Self::Events(events)
    }

    /// A stream of these parts that breaks off.
    pub(super) fn cut(parts: &str) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
        let length = parts.len();
        Self::Raw(format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{parts}\r\n"))
    }
}

/// One event that carries `data`.
pub(super) fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

type Handler = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A server on loopback.
pub(super) struct Site {
    pub(super) addr: SocketAddr,
    seen: mpsc::Receiver<Seen>,
    _task: AbortOnDropHandle<()>,
}

impl Site {
    /// Serves with `handler`.
    pub(super) async fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), handler).await
    }

    pub(super) async fn at(
        addr: SocketAddr,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::channel(4096);
        let handler: Handler = Arc::new(handler);
        let task = async move {
            let mut guests = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                guests.spawn(serve(stream, Arc::clone(&handler), tell.clone()));
            }
        };
        Self { addr, seen, _task: AbortOnDropHandle::new(tokio::spawn(task)) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.addr)
    }

    /// The next request of this method.
    pub(super) async fn next(&mut self, method: &str) -> Seen {
        let wait = async {
            loop {
                let seen = self.seen.recv().await.expect("the server runs");
                if seen.method() == method {
                    return seen;
                }
            }
        };
        timeout(SOON, wait).await.unwrap_or_else(|_| panic!("no {method} came"))
    }

    /// The methods of all requests so far that were not looked at yet.
    pub(super) fn methods(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).map(|seen| seen.method().into()).collect()
    }
}

/// Serves one connection.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: Handler,
    tell: mpsc::Sender<Seen>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream).await {
        let reply = handler(&seen);
        let _ = tell.try_send(seen);
        let out = match reply {
            Reply::Whole(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} -\r\n{headers}content-length: {length}");
                format!("{head}\r\n\r\n{body}")
            }
            Reply::Events(mut events) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n";
                let head = format!("{head}transfer-encoding: chunked\r\n\r\n");
                if stream.write_all(head.as_bytes()).await.is_err() {
                    return;
                }
                while let Some(part) = events.recv().await {
                    let chunk = format!("{:x}\r\n{part}\r\n", part.len());
                    if stream.write_all(chunk.as_bytes()).await.is_err() {
                        return;
                    }
                }
                "0\r\n\r\n".to_owned()
            }
            Reply::Raw(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Hold(left) => {
                let _ = stream.read_u8().await;
                if let Some(left) = left {
                    let _ = left.send(());
                }
                return;
            }
        };
        if stream.write_all(out.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first()?.split(' ');
    let (verb, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let pairs = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> =
        pairs.map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned())).collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some(Seen { verb, path, headers, body })
}

/// A server of the revisions up to 2025-11-25 with sessions; what `on_call` is asked, it answers.
pub(super) fn legacy(on_call: impl Fn(&Seen) -> Reply) -> impl Fn(&Seen) -> Reply {
    move |seen| match seen.method() {
        "initialize" => {
            let session = "content-type: application/json\r\nmcp-session-id: s-1\r\n".into();
            let result = r#"{"protocolVersion":"2025-11-25","capabilities":{}}"#;
            Reply::Whole(200, session, seen.result(result))
        }
        "server/discover" => Reply::status(400),
        "ping" => Reply::json(seen.result("{}")),
        "GET" => Reply::status(405),
        "DELETE" => Reply::status(200),
        method if method.starts_with("notifications/") => Reply::status(202),
        _ => on_call(seen),
    }
}

/// A server of revision 2026-07-28.
pub(super) fn modern(on_call: impl Fn(&Seen) -> Reply) -> impl Fn(&Seen) -> Reply {
    move |seen| match seen.method() {
        "server/discover" => {
            let capabilities = json!({ "tools": { "listChanged": true } });
            let versions = ["2026-07-28"];
            let result = json!({ "supportedVersions": versions, "capabilities": capabilities });
            Reply::json(seen.result(&result.to_string()))
        }
        "subscriptions/listen" => Reply::status(404),
        _ => on_call(seen),
    }
}

/// The stream of a server of revision 2024-11-05; emptied, it ends.
pub(super) type Stream = Arc<ArcSwapOption<mpsc::Sender<String>>>;

/// A server of that revision that takes messages at `place`, and answers calls with `1`.
pub(super) fn one_stream(
    place: &'static str,
) -> (impl Fn(&Seen) -> Reply + Send + Sync + 'static, Stream) {
    let stream = Stream::default();
    let slot = Arc::clone(&stream);
    let handler = move |seen: &Seen| match (seen.method(), seen.path == place) {
        ("GET", _) => {
            let (sender, events) = mpsc::channel(64);
            sender.try_send(format!("event: endpoint\ndata: {place}\n\n")).unwrap();
            slot.store(Some(Arc::new(sender)));
            Reply::Events(events)
        }
        (_, false) => Reply::status(405),
        (method, true) => {
            let result = match method {
                "initialize" => r#"{"protocolVersion":"2024-11-05","capabilities":{}}"#,
                _ => "1",
            };
            if let Some(stream) = slot.load().as_ref()
                && !seen.body["id"].is_null()
            {
                stream.try_send(event(&seen.result(result))).unwrap();
            }
            let text = "content-type: text/plain\r\n".to_owned();
            Reply::Whole(202, text, "Accepted".to_owned())
        }
    };
    (handler, stream)
}

/// The settings of a server at `url`.
pub(super) fn spec(url: &str, headers: &[(&str, &str)]) -> RemoteSpec {
    let secret =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new((*value).to_owned()));
    let headers = headers.iter().map(secret).collect();
    RemoteSpec {
        kind: RemoteKind::Http,
        url: url.to_owned(),
        headers,
        reach: conductor_config::Reach::Anywhere,
    }
}

/// Opens a session with the server of `spec`.
pub(super) async fn open(spec: &RemoteSpec) -> Result<Guest, Cause> {
    open_as(spec, ProtocolMode::Auto, Trust::System).await
}

/// The same in one revision only, or with certificates of one's own.
pub(super) async fn open_as(
    spec: &RemoteSpec,
    protocol: ProtocolMode,
    trust: Trust,
) -> Result<Guest, Cause> {
    let parts = RemoteParts {
        spec,
        protocol,
        max_line: LIMIT,
        max_in_flight: 8,
        peers: crate::server::downstream::Peers::Several,
    };
    let opened = timeout(SOON, open_trusting(parts, trust)).await;
    opened.expect("opening has an end").map(Guest)
}

/// A session in the hands of a test.
pub(super) struct Guest(pub(super) Remote);

impl Guest {
    /// Calls a tool with `params` and waits.
    pub(super) async fn call(&self, params: &str) -> String {
        let (_ticket, coming) = self.begin(params, None);
        timeout(SOON, brief(coming)).await.expect("a call has an end")
    }

    /// Calls a tool and leaves it running.
    pub(super) fn begin(&self, params: &str, progress: Option<ProgressPort>) -> (Ticket, Coming) {
        let params = CallParams::read(Some(&Bytes::copy_from_slice(params.as_bytes()))).unwrap();
        let body = Body::Call { name: Text::from("tool"), params: Arc::new(params) };
        let (reply, coming) = oneshot::channel();
        let ear = Some(Ear { principal: Principal::Local, logs: None, notices: None });
        let put = self.0.lane.call(body, reply, Ports { progress, ear, ..Ports::default() });
        (put.map_err(|returned| returned.refused).unwrap(), coming)
    }

    /// How the session ended, once it has.
    pub(super) async fn end(self) -> String {
        let ended = timeout(SOON, self.0.pump).await.expect("it ends");
        ended.unwrap().to_string()
    }

    /// Whether the session goes on.
    pub(super) fn lives(&self) -> bool {
        !self.0.pump.is_finished()
    }
}
