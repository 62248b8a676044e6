//! This file turns signals into wishes: the first that ends asks for a clean stop, the second for an
//! end at once; SIGHUP asks for a look at the settings.
//!
//! It leaves granting them to whoever watches.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Says when to stop, and when to read settings again. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Cancelled when a clean stop is wanted.
    pub(crate) clean: CancellationToken,
    /// Cancelled when everything is to end at once.
    pub(crate) now: CancellationToken,
    /// Notified when settings are to be read again.
    pub(crate) reload: Arc<Notify>,
}

impl Stop {
    /// One more wish to stop: the first for a clean stop, each further one for the end.
    fn ask(&self, signal: &'static str) {
        if self.clean.is_cancelled() {
            warn!(signal, "asked again to stop, ending at once");
            self.now.cancel();
        } else {
            info!(signal, "shutting down, calls under way may finish");
            self.clean.cancel();
        }
    }

    fn ask_now(&self, signal: &'static str) {
        warn!(signal, "asked to end at once");
        self.clean.cancel();
        self.now.cancel();
    }
}

struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
}

/// Takes over the signals of this process for good; must be called within a runtime, before
/// anything that needs to be stopped is started. SIGPIPE is already ignored by every Rust program.
///
/// # Errors
///
/// If the system refuses a handler.
pub(crate) fn on_signals() -> io::Result<Stop> {
    let mut signals = Signals {
        term: signal(SignalKind::terminate())?,
        int: signal(SignalKind::interrupt())?,
        quit: signal(SignalKind::quit())?,
        hup: signal(SignalKind::hangup())?,
        usr1: signal(SignalKind::user_defined1())?,
        usr2: signal(SignalKind::user_defined2())?,
    };
    let stop = Stop::default();
    let asked = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = signals.term.recv() => asked.ask("SIGTERM"),
                _ = signals.int.recv() => asked.ask("SIGINT"),
                _ = signals.quit.recv() => asked.ask_now("SIGQUIT"),
                _ = signals.hup.recv() => asked.reload.notify_one(),
                _ = signals.usr1.recv() => info!(signal = "SIGUSR1", "signal ignored"),
                _ = signals.usr2.recv() => info!(signal = "SIGUSR2", "signal ignored"),
            }
        }
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_is_for_a_clean_stop_the_second_for_the_end() {
        let stop = Stop::default();
        let state = |stop: &Stop| (stop.clean.is_cancelled(), stop.now.is_cancelled());
        assert_eq!(state(&stop), (false, false));
        stop.ask("SIGINT");
        assert_eq!(state(&stop), (true, false));
        stop.ask("SIGTERM");
        assert_eq!(state(&stop), (true, true));
    }
}
