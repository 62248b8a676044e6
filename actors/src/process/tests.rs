//! This file tests how children are started and how they end, and has what the other tests of this
//! folder share.
//!
//! What becomes of them when the daemon is killed is in `tests_guard`.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use conductor_config::{Limits, StdioSpec};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::census::{self, Seen};
use super::child::Exit;
use super::nursery::Nursery;
use super::spawn::SpawnError;

pub(super) fn shell(script: &str) -> StdioSpec {
    StdioSpec {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        env: BTreeMap::new(),
        cwd: None,
    }
}

/// A nursery without a guard, as in a process that is not the daemon's alone.
pub(super) async fn nursery() -> (Nursery, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut environment: BTreeMap<String, String> = std::env::vars().collect();
    environment.insert("SECRET_OF_THE_DAEMON".to_owned(), "x".to_owned());
    (Nursery::open_with(dir.path(), environment, None, false).await.unwrap(), dir)
}

/// A process that lives.
pub(super) fn alive(pid: u32) -> Option<Seen> {
    census::look(pid).filter(|seen| !seen.is_dead)
}

/// Waits until `is_so`, for `limit` at most; says how long it took.
pub(super) async fn until<F: Future<Output = bool>>(
    limit: Duration,
    mut is_so: impl FnMut() -> F,
) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if is_so().await {
            return Some(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}

/// Runs `script` and returns what it wrote when nobody could write any more.
async fn output(script: &str) -> String {
    let (nursery, _dir) = nursery().await;
    let (mut process, mut pipes) = nursery.spawn(&shell(script), &Limits::default()).unwrap();
    let mut text = String::new();
    let all = pipes.stdout.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("nobody writes").unwrap();
    process.gone.wait_for(|gone| *gone).await.unwrap();
    text
}

/// `script` starts something, writes its number, and ends.
#[track_caller]
fn check_gone(text: &str) {
    let started: u32 = text.trim().parse().unwrap();
    assert_eq!(alive(started), None);
}

#[tokio::test]
async fn exit_code_and_signal_are_told_apart() {
    let (nursery, _dir) = nursery().await;
    for (script, expected) in [("exit 7", Exit::Code(7)), ("kill -9 $$", Exit::Signal(9))] {
        let (mut process, _pipes) = nursery.spawn(&shell(script), &Limits::default()).unwrap();
        let exit = *process.exit.wait_for(Option::is_some).await.unwrap();
        assert_eq!(exit, Some(expected));
        process.gone.wait_for(|gone| *gone).await.unwrap();
    }
}

#[tokio::test]
async fn a_grandchild_does_not_outlive_its_parent() {
    check_gone(&output("(trap '' TERM; exec sleep 1000) & echo $!; exit 0").await);
}

#[tokio::test]
async fn nor_does_one_in_a_session_of_its_own() {
    check_gone(
        &output("setsid sh -c \"trap '' TERM; echo \\$\\$; exec sleep 1000\" & sleep 0.2").await,
    );
}

#[tokio::test]
async fn nor_does_what_such_a_one_started_with_an_empty_environment() {
    let inner = "setsid env -i sh -c \"echo \\$\\$; exec sleep 1000\" & sleep 1000";
    check_gone(&output(&format!("setsid sh -c '{inner}' & sleep 0.2")).await);
}

/// Whether children have control groups of their own here; says so if not.
pub(super) async fn has_cells(nursery: &Nursery) -> bool {
    let (mut process, _pipes) = nursery.spawn(&shell("exit"), &Limits::default()).unwrap();
    process.gone.wait_for(|gone| *gone).await.unwrap();
    let has = nursery.cells().is_some();
    if !has {
        println!("SKIPPED: no control group of version 2 that is ours to divide");
    }
    has
}

/// Starts one that has taken off everything: environment, session, parents. What is started in the
/// first moment may be there before its parent is in a group.
const STRANGER: &str = "sleep 0.5; (env -i setsid sh -c 'echo $$; exec sleep 1000' &)";

#[tokio::test]
async fn nor_does_one_that_has_taken_off_everything_where_there_are_control_groups() {
    if has_cells(&nursery().await.0).await {
        check_gone(&output(&format!("{STRANGER}; sleep 0.2")).await);
    }
}

#[tokio::test]
async fn nothing_is_left_of_the_control_groups() {
    let (nursery, _dir) = nursery().await;
    if !has_cells(&nursery).await {
        return;
    }
    let place = nursery.cells().unwrap();
    let (mut process, _pipes) =
        nursery.spawn(&shell("exec sleep 1000"), &Limits::default()).unwrap();
    assert!(std::fs::read_dir(&place).unwrap().flatten().any(|cell| cell.path().is_dir()));
    process.kill();
    process.gone.wait_for(|gone| *gone).await.unwrap();
    assert!(!place.exists(), "that was the last one");
}

#[tokio::test]
async fn dropping_the_process_kills_the_group() {
    let (nursery, _dir) = nursery().await;
    let (process, _pipes) =
        nursery.spawn(&shell("trap '' TERM; sleep 1000"), &Limits::default()).unwrap();
    let (mut exit, mut gone) = (process.exit.clone(), process.gone.clone());
    drop(process);
    assert_eq!(*exit.wait_for(Option::is_some).await.unwrap(), Some(Exit::Signal(9)));
    gone.wait_for(|gone| *gone).await.unwrap();
}

#[tokio::test]
async fn a_death_is_seen_at_once_even_if_others_hold_the_pipes() {
    let (nursery, _dir) = nursery().await;
    let script = "(trap '' TERM; exec sleep 1000) & echo ready; wait";
    let (mut process, mut pipes) = nursery.spawn(&shell(script), &Limits::default()).unwrap();
    let mut ready = [0; 6];
    pipes.stdout.read_exact(&mut ready).await.unwrap();
    let begun = Instant::now();
    let leader = super::group::pid(process.pid).unwrap();
    rustix::process::kill_process(leader, rustix::process::Signal::KILL).unwrap();
    process.exit.wait_for(Option::is_some).await.unwrap();
    let seen = begun.elapsed();
    pipes.stdout.read_to_end(&mut Vec::new()).await.unwrap();
    process.gone.wait_for(|gone| *gone).await.unwrap();
    println!("seen after {seen:?}, gone after {:?}", begun.elapsed());
    assert!(seen < Duration::from_millis(100), "{seen:?}");
}

#[tokio::test]
async fn spawn_errors_say_what_is_wrong() {
    let (nursery, _dir) = nursery().await;
    let mut missing = shell("true");
    missing.program = "no-such-program-anywhere".to_owned();
    assert!(matches!(nursery.spawn(&missing, &Limits::default()), Err(SpawnError::NotFound(_))));
    let file = tempfile::NamedTempFile::new().unwrap();
    missing.program = file.path().display().to_string();
    assert!(matches!(nursery.spawn(&missing, &Limits::default()), Err(SpawnError::Denied(_))));
    let mut nowhere = shell("true");
    nowhere.cwd = Some(PathBuf::from("/no/such/place"));
    assert!(matches!(nursery.spawn(&nowhere, &Limits::default()), Err(SpawnError::Directory(_))));
}

#[tokio::test]
async fn the_environment_is_the_short_list_the_entry_and_the_mark() {
    let text = output("env").await;
    let names = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    // The shell sets the last three itself.
    let known = "PATH HOME LANG LC_ALL TZ TMPDIR USER LOGNAME SHELL XDG_RUNTIME_DIR CONDUCTOR_RUN \
                 PWD OLDPWD SHLVL _";
    let unknown: Vec<&str> =
        names.filter(|name| !known.split(' ').any(|known| known == *name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(text.contains("\nPATH=") || text.starts_with("PATH="), "{text}");
    assert!(text.contains("CONDUCTOR_RUN="), "{text}");
}

#[tokio::test]
async fn an_entry_cannot_take_off_the_mark() {
    let (nursery, _dir) = nursery().await;
    let mut spec = shell("echo $CONDUCTOR_RUN");
    spec.env.insert("CONDUCTOR_RUN".to_owned(), conductor_config::Secret::new("mine".to_owned()));
    let (_process, mut pipes) = nursery.spawn(&spec, &Limits::default()).unwrap();
    let mut text = String::new();
    pipes.stdout.read_to_string(&mut text).await.unwrap();
    assert_eq!(text.trim().len(), 34, "{text}");
}

#[tokio::test]
async fn a_child_has_three_files_open_and_nobody_elses_pipe() {
    let (nursery, _dir) = nursery().await;
    let _open = tempfile::tempfile().unwrap();
    let mut children = Vec::new();
    for _ in 0..3 {
        children.push(nursery.spawn(&shell("echo; exec sleep 1000"), &Limits::default()).unwrap());
    }
    let mut pipes_seen = Vec::new();
    for (process, pipes) in &mut children {
        pipes.stdout.read_exact(&mut [0]).await.unwrap();
        // The shell has had its own files, and a program opens its libraries before it begins.
        let folder = format!("/proc/{}/fd", process.pid);
        let open = || std::fs::read_dir(&folder).unwrap().flatten().map(|fd| fd.file_name());
        let numbers = || open().collect::<std::collections::BTreeSet<_>>();
        let only = || async { numbers() == ["0", "1", "2"].map(Into::into).into() };
        until(Duration::from_secs(5), only).await.unwrap_or_else(|| panic!("{:?}", numbers()));
        let pipe = |number| std::fs::read_link(format!("{folder}/{number}")).unwrap();
        pipes_seen.extend((0..3).map(pipe));
    }
    pipes_seen.sort();
    pipes_seen.dedup();
    assert_eq!(pipes_seen.len(), 9, "{pipes_seen:?}");
}

#[tokio::test]
async fn a_child_writes_no_core_and_has_a_thousand_files() {
    let text = output("sleep 0.2; ulimit -c; ulimit -Sn").await;
    let limits: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(limits[0], 0);
    assert!(limits[1] <= 1024, "{limits:?}");
}

#[tokio::test]
async fn what_a_child_starts_in_its_first_moment_is_under_its_limits() {
    let limits = Limits { open_files: Some(77), ..Limits::default() };
    let (nursery, _dir) = nursery().await;
    let script = "sh -c 'sleep 2; ulimit -n' & sh -c 'sleep 2; ulimit -Hn' & wait";
    let children: Vec<_> =
        (0..20).map(|_| nursery.spawn(&shell(script), &limits).unwrap()).collect();
    for (_process, mut pipes) in children {
        let mut text = String::new();
        pipes.stdout.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "77\n77\n");
    }
}

#[tokio::test]
async fn what_children_use_is_counted_with_all_that_they_started() {
    let (nursery, _dir) = nursery().await;
    // The busy one ends by itself, should this test fail: it has left the group.
    let script = "setsid timeout 60 sh -c 'while :; do :; done' & sleep 1000";
    let (mut process, _pipes) = nursery.spawn(&shell(script), &Limits::default()).unwrap();
    let counted = until(Duration::from_secs(30), || async {
        let usages = nursery.usages();
        let Some(usage) = usages.get(&process.pid) else { return false };
        usage.processes == 4 && usage.memory > 1 << 20 && usage.cpu > 0.05 && usage.cpu < 1.2
    });
    assert!(counted.await.is_some(), "{:?}", nursery.usages());
    process.kill();
    process.gone.wait_for(|gone| *gone).await.unwrap();
}
