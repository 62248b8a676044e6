//! This file shuts the process off before it knows a secret: no core file, no look into its memory or
//! environment by other processes of its user, and nothing made for other users by accident.
//!
//! It leaves the limits of servers to `conductor-actors`, and the modes of sockets to `socket`.

use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};

/// What new files are not for: anybody but this user.
const OTHERS: u32 = 0o077;

/// Shuts this process off, and what it starts as far as that is inherited. To be called before
/// there is a second thread. What the system refuses stays as it is: nothing here is needed to run.
pub(crate) fn shut_off() {
    // Servers run as the same user; without this they could read the daemon's environment.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    // The most that may be asked for stays: `limits.coreFile` of a server is within it.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    let before = umask(Mode::from_raw_mode(OTHERS));
    umask(before | Mode::from_raw_mode(OTHERS));
}
