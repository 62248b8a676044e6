//! This file reaps processes that became our children because their own parents ended.
//!
//! It never touches one that somebody awaits: those are on the roll.

use std::io;
use std::time::Duration;

use rustix::process::{WaitId, WaitIdOptions, set_child_subreaper, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tracing::debug;

use super::adopted::strangers;
use super::group::pid;
use super::roll::Roll;

/// Ends that come within this time are dealt with together.
const TOGETHER: Duration = Duration::from_millis(50);

/// From now on orphans of our children become children of ours, rather than of the first process,
/// which may reap nobody, or be us. The future reaps them and never ends.
pub(super) fn adopt(roll: Roll) -> io::Result<impl Future<Output = ()> + Send> {
    let mut ends = signal(SignalKind::child())?;
    set_child_subreaper(pid(std::process::id()))?;
    roll.adopt();
    Ok(async move {
        while ends.recv().await.is_some() {
            loop {
                tokio::time::sleep(TOGETHER).await;
                let roll = roll.clone();
                match tokio::task::spawn_blocking(move || reap(&roll)).await {
                    Ok(Look::Unclear) => {}
                    Ok(Look::Reaped(0)) | Err(_) => break,
                    Ok(Look::Reaped(count)) => {
                        debug!(count, "orphans reaped");
                        break;
                    }
                }
            }
        }
    })
}

/// What became of dead children.
enum Look {
    /// So many were nobody's and are reaped.
    Reaped(usize),
    /// Children are being started, so that nobody can tell whose the dead are.
    Unclear,
}

/// Reaps every dead child that is not on the roll.
fn reap(roll: &Roll) -> Look {
    let Ok(Some(strangers)) = strangers(roll) else { return Look::Unclear };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let reaped = |dead: &u32| {
        pid(*dead).is_some_and(|id| matches!(waitid(WaitId::Pid(id), options), Ok(Some(_))))
    };
    Look::Reaped(strangers.iter().filter(|child| reaped(child)).count())
}
