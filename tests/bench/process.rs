//! This file reads what a process costs, alone or with all that it has started: processor time, memory.
//! It leaves dividing by calls to others.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// User and system time of a process so far. Steps of one clock tick, 10 ms as a rule.
pub(crate) fn time_of(pid: i32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("failed to read the processor time of process {pid}"))?;
    let ticks = ticks_of(&stat).context("failed to find the times in a process's stat")?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// The same of a process and all that it has started, without the servers that are measured with.
pub(crate) fn time_of_tree(pid: i32) -> Result<Duration> {
    tree(pid).into_iter().map(time_of).sum()
}

/// Memory of all of these in MiB. Pages that they share count as often.
pub(crate) fn resident_of_tree(pid: i32) -> Result<f64> {
    tree(pid).into_iter().map(|pid| memory_of(pid).map(|it| it.resident)).sum()
}

fn tree(root: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parents: Vec<(i32, i32)> = pids
        .filter_map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, parent_of(&stat)?))
        })
        .collect();
    let mut all = vec![root];
    let mut at = 0;
    while let Some(parent) = all.get(at).copied() {
        let children = parents.iter().filter(|(_, its)| *its == parent);
        all.extend(children.map(|(pid, _)| *pid).filter(|pid| !is_echo(*pid)));
        at += 1;
    }
    all
}

/// Whether it is the server of this program.
fn is_echo(pid: i32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = words.split(|byte| *byte == 0);
    words.next().is_some_and(|program| program.ends_with(b"conductor-bench"))
        && words.next() == Some(b"echo")
}

/// Memory of a process that is in the machine's, in MiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// All of it, pages of its program and libraries included, which lie in the page cache.
    pub(crate) resident: f64,
    /// What nobody but the process has: heap, stacks, what it changed of its program's data.
    pub(crate) own: f64,
}

/// What a process has of the memory now.
pub(crate) fn memory_of(pid: i32) -> Result<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("failed to read the memory of process {pid}"))?;
    let mib = |name| {
        let kib = kib_of(&status, name).context("failed to find the memory in a status")?;
        Ok::<_, anyhow::Error>(kib as f64 / 1024.0)
    };
    Ok(Memory { resident: mib("VmRSS:")?, own: mib("RssAnon:")? })
}

/// Field 4.
fn parent_of(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
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

/// Whether a program of this name is found in `PATH`.
pub(crate) fn is_installed(program: &str) -> bool {
    let places = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&places).any(|place| place.join(program).is_file())
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
    fn finds_who_started_it() {
        assert_eq!(parent_of("42 (a) b (c) S 7 2 3"), Some(7));
        assert_eq!(parent_of("42 (short) S"), None);
    }

    #[tokio::test]
    async fn a_tree_has_what_a_process_has_started() {
        let own = std::process::id().cast_signed();
        let mut started = conductor_e2e::daemon::command("sleep");
        let child = started.arg("60").kill_on_drop(true).spawn().unwrap();
        let pid = child.id().unwrap().cast_signed();
        assert!(tree(own).contains(&pid));
        assert!(resident_of_tree(own).unwrap() > memory_of(own).unwrap().resident);
    }

    #[test]
    fn finds_the_memory() {
        let status = "VmPeak:\t 9 kB\nVmRSS:\t  1234 kB\nRssAnon:\t 56 kB\n";
        assert_eq!(kib_of(status, "VmRSS:"), Some(1234));
        assert_eq!(kib_of(status, "RssAnon:"), Some(56));
        assert_eq!(kib_of("VmPeak:\t 9 kB\n", "VmRSS:"), None);
    }
}
