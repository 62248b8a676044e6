//! This folder reaches a server elsewhere over HTTP, in whatever revision of the protocol it speaks.
//!
//! ```text
//!   Lane ──commands──▶ Pump ──▶ exchange ×N (one a request) ──POST──▶ server
//!     ▲                 │ ▲ ◀──what was said── │                       │
//!     └─ replies ───────┘ └◀─ listen (one stream) ◀──────── events ────┘
//! ```
//!
//! Behind the same [`Lane`] as a child's pipes. A life of a remote server is a session with it:
//! it ends when the server cannot be reached, and not when the server says no, or wants to be left
//! alone for a while. Signing in (OAuth) is not here.

mod answer;
mod channel;
mod client;
mod connector;
mod exchange;
mod listen;
mod mirror;
mod names;
mod open;
mod pump;
mod relearn;
mod retry_after;
mod sse;
mod target;
#[cfg(test)]
mod tests_life;
#[cfg(test)]
mod tests_open;
#[cfg(test)]
mod tests_pump;
#[cfg(test)]
mod tests_server;
#[cfg(test)]
mod tests_streams;
#[cfg(test)]
mod tests_tls;

use std::sync::Arc;

use conductor_config::{ProtocolMode, RemoteSpec};
use tokio_util::task::AbortOnDropHandle;

use super::lane::{Gauges, Lane};
use super::peers::Peers;
use crate::model::{Cause, Downfall};
use channel::Channel;
use client::Client;
use connector::Trust;
use pump::Pump;

/// What is needed to reach a remote server.
#[derive(Debug)]
pub(crate) struct RemoteParts<'a> {
    /// Where it is, and what it is to be sent.
    pub(crate) spec: &'a RemoteSpec,
    /// Revisions to be tried.
    pub(crate) protocol: ProtocolMode,
    /// Longest message accepted, in bytes.
    pub(crate) max_line: usize,
    /// Calls under way at once.
    pub(crate) max_in_flight: usize,
    /// Who calls there.
    pub(crate) peers: Peers,
}

/// A session with a remote server.
pub(crate) struct Remote {
    /// Where requests go.
    pub(crate) lane: Lane,
    /// The revision agreed upon.
    pub(crate) version: Arc<str>,
    /// Ends with the reason why the session ended.
    pub(crate) pump: AbortOnDropHandle<Arc<Downfall>>,
}

/// Opens a session. Has no limit of its own: the caller sets one.
pub(crate) async fn open_remote(parts: RemoteParts<'_>) -> Result<Remote, Cause> {
    open_trusting(parts, Trust::System).await
}

async fn open_trusting(parts: RemoteParts<'_>, trust: Trust) -> Result<Remote, Cause> {
    let client = Client::new(parts.spec, trust).await;
    let client = client.map_err(|error| Cause::Spawn(error.to_string().into()))?;
    let gauges = Arc::new(Gauges::new());
    let channel = Channel::new(client, Arc::clone(&gauges), parts.max_line, parts.peers);
    let opened = open::open(&channel, parts.spec.kind, parts.protocol).await?;
    let (hop, version) = (opened.session.hop, Arc::clone(&opened.session.version));
    let offers = opened.session.offers.clone();
    let (lane, commands) = Lane::new(parts.max_in_flight, gauges);
    let pump = Pump::new(channel, opened, commands, lane.commands());
    let pump = AbortOnDropHandle::new(tokio::spawn(pump.run()));
    Ok(Remote { lane: lane.speaking(hop).offering(offers), version, pump })
}
