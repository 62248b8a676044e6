//! This file asks the running daemon over its admin socket.
//!
//! It leaves showing the answers to the commands.

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::net::UnixStream;

use super::socket::is_welcome;
use crate::rest::Problem;

/// Asks the daemon of one state directory. Every request is a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why the daemon gave no answer, or none to go by.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("no daemon answers at {}; start one with `conductor serve`, or say where its state is with --state-dir", socket.display())]
    NoDaemon {
        /// The admin socket.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else answers there.
    #[error("{} belongs to a process of user {uid}, who is not to be trusted", socket.display())]
    Foreign {
        /// The admin socket.
        socket: PathBuf,
        /// The other user.
        uid: u32,
    },
    /// The connection broke.
    #[error("the daemon went away before it had answered")]
    Broken(#[source] hyper::Error),
    /// The answer is not what this version expects.
    #[error("the daemon's answer cannot be read; is it of another version?")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The daemon says no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
}

impl Client {
    /// A client of the daemon whose state is in `state_dir`.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { socket: super::path_in(state_dir) }
    }

    /// What is at `path`.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.send(Method::GET, path, Bytes::new()).await?;
        read(&collect(answer).await?)
    }

    /// What comes of posting `body` to `path`.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(unreadable)?;
        let answer = self.send(Method::POST, path, Bytes::from(body)).await?;
        read(&collect(answer).await?)
    }

    /// What is at `path`, line by line as it comes.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn lines(&self, path: &str) -> Result<Lines, ClientError> {
        let body = self.send(Method::GET, path, Bytes::new()).await?;
        Ok(Lines { body, rest: Vec::new() })
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Incoming, ClientError> {
        let connection = self.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(connection))
                .await
                .map_err(ClientError::Broken)?;
        // Ends with the connection, which ends when the answer is dropped.
        tokio::spawn(async move { drop(connection.await) });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(unreadable)?;
        let answer = sender.send_request(request).await.map_err(ClientError::Broken)?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let problem: Problem = read(&collect(answer.into_body()).await?)?;
        Err(ClientError::Refused(Box::new(problem)))
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let no_daemon = |source| ClientError::NoDaemon { socket: self.socket.clone(), source };
        let stream = UnixStream::connect(&self.socket).await.map_err(no_daemon)?;
        let uid = stream.peer_cred().map_err(no_daemon)?.uid();
        // Root may look after everybody's daemon.
        if is_welcome(uid) || rustix::process::geteuid().is_root() {
            Ok(stream)
        } else {
            Err(ClientError::Foreign { socket: self.socket.clone(), uid })
        }
    }
}

/// The lines of an answer that may still be being written.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    rest: Vec<u8>,
}

impl Lines {
    /// The next line as what it says in JSON; `None` at the end.
    ///
    /// # Errors
    ///
    /// See [`ClientError`].
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                return read(&line).map(Some);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.map_err(ClientError::Broken)?.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

async fn collect(body: Incoming) -> Result<Bytes, ClientError> {
    Ok(body.collect().await.map_err(ClientError::Broken)?.to_bytes())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(unreadable)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> ClientError {
    ClientError::Unreadable(Box::new(error))
}
