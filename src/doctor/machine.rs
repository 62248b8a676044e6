//! This file judges what the system gives: state directory, address to listen on, open files,
//! kernel.
//!
//! Pure: all of it was looked at before.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::findings::{Area, Check};

/// Descriptors of a server: three pipes, and one that tells of its end.
const PER_SERVER: u64 = 4;
/// Descriptors of the daemon itself.
const OWN: u64 = 64;
/// Since this one a process can be awaited without mistaking it for another.
const KERNEL: (u32, u32) = (5, 4);
/// The store needs room to write what must not be forgotten.
const FREE_MIN: u64 = 64 * 1024 * 1024;
/// File systems on which locks and the store's journal are not to be relied on.
const ELSEWHERE: [(u64, &str); 8] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x6573_5546, "FUSE"),
];

/// What was found out about the machine.
#[derive(Debug, Clone)]
pub(crate) struct MachineFacts {
    pub(crate) state: Option<StateFacts>,
    pub(crate) listen: Option<ListenFacts>,
    /// Open files that a process of this user may have; none if there is no limit.
    pub(crate) files: Option<u64>,
    /// Enabled servers.
    pub(crate) servers: u64,
    /// Open connections that the settings allow.
    pub(crate) connections: u64,
    /// What the kernel calls its version.
    pub(crate) kernel: String,
    /// Whether `/proc` shows processes.
    pub(crate) has_proc: bool,
}

/// What was found out about the state directory.
#[derive(Debug, Clone)]
pub(crate) struct StateFacts {
    pub(crate) path: PathBuf,
    pub(crate) found: StateFound,
    /// Type of the file system it is on, as the kernel numbers them.
    pub(crate) file_system: u64,
    /// Bytes that this user may still write there.
    pub(crate) free: u64,
    /// The user of this process.
    pub(crate) me: u32,
}

/// What is at the path of the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateFound {
    /// Nothing yet; whether it can be made.
    Nothing { can_be_made: bool },
    /// A link, or no directory.
    Other,
    /// A directory.
    Dir { owner: u32, mode: u32, is_empty: bool, writable: bool },
}

/// What was found out about the address of the HTTP door.
#[derive(Debug, Clone)]
pub(crate) struct ListenFacts {
    pub(crate) address: SocketAddr,
    /// Why it cannot be had; none if it is free.
    pub(crate) refused: Option<String>,
    /// Whether the running daemon of this state directory has it.
    pub(crate) is_ours: bool,
}

/// What is to be said about the machine.
pub(crate) fn machine(facts: &MachineFacts) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(facts.state.as_ref().map(state));
    checks.extend(facts.state.as_ref().and_then(place));
    checks.extend(facts.listen.as_ref().map(listen));
    checks.push(files(facts));
    checks.push(kernel(facts));
    checks
}

fn about(subject: &str, message: String) -> Check {
    Check::ok(Area::Machine, subject, message)
}

fn state(facts: &StateFacts) -> Check {
    const WHAT: &str = "state directory";
    let path = facts.path.display();
    match facts.found {
        StateFound::Nothing { can_be_made: true } => {
            about(WHAT, format!("{path} will be made with the first start"))
        }
        StateFound::Nothing { can_be_made: false } => {
            about(WHAT, format!("{path} is not there and cannot be made"))
                .fails("make it with mode 0700 for this user, or set `state.dir`")
        }
        StateFound::Other => about(WHAT, format!("{path} is a link, or no directory"))
            .fails("name the directory itself in `state.dir`"),
        StateFound::Dir { owner, .. } if owner != facts.me => {
            about(WHAT, format!("{path} belongs to user {owner}, this is user {}", facts.me))
                .fails("run conductor as that user, or set another `state.dir`")
        }
        StateFound::Dir { mode, is_empty: false, .. } if mode & 0o077 != 0 => {
            about(WHAT, format!("{path} is open to others (mode {mode:04o})"))
                .fails(format!("chmod 700 {path}"))
        }
        StateFound::Dir { writable: false, .. } => {
            about(WHAT, format!("{path} may not be written to"))
                .fails("look at its mode and at how its file system is mounted")
        }
        StateFound::Dir { .. } => about(WHAT, format!("{path} is private and may be written to")),
    }
}

/// What is to be said about the file system that the state directory is on.
fn place(facts: &StateFacts) -> Option<Check> {
    let known = ELSEWHERE.iter().find(|(number, _)| *number == facts.file_system);
    if let Some((_, name)) = known {
        let message = format!("it is on {name}, where locks are not to be relied on");
        return Some(about("state directory", message).warns("set `state.dir` to a local disk"));
    }
    if facts.free < FREE_MIN {
        let message = format!("only {} MiB are free there", facts.free / (1024 * 1024));
        return Some(about("state directory", message).fails("make room on that disk"));
    }
    None
}

fn listen(facts: &ListenFacts) -> Check {
    let address = facts.address;
    let about = |message| about("address", message);
    match &facts.refused {
        _ if facts.is_ours => about(format!("{address} is where the running daemon listens")),
        None => about(format!("{address} is free")),
        Some(reason) => about(format!("{address} cannot be had: {reason}")).fails(
            "stop the program that has it (`ss -ltnp` tells), or set `listen.http` to another",
        ),
    }
}

fn files(facts: &MachineFacts) -> Check {
    let about = |message| about("open files", message);
    let Some(limit) = facts.files else { return about("no limit".to_owned()) };
    let least = facts.servers * PER_SERVER + OWN;
    let most = least + facts.connections;
    let cure = format!("raise the limit to {most} (`ulimit -n`, LimitNOFILE= under systemd)");
    if limit < least {
        let message = format!("{limit} allowed, and the servers alone need {least}");
        return about(message).fails(cure);
    }
    if limit < most {
        let message = format!("{limit} allowed, and with every connection open {most} are needed");
        return about(message).warns(format!("{cure}, or lower `listen.maxConnections`"));
    }
    about(format!("{limit} allowed, {most} needed at most"))
}

fn kernel(facts: &MachineFacts) -> Check {
    let about = |message| about("kernel", message);
    if !facts.has_proc {
        return about("/proc shows no processes, so what servers leave cannot be found".to_owned())
            .fails("mount /proc");
    }
    match version(&facts.kernel) {
        Some(version) if version >= KERNEL => about(format!("Linux {}", facts.kernel)),
        Some(_) => about(format!("Linux {} lacks a way to await processes", facts.kernel))
            .fails(format!("use Linux {}.{} or newer", KERNEL.0, KERNEL.1)),
        None => about(format!("{:?} is no known version", facts.kernel))
            .warns(format!("use Linux {}.{} or newer", KERNEL.0, KERNEL.1)),
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::findings::Level;
    use super::*;

    fn fine() -> MachineFacts {
        MachineFacts {
            state: Some(StateFacts {
                path: "/s".into(),
                found: StateFound::Dir { owner: 7, mode: 0o700, is_empty: false, writable: true },
                file_system: 0xef53,
                free: 1 << 40,
                me: 7,
            }),
            listen: Some(ListenFacts {
                address: ([127, 0, 0, 1], 8722).into(),
                refused: None,
                is_ours: false,
            }),
            files: Some(4096),
            servers: 3,
            connections: 1024,
            kernel: "6.1.0-18-amd64".to_owned(),
            has_proc: true,
        }
    }

    /// The worst of all checks, which says `words`.
    #[track_caller]
    fn check(change: impl FnOnce(&mut MachineFacts), level: Level, words: &str) {
        let mut facts = fine();
        change(&mut facts);
        let checks = machine(&facts);
        let worst = checks.iter().map(|check| check.level).max();
        assert_eq!(worst, Some(level), "{checks:?}");
        let told = |check: &Check| {
            let cure = check.cure.clone().unwrap_or_default();
            check.level == level
                && format!("{}: {} {cure}", check.subject, check.message).contains(words)
        };
        assert!(checks.iter().any(told), "{words}: {checks:?}");
    }

    #[track_caller]
    fn check_state(change: impl FnOnce(&mut StateFacts), level: Level, words: &str) {
        check(|facts| facts.state.iter_mut().for_each(change_once(change)), level, words);
    }

    fn change_once(change: impl FnOnce(&mut StateFacts)) -> impl FnMut(&mut StateFacts) {
        let mut change = Some(change);
        move |facts| {
            if let Some(change) = change.take() {
                change(facts);
            }
        }
    }

    #[test]
    fn a_state_directory_is_private_and_writable_or_a_problem() {
        let dir =
            |owner, mode, is_empty, writable| StateFound::Dir { owner, mode, is_empty, writable };
        let cases = [
            (dir(7, 0o700, false, true), Level::Ok, "is private"),
            (dir(7, 0o755, true, true), Level::Ok, "is private"),
            (dir(7, 0o755, false, true), Level::Problem, "chmod 700 /s"),
            (dir(8, 0o700, false, true), Level::Problem, "belongs to user 8"),
            (dir(7, 0o700, false, false), Level::Problem, "may not be written"),
            (StateFound::Other, Level::Problem, "no directory"),
            (StateFound::Nothing { can_be_made: true }, Level::Ok, "will be made"),
            (StateFound::Nothing { can_be_made: false }, Level::Problem, "cannot be made"),
        ];
        for (found, level, words) in cases {
            check_state(|facts| facts.found = found, level, words);
        }
        check_state(|facts| facts.file_system = 0x6969, Level::Warning, "on NFS");
        check_state(|facts| facts.free = 1 << 20, Level::Problem, "only 1 MiB");
    }

    #[test]
    fn an_address_is_free_or_ours_or_a_problem() {
        let refused = |is_ours| {
            move |facts: &mut MachineFacts| {
                let address = ([127, 0, 0, 1], 8722).into();
                let refused = Some("in use".to_owned());
                facts.listen = Some(ListenFacts { address, refused, is_ours });
            }
        };
        check(|_| {}, Level::Ok, "127.0.0.1:8722 is free");
        check(refused(false), Level::Problem, "cannot be had: in use");
        check(refused(true), Level::Ok, "running daemon listens");
    }

    #[test]
    fn open_files_have_to_do_for_servers_and_connections() {
        check(|facts| facts.files = None, Level::Ok, "no limit");
        check(|facts| facts.files = Some(1100), Level::Ok, "1100 allowed, 1100 needed");
        check(|facts| facts.files = Some(1024), Level::Warning, "listen.maxConnections");
        check(|facts| facts.files = Some(75), Level::Problem, "the servers alone need 76");
    }

    #[test]
    fn a_kernel_has_to_be_able_to_await_processes() {
        check(|facts| facts.kernel = "5.4".to_owned(), Level::Ok, "Linux 5.4");
        check(|facts| facts.kernel = "4.19.0".to_owned(), Level::Problem, "5.4 or newer");
        check(|facts| facts.kernel = "?".to_owned(), Level::Warning, "no known version");
        check(|facts| facts.has_proc = false, Level::Problem, "mount /proc");
    }
}
