//! This file lets a request be served where its client waits for it, and go on by itself once that client
//! has gone away.
//!
//! A task of its own for each request would do the same, at the cost of a task for each request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// Work that goes on when it is dropped before its end; what it comes to is then lost.
pub(super) struct GoingOn<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send> GoingOn<T> {
    /// Begins with the first poll, or when it is dropped.
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send> Future for GoingOn<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.0 else { return Poll::Pending }; // it has come to its end
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send> Drop for GoingOn<T> {
    fn drop(&mut self) {
        // Without a runtime the daemon is at its end.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    /// Work that ends when it is let, and tells that it has.
    fn work() -> (GoingOn<()>, oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (let_go, waits) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let work = GoingOn::new(async move {
            waits.await.unwrap();
            tell.send(()).unwrap();
        });
        (work, let_go, told)
    }

    #[tokio::test]
    async fn it_is_done_where_it_is_awaited() {
        let (work, let_go, told) = work();
        let_go.send(()).unwrap();
        work.await;
        told.await.unwrap();
    }

    #[tokio::test]
    async fn it_goes_on_when_nobody_awaits_it_any_more() {
        let (mut work, let_go, told) = work();
        tokio::select! {
            biased;
            () = &mut work => unreachable!("it was not let"),
            () = yield_now() => {}
        }
        drop(work);
        let_go.send(()).unwrap();
        told.await.unwrap();
    }
}
