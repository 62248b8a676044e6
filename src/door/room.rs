//! This file keeps file descriptors back from connections, so that servers can be started and files
//! opened however many clients come.
//!
//! It leaves taking connections to the doors.

use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit};
use tokio::time::sleep;
use tracing::warn;

/// Descriptors that no connection takes; a quarter where there are few.
const RESERVE: u64 = 32;
/// Until the next look where there is no room.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until one more connection leaves the reserve untouched. Clients wait in the kernel's queue.
pub(super) async fn for_a_connection(listener: &impl AsFd) {
    let mut told = false;
    while !is_there(listener) {
        if !told {
            warn!("no connection accepted: only the reserve of file descriptors is left");
        }
        told = true;
        sleep(PAUSE).await;
    }
}

/// The kernel gives out the lowest number that is free, so a high one means that few are.
fn is_there(any: &impl AsFd) -> bool {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return true };
    let Ok(next) = fcntl_dupfd_cloexec(any, 0) else { return false };
    u64::try_from(next.as_raw_fd()).is_ok_and(|next| next < limit - RESERVE.min(limit / 4))
}
