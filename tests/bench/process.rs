//! This file reads what one process costs: processor time of all its threads, and memory.
//! It reads none of its children, and leaves dividing by calls to others.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// User and system time of a process so far. Steps of one clock tick, 10 ms as a rule.
pub(crate) fn time_of(pid: i32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("failed to read the processor time of process {pid}"))?;
    let ticks = ticks_of(&stat).context("failed to find the times in a process's stat")?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Memory of a process that is in the machine's, in MiB, pages of its program included.
pub(crate) fn resident_mib(pid: i32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("failed to read the memory of process {pid}"))?;
    let kib = kib_of(&status, "VmRSS:").context("failed to find the memory in a status")?;
    Ok(kib as f64 / 1024.0)
}

/// Fields 14 and 15. The second field is the program's name and may have blanks and brackets.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kib_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
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

    #[test]
    fn finds_the_memory() {
        assert_eq!(kib_of("VmPeak:\t 9 kB\nVmRSS:\t  1234 kB\n", "VmRSS:"), Some(1234));
        assert_eq!(kib_of("VmPeak:\t 9 kB\n", "VmRSS:"), None);
    }
}
