//! This file is how others speak with the audience.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::book::{ListenerId, TooMany};
use super::line::Ends;
use super::task::Audience;
use super::tasks::{Made, Numbered};
use crate::delegation::Caller;
use crate::merger::Catalog;
use crate::model::{
    Hearing, Holder as InstanceHolder, InstanceId, ListKind, Principal, Reach, Scope, Settled,
    Wishes,
};
use crate::tasks::Holder;
use crate::wire::{Hop, LogLevel};

/// Wishes that may wait to be heard; whoever has more waits.
const COMMANDS: usize = 1024;
/// What servers said that may wait; their keepers wait.
const TOLD: usize = 64;
/// How long a level may take to be set before calls go on without it.
const LEVEL: Duration = Duration::from_secs(2);

/// The answer to a wish to hear of a resource.
pub(super) type Reply = oneshot::Sender<Result<Settled, TooMany>>;

/// What the audience is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Somebody begins to listen.
    Join {
        id: ListenerId,
        who: (Principal, InstanceHolder),
        reach: Reach,
        logs: bool,
        merged: bool,
    },
    /// Somebody listens no more.
    Leave(ListenerId),
    /// They hear from now on, and there.
    Hear { id: ListenerId, ends: Ends },
    /// They wait for updates of a resource.
    Subscribe { id: ListenerId, of: InstanceId, own: Arc<str>, asked: Arc<str>, reply: Reply },
    /// They may have missed an update of what they call so.
    Missed { id: ListenerId, asked: Arc<str> },
    /// They wait for them no more.
    Unsubscribe { id: ListenerId, asked: Arc<str> },
    /// They want log messages from this level on; answered when their servers know.
    SetLevel { id: ListenerId, level: LogLevel, done: oneshot::Sender<()> },
    /// A task was made for this holder, who knows it under this id.
    Made { holder: Holder, task: Made, shown: Arc<str> },
    /// Whether a task may be this principal's.
    MayBeOf { task: Made, principal: Principal, reply: oneshot::Sender<bool> },
    /// Which tasks there are of this holder after this number, so many at most; of processes apart,
    /// those of `own`.
    TasksOf {
        holder: Holder,
        own: InstanceHolder,
        after: u64,
        most: usize,
        reply: oneshot::Sender<Vec<Numbered>>,
    },
    /// A server knows this task of a holder no more.
    Forget { holder: Holder, number: u64 },
    /// They hear of this task, which they know under this id.
    HearOf { id: ListenerId, hop: Hop, task: Made, shown: Arc<str> },
    /// They were asked by this instance for visits, and wait for their ends.
    AwaitVisits { id: ListenerId, of: InstanceId, visits: Vec<Arc<str>> },
    /// One call does; answered when its server knows.
    Lend { of: InstanceId, level: LogLevel, done: oneshot::Sender<()> },
}

/// The audience's address. Cheap to clone; with the last one the audience ends.
#[derive(Debug, Clone)]
pub(crate) struct AudienceHandle {
    commands: mpsc::Sender<Command>,
    hearing: Hearing,
    ids: Arc<AtomicU64>,
    task: Arc<AbortOnDropHandle<()>>,
}

impl AudienceHandle {
    /// Starts an audience in which nobody listens yet.
    pub(crate) fn start() -> Self {
        let (commands, asked) = mpsc::channel(COMMANDS);
        let (told, said) = mpsc::channel(TOLD);
        let (publish, wishes) = watch::channel(Arc::<Wishes>::default());
        let task = tokio::spawn(Audience::new(publish).run(asked, said));
        Self {
            commands,
            hearing: Hearing { wishes, told },
            ids: Arc::default(),
            task: Arc::new(AbortOnDropHandle::new(task)),
        }
    }

    /// What connects it with the keepers of servers.
    pub(crate) fn hearing(&self) -> Hearing {
        self.hearing.clone()
    }

    /// Waits until it has ended, however.
    pub(crate) async fn ended(&self) {
        self.commands.closed().await;
    }

    pub(crate) fn stop(&self) {
        self.task.abort();
    }

    /// Has the level of an instance raised for a while if that is needed for a call that wants log
    /// messages from `level` on. Returns when the server knows, or it takes too long.
    pub(crate) async fn lend(&self, of: InstanceId, level: LogLevel) {
        let wanted = self.hearing.wishes.borrow().of(&of).level;
        if wanted.is_some_and(|wanted| wanted <= level) {
            return;
        }
        let (done, set) = oneshot::channel();
        self.send(Command::Lend { of, level, done }).await;
        let _ = timeout(LEVEL, set).await;
    }

    /// Remembers that a task was made for `holder`, who knows it under the id `shown`.
    pub(crate) async fn made(&self, holder: Holder, task: Made, shown: Arc<str>) {
        self.send(Command::Made { holder, task, shown }).await;
    }

    /// Whether a task may be `principal`'s: not if it was made for another.
    pub(crate) async fn may_be_of(&self, task: Made, principal: Principal) -> bool {
        let (reply, may) = oneshot::channel();
        self.send(Command::MayBeOf { task, principal, reply }).await;
        may.await.unwrap_or(false)
    }

    /// The tasks of `holder` after the one of this number, up to `most`; of those that were made by
    /// processes apart, those of `own`.
    pub(crate) async fn tasks_of(
        &self,
        holder: Holder,
        own: InstanceHolder,
        after: u64,
        most: usize,
    ) -> Vec<Numbered> {
        let (reply, tasks) = oneshot::channel();
        self.send(Command::TasksOf { holder, own, after, most, reply }).await;
        tasks.await.unwrap_or_default()
    }

    /// Forgets a task that its server does not know any more.
    pub(crate) async fn forget(&self, holder: Holder, number: u64) {
        self.send(Command::Forget { holder, number }).await;
    }

    /// The same for all calls of a listener.
    pub(super) async fn set_level(&self, id: ListenerId, level: LogLevel) {
        let (done, set) = oneshot::channel();
        self.send(Command::SetLevel { id, level, done }).await;
        let _ = timeout(LEVEL, set).await;
    }

    /// A number for a new listener.
    pub(super) fn next_id(&self) -> ListenerId {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) async fn send(&self, command: Command) {
        // One that is gone takes the whole system with it.
        let _ = self.commands.send(command).await;
    }

    /// A listener is gone. Never waits: where there is no room, somebody else does.
    pub(super) fn leave(&self, id: ListenerId) {
        let Err(mpsc::error::TrySendError::Full(leave)) =
            self.commands.try_send(Command::Leave(id))
        else {
            return;
        };
        let commands = self.commands.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { commands.send(leave).await });
        }
    }
}

/// On whose behalf a caller acts, as far as keeping apart goes.
#[must_use]
pub fn principal_of(caller: &Caller) -> Principal {
    match caller {
        Caller::Local(local) => local.user().map_or(Principal::Local, Principal::User),
        Caller::Delegated(grant) => Principal::Delegated(grant.delegator().as_str().into()),
    }
}

/// The servers that a door with this scope shows. Those of a part of a workspace are those that it
/// shows now.
pub(crate) fn reach_of(scope: &Scope, catalog: &Catalog) -> Reach {
    match scope {
        Scope::Workspace(workspace) => Reach::Workspace(workspace.clone()),
        Scope::Server(server) => Reach::Servers([server.clone()].into()),
        Scope::View(_) => {
            let view = catalog.view(scope);
            let servers = view.into_iter().flat_map(|it| it.list(ListKind::Tools).servers().keys());
            Reach::Servers(servers.cloned().collect())
        }
    }
}
