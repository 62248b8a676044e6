//! Keeps registrations: writes them into the store, and reads them at a start.
//!
//! How one is written is in `document`.

use std::collections::BTreeSet;
use std::sync::Arc;

use conductor_config::{Registration, ServerId, WorkspaceName};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::document::{self, UnreadableError};
use crate::credentials::{KeySource, Keyring, MasterKey, MasterKeyError, SealError};
use crate::store::{Kind, StateDir, Store, StoreError};

/// What is written of a workspace that is not active.
const INACTIVE: &[u8] = br#"{"active":false}"#;

/// All that is registered, and which workspaces are active. One owner changes it.
pub struct Registrations {
    store: Arc<dyn Store>,
    dir: StateDir,
    source: KeySource,
    keys: Option<Arc<Keyring>>,
}

impl std::fmt::Debug for Registrations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registrations({:?})", self.keys)
    }
}

/// One registration as it was found.
#[derive(Debug)]
pub struct Kept {
    /// The server's workspace and name.
    pub id: ServerId,
    /// What tells this version of it from others, fit for an entity tag.
    pub version: String,
    /// What was registered, if that can still be read.
    pub registration: Result<Registration, UnreadableError>,
    /// Whether the server is reached over HTTP.
    pub is_remote: bool,
}

/// What became of registrations that were encrypted anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many are under the newest key now.
    pub done: usize,
    /// Those that could not be read.
    pub unreadable: Vec<ServerId>,
}

/// Why a registration was not kept. Nothing has changed then.
#[derive(Debug, Error)]
pub enum KeepError {
    /// The store did not take it.
    #[error("failed to write the registration")]
    Store(#[from] StoreError),
    /// There is no key for its secrets.
    #[error("failed to encrypt the registration")]
    Key(#[from] MasterKeyError),
    /// Its secrets could not be encrypted.
    #[error("failed to encrypt the registration")]
    Seal(#[from] SealError),
    /// The program is ending.
    #[error("the daemon is stopping")]
    Interrupted,
}

impl Registrations {
    /// Registrations in `store`, with the master key that `source` names, or that of `dir`.
    pub(crate) fn new(store: Arc<dyn Store>, dir: StateDir, source: KeySource) -> Self {
        Self { store, dir, source, keys: None }
    }

    /// Reads all of them, in the order of workspaces and names.
    ///
    /// # Errors
    /// If the store cannot be read, or there is a master key that cannot be used.
    pub async fn load(&mut self) -> Result<Vec<Kept>, KeepError> {
        self.find_keys(false).await?;
        let documents = self.store.list(Kind::Registration).await?;
        let keys = self.keys.as_deref();
        let kept = documents.iter().filter_map(|document| {
            let id: ServerId = document.key.parse().ok()?;
            let registration = document::read(&id, &document.body, keys);
            let (version, body) = (document::version(&document.body), &document.body);
            Some(Kept { id, version, registration, is_remote: document::is_remote(body) })
        });
        Ok(kept.collect())
    }

    /// Keeps a registration, in place of the one with the same id. Returns when it would survive
    /// a loss of power, with its version.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn keep(&mut self, registration: &Registration) -> Result<String, KeepError> {
        if document::has_secrets(registration) {
            self.find_keys(true).await?;
        }
        let body = document::written(registration, self.key())?;
        let version = document::version(&body);
        self.store.put(Kind::Registration, stored_as(&registration.id), body).await?;
        Ok(version)
    }

    /// Forgets a registration; says whether there was one.
    ///
    /// # Errors
    /// If that could not be written.
    pub async fn forget(&mut self, id: &ServerId) -> Result<bool, KeepError> {
        Ok(self.store.delete(Kind::Registration, stored_as(id)).await?)
    }

    /// Encrypts what is secret in all registrations anew, with the newest key, all or nothing. What
    /// cannot be read stays as it is, and is named.
    ///
    /// # Errors
    /// If they could not be read or written.
    pub async fn seal_anew(&mut self) -> Result<Resealed, KeepError> {
        self.find_keys(true).await?;
        let documents = self.store.list(Kind::Registration).await?;
        let (mut written, mut resealed) = (Vec::new(), Resealed::default());
        for document in documents {
            let Ok(id) = document.key.parse::<ServerId>() else { continue };
            let body = match document::read(&id, &document.body, self.keys.as_deref()) {
                Ok(registration) => {
                    resealed.done += 1;
                    document::written(&registration, self.key())?
                }
                Err(_) => {
                    resealed.unreadable.push(id);
                    document.body
                }
            };
            written.push((document.key, body));
        }
        self.store.replace_all(Kind::Registration, written).await?;
        Ok(resealed)
    }

    fn key(&self) -> Option<&MasterKey> {
        self.keys.as_deref().map(Keyring::first)
    }

    /// The workspaces that were deactivated and not activated since.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn inactive(&self) -> Result<BTreeSet<WorkspaceName>, KeepError> {
        let documents = self.store.list(Kind::Workspace).await?;
        let inactive = documents.iter().filter(|document| document.body == INACTIVE);
        Ok(inactive.filter_map(|document| document.key.parse().ok()).collect())
    }

    /// Remembers whether a workspace is active. Returns when that would survive a loss of power.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn set_active(
        &mut self,
        workspace: &WorkspaceName,
        active: bool,
    ) -> Result<(), KeepError> {
        let key = workspace.to_string();
        match active {
            true => drop(self.store.delete(Kind::Workspace, key).await?),
            false => self.store.put(Kind::Workspace, key, INACTIVE.to_vec()).await?,
        }
        Ok(())
    }

    /// Has a key at hand, if there is one, or `needed` makes one.
    async fn find_keys(&mut self, needed: bool) -> Result<(), KeepError> {
        if self.keys.is_some() {
            return Ok(());
        }
        let (dir, source) = (self.dir.clone(), self.source.clone());
        let found = spawn_blocking(move || match needed {
            true => Keyring::load_or_create(&source, dir.path()).map(Some),
            false => Keyring::load(&source, dir.path()),
        });
        let found = found.await.map_err(|_| KeepError::Interrupted)??;
        self.keys = found.map(Arc::new);
        Ok(())
    }
}

/// The key of a registration in the store: always with its workspace.
fn stored_as(id: &ServerId) -> String {
    format!("{}/{}", id.workspace, id.name)
}
