//! This file is what the gateway is meant to reach, and which figure says whether it does.
//! It leaves measuring to `suite.rs` and the reasons for misses to docs/performance.md.

use Figure::{Added, Alone, Beside, Cpu, Ratio, Start};

use crate::book::{Book, Key, Measure, Path};
use crate::suite::through::{NEW, OLD, UNIX};
use crate::suite::{fair, floor};
use crate::trouble::Trouble;

/// One thing to reach.
pub(crate) struct Target {
    pub(crate) text: &'static str,
    pub(crate) limit: f64,
    figure: Figure,
}

/// Which figure it is.
enum Figure {
    /// How many times that of the direct path.
    Ratio(Row, Measure),
    /// Time of half of the calls, beyond that of the direct path.
    Added(Row),
    /// Processor time of a call.
    Cpu(Row),
    /// One with nothing beside it: the worst of these cases of a part, each at its greatest number.
    Alone(&'static str, Measure, &'static [&'static str]),
    /// From start to the first answer.
    Start,
    /// How many times the p99 of the same calls without this trouble.
    Beside(Trouble),
}

/// A work as the part `floor` names it. Of several doors the worst counts.
struct Row {
    work: &'static str,
    doors: &'static [&'static str],
    clients: u32,
}

/// All of them.
pub(crate) const TARGETS: [Target; 21] = [
    target(
        "echo, 16 clients, 2025-11-25: CPU to direct",
        2.5,
        Ratio(echo(&[OLD], 16), Measure::Cpu),
    ),
    target(
        "echo, 16 clients, 2026-07-28: CPU to direct",
        2.5,
        Ratio(echo(&[NEW], 16), Measure::Cpu),
    ),
    target(
        "echo, 16 clients, 2025-11-25: calls a second to direct",
        0.5,
        Ratio(echo(&[OLD], 16), Measure::Rate),
    ),
    target(
        "echo, 16 clients, 2026-07-28: calls a second to direct",
        0.5,
        Ratio(echo(&[NEW], 16), Measure::Rate),
    ),
    target("echo, 16 clients, Unix socket: CPU of a call", 12.0, Cpu(echo(&[UNIX], 16))),
    target("echo, 1 client: added to half of the calls, 2025-11-25", 35.0, Added(echo(&[OLD], 1))),
    target("echo, 1 client: added to half of the calls, 2026-07-28", 35.0, Added(echo(&[NEW], 1))),
    target("10 kB structured: CPU, the dearer revision", 40.0, Cpu(http("10 kB structured", 16))),
    target("100 kB text: CPU, the dearer revision", 90.0, Cpu(http("100 kB text", 16))),
    target("1 MB structured: CPU, the dearer revision", 2500.0, Cpu(http("1 MB structured", 4))),
    target("list of 200 tools: CPU, the dearer revision", 40.0, Cpu(http(floor::LIST, 16))),
    target(
        "memory, 10 servers, idle",
        15.0,
        Alone("memory", Measure::Memory, &["10 servers, idle"]),
    ),
    target(
        "memory, 10 servers, after all calls",
        25.0,
        Alone("memory", Measure::Memory, &["10 servers, after calls"]),
    ),
    target("start to the first answer, `conductor serve`", 20.0, Start),
    target(
        "killed server to the next answer, the slower session",
        15.0,
        Alone("recover", Measure::Wait, &["open session", "new session"]),
    ),
    target("p99 beside a slow server with 500 calls waiting", 1.5, Beside(Trouble::Slow)),
    target("p99 beside a server that floods notifications", 2.0, Beside(Trouble::Flood)),
    target("p99 beside a server that floods text", 2.0, Beside(Trouble::Garbage)),
    target("p99 beside a server that crashes again and again", 1.5, Beside(Trouble::Crash)),
    target("p99 beside answers of 1 MB without pause", 2.0, Beside(Trouble::Huge)),
    target("p99 beside clients that do not read", 2.0, Beside(Trouble::Unread)),
];

const fn target(text: &'static str, limit: f64, figure: Figure) -> Target {
    Target { text, limit, figure }
}

const fn echo(doors: &'static [&'static str], clients: u32) -> Row {
    Row { work: floor::ECHO, doors, clients }
}

const fn http(work: &'static str, clients: u32) -> Row {
    Row { work, doors: &[OLD, NEW], clients }
}

impl Target {
    /// What was measured, if it was.
    pub(crate) fn found(&self, book: &Book) -> Option<f64> {
        self.figure.of(book, Path::Gateway)
    }

    /// The same of the ruler, if the suite measures it there.
    pub(crate) fn floor(&self, book: &Book) -> Option<f64> {
        self.figure.of(book, Path::Floor)
    }

    /// Whether it is reached.
    pub(crate) fn is_met(&self, found: f64) -> bool {
        if self.is_at_least() { found >= self.limit } else { found <= self.limit }
    }

    /// Whether more is better.
    pub(crate) fn is_at_least(&self) -> bool {
        matches!(self.figure, Ratio(_, Measure::Rate))
    }

    pub(crate) fn unit(&self) -> &'static str {
        let measure = match self.figure {
            Ratio(..) | Beside(_) => Measure::Times,
            Added(_) => Measure::P50,
            Cpu(_) => Measure::Cpu,
            Alone(_, measure, _) => measure,
            Start => Measure::Wait,
        };
        measure.unit()
    }
}

impl Figure {
    /// That of the gateway in the part that measures it, or of the ruler in its own.
    fn of(&self, book: &Book, path: Path) -> Option<f64> {
        let found = match self {
            Ratio(row, measure) => row.worst(path, |key| book.ratio(key, *measure)),
            Added(row) => row.worst(path, |key| book.added(key, Measure::P50)),
            Cpu(row) => row.worst(path, |key| book.median(key, Measure::Cpu)),
            Start if path == Path::Floor => {
                let key = Key { step: floor::STEP, case: floor::START, count: 1, path };
                book.median(key, Measure::Wait)
            }
            // The ruler has nothing that these could be measured of.
            Alone(..) | Beside(_) if path == Path::Floor => None,
            Start => most(book, "start", "conductor serve", Measure::Wait),
            Alone(step, measure, cases) => {
                worst(cases.iter().map(|case| most(book, step, case, *measure)))
            }
            Beside(trouble) => {
                let case = format!("{}, {}", trouble.name(), fair::BESIDE);
                most(book, fair::STEP, &case, Measure::Times)
            }
        };
        found.filter(|value| value.is_finite())
    }
}

impl Row {
    /// The worst figure of all doors.
    fn worst(&self, path: Path, figure: impl Fn(Key<'_>) -> Option<f64>) -> Option<f64> {
        worst(self.doors.iter().map(|door| {
            let case = floor::case(self.work, door);
            let (step, case, count) = match self.work {
                _ if path == Path::Floor => (floor::STEP, case.as_str(), self.clients),
                floor::ECHO => ("echo", *door, self.clients),
                floor::LIST => ("list", *door, floor::TOOLS),
                _ => ("sizes", case.as_str(), self.clients),
            };
            figure(Key { step, case, count, path })
        }))
    }
}

/// The figure of a case at its greatest number.
fn most(book: &Book, step: &str, case: &str, measure: Measure) -> Option<f64> {
    let counts = book.rows(step).into_iter().filter(|(name, _)| *name == case);
    let (_, count) = counts.max_by_key(|(_, count)| *count)?;
    book.median(Key { step, case, count, path: Path::Gateway }, measure)
}

/// None if one is missing.
fn worst(figures: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    figures.collect::<Option<Vec<f64>>>()?.into_iter().reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the small echo stands: in its own part, and in that of the ruler.
    const PLACES: [(&str, &str, Path); 2] = [
        ("echo", OLD, Path::Gateway),
        (floor::STEP, "echo of 100 bytes, HTTP 2025-11-25", Path::Floor),
    ];

    fn check(at: usize, direct: f64, other: f64, found: f64, is_met: bool) {
        let target = &TARGETS[at];
        for (step, case, path) in PLACES {
            let mut book = Book::default();
            for count in [1, 16] {
                for measure in [Measure::Cpu, Measure::Rate, Measure::P50] {
                    let key = Key { step, case, count, path };
                    book.note(key, measure, other);
                    book.note(Key { path: Path::Direct, ..key }, measure, direct);
                }
            }
            let (gateway, floor) = (target.found(&book), target.floor(&book));
            let (seen, none) =
                if path == Path::Floor { (floor, gateway) } else { (gateway, floor) };
            let seen = seen.unwrap();
            assert!((seen - found).abs() < 1e-9, "{}: {seen}", target.text);
            assert_eq!(target.is_met(seen), is_met, "{}: {seen}", target.text);
            assert_eq!(none, None, "{}", target.text);
        }
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
    fn the_dearer_of_two_revisions_counts_and_both_are_needed() {
        let list = &TARGETS[10];
        let mut book = Book::default();
        let key = |step, case, count, path| Key { step, case, count, path };
        book.note(key("list", OLD, 200, Path::Gateway), Measure::Cpu, 30.0);
        book.note(
            key(floor::STEP, "list of 200 tools, HTTP 2025-11-25", 16, Path::Floor),
            Measure::Cpu,
            9.0,
        );
        assert_eq!((list.found(&book), list.floor(&book)), (None, None));
        book.note(key("list", NEW, 200, Path::Gateway), Measure::Cpu, 20.0);
        book.note(
            key(floor::STEP, "list of 200 tools, HTTP 2026-07-28", 16, Path::Floor),
            Measure::Cpu,
            10.0,
        );
        assert_eq!((list.found(&book), list.floor(&book)), (Some(30.0), Some(10.0)));
    }

    #[test]
    fn memory_counts_after_all_calls_and_has_no_floor() {
        let after = &TARGETS[12];
        let mut book = Book::default();
        for (count, value) in [(1000, 20.0), (3000, 24.0), (2000, 30.0)] {
            let case = "10 servers, after calls";
            let key = Key { step: "memory", case, count, path: Path::Gateway };
            book.note(key, Measure::Memory, value);
        }
        assert_eq!((after.found(&book), after.floor(&book)), (Some(24.0), None));
        assert_eq!(after.unit(), "MiB");
    }

    #[test]
    fn what_was_not_measured_has_no_figure() {
        let book = Book::default();
        assert!(TARGETS.iter().all(|it| it.found(&book).is_none() && it.floor(&book).is_none()));
    }
}
