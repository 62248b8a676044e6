//! This file limits what a child may take of the machine.
//!
//! The limits are set just after the start, since nothing of ours runs between fork and exec; what
//! a program does in its first moments is not under them.

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tracing::debug;

use super::group::pid;

/// Files that a child may have open, unless it raises that itself.
const FILES: u64 = 1024;

/// No core files (they hold secrets), and the number of open files that programs expect rather
/// than ours, which may be large.
pub(super) fn limit(child: u32) {
    let files = getrlimit(Resource::Nofile);
    let soft = files.maximum.map_or(FILES, |maximum| maximum.min(FILES));
    let limits = [
        (Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }),
        (Resource::Nofile, Rlimit { current: Some(soft), maximum: files.maximum }),
    ];
    for (resource, limit) in limits {
        if let Err(error) = prlimit(pid(child), resource, limit) {
            // A program that changed its user is not ours to limit; one that has ended needs none.
            debug!(pid = child, ?resource, %error, "limit not set");
        }
    }
}
