//! This file serves the admin interface on its socket until the daemon ends.
//!
//! It leaves what is answered to the routes.

use std::time::Duration;

use axum::Router;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::AdminSocket;

/// How long requests under way get when the daemon ends.
const GRACE: Duration = Duration::from_secs(1);

/// Serves `routes` until `ended` is cancelled; the socket's file is gone afterwards.
pub async fn serve(socket: AdminSocket, routes: Router, ended: CancellationToken) {
    let stop = ended.clone().cancelled_owned();
    let serving = axum::serve(socket, routes).with_graceful_shutdown(stop).into_future();
    tokio::pin!(serving);
    let result = tokio::select! {
        result = &mut serving => result,
        () = ended.cancelled() => timeout(GRACE, serving).await.unwrap_or(Ok(())),
    };
    if let Err(error) = result {
        error!(%error, "the admin socket is closed: the command line cannot reach this daemon");
    }
}
