//! How others talk to the delegation actor: verbs that give a proof or a reason.
//! How the limits are counted is in `gate.rs`, when they are kept in `actor.rs`.

use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorCell, ActorRef, RpcReplyPort, SpawnErr};
use thiserror::Error;
use tokio::task::JoinHandle;

use super::actor::{Arguments, Delegation, load};
use super::in_flight::Permit;
use super::{Caller, Cost, DelegatorId, Grant, Limits, OwnKey, PublicJwk};
use crate::store::{Store, StoreError, WallClock};

/// The actor answers from memory; if it takes this long, it will not answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// What the actor runs with.
pub struct Settings {
    /// What each delegator may do.
    pub limits: Limits,
    /// The key that speaks for this daemon.
    pub key: Arc<OwnKey>,
    /// Where used-up limits are kept across a restart.
    pub store: Arc<dyn Store>,
    /// Tells how long the daemon was down.
    pub clock: WallClock,
    /// How often used-up limits are kept, if they changed; what is used in between
    /// may be forgiven by a crash.
    pub save_every: Duration,
}

/// Reads what the last run left and starts the actor, linked to `supervisor` if there is one.
/// The second part ends with the actor.
pub async fn start(
    settings: Settings,
    supervisor: Option<ActorCell>,
) -> Result<(DelegationHandle, JoinHandle<()>), StartError> {
    let Settings { limits, key, store, clock, save_every } = settings;
    let saved = load(store.as_ref()).await;
    let arguments = Arguments { limits, saved, store, clock, save_every };
    let (actor, ended) = match supervisor {
        Some(supervisor) => Actor::spawn_linked(None, Delegation, arguments, supervisor).await?,
        None => Actor::spawn(None, Delegation, arguments).await?,
    };
    Ok((DelegationHandle { actor, key }, ended))
}

/// The actor could not be started.
#[derive(Debug, Error)]
#[error("the delegation actor did not start")]
pub struct StartError(#[from] SpawnErr);

/// The address of the delegation actor. Cheap to clone.
#[derive(Clone)]
pub struct DelegationHandle {
    actor: ActorRef<Message>,
    key: Arc<OwnKey>,
}

impl DelegationHandle {
    /// Waits until the actor has ended, however.
    pub(crate) async fn ended(&self) {
        // Fails only if a limit is set and passes.
        let _ = self.actor.get_cell().wait(None).await;
    }

    /// Lets a call in. A local caller is let in at once and without asking the actor;
    /// a delegated one is charged `cost` and takes a place until the admission is dropped.
    pub async fn admit(&self, caller: Caller, cost: Cost) -> Result<Admission, Refusal> {
        let delegator = match &caller {
            Caller::Local(_) => return Ok(Admission { caller, permit: None }),
            Caller::Delegated(grant) => grant.delegator().clone(),
        };
        let permit = self.ask(|reply| Message::Admit { delegator, cost, reply }).await?;
        Ok(Admission { caller, permit: Some(permit) })
    }

    /// Vouches for a delegator that has limits here. For those parts of this crate that
    /// have established who is asking.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "grants are asked for where delegation tokens are verified")
    )]
    pub(crate) async fn grant(&self, delegator: DelegatorId) -> Result<Grant, Refusal> {
        self.ask(|reply| Message::Grant { delegator, reply }).await
    }

    /// Applies new limits from the next call on. What was used up stays used up, but
    /// nobody waits longer than with an empty bucket under the new limits.
    pub fn set_limits(&self, limits: Limits) -> Result<(), DelegationDown> {
        self.actor.cast(Message::SetLimits(limits)).map_err(|_| DelegationDown)
    }

    /// Refuses delegated calls from now on and returns when what was used up is on disk.
    /// The actor stays, so that late callers hear a reason. Waits no longer than `limit`.
    pub async fn drain(&self, limit: Duration) -> Result<(), DrainError> {
        match self.actor.call(Message::Drain, Some(limit)).await {
            Ok(CallResult::Success(result)) => {
                result.map_err(|source| DrainError::NotSaved { source })
            }
            Ok(CallResult::Timeout) => Err(DrainError::DeadlineExceeded { limit }),
            Ok(CallResult::SenderError) | Err(_) => Err(DrainError::Down),
        }
    }

    /// Ends the actor after the messages at hand; it keeps nothing by itself, see
    /// [`Self::drain`].
    pub fn stop(&self) {
        self.actor.stop(None);
    }

    /// The public half of the key that speaks for this daemon.
    pub fn public_jwk(&self) -> &PublicJwk {
        self.key.public_jwk()
    }

    async fn ask<T: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<Result<T, Refusal>>) -> Message,
    ) -> Result<T, Refusal> {
        match self.actor.call(message, Some(ANSWER_MAX)).await {
            Ok(CallResult::Success(result)) => result,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

/// Proof that a call was let in. It travels with the call; dropping it ends the call
/// as far as its delegator's limits are concerned.
#[derive(Debug)]
#[must_use = "dropping it gives the call's place away"]
pub struct Admission {
    caller: Caller,
    #[expect(dead_code, reason = "held for what its drop does")]
    permit: Option<Permit>,
}

impl Admission {
    /// Who was let in.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What a local caller gets, without an actor.
    #[cfg(test)]
    pub(crate) fn local(label: &str) -> Self {
        Self { caller: Caller::Local(super::LocalCaller::new(label)), permit: None }
    }
}

/// Why a call was not let in. None of these has used anything up.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Its delegator called too often.
    #[error("rate limit reached, next call possible in {retry_after:?}")]
    RateLimited {
        /// When the same call would be let in, if no other comes first.
        retry_after: Duration,
    },
    /// It costs more than its delegator may ever use at once, or nothing is allowed at all.
    #[error("call exceeds what its delegator may ever use at once")]
    NeverAllowed,
    /// Too many of its delegator's calls are running.
    #[error("delegator has {limit} calls in flight, the most it may have")]
    TooManyInFlight {
        /// How many may run.
        limit: u32,
    },
    /// Nobody of that name is known here, or no longer.
    #[error("delegator is unknown")]
    UnknownDelegator,
    /// It could not be decided: the daemon is ending, overloaded or failing.
    #[error("delegation is not available")]
    Unavailable,
}

/// The delegation actor is gone.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("delegation is not running")]
pub struct DelegationDown;

/// Why it is not certain that used-up limits are on disk.
#[derive(Debug, Error)]
pub enum DrainError {
    /// The store refused them.
    #[error("used-up limits could not be kept")]
    NotSaved {
        /// What the store said.
        #[source]
        source: Arc<StoreError>,
    },
    /// It took too long.
    #[error("used-up limits were not kept within {limit:?}")]
    DeadlineExceeded {
        /// How long was waited.
        limit: Duration,
    },
    /// The actor is gone.
    #[error("delegation is not running")]
    Down,
}

pub(super) enum Message {
    Admit { delegator: DelegatorId, cost: Cost, reply: RpcReplyPort<Result<Permit, Refusal>> },
    Grant { delegator: DelegatorId, reply: RpcReplyPort<Result<Grant, Refusal>> },
    SetLimits(Limits),
    Drain(DrainReply),
    Tick,
    Saved(Result<(), StoreError>),
}

pub(super) type DrainReply = RpcReplyPort<Result<(), Arc<StoreError>>>;
