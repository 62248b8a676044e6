//! This file is the roll of the children that this process has to await, open to all who start,
//! count or reap them.
//!
//! It leaves what is done about a change to those who watch it.

use std::collections::BTreeMap;
use std::io;

use tokio::sync::watch;

use super::engine::Engine;

/// Who is awaited.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    /// Leaders of groups by number, with their start times.
    pub(super) groups: BTreeMap<u32, u64>,
    /// What runs containers for children, by their marks, until those are removed.
    pub(super) containers: BTreeMap<String, Engine>,
    /// The guard.
    pub(super) guard: Option<u32>,
    /// Whether orphans of children become children of this process.
    pub(super) adopts: bool,
    /// Starts under way: children that are there, but not written down yet.
    forking: usize,
}

impl Entries {
    /// Whether somebody awaits the child with this number.
    pub(super) fn awaits(&self, pid: u32) -> bool {
        self.guard == Some(pid) || self.groups.contains_key(&pid)
    }

    /// Whether there may be children that are awaited and not written down yet.
    pub(super) fn is_forking(&self) -> bool {
        self.forking > 0
    }
}

/// The roll. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Roll(watch::Sender<Entries>);

impl Roll {
    /// Starts a child by `fork`, and has `enter` write it down before anybody can take it for a
    /// stranger.
    pub(super) fn fork<T>(
        &self,
        fork: impl FnOnce() -> io::Result<T>,
        enter: impl FnOnce(&mut Entries, &T),
    ) -> io::Result<T> {
        self.0.send_if_modified(|entries| {
            entries.forking += 1;
            false
        });
        let child = fork();
        self.0.send_modify(|entries| {
            entries.forking -= 1;
            if let Ok(child) = &child {
                enter(entries, child);
            }
        });
        child
    }

    /// From now on orphans of children become children of this process.
    pub(super) fn adopt(&self) {
        self.0.send_modify(|entries| entries.adopts = true);
    }

    /// The leader of this group is reaped.
    pub(super) fn strike_out(&self, leader: u32) {
        self.0.send_if_modified(|entries| entries.groups.remove(&leader).is_some());
    }

    /// The containers of the child with this mark are removed.
    pub(super) fn strike_out_containers(&self, mark: &str) {
        self.0.send_if_modified(|entries| entries.containers.remove(mark).is_some());
    }

    /// Containers of an earlier run are still to be removed.
    pub(super) fn inherit(&self, containers: BTreeMap<String, Engine>) {
        self.0.send_modify(|entries| entries.containers.extend(containers));
    }

    /// The guard is reaped.
    pub(super) fn strike_out_guard(&self) {
        self.0.send_if_modified(|entries| entries.guard.take().is_some());
    }

    /// Who is on it now.
    pub(super) fn current(&self) -> Entries {
        self.0.borrow().clone()
    }

    /// Tells of every change.
    pub(super) fn watch(&self) -> watch::Receiver<Entries> {
        self.0.subscribe()
    }
}
