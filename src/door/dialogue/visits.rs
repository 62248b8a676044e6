//! This file follows the visits that a server asks for during one call, and tells the client of those that
//! end in it (MCP 2025-11-25, client/elicitation, URL mode).
//!
//! It leaves those that end later to whoever hears for the session.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use conductor_actors::{Visit, shown_visit};
use conductor_config::ServerId;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;

use crate::door::hearing::visited;

type Told = Pin<Box<dyn Future<Output = Option<Arc<str>>> + Send>>;

/// The visits of one call.
pub(in crate::door) struct Visits {
    /// Each ends with its name when the client was told.
    telling: FuturesUnordered<Told>,
    open: BTreeMap<Arc<str>, ServerId>,
    out: mpsc::Sender<Bytes>,
}

impl Visits {
    /// None yet, of a client that is told by way of `out`.
    pub(in crate::door) fn told_to(out: &mpsc::Sender<Bytes>) -> Self {
        Self { telling: FuturesUnordered::new(), open: BTreeMap::new(), out: out.clone() }
    }

    /// Follows one more, which `server` asks for; `label` names that where the client sees visits of
    /// others as well.
    pub(in crate::door) fn follow(&mut self, server: ServerId, label: Option<&str>, visit: Visit) {
        let (out, Visit { id, ended }) = (self.out.clone(), visit);
        let shown = label.map(|label| shown_visit(label, &id));
        self.open.insert(Arc::clone(&id), server);
        self.telling.push(Box::pin(async move {
            ended.await.ok()?;
            out.send(visited(shown.as_deref().unwrap_or(&id))).await.ok()?;
            Some(id)
        }));
    }

    /// Tells of those that end; returns after each.
    pub(in crate::door) async fn next(&mut self) -> Option<()> {
        let told = self.telling.next().await?;
        if let Some(id) = told {
            self.open.remove(&id);
        }
        Some(())
    }

    /// Tells of those that have ended by now; returns the others.
    pub(in crate::door) fn left(mut self) -> impl Iterator<Item = (ServerId, Arc<str>)> {
        while let Some(Some(())) = self.next().now_or_never() {}
        self.open.into_iter().map(|(id, server)| (server, id))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn visit(visits: &mut Visits, id: &str) -> oneshot::Sender<()> {
        let (end, ended) = oneshot::channel();
        let label = id.starts_with('y').then_some("a");
        visits.follow("a".parse().unwrap(), label, Visit { id: id.into(), ended });
        end
    }

    #[tokio::test]
    async fn those_that_end_are_told_and_the_others_left() {
        let (out, mut told) = mpsc::channel(8);
        let mut visits = Visits::told_to(&out);
        let ends = ["x", "y", "z", "gone"].map(|id| visit(&mut visits, id));
        let [x, y, _z, gone] = ends;
        x.send(()).unwrap();
        assert_eq!(visits.next().await, Some(()));
        y.send(()).unwrap();
        drop(gone);
        let left: Vec<_> = visits.left().map(|(_, id)| id).collect();
        assert_eq!(left, ["gone".into(), "z".into()]);
        assert_eq!(told.try_recv().unwrap(), visited("x"));
        assert_eq!(told.try_recv().unwrap(), visited("a:y"));
        assert!(told.try_recv().is_err());
    }
}
