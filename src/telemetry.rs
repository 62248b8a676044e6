//! This file sends the log to stderr, from a thread of its own: nobody who logs ever waits for
//! whoever reads stderr, or fails because nobody does.
//!
//! It does not say what is logged. stdout belongs to data and to the protocol.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use conductor_config::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait to be written; more are dropped and counted.
const WAITING: usize = 8192;
/// Libraries whose own stories are not for the operator.
const QUIET: [&str; 3] = ["rmcp", "ractor", "hyper"];
/// How long the last lines may take at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Keeps the log going. Dropping it writes what is still waiting, for a second at most.
#[derive(Debug)]
pub(crate) struct Telemetry {
    lines: Option<SyncSender<Line>>,
    done: Receiver<()>,
}

enum Line {
    Text(Vec<u8>),
    End,
}

/// Starts the log. `directives` is a level or a list such as `info,conductor_actors=debug`; what
/// cannot be read of it is told on the log itself. A second call in one process has no effect.
///
/// # Errors
///
/// If no thread can be had.
pub(crate) fn start(directives: &str, format: LogFormat) -> io::Result<Telemetry> {
    let (lines, waiting) = sync_channel(WAITING);
    let (end, done) = sync_channel(1);
    let lost = Arc::new(AtomicU64::new(0));
    let writer = Writer { lines: lines.clone(), lost: Arc::clone(&lost) };
    std::thread::Builder::new().name("log".to_owned()).spawn(move || {
        write_all(&waiting, &lost);
        let _ = end.send(()); // nobody waits for it any more if this fails
    })?;
    let (filter, unread) = filter(directives);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .log_internal_errors(false);
    let installed = match format {
        LogFormat::Text => builder.with_ansi(colours()).with_target(false).try_init(),
        LogFormat::Json => {
            let builder = builder.with_ansi(false).json().flatten_event(true);
            builder.with_current_span(false).with_span_list(false).try_init()
        }
    };
    drop(installed); // fails only where a log is already kept, as in tests
    std::panic::set_hook(Box::new(told));
    if let Some(error) = unread {
        tracing::warn!(%error, "part of the log filter cannot be read and has no effect");
    }
    Ok(Telemetry { lines: Some(lines), done })
}

/// Tells of a panic on the log, where it is one line like any other.
fn told(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(place, text, "a part of the program panicked");
}

fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && io::stderr().is_terminal()
}

/// The filter, with the libraries in [`QUIET`] kept to warnings unless something is said about
/// them: what they tell on other levels may hold arguments and results.
fn filter(directives: &str) -> (EnvFilter, Option<String>) {
    match EnvFilter::try_new(with_quiet(directives)) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(with_quiet("info")), Some(error.to_string())),
    }
}

fn with_quiet(directives: &str) -> String {
    let unsaid = QUIET.iter().filter(|name| !directives.contains(**name));
    unsaid.fold(directives.to_owned(), |all, name| format!("{all},{name}=warn"))
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        let Some(lines) = self.lines.take() else { return };
        // A full queue means that stderr stands still: then there is nothing to wait for.
        if lines.try_send(Line::End).is_ok() {
            let _ = self.done.recv_timeout(LAST_LINES);
        }
    }
}

fn write_all(waiting: &Receiver<Line>, lost: &AtomicU64) {
    let mut stderr = io::stderr();
    // Write errors have nowhere to go: a full disk or a closed pipe must not end the daemon.
    while let Ok(Line::Text(line)) = waiting.recv() {
        let _ = stderr.write_all(&line);
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(
                stderr,
                "{{\"level\":\"WARN\",\"message\":\"log lines lost\",\"count\":{missing}}}"
            );
        }
    }
    let _ = stderr.flush();
}

/// Hands each line to the thread that writes.
#[derive(Clone)]
struct Writer {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

impl Write for Writer {
    /// The subscriber writes each event at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Line::Text(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(directives: &str, expected: &str, readable: bool) {
        let (filter, unread) = filter(directives);
        let mut parts: Vec<String> = filter.to_string().split(',').map(str::to_owned).collect();
        parts.sort();
        assert_eq!((parts.join(" "), unread.is_none()), (expected.to_owned(), readable));
    }

    #[test]
    fn the_library_is_quiet_unless_asked() {
        check("info", "hyper=warn info ractor=warn rmcp=warn", true);
        check("debug,rmcp=trace", "debug hyper=warn ractor=warn rmcp=trace", true);
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_replaced_and_told() {
        check("loud=very=much", "hyper=warn info ractor=warn rmcp=warn", false);
    }

    #[test]
    fn who_logs_never_waits() {
        let (lines, waiting) = sync_channel(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = Writer { lines, lost: Arc::clone(&lost) };
        for _ in 0..5 {
            writer.write_all(b"line\n").unwrap();
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3);
        assert_eq!(waiting.try_iter().count(), 2);
    }
}
