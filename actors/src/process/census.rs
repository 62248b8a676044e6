//! This file reads what the system says of processes, in `/proc`.
//!
//! It signals nobody, and leaves what follows from what it saw to others.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::run::Mark;

/// A larger environment than this cannot be given to a program.
const ENVIRONMENT_MAX: u64 = 8 << 20;
/// More than the text of `/proc/PID/stat` ever is: a name and some fifty numbers.
const STAT_MAX: usize = 2048;
/// The field in which the last number stands that is of interest, counted from the state.
const LAST_FIELD: usize = 21;

/// A process as it was at one moment. Number and start time together name it for good: numbers are
/// given again, but not to two processes that started in the same tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// When it started, in ticks since the machine did.
    pub(super) start: u64,
    /// Its resident memory, in pages.
    pub(super) pages: u64,
    /// The processor time it has used, in ticks.
    pub(super) ticks: u64,
    /// Whether it has ended and is merely not reaped by its parent.
    pub(super) is_dead: bool,
    /// Whether it is suspended (SIGSTOP or a debugger), so that it does nothing at all.
    pub(super) is_suspended: bool,
}

/// All processes that this one may see.
pub(super) fn all() -> io::Result<Vec<Seen>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(numbers.filter_map(look).collect())
}

/// One process; `None` if there is none of this number.
pub(super) fn look(pid: u32) -> Option<Seen> {
    let mut stat = [0; STAT_MAX];
    // The kernel gives all of it at once.
    let length = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut stat).ok()?;
    read(pid, &String::from_utf8_lossy(stat.get(..length)?))
}

/// The children of a process, of all its threads. Fails where the kernel does not tell them, or when
/// a thread ends meanwhile and so leaves its children to another.
pub(super) fn children(pid: u32) -> io::Result<Vec<u32>> {
    let mut children = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        children.extend(numbers_in(&thread?.path().join("children"))?);
    }
    Ok(children)
}

/// The children that the first thread of a process has started. Fails where the kernel does not tell.
///
/// Unlike [`children`], this leaves no trace of other threads with the kernel. Those traces are cleared
/// away when a thread ends, and whoever reaps the process meanwhile spins until that is done: on a busy
/// machine, for 30 ms.
pub(super) fn children_of_first_thread(pid: u32) -> io::Result<Vec<u32>> {
    numbers_in(format!("/proc/{pid}/task/{pid}/children").as_ref())
}

fn numbers_in(file: &Path) -> io::Result<Vec<u32>> {
    let text = fs::read_to_string(file)?;
    Ok(text.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect())
}

/// When a process started, in ticks since the machine did.
pub(super) fn start_of(pid: u32) -> Option<u64> {
    look(pid).map(|seen| seen.start)
}

/// Whether a process is in the cell of the name of `mark`.
pub(super) fn is_held(pid: u32, mark: &Mark) -> bool {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup"));
    cgroups.is_ok_and(|cgroups| mark.holds(&cgroups))
}

/// Whether a process carries `mark` in its environment; `None` if it shows none at all, as one does that
/// is just taking over another program. Those of other users cannot be read and carry none.
pub(super) fn carries(pid: u32, mark: &Mark) -> Option<bool> {
    let Ok(file) = fs::File::open(format!("/proc/{pid}/environ")) else { return Some(false) };
    let mut environment = Vec::new();
    match file.take(ENVIRONMENT_MAX).read_to_end(&mut environment) {
        Ok(0) => None,
        Ok(_) => Some(mark.is_in(&environment)),
        Err(_) => Some(false),
    }
}

/// What this start of the machine is called; start times mean nothing in another.
pub(super) fn boot() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// Reads the text of `/proc/PID/stat` (proc_pid_stat(5)).
fn read(pid: u32, stat: &str) -> Option<Seen> {
    // The second field is the program's name in parentheses and may itself hold any character.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut words = fields.split_ascii_whitespace();
    let fields: [&str; LAST_FIELD + 1] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let state = fields[0];
    let threads: u32 = fields[17].parse().ok()?;
    Some(Seen {
        pid,
        parent: fields[1].parse().ok()?,
        group: fields[2].parse().ok()?,
        start: fields[19].parse().ok()?,
        pages: fields[21].parse().ok()?,
        ticks: fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?,
        // A first thread that has ended looks the same while others go on.
        is_dead: matches!(state, "Z" | "X") && threads <= 1,
        is_suspended: matches!(state, "T" | "t"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, threads: u32, expected: Option<(bool, bool)>) {
        let middle = "3 4 -1 0 0 0 0 0 30 5 0 0 20 0";
        let stat = format!("7 {head} {middle} {threads} 0 4711 0 88 0");
        let seen = read(7, &stat);
        assert_eq!(seen.map(|seen| (seen.is_dead, seen.is_suspended)), expected, "{stat}");
        if let Some(seen) = seen {
            assert_eq!((seen.parent, seen.group, seen.start), (1, 2, 4711), "{stat}");
            assert_eq!((seen.ticks, seen.pages), (35, 88), "{stat}");
        }
    }

    #[test]
    fn the_fields_stand_behind_a_name_of_any_kind() {
        check("(sh) S 1 2", 1, Some((false, false)));
        check("(a) Z 9 (b c) T 1 2", 1, Some((false, true)));
        check("no name", 1, None);
    }

    #[test]
    fn a_process_is_dead_when_its_last_thread_is() {
        check("(sh) Z 1 2", 1, Some((true, false)));
        check("(sh) Z 1 2", 3, Some((false, false)));
    }

    #[test]
    fn this_process_sees_itself_and_its_parent() {
        let me = look(std::process::id()).unwrap();
        assert!(!me.is_dead && !me.is_suspended);
        assert!(all().unwrap().iter().any(|seen| seen.pid == me.parent));
        assert!(start_of(me.parent).unwrap() <= me.start);
        assert_eq!(boot().map(|boot| boot.len()), Some(36));
    }
}
