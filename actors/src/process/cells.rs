//! This file gives each child a control group of its own, where the system lets us (cgroups(7),
//! version 2): nothing that the child starts can leave it, whatever it does to environment, session
//! and parents.
//!
//! It leaves who is to end to `quarry`, to which a cell is one more mark.

use std::fs;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::time::Instant;
use tracing::debug;

use super::run::{Mark, Run};

/// How long those who were killed may take to leave their control group.
const EMPTY: Duration = Duration::from_secs(1);

/// Where all cells of one run are. Dropping it removes those that are empty.
#[derive(Debug)]
pub(super) struct Cells(PathBuf);

impl Cells {
    /// Makes room for cells below our own control group. `None` where that is not to be had: no
    /// version 2, no right to it, or a service manager that has not handed its part of the tree over.
    pub(super) fn open(run: &Run) -> Option<Self> {
        let own = own()?;
        if !is_handed_over(&own) {
            return None;
        }
        let cells = Self(own.join(run.mark().folder()));
        fs::create_dir(&cells.0).ok()?;
        // It came with Linux 5.14.
        let can_kill = cells.0.join("cgroup.kill").exists();
        // It is there only while somebody is in it: a process may end without another word.
        fs::remove_dir(&cells.0).ok()?;
        can_kill.then_some(cells)
    }

    /// The cell of a new child.
    pub(super) fn cell(&self, mark: &Mark) -> Option<Cell> {
        let cell = Cell(self.0.join(mark.cell()?));
        match fs::create_dir_all(&cell.0) {
            Ok(()) => Some(cell),
            Err(error) => {
                debug!(%error, "no control group for a server");
                None
            }
        }
    }

    /// Where they are.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        remove_all(&self.0);
    }
}

/// Where the cells of the run with this mark are, for who is in the same control group as its daemon.
pub(super) fn cells_of(mark: &Mark) -> Option<PathBuf> {
    Some(own()?.join(mark.folder()))
}

/// Removes the cells of a run once the last of those who were killed have left them; waits a second at
/// most. Blocks.
pub(super) fn clear_away(cells: &Path) {
    await_empty(cells);
    remove_all(cells);
}

/// Waits until nobody is in a control group or below it. The dead are in it for a moment longer.
fn await_empty(group: &Path) {
    let deadline = Instant::now() + EMPTY;
    let Ok(mut events) = fs::File::open(group.join("cgroup.events")) else { return };
    loop {
        let mut told = String::new();
        let read = events.rewind().and_then(|()| events.read_to_string(&mut told));
        let left = deadline.saturating_duration_since(Instant::now());
        if read.is_err() || !told.contains("populated 1") || left.is_zero() {
            return;
        }
        // Its content changed: that is how this file tells (cgroups(7), cgroup.events).
        let mut changes = [PollFd::new(&events, PollFlags::PRI)];
        let _ = poll(&mut changes, Timespec::try_from(left).ok().as_ref());
    }
}

/// Removes the cells of a run, those with processes in them excepted.
fn remove_all(cells: &Path) {
    for cell in fs::read_dir(cells).into_iter().flatten().flatten() {
        let _ = fs::remove_dir(cell.path()); // its files are the kernel's, and are refused
    }
    let _ = fs::remove_dir(cells);
}

/// The control group of one child.
#[derive(Debug)]
pub(super) struct Cell(PathBuf);

impl Cell {
    /// Puts a process in, and with it all that it will start.
    pub(super) fn take_in(&self, pid: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string())
    }

    /// Ends everyone in it at once.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1"); // one that is gone has nobody in it
    }

    /// Removes it if nobody is in it, and where it is if it was the last. Otherwise that is left to the
    /// end of the run.
    pub(super) fn remove(&self) {
        let _ = fs::remove_dir(&self.0);
        if let Some(cells) = self.0.parent() {
            let _ = fs::remove_dir(cells); // made again for the next one
        }
    }
}

/// The directory of our own control group.
fn own() -> Option<PathBuf> {
    let cgroup = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    place(&cgroup, &mounts)
}

/// The same, from what the system says (cgroups(7), proc_pid_mountinfo(5)).
fn place(cgroup: &str, mounts: &str) -> Option<PathBuf> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        if filesystem.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some(Path::new(point).join(below))
    })
}

/// Whether making groups below this one is nobody else's business: in a unit of systemd it is only
/// if the unit says `Delegate=yes`, of which it leaves a note.
fn is_handed_over(own: &Path) -> bool {
    let is_unit = own
        .extension()
        .is_some_and(|kind| ["service", "scope", "slice"].iter().any(|unit| kind == *unit));
    let noted = |name: &str| {
        let mut value = [0; 8];
        rustix::fs::getxattr(own, name, &mut value[..]).is_ok_and(|length| value[..length] == *b"1")
    };
    !is_unit || noted("user.delegate") || noted("trusted.delegate")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 0:20 / /sys rw - sysfs sysfs rw\n\
        30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

    #[track_caller]
    fn check(cgroup: &str, mounts: &str, expected: Option<&str>) {
        assert_eq!(place(cgroup, mounts).as_deref(), expected.map(Path::new));
    }

    #[test]
    fn our_own_group_is_found_below_its_mount() {
        let group = "0::/system.slice/conductor.service\n";
        check(group, MOUNTS, Some("/sys/fs/cgroup/system.slice/conductor.service"));
        check("8:pids:/\n0::/\n", MOUNTS, Some("/sys/fs/cgroup"));
        let inner = "40 1 0:26 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        check("0::/box/a\n", inner, Some("/sys/fs/cgroup/a"));
    }

    #[test]
    fn without_version_2_or_outside_of_the_mount_there_is_none() {
        check("8:pids:/\n", MOUNTS, None);
        check("0::/a\n", "22 1 0:20 / /sys rw - sysfs sysfs rw\n", None);
        let inner = "40 1 0:26 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        check("0::/../a\n", inner, None);
    }

    #[test]
    fn a_unit_without_delegation_is_left_alone() {
        assert!(!is_handed_over(Path::new("/nowhere/conductor.service")));
        assert!(!is_handed_over(Path::new("/nowhere/session-1.scope")));
        assert!(is_handed_over(Path::new("/sys/fs/cgroup")));
    }
}
