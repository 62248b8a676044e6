//! This file is somebody who listens: a session of an agent, or one long request of it.
//!
//! It leaves bringing what is heard to the agent to the doors.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use conductor_config::ServerId;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::book::ListenerId;
use super::handle::{AudienceHandle, Command, principal_of, reach_of};
use super::line::{Inbox, inbox};
use crate::delegation::Caller;
use crate::merger::with_public_addresses;
use crate::model::{CallError, Holder, InstanceId, Scope, Seat, Settled, Target};
use crate::system::System;
use crate::wire::{CallKind, Hop, LogLevel, Outcome, Text};

/// Why a resource is not listened to.
#[derive(Debug, Error)]
pub enum SubscribeError {
    /// There is no such resource, or its server cannot be asked.
    #[error(transparent)]
    Call(CallError),
    /// Its server tells of no updates, or not of this one's.
    #[error("server `{server}` tells of no updates of this resource")]
    NotOffered {
        /// Whose it is.
        server: ServerId,
    },
    /// Its server answered with an error: the raw object, addresses in it as they are shown.
    #[error("its server refused")]
    Refused(Bytes),
    /// So many are listened to already.
    #[error("{limit} resources are listened to, the most there can be")]
    TooMany {
        /// The limit that was met.
        limit: usize,
    },
}

/// Somebody who listens. Dropping it ends all that it listened to.
pub struct Listener {
    id: ListenerId,
    audience: AudienceHandle,
    system: System,
    scope: Scope,
    caller: Caller,
    seat: Option<Seat>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("id", &self.id).field("scope", &self.scope).finish()
    }
}

impl Listener {
    /// Begins to listen at a door that shows `scope`. `logs` if log messages that belong to no call
    /// are wanted as well; `seat` is the session it is for, if it is one. What is heard waits until
    /// [`Self::hear`].
    pub async fn join(
        system: &System,
        scope: &Scope,
        caller: &Caller,
        seat: Option<&Seat>,
        logs: bool,
    ) -> Self {
        let audience = system.audience().clone();
        let id = audience.next_id();
        let listener = Self {
            id,
            audience,
            system: system.clone(),
            scope: scope.clone(),
            caller: caller.clone(),
            seat: seat.cloned(),
        };
        let principal = principal_of(caller);
        let holder = seat.map_or(Holder::Principal(principal.clone()), Seat::take);
        let who = (principal, holder);
        let reach = reach_of(scope, &system.catalog().current());
        let merged = !matches!(scope, Scope::Server(_));
        let join = Command::Join { id, who, reach, logs, merged };
        listener.audience.send(join).await;
        listener
    }

    /// From now on what is heard comes there, and no longer where it came before.
    pub async fn hear(&self) -> Inbox {
        let (ends, inbox) = inbox();
        self.audience.send(Command::Hear { id: self.id, ends }).await;
        inbox
    }

    /// Listens to updates of a resource. Returns when its server has agreed to tell of them, within
    /// that server's limit for calls.
    ///
    /// # Errors
    ///
    /// If it has not. Then nothing is listened to.
    pub async fn subscribe(&self, address: &Text) -> Result<(), SubscribeError> {
        let target = self.system.locate(&self.scope, &self.caller, address).await;
        let target = target.map_err(SubscribeError::Call)?;
        let server = target.server;
        if self.system.is_without_subscriptions(&server) {
            return Err(SubscribeError::NotOffered { server });
        }
        let tenancy = self.system.tenancy(&server, &self.caller, self.seat.as_ref());
        if !tenancy.lasts() {
            return Err(SubscribeError::NotOffered { server });
        }
        let of = InstanceId::new(server.clone(), tenancy.holder.clone());
        let (reply, settled) = oneshot::channel();
        let asked: Arc<str> = address.as_str().into();
        let (own, id) = (target.name.as_str().into(), self.id);
        let subscribe =
            Command::Subscribe { id, of: of.clone(), own, asked: Arc::clone(&asked), reply };
        self.audience.send(subscribe).await;
        let limit = self.system.limit_of(&server);
        if of.holder.is_apart()
            && let Err(error) = self.system.begin_instance(of, limit).await
        {
            self.audience.send(Command::Unsubscribe { id, asked }).await;
            return Err(SubscribeError::Call(error));
        }
        let late = |sent| CallError::DeadlineExceeded { server: server.clone(), limit, sent };
        let refused = match timeout(limit, settled).await {
            Ok(Ok(Ok(Settled::Kept))) => return Ok(()),
            Ok(Ok(Err(too_many))) => return Err(SubscribeError::TooMany { limit: too_many.limit }),
            Ok(Ok(Ok(Settled::Refused(error)))) => {
                SubscribeError::Refused(self.shown(&server, error))
            }
            Ok(Ok(Ok(Settled::NotOffered))) => {
                SubscribeError::NotOffered { server: server.clone() }
            }
            Ok(Ok(Ok(Settled::Unanswered))) => SubscribeError::Call(late(true)),
            Ok(Err(_)) => SubscribeError::Call(CallError::ShuttingDown),
            Err(_) => SubscribeError::Call(late(false)),
        };
        self.audience.send(Command::Unsubscribe { id, asked }).await;
        Err(refused)
    }

    /// Listens again to a resource that was listened to before a restart. Its server is asked as soon
    /// as it can be; an update counts as missed meanwhile.
    ///
    /// # Errors
    ///
    /// If nobody knows whose it is, or not yet.
    pub async fn resume(&self, address: &Text) -> Result<(), CallError> {
        let Target { server, name } =
            self.system.locate(&self.scope, &self.caller, address).await?;
        let tenancy = self.system.tenancy(&server, &self.caller, self.seat.as_ref());
        if !tenancy.lasts() {
            return Ok(());
        }
        let limit = self.system.limit_of(&server);
        let of = InstanceId::new(server, tenancy.holder.clone());
        let asked: Arc<str> = address.as_str().into();
        let (id, own) = (self.id, name.as_str().into());
        // Whether the server agrees is for it to say whenever it comes up.
        let (reply, _) = oneshot::channel();
        let again = Command::Subscribe { id, of: of.clone(), own, asked, reply };
        self.audience.send(again).await;
        if of.holder.is_apart() {
            self.system.begin_instance(of, limit).await?;
        }
        self.miss(address).await;
        Ok(())
    }

    /// An update of a resource that is listened to may have been missed.
    pub async fn miss(&self, address: &Text) {
        let (id, asked) = (self.id, address.as_str().into());
        self.audience.send(Command::Missed { id, asked }).await;
    }

    /// An error with addresses as they are shown here.
    fn shown(&self, server: &ServerId, error: Bytes) -> Bytes {
        if matches!(self.scope, Scope::Server(_)) {
            return error;
        }
        let outcome = Outcome::Error(error);
        let changed = with_public_addresses(CallKind::Resource, server.name.as_ref(), &outcome);
        let (Outcome::Error(error) | Outcome::Result(error)) = changed.unwrap_or(outcome);
        error
    }

    /// Listens to a resource no more. One that was not listened to is fine as well.
    pub async fn unsubscribe(&self, address: &Text) {
        let (id, asked) = (self.id, address.as_str().into());
        self.audience.send(Command::Unsubscribe { id, asked }).await;
    }

    /// Hears how a task goes that its caller was shown under the id `shown` in a revision of this
    /// kind; false if there is none.
    pub async fn hear_of_task(&self, shown: &str, hop: Hop) -> bool {
        let whose = (&self.scope, &self.caller, self.seat.as_ref());
        let Some(task) = self.system.task(whose, hop, shown).await else {
            return false;
        };
        let task = self.system.made(&task, &self.caller, self.seat.as_ref());
        let (id, shown) = (self.id, shown.into());
        self.audience.send(Command::HearOf { id, hop, task, shown }).await;
        true
    }

    /// Its client was asked by `server` to visit addresses, under these ids, and hears when that has
    /// ended.
    pub async fn await_visits(&self, server: &ServerId, visits: Vec<Arc<str>>) {
        let tenancy = self.system.tenancy(server, &self.caller, self.seat.as_ref());
        if tenancy.lasts() && !visits.is_empty() {
            let (id, of) = (self.id, InstanceId::new(server.clone(), tenancy.holder.clone()));
            self.audience.send(Command::AwaitVisits { id, of, visits }).await;
        }
    }

    /// From now on log messages from `level` on are wanted. Returns when the servers that are up
    /// know, or after two seconds.
    pub async fn set_level(&self, level: LogLevel) {
        self.audience.set_level(self.id, level).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.audience.leave(self.id);
    }
}
