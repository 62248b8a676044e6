//! This file tells a peer with a handshake what it did not ask for: what it hears beside answers, and which
//! lists it would see otherwise than it has.
//!
//! It leaves what there is to tell to `hearing` and `seen`, and carrying it to the doors.

use std::collections::VecDeque;

use bytes::Bytes;
use conductor_actors::Inbox;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::hearing;
use super::listen::list_changed;
use super::seen::{Changes, Seen};
use super::service::Service;

/// What a peer is to be told unasked.
pub(super) struct Unasked {
    inbox: Option<Inbox>,
    /// None if there will be no more.
    changes: Option<Changes>,
    waiting: VecDeque<Bytes>,
}

impl Unasked {
    /// For the peer of `service`, which has seen these lists. From when this returns, nothing is missed.
    pub(super) async fn of(service: &Service, seen: &Seen) -> Self {
        let (inbox, changes) = (service.hear().await, service.changes(seen.clone()));
        Self { inbox, changes: Some(changes), waiting: VecDeque::new() }
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Bytes {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return line;
            }
            let changed = async {
                match &mut self.changes {
                    Some(changes) => changes.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                line = hearing::next(&mut self.inbox) => return line,
                news = changed => match news {
                    Some(news) => self.waiting.extend(list_changed(news)),
                    None => self.changes = None,
                },
            }
        }
    }
}

/// Tells one peer, until it is dropped. A task of its own, so that calls, which come often, need not look
/// at what comes seldom.
pub(super) struct Herald {
    _task: AbortOnDropHandle<()>,
}

impl Herald {
    /// Sends to `out` what `unasked` says, as long as it is taken.
    pub(super) fn new(mut unasked: Unasked, out: mpsc::Sender<Bytes>) -> Self {
        let telling = async move { while out.send(unasked.next().await).await.is_ok() {} };
        Self { _task: AbortOnDropHandle::new(tokio::spawn(telling)) }
    }
}
