//! This file says where and how figures came about.
//! It leaves them to `book.rs`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::suite::Effort;

/// What a reader must know to compare.
pub(crate) fn described(effort: &Effort) -> Vec<(String, String)> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let (cpus, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let names: Vec<&str> = values(&cpus, "model name").collect();
    let processor = format!("{} × {}", names.len(), names.first().unwrap_or(&"unknown"));
    let kib: f64 = values(&memory, "MemTotal")
        .next()
        .and_then(|text| text.trim_end_matches(" kB").parse().ok())
        .unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let virtualised =
        cpus.lines().any(|line| line.starts_with("flags") && line.contains(" hypervisor"));
    let (rounds, seconds) = (effort.rounds, effort.measured.as_secs_f64());
    let said = [
        ("processors", processor),
        ("virtual machine", if virtualised { "yes" } else { "no" }.to_owned()),
        ("memory", format!("{:.0} GiB", kib / 1024.0 / 1024.0)),
        ("Linux", kernel),
        ("conductor", format!("{}, profile `{}`", env!("CARGO_PKG_VERSION"), profile())),
        ("day", day()),
        ("rounds", format!("{rounds}, each {seconds} s measured")),
    ];
    let mut said: Vec<(String, String)> =
        said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    said.push(load_now("load at the start"));
    said
}

/// What else runs: processes that wait for a processor, over the last minute.
pub(crate) fn load_now(name: &str) -> (String, String) {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    (name.to_owned(), text.split(' ').next().unwrap_or_default().to_owned())
}

fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim())
    })
}

/// That of this program; the daemon beside it comes from the same build as a rule.
fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}

/// The day in UTC, as in 2026-03-01.
pub(crate) fn day() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// A day since 1970-01-01 in the Gregorian calendar, from March to March as it is easier so.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_513, (2026, 3, 1)),
            (20_818, (2026, 12, 31)),
        ] {
            assert_eq!(civil(days), expected);
        }
    }
}
