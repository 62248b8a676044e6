//! This file asks the REST API of a daemon as a program would that has the admin token.
//! It leaves what is asked, and what must come of it, to the tests.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::client::http_client::Connection;
use crate::daemon::Daemon;

/// Where connections lie.
pub const CONNECTIONS: &str = "/api/v1/aegis/connections";

/// Somebody who has the token, on one connection.
#[derive(Debug)]
pub struct Api {
    connection: Connection,
    headers: Vec<(String, String)>,
}

/// What the API said.
#[derive(Debug)]
pub struct Said {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if there is none.
    pub body: Value,
}

impl Said {
    /// The body, as long as the status is this one.
    ///
    /// # Panics
    ///
    /// If it is another, with all that was said.
    #[must_use]
    #[track_caller]
    pub fn with(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Api {
    /// Reads the token that the daemon made, and connects.
    ///
    /// # Errors
    ///
    /// If there is no token, or nobody listens.
    pub async fn of(daemon: &Daemon) -> Result<Self> {
        let file = daemon.sandbox().state_dir().join("admin.token");
        let token = std::fs::read_to_string(file).context("no admin token")?;
        Self::with_headers(daemon.addr(), &[("authorization", &format!("Bearer {}", token.trim()))])
            .await
    }

    /// Somebody who sends these headers with every request, on a connection of its own.
    ///
    /// # Errors
    ///
    /// If nobody listens.
    pub async fn with_headers(addr: SocketAddr, headers: &[(&str, &str)]) -> Result<Self> {
        let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let mut headers: Vec<(String, String)> = owned.collect();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(json);
        }
        Ok(Self { connection: Connection::open(addr).await?, headers })
    }

    /// Asks with a body, and with more headers than usual.
    ///
    /// # Errors
    ///
    /// If there is no answer, or one that is neither empty nor JSON.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        more: &[(&str, &str)],
        body: String,
    ) -> Result<Said> {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers: Vec<(String, String)> = self.headers.iter().cloned().chain(more).collect();
        let answer = self.connection.send(method, path, &headers, body).await?;
        let (status, headers) = (answer.status, answer.headers.clone());
        let bytes = answer.bytes().await?;
        let body = match bytes.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&bytes)
                .with_context(|| String::from_utf8_lossy(&bytes).into_owned())?,
        };
        Ok(Said { status, headers, body })
    }

    /// GET under `/api/v1/aegis/connections`.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub async fn get(&mut self, path: &str) -> Result<Said> {
        self.ask(Method::GET, &format!("{CONNECTIONS}{path}"), &[], String::new()).await
    }

    /// Registers a server.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub async fn register(&mut self, body: &Value) -> Result<Said> {
        self.ask(Method::POST, CONNECTIONS, &[], body.to_string()).await
    }

    /// Removes `workspace/name`.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub async fn remove(&mut self, id: &str) -> Result<Said> {
        self.ask(Method::DELETE, &format!("{CONNECTIONS}/{id}"), &[], String::new()).await
    }
}
