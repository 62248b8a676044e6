//! This file takes TCP connections in, as many as there may be, and serves each connection, from
//! wherever it came, until it ends in order.
//!
//! It leaves every request to `routes`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::routes::Routes;
use super::{Door, gate};
use crate::door::room;

/// The largest head of a request, in bytes.
const HEAD_MAX: usize = 64 * 1024;
/// After an accept that failed for want of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection without any request is kept when the door closes.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// Accepts until `shutdown`; returns when the last connection has ended.
pub(super) async fn accept(
    listener: TcpListener,
    routes: Routes,
    door: Arc<Door>,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(door.settings.max_connections));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Without a place a client waits in the kernel's queue instead of being turned away.
        let accepted = async {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return std::future::pending().await;
            };
            room::for_a_connection(&listener).await;
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, place)) => {
                let (routes, door) = (routes.clone(), Arc::clone(&door));
                // Answers are small and awaited; a socket that cannot be told so is merely slower.
                let _ = stream.set_nodelay(true);
                connections.spawn(async move {
                    connection(stream, routes, door).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until it ends, or `door` closes: then the request under way is the last.
pub(super) async fn connection<C, R>(stream: C, routes: R, door: Arc<Door>)
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    let shutdown = door.shutdown.clone();
    let header_timeout = door.settings.header_timeout;
    let begun = CancellationToken::new();
    let heard = begun.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        heard.cancel();
        let entered = door.gate.check(request.uri(), request.headers());
        let entered = match entered {
            Ok(pass) => match pass.preflight(&request) {
                Some(answer) => Err(answer),
                None => Ok((pass, routes.call(request))),
            },
            Err(problem) => Err(gate::refused(problem)),
        };
        async move {
            match entered {
                Ok((pass, answer)) => answer.await.map(|response| pass.finish(response)),
                Err(answer) => Ok(answer),
            }
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    // A client that was let in a moment ago has a request on its way, and would not know what became
    // of it.
    let closing = async {
        shutdown.cancelled().await;
        let _ = timeout(FIRST_REQUEST, begun.cancelled()).await;
    };
    let ended = tokio::select! {
        biased;
        ended = &mut serving => ended,
        () = closing => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}
