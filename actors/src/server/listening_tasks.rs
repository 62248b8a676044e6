//! This file listens to how the tasks of a server of the newer revisions go: one long request for all
//! that somebody wants to hear of, beside the one for everything else.
//!
//! A server may refuse it for one task that it has forgotten; the other request is not to suffer from
//! that. It leaves passing on what is heard to `keeper`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::downstream::{Coming, Lane, Ticket};
use super::keeper::at;
use crate::model::{Addresses, Hearing, InstanceId};
use crate::wire::{Hop, json_strings};

/// When a request that has ended is made again.
const AGAIN: Duration = Duration::from_secs(5);

/// A request under way. Dropping it ends it.
struct Open(Ticket, Coming);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Listens as long as the life lasts.
pub(super) async fn listen_to_tasks(id: &InstanceId, lane: &Lane, hearing: &Hearing) {
    let tells = lane.offers().tasks == Some(Hop::Modern);
    let mut wishes = hearing.wishes.clone();
    let (mut open, mut asked) = (None, Addresses::default());
    let mut again: Option<Instant> = None;
    loop {
        let wanted = wishes.borrow_and_update().of(id).tasks;
        if tells && wanted != asked {
            // The request before ends when this one is on its way.
            open = match wanted.is_empty() {
                true => None,
                false => lane.begin("subscriptions/listen", filter(&wanted)).ok(),
            }
            .map(|(ticket, answer)| Open(ticket, answer));
            again = (open.is_none() && !wanted.is_empty()).then(|| Instant::now() + AGAIN);
            asked = wanted;
        }
        tokio::select! {
            () = lane.closed() => return,
            changed = wishes.changed() => if changed.is_err() { return },
            () = end_of(&mut open) => {
                open = None;
                again = Some(Instant::now() + AGAIN);
            }
            () = at(again) => {
                again = None;
                asked = Addresses::default();
            }
        }
    }
}

async fn end_of(open: &mut Option<Open>) {
    match open {
        Some(Open(_, answer)) => drop(answer.await),
        None => std::future::pending().await,
    }
}

/// What is to be told of.
fn filter(tasks: &BTreeSet<Arc<str>>) -> Bytes {
    Bytes::from([br#""notifications":{"taskIds":"#, &*json_strings(tasks), b"}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_names_the_tasks() {
        let tasks = ["a", "b\"c"].into_iter().map(Into::into).collect();
        assert_eq!(filter(&tasks), r#""notifications":{"taskIds":["a","b\"c"]}"#);
    }
}
