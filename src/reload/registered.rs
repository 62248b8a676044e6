//! This file is what is registered beside the files: it has registrations kept before they take
//! effect, and says what became of each.
//!
//! It leaves writing them down to `conductor-actors`, and what they mean to `conductor-config`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use conductor_actors::Storage;
use conductor_actors::credentials::KeySource;
use conductor_actors::registrations::{KeepError, Kept, Registrations};
use conductor_config::{
    Config, ConfigError, Decrypter, Merged, Origin, Problem, Registration, ServerId, WorkspaceName,
    deactivate, merged,
};
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::info;

use super::Source;
use super::owner::Owner;
use crate::rest::rfc3339;

/// What is registered, by server.
pub(crate) type Entries = BTreeMap<ServerId, Entry>;

/// One registration.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What tells this version of it from others.
    pub(crate) version: String,
    /// None if what is kept cannot be read.
    registration: Option<Arc<Registration>>,
    /// Whether the server is reached over HTTP.
    pub(crate) is_remote: bool,
    /// Why it makes no server, and since when, RFC 3339.
    pub(crate) aside: Option<(Vec<Problem>, String)>,
}

/// Which version of a registration is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whichever it is.
    Any,
    /// One of these.
    OneOf(Vec<String>),
}

/// A registration that is kept and in effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// What tells this version of it from others.
    pub version: String,
    /// What is odd about it, a sentence each.
    pub warnings: Vec<String>,
}

/// What is to become of a registration.
#[derive(Debug)]
pub(super) enum Change {
    Add(Registration),
    Replace(Registration, Condition),
    Remove(ServerId, Condition),
    SetActive(WorkspaceName, bool),
}

/// Why a registration was not changed. Everything is as before.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// There is a server of this name.
    #[error("the name `{id}` is taken by a server that {}", came(*.origin))]
    Taken {
        /// The server.
        id: ServerId,
        /// Where it comes from.
        origin: Origin,
    },
    /// There is no server of this name.
    #[error("there is no server `{0}`")]
    Unknown(ServerId),
    /// The server stands in a file.
    #[error("server `{0}` stands in a settings file, and can be changed only there")]
    InFile(ServerId),
    /// There is no workspace of this name.
    #[error("there is no workspace `{0}`")]
    UnknownWorkspace(WorkspaceName),
    /// It is not the version that was to be changed.
    #[error("the registration of `{0}` is not the version that was named; look at it again")]
    OtherVersion(ServerId),
    /// What is to be registered is wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
    /// It could not be written down.
    #[error(transparent)]
    NotKept(#[from] KeepError),
    /// The daemon is on its way down.
    #[error("the daemon is stopping")]
    Gone,
}

fn came(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "stands in a settings file",
        Origin::Api => "is registered already",
    }
}

/// All that is registered, and where it is kept.
pub(crate) struct Register {
    book: Registrations,
    entries: Entries,
    inactive: BTreeSet<WorkspaceName>,
    decrypter: Decrypter,
}

/// What there is to know of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// What is registered.
    pub(crate) entries: Entries,
    /// The workspaces that are not active.
    pub(crate) inactive: BTreeSet<WorkspaceName>,
}

impl Register {
    /// Reads what is kept in `storage`, beside the settings of `source`.
    ///
    /// # Errors
    /// If that is not possible.
    pub(crate) async fn load(storage: &Storage, source: &Source) -> Result<Self, KeepError> {
        let mut book = storage.registrations(KeySource::of(source.environment()));
        let decrypter = source.decrypter().clone();
        let kept = book.load().await?;
        let entries = kept.into_iter().map(|kept| (kept.id.clone(), Entry::of(kept)));
        let entries = entries.collect();
        Ok(Self { entries, inactive: book.inactive().await?, book, decrypter })
    }

    /// These settings and what is registered, as far as it can be beside them.
    /// Servers of workspaces that are not active rest.
    pub(crate) fn beside(&self, files: &Config) -> Merged {
        let registered = self.entries.values().filter_map(|entry| entry.registration.as_deref());
        let mut merged = merged(files, registered, &self.decrypter);
        deactivate(&mut merged.config, &self.inactive);
        merged
    }

    /// The registrations that made servers before, and would not any more.
    pub(super) fn lost<'a>(&self, merged: &'a Merged) -> Vec<&'a Problem> {
        let newly = merged
            .aside
            .iter()
            .filter(|aside| self.entries.get(&aside.id).is_some_and(|entry| entry.aside.is_none()));
        newly.flat_map(|aside| &aside.problems).collect()
    }

    /// Remembers which registrations make no servers.
    pub(crate) fn set_aside(&mut self, merged: &Merged) {
        let now = rfc3339(SystemTime::now());
        let mut aside: BTreeMap<&ServerId, &Vec<Problem>> =
            merged.aside.iter().map(|aside| (&aside.id, &aside.problems)).collect();
        for (id, entry) in &mut self.entries {
            if entry.registration.is_none() {
                continue; // it stays what it is
            }
            let since = entry.aside.take().map_or_else(|| now.clone(), |(_, since)| since);
            entry.aside = aside.remove(id).map(|problems| (problems.clone(), since));
        }
    }

    /// What is to be told of registrations that make no servers.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.entries.values().filter_map(|entry| entry.aside.as_ref()).flat_map(|(told, _)| told)
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { entries: self.entries.clone(), inactive: self.inactive.clone() }
    }

    fn checked(&self, id: &ServerId, condition: &Condition) -> Result<(), RegisterError> {
        let entry = self.entries.get(id).ok_or_else(|| RegisterError::Unknown(id.clone()))?;
        match condition {
            Condition::OneOf(versions) if !versions.contains(&entry.version) => {
                Err(RegisterError::OtherVersion(id.clone()))
            }
            Condition::Any | Condition::OneOf(_) => Ok(()),
        }
    }
}

impl Entry {
    fn of(kept: Kept) -> Self {
        let Kept { id, version, registration, is_remote } = kept;
        let aside = registration.as_ref().err().map(|error| {
            let file = format!("the registration of `{id}`");
            let problem = Problem { file, key: String::new(), message: error.to_string() };
            (vec![problem], rfc3339(SystemTime::now()))
        });
        Self { version, registration: registration.ok().map(Arc::new), is_remote, aside }
    }
}

impl Owner {
    /// Makes one change: first on the disk, then in the running system.
    pub(super) async fn change(&mut self, change: Change) -> Result<Registered, RegisterError> {
        let running = self.system.config();
        let done = match change {
            Change::Add(registration) => {
                let id = &registration.id;
                let origin = running.servers.get(id).map(|spec| spec.origin);
                let aside = self.register.entries.contains_key(id).then_some(Origin::Api);
                if let Some(origin) = origin.or(aside) {
                    return Err(RegisterError::Taken { id: id.clone(), origin });
                }
                self.keep(&running, registration).await?
            }
            Change::Replace(registration, condition) => {
                self.changeable(&running, &registration.id, &condition)?;
                self.keep(&running, registration).await?
            }
            Change::Remove(id, condition) => {
                self.changeable(&running, &id, &condition)?;
                self.register.book.forget(&id).await?;
                self.register.entries.remove(&id);
                let mut config = Config::clone(&running);
                // A server of the same name in a file is another one.
                if config.servers.get(&id).is_some_and(|spec| spec.origin == Origin::Api) {
                    config.servers.remove(&id);
                }
                info!(server = %id, "registration removed");
                self.system.reconcile(Arc::new(config)).await;
                Registered::default()
            }
            Change::SetActive(workspace, active) => {
                self.set_active(&running, workspace, active).await?;
                Registered::default()
            }
        };
        self.tell_registered();
        Ok(done)
    }

    async fn set_active(
        &mut self,
        running: &Config,
        workspace: WorkspaceName,
        active: bool,
    ) -> Result<(), RegisterError> {
        let mut known = running.servers.keys().chain(self.register.entries.keys());
        let is_known = workspace.is_default()
            || self.register.inactive.contains(&workspace)
            || known.any(|id| id.workspace == workspace);
        if !is_known {
            return Err(RegisterError::UnknownWorkspace(workspace));
        }
        self.register.book.set_active(&workspace, active).await?;
        let changed = match active {
            true => self.register.inactive.remove(&workspace),
            false => self.register.inactive.insert(workspace.clone()),
        };
        if changed {
            info!(%workspace, active, "workspace changed");
            let merged = self.register.beside(&self.files);
            self.register.set_aside(&merged);
            self.system.reconcile(Arc::new(merged.config)).await;
        }
        Ok(())
    }

    fn changeable(
        &self,
        running: &Config,
        id: &ServerId,
        condition: &Condition,
    ) -> Result<(), RegisterError> {
        match self.register.checked(id, condition) {
            Err(RegisterError::Unknown(id)) if running.servers.contains_key(&id) => {
                Err(RegisterError::InFile(id))
            }
            checked => checked,
        }
    }

    async fn keep(
        &mut self,
        running: &Arc<Config>,
        registration: Registration,
    ) -> Result<Registered, RegisterError> {
        let (beside, registration) = (Arc::clone(running), Arc::new(registration));
        let wanted = Arc::clone(&registration);
        let decrypter = self.register.decrypter.clone();
        // It may name files, which are read now.
        let read = spawn_blocking(move || wanted.server(&beside, &decrypter)).await;
        let (spec, mut warnings) = read.map_err(|_| RegisterError::Gone)??;
        if self.register.inactive.contains(&spec.id.workspace) {
            warnings.push(format!("workspace {} is not active, so it rests", spec.id.workspace));
        }
        let version = self.register.book.keep(&registration).await?;
        let id = registration.id.clone();
        let is_remote = matches!(spec.transport, conductor_config::Transport::Remote(_));
        let registration = Some(registration);
        let entry = Entry { version: version.clone(), registration, is_remote, aside: None };
        self.register.entries.insert(id.clone(), entry);
        let mut config = Config::clone(running);
        config.servers.insert(id.clone(), Arc::new(spec));
        deactivate(&mut config, &self.register.inactive);
        info!(server = %id, "server registered");
        self.system.reconcile(Arc::new(config)).await;
        Ok(Registered { version, warnings })
    }
}
