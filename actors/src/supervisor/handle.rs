//! This file is how others ask the supervisor for something.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conductor_config::{Config, ServerId};
use ractor::{ActorRef, RpcReplyPort};
use thiserror::Error;

use super::actor::Message;
use crate::merger::MergerHandle;
use crate::model::{Need, Needs, Wake};
use crate::router::RouterHandle;

/// The supervisor's address. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SupervisorHandle(pub(super) ActorRef<Message>);

impl From<ActorRef<Message>> for SupervisorHandle {
    fn from(actor: ActorRef<Message>) -> Self {
        Self(actor)
    }
}

/// Why a server was not restarted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestartError {
    /// No server has this name.
    #[error("there is no server `{0}`")]
    UnknownServer(ServerId),
    /// The settings say that it is not to run.
    #[error("server `{0}` is disabled, or its workspace is not active")]
    Disabled(ServerId),
    /// The gateway is going down.
    #[error("the gateway is shutting down")]
    Gone,
}

impl SupervisorHandle {
    /// Makes what runs equal to what `config` wants. Answers when every step has begun.
    pub(crate) async fn reconcile(&self, config: Arc<Config>) {
        self.ask(|reply| Message::Reconcile { config, reply }).await;
    }

    /// Ends the present life of a server and begins the next, whatever state it is in. A server
    /// that was given up gets a clean slate. Answers when that has begun.
    pub(crate) async fn restart(&self, server: ServerId) -> Result<(), RestartError> {
        let asked = self.ask(|reply| Message::Restart { server, reply }).await;
        asked.unwrap_or(Err(RestartError::Gone))
    }

    /// Starts a server that rests until somebody needs it. Anything else is left as it is.
    pub(crate) fn wake(&self, server: ServerId) {
        self.need(Need::Server(server));
    }

    /// Hears what callers need.
    pub(crate) fn need(&self, need: Need) {
        let _ = self.0.cast(Message::Need(need));
    }

    /// Wakes servers through a supervisor that is still to come.
    pub(crate) fn waker(supervisor: &Arc<OnceLock<Self>>) -> Wake {
        let supervisor = Arc::clone(supervisor);
        Arc::new(move |server| {
            if let Some(supervisor) = supervisor.get() {
                supervisor.wake(server);
            }
        })
    }

    /// Tells a supervisor that is still to come what callers need.
    pub(crate) fn needs(supervisor: &Arc<OnceLock<Self>>) -> Needs {
        let supervisor = Arc::clone(supervisor);
        Arc::new(move |need| {
            if let Some(supervisor) = supervisor.get() {
                supervisor.need(need);
            }
        })
    }

    /// Tells a router that knows none about all servers, and puts it into its place.
    pub(crate) async fn install_router(&self, router: RouterHandle) {
        self.ask(|reply| Message::InstallRouter { router, reply }).await;
    }

    /// Tells a merger that knows none about all servers, and puts it into its place.
    pub(crate) async fn install_merger(&self, merger: MergerHandle) {
        self.ask(|reply| Message::InstallMerger { merger, reply }).await;
    }

    /// Stops all servers at once, each in MCP order after its calls have ended or `grace` is over.
    /// Answers when all are gone.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        self.ask(|reply| Message::Shutdown { grace, reply }).await;
    }

    /// Waits until the actor has ended, however.
    pub(crate) async fn ended(&self) {
        // Fails only if a limit is set and passes.
        let _ = self.0.get_cell().wait(None).await;
    }

    /// Ends the supervisor and with it everything that it looks after.
    pub(crate) fn stop(&self) {
        self.0.stop(None);
    }

    /// The same, between two steps of a handler, and waits for it.
    pub(crate) async fn kill(&self) {
        // Past the limit there is nothing more that could be done from here.
        let _ = self.0.kill_and_wait(Some(Duration::from_millis(500))).await;
    }

    async fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<T>) -> Message,
    ) -> Option<T> {
        let (port, answer) = ractor::concurrency::oneshot();
        self.0.cast(message(port.into())).ok()?;
        answer.await.ok()
    }
}
