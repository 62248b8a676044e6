//! This file lets the official SDK open a session over pipes that it does not own.
//!
//! rmcp sees a transport made of two channels; the pump carries its messages. Calls and lists do
//! not pass through it.

use std::io;

use bytes::Bytes;
use rmcp::RoleClient;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, RunningService, RxJsonRpcMessage, TxJsonRpcMessage,
    serve_client_with_lifecycle_and_ct,
};
use rmcp::transport::Transport;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::capabilities::Capabilities;
use super::lane::{Body, Command, Lane};
use super::peers::Peers;
use crate::model::Offers;
use crate::wire::{self, Hop, Id, Meta};

/// The SDK's end of a child's pipes.
pub(super) struct SdkTransport {
    out: mpsc::Sender<Command>,
    inbox: mpsc::Receiver<RxJsonRpcMessage<RoleClient>>,
}

impl SdkTransport {
    pub(super) fn new(
        out: mpsc::Sender<Command>,
        inbox: mpsc::Receiver<RxJsonRpcMessage<RoleClient>>,
    ) -> Self {
        Self { out, inbox }
    }
}

impl Transport<RoleClient> for SdkTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let out = self.out.clone();
        async move {
            let message = serde_json::to_vec(&item)?;
            let closed = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            out.send(Command::Raw(Bytes::from(message))).await.map_err(closed)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.inbox.recv().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inbox.close();
        Ok(())
    }
}

/// How a session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// By the handshake of the revisions up to 2025-11-25.
    Initialize,
    /// By `server/discover` of 2026-07-28.
    Discover,
}

/// Why no session came about.
#[derive(Debug, Error)]
pub(crate) enum SessionError {
    /// The pipe broke.
    #[error("the connection closed during the handshake")]
    Closed,
    /// The server answered, but not with a session.
    #[error("{0}")]
    Refused(String),
}

/// An open session with one life of one server.
pub(crate) struct Session {
    /// Ends the SDK's part when dropped.
    _running: RunningService<RoleClient, ClientConfig>,
    /// The revision agreed upon.
    pub(crate) version: String,
    /// The kind of that revision.
    pub(crate) hop: Hop,
    /// What the server says it has.
    pub(crate) offers: Offers,
}

/// Opens a session. Has no limit of its own: the caller sets one.
pub(crate) async fn open_session(
    lane: &Lane,
    opening: Opening,
    peers: Peers,
) -> Result<Session, SessionError> {
    let transport = lane.sdk_transport().ok_or(SessionError::Closed)?;
    let mode = match opening {
        Opening::Initialize => ClientLifecycleMode::Initialize,
        Opening::Discover => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    };
    let us = Implementation::new("mcp-conductor", env!("CARGO_PKG_VERSION"));
    let config = ClientConfig::new(capabilities(peers), us)
        .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
    let serving =
        serve_client_with_lifecycle_and_ct(config, transport, mode, CancellationToken::new());
    let running = serving.await.map_err(explain)?;
    let peer = running.peer_info().ok_or(SessionError::Closed)?;
    let hop = if peer.protocol_version.has_initialize() { Hop::Legacy } else { Hop::Modern };
    // The SDK leaves out what it does not know.
    let declared = lane.gauges().welcome.load();
    let declared = Capabilities::in_result(&declared).unwrap_or_default();
    let offers = declared.offers(hop);
    Ok(Session { version: peer.protocol_version.to_string(), hop, offers, _running: running })
}

/// What callers may be asked for through here.
fn capabilities(peers: Peers) -> ClientCapabilities {
    // They are tested to be readable.
    serde_json::from_str(peers.capabilities()).unwrap_or_default()
}

fn explain(error: ClientInitializeError) -> SessionError {
    match error {
        ClientInitializeError::ConnectionClosed(_)
        | ClientInitializeError::TransportError { .. }
        | ClientInitializeError::Cancelled => SessionError::Closed,
        other => {
            let mut text = other.to_string();
            if let Some((at, _)) = text.char_indices().nth(300) {
                text.truncate(at);
                text.push('…');
            }
            SessionError::Refused(text)
        }
    }
}

/// Hands a response to the SDK. One that it cannot read becomes an error, so that it does not wait.
pub(super) fn deliver(
    sdk: Option<&mpsc::Sender<RxJsonRpcMessage<RoleClient>>>,
    id: &Id,
    line: &Bytes,
) {
    let Some(sdk) = sdk else { return };
    match serde_json::from_slice(line) {
        Ok(message) => drop(sdk.try_send(message)),
        Err(error) => deliver_failure(Some(sdk), id, &format!("unreadable answer: {error}")),
    }
}

/// Ends the SDK's wait for `id` with an error that says `reason`.
pub(super) fn deliver_failure(
    sdk: Option<&mpsc::Sender<RxJsonRpcMessage<RoleClient>>>,
    id: &Id,
    reason: &str,
) {
    let Some(sdk) = sdk else { return };
    let error = serde_json::json!({ "code": -32603, "message": reason }).to_string();
    let mut message = Vec::new();
    wire::write_error(&mut message, Some(id), error.as_bytes());
    if let Ok(message) = serde_json::from_slice(&message) {
        let _ = sdk.try_send(message);
    }
}

/// Appends one request, or notification, as a line.
pub(super) fn write_request(
    out: &mut Vec<u8>,
    prefix: &str,
    ticket: u64,
    method: &str,
    hop: Hop,
    body: &Body,
) {
    let token = format!("{prefix}{ticket}");
    let method = body.extension().map_or(method, |own| own.as_str());
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
    if !body.is_notice() {
        out.extend_from_slice(b"\"id\":\"");
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(b"\",");
    }
    out.extend_from_slice(b"\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\",\"params\":");
    match body {
        Body::Call { name, params } => params.write(out, name, hop, &token),
        Body::Members(members) => {
            out.push(b'{');
            out.extend_from_slice(members);
            if hop == Hop::Modern {
                if !members.is_empty() {
                    out.push(b',');
                }
                Meta::ours().write(out, hop, &token);
            }
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"}\n");
}
