//! This file tells which children of this process were not started by it: orphans of its children,
//! which become its own where it adopts.
//!
//! It leaves to others whether they are ended or only reaped.

use std::io;

use super::census::{all, children};
use super::roll::Roll;

/// Looks in a row that have to find nobody: in one alone, one may be passed over while others are
/// reaped.
const CLEAN: usize = 2;

/// Children that nobody awaits. `None` while children are being started, for nobody can tell then
/// whose the others are.
pub(super) fn strangers(roll: &Roll) -> io::Result<Option<Vec<u32>>> {
    let me = std::process::id();
    // The kernel tells children quickly, or not at all.
    let children = children(me).or_else(|_| {
        let seen = all()?;
        Ok::<_, io::Error>(
            seen.iter().filter(|seen| seen.parent == me).map(|seen| seen.pid).collect(),
        )
    })?;
    // Looked at after the census: whoever was seen there is written down by now, or being so.
    let entries = roll.current();
    let strangers: Vec<u32> =
        children.into_iter().filter(|child| !entries.awaits(*child)).collect();
    Ok((strangers.is_empty() || !entries.is_forking()).then_some(strangers))
}

/// Whether it is certain that a child that has ended has left nothing. What it started became our
/// child with its end, so that where there is no stranger, nothing is below one either.
pub(super) fn is_nothing_left(roll: &Roll) -> bool {
    let is_clean = || matches!(strangers(roll), Ok(Some(strangers)) if strangers.is_empty());
    roll.current().adopts && (0..CLEAN).all(|_| is_clean())
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_child_is_a_stranger_until_it_is_written_down() {
        let roll = Roll::default();
        #[expect(clippy::disallowed_methods, reason = "a child that nobody starts as one of ours")]
        let child = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
        let pid = child.id().unwrap();
        let is_stranger = || strangers(&roll).unwrap().map(|all| all.contains(&pid));
        assert_eq!(is_stranger(), Some(true));
        let entered = roll.fork(
            || {
                assert_eq!(is_stranger(), None, "it may be the one that is being started");
                Ok(pid)
            },
            |entries, pid| entries.groups.extend([(*pid, 0)]),
        );
        assert_eq!((entered.unwrap(), is_stranger()), (pid, Some(false)));
    }

    #[tokio::test]
    async fn nothing_is_certain_where_orphans_go_to_another() {
        let roll = Roll::default();
        assert!(!is_nothing_left(&roll));
    }
}
