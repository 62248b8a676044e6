//! This file reads what the system says of processes, in `/proc`.
//!
//! It signals nobody, and leaves what follows from what it saw to others.

/// Whether a process other than its leader is in group `id`.
pub(super) async fn has_others(id: u32) -> bool {
    let look = move || {
        let Ok(processes) = std::fs::read_dir("/proc") else { return true };
        processes.flatten().any(|entry| {
            let other = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            other.is_some_and(|other| other != id && group_of(other) == Some(id))
        })
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(true)
}

/// The group of a process, unless it is dead and merely not reaped by its parent.
pub(super) fn group_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses and may itself hold any character.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let group = fields.nth(1)?.parse().ok()?;
    (!is_dead).then_some(group)
}
