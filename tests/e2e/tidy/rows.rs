//! This file holds the table of rows in docs/pool.md to the tests it names.
//! It leaves what the tests do to them.

use std::collections::BTreeMap;

use super::source::{Finding, Source};

/// The rows that a pool has.
const ROWS: u32 = 45;

/// A line of the table: its number in the file, its rows, and where they are tested.
type Entry<'a> = (usize, Vec<u32>, &'a str);

/// Every row must stand in one line of the table, with tests that exist or the reason for none.
pub(super) fn rows(table: &Source, sources: &[Source]) -> Vec<Finding> {
    let entries: Vec<Entry<'_>> = table.lines().filter_map(entry).collect();
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    for (_, rows, _) in &entries {
        rows.iter().for_each(|row| *seen.entry(*row).or_default() += 1);
    }
    let mut found: Vec<Finding> = (1..=ROWS)
        .filter(|row| seen.get(row) != Some(&1))
        .map(|row| table.finding(1, format!("row M{row:02} must stand in one line of the table")))
        .collect();
    for (line, _, place) in entries {
        let named: Vec<&str> = tests(place).collect();
        if named.is_empty() && !place.starts_with("does not apply: ") {
            found.push(table.finding(line, "name a test, or say why the row does not apply"));
        }
        let missing = named.into_iter().filter(|name| !exists(sources, name));
        found.extend(missing.map(|name| table.finding(line, format!("there is no test `{name}`"))));
    }
    found
}

/// What a line of the table says.
fn entry((line, text): (usize, &str)) -> Option<Entry<'_>> {
    let mut cells = text.strip_prefix("| M")?.split('|').map(str::trim);
    let (named, place) = (cells.next()?, cells.nth(1)?);
    let number = |text: &str| text.trim().trim_start_matches('M').parse::<u32>().ok();
    let mut rows = Vec::new();
    for part in named.split(',') {
        match part.split_once(" to ") {
            Some((first, last)) => rows.extend(number(first)?..=number(last)?),
            None => rows.push(number(part)?),
        }
    }
    Some((line, rows, place))
}

/// The names of tests: what stands between back-ticks and is no path.
fn tests(place: &str) -> impl Iterator<Item = &str> {
    let quoted = place.split('`').skip(1).step_by(2);
    quoted.filter(|text| !text.contains('/') && text.contains(['_', '…']))
}

/// Whether there is a test of this name; `…` stands for its rest.
fn exists(sources: &[Source], name: &str) -> bool {
    let wanted = match name.strip_suffix('…') {
        Some(begun) => format!("fn {begun}"),
        None => format!("fn {name}("),
    };
    sources.iter().any(|source| source.is_rust() && source.text.contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_missing_or_name_what_is_not_there_are_seen() {
        let code = [Source::new("tests/a.rs", "fn m01_is_tested() {}\nfn whole() {}\n")];
        let check = |lines: &str, expected: usize| {
            let found = rows(&Source::new("docs/pool.md", lines), &code);
            assert_eq!(found.len(), expected, "{lines}: {found:?}");
        };
        check("", 45);
        check("| M01 to M45 | what | `m01_is…` in `tests/a.rs` |", 0);
        check("| M01, M02 | what | `whole_…` |\n| M03 to M45 | what | `m01…` |", 1);
        check("| M01 to M44 | what | `m01_is_tested` |\n| M45 | what | does not apply: no |", 0);
        check("| M01 to M44 | what | `m01_is_tested` |\n| M45 | what | some day |", 1);
        check("| M01 to M45 | what | `m01_…` |\n| M45 | what | `m01_is_tested` |", 1);
    }
}
