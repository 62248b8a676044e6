//! This file starts the actors in order, connects them, and stops them in reverse.
//!
//! It is what doors and command line see of the running system. It decides nothing itself.

mod finding;
mod limits;
mod outages;
mod tasks;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use conductor_config::{Config, ServerId};
use ractor::Actor;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::audience::{AudienceHandle, principal_of};
use crate::credentials::KeySource;
use crate::delegation::{
    self, Admission, Caller, Cost, DelegationHandle, KeyError, OwnKey, Refusal,
};
use crate::merger::{
    CatalogReader, Memory, MergerActor, MergerHandle, Unapproved, with_public_addresses,
};
use crate::model::{Answer, Call, CallError, InstanceId, Scope, Seat, Target};
use crate::process::{Nursery, NurseryError};
use crate::registrations::Registrations;
use crate::renewal::Renewal;
use crate::router::{RouterActor, RouterHandle, Tenancy};
use crate::sessions::KeptSessions;
use crate::store::{OpenError, SqliteStore, StateDir, StateDirError, Store, WallClock};
use crate::supervisor::{
    Board, BoardReader, RestartError, SupervisorActor, SupervisorArguments, SupervisorHandle,
};
use crate::tasks::TaskSeal;
use crate::wire::{CallKind, CallParams, Hop, Outcome, Text, Word, Words};

use limits::limits;

/// How often used-up rate limits are written down.
const SAVE_EVERY: Duration = Duration::from_secs(5);
/// How long writing them down may hold up the end.
const SAVE: Duration = Duration::from_secs(2);
/// What a server that completes nothing would say.
const NO_COMPLETION: &[u8] = br#"{"completion":{"values":[],"hasMore":false}}"#;
/// How long a notification of a client may wait for its server.
const NOTICE: Duration = Duration::from_secs(10);
/// Beyond the grace for calls, how long stopping all servers may take.
const STOP: Duration = Duration::from_secs(30);

/// Why the system did not start. Nothing of it is left running.
#[derive(Debug, Error)]
pub enum StartError {
    /// The state directory cannot be used.
    #[error("state directory")]
    StateDir(#[from] StateDirError),
    /// The store in it cannot be opened.
    #[error("state store")]
    Store(#[from] OpenError),
    /// The daemon's own key cannot be read or made.
    #[error("delegation key")]
    Key(#[from] KeyError),
    /// Child processes cannot be looked after.
    #[error("child processes")]
    Processes(#[from] NurseryError),
    /// A limit in the settings cannot be kept.
    #[error("delegation limit of `{delegator}`: {reason}")]
    Limit {
        /// Whose.
        delegator: String,
        /// Why.
        reason: String,
    },
    /// An actor did not start.
    #[error("actor")]
    Spawn(#[from] ractor::SpawnErr),
    /// The delegation actor did not start.
    #[error("delegation actor")]
    Delegation(#[from] delegation::StartError),
}

/// The running system. Cheap to clone.
#[derive(Clone)]
pub struct System(Arc<Inner>);

struct Inner {
    config: Arc<ArcSwap<Config>>,
    catalog: CatalogReader,
    board: BoardReader,
    supervisor: SupervisorHandle,
    router: RouterHandle,
    merger: MergerHandle,
    delegation: DelegationHandle,
    audience: AudienceHandle,
    nursery: Nursery,
    store: SqliteStore,
    sessions: KeptSessions,
    task_seal: TaskSeal,
    /// Starts router and merger anew; ends with the one that fails too often.
    renewal: AbortOnDropHandle<()>,
    failed: watch::Receiver<Option<&'static str>>,
    _state_dir: StateDir,
}

/// The state directory, claimed, and the store in it: what a system is started on.
#[derive(Debug, Clone)]
pub struct Storage {
    dir: StateDir,
    store: SqliteStore,
}

impl Storage {
    /// Claims `dir`, which nobody else can use as long as this, or a system started on it, lives.
    ///
    /// # Errors
    /// If it cannot be used.
    pub async fn open(dir: &Path) -> Result<Self, StartError> {
        let dir = StateDir::claim(dir)?;
        let store = SqliteStore::open(&dir, WallClock::system()).await?;
        Ok(Self { dir, store })
    }

    /// What is registered there, its secrets under the key that `source` names or the one there.
    #[must_use]
    pub fn registrations(&self, source: KeySource) -> Registrations {
        Registrations::new(Arc::new(self.store.clone()), self.dir.clone(), source)
    }
}

impl System {
    /// Claims the state directory and starts on it, see [`Self::start_on`].
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: Arc<Config>,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, StartError> {
        limits(&config.delegation)?; // before anything is made
        let storage = Storage::open(&config.state.dir).await?;
        Self::start_on(storage, config, environment).await
    }

    /// Starts the actors, and has the servers of `config` started. Returns before they are up. Children
    /// inherit a few variables of `environment`; its `CONDUCTOR_EXE` names the program whose command
    /// `guard` runs [`crate::guard_main`], without which nobody ends the servers of a killed daemon.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_on(
        storage: Storage,
        config: Arc<Config>,
        environment: BTreeMap<String, String>,
    ) -> Result<Self, StartError> {
        let limits = limits(&config.delegation)?;
        let Storage { dir: state_dir, store } = storage;
        // One waits for the guard and one for the disk.
        let nursery = Nursery::open(state_dir.path(), environment);
        let (nursery, key) = tokio::join!(nursery, OwnKey::open(&state_dir));
        let (nursery, key) = (nursery?, Arc::new(key?));
        let task_seal = TaskSeal::new(|purpose| key.derive(purpose)).ok_or(KeyError::Random)?;
        let kept: Arc<dyn Store> = Arc::new(store.clone());
        let sessions = KeptSessions::load(&kept, config.listen.session_idle).await;
        let memory = Memory::load(Arc::clone(&kept)).await;
        let settings = delegation::Settings {
            limits,
            key,
            store: kept,
            clock: WallClock::system(),
            save_every: SAVE_EVERY,
        };
        let (delegation, _) = delegation::start(settings, None).await?;
        let waker: Arc<OnceLock<SupervisorHandle>> = Arc::default();
        let (needs, wake) = (SupervisorHandle::needs(&waker), SupervisorHandle::waker(&waker));
        let (merger, catalog) = MergerActor::start(config.catalog.clone(), wake, memory).await?;
        let calls = &config.calls;
        let router = RouterActor::start(calls.max_queued_per_server, calls.max_in_flight).await?;
        router.set_needs(Arc::clone(&needs));
        let audience = AudienceHandle::start();
        let (board_writer, board) = watch::channel(Arc::new(Board::default()));
        let arguments = SupervisorArguments {
            nursery: nursery.clone(),
            router: router.clone(),
            merger: merger.clone(),
            hearing: audience.hearing(),
            board: board_writer,
        };
        let (supervisor, _) = SupervisorActor::spawn(None, SupervisorActor, arguments).await?;
        let supervisor = SupervisorHandle::from(supervisor);
        let _ = waker.set(supervisor.clone());
        let settings = Arc::new(ArcSwap::new(Arc::clone(&config)));
        let (fail, failed) = watch::channel(None);
        let renewal = Renewal {
            config: Arc::clone(&settings),
            store: Arc::new(store.clone()),
            router: router.clone(),
            merger: merger.clone(),
            supervisor: supervisor.clone(),
            needs,
        };
        let renewal = tokio::spawn(async move {
            fail.send_replace(Some(renewal.run().await));
        });
        let system = Self(Arc::new(Inner {
            config: settings,
            catalog,
            board: BoardReader::new(board),
            supervisor,
            router,
            merger,
            delegation,
            audience,
            nursery,
            store,
            sessions,
            task_seal,
            renewal: AbortOnDropHandle::new(renewal),
            failed,
            _state_dir: state_dir,
        }));
        system.0.supervisor.reconcile(config).await;
        system.0.merger.sync().await;
        Ok(system)
    }

    /// The settings in force.
    pub fn config(&self) -> Arc<Config> {
        self.0.config.load_full()
    }

    /// Reads the merged namespace.
    pub fn catalog(&self) -> &CatalogReader {
        &self.0.catalog
    }

    /// The sessions of clients that outlive a restart.
    pub fn sessions(&self) -> &KeptSessions {
        &self.0.sessions
    }

    /// Reads the state of the servers.
    pub fn board(&self) -> BoardReader {
        self.0.board.clone()
    }

    /// Brings a call to the server it is for and waits for what that answers, an error of its own
    /// included. Dropping the future takes the call back. Addresses of resources in the answer are
    /// those that `scope` shows.
    pub async fn call(
        &self,
        scope: &Scope,
        caller: Caller,
        call: Call,
    ) -> Result<Answer, CallError> {
        let (kind, asked) = (call.params.kind, call.params.task.is_some());
        let (target, arguments) = match kind {
            CallKind::Task(_) => {
                let about = (&*call.params, call.seat.as_ref());
                (self.find_task(scope, &caller, about).await?, None)
            }
            _ => self.find(scope, kind, &call.params.name, call.deadline).await?,
        };
        let principal = principal_of(&caller);
        let tenancy = self.tenancy(&target.server, &caller, call.seat.as_ref());
        let admission = self.admit(caller).await?;
        if let Some(arguments) = arguments {
            let faults = arguments.faults(call.params.arguments()).await;
            if !faults.is_empty() {
                return Err(CallError::BadArguments { server: target.server, faults });
            }
        }
        if let Some(logs) = call.logs.as_ref().filter(|_| call.params.meta.log_level.is_some()) {
            let of = InstanceId::new(target.server.clone(), tenancy.holder.clone());
            self.0.audience.lend(of, logs.level).await;
        }
        if self.completes_nothing(kind, &target) {
            let outcome = Outcome::Result(Bytes::from_static(NO_COMPLETION));
            return Ok(Answer { outcome, hop: Hop::Legacy, words: Words::NONE });
        }
        let by = tenancy.holder.clone();
        let mut answer = self.0.router.call(&admission, &target, tenancy, call).await?;
        if !matches!(scope, Scope::Server(_))
            && answer.words.may_have(Word::Uri)
            && let Some(outcome) =
                with_public_addresses(kind, target.server.name.as_ref(), &answer.outcome)
        {
            answer.outcome = outcome;
        }
        self.with_shown_tasks(principal, scope, (kind, asked, &target.server, &by), answer).await
    }

    /// Brings a notification of an extension to the server whose own door `scope` is. A process that
    /// would be there for this alone is not begun.
    pub async fn notify(
        &self,
        scope: &Scope,
        caller: Caller,
        seat: Option<Seat>,
        params: CallParams,
    ) -> Result<(), CallError> {
        let Scope::Server(server) = scope else { return Ok(()) };
        if !self.tenancy(server, &caller, seat.as_ref()).lasts() {
            return Ok(());
        }
        let deadline = Some(Instant::now() + NOTICE);
        let call = Call { seat, deadline, ..Call::new(Box::new(params)) };
        self.call(scope, caller, call).await.map(drop)
    }

    /// A place for a session of a client. What servers run for it alone ends when this is dropped.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.0.router.seat()
    }

    /// Which process of `server` calls of `caller` go to, in a session if `seat` is one.
    pub(crate) fn tenancy(
        &self,
        server: &ServerId,
        caller: &Caller,
        seat: Option<&Seat>,
    ) -> Tenancy {
        self.0.router.tenancy(server, &principal_of(caller), seat)
    }

    /// Begins an instance if it does not run; returns when it does, or after `limit`.
    pub(crate) async fn begin_instance(
        &self,
        id: InstanceId,
        limit: Duration,
    ) -> Result<(), CallError> {
        self.0.router.ask(id, limit).await
    }

    /// Who hears what servers say beside answers.
    pub(crate) fn audience(&self) -> &AudienceHandle {
        &self.0.audience
    }

    /// The resource of that address, for a caller who may ask for it. Its server is started if it
    /// rests.
    pub(crate) async fn locate(
        &self,
        scope: &Scope,
        caller: &Caller,
        address: &Text,
    ) -> Result<Target, CallError> {
        let (target, _) = self.find(scope, CallKind::Resource, address, None).await?;
        drop(self.admit(caller.clone()).await?);
        self.0.supervisor.wake(target.server.clone());
        Ok(target)
    }

    /// Whether a server says that it tells of no updates.
    pub(crate) fn is_without_subscriptions(&self, server: &ServerId) -> bool {
        self.0.catalog.current().is_without_subscriptions(server)
    }

    /// How long a call to `server` may take.
    pub fn limit_of(&self, server: &ServerId) -> Duration {
        self.0.router.limit_of(server)
    }

    /// Whether an argument is to be completed by a server that says it completes none.
    fn completes_nothing(&self, kind: CallKind, target: &Target) -> bool {
        matches!(kind, CallKind::PromptArgument | CallKind::TemplateVariable)
            && self.0.catalog.current().is_without_completion(&target.server)
    }

    /// What of the servers' tools is not as it was approved.
    pub async fn unapproved(&self) -> Vec<Unapproved> {
        self.0.merger.unapproved().await
    }

    /// Approves these tools of a server as they are now, or with none named all of it. Returns those
    /// that it does not list; `None` if there is no such server or its list is not known.
    pub async fn approve(&self, server: ServerId, tools: Vec<String>) -> Option<Vec<String>> {
        self.0.merger.approve(server, tools).await
    }

    /// Ends the present life of a server and begins the next one.
    pub async fn restart(&self, server: &ServerId) -> Result<(), RestartError> {
        self.0.supervisor.restart(server.clone()).await
    }

    /// Waits until calls are dispatched that came before this; false if nothing dispatches them now.
    pub async fn is_dispatching(&self) -> bool {
        self.0.router.turn().await
    }

    /// Whether [`Self::reconcile`] can take over all of `config`.
    ///
    /// # Errors
    ///
    /// If a limit in it cannot be kept.
    pub fn accepts(config: &Config) -> Result<(), StartError> {
        limits(&config.delegation).map(drop)
    }

    /// Makes what runs equal to what `config` wants.
    pub async fn reconcile(&self, config: Arc<Config>) {
        match limits(&config.delegation) {
            Ok(limits) => drop(self.0.delegation.set_limits(limits)),
            Err(error) => warn!(%error, "limits left as they were"),
        }
        self.0.merger.configure(config.catalog.clone());
        self.0.config.store(Arc::clone(&config));
        self.0.supervisor.reconcile(config).await;
        self.0.merger.sync().await;
    }

    /// Refuses new calls, lets those under way end within `grace`, stops every server in MCP
    /// order, and closes the store.
    pub async fn shutdown(&self, grace: Duration) {
        self.0.router.close();
        let limit = Instant::now() + grace + STOP;
        if timeout_at(limit, self.0.supervisor.shutdown(grace)).await.is_err() {
            warn!("servers did not stop in time and are killed");
        }
        if let Err(error) = self.0.delegation.drain(SAVE).await {
            warn!(%error, "used-up rate limits may be forgotten");
        }
        self.end();
        self.0.nursery.close().await;
        if let Err(error) = self.0.store.close().await {
            warn!(%error, "store not closed in order");
        }
    }

    /// Waits until a part without which nothing goes on has ended by itself for good, and names it.
    /// What it knew is rebuilt by a new start of the whole program. Router and merger are started
    /// anew three times a minute.
    pub async fn broken(&self) -> &'static str {
        tokio::select! {
            () = self.0.supervisor.ended() => "supervisor",
            part = self.given_up() => part,
            () = self.0.delegation.ended() => "delegation",
            () = self.0.audience.ended() => "audience",
        }
    }

    /// Waits until a part has failed so often that it is not started anew.
    async fn given_up(&self) -> &'static str {
        let mut failed = self.0.failed.clone();
        let part = failed.wait_for(Option::is_some).await.ok().and_then(|part| *part);
        match part {
            Some(part) => part,
            // Nobody looks any more, because the system is being ended.
            None => std::future::pending().await,
        }
    }

    /// Ends everything at once: servers are killed with their whole process groups.
    pub async fn kill(&self) {
        self.0.router.close();
        self.0.supervisor.kill().await;
        self.end();
    }

    /// Ends one part as a fault in it would.
    #[cfg(test)]
    pub(crate) fn end_part(&self, part: &str) {
        match part {
            "supervisor" => self.0.supervisor.stop(),
            "router" => self.0.router.stop(),
            "merger" => self.0.merger.stop(),
            _ => self.0.delegation.stop(),
        }
    }

    fn end(&self) {
        self.0.renewal.abort();
        self.0.supervisor.stop();
        self.0.router.stop();
        self.0.merger.stop();
        self.0.delegation.stop();
        self.0.audience.stop();
    }

    async fn admit(&self, caller: Caller) -> Result<Admission, CallError> {
        let limited = |retry_after| CallError::RateLimited { retry_after };
        self.0.delegation.admit(caller, Cost::ONE).await.map_err(|refusal| match refusal {
            Refusal::RateLimited { retry_after } => limited(Some(retry_after)),
            Refusal::TooManyInFlight { .. } => limited(Some(Duration::from_millis(100))),
            Refusal::NeverAllowed | Refusal::UnknownDelegator => limited(None),
            Refusal::Unavailable => CallError::ShuttingDown,
        })
    }
}
