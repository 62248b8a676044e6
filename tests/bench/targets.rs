//! This file is what the gateway is meant to reach, and which figure says whether it does.
//! It leaves measuring to `suite.rs` and the reasons for misses to docs/performance.md.

use crate::book::{Book, Key, Measure, Path};
use crate::suite::fair;
use crate::trouble::Trouble;

/// One thing to reach.
pub(crate) struct Target {
    pub(crate) text: &'static str,
    pub(crate) limit: f64,
    pub(crate) unit: &'static str,
    /// Whether more is better.
    pub(crate) at_least: bool,
    figure: fn(&Book) -> Option<f64>,
}

impl Target {
    /// What was measured, if it was.
    pub(crate) fn found(&self, book: &Book) -> Option<f64> {
        (self.figure)(book).filter(|value| value.is_finite())
    }

    /// Whether it is reached.
    pub(crate) fn is_met(&self, found: f64) -> bool {
        if self.at_least { found >= self.limit } else { found <= self.limit }
    }
}

const OLD: &str = "HTTP 2025-11-25";
const NEW: &str = "HTTP 2026-07-28";

/// All of them.
pub(crate) const TARGETS: [Target; 21] = [
    at_most("echo, 16 clients, 2025-11-25: CPU to direct", 2.5, "times", |book| {
        ratio(book, echo(OLD, 16), Measure::Cpu)
    }),
    at_most("echo, 16 clients, 2026-07-28: CPU to direct", 2.5, "times", |book| {
        ratio(book, echo(NEW, 16), Measure::Cpu)
    }),
    at_least("echo, 16 clients, 2025-11-25: calls a second to direct", 0.5, "times", |book| {
        ratio(book, echo(OLD, 16), Measure::Rate)
    }),
    at_least("echo, 16 clients, 2026-07-28: calls a second to direct", 0.5, "times", |book| {
        ratio(book, echo(NEW, 16), Measure::Rate)
    }),
    at_most("echo, 16 clients, Unix socket: CPU of a call", 12.0, "us", |book| {
        book.median(echo("Unix socket", 16), Measure::Cpu)
    }),
    at_most("echo, 1 client: added to half of the calls, 2025-11-25", 35.0, "us", |book| {
        added(book, echo(OLD, 1))
    }),
    at_most("echo, 1 client: added to half of the calls, 2026-07-28", 35.0, "us", |book| {
        added(book, echo(NEW, 1))
    }),
    at_most("10 kB structured: CPU, the dearer revision", 40.0, "us", |book| {
        dearer(book, "sizes", "10 kB structured, ", 16)
    }),
    at_most("100 kB text: CPU, the dearer revision", 90.0, "us", |book| {
        dearer(book, "sizes", "100 kB text, ", 16)
    }),
    at_most("1 MB structured: CPU, the dearer revision", 2500.0, "us", |book| {
        dearer(book, "sizes", "1 MB structured, ", 4)
    }),
    at_most("list of 200 tools: CPU, the dearer revision", 40.0, "us", |book| {
        dearer(book, "list", "", 200)
    }),
    at_most("memory, 10 servers, idle", 15.0, "MiB", |book| {
        book.median(Key { step: "memory", case: "10 servers, idle", ..ONE }, Measure::Memory)
    }),
    at_most("memory, 10 servers, after all calls", 25.0, "MiB", |book| {
        let case = "10 servers, after calls";
        let counts = book.rows("memory").into_iter().filter(|(name, _)| *name == case);
        let (_, count) = counts.max_by_key(|(_, count)| *count)?;
        book.median(Key { step: "memory", case, count, ..ONE }, Measure::Memory)
    }),
    at_most("start to the first answer, `conductor serve`", 20.0, "ms", |book| {
        let key = Key { step: "start", case: "conductor serve", count: 1, ..ONE };
        book.median(key, Measure::Wait)
    }),
    at_most("killed server to the next answer, the slower session", 15.0, "ms", |book| {
        let of = |case| book.median(Key { step: "recover", case, count: 1, ..ONE }, Measure::Wait);
        Some(of("open session")?.max(of("new session")?))
    }),
    at_most("p99 beside a slow server with 500 calls waiting", 1.5, "times", |book| {
        fair(book, Trouble::Slow)
    }),
    at_most("p99 beside a server that floods notifications", 2.0, "times", |book| {
        fair(book, Trouble::Flood)
    }),
    at_most("p99 beside a server that floods text", 2.0, "times", |book| {
        fair(book, Trouble::Garbage)
    }),
    at_most("p99 beside a server that crashes again and again", 1.5, "times", |book| {
        fair(book, Trouble::Crash)
    }),
    at_most("p99 beside answers of 1 MB without pause", 2.0, "times", |book| {
        fair(book, Trouble::Huge)
    }),
    at_most("p99 beside clients that do not read", 2.0, "times", |book| {
        fair(book, Trouble::Unread)
    }),
];

const ONE: Key<'static> = Key { step: "", case: "", count: 0, path: Path::Gateway };

const fn at_most(
    text: &'static str,
    limit: f64,
    unit: &'static str,
    figure: fn(&Book) -> Option<f64>,
) -> Target {
    Target { text, limit, unit, at_least: false, figure }
}

const fn at_least(
    text: &'static str,
    limit: f64,
    unit: &'static str,
    figure: fn(&Book) -> Option<f64>,
) -> Target {
    Target { text, limit, unit, at_least: true, figure }
}

fn echo(case: &'static str, count: u32) -> Key<'static> {
    Key { step: "echo", case, count, path: Path::Gateway }
}

/// Gateway to direct.
pub(crate) fn ratio(book: &Book, key: Key<'_>, measure: Measure) -> Option<f64> {
    let own = book.median(Key { path: Path::Gateway, ..key }, measure)?;
    Some(own / book.median(Key { path: Path::Direct, ..key }, measure)?)
}

fn added(book: &Book, key: Key<'_>) -> Option<f64> {
    let own = book.median(key, Measure::P50)?;
    Some(own - book.median(Key { path: Path::Direct, ..key }, Measure::P50)?)
}

fn fair(book: &Book, trouble: Trouble) -> Option<f64> {
    let case = format!("{}, {}", trouble.name(), fair::BESIDE);
    book.median(Key { step: fair::STEP, case: &case, count: 1, ..ONE }, Measure::Times)
}

fn dearer(book: &Book, step: &str, case: &str, count: u32) -> Option<f64> {
    let of = |era| {
        let case = format!("{case}{era}");
        book.median(Key { step, case: &case, count, path: Path::Gateway }, Measure::Cpu)
    };
    Some(of(OLD)?.max(of(NEW)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(direct: f64, gateway: f64) -> Book {
        let mut book = Book::default();
        for (path, value) in [(Path::Direct, direct), (Path::Gateway, gateway)] {
            for measure in [Measure::Cpu, Measure::Rate, Measure::P50] {
                book.note(Key { path, ..echo(OLD, 16) }, measure, value);
                book.note(Key { path, ..echo(OLD, 1) }, measure, value);
            }
        }
        book
    }

    fn check(at: usize, direct: f64, gateway: f64, found: f64, is_met: bool) {
        let target = &TARGETS[at];
        let seen = target.found(&book(direct, gateway)).unwrap();
        assert!((seen - found).abs() < 1e-9, "{}: {seen}", target.text);
        assert_eq!(target.is_met(seen), is_met, "{}: {seen}", target.text);
    }

    #[test]
    fn ratios_and_differences_are_held_against_their_limits() {
        check(0, 10.0, 25.0, 2.5, true);
        check(0, 10.0, 26.0, 2.6, false);
        check(2, 10.0, 5.0, 0.5, true);
        check(2, 10.0, 4.0, 0.4, false);
        check(5, 10.0, 45.0, 35.0, true);
        check(5, 10.0, 46.0, 36.0, false);
    }

    #[test]
    fn what_was_not_measured_has_no_figure() {
        assert!(TARGETS.iter().all(|target| target.found(&Book::default()).is_none()));
    }
}
