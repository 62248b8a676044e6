//! This file is an MCP client over HTTP made of raw JSON, for the legacy and the modern revisions.
//! It hides nothing: answers come back as the messages they were, with status and headers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

pub mod http_client;
pub mod lines;

use http_client::{Answer, Connection, Place};

/// The modern revision.
pub const MODERN: &str = "2026-07-28";
/// The newest legacy revision.
pub const LEGACY: &str = "2025-11-25";

/// How long one answer may take, where a test says nothing else.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of one endpoint. Every exchange has a connection of its own.
#[derive(Debug)]
pub struct Client {
    place: Place,
    path: String,
    /// The legacy session, if the server gave one.
    pub session: Option<String>,
    /// The revision it speaks.
    pub version: String,
    /// Sent with every request beside the protocol's own; also replaces one of the same name.
    pub headers: Vec<(String, String)>,
    next_id: AtomicU64,
}

/// What came back for one request.
#[derive(Debug)]
pub struct Reply {
    /// Status of the HTTP answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The JSON-RPC answer; null where there was none.
    pub message: Value,
    /// Notifications and requests that came before it.
    pub before: Vec<Value>,
}

impl Reply {
    /// The result, where it was one.
    ///
    /// # Errors
    ///
    /// Shows the answer if it was none.
    pub fn result(&self) -> Result<&Value> {
        self.message
            .get("result")
            .with_context(|| format!("no result, status {}: {}", self.status, self.message))
    }

    /// The text of a tool's result, whether it failed or not.
    ///
    /// # Errors
    ///
    /// Shows the answer if there is none.
    pub fn text(&self) -> Result<&str> {
        self.result()?["content"][0]["text"]
            .as_str()
            .with_context(|| format!("no text: {}", self.message))
    }

    /// Whether a tool's result says that it failed.
    pub fn is_error(&self) -> bool {
        self.message["result"]["isError"] == true
    }

    /// The code of a JSON-RPC error.
    pub fn error_code(&self) -> Option<i64> {
        self.message["error"]["code"].as_i64()
    }
}

impl Client {
    /// A client that has done the legacy handshake of [`LEGACY`].
    ///
    /// # Errors
    ///
    /// When it was refused.
    pub async fn legacy(place: impl Into<Place>, path: &str) -> Result<Self> {
        Self::legacy_of(place, path, LEGACY).await
    }

    /// A client that has done the legacy handshake of this revision.
    ///
    /// # Errors
    ///
    /// When it was refused.
    pub async fn legacy_of(place: impl Into<Place>, path: &str, version: &str) -> Result<Self> {
        Self::legacy_with(place, path, version, json!({})).await
    }

    /// The same for a client with these capabilities.
    ///
    /// # Errors
    ///
    /// When it was refused.
    pub async fn legacy_with(
        place: impl Into<Place>,
        path: &str,
        version: &str,
        capabilities: Value,
    ) -> Result<Self> {
        let mut client = Self::new(place.into(), path, version);
        let params = json!({
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": { "name": "e2e", "version": "1" },
        });
        let reply = client.request("initialize", params).await?;
        let agreed = reply.result()?["protocolVersion"].as_str().context("no version")?;
        client.version = agreed.to_owned();
        let session = reply.headers.get("mcp-session-id").and_then(|id| id.to_str().ok());
        client.session = session.map(str::to_owned);
        let status = client.notify("notifications/initialized", json!({})).await?;
        if status != StatusCode::ACCEPTED {
            bail!("notifications/initialized: {status}");
        }
        Ok(client)
    }

    /// A client of the modern revision, which needs no handshake.
    pub fn modern(place: impl Into<Place>, path: &str) -> Self {
        Self::new(place.into(), path, MODERN)
    }

    fn new(place: Place, path: &str, version: &str) -> Self {
        Self {
            place,
            path: path.to_owned(),
            session: None,
            version: version.to_owned(),
            headers: Vec::new(),
            next_id: AtomicU64::new(1),
        }
    }

    /// Whether it speaks the modern revision.
    pub fn is_modern(&self) -> bool {
        self.version == MODERN
    }

    /// The next request's id; equal in all new clients.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request and waits up to 30 s for its answer.
    ///
    /// # Errors
    ///
    /// When the connection fails or no answer comes in time. An error answer is none.
    pub async fn request(&self, method: &str, params: Value) -> Result<Reply> {
        self.request_within(method, params, LIMIT).await
    }

    /// Sends a request and waits up to `limit` for its answer.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub async fn request_within(
        &self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<Reply> {
        let whole = async { self.begin(method, params).await?.finish().await };
        timeout(limit, whole).await.with_context(|| format!("{method}: nothing in {limit:?}"))?
    }

    /// Sends a request and returns while its answer is still on the way.
    ///
    /// # Errors
    ///
    /// When the connection fails before the head of the answer.
    pub async fn begin(&self, method: &str, mut params: Value) -> Result<Exchange> {
        let id = self.next_id();
        if self.is_modern() {
            modern_meta(&mut params, &self.version);
        }
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let answer = self.post(&body).await?;
        Ok(Exchange { id, answer })
    }

    /// Sends a notification; returns the status.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn notify(&self, method: &str, params: Value) -> Result<StatusCode> {
        let body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        Ok(self.post(&body).await?.status)
    }

    /// Posts any message with the headers that belong to it.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn post(&self, body: &Value) -> Result<Answer> {
        self.send(Method::POST, &self.headers_of(body), body.to_string()).await
    }

    /// Sends exactly these headers and this body to the endpoint, however wrong.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn send(
        &self,
        method: Method,
        headers: &[(String, String)],
        body: String,
    ) -> Result<Answer> {
        let mut connection = Connection::open(self.place.clone()).await?;
        connection.send(method, &self.path, headers, body).await
    }

    /// Opens the legacy stream of the server's own messages.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn listen(&self) -> Result<Answer> {
        let mut headers = self.headers_of(&Value::Null);
        headers.retain(|(name, _)| name != "accept" && name != "content-type");
        headers.push(("accept".to_owned(), "text/event-stream".to_owned()));
        self.send(Method::GET, &headers, String::new()).await
    }

    /// Goes on with the stream to which the event of this id belongs.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn resume(&self, id: &str) -> Result<Answer> {
        let mut headers = self.headers_of(&Value::Null);
        headers.retain(|(name, _)| name != "accept" && name != "content-type");
        headers.push(("accept".to_owned(), "text/event-stream".to_owned()));
        headers.push(("last-event-id".to_owned(), id.to_owned()));
        self.send(Method::GET, &headers, String::new()).await
    }

    /// Ends the legacy session; returns the status.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn delete(&self) -> Result<StatusCode> {
        let headers = self.headers_of(&Value::Null);
        Ok(self.send(Method::DELETE, &headers, String::new()).await?.status)
    }

    /// Calls a tool.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<Reply> {
        self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// All tools, page by page.
    ///
    /// # Errors
    ///
    /// As [`Self::request`], and when there is no list in the answer.
    pub async fn tools(&self) -> Result<Vec<Value>> {
        let mut tools = Vec::new();
        let mut params = json!({});
        loop {
            let reply = self.request("tools/list", params).await?;
            let page = reply.result()?["tools"].as_array();
            tools.extend(page.context("no list")?.iter().cloned());
            match reply.result()?.get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(tools),
            }
        }
    }

    /// The names of all tools, as listed.
    ///
    /// # Errors
    ///
    /// As [`Self::tools`].
    pub async fn tool_names(&self) -> Result<Vec<String>> {
        let tools = self.tools().await?;
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect())
    }

    /// The headers that the protocol demands for this message.
    pub fn headers_of(&self, body: &Value) -> Vec<(String, String)> {
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("accept".to_owned(), "application/json, text/event-stream".to_owned()),
        ];
        if self.is_modern() {
            if let Some(method) = body["method"].as_str() {
                headers.push(("mcp-method".to_owned(), method.to_owned()));
            }
            let named = ["name", "uri", "taskId"];
            let named = named.iter().find_map(|key| body["params"].get(*key));
            if let Some(name) = named.and_then(Value::as_str) {
                headers.push(("mcp-name".to_owned(), name.to_owned()));
            }
        }
        if body["method"] != "initialize" {
            headers.push(("mcp-protocol-version".to_owned(), self.version.clone()));
        }
        if let Some(session) = &self.session {
            headers.push(("mcp-session-id".to_owned(), session.clone()));
        }
        headers.retain(|(name, _)| !self.headers.iter().any(|(own, _)| own == name));
        headers.extend(self.headers.iter().cloned());
        headers
    }
}

/// A request whose answer is on the way. Dropping it closes the connection.
#[derive(Debug)]
pub struct Exchange {
    /// The request's id.
    pub id: u64,
    /// The answer, to read message by message.
    pub answer: Answer,
}

impl Exchange {
    /// Reads on until the answer to the request itself.
    ///
    /// # Errors
    ///
    /// When the connection is lost before it.
    pub async fn finish(mut self) -> Result<Reply> {
        let mut before = Vec::new();
        let mut message = Value::Null;
        while let Some(next) = self.answer.next().await? {
            if next.get("method").is_none() {
                message = next;
                break;
            }
            before.push(next);
        }
        let (status, headers) = (self.answer.status, self.answer.headers.clone());
        if message.is_null() && status.is_success() {
            bail!("the answer ended without a reply to request {}, status {status}", self.id);
        }
        if message.get("result").is_some() && message["id"] != self.id {
            bail!("request {} was given the answer of {}", self.id, message["id"]);
        }
        Ok(Reply { status, headers, message, before })
    }
}

/// Puts the modern revision's metadata into `params._meta`, beside what is there; capabilities stay.
pub fn modern_meta(params: &mut Value, version: &str) {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
    let capabilities = &mut params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    if capabilities.is_null() {
        *capabilities = json!({});
    }
    params["_meta"]["io.modelcontextprotocol/clientInfo"] =
        json!({ "name": "e2e", "version": "1" });
}
