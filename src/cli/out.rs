//! This file is the only way of the command line to stdout and stderr.
//!
//! stdout gets data and nothing else; what is said to a person goes to stderr.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::exit::Failure;

/// After this long a person is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// On something else than a terminal it is repeated this rarely.
const REPEAT: Duration = Duration::from_secs(10);

/// Writes to stdout and stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    stdout_terminal: bool,
    stderr_terminal: bool,
}

impl Out {
    pub(crate) fn new() -> Self {
        Self {
            stdout_terminal: io::stdout().is_terminal(),
            stderr_terminal: io::stderr().is_terminal(),
        }
    }

    /// A line, or several, of data. What others wrote cannot steer a terminal.
    pub(crate) fn data(self, text: &str) -> Result<(), Failure> {
        let text = if self.stdout_terminal { harmless(text) } else { text.to_owned() };
        self.raw(&format!("{text}\n"))
    }

    /// Data as JSON: laid out for a person at a terminal, a line for programs.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = if self.stdout_terminal {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        self.data(&text.map_err(|error| stdout_failed(error.into()))?)
    }

    /// Empties the screen of a terminal.
    pub(crate) fn clear(self) -> Result<(), Failure> {
        if self.stdout_terminal { self.raw("\u{1b}[2J\u{1b}[H") } else { Ok(()) }
    }

    /// A line for people. Nobody may be there to read it.
    pub(crate) fn note(self, text: impl Display) {
        let _ = writeln!(io::stderr(), "{}", harmless(&text.to_string()));
    }

    /// What `future` comes to; if it takes long, a person is told that it is `what`.
    pub(crate) async fn patiently<F: Future>(self, what: &str, future: F) -> F::Output {
        let begun = Instant::now();
        let every = if self.stderr_terminal { PATIENCE } else { REPEAT };
        let mut ticks = interval_at(begun + PATIENCE, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(future);
        let mut told = false;
        loop {
            tokio::select! {
                output = &mut future => {
                    if told && self.stderr_terminal {
                        let _ = write!(io::stderr(), "\r\u{1b}[K");
                    }
                    return output;
                }
                _ = ticks.tick() => {
                    told = true;
                    self.waiting(what, begun.elapsed());
                }
            }
        }
    }

    fn waiting(self, what: &str, since: Duration) {
        let line = format!("{what}, {} s so far", since.as_secs());
        let _ = if self.stderr_terminal {
            write!(io::stderr(), "\r\u{1b}[K{}", harmless(&line))
        } else {
            writeln!(io::stderr(), "{line}")
        };
    }

    fn raw(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(stdout_failed)
    }
}

fn stdout_failed(source: io::Error) -> Failure {
    match source.kind() {
        io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::System { doing: "write to stdout", source },
    }
}

/// `text` without what a terminal would obey instead of showing.
pub(crate) fn harmless(text: &str) -> String {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars().map(|c| if obeyed(c) || is_turning(c) { '\u{fffd}' } else { c }).collect()
}

/// Characters that change the direction of the text around them.
fn is_turning(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered_by_what_others_wrote() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\u{202e}c\n\td\u{9b}"), "a�[2Jb��c\n\td�");
    }

    #[tokio::test]
    async fn waiting_changes_nothing_about_the_outcome() {
        let slow = async {
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(Out::new().patiently("waiting", slow).await, 7);
    }
}
