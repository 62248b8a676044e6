//! This file keeps figures: each measured several times, told as the median with lowest and highest.
//! It leaves what they mean to `targets.rs` and `document.rs`.

use serde::{Deserialize, Serialize};

/// Who did the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Path {
    /// The same server, asked without anything in between.
    Direct,
    /// The ruler before it (`floor.rs`).
    Floor,
    /// The conductor before it.
    Gateway,
}

/// What a figure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// Processor time of the answering process, microseconds a call.
    Cpu,
    /// Calls a second, seen by the clients.
    Rate,
    /// Half of the calls took no longer, in microseconds.
    P50,
    /// 99 of 100 calls took no longer, in microseconds.
    P99,
    /// Memory in MiB.
    Memory,
    /// Memory in KiB for each of several things.
    Each,
    /// Milliseconds until an answer.
    Wait,
    /// How many times another figure of the same round it is.
    Times,
}

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The part of the suite.
    pub(crate) step: String,
    /// What was done.
    pub(crate) case: String,
    /// How many: clients, servers, tools, sessions.
    pub(crate) count: u32,
    pub(crate) path: Path,
    pub(crate) measure: Measure,
    /// All that was measured.
    pub(crate) values: Vec<f64>,
}

impl Measure {
    /// The unit, as tables have it.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Cpu | Self::P50 | Self::P99 => "µs",
            Self::Rate => "calls/s",
            Self::Memory => "MiB",
            Self::Each => "KiB",
            Self::Wait => "ms",
            Self::Times => "times",
        }
    }
}

impl Record {
    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The middle of the values; between the middle two where their number is even.
    pub(crate) fn median(&self) -> f64 {
        let values = self.sorted();
        match values.len() {
            0 => f64::NAN,
            count if count % 2 == 1 => values[count / 2],
            count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
        }
    }

    /// The lowest and the highest value.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let values = self.sorted();
        (values.first().copied().unwrap_or(f64::NAN), values.last().copied().unwrap_or(f64::NAN))
    }
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) step: &'a str,
    pub(crate) case: &'a str,
    pub(crate) count: u32,
    pub(crate) path: Path,
}

/// All figures of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Where and when.
    pub(crate) machine: Vec<(String, String)>,
    pub(crate) records: Vec<Record>,
}

impl Book {
    /// Notes one value.
    pub(crate) fn note(&mut self, key: Key<'_>, measure: Measure, value: f64) {
        let is_here = |it: &&mut Record| is_it(it, key, measure);
        if let Some(record) = self.records.iter_mut().find(is_here) {
            return record.values.push(value);
        }
        let Key { step, case, count, path } = key;
        let (step, case) = (step.to_owned(), case.to_owned());
        self.records.push(Record { step, case, count, path, measure, values: vec![value] });
    }

    /// One figure.
    pub(crate) fn find(&self, key: Key<'_>, measure: Measure) -> Option<&Record> {
        self.records.iter().find(|record| is_it(record, key, measure))
    }

    /// The median of one figure.
    pub(crate) fn median(&self, key: Key<'_>, measure: Measure) -> Option<f64> {
        self.find(key, measure).map(Record::median)
    }

    /// How many times the figure of the direct path it is.
    pub(crate) fn ratio(&self, key: Key<'_>, measure: Measure) -> Option<f64> {
        let direct = Key { path: Path::Direct, ..key };
        Some(self.median(key, measure)? / self.median(direct, measure)?)
    }

    /// How much more than the figure of the direct path it is.
    pub(crate) fn added(&self, key: Key<'_>, measure: Measure) -> Option<f64> {
        let direct = Key { path: Path::Direct, ..key };
        Some(self.median(key, measure)? - self.median(direct, measure)?)
    }

    /// What was done in a step, each case with each count once, in order.
    pub(crate) fn rows(&self, step: &str) -> Vec<(&str, u32)> {
        let mut rows = Vec::new();
        for record in self.records.iter().filter(|record| record.step == step) {
            let row = (record.case.as_str(), record.count);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        rows
    }
}

fn is_it(record: &Record, key: Key<'_>, measure: Measure) -> bool {
    record.step == key.step
        && record.case == key.case
        && record.count == key.count
        && record.path == key.path
        && record.measure == measure
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> = Key { step: "s", case: "c", count: 1, path: Path::Direct };

    fn check(values: &[f64], median: f64, spread: (f64, f64)) {
        let mut book = Book::default();
        for value in values {
            book.note(KEY, Measure::Cpu, *value);
        }
        assert_eq!(book.records.len(), 1);
        assert_eq!(book.median(KEY, Measure::Cpu), Some(median));
        assert_eq!(book.records[0].spread(), spread);
        assert!(book.find(Key { count: 2, ..KEY }, Measure::Cpu).is_none());
        assert!(book.find(KEY, Measure::Rate).is_none());
    }

    #[test]
    fn the_median_is_the_middle_of_what_was_seen() {
        check(&[3.0], 3.0, (3.0, 3.0));
        check(&[9.0, 1.0, 2.0], 2.0, (1.0, 9.0));
        check(&[9.0, 1.0, 2.0, 4.0], 3.0, (1.0, 9.0));
    }
}
