//! This file remembers which lists a peer has seen last, so that it is told of changes exactly when
//! it would see something else.
//!
//! It leaves telling it to the doors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use conductor_actors::ListKind;
use tokio::sync::watch;

use super::service::Service;

/// The digests of the lists that a peer has seen last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<[AtomicU64; 4]>);

/// Which lists a peer would see changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct News {
    /// The tools.
    pub(super) tools: bool,
    /// The prompts.
    pub(super) prompts: bool,
    /// The resources, or their templates.
    pub(super) resources: bool,
}

impl News {
    /// What of it also is in `wanted`.
    pub(super) fn wanted(self, wanted: Self) -> Self {
        Self {
            tools: self.tools && wanted.tools,
            prompts: self.prompts && wanted.prompts,
            resources: self.resources && wanted.resources,
        }
    }

    /// The notifications that tell of it.
    pub(super) fn methods(self) -> impl Iterator<Item = &'static str> {
        let told = [
            (self.tools, "notifications/tools/list_changed"),
            (self.prompts, "notifications/prompts/list_changed"),
            (self.resources, "notifications/resources/list_changed"),
        ];
        told.into_iter().filter_map(|(is, method)| is.then_some(method))
    }
}

impl Seen {
    /// The peer has seen this list with this digest.
    pub(super) fn update(&self, kind: ListKind, digest: u64) {
        for (known, seen) in ListKind::ALL.iter().zip(self.0.iter()) {
            if *known == kind {
                seen.store(digest, Ordering::Release);
            }
        }
    }

    /// The peer may have missed what it was told of changes.
    pub(super) fn forget(&self) {
        self.0.iter().for_each(|seen| seen.store(0, Ordering::Release));
    }

    /// The peer knows of all lists as they are now; returns what it had not known.
    pub(super) fn catch_up(&self, digests: [u64; 4]) -> News {
        let mut news = News::default();
        for ((kind, seen), digest) in ListKind::ALL.iter().zip(self.0.iter()).zip(digests) {
            if seen.swap(digest, Ordering::AcqRel) != digest {
                match kind {
                    ListKind::Tools => news.tools = true,
                    ListKind::Prompts => news.prompts = true,
                    ListKind::Resources | ListKind::Templates => news.resources = true,
                }
            }
        }
        news
    }
}

/// Waits for changes of what a peer sees.
pub(super) struct Changes {
    service: Service,
    revision: watch::Receiver<u64>,
    seen: Seen,
}

impl Changes {
    /// Changes of what `service` shows beyond what `seen` says.
    pub(super) fn new(service: Service, seen: Seen) -> Self {
        let revision = service.system().catalog().changes();
        Self { service, revision, seen }
    }

    /// Returns when the peer would see another list than it has seen last; `None` if there will be
    /// no more changes. Nothing is lost if the wait is given up.
    pub(super) async fn next(&mut self) -> Option<News> {
        loop {
            self.revision.borrow_and_update();
            let news = self.seen.catch_up(self.service.digests());
            if news != News::default() {
                return Some(news);
            }
            if self.revision.changed().await.is_err() {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seen: &Seen, digests: [u64; 4], expected: &[&str]) {
        assert_eq!(seen.catch_up(digests).methods().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_peer_is_told_once_of_each_list_that_it_has_not_seen() {
        let seen = Seen::default();
        check(&seen, [0; 4], &[]);
        let (tools, prompts, resources) = (
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
        );
        check(&seen, [1, 0, 0, 0], &[tools]);
        check(&seen, [1, 2, 0, 3], &[prompts, resources]);
        check(&seen, [1, 2, 0, 3], &[]);
        seen.update(ListKind::Resources, 4);
        check(&seen, [1, 2, 4, 3], &[]);
    }
}
