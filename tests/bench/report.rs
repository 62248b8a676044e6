//! This file turns what was seen into figures and prints them: a table for people, JSON for scripts.
//! It leaves judging them to whoever reads them.

use std::io::Write as _;

use serde::Serialize;

use crate::load::Seen;

/// The figures of one path in one revision. Several rounds are one: calls and times together.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// `direct` or `gateway`.
    pub(crate) path: &'static str,
    /// `legacy` or `modern`.
    pub(crate) era: &'static str,
    pub(crate) calls: usize,
    pub(crate) calls_per_s: f64,
    /// Processor time of the process that answers, per call.
    pub(crate) cpu_us_per_call: Option<f64>,
    pub(crate) p50_us: u32,
    pub(crate) p99_us: u32,
}

impl Figures {
    /// Sums the rounds up.
    pub(crate) fn of(path: &'static str, era: &'static str, rounds: &[Seen]) -> Self {
        let mut micros: Vec<u32> =
            rounds.iter().flat_map(|seen| seen.micros.iter().copied()).collect();
        micros.sort_unstable();
        let seconds: f64 = rounds.iter().map(|seen| seen.span.as_secs_f64()).sum();
        let cpu: Option<f64> = rounds.iter().map(|seen| Some(seen.cpu?.as_secs_f64())).sum();
        let calls = micros.len();
        Self {
            path,
            era,
            calls,
            calls_per_s: calls as f64 / seconds,
            cpu_us_per_call: cpu.map(|cpu| cpu * 1e6 / calls as f64),
            p50_us: percentile(&micros, 50),
            p99_us: percentile(&micros, 99),
        }
    }
}

/// The smallest value that so many per cent of all are not above; 0 for none.
pub(crate) fn percentile(sorted: &[u32], per_cent: usize) -> u32 {
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// Prints the table; each gateway row has its ratios to the direct path of its revision.
pub(crate) fn table(all: &[Figures]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{:<8} {:<8} {:>9} {:>10} {:>9} {:>9} {:>9}  CPU, p50 to direct",
        "era", "path", "calls", "calls/s", "CPU us", "p50 us", "p99 us"
    )?;
    for row in all {
        let direct = all.iter().find(|other| other.era == row.era && other.path == "direct");
        let cpu = row.cpu_us_per_call.map_or("-".to_owned(), |cpu| format!("{cpu:.1}"));
        let ratio = match direct {
            Some(direct) if row.path != "direct" => ratios(row, direct),
            _ => String::new(),
        };
        writeln!(
            out,
            "{:<8} {:<8} {:>9} {:>10.0} {:>9} {:>9} {:>9}  {}",
            row.era, row.path, row.calls, row.calls_per_s, cpu, row.p50_us, row.p99_us, ratio
        )?;
    }
    Ok(())
}

fn ratios(row: &Figures, direct: &Figures) -> String {
    let cpu = row.cpu_us_per_call.zip(direct.cpu_us_per_call);
    let cpu = cpu.map_or("-".to_owned(), |(own, direct)| format!("{:.2}", own / direct));
    let p50 = f64::from(row.p50_us) / f64::from(direct.p50_us.max(1));
    format!("{cpu}, {p50:.2}")
}

/// Prints all figures as one JSON text.
pub(crate) fn json(all: &[Figures]) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(all)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Says on stderr what went wrong, with every cause.
pub(crate) fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "conductor-bench: {error:#}"); // nowhere else to say it
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let hundred: Vec<u32> = (1..=100).collect();
        for (sorted, per_cent, expected) in
            [(&hundred[..], 50, 50), (&hundred[..], 99, 99), (&[7][..], 99, 7), (&[][..], 50, 0)]
        {
            assert_eq!(percentile(sorted, per_cent), expected);
        }
    }

    #[test]
    fn rounds_are_summed_up() {
        let seen = |micros: &[u32], cpu| Seen {
            micros: micros.to_vec(),
            span: Duration::from_secs(1),
            cpu: Some(Duration::from_micros(cpu)),
        };
        let figures = Figures::of("direct", "modern", &[seen(&[10, 30], 100), seen(&[20, 40], 60)]);
        assert_eq!((figures.calls, figures.p50_us, figures.p99_us), (4, 20, 40));
        assert!((figures.calls_per_s - 2.0).abs() < 1e-9);
        assert!((figures.cpu_us_per_call.unwrap() - 40.0).abs() < 1e-6);
    }
}
