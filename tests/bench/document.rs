//! This file tells the figures of a suite: tables, held against the targets, and plots.
//! What they mean is written by hand around them, in docs/performance.md.

use std::fmt::Write as _;
use std::path::Path as File;

use anyhow::{Context as _, Result};

use crate::book::{Book, Key, Measure, Path, Record};
use crate::marked::MEASURED;
use crate::plot::{Plot, Series};
use crate::suite::{beside, fair, floor, scale};
use crate::targets::TARGETS;
use crate::trouble::Trouble;

/// Renews the part between the marks of a document, and the plots in the folder named after it.
pub(crate) fn write(book: &Book, file: &File) -> Result<()> {
    let folder = file.with_extension("");
    let stem = folder.file_name().and_then(|name| name.to_str()).context("no name of a file")?;
    let mut made = text(book);
    std::fs::create_dir_all(&folder)?;
    for (name, plot) in plots(book) {
        let Some(drawn) = plot.draw() else { continue };
        std::fs::write(folder.join(format!("{name}.svg")), drawn)?;
        let _ = write!(made, "\n![{}]({stem}/{name}.svg)\n", plot.title);
    }
    MEASURED.renew(file, &made)
}

/// All tables.
pub(crate) fn text(book: &Book) -> String {
    let mut out = String::new();
    let said: Vec<String> =
        book.machine.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let _ = writeln!(out, "{}.\n", said.join("; "));
    targets(&mut out, book);
    calls(&mut out, book, "echo", "Echo of 100 bytes", "clients");
    calls(&mut out, book, "sizes", "Large results", "clients");
    calls(&mut out, book, "list", "A list that is at hand, 16 clients", "tools");
    single(&mut out, book, "memory", "Memory of the daemon alone", "how many");
    single(&mut out, book, "start", "From start to first answer", "servers");
    single(&mut out, book, "recover", "From `kill -9` of a server to the next answer", "servers");
    ruler(&mut out, book);
    calls(&mut out, book, "scale", "More of everything, 16 clients (lists: 4)", "how many");
    servers(&mut out, book);
    fair(&mut out, book);
    beside(&mut out, book);
    out
}

fn targets(out: &mut String, book: &Book) {
    let _ = writeln!(
        out,
        "### Targets\n\n| target | limit | measured | | floor |\n| --- | --- | --- | --- | --- |"
    );
    for target in &TARGETS {
        let Some(found) = target.found(book) else { continue };
        let limit = if target.is_at_least() { "≥" } else { "≤" };
        let met = if target.is_met(found) { "met" } else { "**missed**" };
        let told = |value| format!("{} {}", number(value), target.unit());
        let _ = writeln!(
            out,
            "| {} | {limit} {} | {} | {met} | {} |",
            target.text,
            told(target.limit),
            told(found),
            target.floor(book).map_or(String::new(), told)
        );
    }
    out.push('\n');
}

/// A step with direct and gateway side by side.
fn calls(out: &mut String, book: &Book, step: &str, title: &str, counted: &str) {
    let rows = book.rows(step);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "### {title}\n\n| what | {counted} | CPU of a call, direct | gateway (lowest to highest) \
         | ratio | calls/s, direct | gateway | ratio | p50, direct | gateway | p99, direct \
         | gateway |\n| --- {}|",
        "| ---: ".repeat(11)
    );
    for (case, count) in rows {
        let direct = Key { step, case, count, path: Path::Direct };
        let gateway = Key { path: Path::Gateway, ..direct };
        let one = |key, measure| shown(book.median(key, measure));
        let Some(cpu) = book.find(gateway, Measure::Cpu) else {
            continue;
        };
        let of = |measure| shown(book.ratio(gateway, measure));
        let _ = writeln!(
            out,
            "| {case} | {count} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            one(direct, Measure::Cpu),
            ranged(cpu),
            of(Measure::Cpu),
            one(direct, Measure::Rate),
            one(gateway, Measure::Rate),
            of(Measure::Rate),
            one(direct, Measure::P50),
            one(gateway, Measure::P50),
            one(direct, Measure::P99),
            one(gateway, Measure::P99),
        );
    }
    out.push('\n');
    single(out, book, step, "", counted);
}

/// The ruler between the direct path and the gateway.
fn ruler(out: &mut String, book: &Book) {
    let rows = book.rows(floor::STEP);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "### The least a gateway with a pipe could do\n\n| work | clients | CPU of a call, direct \
         | floor | gateway (lowest to highest) | gateway to floor | p50, direct | floor | gateway \
         | calls/s, direct | floor | gateway |\n| --- {}|",
        "| ---: ".repeat(11)
    );
    let paths = [Path::Direct, Path::Floor, Path::Gateway];
    for (case, count) in rows {
        let key = Key { step: floor::STEP, case, count, path: Path::Gateway };
        let Some(cpu) = book.find(key, Measure::Cpu) else { continue };
        let [direct, least, _] = paths.map(|path| book.median(Key { path, ..key }, Measure::Cpu));
        let _ = write!(
            out,
            "| {case} | {count} | {} | {} | {} | {} |",
            shown(direct),
            shown(least),
            ranged(cpu),
            shown(least.map(|least| cpu.median() / least))
        );
        for measure in [Measure::P50, Measure::Rate] {
            for path in paths {
                let _ = write!(out, " {} |", shown(book.median(Key { path, ..key }, measure)));
            }
        }
        out.push('\n');
    }
    let start = |path| {
        let key = Key { step: floor::STEP, case: floor::START, count: 1, path };
        book.find(key, Measure::Wait).map(ranged)
    };
    if let [Some(direct), Some(least), Some(gateway)] = paths.map(start) {
        let _ = writeln!(
            out,
            "\nFrom start to the first answer: the server alone {direct} ms, the floor {least} ms, \
             `conductor serve` {gateway} ms."
        );
    }
    out.push('\n');
}

/// What more servers do to a call, to the ruler's and to the gateway's.
fn servers(out: &mut String, book: &Book) {
    let key = |count, path| Key { step: scale::STEP, case: scale::SERVERS_ECHO, count, path };
    let rows: Vec<_> = book
        .rows(scale::STEP)
        .into_iter()
        .filter(|(case, _)| *case == scale::SERVERS_ECHO)
        .filter_map(|(_, count)| {
            let cpu = |path| book.find(key(count, path), Measure::Cpu);
            Some((count, cpu(Path::Floor)?, cpu(Path::Gateway)?))
        })
        .collect();
    let Some((_, least, own)) = rows.first() else { return };
    let _ = writeln!(
        out,
        "### Calls to several servers in turn, 16 clients, 2026-07-28\n\n| servers | CPU of a call, \
         floor (lowest to highest) | to the first row | gateway (lowest to highest) | to the first \
         row | more than the floor |\n| --- {}|",
        "| ---: ".repeat(5)
    );
    let (least, own) = (least.median(), own.median());
    for (count, floor, gateway) in &rows {
        let _ = writeln!(
            out,
            "| {count} | {} | {} | {} | {} | {} |",
            ranged(floor),
            number(floor.median() / least),
            ranged(gateway),
            number(gateway.median() / own),
            number(gateway.median() - floor.median())
        );
    }
    out.push('\n');
}

/// What calls of a healthy server feel of trouble.
fn fair(out: &mut String, book: &Book) {
    let troubles: Vec<&str> = Trouble::ALL.iter().map(|trouble| trouble.name()).collect();
    if book.rows(fair::STEP).is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "### A healthy server's calls beside trouble, 1 client\n\n| trouble | p99, alone | beside \
         | ratio (lowest to highest) | p99, the same elsewhere | ratio | CPU of the daemon for each \
         call, alone | beside |\n| --- {}|",
        "| ---: ".repeat(7)
    );
    for name in troubles {
        let find = |place: &str, measure| {
            let case = format!("{name}, {place}");
            book.find(Key { step: fair::STEP, case: &case, count: 1, path: Path::Gateway }, measure)
        };
        let one = |place, measure| shown(find(place, measure).map(Record::median));
        let all = |place| find(place, Measure::Times).map_or(String::new(), ranged);
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            one(fair::ALONE, Measure::P99),
            one(fair::BESIDE, Measure::P99),
            all(fair::BESIDE),
            one(fair::ELSEWHERE, Measure::P99),
            all(fair::ELSEWHERE),
            one(fair::ALONE, Measure::Cpu),
            one(fair::BESIDE, Measure::Cpu),
        );
    }
    out.push('\n');
}

/// Gateways of others, and the direct path and the conductor in the same run.
fn beside(out: &mut String, book: &Book) {
    let rows = book.rows(beside::STEP);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "### Beside other gateways, 2025-11-25\n\n| work | clients | who | CPU of a call (lowest to \
         highest) | to the conductor | calls/s | p50 | p99 |\n| --- | ---: | --- {}|",
        "| ---: ".repeat(5)
    );
    for (case, count) in rows {
        let Some((work, who)) = case.split_once(": ") else { continue };
        let path = if who == beside::DIRECT { Path::Direct } else { Path::Gateway };
        let key = Key { step: beside::STEP, case, count, path };
        let Some(cpu) = book.find(key, Measure::Cpu) else { continue };
        let own = format!("{work}: {}", beside::OWN);
        let own = book.median(Key { case: &own, path: Path::Gateway, ..key }, Measure::Cpu);
        let one = |measure| shown(book.median(key, measure));
        let _ = writeln!(
            out,
            "| {work} | {count} | {who} | {} | {} | {} | {} | {} |",
            ranged(cpu),
            shown(own.map(|own| cpu.median() / own)),
            one(Measure::Rate),
            one(Measure::P50),
            one(Measure::P99),
        );
    }
    out.push('\n');
    single(out, book, beside::STEP, "", "servers");
}

/// Figures that stand alone.
fn single(out: &mut String, book: &Book, step: &str, title: &str, counted: &str) {
    let alone = [Measure::Memory, Measure::Each, Measure::Wait];
    let records = book.records.iter().filter(|it| it.step == step && alone.contains(&it.measure));
    let rows: Vec<String> = records
        .map(|record| {
            let unit = record.measure.unit();
            let direct = if record.path == Path::Direct { ", direct" } else { "" };
            format!("| {}{direct} | {} | {} {unit} |\n", record.case, record.count, ranged(record))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    if !title.is_empty() {
        let _ = writeln!(out, "### {title}\n");
    }
    let _ = writeln!(out, "| what | {counted} | |\n| --- | ---: | ---: |\n{}", rows.concat());
}

fn ranged(record: &Record) -> String {
    let (low, high) = record.spread();
    let median = number(record.median());
    if record.values.len() < 2 {
        return median;
    }
    format!("{median} ({} to {})", number(low), number(high))
}

fn shown(value: Option<f64>) -> String {
    value.map_or(String::new(), number)
}

/// Three figures that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => {
            let text = format!("{value:.0}");
            let (front, back) = text.split_at(text.len() - 3);
            format!("{front},{back}")
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What is drawn, by the names of the files.
fn plots(book: &Book) -> Vec<(&'static str, Plot)> {
    let line = |step: &str, case: &str, path, measure, name: &str| {
        let rows = book.rows(step).into_iter().filter(|(found, _)| *found == case);
        let points = rows.filter_map(|(case, count)| {
            let value = book.median(Key { step, case, count, path }, measure)?;
            Some((f64::from(count), value))
        });
        Series { name: name.to_owned(), points: points.collect() }
    };
    let echo = |measure| {
        let own = |case: &str| line("echo", case, Path::Gateway, measure, case);
        let case = "HTTP 2025-11-25";
        let direct = line("echo", case, Path::Direct, measure, "direct, HTTP");
        vec![direct, own(case), own("HTTP 2026-07-28"), own("Unix socket"), own("stdio")]
    };
    let own = |name: &str| line(scale::STEP, name, Path::Gateway, Measure::Cpu, name);
    let servers = scale::SERVERS_ECHO;
    let least = line(scale::STEP, servers, Path::Floor, Measure::Cpu, "servers: echo, floor");
    let lists = vec![own("tools: list")];
    let calls = vec![own(servers), own("tools: echo"), own("sessions: echo"), least];
    let clients = "clients at one time";
    vec![
        ("cpu", by("Processor time of one call", clients, "µs", false, echo(Measure::Cpu))),
        ("rate", by("Calls a second", clients, "calls/s", false, echo(Measure::Rate))),
        ("p50", by("Half of the calls took no longer", clients, "µs", true, echo(Measure::P50))),
        (
            "calls",
            by(
                "Processor time of one call by servers, tools, sessions",
                "how many",
                "µs",
                false,
                calls,
            ),
        ),
        (
            "others",
            by("Processor time of one call, all gateways", clients, "µs", true, others(book)),
        ),
        ("lists", by("Processor time of one list", "tools in it", "µs", true, lists)),
    ]
}

/// A line for each gateway, and the direct path.
fn others(book: &Book) -> Vec<Series> {
    let small = beside::WORKS[0];
    let mut all: Vec<Series> = Vec::new();
    for (case, count) in book.rows(beside::STEP) {
        let Some(who) = case.strip_prefix(small).and_then(|rest| rest.strip_prefix(": ")) else {
            continue;
        };
        let path = if who == beside::DIRECT { Path::Direct } else { Path::Gateway };
        let key = Key { step: beside::STEP, case, count, path };
        let Some(cpu) = book.median(key, Measure::Cpu).filter(|cpu| *cpu > 0.0) else { continue };
        let point = (f64::from(count), cpu);
        match all.iter_mut().find(|series| series.name == who) {
            Some(series) => series.points.push(point),
            None => all.push(Series { name: who.to_owned(), points: vec![point] }),
        }
    }
    all
}

fn by(
    title: &'static str,
    across: &'static str,
    up: &'static str,
    up_by_factors: bool,
    series: Vec<Series>,
) -> Plot {
    let series = series.into_iter().filter(|series| !series.points.is_empty()).collect();
    Plot { title, across, up, up_by_factors, series }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Book {
        let mut book = Book::default();
        for (path, value) in [(Path::Direct, 10.0), (Path::Gateway, 21.0), (Path::Gateway, 23.0)] {
            let key = Key { step: "echo", case: "HTTP 2025-11-25", count: 16, path };
            book.note(key, Measure::Cpu, value);
        }
        book
    }

    #[test]
    fn a_target_and_its_row_are_told_with_the_ratio() {
        let text = text(&sample());
        assert!(text.contains("| ≤ 2.50 times | 2.20 times | met |  |"), "{text}");
        assert!(text.contains("| 10.0 | 22.0 (21.0 to 23.0) | 2.20 |"), "{text}");
        assert!(!text.contains("Memory"), "{text}");
    }

    #[test]
    fn the_floor_stands_beside_the_gateway_and_the_targets() {
        let mut book = sample();
        let paths = [(Path::Direct, 10.0), (Path::Floor, 12.0), (Path::Gateway, 30.0)];
        for (path, value) in paths {
            let case = "echo of 100 bytes, HTTP 2025-11-25";
            let key = Key { step: floor::STEP, case, count: 16, path };
            for (measure, times) in [(Measure::Cpu, 1.0), (Measure::P50, 10.0)] {
                book.note(key, measure, value * times);
            }
            book.note(key, Measure::Rate, 30_000.0 / value);
            let key = Key { step: floor::STEP, case: floor::START, count: 1, path };
            book.note(key, Measure::Wait, value / 2.0);
        }
        let text = text(&book);
        assert!(text.contains("| ≤ 2.50 times | 2.20 times | met | 1.20 times |"), "{text}");
        let row = "| 16 | 10.0 | 12.0 | 30.0 | 2.50 | 100 | 120 | 300 | 3,000 | 2,500 | 1,000 |\n";
        assert!(text.contains(row), "{text}");
        let start = "the server alone 5.00 ms, the floor 6.00 ms, `conductor serve` 15.0 ms.";
        assert!(text.contains(start), "{text}");
    }

    #[test]
    fn what_more_servers_cost_is_told_of_floor_and_gateway() {
        let mut book = Book::default();
        for (count, floor, gateway) in [(1, 5.0, 15.0), (100, 10.0, 24.0)] {
            for (path, value) in [(Path::Floor, floor), (Path::Gateway, gateway)] {
                let case = scale::SERVERS_ECHO;
                book.note(Key { step: scale::STEP, case, count, path }, Measure::Cpu, value);
            }
        }
        let text = text(&book);
        assert!(text.contains("| 1 | 5.00 | 1.00 | 15.0 | 1.00 | 10.0 |\n"), "{text}");
        assert!(text.contains("| 100 | 10.0 | 2.00 | 24.0 | 1.60 | 14.0 |\n"), "{text}");
    }

    #[test]
    fn numbers_keep_three_figures() {
        for (value, expected) in
            [(1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")]
        {
            assert_eq!(number(value), expected);
        }
    }
}
