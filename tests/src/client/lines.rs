//! This file speaks MCP line by line: with a command's stdin and stdout, or over a Unix socket.
//! It leaves HTTP to `http_client.rs`; every line it reads must be one JSON value, or it fails.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::time::timeout;

use super::{MODERN, modern_meta};
use crate::daemon::command;

/// How long one answer may take, where a test says nothing else.
const LIMIT: Duration = Duration::from_secs(20);

/// One conversation, a line a message.
pub struct LineClient {
    input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    child: Option<Child>,
    next_id: u64,
    modern: bool,
    /// What came while another message was waited for.
    aside: VecDeque<Value>,
    /// The beginning of a line whose rest was not there in time.
    line: Vec<u8>,
}

impl LineClient {
    /// Starts a command and speaks with it; its stderr goes to `log`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(words: &[&str], env: &[(&str, &str)], log: &Path) -> Result<Self> {
        let (program, args) = words.split_first().context("no command")?;
        let mut command = command(program);
        command.args(args).envs(env.iter().copied()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(log)?);
        let mut child = command.spawn().with_context(|| format!("failed to start {program}"))?;
        let input = child.stdin.take().context("no stdin")?;
        let output = child.stdout.take().context("no stdout")?;
        Ok(Self { child: Some(child), ..Self::on(output, input) })
    }

    /// Connects to a Unix socket.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub async fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).await.context("failed to connect")?;
        let (output, input) = stream.into_split();
        Ok(Self::on(output, input))
    }

    /// Speaks over any pair of streams.
    pub fn on(
        output: impl AsyncRead + Send + Unpin + 'static,
        input: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            input: Some(Box::new(input)),
            output: BufReader::new(Box::new(output)),
            child: None,
            next_id: 1,
            modern: false,
            aside: VecDeque::new(),
            line: Vec::new(),
        }
    }

    /// The legacy handshake; returns its result.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn initialize(&mut self, version: &str) -> Result<Value> {
        self.initialize_with(version, json!({})).await
    }

    /// The same for a client with these capabilities.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub async fn initialize_with(&mut self, version: &str, capabilities: Value) -> Result<Value> {
        let params = json!({
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": { "name": "e2e", "version": "1" },
        });
        let answer = self.request("initialize", params).await?;
        let Some(result) = answer.get("result") else { bail!("initialize: {answer}") };
        let result = result.clone();
        self.notify("notifications/initialized", json!({})).await?;
        Ok(result)
    }

    /// From now on every request carries the modern revision's metadata.
    pub fn be_modern(&mut self) {
        self.modern = true;
    }

    /// The process id of the command.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    /// Sends one message as it is.
    ///
    /// # Errors
    ///
    /// When the other side does not read any more.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        self.send_text(&message.to_string()).await
    }

    /// Sends one line as it is, however wrong.
    ///
    /// # Errors
    ///
    /// When the other side does not read any more.
    pub async fn send_text(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("the input is closed")?;
        input.write_all(format!("{line}\n").as_bytes()).await?;
        input.flush().await?;
        Ok(())
    }

    /// Sends a request without waiting for its answer; returns its id.
    ///
    /// # Errors
    ///
    /// When the other side does not read any more.
    pub async fn begin(&mut self, method: &str, mut params: Value) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        if self.modern {
            modern_meta(&mut params, MODERN);
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&message).await?;
        Ok(id)
    }

    /// Sends a notification.
    ///
    /// # Errors
    ///
    /// When the other side does not read any more.
    pub async fn notify(&mut self, method: &str, params: Value) -> Result<()> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await
    }

    /// The answer to the request of this id; other messages are put aside.
    ///
    /// # Errors
    ///
    /// When it does not come within 20 s.
    pub async fn answer(&mut self, id: u64) -> Result<Value> {
        let is_it = |message: &Value| message["id"] == id && message.get("method").is_none();
        if let Some(at) = self.aside.iter().position(is_it) {
            return self.aside.remove(at).context("it was there");
        }
        let search = async {
            loop {
                let message = self.read().await?.context("end of output")?;
                if is_it(&message) {
                    return Ok(message);
                }
                self.aside.push_back(message);
            }
        };
        timeout(LIMIT, search).await.context("no answer in time")?
    }

    /// Sends a request and waits for its answer: the whole message.
    ///
    /// # Errors
    ///
    /// As [`Self::begin`] and [`Self::answer`].
    pub async fn request(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.begin(method, params).await?;
        self.answer(id).await
    }

    /// Calls a tool and waits for its answer: the whole message.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// All tools, page by page.
    ///
    /// # Errors
    ///
    /// As [`Self::request`], and when there is no list in the answer.
    pub async fn tools(&mut self) -> Result<Vec<Value>> {
        let mut tools = Vec::new();
        let mut params = json!({});
        loop {
            let answer = self.request("tools/list", params).await?;
            let page = answer["result"]["tools"].as_array();
            tools.extend(page.with_context(|| format!("no list: {answer}"))?.iter().cloned());
            match answer["result"].get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(tools),
            }
        }
    }

    /// The next message of any kind: first what was put aside. Nothing at the end of output.
    ///
    /// # Errors
    ///
    /// When none comes within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Result<Option<Value>> {
        if let Some(message) = self.aside.pop_front() {
            return Ok(Some(message));
        }
        timeout(limit, self.read()).await.context("no message in time")?
    }

    /// Closes the input and waits for the command's end.
    ///
    /// # Errors
    ///
    /// When it does not end within `limit`, or there is no command.
    pub async fn close(mut self, limit: Duration) -> Result<ExitStatus> {
        drop(self.input.take());
        let mut child = self.child.take().context("no command")?;
        let ended = timeout(limit, child.wait()).await;
        ended.with_context(|| format!("the command lives on after {limit:?}"))?.context("wait")
    }

    async fn read(&mut self) -> Result<Option<Value>> {
        // A wait that is given up in the middle of a line keeps what it has read.
        if self.output.read_until(b'\n', &mut self.line).await? == 0 && self.line.is_empty() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let value = serde_json::from_slice(&line)
            .with_context(|| format!("a line is no JSON: {}", String::from_utf8_lossy(&line)))?;
        Ok(Some(value))
    }
}
