//! This file describes what callers want to hear of a server beside answers, and what it says.
//!
//! It leaves who hears what to the audience, and making a server say it to that server's keeper.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use conductor_config::{ServerId, WorkspaceName};
use tokio::sync::{mpsc, watch};

use super::{Holder, InstanceId};
use crate::credentials::Secrets;
use crate::wire::LogLevel;

/// On whose behalf something is done, as far as keeping apart goes: what one principal hears is
/// never said to another. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// The user this program runs as, whichever of the doors they use.
    Local,
    /// Another user of this machine, by number: one who came in through a Unix socket.
    User(u32),
    /// Those who come on behalf of this organisation.
    Delegated(Arc<str>),
}

impl Principal {
    /// Reads what `Display` writes.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text == "local" {
            return Some(Self::Local);
        }
        let (kind, name) = text.split_once(' ')?;
        match kind {
            "uid" => Some(Self::User(name.parse().ok()?)),
            "delegator" => Some(Self::Delegated(name.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Principal {
    /// Different principals read differently.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::User(uid) => write!(f, "uid {uid}"),
            Self::Delegated(delegator) => write!(f, "delegator {delegator}"),
        }
    }
}

/// Where log messages of one call go.
#[derive(Debug, Clone)]
pub struct LogPort {
    /// The least severe ones that are wanted.
    pub level: LogLevel,
    /// Takes notifications of log messages, ready to be sent; those that find no room are dropped.
    pub sink: mpsc::Sender<Bytes>,
}

/// Who made a call, and where log messages about it go.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    pub(crate) principal: Principal,
    /// Nowhere, if the caller did not ask for any.
    pub(crate) logs: Option<LogPort>,
    /// Where notifications of extensions go, ready to be sent; nowhere, if the caller would not know them.
    pub(crate) notices: Option<mpsc::Sender<Bytes>>,
}

/// Who has called one life of a server so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Callers {
    /// Nobody.
    #[default]
    Nobody,
    /// Only this principal.
    Only(Principal),
    /// More than one.
    Several,
}

impl Callers {
    /// One more call was made.
    pub(crate) fn add(&mut self, principal: &Principal) {
        match self {
            Self::Nobody => *self = Self::Only(principal.clone()),
            Self::Only(known) if known != principal => *self = Self::Several,
            Self::Only(_) | Self::Several => {}
        }
    }
}

/// Which servers something is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Those of a workspace, also those that are still to come.
    Workspace(WorkspaceName),
    /// These.
    Servers(BTreeSet<ServerId>),
}

impl Reach {
    /// Whether it is about `server`.
    pub(crate) fn includes(&self, server: &ServerId) -> bool {
        match self {
            Self::Workspace(workspace) => server.workspace == *workspace,
            Self::Servers(servers) => servers.contains(server),
        }
    }
}

/// Addresses, in the server's own form.
pub(crate) type Addresses = Arc<BTreeSet<Arc<str>>>;

/// What all callers together want to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// The resources of whose updates somebody wants to be told.
    pub(crate) resources: BTreeMap<InstanceId, Addresses>,
    /// Of servers without a handshake, the tasks that somebody wants to hear of.
    pub(crate) tasks: BTreeMap<InstanceId, Addresses>,
    /// The most verbose level that somebody wants of some servers; none if they have not said.
    pub(crate) levels: Vec<(Reach, Option<LogLevel>)>,
    /// The level that each session has named, for the instances that it has for itself.
    pub(crate) sessions: Arc<BTreeMap<Holder, LogLevel>>,
    /// The most verbose level that single calls want of an instance.
    pub(crate) lent: BTreeMap<InstanceId, LogLevel>,
}

/// What all callers together want to hear of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) resources: Addresses,
    /// Tasks, by the server's ids.
    pub(crate) tasks: Addresses,
    /// None if nobody has said.
    pub(crate) level: Option<LogLevel>,
}

impl Wishes {
    /// Those that concern `id`.
    pub(crate) fn of(&self, id: &InstanceId) -> Wish {
        let level = match &id.holder {
            Holder::Everybody => self.level_of_all(id),
            Holder::Nobody => None,
            Holder::Guest(_) | Holder::Principal(_) => {
                self.sessions.get(&id.holder).into_iter().chain(self.lent.get(id)).min().copied()
            }
        };
        Wish {
            resources: self.resources.get(id).cloned().unwrap_or_default(),
            tasks: self.tasks.get(id).cloned().unwrap_or_default(),
            level,
        }
    }

    /// From which level on somebody hears what `id` logs for no call in particular; none if nobody
    /// does. For what runs apart that is not known here.
    pub(crate) fn heard_from(&self, id: &InstanceId) -> Option<LogLevel> {
        if id.holder != Holder::Everybody {
            return Some(LogLevel::Debug);
        }
        let levels = self.levels.iter().filter(|(reach, _)| reach.includes(&id.server));
        levels.map(|(_, level)| level.unwrap_or(LogLevel::UNSAID)).min()
    }

    /// Of a server that all share.
    fn level_of_all(&self, id: &InstanceId) -> Option<LogLevel> {
        let levels = || self.levels.iter().filter(|(reach, _)| reach.includes(&id.server));
        let silent = levels().any(|(_, level)| level.is_none());
        let asked =
            levels().filter_map(|(_, level)| *level).chain(self.lent.get(id).copied()).min();
        asked.map(|level| if silent { level.min(LogLevel::UNSAID) } else { level })
    }
}

/// How a wish to hear of a resource ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The server will tell.
    Kept,
    /// It says that it tells of no resources at all, or not of this one.
    NotOffered,
    /// It answered with this error.
    Refused(Bytes),
    /// It gave no answer; it is asked again later.
    Unanswered,
}

/// A log message that belongs to no call in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogMessage {
    pub(crate) level: LogLevel,
    /// Ready-made parameters of `notifications/message`.
    pub(crate) params: Bytes,
    /// Who had called when it came.
    pub(crate) callers: Callers,
}

/// A notification of an extension that belongs to no call in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The whole message.
    pub(crate) line: Bytes,
    /// Who had called when it came.
    pub(crate) callers: Callers,
}

/// Something that a server says about a task, without the id of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskNews {
    /// How it stands: a JSON object.
    Status(Bytes),
    /// How far it is: ready-made parameters of `notifications/progress`, under the token of the call
    /// that it was made of.
    Progress(Bytes),
}

/// What the keeper of a server tells those who hear for its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// A life began. `logs` if a level can be set; our own log conceals `secrets`.
    Began { logs: bool, secrets: Secrets },
    /// The life is over.
    Ended,
    /// What came of a wish in this life.
    Settled { address: Arc<str>, settled: Settled },
    /// The level was set, or needs no setting.
    LevelSet(LogLevel),
    /// These resources, each named once, were updated.
    Updated(Vec<Arc<str>>),
    /// So much was said that some of it was missed: anything may have been updated.
    AllUpdated,
    /// It logged something.
    Logged(Vec<LogMessage>),
    /// It said something that an extension knows.
    Noticed(Notice),
    /// It has seen the end of a visit that it asked for under this id; `heard` if a call was told.
    Visited { id: Arc<str>, heard: bool },
    /// It says something about the task that it calls so.
    Task { own: Arc<str>, news: TaskNews },
}

/// What connects the keeper of one life with those who hear. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Hearing {
    /// What is wanted.
    pub(crate) wishes: watch::Receiver<Arc<Wishes>>,
    /// Takes what was said; its sender waits for room.
    pub(crate) told: mpsc::Sender<(InstanceId, Told)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{id, shared};

    #[test]
    fn the_most_verbose_level_of_those_that_concern_a_server_counts() {
        let all = Reach::Workspace("default".parse().unwrap());
        let some = Reach::Servers([id("a")].into());
        let wishes = Wishes {
            levels: vec![(all.clone(), Some(LogLevel::Warning)), (some, Some(LogLevel::Debug))],
            ..Wishes::default()
        };
        assert_eq!(wishes.of(&shared("a")).level, Some(LogLevel::Debug));
        assert_eq!(wishes.of(&shared("b")).level, Some(LogLevel::Warning));
        let elsewhere = ServerId { workspace: "other".parse().unwrap(), ..id("a") };
        assert_eq!(wishes.of(&InstanceId::new(elsewhere, Holder::Everybody)).level, None);

        let error = (all.clone(), Some(LogLevel::Error));
        let levels = |levels| Wishes { levels, ..Wishes::default() }.of(&shared("a")).level;
        assert_eq!(levels(vec![error.clone()]), Some(LogLevel::Error));
        assert_eq!(levels(vec![error, (all.clone(), None)]), Some(LogLevel::UNSAID));
        assert_eq!(levels(vec![(all, None)]), None, "nobody has said: it is the server's choice");
    }

    #[test]
    fn what_runs_apart_is_told_what_its_own_holder_wants() {
        let of = |holder| InstanceId::new(id("a"), holder);
        let all = Reach::Workspace("default".parse().unwrap());
        let wishes = Wishes {
            levels: vec![(all, Some(LogLevel::Debug))],
            sessions: Arc::new([(Holder::Guest(1), LogLevel::Error)].into()),
            lent: [(of(Holder::Guest(1)), LogLevel::Notice)].into(),
            ..Wishes::default()
        };
        assert_eq!(wishes.of(&of(Holder::Everybody)).level, Some(LogLevel::Debug));
        assert_eq!(wishes.of(&of(Holder::Guest(1))).level, Some(LogLevel::Notice));
        assert_eq!(wishes.of(&of(Holder::Guest(2))).level, None);
        assert_eq!(wishes.of(&of(Holder::Nobody)).level, None);
    }

    #[test]
    fn two_principals_are_several_for_good() {
        let (mut callers, ours) = (Callers::default(), Principal::Local);
        callers.add(&ours);
        callers.add(&ours);
        assert_eq!(callers, Callers::Only(ours.clone()));
        callers.add(&Principal::Delegated("acme".into()));
        callers.add(&ours);
        assert_eq!(callers, Callers::Several);
    }
}
