//! This file is the door for one agent that started this program itself.
//!
//! stdout carries JSON-RPC and nothing else. It leaves the protocol to `stream`.

use conductor_actors::{LocalCaller, Scope, System};
use tokio_util::sync::CancellationToken;

use super::service::Service;
use super::stream;
use crate::door::dialogue::Parking;

/// Serves stdin and stdout until the input ends or `shutdown`. The first `tools/list` waits for
/// all servers, ten seconds at most: their start is this agent's start.
///
/// A read of a terminal may still block a thread afterwards, so the process should exit rather
/// than wait for its runtime.
pub async fn serve(system: System, scope: Scope, shutdown: CancellationToken) {
    let (at, caller) = (("stdio".into(), scope), LocalCaller::new("stdio"));
    let service = Service::new(system, at, caller, Parking::new()).awaiting_all();
    stream::serve(tokio::io::stdin(), tokio::io::stdout(), service, shutdown).await;
}
