//! This file tells the service manager how the daemon is doing (sd_notify(3)): that it is ready, that
//! it stops, and, where it asks for that, that it still works.
//!
//! Where nobody listens nothing happens. Sockets that the manager hands over are taken by `handover`.

use std::time::Duration;

use conductor_actors::System;
use sd_notify::NotifyState;
use tokio::time::{interval, timeout};
use tracing::{debug, warn};

/// All doors are open.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// The daemon takes no new calls.
pub(crate) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Twice in each period that the manager has set (`WatchdogSec=`), tells it that calls are still
/// dispatched: by who dispatches them, in its turn. Ends at once where no period is set.
pub(crate) async fn watch(system: System) {
    let Some(period) = sd_notify::watchdog_enabled().filter(|period| !period.is_zero()) else {
        return;
    };
    let mut due = interval((period / 2).max(Duration::from_millis(1)));
    loop {
        due.tick().await;
        match timeout(period, system.is_dispatching()).await {
            Ok(true) => tell(NotifyState::Watchdog),
            Ok(false) | Err(_) => {
                warn!("calls are not dispatched, the service manager is not told");
            }
        }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        debug!(%error, "the service manager cannot be told");
    }
}
