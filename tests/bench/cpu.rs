//! This file reads the processor time of one process, all its threads, none of its children.
//! It leaves dividing it by calls to `report.rs`.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// User and system time of a process so far. Steps of one clock tick, 10 ms as a rule.
pub(crate) fn time_of(pid: i32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("failed to read the processor time of process {pid}"))?;
    let ticks = ticks_of(&stat).context("failed to find the times in a process's stat")?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Fields 14 and 15. The second field is the program's name and may have blanks and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_times_behind_any_program_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 70 7 0 0 20 0";
        assert_eq!(ticks_of(&format!("42 (a) b (c) {rest}")), Some(77));
        assert_eq!(ticks_of("42 (short) S 1 2"), None);
    }
}
