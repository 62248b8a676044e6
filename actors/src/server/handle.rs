//! This file is how others speak with one life of one server.
//!
//! Whoever holds an address of a life that has ended gets errors at once, never a wait.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conductor_config::{ServerId, ServerSpec};
use ractor::ActorRef;

use super::actor::Message;
use super::downstream::{Gauges, Lane};
use super::listing::{ListError, Listing, read_list};
use crate::model::{Downfall, Generation, Holder, InstanceId, ListKind, Offers};

/// The supervisor's address of one life of one server.
#[derive(Debug, Clone)]
pub(crate) struct ServerHandle(pub(super) ActorRef<Message>);

impl ServerHandle {
    /// Stops the server in MCP order once its calls have ended, or after `grace`. It reports its
    /// end like any other.
    pub(crate) fn drain(&self, grace: Duration) {
        // One that is gone already has reported its end.
        let _ = self.0.cast(Message::Drain { grace });
    }

    /// Takes over settings that need no restart.
    pub(crate) fn retune(&self, spec: Arc<ServerSpec>) {
        let _ = self.0.cast(Message::Retune(spec));
    }

    /// Ends the actor between two of its steps, and with it the server.
    pub(crate) fn kill(&self) {
        self.0.kill();
    }

    /// Who this is to the actor framework.
    pub(crate) fn id(&self) -> ractor::ActorId {
        self.0.get_id()
    }
}

impl From<ActorRef<Message>> for ServerHandle {
    fn from(actor: ActorRef<Message>) -> Self {
        Self(actor)
    }
}

/// The way to one life of one server for calls and lists. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ServerLink {
    /// Whose.
    pub(crate) server: ServerId,
    /// For whom it runs.
    pub(crate) holder: Holder,
    /// Which life.
    pub(crate) generation: Generation,
    /// Where requests go.
    pub(crate) lane: Lane,
}

impl ServerLink {
    /// Reads one of the server's lists, all pages within `limit`.
    pub(crate) async fn list(&self, kind: ListKind, limit: Duration) -> Result<Listing, ListError> {
        read_list(&self.lane, kind, limit).await
    }

    /// Which process of which server.
    pub(crate) fn instance(&self) -> InstanceId {
        InstanceId::new(self.server.clone(), self.holder.clone())
    }

    /// What the server says it has.
    pub(crate) fn offers(&self) -> Offers {
        self.lane.offers().clone()
    }

    /// Calls under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.lane.in_flight()
    }

    /// Whether somebody waits for it to say something.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.gauges().subscribed.load(Ordering::Relaxed) > 0
    }

    /// Calls begun in this life.
    pub(crate) fn calls_begun(&self) -> u64 {
        self.lane.begun()
    }

    /// Facts that change without messages.
    pub(crate) fn gauges(&self) -> &Arc<Gauges> {
        self.lane.gauges()
    }
}

/// What a server tells its supervisor about one of its lives.
#[derive(Debug)]
pub(crate) struct ServerReport {
    /// Who tells.
    pub(crate) id: InstanceId,
    /// Of which life.
    pub(crate) generation: Generation,
    /// What.
    pub(crate) event: ServerEvent,
}

/// A step in the life of a server.
#[derive(Debug)]
pub(crate) enum ServerEvent {
    /// It takes calls.
    Ready {
        /// The way to it.
        link: ServerLink,
        /// Its process, if it is one of ours.
        pid: Option<u32>,
        /// The revision agreed upon.
        version: Arc<str>,
    },
    /// It proved to be alive.
    Beat,
    /// It misses heartbeats.
    Missing,
}

/// Where one life of a server leaves the reason for its end. The framework tells of an actor's end
/// before it delivers what that actor sent last, so the reason cannot be a message.
pub(crate) type LastWords = Arc<OnceLock<Arc<Downfall>>>;
